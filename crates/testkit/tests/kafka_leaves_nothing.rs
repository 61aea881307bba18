//! No JVM and no data outlive the process that started them, whatever happens to it.

use guanaco_testkit::kafka::KafkaCluster;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::{
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// Far more than a JVM takes to halt.
const BOUND: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_dropped_cluster_is_gone_at_once() {
    let cluster = KafkaCluster::builder().start().await.expect("it starts");
    cluster.freeze(1).await.expect("it stops");
    let nodes = processes(&cluster);
    assert!(nodes.iter().copied().all(runs));
    drop(cluster);
    assert!(!nodes.iter().copied().any(runs));
    assert_eq!(directories(std::process::id()), Vec::<PathBuf>::new());
}

#[test]
fn nodes_of_a_killed_process_end_by_themselves_and_take_their_data_along() {
    let mut victim = Command::new(std::env::current_exe().expect("this binary"))
        .args([
            "--ignored",
            "--exact",
            "is_killed_while_its_nodes_run",
            "--nocapture",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let stdout = BufReader::new(victim.stdout.take().expect("it is piped"));
    let nodes: Vec<u32> = stdout
        .lines()
        .map_while(Result::ok)
        // The test harness prints on the same line.
        .find_map(|line| line.split_once(MARK).map(|(_, pids)| pids.to_owned()))
        .expect("it says which processes are its nodes")
        .split_whitespace()
        .map(|pid| pid.parse().expect("a process id"))
        .collect();
    assert_eq!(nodes.len(), 2);
    assert!(nodes.iter().copied().all(runs));
    assert_eq!(directories(victim.id()).len(), 1);

    victim.kill().expect("it is ours");
    victim.wait().expect("it is ours");
    let began = Instant::now();
    while nodes.iter().copied().any(runs) || !directories(victim.id()).is_empty() {
        if began.elapsed() > BOUND {
            let (left, data) = (survivors(&nodes), directories(victim.id()));
            panic!("{left:?} still ran, {data:?} was left");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Those that still run, ended: a failing test must not leave them either.
fn survivors(nodes: &[u32]) -> Vec<u32> {
    let left: Vec<_> = nodes.iter().copied().filter(|node| runs(*node)).collect();
    for node in &left {
        // It may end at this very moment.
        let _ = kill_process(pid(*node), Signal::KILL);
    }
    left
}

/// Not for its own sake: the test above runs it and kills it.
#[tokio::test]
#[ignore = "waits to be killed"]
async fn is_killed_while_its_nodes_run() {
    let cluster = KafkaCluster::builder()
        .nodes(2)
        .start()
        .await
        .expect("two nodes start");
    // A stopped process reads no pipe: the kernel has to wake it first.
    cluster.freeze(2).await.expect("it stops");
    let pids: Vec<_> = processes(&cluster).iter().map(u32::to_string).collect();
    println!("{MARK}{}", pids.join(" "));
    tokio::time::sleep(BOUND).await;
}

const MARK: &str = "nodes: ";

fn processes(cluster: &KafkaCluster) -> Vec<u32> {
    let process = |node| {
        cluster
            .process_id(node)
            .expect("it exists")
            .expect("it runs")
    };
    cluster.nodes().map(process).collect()
}

fn runs(process: u32) -> bool {
    // A zombie has ended; it only waits for whoever adopted it.
    let zombie = std::fs::read_to_string(format!("/proc/{process}/stat")).is_ok_and(|stat| {
        stat.rsplit_once(") ")
            .is_some_and(|(_, state)| state.starts_with('Z'))
    });
    test_kill_process(pid(process)).is_ok() && !zombie
}

fn pid(process: u32) -> Pid {
    i32::try_from(process)
        .ok()
        .and_then(Pid::from_raw)
        .expect("a process id")
}

/// The data directories that a process made and that are still there.
fn directories(process: u32) -> Vec<PathBuf> {
    let prefix = format!("guanaco-kafka-{process}-");
    let entries = std::fs::read_dir(std::env::temp_dir()).expect("a temporary directory");
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(&prefix))
        })
        .collect()
}
