//! One node: a JVM, its directory, and what became of it.

use super::{Jars, StartKafkaError, builder::random_id, properties::Properties};
use crate::proxy::Proxy;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::{
    fs::{self, File},
    io,
    net::SocketAddr,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Where a node listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Listeners {
    /// For brokers and the harness.
    pub(super) plaintext: SocketAddr,
    /// For controllers.
    pub(super) controller: SocketAddr,
    /// For clients; behind the proxy, where there is one.
    pub(super) external: SocketAddr,
}

/// One broker and controller.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) id: i32,
    pub(super) listeners: Listeners,
    /// What the builder was asked for beside them, by name.
    pub(super) more: Vec<(String, SocketAddr)>,
    pub(super) proxy: Option<Proxy>,
    directory: PathBuf,
    jvm_options: Vec<String>,
    process: Mutex<Process>,
}

/// Whether a node can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Its process runs.
    Running,
    /// Its process is stopped: connections stay open and nothing answers.
    Frozen,
    /// It has no process.
    Down,
}

#[derive(Debug, Default)]
struct Process {
    child: Option<Child>,
    frozen: bool,
}

impl Node {
    /// A node that is down; its directory is [formatted](format).
    pub(super) fn new(
        id: i32,
        listeners: Listeners,
        more: Vec<(String, SocketAddr)>,
        proxy: Option<Proxy>,
        directory: PathBuf,
        jvm_options: Vec<String>,
    ) -> Self {
        Self {
            id,
            listeners,
            more,
            proxy,
            directory,
            jvm_options,
            process: Mutex::default(),
        }
    }

    /// Where clients reach it.
    pub(super) fn client_address(&self) -> SocketAddr {
        self.proxy
            .as_ref()
            .map_or(self.listeners.external, Proxy::address)
    }

    /// Starts its JVM; that it answers is another matter.
    pub(super) fn spawn(&self, jars: &Jars) -> Result<(), StartKafkaError> {
        let log = self.log();
        let log = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .map_err(StartKafkaError::file("opening", &log))?;
        let errors = log
            .try_clone()
            .map_err(StartKafkaError::io("sharing a log"))?;
        let child = jars
            .java()
            .args(&self.jvm_options)
            .args(LOGGING)
            .arg("Node")
            .arg(&self.directory)
            // Its end of this pipe closes however we end; see Node.java.
            .stdin(Stdio::piped())
            .stdout(log)
            .stderr(errors)
            // Not ours, so that an interrupt at the terminal leaves it to us; and a stopped process
            // in a group of its own is woken by the kernel when we are gone.
            .process_group(0)
            .spawn()
            .map_err(StartKafkaError::io(
                "starting java (a JDK, 17 or newer, is needed)",
            ))?;
        *self.process() = Process {
            child: Some(child),
            frozen: false,
        };
        Ok(())
    }

    pub(super) fn state(&self) -> State {
        let mut process = self.process();
        match process.exited() {
            Ok(None) if process.frozen => State::Frozen,
            Ok(None) => State::Running,
            _ => State::Down,
        }
    }

    /// How it ended, if it did. `None` while it runs.
    pub(super) fn exited(&self) -> Option<String> {
        match self.process().exited() {
            Ok(None) => None,
            Ok(Some(Some(status))) => Some(status.to_string()),
            Ok(Some(None)) => Some("no process".into()),
            Err(error) => Some(error.to_string()),
        }
    }

    /// kill -9, and waits until it is gone: neither can be refused nor take long.
    pub(super) fn kill(&self) -> io::Result<()> {
        let mut process = self.process();
        let Some(mut child) = process.child.take() else {
            return Ok(());
        };
        process.frozen = false;
        if child.try_wait()?.is_none() {
            kill_process_group(pid(&child), Signal::KILL)?;
            child.wait()?;
        }
        Ok(())
    }

    /// Sends a signal to a process that runs.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        let mut process = self.process();
        let child = process.child.as_mut().ok_or(io::ErrorKind::NotFound)?;
        if child.try_wait()?.is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        kill_process(pid(child), signal)?;
        match signal {
            Signal::STOP => process.frozen = true,
            Signal::CONT => process.frozen = false,
            _ => {}
        }
        Ok(())
    }

    /// Whether the kernel has really stopped it. Where that cannot be seen, it is believed.
    pub(super) fn is_stopped(&self) -> bool {
        let Some(id) = self.process().child.as_ref().map(Child::id) else {
            return false;
        };
        fs::read_to_string(format!("/proc/{id}/stat")).map_or(true, |stat| {
            // The state follows the name, which is in parentheses and may hold anything.
            stat.rsplit_once(") ")
                .is_some_and(|(_, rest)| rest.starts_with('T'))
        })
    }

    pub(super) fn log_tail(&self) -> String {
        const LINES: usize = 40;
        let text = fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines[lines.len().saturating_sub(LINES)..].join("\n")
    }

    /// The process's id, while there is one.
    pub(super) fn process_id(&self) -> Option<u32> {
        self.process().child.as_ref().map(Child::id)
    }

    fn log(&self) -> PathBuf {
        self.directory.join("log")
    }

    fn process(&self) -> MutexGuard<'_, Process> {
        // Each change is a single assignment: there is no half-done state to be afraid of.
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // In a drop there is nobody to tell; the node then ends by itself as its pipe closes.
        let _ = self.kill();
    }
}

impl Process {
    /// `None` while it runs; then how it ended, as far as known.
    fn exited(&mut self) -> io::Result<Option<Option<ExitStatus>>> {
        match self.child.as_mut() {
            None => Ok(Some(None)),
            Some(child) => Ok(child.try_wait()?.map(Some)),
        }
    }
}

/// Makes a node's directory: its properties, and what `StorageTool format` would write without a JVM
/// of its own.
pub(super) fn format(
    directory: &Path,
    id: i32,
    cluster_id: &str,
    properties: &Properties,
    jars: &Jars,
) -> Result<(), StartKafkaError> {
    let data = data(directory);
    fs::create_dir_all(&data).map_err(StartKafkaError::file("making", &data))?;
    let directory_id = random_id();
    let meta =
        format!("version=1\nnode.id={id}\ncluster.id={cluster_id}\ndirectory.id={directory_id}\n");
    write(&data.join("meta.properties"), &meta)?;
    let template = jars.bootstrap_checkpoint();
    fs::copy(&template, data.join("bootstrap.checkpoint"))
        .map_err(StartKafkaError::file("copying", &template))?;
    write(&directory.join("server.properties"), &properties.text())
}

/// Where in its directory a node keeps its logs.
pub(super) fn data(directory: &Path) -> PathBuf {
    directory.join("data")
}

/// A directory that goes when this value does.
#[derive(Debug)]
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn temporary() -> io::Result<Self> {
        let name = format!(
            "guanaco-kafka-{}-{:08x}",
            std::process::id(),
            fastrand::u32(..)
        );
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        // As in every drop there is nobody to tell, and the system clears its temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

fn write(path: &Path, text: &str) -> Result<(), StartKafkaError> {
    fs::write(path, text).map_err(StartKafkaError::file("writing", path))
}

/// Warnings with their times, and of the rest what tells where a start got to.
const LOGGING: [&str; 5] = [
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.log.kafka.server=info",
    "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.controller=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
];
