use super::LONG;
use crate::{
    ProducerConfig,
    io::dial::{ConnectErrorKind, SocketOptions, dial_any},
};
use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
    time::Duration,
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn dial(targets: &[SocketAddr], limit: Duration) -> Result<TcpStream, ConnectErrorKind> {
    dial_any(
        targets,
        SocketOptions::of(&ProducerConfig::default()),
        limit,
    )
    .await
}

/// A listener that accepts nothing and whose queue is full, with what fills it.
async fn clogged() -> (SocketAddr, tokio::net::TcpListener, Vec<TcpStream>) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let mut queued = Vec::new();
    while let Ok(stream) = dial(&[address], Duration::from_millis(100)).await {
        queued.push(stream);
        assert!(queued.len() < 20, "the queue takes ever more");
    }
    (address, listener, queued)
}

#[tokio::test]
async fn tries_every_socket_address_of_a_name_in_turn() {
    let (_, refusing) = listen().await;
    let (clogged, _listener, _queued) = clogged().await;
    let (_alive_listener, alive) = listen().await;
    let limit = Duration::from_millis(100);
    let stream = dial(&[refusing, clogged, alive], limit).await.unwrap();
    assert_eq!(stream.peer_addr().unwrap(), alive);
}

#[tokio::test]
async fn reports_the_last_failure() {
    let (_, refusing) = listen().await;
    let (clogged, _listener, _queued) = clogged().await;
    let limit = Duration::from_millis(100);
    let error = dial(&[refusing, clogged], limit).await.unwrap_err();
    assert_eq!(error.to_string(), "no connection within 100 ms");
    let error = dial(&[clogged, refusing], limit).await.unwrap_err();
    assert_eq!(error.to_string(), "connection refused");
}

#[tokio::test]
async fn sends_small_requests_at_once() {
    let (_listener, address) = listen().await;
    let stream = dial(&[address], LONG).await.unwrap();
    assert!(stream.nodelay().unwrap());
}

#[test]
fn takes_a_reset_for_a_closed_connection() {
    for kind in [
        ErrorKind::ConnectionReset,
        ErrorKind::BrokenPipe,
        ErrorKind::UnexpectedEof,
    ] {
        let kind = ConnectErrorKind::from(Error::from(kind));
        assert!(matches!(kind, ConnectErrorKind::Closed), "{kind:?}");
    }
    let kind = ConnectErrorKind::from(Error::from(ErrorKind::NetworkUnreachable));
    assert!(matches!(kind, ConnectErrorKind::Io(_)), "{kind:?}");
}
