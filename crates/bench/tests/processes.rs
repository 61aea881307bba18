//! The null broker and the probe as what they are: processes.

use std::{
    io::{BufRead, BufReader, Lines, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio},
    time::{Duration, Instant},
};

const BENCH: &str = env!("CARGO_BIN_EXE_guanaco-bench");

struct NullBroker {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Lines<BufReader<ChildStdout>>,
    address: String,
}

impl NullBroker {
    fn start(args: &[&str]) -> Self {
        let mut child = Command::new(BENCH)
            .arg("null-broker")
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap();
        Self {
            child,
            stdin,
            lines,
            address: format!("127.0.0.1:{port}"),
        }
    }

    fn probe(&self, args: &[&str]) -> serde_json::Value {
        self.run(&["probe"], args)
    }

    fn run(&self, command: &[&str], args: &[&str]) -> serde_json::Value {
        let Output { status, stdout, .. } = Command::new(BENCH)
            .args(command)
            .args(["-b", &self.address])
            .args(args)
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        assert!(status.success());
        serde_json::from_slice(&stdout).unwrap()
    }

    fn counters(&mut self) -> serde_json::Value {
        self.ask("counters")
    }

    fn ask(&mut self, question: &str) -> serde_json::Value {
        writeln!(self.stdin.as_mut().unwrap(), "{question}").unwrap();
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }
}

impl Drop for NullBroker {
    fn drop(&mut self) {
        // Gone already where the test has waited for it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn counts_what_the_probe_sends() {
    let mut broker = NullBroker::start(&[]);
    let sample = broker.probe(&["--records", "10000", "--batch-bytes", "65536"]);
    assert_eq!(sample["records"], 10_000);
    let counters = broker.counters();
    assert_eq!(counters["records"], 10_000);
    assert_eq!(counters["batches"], counters["requests"]);
    let latency = broker.probe(&["--records", "50", "--rate", "1000"]);
    assert!(latency["figures"]["p99_us"].as_f64().unwrap() > 0.0);
    assert_eq!(broker.counters()["records"], 10_050);
}

#[test]
fn delays_of_requests_in_flight_overlap() {
    const DELAY: f64 = 0.1;
    const REQUESTS: f64 = 20.0;
    let mut broker = NullBroker::start(&["--delay-ms", "100"]);
    let sample = broker.probe(&["--records", "20", "--batch-bytes", "0"]);
    assert_eq!(broker.counters()["requests"], REQUESTS as u64);
    let seconds = sample["seconds"].as_f64().unwrap();
    // Five in flight: four delays one after the other, not twenty.
    assert!(seconds >= REQUESTS / 5.0 * DELAY, "{seconds}");
    assert!(seconds < REQUESTS / 2.0 * DELAY, "{seconds}");
}

#[test]
fn speaks_tls_with_a_producer_and_with_a_bare_socket() {
    let mut broker = NullBroker::start(&["--tls"]);
    let authority = broker.ask("authority");
    let args = ["--records", "2000", "--value-bytes", "1024", "--authority"];
    let args = [&args[..], &[authority.as_str().unwrap()]].concat();
    let flow = broker.run(&["path", "flexi"], &args);
    assert_eq!(flow["bytes"], 2_048_000);
    assert_eq!(broker.counters()["records"], 2_000);
    let bare = broker.run(&["bare-tls", "--write-bytes", "65536"], &args);
    assert_eq!(bare["bytes"], 2_048_000);
    assert_eq!(broker.counters()["records"], 2_000);
}

#[test]
fn ends_with_its_stdin() {
    let mut broker = NullBroker::start(&[]);
    broker.stdin = None;
    let start = Instant::now();
    while broker.child.try_wait().unwrap().is_none() {
        assert!(start.elapsed() < Duration::from_secs(10), "still there");
        std::thread::yield_now();
    }
}
