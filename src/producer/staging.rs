//! Records that are serialized and not handed to the producer yet.

use crate::{
    ProduceError, ProducerRecord, ProducerSettings,
    serialization::{Serializer, Target},
    trace::Traces,
};
use guanaco_engine::RecordRef;
use std::{
    cell::Cell,
    ops::ControlFlow,
    panic::{AssertUnwindSafe, catch_unwind},
    slice,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// A chunk is handed over under one lock, and read at one time of the clock: it has this many
/// records at most.
pub(crate) const CHUNK_RECORDS: usize = 256;

/// And no further record once it has this many bytes.
pub(crate) const CHUNK_BYTES: usize = 256 << 10;

/// The serializers of a stage, and what it adds to the headers of its records.
pub(crate) struct Serializers<K, V> {
    key: Arc<dyn Serializer<K>>,
    value: Arc<dyn Serializer<V>>,
    pub(crate) traces: Traces,
}

impl<K, V> Serializers<K, V> {
    pub(crate) fn new(settings: &ProducerSettings<K, V>) -> Self {
        Self {
            key: Arc::clone(&settings.key),
            value: Arc::clone(&settings.value),
            traces: settings.traces.clone(),
        }
    }
}

impl<K, V> Clone for Serializers<K, V> {
    fn clone(&self) -> Self {
        Self {
            key: Arc::clone(&self.key),
            value: Arc::clone(&self.value),
            traces: self.traces.clone(),
        }
    }
}

/// Where the bytes of a key or value are: so many in the scratch buffer, after those of the part
/// before, if it is not one of the two below. A number, because it is one word in a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span(usize);

impl Span {
    /// There are none: it is null. No buffer is as long as this.
    const NULL: Self = Self(usize::MAX);
    /// In the record itself.
    const BORROWED: Self = Self(usize::MAX - 1);

    /// How many it takes of the scratch buffer.
    #[inline]
    fn copied(self) -> usize {
        match self {
            Self::NULL | Self::BORROWED => 0,
            Self(len) => len,
        }
    }
}

/// The bytes of records that wait to be handed over, by what `Serializer::as_bytes` does not give.
#[derive(Debug, Default)]
pub(crate) struct Staging {
    scratch: Vec<u8>,
    /// What a serializer writes to. Empty for each of them: one that clears or replaces its output
    /// must not reach the bytes of other records.
    one: Vec<u8>,
    spans: Vec<(Span, Span)>,
    /// How many records, and bytes of `scratch`, were handed over already.
    next: usize,
    next_byte: usize,
    /// Serialized bytes that were staged since it was last empty.
    bytes: usize,
}

/// Records on their way to the producer: as many as go under one lock.
pub(crate) struct Chunk<'a, K, V> {
    list: Vec<RecordRef<'a>>,
    spans: slice::Iter<'a, (Span, Span)>,
    copied: &'a [u8],
    serializers: &'a Serializers<K, V>,
}

impl<'a, K, V> Chunk<'a, K, V> {
    /// Adds the next record that waits; breaks if there is none, or no room for it.
    #[inline(always)]
    pub(crate) fn push(&mut self, record: &'a ProducerRecord<K, V>, stamp: i64) -> ControlFlow<()> {
        let Some((key, value)) = self.spans.next() else {
            return ControlFlow::Break(());
        };
        let Serializers {
            key: of_key,
            value: of_value,
            ..
        } = self.serializers;
        let key = read(&mut self.copied, *key, record.key.as_ref(), &**of_key);
        let value = read(&mut self.copied, *value, record.value.as_ref(), &**of_value);
        self.list.push(RecordRef {
            topic: &record.topic,
            partition: record.partition,
            timestamp: record.timestamp.unwrap_or(stamp),
            key,
            value,
            headers: &record.headers,
        });
        ControlFlow::Continue(())
    }
}

/// A point to go back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    scratch: usize,
    spans: usize,
    bytes: usize,
}

impl Staging {
    pub(crate) fn is_empty(&self) -> bool {
        self.next == self.spans.len()
    }

    /// Whether no further record should be staged before these are handed over.
    pub(crate) fn is_full(&self) -> bool {
        self.spans.len() >= CHUNK_RECORDS || self.bytes >= CHUNK_BYTES
    }

    pub(crate) fn mark(&self) -> Mark {
        Mark {
            scratch: self.scratch.len(),
            spans: self.spans.len(),
            bytes: self.bytes,
        }
    }

    pub(crate) fn back_to(&mut self, mark: Mark) {
        self.scratch.truncate(mark.scratch);
        self.spans.truncate(mark.spans);
        self.bytes = mark.bytes;
    }

    /// Serializes a record behind the others; gives its size. On an error the caller goes back to
    /// where it began.
    #[inline]
    pub(crate) fn add<K, V>(
        &mut self,
        serializers: &Serializers<K, V>,
        record: &ProducerRecord<K, V>,
    ) -> Result<usize, ProduceError> {
        let Self {
            scratch,
            one,
            spans,
            ..
        } = self;
        let mut out = (scratch, one);
        // What goes out of it goes through memory: so it is one word.
        let serialize = AssertUnwindSafe(|| {
            let topic = &record.topic;
            let (key, of_key) = (Target::key(topic), &*serializers.key);
            let (key, key_size) = write(&mut out, key, of_key, &record.key)?;
            let (value, of_value) = (Target::value(topic), &*serializers.value);
            let (value, value_size) = write(&mut out, value, of_value, &record.value)?;
            spans.push((key, value));
            Ok::<_, ProduceError>(key_size + value_size)
        });
        let size = match catch_unwind(serialize) {
            Ok(serialized) => serialized? + headers_size(record),
            Err(payload) => return Err(ProduceError::panic("a serializer", &*payload)),
        };
        self.bytes += size;
        Ok(size)
    }

    /// Lists the first records that wait, as the producer takes them, in `list`; `fill` pushes the
    /// records themselves, from the first that waits, until the chunk is full. Fewer than could be if
    /// the bytes of one cannot be read again; an error if that is the first.
    #[inline]
    pub(crate) fn chunk<'a, K, V>(
        &'a self,
        serializers: &'a Serializers<K, V>,
        list: Vec<RecordRef<'a>>,
        fill: impl FnOnce(&mut Chunk<'a, K, V>) -> ControlFlow<()>,
    ) -> Result<Vec<RecordRef<'a>>, ProduceError> {
        let spans = &self.spans[self.next..];
        let mut chunk = Chunk {
            list,
            spans: spans[..spans.len().min(CHUNK_RECORDS)].iter(),
            copied: &self.scratch[self.next_byte..],
            serializers,
        };
        match catch_unwind(AssertUnwindSafe(|| fill(&mut chunk))) {
            Err(payload) if chunk.list.is_empty() => {
                Err(ProduceError::panic("a serializer", &*payload))
            }
            _ => Ok(chunk.list),
        }
    }

    /// Forgets all that is staged.
    pub(crate) fn clear(&mut self) {
        self.advance(self.spans.len() - self.next);
    }

    /// The first `count` records that wait were handed over, or do not wait any longer.
    pub(crate) fn advance(&mut self, count: usize) {
        for (key, value) in &self.spans[self.next..self.next + count] {
            self.next_byte += key.copied() + value.copied();
        }
        self.next += count;
        if self.is_empty() {
            self.scratch.clear();
            self.spans.clear();
            (self.next, self.next_byte, self.bytes) = (0, 0, 0);
            // One large element must not hold its memory for ever.
            self.scratch.shrink_to(4 * CHUNK_BYTES);
            self.one.shrink_to(4 * CHUNK_BYTES);
            self.spans.shrink_to(4 * CHUNK_RECORDS);
        }
    }
}

/// Writes a key or value to the scratch buffer, unless its bytes can be borrowed; with its size.
#[inline]
fn write<T>(
    (scratch, one): &mut (&mut Vec<u8>, &mut Vec<u8>),
    target: Target<'_>,
    serializer: &dyn Serializer<T>,
    value: &Option<T>,
) -> Result<(Span, usize), ProduceError> {
    let Some(value) = value else {
        return Ok((Span::NULL, 0));
    };
    if let Some(bytes) = serializer.as_bytes(value) {
        return Ok((Span::BORROWED, bytes.len()));
    }
    one.clear();
    match serializer.serialize(&target, value, one) {
        Ok(()) => {
            scratch.extend_from_slice(one);
            Ok((Span(one.len()), one.len()))
        }
        Err(error) => Err(ProduceError::serialization(
            target.topic,
            target.part,
            error,
        )),
    }
}

/// The bytes of a key or value; those in the scratch buffer are taken off the front of `copied`.
#[inline]
fn read<'a, T>(
    copied: &mut &'a [u8],
    span: Span,
    value: Option<&'a T>,
    serializer: &dyn Serializer<T>,
) -> Option<&'a [u8]> {
    match span {
        Span::NULL => None,
        Span::BORROWED => {
            let bytes = value.and_then(|value| serializer.as_bytes(value));
            Some(bytes.expect("`as_bytes` gave bytes for this value before"))
        }
        Span(len) => {
            let (bytes, rest) = copied.split_at(len);
            *copied = rest;
            Some(bytes)
        }
    }
}

fn headers_size<K, V>(record: &ProducerRecord<K, V>) -> usize {
    let size = |value: &Option<bytes::Bytes>| value.as_ref().map_or(0, bytes::Bytes::len);
    let headers = record.headers.iter();
    headers
        .map(|header| header.key.len() + size(&header.value))
        .sum()
}

/// An empty list for references of another lifetime, in the same allocation: collecting a mapped
/// `Vec` into one of the same layout happens in place.
pub(crate) fn recycle<'a>(mut list: Vec<RecordRef<'_>>) -> Vec<RecordRef<'a>> {
    list.clear();
    list.into_iter()
        .map(|_| unreachable!("the list is empty"))
        .collect()
}

/// Milliseconds since the Unix epoch, for records that bring no time.
pub(crate) fn wall_clock() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
    })
}

thread_local! {
    /// What serializers of single sends write to: one for keys, one for values.
    static SCRATCH: Cell<(Vec<u8>, Vec<u8>)> = const { Cell::new((Vec::new(), Vec::new())) };
}

/// Serializes one record and hands its bytes to `send`.
pub(crate) fn with_record_bytes<K, V, R>(
    serializers: &Serializers<K, V>,
    record: &ProducerRecord<K, V>,
    stamp: i64,
    send: impl FnOnce(RecordRef<'_>) -> R,
) -> Result<R, ProduceError> {
    // Taken, not borrowed: a serializer may send records of its own.
    let (mut key_out, mut value_out) = SCRATCH.take();
    let topic = &record.topic;
    let outs = (&mut key_out, &mut value_out);
    let serialize = AssertUnwindSafe(move || {
        let (for_key, for_value) = outs;
        let key = single(for_key, Target::key(topic), &*serializers.key, &record.key)?;
        let (target, serializer) = (Target::value(topic), &*serializers.value);
        Ok((key, single(for_value, target, serializer, &record.value)?))
    });
    let sent = match catch_unwind(serialize) {
        Ok(Ok((key, value))) => Ok(send(RecordRef {
            topic,
            partition: record.partition,
            timestamp: record.timestamp.unwrap_or(stamp),
            key,
            value,
            headers: &record.headers,
        })),
        Ok(Err(error)) => Err(error),
        Err(payload) => Err(ProduceError::panic("a serializer", &*payload)),
    };
    for out in [&mut key_out, &mut value_out] {
        out.clear();
        out.shrink_to(CHUNK_BYTES);
    }
    SCRATCH.set((key_out, value_out));
    sent
}

fn single<'a, T>(
    out: &'a mut Vec<u8>,
    target: Target<'_>,
    serializer: &dyn Serializer<T>,
    value: &'a Option<T>,
) -> Result<Option<&'a [u8]>, ProduceError> {
    let Some(value) = value else {
        return Ok(None);
    };
    if let Some(bytes) = serializer.as_bytes(value) {
        return Ok(Some(bytes));
    }
    match serializer.serialize(&target, value, out) {
        Ok(()) => Ok(Some(out)),
        Err(error) => Err(ProduceError::serialization(
            target.topic,
            target.part,
            error,
        )),
    }
}
