//! Streams to Kafka.
