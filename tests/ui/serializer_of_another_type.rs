//! A serializer has to take the stream's type.

use guanaco::{NoKey, prelude::*};

fn main() {
    let _ = ProducerSettings::<NoKey, Vec<u8>>::keyless(StringSerializer);
}
