//! An endpoint for Prometheus: what a scrape of a running producer gives.

use futures_util::{StreamExt, stream};
use guanaco::prelude::*;
use guanaco_testkit::embedded::EmbeddedBroker;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{io, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

const SECONDS: [f64; 8] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 10.0];
const BYTES: [f64; 5] = [1e3, 1e4, 1e5, 1e6, 1e7];

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Before the first producer, so that it misses nothing.
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_bytes".to_owned()), &BYTES)?
        .install_recorder()?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(serve(listener, recorder));

    let broker = EmbeddedBroker::builder()
        .topic("numbers", 2)
        .start()
        .await?;
    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_client_id("counter")
        .with_metrics_interval(Duration::from_millis(50)); // 5 s if not set
    let shared = settings.create_kafka_producer().await?;
    stream::iter(1..=10_000)
        .map(|n| ProducerRecord::new("numbers", n.to_string()))
        .run_with(producer::plain_sink(settings.with_producer(&shared)))
        .await?;

    // What Prometheus does every few seconds.
    let sent = "guanaco_producer_topic_record_send_total";
    let page = loop {
        let page = scrape(address).await?;
        if page.contains("10000") {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for line in page.lines().filter(|line| line.contains(sent)) {
        println!("{line}");
    }
    shared.close().await;
    Ok(())
}

/// Answers every request with the page, whatever it asks for.
async fn serve(listener: TcpListener, recorder: PrometheusHandle) -> io::Result<()> {
    loop {
        let (mut stream, _) = listener.accept().await?;
        let page = recorder.render();
        tokio::spawn(async move {
            if stream.read(&mut [0; 1024]).await? == 0 {
                return Ok(());
            }
            let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; version=0.0.4";
            let answer = format!("{head}\r\ncontent-length: {}\r\n\r\n{page}", page.len());
            stream.write_all(answer.as_bytes()).await
        });
    }
}

async fn scrape(address: std::net::SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}
