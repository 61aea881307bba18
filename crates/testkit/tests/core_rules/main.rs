//! Rules of the producer's core that simulated seeds and reviews found broken, one at a time.

mod asking;
mod bench;
mod cluster;
mod ending;
mod growth;
mod order;
mod room;
