//! Items have to say where they go.

use futures_util::stream;
use guanaco::prelude::*;

fn main() {
    let settings = ProducerSettings::keyless(StringSerializer);
    let lines = stream::iter(["a".to_owned()]);
    let _ = lines.run_with(producer::plain_sink(settings));
}
