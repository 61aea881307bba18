//! Brokers from a registry: the healthy instances of a service, as Consul's HTTP API has them.
//!
//! Runs by itself: a stand-in answers as Consul does. With a real one, `CONSUL` is its address, and
//! `HttpRegistry` is better made with the HTTP client that your program has anyway. Kubernetes is
//! the same with another path and other fields: `/api/v1/namespaces/NAMESPACE/endpoints/SERVICE`.

use futures_util::{StreamExt, stream};
use guanaco::{
    discovery::{Discovery, Endpoint, Lookup},
    prelude::*,
    serialization::BoxError,
};
use guanaco_testkit::embedded::EmbeddedBroker;
use std::{net::SocketAddr, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// No answer of a registry is larger.
const MOST: u64 = 1 << 20;

struct Consul {
    address: SocketAddr,
}

impl Discovery for Consul {
    fn method(&self) -> &str {
        "consul"
    }

    fn lookup<'a>(&'a self, service: &'a str, _: Duration) -> Lookup<'a> {
        Box::pin(async move {
            let path = format!("/v1/health/service/{service}?passing");
            instances(&get(self.address, &path).await?)
        })
    }
}

/// The answer's `[{"Service": {"Address": "10.0.0.1", "Port": 9092}}, ..]`.
fn instances(body: &str) -> Result<Vec<Endpoint>, BoxError> {
    let answer: serde_json::Value = serde_json::from_str(body)?;
    let instances = answer.as_array().ok_or("not a list of instances")?;
    let endpoint = |instance: &serde_json::Value| {
        let service = &instance["Service"];
        let host = service["Address"].as_str()?;
        let port = service["Port"].as_u64()?.try_into().ok()?;
        Some(Endpoint::new(host, port))
    };
    let endpoints: Option<Vec<_>> = instances.iter().map(endpoint).collect();
    endpoints.ok_or_else(|| "an instance without address and port".into())
}

/// Whoever asks has a time limit: none is needed here.
async fn get(address: SocketAddr, path: &str) -> Result<String, BoxError> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.take(MOST).read_to_string(&mut answer).await?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("not an answer")?;
    match head.split(' ').nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err("the registry refused".into()),
    }
}

/// Answers each request as Consul does, with these brokers.
async fn stand_in(listener: TcpListener, brokers: String) -> std::io::Result<()> {
    let instances = brokers.split(',').filter_map(|broker| {
        let (host, port) = broker.rsplit_once(':')?;
        Some(format!(
            r#"{{"Service": {{"Address": "{host}", "Port": {port}}}}}"#
        ))
    });
    let body = format!("[{}]", instances.collect::<Vec<_>>().join(", "));
    loop {
        let (mut stream, _) = listener.accept().await?;
        let mut request = [0; 1024];
        let length = stream.read(&mut request).await?;
        let line = String::from_utf8_lossy(&request[..length]);
        println!("{}", line.lines().next().unwrap_or_default());
        let answer = format!("HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{body}");
        stream.write_all(answer.as_bytes()).await?;
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("orders", 1).start().await?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let consul = Consul {
        address: listener.local_addr()?,
    };
    tokio::spawn(stand_in(listener, broker.bootstrap_servers()));

    let settings = ProducerSettings::keyless(StringSerializer)
        .with_discovery(consul, "kafka")
        .with_resolve_timeout(Duration::from_secs(1));
    stream::iter(["hay", "oats"])
        .map(|order| ProducerRecord::new("orders", order.to_owned()))
        .run_with(producer::plain_sink(settings))
        .await?;
    println!("{:?} records are in the log", broker.end_offsets("orders")?);
    Ok(())
}
