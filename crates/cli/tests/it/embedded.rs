//! Without an address: the embedded broker.

use crate::run::{Running, command, guanaco};
use serde_json::json;

const ORDERS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/orders.ndjson");

#[test]
fn the_sample_orders_are_acknowledged_and_read_back() {
    let ended = guanaco(
        &[
            "produce",
            "--topic",
            "orders",
            "--key-field",
            "customer_id",
            ORDERS,
        ],
        "",
    )
    .expect(0);
    assert!(
        ended
            .stdout
            .starts_with("500 of 500 records acknowledged in "),
        "{ended:#?}"
    );
    assert!(ended.stdout.contains("latency in ms: p50 "), "{ended:#?}");
    assert!(
        ended.stdout.contains("read back:\n  orders/0 @0 C-"),
        "{ended:#?}"
    );
    let notes: Vec<_> = ended.stderr.lines().collect();
    assert!(
        notes
            .first()
            .unwrap()
            .contains("records are discarded on exit"),
        "{ended:#?}"
    );
    assert!(
        notes
            .last()
            .unwrap()
            .contains("its 500 records of orders are discarded"),
        "{ended:#?}"
    );
}

#[test]
fn json_is_one_object_with_the_documented_fields() {
    let json = guanaco(&["produce", "-t", "orders", "--json", ORDERS], "")
        .expect(0)
        .json();
    assert_eq!(
        (&json["records"], &json["acknowledged"], &json["failed"]),
        (&json!(500), &json!(500), &json!(0))
    );
    assert_eq!(
        (&json["broker"], &json["topic"]),
        (&json!("embedded"), &json!("orders"))
    );
    assert_eq!(
        json["bytes"],
        std::fs::metadata(ORDERS).unwrap().len() - 500,
        "the lines without their ends"
    );
    assert!(json["seconds"].as_f64().unwrap() > 0.0);
    assert!(json["records_per_second"].as_f64().unwrap() > 0.0);
    assert!(json["latency_ms"]["p99"].as_f64().unwrap() > 0.0);
    let partitions = json["partitions"].as_array().unwrap();
    let counted: u64 = partitions
        .iter()
        .map(|partition| partition["records"].as_u64().unwrap())
        .sum();
    assert_eq!(counted, 500);
    assert_eq!(json["read_back"].as_array().unwrap().len(), 3);
}

#[test]
fn standard_input_is_read_where_no_file_is_named() {
    for args in [
        vec!["produce", "-t", "t", "--json"],
        vec!["produce", "-t", "t", "--json", "-"],
    ] {
        let json = guanaco(&args, "a\nb\n\nlast without a line end")
            .expect(0)
            .json();
        assert_eq!(json["acknowledged"], 4);
    }
}

#[test]
fn an_empty_input_is_no_error() {
    let json = guanaco(&["produce", "-t", "t", "--json"], "")
        .expect(0)
        .json();
    assert_eq!(
        (&json["records"], &json["records_per_second"]),
        (&json!(0), &json!(0.0))
    );
}

#[test]
fn quiet_prints_no_summary() {
    assert_eq!(
        guanaco(&["produce", "-t", "t", "-q"], "a\n")
            .expect(0)
            .stdout,
        ""
    );
}

#[test]
fn nothing_is_coloured_and_no_bar_is_drawn_off_a_terminal() {
    let ended = guanaco(&["produce", "-t", "t", ORDERS], "").expect(0);
    assert!(
        !ended.stderr.contains(['\u{1b}', '\r']) && !ended.stdout.contains('\u{1b}'),
        "{ended:#?}"
    );
}

#[test]
fn compressed_batches_arrive() {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        let json = guanaco(&["produce", "-t", "t", "-z", codec, "--json"], "one\n")
            .expect(0)
            .json();
        assert_eq!(json["read_back"][0]["value"], "one", "{codec}");
    }
}

#[cfg(unix)]
#[test]
fn a_reader_that_went_away_is_no_error() {
    let status = std::process::Command::new("sh")
        .arg("-c")
        .arg("{ \"$0\" produce -t t --json \"$1\" 2>/dev/null; echo \"code $?\" >&2; } | true")
        .arg(command(&[]).get_program())
        .arg(ORDERS)
        .output()
        .unwrap();
    assert_eq!(String::from_utf8_lossy(&status.stderr), "code 0\n");
}

#[test]
fn a_bad_line_is_named_and_nothing_from_it_on_is_sent() {
    let input = "{\"id\":1}\n{\"id\":2}\n{\"ID\":3}\n{\"id\":4}\n";
    let ended = guanaco(
        &["produce", "-t", "t", "--key-field", "id", "--json"],
        input,
    )
    .expect(2);
    assert!(
        ended.stderr.contains("-:3: no field \"id\" in it"),
        "{ended:#?}"
    );
    let json = ended.json();
    assert_eq!(
        (&json["acknowledged"], &json["bad_lines"]),
        (&json!(2), &json!(1))
    );
}

#[test]
fn bad_lines_are_skipped_where_asked_for_and_never_silently() {
    let path = std::env::temp_dir().join(format!("guanaco-it-skip-{}", std::process::id()));
    let failed = path.to_str().unwrap();
    let input = "{\"id\":1}\nnonsense\n\n{\"id\":4}\n";
    let args = [
        "produce",
        "-t",
        "t",
        "--key-field",
        "id",
        "--skip-bad",
        "--failed",
        failed,
        "--json",
    ];
    let ended = guanaco(&args, input).expect(0);
    assert!(
        ended.stderr.contains("line 2 skipped: not JSON"),
        "{ended:#?}"
    );
    let json = ended.json();
    assert_eq!(json["acknowledged"], 2);
    assert_eq!(
        (&json["bad_lines"], &json["blank_lines"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "nonsense\n");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_unknown_setting_names_the_nearest_one_and_never_the_value() {
    let ended = guanaco(&["produce", "-t", "t", "-X", "linger.mss=hunter2"], "a\n").expect(2);
    assert!(
        ended.stderr.contains("linger.mss") && ended.stderr.contains("did you mean linger.ms?"),
        "{ended:#?}"
    );
    assert!(!ended.stderr.contains("hunter2"), "{ended:#?}");
}

#[test]
fn a_setting_without_effect_is_a_warning_of_one_line() {
    let ended = guanaco(
        &["produce", "-t", "t", "-q", "-X", "key.serializer=x"],
        "a\n",
    )
    .expect(0);
    let warnings: Vec<_> = ended
        .stderr
        .lines()
        .filter(|line| line.contains("warning"))
        .collect();
    assert_eq!(warnings.len(), 1, "{ended:#?}");
    assert!(
        warnings[0].starts_with("guanaco: warning: key.serializer has no effect"),
        "{ended:#?}"
    );
}

#[test]
fn a_config_file_is_read_like_javas() {
    let path = std::env::temp_dir().join(format!("guanaco-it-config-{}", std::process::id()));
    std::fs::write(
        &path,
        "# mine\ncompression.type : zstd\nlinger.ms = \\\n  1\n",
    )
    .unwrap();
    let config = path.to_str().unwrap();
    let ended = guanaco(&["produce", "-t", "t", "-F", config, "--json"], "a\n").expect(0);
    assert_eq!(ended.json()["acknowledged"], 1);
    std::fs::write(&path, "linger.mss=1\n").unwrap();
    assert!(
        guanaco(&["produce", "-t", "t", "-F", config], "a\n")
            .expect(2)
            .stderr
            .contains(
                ":1: unknown setting guanaco.producer.kafka-clients.linger.mss, did you mean"
            )
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn a_topic_or_partition_that_cannot_be_is_wrong_usage() {
    let ended = guanaco(&["produce", "-t", "no topic"], "a\n").expect(2);
    assert!(ended.stderr.contains("no topic"), "{ended:#?}");
    let ended = guanaco(&["produce", "-t", "t", "-p", "99"], "a\n").expect(2);
    assert!(ended.stderr.contains("no partition 99"), "{ended:#?}");
}

#[cfg(unix)]
#[test]
fn an_interrupt_drains_and_reports() {
    // The embedded broker is in the process itself: what was sent shows only in the report.
    let mut running = Running::start(command(&["produce", "-t", "t", "--json"]));
    running.feed("a\nb\n");
    running.wait_for_note("embedded broker at");
    running.signal("INT");
    let ended = running.wait().expect(130);
    assert!(
        ended.stdout.is_empty() || ended.json()["failed"] == 0,
        "{ended:#?}"
    );
}
