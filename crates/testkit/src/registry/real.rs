//! A registry that others wrote: Apicurio's, which speaks Confluent's interface.

use std::{
    io,
    path::{Path, PathBuf},
    process::Stdio,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

/// A process of Apicurio Registry on a free port of 127.0.0.1, with its schemas in memory.
///
/// It needs a JRE, 17 or newer; `scripts/fetch-registry` gets it with Maven on the first run. It is
/// ready after some seconds. It ends with this value, and with this process, however that ends.
#[derive(Debug)]
pub struct RealRegistry {
    /// A shell that ends the registry when its own input ends.
    _shell: Child,
    address: String,
}

/// Runs the registry, with its log as its output, until the input ends.
const SHELL: &str = r#"
    "$1" -Xmx384m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData \
        -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port=0 -jar "$2" 2>&1 </dev/null &
    read -r _
    kill -9 $!
"#;

impl RealRegistry {
    /// Starts one and waits until it listens. Put a time-out around it.
    ///
    /// # Errors
    /// If it cannot be fetched, or ends before it listens.
    pub async fn start() -> io::Result<Self> {
        let jar = tokio::task::spawn_blocking(fetch)
            .await
            .map_err(io::Error::other)??;
        let java = std::env::var_os("JAVA_HOME")
            .map(|home| PathBuf::from(home).join("bin/java"))
            .filter(|java| java.is_file())
            .unwrap_or_else(|| PathBuf::from("java"));
        let mut shell = Command::new("sh")
            .args(["-c", SHELL, "registry"])
            .args([java, jar])
            .env_remove("JAVA_TOOL_OPTIONS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let output = shell.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut lines = BufReader::new(output).lines();
        while let Some(line) = lines.next_line().await? {
            if let Some((_, at)) = line.split_once("Listening on: http://") {
                let host = at.split_whitespace().next().unwrap_or_default();
                let address = format!("http://{host}/apis/ccompat/v7");
                // A pipe that nobody reads would stop it in the end.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self {
                    _shell: shell,
                    address,
                });
            }
        }
        Err(io::Error::other("the registry ended before it listened"))
    }

    /// Where it has Confluent's interface.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }
}

fn fetch() -> io::Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/fetch-registry");
    let output = std::process::Command::new(script)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(io::Error::other("scripts/fetch-registry failed"));
    }
    let directory = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    let files = std::fs::read_dir(directory)?;
    let mut files = files.filter_map(|file| Some(file.ok()?.path()));
    files
        .find(|file| file.to_string_lossy().ends_with("-runner.jar"))
        .ok_or_else(|| io::Error::other("scripts/fetch-registry brought no runner.jar"))
}
