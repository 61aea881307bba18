use crate::io::resolve::{Address, ResolveError, Resolver, StaticAddresses};

#[tokio::test]
async fn gives_the_configured_addresses_every_time() {
    let addresses = StaticAddresses::parse(&["one:9092", "127.0.0.1:1", "[::1]:9093"]).unwrap();
    for _ in 0..2 {
        let found = addresses.resolve().await.unwrap();
        let shown: Vec<_> = found.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["one:9092", "127.0.0.1:1", "[::1]:9093"]);
        assert_eq!(&*found[2].host, "::1");
    }
}

#[test]
fn refuses_what_is_no_host_and_port_without_showing_it() {
    for entry in [
        "",
        "host",
        "host:0",
        "::1:9092",
        "user:secret@host:9092",
        "SSL://host:9092",
    ] {
        let error = StaticAddresses::parse(&["good:1", entry]).unwrap_err();
        assert!(
            matches!(error, ResolveError::Invalid { position: 2, .. }),
            "{entry:?}: {error:?}"
        );
        let text = error.to_string();
        assert!(text.starts_with("entry 2 of bootstrap.servers "), "{text}");
        assert!(!text.contains("secret"), "{text}");
    }
    assert_eq!(
        StaticAddresses::parse::<&str>(&[]).unwrap_err(),
        ResolveError::Empty
    );
}

#[tokio::test]
async fn finds_every_socket_address_of_a_name() {
    let found = Address::new("127.0.0.1", 9092).lookup().await.unwrap();
    assert_eq!(found, ["127.0.0.1:9092".parse().unwrap()]);
    let found = Address::new("localhost", 9092).lookup().await.unwrap();
    assert!(
        found
            .iter()
            .all(|address| address.ip().is_loopback() && address.port() == 9092)
    );
}

#[tokio::test]
async fn an_address_with_an_ip_needs_no_name_service() {
    let address = Address::parse("no.such.host.invalid:9092").unwrap();
    let address = address.at([127, 0, 0, 9].into());
    let found = address.lookup().await.unwrap();
    assert_eq!(found, ["127.0.0.9:9092".parse().unwrap()]);
    assert_eq!(
        address.to_string(),
        "no.such.host.invalid:9092 at 127.0.0.9"
    );
}

/// The only thread that may block is taken, and given back by a task on the runtime's own thread: a
/// lookup that blocked that one would never end.
#[test]
fn a_lookup_blocks_no_thread_of_the_runtime() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(1)
        .build()
        .unwrap();
    let (give_back, given_back) = std::sync::mpsc::channel::<()>();
    runtime.block_on(async {
        let taken = tokio::task::spawn_blocking(move || given_back.recv());
        let ticks = async {
            for _ in 0..20 {
                tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            }
            give_back.send(()).unwrap();
        };
        let address = Address::new("localhost", 9092);
        let mut lookup = std::pin::pin!(address.lookup());
        tokio::select! {
            biased;
            found = &mut lookup => panic!("it did not wait for a thread: {found:?}"),
            () = ticks => {}
        }
        taken.await.unwrap().unwrap();
        assert!(!lookup.await.unwrap().is_empty());
    });
}
