//! Contexts go to the flow that has them.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

fn run(settings: ProducerSettings<NoKey, String>, record: ProducerRecord<NoKey, String>) {
    let _ = stream::iter([(record, 1)]).via(producer::flexi_flow(settings));
}

fn main() {}
