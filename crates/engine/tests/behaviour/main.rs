//! What a producer does, on the embedded model broker and on a real Kafka 4.3 alike.
//!
//! Every behaviour is one function over a [`Target`](support::Target); `on_both!` makes two tests
//! of it, `embedded::<name>` and `kafka::<name>`. Where only the second fails the model is wrong.
#![cfg(unix)]

#[macro_use]
mod support;

mod acks;
mod closing;
mod codecs;
mod contents;
mod full;
mod growth;
mod linger;
mod lost;
mod metrics;
mod order;
mod partitioners;
mod recreated;
mod too_large;
mod unknown;
