//! A web service in front of Kafka: one producer for all requests, 503 where its buffer is full, and
//! nothing lost at the end. The program is its own client too.

use axum::{Router, extract::State, http::StatusCode, routing::post};
use guanaco::{NoKey, prelude::*};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};
use std::net::SocketAddr;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::oneshot,
};

type Orders = SendProducer<NoKey, String>;

/// Answers when the order is in the log, or at once if it cannot be taken now.
async fn place(State(orders): State<Orders>, order: String) -> (StatusCode, String) {
    let answer = match orders.try_enqueue(ProducerRecord::new("orders", order)) {
        Ok(answer) => answer.await,
        Err(refused) => Err(refused),
    };
    match answer {
        Ok(placed) => {
            let offset = placed
                .offset
                .map_or("?".to_owned(), |offset| offset.to_string());
            (
                StatusCode::OK,
                format!("partition {}, offset {offset}", placed.partition),
            )
        }
        Err(failed) if failed.is_retriable() => {
            (StatusCode::SERVICE_UNAVAILABLE, failed.to_string())
        }
        Err(failed) => (StatusCode::INTERNAL_SERVER_ERROR, failed.to_string()),
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let broker = EmbeddedBroker::builder().topic("orders", 1).start().await?;
    // Room for one large order, so that it is soon full.
    let settings = ProducerSettings::keyless(StringSerializer)
        .with_bootstrap_servers(broker.bootstrap_servers())
        .with_property("buffer.memory", "16384");
    let orders = SendProducer::new(settings);

    let app = Router::new()
        .route("/orders", post(place))
        .with_state(orders.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let until = async { drop(stopped.await) };
        axum::serve(listener, app)
            .with_graceful_shutdown(until)
            .await
    });

    println!("{}", request(address, "3 llamas".to_owned()).await?);

    // While Kafka does not answer, one order waits and the next is refused.
    let held = broker.faults().on(ApiKey::Produce).always().hold();
    let waiting = tokio::spawn(request(address, "llama ".repeat(1500)));
    held.caught(1).await;
    println!("{}", request(address, "an alpaca".to_owned()).await?);
    held.release();
    println!("{}", waiting.await??);

    // First the server, which finishes its requests; then the producer, which delivers the rest.
    drop(stop);
    server.await??;
    let report = orders.close().await?;
    println!("{} orders placed", report.acknowledged);
    Ok(())
}

/// Posts an order; the status and the answer.
async fn request(server: SocketAddr, order: String) -> std::io::Result<String> {
    let length = order.len();
    let head = format!(
        "POST /orders HTTP/1.1\r\nHost: shop\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    let mut stream = TcpStream::connect(server).await?;
    stream.write_all((head + &order).as_bytes()).await?;
    let mut response = String::new();
    stream.read_to_string(&mut response).await?;
    let (head, body) = response.split_once("\r\n\r\n").unwrap_or((&response, ""));
    let status = head.split_whitespace().nth(1).unwrap_or("no status");
    Ok(format!("{status}: {body}"))
}
