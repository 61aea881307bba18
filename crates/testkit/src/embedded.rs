//! A Kafka to test against, inside the test's own process: no JVM, ready in milliseconds.
//!
//! [`EmbeddedBroker`] is the [model cluster](crate::model) behind TCP ports of 127.0.0.1. It takes
//! what a producer sends, checks it by Kafka's rules (checksums, sequences, sizes, leaders), keeps
//! it, and gives it back decoded. It has no groups and no transactions yet. It runs on a thread of
//! its own, so a paused or ended runtime of the test does not touch it; dropping it closes
//! everything.
//!
//! ```
//! use guanaco_testkit::embedded::EmbeddedBroker;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let broker = EmbeddedBroker::start().await?;
//! broker.create_topic("orders", 3)?;
//!
//! // ... let the code under test produce to `broker.bootstrap_servers()` ...
//!
//! for record in broker.records("orders")?.into_iter().flatten() {
//!     println!("{}@{}: {:?}", record.partition, record.offset, record.value);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Faults
//!
//! Pipelines prove themselves when things go wrong. Faults are chosen by request, and each tells
//! whether it happened:
//!
//! ```
//! use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
//! use guanaco_testkit::model::code;
//! use std::time::Duration;
//!
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! let broker = EmbeddedBroker::builder().brokers(3).topic("orders", 12).start().await?;
//! let faults = broker.faults();
//!
//! // The first two produce requests are refused, the third is applied but never answered.
//! faults.on(ApiKey::Produce).times(2).error(code::NOT_ENOUGH_REPLICAS);
//! faults.on(ApiKey::Produce).nth(3).drop_response();
//! // Metadata is slow all the time.
//! let slow = faults.on(ApiKey::Metadata).always().delay(Duration::from_millis(20));
//! // The next request for a producer id waits until the test lets it go.
//! let held = faults.on(ApiKey::InitProducerId).hold();
//!
//! // ... start the code under test, `held.caught(1).await` ...
//! held.release();
//!
//! // Leaders of broker 2 move; later it comes back on the same port.
//! broker.kill_broker(2).await;
//! broker.restart_broker(2).await?;
//! // Broker 3 stops answering without closing a connection, and goes on where it was.
//! broker.freeze(3);
//! broker.thaw(3);
//! # slow.remove();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod broker;
mod builder;
mod connection;
mod faults;
mod frames;
mod node;
mod records;

pub use broker::EmbeddedBroker;
pub use builder::EmbeddedBrokerBuilder;
pub use faults::{Fault, FaultRule, Faults};
pub use kafka_protocol::messages::ApiKey;
pub use records::{ReadError, Record};
