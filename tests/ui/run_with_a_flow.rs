//! A flow continues a stream.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

fn run(settings: ProducerSettings<NoKey, String>, records: Vec<ProducerRecord<NoKey, String>>) {
    let _ = stream::iter(records).run_with(producer::flexi_flow(settings));
}

fn main() {}
