//! Where the jars are, and how they come there.

use super::{KafkaVersion, StartKafkaError};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

/// The directory that `scripts/fetch-kafka` keeps for one release.
#[derive(Clone, Debug)]
pub(super) struct Jars(PathBuf);

impl Jars {
    /// Runs `scripts/fetch-kafka`: at once where the cache is warm, some seconds and a download where it is not.
    pub(super) async fn fetch(version: KafkaVersion) -> Result<Self, StartKafkaError> {
        tokio::task::spawn_blocking(move || Self::fetch_blocking(version))
            .await
            .map_err(|panic| {
                StartKafkaError::io("running scripts/fetch-kafka")(std::io::Error::other(panic))
            })?
    }

    fn fetch_blocking(version: KafkaVersion) -> Result<Self, StartKafkaError> {
        // The script has a lock of its own between processes; this one spares a process the wait on itself.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _guard = ONE_AT_A_TIME
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);

        let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let script = repository.join("scripts/fetch-kafka");
        let output = Command::new(&script)
            .arg(version.release())
            .stdin(Stdio::null())
            .output()
            .map_err(StartKafkaError::file("running", &script))?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(StartKafkaError::Fetch {
                version: version.release(),
                output,
            });
        }
        Ok(Self(PathBuf::from(
            String::from_utf8_lossy(&output.stdout).trim(),
        )))
    }

    /// A JVM with Kafka's jars and our classes on its path, and nothing inherited that would change it.
    pub(super) fn java(&self) -> Command {
        let java = std::env::var_os("JAVA_HOME")
            .map(|home| PathBuf::from(home).join("bin/java"))
            .filter(|java| java.is_file())
            .unwrap_or_else(|| PathBuf::from("java"));
        let mut class_path = OsString::from(self.0.join("classes"));
        class_path.push(":");
        class_path.push(self.0.join("lib"));
        class_path.push("/*");
        let mut command = Command::new(java);
        command
            .env_remove("JAVA_TOOL_OPTIONS")
            .env_remove("_JAVA_OPTIONS")
            // The heap of these programs is small and their lives are short.
            .args([
                "-XX:+UseSerialGC",
                "-XX:TieredStopAtLevel=1",
                "-XX:-UsePerfData",
                "-Xshare:auto",
            ])
            .arg("-cp")
            .arg(class_path);
        command
    }

    /// What formatting a data directory writes, apart from the ids.
    pub(super) fn bootstrap_checkpoint(&self) -> PathBuf {
        self.0.join("bootstrap.checkpoint")
    }
}
