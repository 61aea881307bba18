//! A schema registry for tests: Confluent's HTTP interface over schemas in memory, with faults.
//!
//! ```
//! use guanaco_testkit::registry::MockRegistry;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! let registry = MockRegistry::builder().start().await?;
//! // ... a client of registry.address() ...
//! assert_eq!(registry.subjects(), Vec::<String>::new());
//! # Ok(()) }
//! ```
//!
//! It knows subjects, versions, ids, references, credentials, and of the compatibility levels
//! `BACKWARD` for the fields of Avro records and `NONE`. It stores the texts of schemas as they are:
//! two that differ in form are two, unless they are normalized, which takes their white space away.

mod confluent;
mod http;
mod model;
#[cfg(unix)]
mod real;

pub use confluent::ConfluentSerializers;
pub use model::Compatibility;
#[cfg(unix)]
pub use real::RealRegistry;

use http::Reply;
use model::Model;
use std::{
    collections::VecDeque,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

/// Settings of a [`MockRegistry`].
#[derive(Clone, Debug, Default)]
#[must_use = "nothing listens before `start`"]
pub struct MockRegistryBuilder {
    authorization: Option<String>,
    compatibility: Compatibility,
    path: String,
}

impl MockRegistryBuilder {
    /// Only requests with these credentials are served.
    pub fn basic_auth(mut self, user: &str, password: &str) -> Self {
        use base64::{Engine as _, engine::general_purpose::STANDARD};
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        self.authorization = Some(format!("Basic {encoded}"));
        self
    }

    /// Only requests with this token are served.
    pub fn bearer_token(mut self, token: &str) -> Self {
        self.authorization = Some(format!("Bearer {token}"));
        self
    }

    /// What a new version of a subject must be. Default: `BACKWARD`.
    pub fn compatibility(mut self, compatibility: Compatibility) -> Self {
        self.compatibility = compatibility;
        self
    }

    /// A path before all others, such as `/apis/ccompat/v7`.
    pub fn path(mut self, path: &str) -> Self {
        path.trim_end_matches('/').clone_into(&mut self.path);
        self
    }

    /// Listens on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If there is none.
    pub async fn start(self) -> io::Result<MockRegistry> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared {
            model: Mutex::new(Model::new(self.compatibility)),
            faults: Mutex::default(),
            requests: Mutex::default(),
            heard: Notify::new(),
            settings: self,
        });
        let task = Some(tokio::spawn(serve(listener, Arc::clone(&shared))));
        Ok(MockRegistry {
            shared,
            address,
            task,
        })
    }
}

/// A registry in the test's own process. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct MockRegistry {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    settings: MockRegistryBuilder,
    model: Mutex<Model>,
    faults: Mutex<VecDeque<Fault>>,
    requests: Mutex<Vec<String>>,
    heard: Notify,
}

/// What happens to a request instead of an answer, or to the answer.
#[derive(Clone, Debug)]
pub enum Fault {
    /// It is not applied, and answered with this status and a body of the registry's kind.
    Status(u16),
    /// It is not applied, and answered with status 200 and this body.
    Body(Vec<u8>),
    /// It is not applied, and these bytes come back instead of HTTP.
    Raw(Vec<u8>),
    /// It is not applied, and its connection is closed.
    Close,
    /// It is applied, and its connection is closed before the answer.
    CloseAfter,
    /// It is applied and answered this much later.
    Delay(Duration),
    /// It is not applied and never answered.
    Hang,
}

impl MockRegistry {
    /// One with other settings than the usual.
    pub fn builder() -> MockRegistryBuilder {
        MockRegistryBuilder::default()
    }

    /// Where it listens, as `http://127.0.0.1:port`, with its path.
    #[must_use]
    pub fn address(&self) -> String {
        format!("http://{}{}", self.address, self.shared.settings.path)
    }

    /// The next requests meet these faults, one each, in order.
    pub fn fail_next(&self, faults: impl IntoIterator<Item = Fault>) {
        lock(&self.shared.faults).extend(faults);
    }

    /// All requests so far, as `GET /path?query`.
    #[must_use]
    pub fn requests(&self) -> Vec<String> {
        lock(&self.shared.requests).clone()
    }

    /// Resolves when there were so many requests.
    pub async fn wait_for_requests(&self, count: usize) {
        loop {
            let heard = self.shared.heard.notified();
            if lock(&self.shared.requests).len() >= count {
                return;
            }
            heard.await;
        }
    }

    /// The names of all subjects.
    #[must_use]
    pub fn subjects(&self) -> Vec<String> {
        lock(&self.shared.model).subjects()
    }

    /// Registers a schema without a request, as an administrator would, whether compatible or not;
    /// gives its id. `kind` is `AVRO`, `JSON` or `PROTOBUF`.
    pub fn register(&self, subject: &str, kind: &str, schema: &str) -> i32 {
        lock(&self.shared.model).put(subject, kind, schema)
    }

    /// Closes its port and its connections; what it knows stays.
    pub async fn stop(&mut self) {
        if let Some(task) = self.task.take() {
            task.abort();
            let _ = task.await;
        }
    }

    /// Listens again, on the same port.
    ///
    /// # Errors
    /// If somebody else took it.
    pub async fn restart(&mut self) -> io::Result<()> {
        self.stop().await;
        let listener = TcpListener::bind(self.address).await?;
        self.task = Some(tokio::spawn(serve(listener, Arc::clone(&self.shared))));
        Ok(())
    }
}

impl Drop for MockRegistry {
    fn drop(&mut self) {
        if let Some(task) = &self.task {
            task.abort();
        }
    }
}

/// Ends with its task, and its connections with it.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(converse(stream, Arc::clone(&shared)));
                }
                Err(_) => return,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn converse(mut stream: TcpStream, shared: Arc<Shared>) {
    let mut buffer = Vec::new();
    while let Ok(Some(request)) = http::read(&mut stream, &mut buffer).await {
        lock(&shared.requests).push(format!("{} {}", request.method, request.target));
        shared.heard.notify_waiters();
        let fault = lock(&shared.faults).pop_front();
        let reply = match fault {
            None => shared.answer(&request),
            Some(Fault::Status(status)) => Reply::error(status, u32::from(status), "a fault"),
            Some(Fault::Body(body)) => Reply { status: 200, body },
            Some(Fault::Raw(bytes)) => {
                let _ = http::write_raw(&mut stream, &bytes).await;
                return;
            }
            Some(Fault::Close) => return,
            Some(Fault::CloseAfter) => {
                shared.answer(&request);
                return;
            }
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                shared.answer(&request)
            }
            Some(Fault::Hang) => std::future::pending().await,
        };
        if http::write(&mut stream, &reply).await.is_err() {
            return;
        }
    }
}

impl Shared {
    fn answer(&self, request: &http::Request) -> Reply {
        let wanted = &self.settings.authorization;
        if wanted.is_some() && *wanted != request.authorization {
            return Reply::error(401, 401, "Unauthorized");
        }
        match request.target.strip_prefix(&self.settings.path) {
            Some(target) => lock(&self.model).answer(&request.method, target, &request.body),
            None => Reply::error(404, 404, "HTTP 404 Not Found"),
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
