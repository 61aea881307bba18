//! The input's error has to be one.

use futures_util::stream;
use guanaco::{NoKey, prelude::*};

struct Torn;

fn run(
    settings: ProducerSettings<NoKey, String>,
    items: Vec<Result<ProducerRecord<NoKey, String>, Torn>>,
) {
    let _ = stream::iter(items).run_with(producer::plain_sink(settings));
}

fn main() {}
