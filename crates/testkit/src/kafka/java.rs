//! The Java client, as the judge of what we write and a writer of what we read.

use super::{ClusterError, Jars, KafkaCluster, KafkaVersion, StartKafkaError};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::{process::Stdio, time::Duration};
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

/// A record as the Java consumer hands it out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JavaRecord {
    /// Its offset.
    pub offset: i64,
    /// In milliseconds since the Unix epoch.
    pub timestamp: i64,
    /// Whose clock that was: `CreateTime`, or `LogAppendTime` for the broker's.
    pub timestamp_type: String,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The headers in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// A record for the Java producer to write. What is `None` it chooses itself, or is null.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JavaInput {
    /// The partition.
    pub partition: Option<i32>,
    /// In milliseconds since the Unix epoch.
    pub timestamp: Option<i64>,
    /// The key; `None` is null.
    pub key: Option<Bytes>,
    /// The value; `None` is null.
    pub value: Option<Bytes>,
    /// The headers in order.
    pub headers: Vec<(String, Option<Bytes>)>,
}

/// Where a record went that the Java producer wrote.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct JavaAck {
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// Its timestamp.
    pub timestamp: i64,
}

/// Everything that a topic of the cluster holds now, by partition, as the Java consumer of the same
/// release reads it.
///
/// # Errors
/// As [`JavaClient::read_all`].
pub async fn read_all(
    cluster: &KafkaCluster,
    topic: &str,
) -> Result<Vec<Vec<JavaRecord>>, ClusterError> {
    let partitions = cluster.topic(topic).await?.partitions.len();
    let mut read = JavaClient {
        jars: cluster.jars.clone(),
    }
    .read_all(&cluster.direct_bootstrap_servers(), topic, &[])
    .await?;
    // Empty ones at the end are not known to who only sees records.
    read.resize(read.len().max(partitions), Vec::new());
    Ok(read)
}

/// Writes records to a topic of the cluster with the Java producer of the same release, configured by
/// `properties` (such as `("compression.type", "lz4")`); says where each went.
///
/// # Errors
/// As [`JavaClient::write_all`].
pub async fn write_all(
    cluster: &KafkaCluster,
    topic: &str,
    properties: &[(&str, &str)],
    records: &[JavaInput],
) -> Result<Vec<JavaAck>, ClusterError> {
    JavaClient {
        jars: cluster.jars.clone(),
    }
    .write_all(
        &cluster.direct_bootstrap_servers(),
        topic,
        properties,
        records,
    )
    .await
}

/// The Java client of one release, for any broker: an embedded one too.
#[derive(Clone, Debug)]
pub struct JavaClient {
    jars: Jars,
}

impl JavaClient {
    /// The client of a release, fetched if it is not there yet.
    ///
    /// # Errors
    /// If it cannot be fetched.
    pub async fn fetch(version: KafkaVersion) -> Result<Self, StartKafkaError> {
        Ok(Self {
            jars: Jars::fetch(version).await?,
        })
    }

    /// Everything that a topic holds now, by partition, checksums checked. Partitions behind the last
    /// one with a record are left out.
    ///
    /// # Errors
    /// If the consumer fails or takes longer than a minute; its own words are in the error.
    pub async fn read_all(
        &self,
        bootstrap_servers: &str,
        topic: &str,
        properties: &[(&str, &str)],
    ) -> Result<Vec<Vec<JavaRecord>>, ClusterError> {
        let output = self
            .run(
                "ReadAll",
                bootstrap_servers,
                topic,
                properties,
                String::new(),
            )
            .await?;
        let mut partitions: Vec<Vec<JavaRecord>> = Vec::new();
        for line in output.lines() {
            let line: ReadLine = parse("ReadAll", line)?;
            let record = JavaRecord {
                offset: line.offset,
                timestamp: line.timestamp,
                timestamp_type: line.timestamp_type,
                key: decode(line.key)?,
                value: decode(line.value)?,
                headers: line
                    .headers
                    .into_iter()
                    .map(|(name, value)| Ok((name, decode(value)?)))
                    .collect::<Result<_, ClusterError>>()?,
            };
            if partitions.len() <= line.partition {
                partitions.resize(line.partition + 1, Vec::new());
            }
            partitions[line.partition].push(record);
        }
        Ok(partitions)
    }

    /// Writes records in order and says where each went.
    ///
    /// # Errors
    /// If the producer fails, or a record does; its own words are in the error.
    pub async fn write_all(
        &self,
        bootstrap_servers: &str,
        topic: &str,
        properties: &[(&str, &str)],
        records: &[JavaInput],
    ) -> Result<Vec<JavaAck>, ClusterError> {
        let mut input = String::new();
        for record in records {
            let line = WriteLine {
                partition: record.partition,
                timestamp: record.timestamp,
                key: encode(record.key.as_ref()),
                value: encode(record.value.as_ref()),
                headers: record
                    .headers
                    .iter()
                    .map(|(name, value)| (name, encode(value.as_ref())))
                    .collect(),
            };
            input += &serde_json::to_string(&line)
                .map_err(|error| unreadable("WriteAll", error.to_string()))?;
            input.push('\n');
        }
        let output = self
            .run("WriteAll", bootstrap_servers, topic, properties, input)
            .await?;
        let acks: Vec<_> = output
            .lines()
            .map(|line| parse("WriteAll", line))
            .collect::<Result<_, _>>()?;
        if acks.len() == records.len() {
            Ok(acks)
        } else {
            Err(unreadable(
                "WriteAll",
                format!("{} answers to {} records", acks.len(), records.len()),
            ))
        }
    }

    async fn run(
        &self,
        program: &'static str,
        bootstrap_servers: &str,
        topic: &str,
        properties: &[(&str, &str)],
        input: String,
    ) -> Result<String, ClusterError> {
        let action = || format!("running {program}");
        let mut child = Command::from(self.jars.java())
            .args([
                "-Xmx512m",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                program,
                bootstrap_servers,
                topic,
            ])
            .args(
                properties
                    .iter()
                    .map(|(key, value)| format!("{key}={value}")),
            )
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(ClusterError::io(action()))?;
        let stdin = child.stdin.take();
        let write = async move {
            // Dropped behind this, which is the end of the input. A program that ends without reading
            // it has failed, and says so by its status.
            if let Some(mut stdin) = stdin {
                let _ = stdin.write_all(input.as_bytes()).await;
            }
        };
        let run = async { tokio::join!(write, child.wait_with_output()).1 };
        let output = timeout(LIMIT, run)
            .await
            .map_err(|_| ClusterError::TimedOut {
                action: action(),
                waited: LIMIT,
                last: "it still ran".into(),
            })?
            .map_err(ClusterError::io(action()))?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            return Err(ClusterError::Java {
                program,
                status: output.status.to_string(),
                output: text.into_owned(),
            });
        }
        String::from_utf8(output.stdout).map_err(|error| unreadable(program, error.to_string()))
    }
}

/// Above the programs' own limits.
const LIMIT: Duration = Duration::from_secs(90);

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReadLine {
    partition: usize,
    offset: i64,
    timestamp: i64,
    timestamp_type: String,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(String, Option<String>)>,
}

#[derive(Serialize)]
struct WriteLine<'a> {
    partition: Option<i32>,
    timestamp: Option<i64>,
    key: Option<String>,
    value: Option<String>,
    headers: Vec<(&'a String, Option<String>)>,
}

fn parse<'a, T: Deserialize<'a>>(program: &str, line: &'a str) -> Result<T, ClusterError> {
    serde_json::from_str(line).map_err(|error| unreadable(program, error.to_string()))
}

fn encode(bytes: Option<&Bytes>) -> Option<String> {
    bytes.map(|bytes| STANDARD.encode(bytes))
}

fn decode(text: Option<String>) -> Result<Option<Bytes>, ClusterError> {
    text.map(|text| STANDARD.decode(text).map(Bytes::from))
        .transpose()
        .map_err(|error| unreadable("ReadAll", error.to_string()))
}

fn unreadable(program: &str, reason: String) -> ClusterError {
    ClusterError::Unreadable {
        action: format!("running {program}"),
        reason,
    }
}
