//! Without a key serializer there is no key.

use futures_util::stream;
use guanaco::prelude::*;

fn main() {
    let settings = ProducerSettings::keyless(StringSerializer);
    let record = ProducerRecord::new("t", "a".to_owned()).with_key("k".to_owned());
    let _ = stream::iter([record]).run_with(producer::plain_sink(settings));
}
