//! One connection: a reader and a writer for each direction.

use super::{
    Direction, Shared,
    frame::Frame,
    link::Link,
    rule::{Action, InForce, Rules},
};
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::{Notify, mpsc},
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// The connections that are open, for cutting them.
#[derive(Clone, Debug, Default)]
pub(super) struct Connections(Arc<Mutex<Registry>>);

#[derive(Debug, Default)]
struct Registry {
    next: u64,
    open: HashMap<u64, AbortHandle>,
}

impl Connections {
    pub(super) fn spawn(&self, served: impl Future<Output = ()> + Send + 'static) {
        // Locked over the spawn, or a connection that ends at once would be listed for ever.
        let mut registry = self.registry();
        let id = registry.next;
        registry.next += 1;
        let entry = Entry {
            connections: self.clone(),
            id,
        };
        let task = tokio::spawn(async move {
            let _entry = entry;
            served.await;
        });
        registry.open.insert(id, task.abort_handle());
    }

    pub(super) fn cut_all(&self) {
        // Copied, for an aborted connection gives its place back and needs the lock for that.
        let open: Vec<_> = self.registry().open.values().cloned().collect();
        for connection in open {
            connection.abort();
        }
    }

    pub(super) fn open(&self) -> usize {
        self.registry().open.len()
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Each change is a single call: there is no half-done state to be afraid of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in the registry, given back however the connection ends.
struct Entry {
    connections: Connections,
    id: u64,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.connections.registry().open.remove(&self.id);
    }
}

/// Forwards until the broker's side ends or a rule cuts it. That the client hung up is no end: what
/// it sent before still reaches the broker, however long a rule holds it.
pub(super) async fn serve(shared: Arc<Shared>, client: TcpStream) {
    let Ok(upstream) = TcpStream::connect(shared.upstream).await else {
        return;
    };
    for socket in [&client, &upstream] {
        // A delay of the system's own would only blur the ones asked for.
        let _ = socket.set_nodelay(true);
    }
    let (from_client, to_client) = client.into_split();
    let (from_broker, to_broker) = upstream.into_split();
    let (requests, requests_out) = mpsc::channel(QUEUE);
    let (responses, responses_out) = mpsc::channel(QUEUE);
    let unanswered = Unanswered::default();
    let cut = Notify::new();

    let (rules, links) = (&shared.rules, &shared.links);
    let (outward, inward) = (links.of(Direction::ToBroker), links.of(Direction::ToClient));
    let requests = async {
        let read = read(from_client, requests, outward, |frame| {
            unanswered.request(rules, frame)
        });
        let write = async {
            if write(to_broker, requests_out, outward).await.is_err() {
                cut.notify_one();
            }
        };
        tokio::join!(read, write);
    };
    let responses = async {
        let read = read(from_broker, responses, inward, |frame| {
            unanswered.response(rules, frame)
        });
        let write = async {
            if write(to_client, responses_out, inward).await.is_err() {
                cut.notify_one();
            }
        };
        tokio::join!(read, write);
    };
    tokio::select! {
        () = cut.notified() => {}
        () = responses => {}
        () = async { requests.await; std::future::pending().await } => {}
    }
}

/// Frames on the way: enough for latency to cost no throughput, few enough that a stopped reader
/// stops the writer before memory runs out.
const QUEUE: usize = 64;

/// A frame on its way, and what is to befall it.
struct OnTheWay {
    frame: Frame,
    due: Instant,
    rules: Vec<Arc<InForce>>,
}

/// A rule cut the connection.
struct Cut;

async fn read(
    mut stream: impl AsyncRead + Unpin + Send,
    queue: mpsc::Sender<OnTheWay>,
    link: &Link,
    rules_of: impl Fn(&Frame) -> Vec<Arc<InForce>> + Send,
) {
    // A failing stream ends like one that is closed: what came before is still forwarded.
    while let Ok(Some(frame)) = Frame::read(&mut stream).await {
        let due = link.due();
        let rules = rules_of(&frame);
        if rules.iter().any(|rule| rule.action() == Action::Drop) {
            continue;
        }
        if queue.send(OnTheWay { frame, due, rules }).await.is_err() {
            return;
        }
    }
}

async fn write(
    mut stream: impl AsyncWrite + Unpin + Send,
    mut queue: mpsc::Receiver<OnTheWay>,
    link: &Link,
) -> Result<(), Cut> {
    let mut gone = false;
    while let Some(OnTheWay {
        frame,
        mut due,
        rules,
    }) = queue.recv().await
    {
        let mut trickle = None;
        for rule in &rules {
            match rule.action() {
                Action::Hold => rule.over().await,
                Action::Delay(time) => due += time,
                Action::Close => return Err(Cut),
                Action::Trickle(rate) => trickle = Some(rate),
                Action::Pass | Action::Drop => {}
            }
        }
        sleep_until(due).await;
        // A reader that is gone is not noticed by who sent this: the queue still has to empty.
        gone = gone
            || link
                .write(&mut stream, frame.bytes(), trickle)
                .await
                .is_err();
    }
    link.opened().await;
    // Which passes the end of the stream on.
    drop(stream);
    Ok(())
}

/// The requests that have no response yet, to tell what a response answers.
#[derive(Debug, Default)]
struct Unanswered(Mutex<VecDeque<(i32, i16)>>);

impl Unanswered {
    fn request(&self, rules: &Rules, frame: &Frame) -> Vec<Arc<InForce>> {
        let request = frame.as_request();
        if let Some((api, correlation)) = request {
            self.queue().push_back((correlation, api));
        }
        rules.of(Direction::ToBroker, request.map(|(api, _)| api))
    }

    fn response(&self, rules: &Rules, frame: &Frame) -> Vec<Arc<InForce>> {
        let api = frame.as_response().and_then(|correlation| {
            let mut queue = self.queue();
            let place = queue.iter().position(|(sent, _)| *sent == correlation)?;
            // Answers come in order: what stands before is never answered (acks=0, or dropped).
            queue.drain(..=place).next_back().map(|(_, api)| api)
        });
        rules.of(Direction::ToClient, api)
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<(i32, i16)>> {
        // Each change is a single call: there is no half-done state to be afraid of.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
