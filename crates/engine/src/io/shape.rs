//! A check of a response's layout, before the borrowed decoder sees it.
//!
//! That decoder (kafka-protocol) reads every value with a bounds check, so it cannot panic on a
//! short answer; but it reserves room for as many array entries as a length field claims. Five
//! bytes can claim four billion of them, and an allocation that fails aborts the process, which no
//! `catch_unwind` stops. So each answer is walked first, without allocating: an array may claim
//! only as many entries as the bytes behind it can hold.

use kafka_protocol::messages::{
    ApiVersionsResponse, InitProducerIdResponse, MetadataResponse, ProduceResponse,
    SaslAuthenticateResponse, SaslHandshakeResponse,
};

/// One field of a response, or several of fixed size.
#[derive(Debug)]
pub(crate) enum Field {
    /// So many bytes.
    Fixed(usize),
    /// A string with its length plus one in front as a varint; 0 for null.
    Text,
    /// A string with its length in two bytes in front.
    Short,
    /// An array of such entries, its length in four bytes; -1 for null.
    Array(&'static [Field]),
    /// An array of such entries, its length plus one as a varint; 0 for null.
    Compact(&'static [Field]),
    /// Tagged fields: those that the decoder knows, by tag; it skips all others.
    Tags(&'static [(u32, &'static [Field])]),
    /// Present in these versions only.
    Only(i16, i16, &'static Field),
}

/// A response whose layout can be checked.
pub(crate) trait Shaped {
    /// Its fields in order, for all versions that we speak.
    const SHAPE: &'static [Field];
}

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed answer: {0}")]
pub(crate) struct Malformed(pub(crate) &'static str);

const SHORT: Malformed = Malformed("it ends too early");
const NO_TAGS: Field = Tags(&[]);

use Field::{Array, Compact, Fixed, Only, Short, Tags, Text};

impl Shaped for ApiVersionsResponse {
    const SHAPE: &'static [Field] = {
        const FEATURE: &[Field] = &[Text, Fixed(4), NO_TAGS];
        &[
            Fixed(2),
            Only(0, 2, &Array(&[Fixed(6)])),
            Only(3, i16::MAX, &Compact(&[Fixed(6), NO_TAGS])),
            Only(1, i16::MAX, &Fixed(4)),
            Only(
                3,
                i16::MAX,
                &Tags(&[
                    (0, &[Compact(FEATURE)]),
                    (1, &[Fixed(8)]),
                    (2, &[Compact(FEATURE)]),
                    (3, &[Fixed(1)]),
                ]),
            ),
        ]
    };
}

impl Shaped for MetadataResponse {
    const SHAPE: &'static [Field] = {
        const BROKER: &[Field] = &[Fixed(4), Text, Fixed(4), Text, NO_TAGS];
        const IDS: Field = Compact(&[Fixed(4)]);
        const PARTITION: &[Field] = &[Fixed(14), IDS, IDS, IDS, NO_TAGS];
        const TOPIC: &[Field] = &[
            Fixed(2),
            Text,
            Only(10, i16::MAX, &Fixed(16)),
            Fixed(1),
            Compact(PARTITION),
            Fixed(4),
            NO_TAGS,
        ];
        &[
            Fixed(4),
            Compact(BROKER),
            Text,
            Fixed(4),
            Compact(TOPIC),
            Only(8, 10, &Fixed(4)),
            Only(13, i16::MAX, &Fixed(2)),
            NO_TAGS,
        ]
    };
}

impl Shaped for InitProducerIdResponse {
    const SHAPE: &'static [Field] = &[Fixed(16), Only(6, i16::MAX, &Fixed(10)), NO_TAGS];
}

impl Shaped for SaslHandshakeResponse {
    const SHAPE: &'static [Field] = &[Fixed(2), Array(&[Short])];
}

impl Shaped for SaslAuthenticateResponse {
    const SHAPE: &'static [Field] = &[Fixed(2), Text, Text, Fixed(8), NO_TAGS];
}

impl Shaped for ProduceResponse {
    const SHAPE: &'static [Field] = {
        const LEADER: &[Field] = &[Fixed(8), NO_TAGS];
        const PARTITION: &[Field] = &[
            Fixed(30),
            Compact(&[Fixed(4), Text, NO_TAGS]),
            Text,
            Only(9, 9, &NO_TAGS),
            Only(10, i16::MAX, &Tags(&[(0, LEADER)])),
        ];
        const TOPIC: &[Field] = &[
            Only(9, 12, &Text),
            Only(13, i16::MAX, &Fixed(16)),
            Compact(PARTITION),
            NO_TAGS,
        ];
        const NODE: &[Field] = &[Fixed(4), Text, Fixed(4), Text, NO_TAGS];
        &[
            Compact(TOPIC),
            Fixed(4),
            Only(9, 9, &NO_TAGS),
            Only(10, i16::MAX, &Tags(&[(0, &[Compact(NODE)])])),
        ]
    };
}

/// Whether `input` begins with such fields. Bytes behind them are not looked at.
pub(crate) fn check<T: Shaped>(input: &[u8], version: i16) -> Result<(), Malformed> {
    walk(T::SHAPE, version, &mut { input })
}

/// Passes over the tagged fields of a response header.
pub(crate) fn skip_tags(input: &mut &[u8]) -> Result<(), Malformed> {
    walk(&[NO_TAGS], 0, input)
}

fn walk(fields: &[Field], version: i16, input: &mut &[u8]) -> Result<(), Malformed> {
    fields
        .iter()
        .try_for_each(|field| step(field, version, input))
}

fn step(field: &Field, version: i16, input: &mut &[u8]) -> Result<(), Malformed> {
    match *field {
        Fixed(size) => skip(size, input),
        Text => {
            let length = varint(input)?.saturating_sub(1);
            skip(length, input)
        }
        Short => {
            let (head, rest) = input.split_first_chunk().ok_or(SHORT)?;
            *input = rest;
            let length = usize::try_from(i16::from_be_bytes(*head));
            skip(length.map_err(|_| Malformed("a negative length"))?, input)
        }
        Array(entry) => {
            let (head, rest) = input.split_first_chunk().ok_or(SHORT)?;
            *input = rest;
            match i32::from_be_bytes(*head) {
                -1 => Ok(()),
                count => {
                    let count =
                        usize::try_from(count).map_err(|_| Malformed("a negative length"))?;
                    entries(count, entry, version, input)
                }
            }
        }
        Compact(entry) => {
            let count = varint(input)?.saturating_sub(1);
            entries(count, entry, version, input)
        }
        Tags(known) => {
            for _ in 0..varint(input)? {
                let tag = varint(input)?;
                let size = varint(input)?;
                let (mut value, rest) = input.split_at_checked(size).ok_or(SHORT)?;
                if let Some((_, shape)) = known.iter().find(|(number, _)| *number as usize == tag) {
                    // The decoder reads on where its own reading of the value ends, so the size
                    // given must be the size found.
                    walk(shape, version, &mut value)?;
                    if !value.is_empty() {
                        return Err(Malformed("a tagged field of another size than it says"));
                    }
                }
                *input = rest;
            }
            Ok(())
        }
        Only(from, to, field) => {
            if (from..=to).contains(&version) {
                step(field, version, input)
            } else {
                Ok(())
            }
        }
    }
}

fn entries(
    count: usize,
    entry: &[Field],
    version: i16,
    input: &mut &[u8],
) -> Result<(), Malformed> {
    let smallest: usize = entry.iter().map(|field| smallest(field, version)).sum();
    if count
        .checked_mul(smallest)
        .is_none_or(|bytes| bytes > input.len())
    {
        return Err(Malformed(
            "an array claims more entries than there are bytes",
        ));
    }
    (0..count).try_for_each(|_| walk(entry, version, input))
}

/// The fewest bytes that a field can take.
fn smallest(field: &Field, version: i16) -> usize {
    match *field {
        Fixed(size) => size,
        Text | Compact(_) | Tags(_) => 1,
        Short => 2,
        Array(_) => 4,
        Only(from, to, field) if (from..=to).contains(&version) => smallest(field, version),
        Only(..) => 0,
    }
}

fn skip(size: usize, input: &mut &[u8]) -> Result<(), Malformed> {
    *input = input.get(size..).ok_or(SHORT)?;
    Ok(())
}

fn varint(input: &mut &[u8]) -> Result<usize, Malformed> {
    let mut value = 0_u32;
    for shift in [0, 7, 14, 21, 28] {
        let (&byte, rest) = input.split_first().ok_or(SHORT)?;
        *input = rest;
        value |= u32::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            // The fifth byte has room for four bits; more would be read differently elsewhere.
            return match byte {
                0x10.. if shift == 28 => Err(Malformed("a varint of more than 32 bits")),
                _ => Ok(value as usize),
            };
        }
    }
    Err(Malformed("a varint of more than five bytes"))
}
