//! What the records say: which run, which writer, which place in its order.

/// The identity of a record, carried as its value, with a checksum over all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Value {
    /// The run that it belongs to: others' records in the same topic are unexpected.
    pub run: u64,
    /// Who wrote it.
    pub writer: u32,
    /// Its place among the writer's records.
    pub seq: u32,
}

/// Run, writer, seq, and the checksum at the end.
pub const LEAST_SIZE: usize = 8 + 4 + 4 + 4;

impl Value {
    /// As bytes, padded to `size` where that is more than it needs.
    #[must_use]
    pub fn encode(&self, size: usize) -> Vec<u8> {
        let size = size.max(LEAST_SIZE);
        let mut bytes = Vec::with_capacity(size);
        bytes.extend_from_slice(&self.run.to_be_bytes());
        bytes.extend_from_slice(&self.writer.to_be_bytes());
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.resize(size - 4, self.seq as u8);
        let crc = crc32c::crc32c(&bytes);
        bytes.extend_from_slice(&crc.to_be_bytes());
        bytes
    }

    /// From bytes that [`encode`](Self::encode) made.
    ///
    /// # Errors
    /// What is wrong with them.
    pub fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        if bytes.len() < LEAST_SIZE {
            return Err("too short");
        }
        let (said, crc) = bytes.split_at(bytes.len() - 4);
        if crc32c::crc32c(said).to_be_bytes() != crc {
            return Err("wrong checksum");
        }
        let mut run = [0; 8];
        let (mut writer, mut seq) = ([0; 4], [0; 4]);
        run.copy_from_slice(&said[..8]);
        writer.copy_from_slice(&said[8..12]);
        seq.copy_from_slice(&said[12..16]);
        Ok(Self {
            run: u64::from_be_bytes(run),
            writer: u32::from_be_bytes(writer),
            seq: u32::from_be_bytes(seq),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Value;

    const VALUE: Value = Value {
        run: 7,
        writer: 2,
        seq: 300,
    };

    #[test]
    fn a_value_is_read_back_at_any_size() {
        for size in [0, 20, 21, 1000] {
            assert_eq!(Value::decode(&VALUE.encode(size)), Ok(VALUE));
        }
    }

    #[test]
    fn a_damaged_value_is_refused_wherever_it_is_damaged() {
        let good = VALUE.encode(40);
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            assert_eq!(Value::decode(&bad), Err("wrong checksum"), "byte {at}");
        }
        assert_eq!(Value::decode(&good[..19]), Err("too short"));
    }
}
