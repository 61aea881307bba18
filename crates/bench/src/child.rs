//! Child processes of this same program: each measured run in a fresh one, the null broker in
//! another.

use crate::{error::BenchError, sample::Sample};
use serde::{Deserialize, de::DeserializeOwned};
use std::{ffi::OsStr, path::Path, process::Stdio, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// Longest that a child may take for a line that it is to print at once.
const PATIENCE: Duration = Duration::from_secs(15);
/// Longest that one measured run may take.
const RUN_LIMIT: Duration = Duration::from_secs(60);

/// A child whose stdin we hold; it is killed when this is dropped.
pub(crate) struct Process {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    command: String,
}

impl Process {
    /// Starts this program with `args`.
    pub(crate) fn start<A: AsRef<OsStr>>(args: &[A]) -> Result<Self, BenchError> {
        Self::start_as(&std::env::current_exe()?, args)
    }

    /// Starts another build of it.
    pub(crate) fn start_as<A: AsRef<OsStr>>(
        program: &Path,
        args: &[A],
    ) -> Result<Self, BenchError> {
        let words = args.iter().map(|arg| {
            let word = arg.as_ref().to_string_lossy();
            // Enough of a certificate to be told what it is.
            word.lines().next().unwrap_or_default().to_owned()
        });
        let command = words.collect::<Vec<_>>().join(" ");
        let mut child = Command::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let stdin = child.stdin.take();
        let stdout = child.stdout.take().expect("stdout was asked to be piped");
        Ok(Self {
            child,
            stdin,
            lines: BufReader::new(stdout).lines(),
            command,
        })
    }

    /// The next line that it prints, within `limit`.
    pub(crate) async fn line(&mut self, limit: Duration) -> Result<String, BenchError> {
        match timeout(limit, self.lines.next_line()).await {
            Ok(Ok(Some(line))) => Ok(line),
            Ok(Ok(None)) => {
                let status = timeout(PATIENCE, self.child.wait()).await;
                let how = status
                    .ok()
                    .and_then(Result::ok)
                    .map_or_else(String::new, |s| s.to_string());
                Err(self.failure(format!("printed no result; {how}")))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(self.failure(format!("printed nothing for {} s", limit.as_secs()))),
        }
    }

    /// The next line, which is JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &mut self,
        limit: Duration,
    ) -> Result<T, BenchError> {
        Ok(serde_json::from_str(&self.line(limit).await?)?)
    }

    /// Writes a line to its stdin.
    pub(crate) async fn tell(&mut self, line: &str) -> Result<(), BenchError> {
        if let Some(stdin) = &mut self.stdin {
            stdin.write_all(format!("{line}\n").as_bytes()).await?;
            stdin.flush().await?;
        }
        Ok(())
    }

    /// The line of JSON that a measured run prints, after it ended well.
    pub(crate) async fn sample(mut self, limit: Duration) -> Result<Sample, BenchError> {
        let line = self.line(limit).await?;
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) if status.as_ref().is_ok_and(|s| s.success()) => {
                Ok(serde_json::from_str(&line)?)
            }
            Ok(status) => Err(self.failure(format!("failed: {:?}", status?.code()))),
            Err(_) => Err(self.failure("did not end after its result".to_owned())),
        }
    }

    fn failure(&self, what: String) -> BenchError {
        BenchError::Child {
            command: self.command.clone(),
            what,
        }
    }
}

/// Runs one probe or path in a process of its own.
pub(crate) async fn run<A: AsRef<OsStr> + Sync>(args: &[A]) -> Result<Sample, BenchError> {
    Process::start(args)?.sample(RUN_LIMIT).await
}

/// A null broker in a process of its own; it ends when this is dropped.
pub(crate) struct NullBroker {
    process: Process,
    pub(crate) address: String,
}

/// What a null broker counted since its start.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Counters {
    pub(crate) requests: u64,
    pub(crate) batches: u64,
}

impl NullBroker {
    pub(crate) async fn start(args: &[&str]) -> Result<Self, BenchError> {
        let args: Vec<&str> = [&["null-broker"], args].concat();
        let mut process = Process::start(&args)?;
        let port = process.line(PATIENCE).await?;
        Ok(Self {
            process,
            address: format!("127.0.0.1:{port}"),
        })
    }

    pub(crate) async fn counters(&mut self) -> Result<Counters, BenchError> {
        self.process.tell("counters").await?;
        self.process.json(PATIENCE).await
    }

    /// Who vouches for one that was started with `--tls`, in PEM.
    pub(crate) async fn authority(&mut self) -> Result<String, BenchError> {
        self.process.tell("authority").await?;
        self.process.json(PATIENCE).await
    }
}
