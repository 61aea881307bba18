//! What a measured process used: CPU time and memory.

use crate::error::BenchError;
use nix::sys::resource::{UsageWho, getrusage};
use std::{fs, io, time::Instant};

/// User and system CPU of this process and the wall clock, from a point in time on.
pub(crate) struct Stopwatch {
    wall: Instant,
    cpu: f64,
}

impl Stopwatch {
    pub(crate) fn start() -> Result<Self, BenchError> {
        Ok(Self {
            cpu: cpu_seconds()?,
            wall: Instant::now(),
        })
    }

    /// Wall and CPU seconds since the start.
    pub(crate) fn stop(&self) -> Result<(f64, f64), BenchError> {
        let wall = self.wall.elapsed().as_secs_f64();
        Ok((wall, cpu_seconds()? - self.cpu))
    }
}

fn cpu_seconds() -> Result<f64, BenchError> {
    let usage = getrusage(UsageWho::RUSAGE_SELF).map_err(io::Error::from)?;
    let seconds = |t: nix::sys::time::TimeVal| t.tv_sec() as f64 + t.tv_usec() as f64 / 1e6;
    Ok(seconds(usage.user_time()) + seconds(usage.system_time()))
}

/// Resident memory of this process in bytes.
pub(crate) fn resident_bytes() -> Result<u64, BenchError> {
    let text = fs::read_to_string("/proc/self/status")?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map(|kib| kib * 1024)
        .ok_or_else(|| BenchError::Check("/proc/self/status has no VmRSS".to_owned()))
}
