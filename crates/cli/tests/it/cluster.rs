//! Against a cluster: the model broker, in the test's own process, with faults.

use crate::run::{Running, command, guanaco};
use guanaco_testkit::embedded::{ApiKey, EmbeddedBroker};

use serde_json::json;
use std::time::{Duration, Instant};

/// Kafka's code for it.
const TOPIC_AUTHORIZATION_FAILED: i16 = 29;

/// Runs `test` against a broker. The binary is waited for on a thread, so that the runtime is free.
fn with_broker<F: Future<Output = ()>>(test: impl FnOnce(EmbeddedBroker) -> F) {
    tokio::runtime::Runtime::new().unwrap().block_on(async {
        let broker = EmbeddedBroker::builder()
            .topic("orders", 2)
            .no_auto_create_topics()
            .start()
            .await
            .unwrap();
        test(broker).await;
    });
}

fn produce(broker: &EmbeddedBroker, more: &[&str]) -> std::process::Command {
    let mut command = command(&["produce", "-t", "orders", "--json"]);
    command.args(["-b", &broker.bootstrap_servers()]).args(more);
    command
}

async fn ended(running: Running) -> crate::run::Ended {
    tokio::task::spawn_blocking(|| running.end()).await.unwrap()
}

fn text(bytes: Option<&bytes::Bytes>) -> Option<&str> {
    bytes.map(|bytes| std::str::from_utf8(bytes).unwrap())
}

#[test]
fn keys_values_headers_and_nulls_arrive_as_they_were_given() {
    with_broker(|broker| async move {
        let more = [
            "-K",
            "=>",
            "-Z",
            "-H",
            "source=shop",
            "-H",
            "empty=",
            "-H",
            "null",
            "-p",
            "1",
        ];
        let mut running = Running::start(produce(&broker, &more));
        running.feed("k=>v=>w\r\ntombstone=>\n=>keyless\n");
        let json = ended(running).await.expect(0).json();
        assert_eq!(json["broker"], broker.cluster_id());
        assert_eq!(
            json["partitions"],
            json!([{"partition": 1, "records": 3, "first_offset": 0, "last_offset": 2}])
        );
        let records = broker.records("orders").unwrap().remove(1);
        let pairs: Vec<_> = records
            .iter()
            .map(|record| (text(record.key.as_ref()), text(record.value.as_ref())))
            .collect();
        assert_eq!(
            pairs,
            [
                (Some("k"), Some("v=>w")),
                (Some("tombstone"), None),
                (None, Some("keyless"))
            ]
        );
        let headers: Vec<_> = records[0]
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), text(value.as_ref())))
            .collect();
        assert_eq!(
            headers,
            [
                ("source", Some("shop")),
                ("empty", Some("")),
                ("null", None)
            ]
        );
    });
}

#[test]
fn lines_of_one_key_keep_their_order() {
    with_broker(|broker| async move {
        let mut running = Running::start(produce(&broker, &["--key-field", "k"]));
        let lines: Vec<_> = (0..20_000)
            .map(|n| format!("{{\"k\":{},\"n\":{n}}}", n % 7))
            .collect();
        running.feed(&(lines.join("\n") + "\n"));
        assert_eq!(
            ended(running).await.expect(0).json()["acknowledged"],
            20_000
        );
        let mut seen = [None; 7];
        for record in broker.records("orders").unwrap().into_iter().flatten() {
            let value: serde_json::Value = serde_json::from_slice(&record.value.unwrap()).unwrap();
            let (key, n) = (value["k"].as_u64().unwrap() as usize, value["n"].as_u64());
            assert_eq!(text(record.key.as_ref()), Some(&*key.to_string()));
            assert!(seen[key] < n, "{seen:?} then {n:?} of {key}");
            seen[key] = n;
        }
    });
}

#[test]
fn the_address_may_come_from_the_environment() {
    with_broker(|broker| async move {
        let mut command = command(&["produce", "-t", "orders", "--json", "--no-embedded"]);
        command.env("GUANACO_BOOTSTRAP_SERVERS", broker.bootstrap_servers());
        let mut running = Running::start(command);
        running.feed("a\n");
        assert_eq!(
            ended(running).await.expect(0).json()["broker"],
            broker.cluster_id()
        );
    });
}

#[test]
fn an_unreachable_cluster_is_told_within_its_bound() {
    let start = Instant::now();
    // Port 1 is privileged and unused: the connection is refused.
    let args = [
        "produce",
        "-t",
        "orders",
        "-b",
        "127.0.0.1:1",
        "-X",
        "start.timeout.ms=1500",
    ];
    let ended = guanaco(&args, "a\n").expect(3);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    assert!(ended.stderr.contains("127.0.0.1:1"), "{ended:#?}");
    assert_eq!(ended.stderr.lines().count(), 1, "one line: {ended:#?}");
    assert_eq!(ended.stdout, "");
}

#[test]
fn a_topic_that_is_not_there_is_told() {
    with_broker(|broker| async move {
        let mut command = command(&["produce", "-t", "missing", "-X", "max.block.ms=500"]);
        command.args(["-b", &broker.bootstrap_servers()]);
        let ended = ended(Running::start(command)).await.expect(2);
        assert!(
            ended.stderr.contains("missing") && ended.stderr.contains("create the topic"),
            "{ended:#?}"
        );
    });
}

#[test]
fn undelivered_lines_are_written_back_in_input_form() {
    with_broker(|broker| async move {
        let path = std::env::temp_dir().join(format!("guanaco-it-failed-{}", std::process::id()));
        let more = ["-K", ":", "--failed", path.to_str().unwrap()];
        let mut running = Running::start(produce(&broker, &more));
        // Beyond max.request.size, 1 MiB.
        let large = "x".repeat(1_200_000);
        running.feed(&format!("a:1\nb:{large}\nc:3\n"));
        let ended = ended(running).await.expect(4);
        let json = ended.json();
        assert_eq!(
            (&json["records"], &json["acknowledged"], &json["failed"]),
            (&json!(3), &json!(2), &json!(1))
        );
        assert_eq!(json["not_written"], 1);
        assert_eq!(json["failures"][0]["first_line"], 2);
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            format!("b:{large}\n")
        );
        std::fs::remove_file(path).unwrap();
    });
}

#[test]
fn a_refusal_for_good_ends_with_failed_deliveries() {
    with_broker(|broker| async move {
        broker
            .faults()
            .on(ApiKey::Produce)
            .always()
            .error(TOPIC_AUTHORIZATION_FAILED);
        let mut running = Running::start(produce(&broker, &[]));
        running.feed("a\nb\n");
        let json = ended(running).await.expect(4).json();
        assert_eq!(
            (&json["failed"], &json["not_written"]),
            (&json!(2), &json!(2))
        );
        assert!(
            json["failures"][0]["error"]
                .as_str()
                .unwrap()
                .contains("TOPIC_AUTHORIZATION_FAILED"),
            "{json}"
        );
    });
}

#[cfg(unix)]
#[test]
fn an_interrupt_waits_for_what_is_in_flight() {
    with_broker(|broker| async move {
        let held = broker.faults().on(ApiKey::Produce).hold_response();
        let mut running = Running::start(produce(&broker, &[]));
        running.feed("a\nb\nc\n");
        held.caught(1).await;
        running.signal("INT");
        let mut running = tokio::task::spawn_blocking(move || {
            running.wait_for_note("records in flight");
            running
        })
        .await
        .unwrap();
        // Read by nobody: the input has ended for this run.
        running.feed("late\n");
        held.release();
        let ended = tokio::task::spawn_blocking(|| running.wait())
            .await
            .unwrap()
            .expect(130);
        let json = ended.json();
        assert_eq!(
            (&json["interrupted"], &json["failed"]),
            (&json!(true), &json!(0))
        );
        assert_eq!(json["acknowledged"].as_u64().unwrap(), 3);
        assert_eq!(broker.end_offsets("orders").unwrap().iter().sum::<i64>(), 3);
    });
}

#[cfg(unix)]
#[test]
fn a_second_interrupt_leaves_the_rest_and_counts_it() {
    with_broker(|broker| async move {
        let held = broker.faults().on(ApiKey::Produce).always().hold_response();
        let mut running = Running::start(produce(&broker, &[]));
        running.feed("a\nb\n");
        held.caught(1).await;
        running.signal("INT");
        let ended = tokio::task::spawn_blocking(move || {
            running.wait_for_note("records in flight");
            running.signal("INT");
            running.wait()
        });
        let json = ended.await.unwrap().expect(4).json();
        assert_eq!(
            (&json["acknowledged"], &json["maybe_written"]),
            (&json!(0), &json!(2))
        );
    });
}
