//! Runs the real binary.

mod run;

mod cluster;
mod config;
mod embedded;
mod usage;
