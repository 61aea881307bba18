//! How a run ends: calm, flushes, the producer's end, and the judgement.

use super::{
    check::{Log, Promise, check},
    coverage::Event,
    history::{Id, Told},
    plan::{End, MS, Micros},
    tasks::Flow,
    world::{Do, World},
};
use guanaco_engine::{Acks, Cause, CloseReport, DeliveryError, Written};

/// How a run is going to end, and how far it is.
#[derive(Debug, Default)]
pub(super) struct Ending {
    pub no_identity_until: Micros,
    pub no_metadata_until: Micros,
    /// From then on every record has to be acknowledged; 0: not yet known.
    pub calm_from: Micros,
    /// When a topic's id was last changed.
    topic_since: Vec<Micros>,
    pub sends_over: bool,
    /// Producer ids that were given.
    pub producer_ids: u32,
    /// A new leader lacked what the old one had.
    pub truncated: bool,
    /// Nobody sends anything until then.
    pub paused_until: Micros,
    deadline: Micros,
    closed_at: Micros,
    /// The producer is to end in the middle of its work.
    is_early: bool,
    stage: Stage,
    flushes: Vec<Flush>,
    report: Option<CloseReport>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    #[default]
    Open,
    /// The last flush is under way.
    Flushing,
    Closing,
    Ended,
}

/// A flush under way.
#[derive(Clone, Debug)]
pub(super) struct Flush {
    number: u64,
    /// Accepted before it.
    records: Vec<Id>,
    /// It is the last one: the producer is closed after it.
    last: bool,
    called: Micros,
    settled: Micros,
}

impl Ending {
    /// Whether a topic has been what it is for long enough.
    pub(super) fn is_known(&self, topic: usize, now: Micros) -> bool {
        self.topic_since
            .get(topic)
            .is_some_and(|since| *since > 0 && since + 3_000 * MS <= now)
    }
}

impl World {
    pub(super) fn is_calm(&self) -> bool {
        self.ending.calm_from > 0
            && self.now >= self.ending.calm_from
            && self.ending.stage == Stage::Open
            && !self.ending.is_early
            // A record from before the calm may yet fail, and take the others with it.
            && !self.plan.fail_fast
    }

    /// Goes on with the end, as far as it may.
    pub(super) fn look(&mut self) {
        if self.ending.calm_from == 0 {
            self.settle_down();
        }
        if self.plan.end != End::Idle
            && self.ending.stage == Stage::Open
            && (self.coverage.batches >= self.plan.batches || self.now >= self.ending.deadline)
        {
            self.end_early();
        }
        if self.plan.fail_fast && self.core.is_abandoned() && self.plan.end != End::Abandon {
            self.coverage.see(Event::FailedFast);
        }
        let quiet = self.flows.iter().all(|flow| flow.is_done());
        let calls_over = self.plan.sends == 0 || self.ending.sends_over;
        let late = self.now >= self.ending.deadline;
        match self.ending.stage {
            // Nobody hurries a plain send: it takes the last flush, where lingers are long.
            Stage::Open if (quiet && calls_over) || late => {
                if late {
                    self.see_hung();
                }
                self.ending.stage = Stage::Flushing;
                self.begin_last_flush();
            }
            Stage::Flushing if late => {
                self.flag("hung", "the last flush is not settled".into());
                self.finish(Cause::Closed);
            }
            Stage::Closing if late => {
                self.finish(Cause::Closed);
            }
            _ => {}
        }
        if self.ending.stage != Stage::Ended {
            self.after(50 * MS, Do::Look);
        }
    }

    /// All faults are over: what is sent a while from now has to be acknowledged.
    fn settle_down(&mut self) {
        let micros = |time: std::time::Duration| time.as_micros() as Micros;
        let config = &self.plan.config;
        let grace = micros(config.request_timeout) * 2
            + micros(config.connection_setup_timeout) * 4
            + 3_000 * MS;
        self.ending.calm_from = self.now + grace;
        // A long linger is never waited for.
        let delivery = micros(config.delivery_timeout.saturating_sub(config.linger));
        self.ending.deadline = self.ending.calm_from
            + 2 * delivery.min(20_000 * MS)
            + micros(config.max_block)
            + 15_000 * MS;
        self.ending.is_early = self.plan.end != End::Idle;
        self.note(|| "all is repaired".into());
        for broker in 1..=self.plan.brokers {
            let now = self.millis();
            self.cluster.restart(broker, now);
            let state = self.broker(broker);
            state.lose_reply = 0;
            state.lose_request = 0;
            state.leave_out = 0;
        }
        for topic in 0..self.names.len() {
            let known = self.cluster.partition_count(&self.names[topic]).is_some();
            self.ending
                .topic_since
                .push(if known { self.now } else { 0 });
        }
        self.refusals.clear();
    }

    fn see_hung(&mut self) {
        for (number, flow) in self.flows.iter().enumerate() {
            if !flow.is_done() {
                let line = format!("flow {number}: {}", flow.describe());
                return self.flag("hung", line);
            }
        }
    }

    fn end_early(&mut self) {
        match self.plan.end {
            End::Idle => {}
            End::Close(limit) => {
                self.note(|| "close".into());
                self.coverage.see(Event::ClosedEarly);
                self.ending.stage = Stage::Closing;
                self.ending.closed_at = self.now;
                self.ending.deadline = self.now + limit;
                self.with(|core, _| core.close());
                self.begin_last_flush();
                self.after(limit, Do::Look);
            }
            End::Abandon => {
                self.note(|| "abandon".into());
                self.coverage.see(Event::Abandoned);
                self.with(|core, now| core.abandon(now));
                self.ending.stage = Stage::Closing;
                let grace = self
                    .plan
                    .config
                    .delivery_timeout
                    .saturating_sub(self.plan.config.linger);
                self.ending.deadline = self.now + grace.as_micros() as Micros + 5_000 * MS;
                self.begin_last_flush();
            }
            End::Fatal => {
                self.note(|| "condemned".into());
                self.coverage.see(Event::Fatal);
                self.condemn();
                self.plan.end = End::Idle;
            }
        }
    }

    /// The application flushes; with several under way they may overtake one another.
    pub(super) fn begin_flush(&mut self) {
        self.flush(false);
    }

    fn begin_last_flush(&mut self) {
        self.flush(true);
    }

    fn flush(&mut self, last: bool) {
        let number = self.with(|core, _| core.flush());
        let open = self
            .history
            .records()
            .filter(|(_, record)| record.told == Told::Open);
        let records = open
            .filter(|(id, _)| self.is_accepted(*id))
            .map(|(id, _)| id)
            .collect();
        self.note(|| format!("flush {number}"));
        self.ending.flushes.push(Flush {
            number,
            records,
            last,
            called: self.now,
            settled: 0,
        });
        self.changed();
    }

    fn is_accepted(&self, id: Id) -> bool {
        self.flows.iter().all(|flow| !flow.holds_back(id))
    }

    /// Something changed that flushes wait for.
    pub(super) fn changed(&mut self) {
        let core = &self.core;
        let settled = |flush: &Flush| core.is_settled(flush.number) || core.is_dead();
        let (done, open): (Vec<_>, Vec<_>) = self.ending.flushes.drain(..).partition(settled);
        self.ending.flushes = open;
        for mut flush in done {
            flush.settled = self.now;
            self.note(|| format!("flush {} is settled", flush.number));
            // Everyone who was woken has had his turn by then.
            if flush.last {
                self.after(0, Do::Flushed(Box::new(flush)));
            } else {
                self.after(MS, Do::Flushed(Box::new(flush)));
            }
        }
    }

    pub(super) fn check_flush(&mut self, flush: &Flush) {
        if flush.last {
            self.finish(Cause::Closed);
            return self.after(
                MS,
                Do::Flushed(Box::new(Flush {
                    last: false,
                    ..flush.clone()
                })),
            );
        }
        let open: Vec<Id> = flush
            .records
            .iter()
            .copied()
            .filter(|id| {
                self.history
                    .record(*id)
                    .is_some_and(|record| record.told == Told::Open)
            })
            .filter(|id| !self.is_unheard(*id))
            .collect();
        if let Some(first) = open.first() {
            let line = format!(
                "{} records are open after flush {}, as {first}",
                open.len(),
                flush.number
            );
            self.flag("flushed-early", line);
        }
        let told = |id: &Id| self.history.record(*id).map_or(0, |record| record.told_at);
        let told = flush.records.iter().map(told).max().unwrap_or(0);
        // A batch that is flushed may take newer records along; and records that nobody hears of
        // any more are waited for as well.
        let newer = |at: Micros| at > flush.called && at <= flush.settled;
        let alone = !self.history.records().any(|(_, record)| newer(record.at));
        let seen = !self.flows.iter().any(Flow::is_dropped) && !self.sends.any_unheard();
        if alone && seen && open.is_empty() && flush.settled > told.max(flush.called) + 2 * MS {
            let late = flush.settled - told.max(flush.called);
            self.flag(
                "flushed-late",
                format!("flush {} by {late} us", flush.number),
            );
        }
    }

    /// Nobody listens for the record any more.
    fn is_unheard(&self, id: Id) -> bool {
        self.flows.iter().any(|flow| flow.was_dropped_with(id)) || self.sends.is_unheard(id)
    }

    /// Ends the producer, once.
    fn finish(&mut self, cause: Cause) {
        if self.ending.stage == Stage::Ended {
            return;
        }
        self.note(|| "end".into());
        self.coverage.micros = self.now;
        self.ending.stage = Stage::Ended;
        let report = self.with(|core, now| core.end(cause, now));
        self.ending.report = Some(report);
        self.notify_control();
        self.notify_watch();
        self.wake_links();
    }

    /// A record that was accepted before a close is not refused by it.
    pub(super) fn see_closed(&mut self, id: Id, error: &DeliveryError) {
        let accepted = self
            .history
            .record(id)
            .is_some_and(|sent| sent.at < self.ending.closed_at);
        let closing = self.ending.stage == Stage::Closing && self.plan.end != End::Abandon;
        if closing && accepted && *error.cause() == Cause::Closed {
            self.flag("refused-by-close", format!("record {id}"));
        }
    }

    pub(super) fn see_error(&mut self, error: &DeliveryError) {
        if matches!(error.cause(), Cause::Expired { .. }) && error.written() == Written::Maybe {
            self.coverage.see(Event::ExpiredInFlight);
        }
    }

    /// Reads the logs and compares.
    pub(super) fn judge(&mut self) {
        self.tell_dropped();
        self.tell_unheard();
        if self.ending.report.is_none() {
            self.flag("hung", "the producer did not end".into());
        }
        self.coverage
            .see_times(Event::EpochBump, self.core.counters().epoch_bumps());
        self.coverage
            .see_times(Event::Split, self.core.counters().splits());
        let logs = self.read_logs();
        let config = &self.plan.config;
        // With acks=1 it is all the same, until a leader is lost that was ahead of the others.
        let safe = match config.acks {
            Acks::All => true,
            Acks::Leader => !self.ending.truncated,
            Acks::None => false,
        };
        let promise = Promise {
            kept: safe,
            once: config.enable_idempotence && config.acks == Acks::All,
            ordered: safe,
            // A broker cannot tell which of two producer ids is the newer.
            fenced: config.enable_idempotence
                && config.acks == Acks::All
                && self.ending.producer_ids <= 1,
        };
        let found = check(&self.history, &logs, promise);
        for anomaly in found {
            self.flag(anomaly.name, anomaly.detail);
        }
        self.check_report();
        self.check_account();
    }

    fn read_logs(&mut self) -> Vec<Log> {
        let mut logs = Vec::new();
        let mut broken = Vec::new();
        for topic in 0..self.names.len() {
            for incarnation in 0..self.ids[topic].len() {
                let id = self.ids[topic][incarnation];
                for partition in 0..16 {
                    let mut log = Log {
                        topic,
                        partition,
                        incarnation,
                        entries: Vec::new(),
                    };
                    for batch in self.cluster.log(id, partition) {
                        let Ok(records) = batch.records() else {
                            broken.push(format!("t{topic}/{partition} at {}", batch.base_offset()));
                            continue;
                        };
                        for record in records {
                            let value = record.value.unwrap_or_default();
                            let id = value
                                .first_chunk()
                                .map_or(Id::MAX, |id| Id::from_be_bytes(*id));
                            let offset = batch.base_offset() + i64::from(record.offset_delta);
                            log.entries.push((offset, id));
                        }
                    }
                    logs.push(log);
                }
            }
        }
        for at in broken {
            self.flag("unreadable", at);
        }
        logs
    }

    /// What the producer says of its life, against what the application was told.
    fn check_report(&mut self) {
        let Some(told_early) = self.ending.report else {
            return;
        };
        let report = self.core.report();
        let count = |wanted: fn(&Told) -> bool| {
            self.history
                .records()
                .filter(|(_, record)| wanted(&record.told))
                .count() as u64
        };
        let told = CloseReport {
            acknowledged: count(|told| matches!(told, Told::Acked { .. })),
            not_written: count(|told| *told == Told::NotWritten),
            maybe_written: count(|told| *told == Told::MaybeWritten),
        };
        // A flow that was blocked when the producer ended is refused its records after the report.
        let same = report == told
            && told_early.acknowledged == told.acknowledged
            && told_early.maybe_written == told.maybe_written;
        if !same {
            self.flag(
                "report",
                format!("{report:?} ({told_early:?} at the end), told {told:?}"),
            );
        }
    }

    /// Room comes back, whatever happened.
    fn check_account(&mut self) {
        let metrics = self.core.metrics(self.instant());
        let value = |wanted: &str| {
            metrics
                .values
                .iter()
                .find(|(name, _)| name.name == wanted)
                .map_or(-1.0, |(_, value)| *value)
        };
        let (total, free) = (value("buffer-total-bytes"), value("buffer-available-bytes"));
        let waiting = value("waiting-threads");
        if free != total || waiting != 0.0 {
            self.flag(
                "leak",
                format!("{free} of {total} bytes are free, {waiting} wait"),
            );
        }
    }
}
