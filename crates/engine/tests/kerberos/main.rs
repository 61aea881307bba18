//! SASL with Kerberos: a real KDC, a real Kafka, and clients in processes of their own, because a process has one
//! environment and its Kerberos library looks at that once. `scripts/kerberos` runs them.

mod failures;
mod impostors;
#[path = "../security/log.rs"]
mod log;
mod site;
mod works;
