//! A shared producer goes into the settings.

use guanaco::prelude::*;

fn run(shared: KafkaProducer) {
    let _ = producer::plain_sink(shared);
}

fn main() {}
