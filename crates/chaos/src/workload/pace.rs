//! When the next record is due, and when to stop.

use futures_core::Stream;
use futures_util::stream;
use std::{pin::Pin, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval_at},
};

/// Tells writers to stop; dropping the sender stops them, too.
#[derive(Clone, Debug)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// A signal that is given by sending `true`.
    #[must_use]
    pub fn new() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether it was given.
    #[must_use]
    pub fn is_given(&self) -> bool {
        *self.0.borrow() || self.0.has_changed().is_err()
    }

    async fn given(&mut self) {
        // An error says that the sender is gone, which means the same.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// One item for each record that is due.
pub type Pace = Pin<Box<dyn Stream<Item = ()> + Send>>;

/// Ticks a second.
const TICKS: u32 = 100;

/// So many records a second, without catching up after a wait; 0 is one after another. With `quiet`
/// it works for the first time and rests for the second, over and over.
#[must_use]
pub fn pace(rate: u32, quiet: Option<(Duration, Duration)>, stop: Stop) -> Pace {
    if rate == 0 {
        return Box::pin(stream::unfold(stop, |stop| async move {
            (!stop.is_given()).then_some(((), stop))
        }));
    }
    let period = Duration::from_secs(1) / TICKS;
    let began = Instant::now();
    let mut ticks = interval_at(began, period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let rests = move |at: Instant| {
        quiet.is_some_and(|(work, rest)| {
            let into = (at - began).as_nanos() % (work + rest).as_nanos().max(1);
            into >= work.as_nanos()
        })
    };
    // In hundredths of a record.
    let state = (ticks, 0_u32, stop);
    Box::pin(stream::unfold(
        state,
        move |(mut ticks, mut due, mut stop)| async move {
            while due < TICKS {
                tokio::select! {
                    () = stop.given() => return None,
                    at = ticks.tick() => if !rests(at) { due += rate },
                }
            }
            (!stop.is_given()).then_some(((), (ticks, due - TICKS, stop)))
        },
    ))
}
