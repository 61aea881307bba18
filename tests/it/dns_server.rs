//! A DNS server on loopback that answers as it is told.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    sync::watch,
    task::JoinSet,
};

const A: u16 = 1;
const AAAA: u16 = 28;
const SRV: u16 = 33;

const SERVFAIL: u8 = 2;
const NXDOMAIN: u8 = 3;

/// What fits into a datagram without being asked for more.
const UDP_LIMIT: usize = 512;

/// Names that it does not know do not exist.
#[derive(Debug)]
pub(crate) struct DnsServer {
    address: SocketAddr,
    zone: Arc<Zone>,
    hold: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

/// Record data by name and type.
type Records = HashMap<(String, u16), Vec<Vec<u8>>>;

#[derive(Debug, Default)]
struct Zone {
    records: Mutex<Records>,
    failing: Mutex<bool>,
    datagrams_to_lose: AtomicUsize,
    asked: AtomicUsize,
    asked_by_tcp: AtomicUsize,
}

impl DnsServer {
    pub(crate) async fn start() -> Self {
        let (udp, tcp) = bind().await;
        let address = udp.local_addr().unwrap();
        let zone = Arc::new(Zone::default());
        let (hold, held) = watch::channel(false);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_udp(Arc::new(udp), Arc::clone(&zone), held.clone()));
        tasks.spawn(serve_tcp(tcp, Arc::clone(&zone), held));
        Self {
            address,
            zone,
            hold,
            _tasks: tasks,
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets the addresses of a name.
    pub(crate) fn set_host(&self, name: &str, addresses: &[IpAddr]) {
        let bytes = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(address) => address.octets().to_vec(),
        };
        for (kind, is_kind) in [(A, IpAddr::is_ipv4 as fn(&_) -> _), (AAAA, IpAddr::is_ipv6)] {
            let data = addresses.iter().filter(|ip| is_kind(ip)).map(bytes);
            self.set(name, kind, data.collect());
        }
    }

    /// Sets the services of a name: priority, weight, port, and the target's labels.
    pub(crate) fn set_srv(&self, name: &str, services: &[(u16, u16, u16, Vec<u8>)]) {
        let data = services.iter().map(|(priority, weight, port, target)| {
            let numbers = [*priority, *weight, *port];
            let mut data: Vec<u8> = numbers.into_iter().flat_map(u16::to_be_bytes).collect();
            data.extend(target);
            data
        });
        self.set(name, SRV, data.collect());
    }

    /// Answers everything with SERVFAIL.
    pub(crate) fn fail(&self, fail: bool) {
        *self.zone.failing.lock().unwrap() = fail;
    }

    /// Answers nothing until it is let go.
    pub(crate) fn hold(&self, hold: bool) {
        self.hold.send_replace(hold);
    }

    /// Loses so many queries that come by UDP.
    pub(crate) fn lose(&self, datagrams: usize) {
        self.zone
            .datagrams_to_lose
            .store(datagrams, Ordering::Relaxed);
    }

    pub(crate) fn asked(&self) -> usize {
        self.zone.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn asked_by_tcp(&self) -> usize {
        self.zone.asked_by_tcp.load(Ordering::Relaxed)
    }

    fn set(&self, name: &str, kind: u16, data: Vec<Vec<u8>>) {
        let key = (name.to_owned(), kind);
        self.zone.records.lock().unwrap().insert(key, data);
    }
}

/// A name in wire format.
pub(crate) fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(u8::try_from(label.len()).unwrap());
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}

/// The same port for both.
async fn bind() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

async fn serve_udp(socket: Arc<UdpSocket>, zone: Arc<Zone>, held: watch::Receiver<bool>) {
    let mut answers = JoinSet::new();
    let mut buffer = [0; 4096];
    loop {
        let (length, client) = socket.recv_from(&mut buffer).await.unwrap();
        zone.asked.fetch_add(1, Ordering::Relaxed);
        let to_lose = &zone.datagrams_to_lose;
        let lost = to_lose.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1));
        if lost.is_ok() {
            continue;
        }
        let query = buffer[..length].to_vec();
        let (socket, zone, mut held) = (Arc::clone(&socket), Arc::clone(&zone), held.clone());
        answers.spawn(async move {
            if held.wait_for(|held| !held).await.is_err() {
                return;
            }
            let mut answer = zone.answer(&query);
            if answer.len() > UDP_LIMIT {
                answer = truncated(&query);
            }
            // The client may have gone.
            let _ = socket.send_to(&answer, client).await;
        });
    }
}

async fn serve_tcp(listener: TcpListener, zone: Arc<Zone>, held: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let (zone, held) = (Arc::clone(&zone), held.clone());
        connections.spawn(async move { serve_stream(stream, &zone, held).await });
    }
}

/// Until the client closes it.
async fn serve_stream(mut stream: TcpStream, zone: &Zone, mut held: watch::Receiver<bool>) {
    while let Ok(length) = stream.read_u16().await {
        let mut query = vec![0; length.into()];
        if stream.read_exact(&mut query).await.is_err() {
            return;
        }
        zone.asked_by_tcp.fetch_add(1, Ordering::Relaxed);
        if held.wait_for(|held| !held).await.is_err() {
            return;
        }
        let answer = zone.answer(&query);
        let length = u16::try_from(answer.len()).expect("the test's answer fits");
        let framed = [&length.to_be_bytes(), &answer[..]].concat();
        if stream.write_all(&framed).await.is_err() {
            return;
        }
    }
}

impl Zone {
    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let question = Question::read(query);
        if *self.failing.lock().unwrap() {
            return question.reply(SERVFAIL, false, &[]);
        }
        let records = self.records.lock().unwrap();
        if let Some(data) = records.get(&(question.name.clone(), question.kind)) {
            return question.reply(0, false, data);
        }
        let exists = records.keys().any(|(name, _)| *name == question.name);
        question.reply(if exists { 0 } else { NXDOMAIN }, false, &[])
    }
}

fn truncated(query: &[u8]) -> Vec<u8> {
    Question::read(query).reply(0, true, &[])
}

struct Question<'a> {
    id: &'a [u8],
    name: String,
    kind: u16,
    /// Name, type and class as they came.
    bytes: &'a [u8],
}

impl<'a> Question<'a> {
    fn read(query: &'a [u8]) -> Self {
        let (mut at, mut labels) = (12, Vec::new());
        while query[at] != 0 {
            let end = at + 1 + usize::from(query[at]);
            labels.push(String::from_utf8_lossy(&query[at + 1..end]).to_lowercase());
            at = end;
        }
        Self {
            id: &query[..2],
            name: labels.join("."),
            kind: u16::from_be_bytes([query[at + 1], query[at + 2]]),
            bytes: &query[12..at + 5],
        }
    }

    fn reply(&self, code: u8, truncated: bool, data: &[Vec<u8>]) -> Vec<u8> {
        let count = u16::try_from(data.len()).expect("the test's answer fits");
        // A response, authoritative, recursion desired and available.
        let flags = [0x85 | u8::from(truncated) << 1, 0x80 | code];
        let mut bytes = [self.id, &flags, &[0, 1], &count.to_be_bytes(), &[0; 4]].concat();
        bytes.extend(self.bytes);
        for data in data {
            // A pointer to the name in the question; class IN, a time to live of a minute.
            bytes.extend([0xc0, 12]);
            bytes.extend(self.kind.to_be_bytes());
            bytes.extend([0, 1, 0, 0, 0, 60]);
            let length = u16::try_from(data.len()).expect("the test's data fits");
            bytes.extend(length.to_be_bytes());
            bytes.extend(data);
        }
        bytes
    }
}
