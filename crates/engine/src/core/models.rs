//! Every interleaving of the wake-up and credit code, explored by loom: `scripts/loom`.

use super::{
    FlowCell, Slot, WakeCell,
    credit::Credit,
    slot::{Acked, Outcome},
};
use crate::sync::{Mutex, lock};
use loom::{
    future::block_on,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};
use std::{future::poll_fn, task::Poll};

#[test]
fn a_change_before_or_after_the_check_wakes_whoever_registered_first() {
    loom::model(|| {
        let shared = Arc::new((WakeCell::default(), AtomicBool::new(false)));
        let other = Arc::clone(&shared);
        let changer = thread::spawn(move || {
            other.1.store(true, Ordering::Release);
            other.0.wake();
        });
        // A lost wake-up leaves this future pending for ever, which loom reports as a deadlock.
        block_on(poll_fn(|cx| {
            shared.0.register(cx.waker());
            if shared.1.load(Ordering::Acquire) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        changer.join().unwrap();
    });
}

#[test]
fn two_futures_on_one_slot_both_hear_of_its_outcome() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        let waiters: Vec<_> = (0..2)
            .map(|index| {
                let slot = Arc::clone(&slot);
                thread::spawn(move || {
                    let mut key = None;
                    block_on(poll_fn(|cx| {
                        slot.register(cx.waker(), &mut key);
                        match slot.outcome_of(index) {
                            Some(outcome) => Poll::Ready(outcome),
                            None => Poll::Pending,
                        }
                    }))
                })
            })
            .collect();
        slot.settle(Outcome::Acked(Acked {
            partition: 3,
            base_offset: Some(40),
            log_append_time: None,
        }));
        slot.wake();
        for (index, waiter) in waiters.into_iter().enumerate() {
            assert_eq!(
                waiter.join().unwrap().unwrap().offset,
                Some(40 + index as i64)
            );
        }
    });
}

#[test]
fn a_future_that_leaves_does_not_take_the_other_ones_wake_up_along() {
    loom::model(|| {
        let slot = Arc::new(Slot::default());
        let leaver = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let mut key = None;
                block_on(poll_fn(|cx| {
                    slot.register(cx.waker(), &mut key);
                    Poll::Ready(())
                }));
                slot.forget(key.unwrap());
            })
        };
        let settler = {
            let slot = Arc::clone(&slot);
            thread::spawn(move || {
                let acked = Acked {
                    partition: 0,
                    base_offset: None,
                    log_append_time: None,
                };
                slot.settle(Outcome::Acked(acked));
                slot.wake();
            })
        };
        let mut key = None;
        block_on(poll_fn(|cx| {
            slot.register(cx.waker(), &mut key);
            if slot.is_done(0) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        }));
        leaver.join().unwrap();
        settler.join().unwrap();
    });
}

/// The protocol of `Appender::poll_append`: ask, register, ask again.
fn take(credit: &Mutex<Credit>, cell: &FlowCell, flow: u64, bytes: usize) {
    block_on(poll_fn(|cx| {
        if lock(credit).take(flow, bytes) {
            return Poll::Ready(());
        }
        cell.waker.register(cx.waker());
        if lock(credit).take(flow, bytes) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
}

/// Gives credit back and wakes those it was granted to, after the lock is released.
fn free(credit: &Mutex<Credit>, cells: &[Arc<FlowCell>], bytes: usize) {
    let mut woken = Vec::new();
    {
        let mut credit = lock(credit);
        credit.free(bytes);
        credit.grant(|flow| woken.push(flow));
    }
    for flow in woken {
        if let Some(cell) = cells.get(flow as usize - 1) {
            cell.wake();
        }
    }
}

#[test]
fn flows_that_wait_for_room_all_get_it_as_it_is_freed() {
    loom::model(|| {
        let credit = Arc::new(Mutex::new(Credit::new(10)));
        assert!(lock(&credit).take(9, 10));
        let cells: Vec<_> = (0..2).map(|_| Arc::new(FlowCell::default())).collect();
        let other = {
            let (credit, cells) = (Arc::clone(&credit), cells.clone());
            thread::spawn(move || {
                take(&credit, &cells[1], 2, 10);
                free(&credit, &cells, 10);
            })
        };
        let settler = {
            let (credit, cells) = (Arc::clone(&credit), cells.clone());
            thread::spawn(move || free(&credit, &cells, 10))
        };
        take(&credit, &cells[0], 1, 10);
        free(&credit, &cells, 10);
        other.join().unwrap();
        settler.join().unwrap();
        assert_eq!(lock(&credit).available(), 10);
    });
}

#[test]
fn the_grant_of_a_flow_that_is_dropped_reaches_the_next() {
    loom::model(|| {
        let credit = Arc::new(Mutex::new(Credit::new(10)));
        assert!(lock(&credit).take(9, 10));
        assert!(!lock(&credit).take(1, 10), "flow 1 waits first");
        let cells: Vec<_> = (0..2).map(|_| Arc::new(FlowCell::default())).collect();
        let dropper = {
            let (credit, cells) = (Arc::clone(&credit), cells.clone());
            thread::spawn(move || {
                lock(&credit).withdraw(1);
                free(&credit, &cells, 0);
            })
        };
        let settler = {
            let (credit, cells) = (Arc::clone(&credit), cells.clone());
            thread::spawn(move || free(&credit, &cells, 10))
        };
        take(&credit, &cells[1], 2, 10);
        dropper.join().unwrap();
        settler.join().unwrap();
    });
}
