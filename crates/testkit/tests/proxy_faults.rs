//! Every fault of the proxy, against a server that answers each frame with its correlation id.

use guanaco_testkit::proxy::{ApiKey, Direction, Proxy, Rule};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    time::timeout,
};

/// Far more than anything here takes.
const BOUND: Duration = Duration::from_secs(20);

/// A server and the proxy in front of it.
struct Toy {
    proxy: Proxy,
    received: mpsc::UnboundedReceiver<i32>,
}

impl Toy {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let (sender, received) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, sender.clone()));
            }
        });
        Self {
            proxy: Proxy::start(address).expect("a proxy starts"),
            received,
        }
    }

    async fn client(&self) -> Client {
        Client(
            TcpStream::connect(self.proxy.address())
                .await
                .expect("the proxy accepts"),
        )
    }

    /// The next request that reached the server.
    async fn next(&mut self) -> i32 {
        timeout(BOUND, self.received.recv())
            .await
            .expect("a request arrives")
            .expect("the server lives")
    }

    fn nothing_came(&mut self) -> bool {
        self.received.try_recv().is_err()
    }
}

/// Answers each request with its correlation id and its own length.
async fn answer(mut stream: TcpStream, received: mpsc::UnboundedSender<i32>) -> io::Result<()> {
    loop {
        let length = stream.read_i32().await?;
        let mut body = vec![0; usize::try_from(length).expect("a length")];
        stream.read_exact(&mut body).await?;
        let correlation = i32::from_be_bytes(body[4..8].try_into().expect("four bytes"));
        // The test may be over.
        let _ = received.send(correlation);
        body.drain(..4);
        stream.write_i32(length - 4).await?;
        stream.write_all(&body).await?;
    }
}

struct Client(TcpStream);

impl Client {
    async fn send(&mut self, api: ApiKey, correlation: i32) {
        self.send_padded(api, correlation, 0).await;
    }

    async fn send_padded(&mut self, api: ApiKey, correlation: i32, padding: usize) {
        let mut frame = Vec::new();
        frame.extend(
            i32::try_from(8 + padding)
                .expect("a small frame")
                .to_be_bytes(),
        );
        frame.extend((api as i16).to_be_bytes());
        frame.extend(0_i16.to_be_bytes());
        frame.extend(correlation.to_be_bytes());
        frame.resize(12 + padding, 7);
        self.0.write_all(&frame).await.expect("the proxy reads");
    }

    /// The correlation id of the next answer; an error if the connection is closed.
    async fn receive(&mut self) -> io::Result<i32> {
        let answer = async {
            let length = self.0.read_i32().await?;
            let mut body = vec![0; usize::try_from(length).expect("a length")];
            self.0.read_exact(&mut body).await?;
            assert!(
                body[4..].iter().all(|byte| *byte == 7),
                "the bytes are those that were sent"
            );
            Ok(i32::from_be_bytes(
                body[..4].try_into().expect("four bytes"),
            ))
        };
        timeout(BOUND, answer).await.expect("an answer or the end")
    }

    async fn call(&mut self, api: ApiKey, correlation: i32) -> io::Result<i32> {
        self.send(api, correlation).await;
        self.receive().await
    }
}

#[tokio::test]
async fn without_rules_frames_go_both_ways_untouched() {
    let toy = Toy::start().await;
    let mut client = toy.client().await;
    client.send_padded(ApiKey::Produce, 1, 100_000).await;
    client.send(ApiKey::Fetch, 2).await;
    assert_eq!(client.receive().await.expect("an answer"), 1);
    assert_eq!(client.receive().await.expect("an answer"), 2);
    assert_eq!(toy.proxy.requests(ApiKey::Produce), 1);
    assert_eq!(toy.proxy.requests(ApiKey::Metadata), 0);
    assert_eq!(toy.proxy.open_connections(), 1);
}

#[tokio::test]
async fn a_held_request_and_all_behind_it_wait_for_the_release() {
    let mut toy = Toy::start().await;
    let held = toy
        .proxy
        .add(Rule::requests().api(ApiKey::Produce).nth(1).hold());
    let mut client = toy.client().await;
    client.send(ApiKey::Produce, 1).await;
    client.send(ApiKey::Produce, 2).await;
    held.wait_for(1, BOUND).await.expect("the rule is met");

    // Another connection is not concerned, and what it asks overtakes.
    let mut other = toy.client().await;
    assert_eq!(other.call(ApiKey::Metadata, 3).await.expect("an answer"), 3);
    assert_eq!(toy.next().await, 3);
    assert!(toy.nothing_came());

    held.release();
    assert_eq!(client.receive().await.expect("an answer"), 1);
    assert_eq!(client.receive().await.expect("an answer"), 2);
    assert_eq!((toy.next().await, toy.next().await), (1, 2));
    assert_eq!(held.hits(), 1);
}

#[tokio::test]
async fn a_held_request_reaches_the_broker_even_if_the_client_hung_up() {
    let mut toy = Toy::start().await;
    let held = toy.proxy.add(Rule::requests().api(ApiKey::EndTxn).hold());
    let mut client = toy.client().await;
    client.send(ApiKey::EndTxn, 1).await;
    held.wait_for(1, BOUND).await.expect("the rule is met");
    drop(client);
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Metadata, 2)
            .await
            .expect("an answer"),
        2
    );
    assert_eq!(toy.next().await, 2);
    held.release();
    assert_eq!(toy.next().await, 1);
}

#[tokio::test]
async fn a_hold_with_a_time_limit_ends_by_itself() {
    let toy = Toy::start().await;
    let limit = Duration::from_millis(150);
    let began = Instant::now();
    toy.proxy.add(Rule::requests().lasting(limit).hold());
    let mut client = toy.client().await;
    assert_eq!(client.call(ApiKey::Produce, 1).await.expect("an answer"), 1);
    assert!(began.elapsed() >= limit);
}

#[tokio::test]
async fn a_dropped_request_never_arrives_and_the_connection_goes_on() {
    let mut toy = Toy::start().await;
    let dropped = toy
        .proxy
        .add(Rule::requests().api(ApiKey::Produce).nth(2).drop());
    let mut client = toy.client().await;
    for correlation in 1..=3 {
        client.send(ApiKey::Produce, correlation).await;
    }
    assert_eq!(client.receive().await.expect("an answer"), 1);
    assert_eq!(client.receive().await.expect("an answer"), 3);
    assert_eq!((toy.next().await, toy.next().await), (1, 3));
    assert_eq!(dropped.hits(), 1);
    assert_eq!(toy.proxy.requests(ApiKey::Produce), 3);
}

#[tokio::test]
async fn a_response_is_known_by_the_request_that_it_answers() {
    let mut toy = Toy::start().await;
    toy.proxy
        .add(Rule::responses().api(ApiKey::Produce).first(1).drop());
    let mut client = toy.client().await;
    client.send(ApiKey::Metadata, 1).await;
    client.send(ApiKey::Produce, 2).await;
    client.send(ApiKey::Produce, 3).await;
    assert_eq!(client.receive().await.expect("an answer"), 1);
    assert_eq!(client.receive().await.expect("an answer"), 3);
    assert_eq!(
        (toy.next().await, toy.next().await, toy.next().await),
        (1, 2, 3)
    );
}

#[tokio::test]
async fn requests_without_an_answer_do_not_shift_the_others() {
    let toy = Toy::start().await;
    toy.proxy.add(Rule::requests().api(ApiKey::Metadata).drop());
    let answers = toy.proxy.add(Rule::responses().api(ApiKey::Produce));
    let mut client = toy.client().await;
    client.send(ApiKey::Metadata, 1).await;
    assert_eq!(client.call(ApiKey::Produce, 2).await.expect("an answer"), 2);
    assert_eq!(client.call(ApiKey::Fetch, 3).await.expect("an answer"), 3);
    assert_eq!(answers.hits(), 1);
}

#[tokio::test]
async fn a_client_that_has_said_all_still_gets_its_answers() {
    let toy = Toy::start().await;
    let held = toy.proxy.add(Rule::responses().api(ApiKey::Produce).hold());
    let mut client = toy.client().await;
    client.send(ApiKey::Produce, 1).await;
    client.0.shutdown().await.expect("the connection is open");
    held.wait_for(1, BOUND).await.expect("the rule is met");
    held.release();
    assert_eq!(client.receive().await.expect("an answer"), 1);
    assert!(client.receive().await.is_err());
}

#[tokio::test]
async fn closing_on_a_response_lets_the_broker_act_and_the_client_guess() {
    let mut toy = Toy::start().await;
    toy.proxy
        .add(Rule::responses().api(ApiKey::Produce).nth(1).close());
    let mut client = toy.client().await;
    assert!(client.call(ApiKey::Produce, 1).await.is_err());
    assert_eq!(toy.next().await, 1);
    // The count goes on over connections, so the next one is not concerned.
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Produce, 2)
            .await
            .expect("an answer"),
        2
    );
}

#[tokio::test]
async fn closing_on_a_request_keeps_it_from_the_broker() {
    let mut toy = Toy::start().await;
    toy.proxy
        .add(Rule::requests().api(ApiKey::Produce).nth(1).close());
    assert!(toy.client().await.call(ApiKey::Produce, 1).await.is_err());
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Produce, 2)
            .await
            .expect("an answer"),
        2
    );
    assert_eq!(toy.next().await, 2);
}

#[tokio::test]
async fn a_delayed_response_comes_late() {
    let toy = Toy::start().await;
    let delay = Duration::from_millis(150);
    toy.proxy
        .add(Rule::responses().api(ApiKey::Produce).nth(2).delay(delay));
    let mut client = toy.client().await;
    assert_eq!(client.call(ApiKey::Produce, 1).await.expect("an answer"), 1);
    let began = Instant::now();
    assert_eq!(client.call(ApiKey::Produce, 2).await.expect("an answer"), 2);
    assert!(began.elapsed() >= delay);
}

#[tokio::test]
async fn a_trickled_frame_takes_its_time() {
    let toy = Toy::start().await;
    toy.proxy
        .add(Rule::requests().api(ApiKey::Produce).nth(1).trickle(10_000));
    let mut client = toy.client().await;
    let began = Instant::now();
    client.send_padded(ApiKey::Produce, 1, 2_000).await;
    assert_eq!(client.receive().await.expect("an answer"), 1);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(190), "{took:?}");
}

#[tokio::test]
async fn cutting_closes_what_is_open_and_accepts_what_comes() {
    let toy = Toy::start().await;
    let mut client = toy.client().await;
    assert_eq!(client.call(ApiKey::Produce, 1).await.expect("an answer"), 1);
    toy.proxy.cut_all();
    assert!(client.receive().await.is_err());
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Produce, 2)
            .await
            .expect("an answer"),
        2
    );
    assert_eq!(toy.proxy.accepted_connections(), 2);
}

#[tokio::test]
async fn a_black_hole_swallows_nothing_for_good() {
    let mut toy = Toy::start().await;
    let mut client = toy.client().await;
    toy.proxy.blackhole(Direction::ToClient);
    client.send(ApiKey::Produce, 1).await;
    assert_eq!(toy.next().await, 1);
    // That something does not come can only be seen by waiting for it.
    assert!(
        timeout(Duration::from_millis(100), client.0.read_u8())
            .await
            .is_err()
    );
    toy.proxy.reopen(Direction::ToClient);
    assert_eq!(client.receive().await.expect("an answer"), 1);

    toy.proxy.blackhole(Direction::ToBroker);
    client.send(ApiKey::Produce, 2).await;
    assert!(
        timeout(Duration::from_millis(100), client.0.read_u8())
            .await
            .is_err()
    );
    assert!(toy.nothing_came());
    toy.proxy.heal();
    assert_eq!(client.receive().await.expect("an answer"), 2);
}

#[tokio::test]
async fn connections_die_of_age_within_the_range() {
    let toy = Toy::start().await;
    let range = Duration::from_millis(50)..Duration::from_millis(150);
    toy.proxy.set_connection_lifetime(range.clone(), 1);
    let began = Instant::now();
    let mut client = toy.client().await;
    assert!(client.receive().await.is_err());
    assert!(began.elapsed() >= range.start);
    toy.proxy.heal();
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Produce, 1)
            .await
            .expect("an answer"),
        1
    );
}

#[tokio::test]
async fn latency_is_paid_once_by_requests_that_overlap() {
    let toy = Toy::start().await;
    let latency = Duration::from_millis(100);
    toy.proxy.set_latency(latency);
    let mut client = toy.client().await;
    let began = Instant::now();
    for correlation in 0..20 {
        client.send(ApiKey::Produce, correlation).await;
    }
    for correlation in 0..20 {
        assert_eq!(client.receive().await.expect("an answer"), correlation);
    }
    let took = began.elapsed();
    assert!(took >= 2 * latency, "{took:?}");
    assert!(took < 20 * latency, "{took:?}");
}

#[tokio::test]
async fn bandwidth_is_shared_by_all_connections() {
    let toy = Toy::start().await;
    toy.proxy.set_bandwidth(Some(100_000));
    let (mut one, mut two) = (toy.client().await, toy.client().await);
    let began = Instant::now();
    one.send_padded(ApiKey::Produce, 1, 10_000).await;
    two.send_padded(ApiKey::Produce, 2, 10_000).await;
    assert_eq!(one.receive().await.expect("an answer"), 1);
    assert_eq!(two.receive().await.expect("an answer"), 2);
    let took = began.elapsed();
    // Both requests take 200 ms; the answer to the later one cannot begin sooner and takes 100 ms.
    assert!(took >= Duration::from_millis(290), "{took:?}");
}

#[tokio::test]
async fn who_cannot_reach_the_broker_is_hung_up_on() {
    let closed = {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        listener.local_addr().expect("a bound address")
    };
    let proxy = Proxy::start(closed).expect("a proxy starts");
    let mut client = Client(
        TcpStream::connect(proxy.address())
            .await
            .expect("the proxy accepts"),
    );
    assert!(client.receive().await.is_err());

    let toy = Toy::start().await;
    toy.proxy.refuse_connections(true);
    assert!(toy.client().await.receive().await.is_err());
    toy.proxy.refuse_connections(false);
    assert_eq!(
        toy.client()
            .await
            .call(ApiKey::Produce, 1)
            .await
            .expect("an answer"),
        1
    );
}

#[tokio::test]
async fn what_is_not_kafka_is_hung_up_on() {
    let mut toy = Toy::start().await;
    let mut client = toy.client().await;
    client
        .0
        .write_all(b"\xff\xff\xff\xffGET / HTTP/1.1\r\n\r\n")
        .await
        .expect("the proxy reads");
    assert!(client.receive().await.is_err());
    assert!(toy.nothing_came());
}

#[tokio::test]
async fn dropping_the_proxy_closes_its_port_and_its_connections() {
    let toy = Toy::start().await;
    let mut client = toy.client().await;
    assert_eq!(client.call(ApiKey::Produce, 1).await.expect("an answer"), 1);
    let address = toy.proxy.address();
    drop(toy.proxy);
    assert!(client.receive().await.is_err());
    let refused = async { while TcpStream::connect(address).await.is_ok() {} };
    timeout(BOUND, refused).await.expect("the port is closed");
}
