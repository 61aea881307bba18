use super::*;
use crate::io::{
    resolve::{Resolving, Unresolved},
    tests::{
        peer::{SASL, connected_over},
        sasl::alice,
    },
};
use std::sync::OnceLock;
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Handle,
    time::Instant,
};

/// Knows no address, and when it was first asked for one.
#[derive(Debug, Default)]
struct Nowhere(OnceLock<Instant>);

impl Resolver for Nowhere {
    fn resolve(&self) -> Resolving<'_> {
        self.0.get_or_init(Instant::now);
        let error = Arc::new(std::io::Error::other("nowhere"));
        let retriable = false;
        Box::pin(std::future::ready(Err(Unresolved { error, retriable })))
    }
}

/// A connection and its peer, over TCP.
async fn connected() -> (Connection<Stream>, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let ours = TcpStream::connect(listener.local_addr().unwrap());
    let (ours, theirs) = tokio::join!(ours, listener.accept());
    let (ours, theirs) = (Stream::Plain(ours.unwrap()), theirs.unwrap().0);
    connected_over(ours, theirs, &SASL).await
}

#[tokio::test]
async fn a_connection_that_cannot_be_renewed_keeps_an_errand_no_longer_than_a_new_one() {
    let config = alice(&[]);
    let options = ConnectOptions::of(&config).unwrap();
    let shared = Shared::new(Arc::new(config), options, None, Handle::current());
    let resolver = Arc::new(Nowhere::default());
    let mut control = Control::new(&Arc::new(shared), Arc::clone(&resolver) as _);
    let (mut connection, _silent) = connected().await;
    connection.renew_at(Some(Instant::now()));
    control.connection = Some(connection);
    tokio::time::pause();
    let began = Instant::now();
    let gone = control.go(Errand::ProducerId, Some(control.start)).await;
    assert!(matches!(gone, Err(Trouble::Start(_))));
    let waited = *resolver.0.get().expect("it looks for another") - began;
    assert!(waited < CONTROL_LIMIT * 3 / 2, "{waited:?}");
}
