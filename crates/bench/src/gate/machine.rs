//! Where it was measured.

use serde_json::{Value, json};
use std::{fs, process::Command, thread};

/// What a reader needs to compare the figures with others.
pub(crate) fn facts() -> Value {
    json!({
        "cpu": cpu_model(),
        "cores": thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": memory_mib(),
        "kernel": line("/proc/sys/kernel/osrelease"),
        "load_before": line("/proc/loadavg"),
        "commit": commit(),
        "build": if cfg!(debug_assertions) { "debug" } else { "release" },
    })
}

fn cpu_model() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let model = text.lines().find(|line| line.starts_with("model name"))?;
    Some(model.split_once(':')?.1.trim().to_owned())
}

fn memory_mib() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let kib = text
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    Some(kib.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? / 1024)
}

fn line(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

/// The checked out commit, with a mark if the working tree differs from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .arg("-C")
            .arg(env!("CARGO_MANIFEST_DIR"))
            .args(args)
            .output()
            .ok()
            .filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let mut commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    if git(&["status", "--porcelain", "--untracked-files=no"]).is_some_and(|out| !out.is_empty()) {
        commit.push_str(" with local changes");
    }
    Some(commit)
}
