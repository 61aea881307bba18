//! Runs the real binary.

mod run;

mod cluster;
mod embedded;
mod usage;
