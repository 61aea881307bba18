//! Producers for a target.

use super::Target;
use guanaco_engine::{Producer, ProducerConfig};
use std::{future::Future, time::Duration};

/// No behaviour takes longer, on a busy machine either.
const BOUND: Duration = Duration::from_secs(60);

/// Runs a behaviour, or says that it hangs.
pub(crate) async fn bounded(behaviour: impl Future<Output = ()> + Send) {
    tokio::time::timeout(BOUND, behaviour)
        .await
        .expect("it hangs");
}

/// Settings for a target.
pub(crate) fn config(target: &Target, settings: &[(&str, &str)]) -> ProducerConfig {
    let servers = target.servers();
    let all = [("bootstrap.servers", &*servers)];
    let all = all.iter().chain(settings).copied();
    let (config, warnings) = ProducerConfig::from_properties(all).expect("settings are known");
    assert!(warnings.is_empty(), "{warnings:?}");
    config
}

/// A connected producer.
pub(crate) async fn start(target: &Target, settings: &[(&str, &str)]) -> Producer {
    let producer = Producer::start(config(target, settings)).expect("settings fit together");
    producer.connected().await.expect("the broker listens");
    producer
}
