//! What a sink keeps: records until they are handed over, then only where they went.

use crate::{
    Envelope, ProduceError, ProducerRecord,
    producer::{
        append::Append,
        staging::{Serializers, Staging, recycle},
    },
};
use guanaco_engine::RecordRef;
use std::{collections::VecDeque, task::Context};

pub(super) struct Queue<K, V, A: Append> {
    appender: A,
    serializers: Serializers<K, V>,
    parallelism: usize,
    waiting: VecDeque<Waiting<K, V>>,
    flying: VecDeque<Flying<A::Place>>,
    /// Envelopes with a record in one of the two.
    envelopes: usize,
    staging: Staging,
    placed: Vec<A::Places>,
    /// An allocation, kept between chunks.
    list: Vec<RecordRef<'static>>,
    /// No record was placed since the producer was last told that this queue waits.
    hurried: bool,
}

struct Waiting<K, V> {
    record: ProducerRecord<K, V>,
    stamp: i64,
    ends_envelope: bool,
}

struct Flying<L> {
    place: L,
    ends_envelope: bool,
}

impl<K, V, A: Append> Queue<K, V, A> {
    pub(super) fn new(appender: A, serializers: Serializers<K, V>, parallelism: usize) -> Self {
        Self {
            appender,
            serializers,
            parallelism,
            waiting: VecDeque::new(),
            flying: VecDeque::new(),
            envelopes: 0,
            staging: Staging::default(),
            placed: Vec::new(),
            list: Vec::new(),
            hurried: true,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    pub(super) fn accepts(&self) -> bool {
        self.envelopes < self.parallelism
    }

    /// Whether what waits is enough to be handed over.
    pub(super) fn has_chunk(&self) -> bool {
        self.staging.is_full()
    }

    /// Serializes an envelope's records; all of them or, on an error, none.
    #[inline]
    pub(super) fn accept<P>(
        &mut self,
        mut envelope: Envelope<K, V, P>,
        stamp: i64,
    ) -> Result<(), ProduceError> {
        self.serializers.traces.mark(&mut envelope);
        let mark = self.staging.mark();
        for record in envelope.records() {
            if let Err(error) = self.staging.add(&self.serializers, record) {
                self.staging.back_to(mark);
                return Err(error);
            }
        }
        match envelope {
            Envelope::Single { record, .. } => {
                self.envelopes += 1;
                self.waiting.push_back(Waiting {
                    record,
                    stamp,
                    ends_envelope: true,
                });
            }
            Envelope::Multi { records, .. } => {
                self.envelopes += usize::from(!records.is_empty());
                let mut left = records.len();
                for record in records {
                    left -= 1;
                    let ends_envelope = left == 0;
                    self.waiting.push_back(Waiting {
                        record,
                        stamp,
                        ends_envelope,
                    });
                }
            }
            Envelope::PassThrough(_) => {}
        }
        Ok(())
    }

    /// Hands what waits to the producer; says whether any of it went.
    pub(super) fn place(&mut self, cx: &mut Context<'_>) -> Result<bool, ProduceError> {
        let mut any = false;
        while !self.staging.is_empty() {
            let list = recycle(std::mem::take(&mut self.list));
            let chunk = self.staging.chunk(&self.serializers, list, |chunk| {
                self.waiting
                    .iter()
                    .try_for_each(|waiting| chunk.push(&waiting.record, waiting.stamp))
            })?;
            let mut done = 0;
            while let rest @ [_, ..] = &chunk[done..] {
                match self.appender.poll_append(cx, rest, &mut self.placed) {
                    std::task::Poll::Ready(count) => done += count,
                    std::task::Poll::Pending => break,
                }
            }
            let stuck = done < chunk.len();
            self.list = recycle(chunk);
            self.staging.advance(done);
            let placed = self.placed.drain(..).map(A::run).flat_map(A::each);
            let placed = placed.zip(self.waiting.drain(..done));
            self.flying.extend(placed.map(|(place, waiting)| Flying {
                place,
                ends_envelope: waiting.ends_envelope,
            }));
            if done > 0 {
                any = true;
                self.hurried = false;
            }
            if stuck {
                break;
            }
        }
        Ok(any)
    }

    /// Takes the acknowledgements that came, in order; says whether there was any.
    pub(super) fn reap(&mut self) -> Result<bool, ProduceError> {
        let mut any = false;
        while let Some(head) = self.flying.front() {
            let Some(outcome) = self.appender.take(head.place) else {
                break;
            };
            any = true;
            self.envelopes -= usize::from(head.ends_envelope);
            self.flying.pop_front();
            outcome?;
        }
        Ok(any)
    }

    /// Waits for an acknowledgement, or room; `idle` says that nothing is added meanwhile.
    pub(super) fn wait(&mut self, cx: &mut Context<'_>, idle: bool) {
        if idle && !self.hurried {
            self.hurried = true;
            self.appender.hurry();
        }
        self.appender.register(cx);
    }
}
