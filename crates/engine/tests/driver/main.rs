//! The driver against the embedded broker: runtimes that end, addresses that are wrong, brokers that
//! misbehave.

mod brokers;
mod connections;
mod runtimes;
mod starting;
mod support;
mod timing;
