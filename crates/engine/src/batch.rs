//! Kafka's record batch, version 2 ("magic 2"): the unit that a broker stores and answers for.
//!
//! A batch on the wire is a header of 61 bytes and a body: the records, one after the other,
//! compressed as a whole where the header says so. Everything is big-endian; the numbers inside a
//! record are zigzag varints. The checksum covers all that follows it, so a header can be stamped
//! anew (another sequence, another epoch) over a body that stays where it is.

mod buffer;
pub mod compress;
pub mod decode;
pub mod encode;
mod header;

pub use buffer::Buffer;
pub use decode::{Batch, BatchError, Batches, DecodedRecord};
pub use header::{BatchHeader, HEADER_LEN};
