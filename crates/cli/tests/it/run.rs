//! Starts the binary, feeds it and waits for it, always with a bound.

use std::{
    io::{Read, Write},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::{Duration, Instant},
};

/// No run of these tests may take longer.
const PATIENCE: Duration = Duration::from_secs(90);

/// A run that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:#?}"))
    }

    /// Panics with everything that is known of the run unless it ended with `code`.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        self
    }
}

/// A run that is under way; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Receiver<String>,
    stderr: Receiver<String>,
    seen: String,
}

/// `guanaco` with these arguments, its environment free of our variable.
pub(crate) fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_guanaco"));
    command.args(args).env_remove("GUANACO_BOOTSTRAP_SERVERS");
    command
}

/// Runs it to its end with this input.
pub(crate) fn guanaco(args: &[&str], input: &str) -> Ended {
    let mut running = Running::start(command(args));
    running.feed(input);
    running.end()
}

impl Running {
    pub(crate) fn start(mut command: Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self {
            child,
            stdout,
            stderr,
            seen: String::new(),
        }
    }

    /// Writes to its standard input, which stays open. A run that has ended already takes nothing;
    /// that shows later.
    pub(crate) fn feed(&mut self, input: &str) {
        let _ = self
            .child
            .stdin
            .as_mut()
            .unwrap()
            .write_all(input.as_bytes());
    }

    /// Sends a signal.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let sent = Command::new("sh")
            .args(["-c", &format!("kill -{name} {}", self.child.id())])
            .status()
            .unwrap();
        assert!(sent.success());
    }

    /// Waits until its standard error says this.
    pub(crate) fn wait_for_note(&mut self, part: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !self.seen.contains(part) {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.stderr.recv_timeout(left) {
                Ok(more) => self.seen.push_str(&more),
                Err(_) => panic!("{part:?} was never said, only {:?}", self.seen),
            }
        }
    }

    /// Closes its standard input and waits for its end.
    pub(crate) fn end(mut self) -> Ended {
        drop(self.child.stdin.take());
        self.wait()
    }

    /// Waits for its end with standard input still open.
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let stdout = all(&self.stdout, deadline);
        let stderr = std::mem::take(&mut self.seen) + &all(&self.stderr, deadline);
        Ended {
            code: self.child.wait().unwrap().code(),
            stdout,
            stderr,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes on what comes, piece by piece, until the process ends.
fn collect(mut from: impl Read + Send + 'static) -> Receiver<String> {
    let (pieces, receiver) = channel();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            if pieces
                .send(String::from_utf8_lossy(&buffer[..read]).into_owned())
                .is_err()
            {
                break;
            }
        }
    });
    receiver
}

/// Everything up to the end, which must come before the deadline.
fn all(pieces: &Receiver<String>, deadline: Instant) -> String {
    let mut all = String::new();
    loop {
        match pieces.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(piece) => all.push_str(&piece),
            Err(RecvTimeoutError::Disconnected) => return all,
            Err(RecvTimeoutError::Timeout) => {
                panic!("guanaco did not end in time, and said {all:?}")
            }
        }
    }
}
