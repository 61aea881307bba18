//! A broker that answers and forgets: the cheapest possible other end of a producer's connection.
//!
//! It counts records by their batch headers and hands out right offsets, but keeps nothing, checks
//! nothing and knows no duplicates. One thread reads each connection; with a reply delay a second
//! one writes.

mod produce;
mod rare;
mod skim;
mod tls;
mod topics;

use crate::error::BenchError;
use kafka_protocol::messages::ApiKey;
use produce::Counters;
use skim::{RateLimit, Skimmer, malformed};
use std::{
    cell::RefCell,
    io::{self, BufRead, Read, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering::Relaxed},
        mpsc,
    },
    thread,
    time::{Duration, Instant},
};
pub(crate) use tls::DISCARD;
use tls::{Reading, Tls};
use topics::Topics;

/// A broker that answers produce requests and keeps nothing.
///
/// Prints its port first. Each `counters` line on stdin is answered by one JSON line, and so is
/// `authority` with `--tls`; the end of stdin ends it.
#[derive(clap::Args, Debug)]
pub(crate) struct NullBrokerArgs {
    /// Answer each produce request this long after it arrived; those of a connection overlap.
    #[arg(long, default_value_t = 0.0)]
    delay_ms: f64,
    /// Read at most this many megabytes (10^6 bytes) a second, all connections together.
    #[arg(long)]
    bandwidth_mb: Option<f64>,
    /// Speak TLS, under an authority of its own.
    #[arg(long, conflicts_with = "delay_ms")]
    tls: bool,
    /// Partitions of every topic that `--topics` does not name.
    #[arg(long, default_value_t = 1)]
    partitions: i32,
    /// `name:partitions`, comma-separated.
    #[arg(long, value_delimiter = ',', value_parser = named_topic)]
    topics: Vec<(String, i32)>,
    /// The port to listen on; 0 takes a free one.
    #[arg(long, default_value_t = 0)]
    port: u16,
}

struct Broker {
    port: u16,
    delay: Duration,
    limit: Option<RateLimit>,
    tls: Option<Tls>,
    topics: Mutex<Topics>,
    counters: Counters,
    next_producer_id: AtomicI64,
}

/// Runs until stdin ends.
pub(crate) fn run(args: &NullBrokerArgs) -> Result<(), BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, args.port))?;
    let port = listener.local_addr()?.port();
    let broker = Arc::new(Broker {
        port,
        delay: Duration::from_secs_f64(args.delay_ms / 1e3),
        limit: args.bandwidth_mb.map(|mb| RateLimit::new(mb * 1e6)),
        tls: args.tls.then(Tls::new).transpose()?,
        topics: Mutex::new(Topics::new(args.partitions, &args.topics)),
        counters: Counters::default(),
        next_producer_id: AtomicI64::new(1),
    });
    let accepting = Arc::clone(&broker);
    thread::spawn(move || accept(&listener, &accepting));
    println!("{port}");
    // The parent holds our stdin: when it is gone, so are we.
    for line in io::stdin().lock().lines() {
        match line?.trim() {
            "counters" => println!("{}", broker.counters_json()),
            "authority" => println!("{}", broker.authority_json()),
            "" => (),
            _ => eprintln!("known commands: counters, authority"),
        }
    }
    Ok(())
}

fn accept(listener: &TcpListener, broker: &Arc<Broker>) {
    for socket in listener.incoming().flatten() {
        let broker = Arc::clone(broker);
        thread::spawn(move || {
            if let Err(error) = broker.serve(&socket) {
                // A client that just goes away is no news.
                if error.kind() == io::ErrorKind::InvalidData {
                    eprintln!("null broker: closed a connection: {error}");
                }
            }
        });
    }
}

impl Broker {
    fn serve(&self, socket: &TcpStream) -> io::Result<()> {
        socket.set_nodelay(true)?;
        if let Some(tls) = &self.tls {
            let stream = tls.accept(socket)?;
            if tls::discards(&stream) {
                return tls::discard(stream);
            }
            let stream = RefCell::new(stream);
            return self.answer_all(Reading(&stream), |reply| {
                stream.borrow_mut().write_all(reply)?;
                reply.clear();
                Ok(())
            });
        }
        if self.delay.is_zero() {
            let mut socket_out = socket;
            return self.answer_all(socket, |reply| {
                socket_out.write_all(reply)?;
                reply.clear();
                Ok(())
            });
        }
        let (due, replies) = mpsc::channel::<(Instant, Vec<u8>)>();
        thread::scope(|threads| {
            threads.spawn(|| write_when_due(socket, replies));
            self.answer_all(socket, move |reply| {
                // The writer ends only when its socket did, which the next read sees as well.
                let _ = due.send((Instant::now() + self.delay, std::mem::take(reply)));
                Ok(())
            })
        })
    }

    /// Reads requests until the client leaves. `send` gets each answer as a whole frame, to write
    /// and to clear.
    fn answer_all(
        &self,
        reading: impl Read,
        mut send: impl FnMut(&mut Vec<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let mut skim = Skimmer::new(reading, self.limit.as_ref());
        let mut reply = Vec::new();
        while skim.next_frame()?.is_some() {
            let api = ApiKey::try_from(skim.i16()?).map_err(|()| malformed("unknown api key"))?;
            let version = skim.i16()?;
            let correlation: [u8; 4] = skim.take()?;
            if let Ok(client_id) = usize::try_from(skim.i16()?) {
                skim.skip(client_id)?;
            }
            if api.request_header_version(version) >= 2 {
                for _ in 0..skim.unsigned_varint()? {
                    skim.unsigned_varint()?;
                    let length = skim.unsigned_varint()? as usize;
                    skim.skip(length)?;
                }
            }
            reply.extend_from_slice(&[0; 4]);
            reply.extend_from_slice(&correlation);
            if api.response_header_version(version) >= 1 {
                reply.push(0);
            }
            let wanted = if api == ApiKey::Produce {
                if !(3..=13).contains(&version) {
                    return Err(malformed("a produce version that is not offered"));
                }
                produce::produce(&mut skim, version, &self.topics, &self.counters, &mut reply)?
            } else {
                let body = skim.take_vec(skim.left())?;
                let facts = rare::Facts {
                    port: self.port,
                    topics: &self.topics,
                    next_producer_id: &self.next_producer_id,
                };
                rare::answer(&facts, api, version, body, &mut reply)?;
                true
            };
            if wanted {
                let length = (reply.len() - 4) as u32;
                reply[..4].copy_from_slice(&length.to_be_bytes());
                send(&mut reply)?;
            } else {
                reply.clear();
            }
        }
        Ok(())
    }

    fn counters_json(&self) -> serde_json::Value {
        serde_json::json!({
            "requests": self.counters.requests.load(Relaxed),
            "batches": self.counters.batches.load(Relaxed),
            "records": self.counters.records.load(Relaxed),
            "batch_bytes": self.counters.batch_bytes.load(Relaxed),
        })
    }

    /// Null without TLS.
    fn authority_json(&self) -> serde_json::Value {
        self.tls.as_ref().map(Tls::authority).into()
    }
}

fn write_when_due(mut socket: &TcpStream, replies: mpsc::Receiver<(Instant, Vec<u8>)>) {
    for (due, reply) in replies {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if socket.write_all(&reply).is_err() {
            return;
        }
    }
}

fn named_topic(text: &str) -> Result<(String, i32), String> {
    let (name, partitions) = text.split_once(':').ok_or("needs name:partitions")?;
    let partitions = partitions
        .parse()
        .map_err(|_| format!("`{partitions}` is no number"))?;
    Ok((name.to_owned(), partitions))
}
