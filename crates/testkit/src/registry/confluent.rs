//! Confluent's own serializers, of its client for Python.

use serde_json::Value;
use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
};

/// A process of Python that writes and reads values by Confluent's serializers, to see whether they
/// and others understand each other.
///
/// It needs Python 3.9 or newer with venv and pip; `scripts/fetch-confluent` gets the packages on the
/// first run. It ends with this value.
#[derive(Debug)]
pub struct ConfluentSerializers {
    _python: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl ConfluentSerializers {
    /// Starts it as a client of the registry at this address.
    ///
    /// # Errors
    /// If the packages cannot be fetched, or Python cannot be started.
    pub async fn start(registry: &str) -> io::Result<Self> {
        let packages = tokio::task::spawn_blocking(fetch)
            .await
            .map_err(io::Error::other)??;
        let mut python = Command::new(packages.join("bin/python"))
            .args(["-c", include_str!("confluent.py"), registry])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let input = python.stdin.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let output = python.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self {
            _python: python,
            input,
            output: BufReader::new(output).lines(),
        })
    }

    /// Asks it for one thing: `confluent.py` beside this file's source says what a request may hold.
    ///
    /// # Errors
    /// If a serializer refuses, with what it says; if Python has ended.
    ///
    /// # Cancel safety
    /// None: the answer to a request that was given up would be taken for the next one's.
    pub async fn ask(&mut self, request: &Value) -> io::Result<Value> {
        self.input
            .write_all(format!("{request}\n").as_bytes())
            .await?;
        self.input.flush().await?;
        let line = self.output.next_line().await?;
        let line = line.ok_or_else(|| io::Error::other("Python has ended"))?;
        let mut answer: Value = serde_json::from_str(&line)?;
        match answer.get_mut("ok") {
            Some(value) => Ok(value.take()),
            None => Err(io::Error::other(answer["error"].to_string())),
        }
    }
}

fn fetch() -> io::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/fetch-confluent");
    let output = std::process::Command::new(script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("scripts/fetch-confluent failed"));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}
