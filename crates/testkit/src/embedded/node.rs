//! One broker of the cluster: its port, its connections, its life.

use super::broker::Shared;
use super::connection::Connection;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

/// A broker's side that faces the network.
#[derive(Debug)]
pub(super) struct Node {
    address: SocketAddr,
    frozen: watch::Sender<bool>,
    state: State,
}

#[derive(Debug)]
enum State {
    Up {
        task: JoinHandle<()>,
        /// Every connection holds a sender: at its end all of them are gone.
        connections: mpsc::Receiver<()>,
    },
    /// Bound but not listening: connections are refused and nobody else gets the port.
    Down(Option<TcpSocket>),
}

impl Node {
    pub(super) fn bind() -> io::Result<(Self, TcpListener)> {
        let socket = socket(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0).into())?;
        let listener = socket.listen(BACKLOG)?;
        let address = listener.local_addr()?;
        let frozen = watch::Sender::new(false);
        Ok((
            Self {
                address,
                frozen,
                state: State::Down(None),
            },
            listener,
        ))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(super) fn freeze(&self, frozen: bool) {
        self.frozen.send_replace(frozen);
    }

    /// Serves until it is [taken down](Self::down).
    pub(super) fn up(
        &mut self,
        id: i32,
        listener: TcpListener,
        shared: &Arc<Shared>,
        runtime: &Handle,
    ) {
        let (alive, connections) = mpsc::channel(1);
        let frozen = self.frozen.subscribe();
        let task = runtime.spawn(serve(id, listener, shared.clone(), frozen, alive));
        self.state = State::Up { task, connections };
    }

    /// Listens on its port again; `None` if it never stopped.
    pub(super) fn listen(&mut self) -> io::Result<Option<TcpListener>> {
        let State::Down(reserved) = &mut self.state else {
            return Ok(None);
        };
        let socket = match reserved.take() {
            Some(socket) => socket,
            None => socket(self.address)?,
        };
        socket.listen(BACKLOG).map(Some)
    }

    /// What has to be awaited to end all its connections, before [`reserve`](Self::reserve).
    pub(super) fn down(&mut self) -> Option<impl Future<Output = ()> + Send + use<>> {
        let before = std::mem::replace(&mut self.state, State::Down(None));
        let State::Up {
            task,
            mut connections,
        } = before
        else {
            return None;
        };
        Some(async move {
            task.abort();
            // Cancelled, which is what was asked for.
            let _ = task.await;
            while connections.recv().await.is_some() {}
        })
    }

    /// Keeps the port for a restart. If that fails the restart tries again.
    pub(super) fn reserve(&mut self) {
        if let State::Down(reserved) = &mut self.state {
            *reserved = socket(self.address).ok();
        }
        self.freeze(false);
    }
}

const BACKLOG: u32 = 1024;

fn socket(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    Ok(socket)
}

async fn serve(
    id: i32,
    listener: TcpListener,
    shared: Arc<Shared>,
    mut frozen: watch::Receiver<bool>,
    alive: mpsc::Sender<()>,
) {
    let mut connections = JoinSet::new();
    loop {
        // The sender lives in the node, which outlives this task.
        let _ = frozen.wait_for(|frozen| !frozen).await;
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    shared.accepted.fetch_add(1, Ordering::Relaxed);
                    let connection = Connection::new(id, shared.clone(), frozen.clone());
                    let alive = alive.clone();
                    connections.spawn(async move {
                        connection.serve(stream).await;
                        drop(alive);
                    });
                }
                Err(error) => {
                    // Out of descriptors, most likely; they come back as connections end.
                    tracing::warn!(%error, broker = id, "could not accept a connection");
                    tokio::task::yield_now().await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}
