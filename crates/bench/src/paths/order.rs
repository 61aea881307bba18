//! The check inside every path.

use crate::error::BenchError;

/// Sees every result: they must come in input order, with growing offsets in each partition.
#[derive(Debug, Default)]
pub(super) struct InOrder {
    seen: u64,
    next_offsets: Vec<i64>,
}

impl InOrder {
    pub(super) fn see(
        &mut self,
        index: u64,
        partition: i32,
        offset: Option<i64>,
    ) -> Result<(), BenchError> {
        if index != self.seen {
            return Err(failed(format!(
                "result {index} came in the place of {}",
                self.seen
            )));
        }
        self.seen += 1;
        let at =
            usize::try_from(partition).map_err(|_| failed(format!("partition {partition}")))?;
        if at >= self.next_offsets.len() {
            self.next_offsets.resize(at + 1, 0);
        }
        let next = &mut self.next_offsets[at];
        match offset {
            Some(offset) if offset >= *next => *next = offset + 1,
            Some(offset) => {
                return Err(failed(format!(
                    "offset {offset} in partition {partition} after {}",
                    *next - 1
                )));
            }
            // A duplicate whose offset the broker forgot: nothing to compare.
            None => *next += 1,
        }
        Ok(())
    }

    /// The end: all `records` must have been seen.
    pub(super) fn end(&self, records: u64) -> Result<(), BenchError> {
        if self.seen == records {
            return Ok(());
        }
        Err(failed(format!(
            "{} results for {records} records",
            self.seen
        )))
    }

    pub(super) fn seen(&self) -> u64 {
        self.seen
    }

    /// One after the last offset of each partition.
    pub(super) fn next_offsets(&self) -> &[i64] {
        &self.next_offsets
    }
}

fn failed(what: String) -> BenchError {
    BenchError::Check(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_each_partition_in_its_own_order() {
        let mut order = InOrder::default();
        order.see(0, 1, Some(40)).unwrap();
        order.see(1, 0, Some(7)).unwrap();
        order.see(2, 1, Some(41)).unwrap();
        order.see(3, 1, None).unwrap();
        order.see(4, 1, Some(43)).unwrap();
        order.end(5).unwrap();
        assert_eq!(order.next_offsets(), [8, 44]);
    }

    #[test]
    fn refuses_a_swapped_a_repeated_and_a_missing_result() {
        let mut order = InOrder::default();
        order.see(0, 0, Some(0)).unwrap();
        assert!(order.see(2, 0, Some(1)).is_err());
        let mut order = InOrder::default();
        order.see(0, 0, Some(5)).unwrap();
        assert!(order.see(1, 0, Some(5)).is_err());
        let mut order = InOrder::default();
        order.see(0, 0, Some(0)).unwrap();
        assert!(order.end(2).is_err());
    }
}
