//! As much of HTTP/1.1 as the clients of a registry speak.

use serde_json::json;
use std::io;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    pub(super) authorization: Option<String>,
    pub(super) body: Vec<u8>,
}

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn ok(body: &serde_json::Value) -> Self {
        Self {
            status: 200,
            body: body.to_string().into(),
        }
    }

    pub(super) fn error(status: u16, code: u32, message: &str) -> Self {
        let body = json!({ "error_code": code, "message": message });
        Self {
            status,
            body: body.to_string().into(),
        }
    }
}

/// The next request of a connection; none at its end. What was read beyond it stays in `buffer`.
pub(super) async fn read(
    stream: &mut TcpStream,
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    let head = loop {
        if let Some(end) = buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            break end + 4;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&buffer[..head]).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let header = |name: &str| {
        let mut headers = text.lines().filter_map(|line| line.split_once(':'));
        let found = headers.find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.trim().to_owned())
    };
    let length = header("content-length").and_then(|text| text.parse().ok());
    let end = head + length.unwrap_or(0);
    while buffer.len() < end {
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
    let request = Request {
        method: first.next().unwrap_or_default().to_owned(),
        target: first.next().unwrap_or_default().to_owned(),
        authorization: header("authorization"),
        body: buffer[head..end].to_vec(),
    };
    buffer.drain(..end);
    Ok(Some(request))
}

pub(super) async fn write(stream: &mut TcpStream, reply: &Reply) -> io::Result<()> {
    let head = format!(
        "HTTP/1.1 {} -\r\nContent-Type: application/vnd.schemaregistry.v1+json\r\nContent-Length: {}\r\n\r\n",
        reply.status,
        reply.body.len()
    );
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&reply.body);
    write_raw(stream, &bytes).await
}

pub(super) async fn write_raw(stream: &mut TcpStream, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}
