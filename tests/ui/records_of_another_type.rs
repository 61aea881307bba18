//! The records have to be those of the settings.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

fn run(settings: ProducerSettings<NoKey, String>, record: ProducerRecord<NoKey, Vec<u8>>) {
    let _ = stream::iter([record]).run_with(producer::plain_sink(settings));
}

fn main() {}
