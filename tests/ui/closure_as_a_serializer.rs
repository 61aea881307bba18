//! A closure has to be named as one.

use guanaco::{NoKey, prelude::*};

fn main() {
    let number = |number: &u32, out: &mut Vec<u8>| {
        out.extend_from_slice(&number.to_be_bytes());
        Ok(())
    };
    let _: ProducerSettings<NoKey, u32> = ProducerSettings::keyless(number);
}
