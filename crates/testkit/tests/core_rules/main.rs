//! Rules of the producer's core that simulated seeds found broken, one at a time.

mod asking;
mod bench;
mod cluster;
mod ending;
mod order;
mod room;
