//! `guanaco config`, and `produce` from the same files.

use crate::run::{Ended, Running, command, guanaco};
use std::{fs, path::PathBuf};

/// A directory of its own, removed in the end.
struct Directory(PathBuf);

impl Directory {
    fn new(name: &str, files: &[(&str, &str)]) -> Self {
        let name = format!("guanaco-it-{}-{name}", std::process::id());
        let directory = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(&directory.0).unwrap();
        for (name, text) in files {
            fs::write(directory.0.join(name), text).unwrap();
        }
        directory
    }

    /// Runs in the directory, with these variables.
    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ended {
        let mut command = command(args);
        command.current_dir(&self.0).envs(variables.iter().copied());
        let mut running = Running::start(command);
        running.feed("a\n");
        running.end()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The lines of the output, with single blanks.
fn lines(ended: &Ended) -> Vec<String> {
    let lines = ended.stdout.lines();
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect()
}

const APPLICATION: &str = "\
include \"common\"
orders.producer = ${akka.kafka.producer} {
  parallelism = 7
  kafka-clients { linger.ms = 20, client.id = ${?ORDERS_ID} }
}
";

const COMMON: &str = "\
akka.kafka.producer {
  use-dispatcher = blocking-io
  kafka-clients.batch.size = 1000
  kafka-clients.linger.ms = 1
}
";

#[test]
fn config_tells_where_each_setting_is_from() {
    let directory = Directory::new(
        "from",
        &[("app.conf", APPLICATION), ("common.conf", COMMON)],
    );
    let ended = directory.run(
        &[
            "config",
            "-F",
            "app.conf",
            "--section",
            "orders.producer",
            "-X",
            "acks=1",
        ],
        &[
            ("ORDERS_ID", "till-3"),
            ("ORDERS_PRODUCER__CLOSE_TIMEOUT", "9s"),
            ("GUANACO_BOOTSTRAP_SERVERS", "a:1"),
        ],
    );
    let ended = ended.expect(0);
    assert_eq!(
        lines(&ended),
        [
            "# orders.producer",
            "close-on-producer-stop true default",
            "close-timeout 9s $ORDERS_PRODUCER__CLOSE_TIMEOUT",
            "discovery-method guanaco.discovery default",
            "eos-commit-interval 100ms default",
            "kafka-clients.acks 1 -X",
            "kafka-clients.batch.size 1000 common.conf:3",
            "kafka-clients.bootstrap.servers a:1 $GUANACO_BOOTSTRAP_SERVERS",
            "kafka-clients.client.id till-3 app.conf:4 ($ORDERS_ID)",
            "kafka-clients.linger.ms 20 app.conf:4",
            "parallelism 7 app.conf:3",
            "parallelism-bytes 32 MiB default",
            "resolve-timeout 3 seconds default",
            "service-name default",
            "transaction-id-prefix default",
            "transactional-max-in-flight-requests-per-connection 1 default",
            "use-dispatcher blocking-io common.conf:2",
        ]
    );
    assert!(
        ended
            .stderr
            .contains("warning: common.conf:2: orders.producer.use-dispatcher has no effect"),
        "{ended:#?}"
    );
}

#[test]
fn config_lays_files_over_each_other_and_names_the_one_that_wins() {
    let directory = Directory::new(
        "layers",
        &[
            ("common.conf", COMMON),
            ("app.conf", APPLICATION),
            (
                "eu.yaml",
                "akka.kafka.producer:\n  kafka-clients: { linger.ms: 5, acks: 1 }\n",
            ),
            ("client", "acks = all\ninterceptor.classes = hunter2\n"),
        ],
    );
    let files = ["-F", "app.conf", "-F", "eu.yaml", "-F", "client"];
    let shown = |section: &str| {
        let mut args = vec!["config", "--section", section];
        args.extend(files);
        let ended = directory.run(&args, &[]).expect(0);
        assert!(!ended.stdout.contains("hunter2"), "{ended:#?}");
        let set = lines(&ended).into_iter();
        set.filter(|line| line.starts_with("kafka-clients"))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        shown("akka.kafka.producer"),
        [
            "kafka-clients.acks all client:1",
            "kafka-clients.batch.size 1000 common.conf:3",
            "kafka-clients.interceptor.classes *** client:2",
            "kafka-clients.linger.ms 5 eu.yaml:2",
        ]
    );
    assert_eq!(
        shown("orders.producer"),
        [
            "kafka-clients.acks all client:1",
            "kafka-clients.batch.size 1000 common.conf:3",
            "kafka-clients.interceptor.classes *** client:2",
            "kafka-clients.linger.ms 20 app.conf:4",
        ]
    );
    let told = directory.run(&["config", "-F", "app.conf", "-F", "gone.yaml"], &[]);
    assert!(told.expect(2).stderr.contains("gone.yaml cannot be read"));
}

#[test]
fn config_masks_what_may_be_secret() {
    // The one key that is neither known to be harmless nor waits for anything.
    let ended = guanaco(&["config", "-X", "interceptor.classes=hunter2"], "").expect(0);
    assert!(
        !ended.stdout.contains("hunter2") && !ended.stderr.contains("hunter2"),
        "{ended:#?}"
    );
    assert!(lines(&ended).contains(&"kafka-clients.interceptor.classes *** -X".to_owned()));
}

#[test]
fn config_names_the_file_the_line_and_the_nearest_setting() {
    let text = "guanaco.producer {\n  kafka-clients.lingr.ms = hunter2\n}\n";
    let directory = Directory::new("unknown", &[("app.conf", text)]);
    let ended = directory.run(&["config", "-F", "app.conf"], &[]).expect(2);
    assert!(
        ended.stderr.contains(
            "app.conf:2: unknown setting guanaco.producer.kafka-clients.lingr.ms, \
             did you mean guanaco.producer.kafka-clients.linger.ms?"
        ),
        "{ended:#?}"
    );
    assert!(!ended.stderr.contains("hunter2"), "{ended:#?}");
    let ended = directory.run(&["config", "-F", "app.conf", "-S", "gunaco.producer"], &[]);
    assert!(
        ended
            .expect(2)
            .stderr
            .contains("did you mean guanaco.producer?")
    );
}

#[test]
fn produce_reads_every_format() {
    let directory = Directory::new(
        "formats",
        &[
            ("app.conf", APPLICATION),
            ("common.conf", COMMON),
            (
                "app.toml",
                "[orders.producer.kafka-clients]\nlinger.ms = 1\n",
            ),
            (
                "app.yaml",
                "orders:\n  producer:\n    kafka-clients: { linger.ms: 1 }\n",
            ),
        ],
    );
    for file in ["app.conf", "app.toml", "app.yaml"] {
        let args = [
            "produce",
            "-t",
            "t",
            "--json",
            "-F",
            file,
            "-S",
            "orders.producer",
        ];
        let ended = directory.run(&args, &[]).expect(0);
        assert_eq!(ended.json()["acknowledged"], 1, "{file}");
    }
}

#[test]
fn produce_says_once_what_has_no_effect() {
    let text = "guanaco.producer { use-dispatcher = x, kafka-clients.key.serializer = y }";
    let directory = Directory::new("warnings", &[("app.conf", text)]);
    let ended = directory
        .run(&["produce", "-t", "t", "-F", "app.conf"], &[])
        .expect(0);
    for part in [
        "use-dispatcher has no effect",
        "key.serializer has no effect",
    ] {
        assert_eq!(ended.stderr.matches(part).count(), 1, "{ended:#?}");
    }
}
