//! What the behaviours are told in: brokers, producers and samples.

mod producer;
mod records;
mod sample;
mod target;

pub(crate) use producer::{bounded, config, start};
pub(crate) use records::{Outcome, append, outcomes, poll_once, produce};
pub(crate) use sample::{Sample, Stored, numbered};
pub(crate) use target::Target;

/// Two tests of each behaviour: one on the embedded broker, one on real Kafka.
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        on_both!(@ embedded kafka $($name)*);
    };
    // With faults: on Kafka one at a time, behind a proxy.
    (faulty: $($name:ident),* $(,)?) => {
        on_both!(@ embedded kafka_behind_proxy $($name)*);
    };
    (@ $embedded:ident $kafka:ident $($name:ident)*) => {
        mod embedded {
            $(#[tokio::test]
            async fn $name() {
                let target = crate::support::Target::$embedded().await;
                crate::support::bounded(super::$name(&target)).await;
            })*
        }
        mod kafka {
            $(#[tokio::test]
            async fn $name() {
                let target = crate::support::Target::$kafka().await;
                crate::support::bounded(super::$name(&target)).await;
            })*
        }
    };
}
