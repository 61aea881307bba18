//! The flow with context wants one.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

fn run(settings: ProducerSettings<NoKey, String>, record: ProducerRecord<NoKey, String>) {
    let _ = stream::iter([record]).via(producer::flow_with_context(settings));
}

fn main() {}
