//! A sink ends a stream.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

fn run(settings: ProducerSettings<NoKey, String>, records: Vec<ProducerRecord<NoKey, String>>) {
    let _ = stream::iter(records).via(producer::plain_sink(settings));
}

fn main() {}
