//! One direction's line: how long bytes take, how many fit, and whether any get through.

use super::Direction;
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncWrite, AsyncWriteExt},
    sync::watch,
    time::{Instant, sleep_until},
};

#[derive(Debug, Default)]
pub(super) struct Links {
    to_broker: Link,
    to_client: Link,
}

#[derive(Debug)]
pub(super) struct Link {
    open: watch::Sender<bool>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    latency: Duration,
    bytes_per_second: Option<u32>,
    /// When the bytes before have all been sent, at the bandwidth given.
    free_at: Option<Instant>,
}

impl Links {
    pub(super) fn of(&self, direction: Direction) -> &Link {
        match direction {
            Direction::ToBroker => &self.to_broker,
            Direction::ToClient => &self.to_client,
        }
    }

    pub(super) fn reset(&self) {
        for link in [&self.to_broker, &self.to_client] {
            *link.state() = State::default();
            link.set_open(true);
        }
    }
}

impl Default for Link {
    fn default() -> Self {
        Self {
            open: watch::Sender::new(true),
            state: Mutex::default(),
        }
    }
}

impl Link {
    pub(super) fn set_open(&self, open: bool) {
        self.open.send_replace(open);
    }

    pub(super) fn set_latency(&self, latency: Duration) {
        self.state().latency = latency;
    }

    pub(super) fn set_bandwidth(&self, bytes_per_second: Option<u32>) {
        self.state().bytes_per_second = bytes_per_second;
    }

    /// When a frame that comes now gets out at the earliest.
    pub(super) fn due(&self) -> Instant {
        Instant::now() + self.state().latency
    }

    /// Writes as fast as the line and `trickle`, in bytes per second, allow.
    pub(super) async fn write(
        &self,
        stream: &mut (impl AsyncWrite + Unpin + Send),
        bytes: &[u8],
        trickle: Option<u32>,
    ) -> std::io::Result<()> {
        let mut trickled = Instant::now();
        let mut rest = bytes;
        while !rest.is_empty() {
            self.opened().await;
            let (size, sent) = self.reserve(rest.len(), trickle);
            let (now, later) = rest.split_at(size);
            if let Some(rate) = trickle {
                trickled += time_of(size, rate);
                sleep_until(trickled).await;
            }
            if let Some(sent) = sent {
                sleep_until(sent).await;
                // It may have been closed during that time.
                self.opened().await;
            }
            stream.write_all(now).await?;
            rest = later;
        }
        stream.flush().await
    }

    /// How many bytes go next, and when the line has carried them.
    fn reserve(&self, wanted: usize, trickle: Option<u32>) -> (usize, Option<Instant>) {
        let mut state = self.state();
        let Some(slower) = [state.bytes_per_second, trickle]
            .into_iter()
            .flatten()
            .min()
        else {
            return (wanted, None);
        };
        // Pieces of about 20 ms: even enough, and a change is felt soon.
        let size = wanted.min(usize::try_from(slower / 50).unwrap_or(usize::MAX).max(1));
        let sent = state.bytes_per_second.map(|rate| {
            let free_at = state
                .free_at
                .map_or_else(Instant::now, |at| at.max(Instant::now()));
            free_at + time_of(size, rate)
        });
        state.free_at = sent;
        (size, sent)
    }

    /// Returns when bytes get through.
    pub(super) async fn opened(&self) {
        // The sender lives as long as we do: this ends when it is open and never fails.
        let _ = self.open.subscribe().wait_for(|open| *open).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Each change is a single assignment: there is no half-done state to be afraid of.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn time_of(bytes: usize, per_second: u32) -> Duration {
    Duration::from_secs_f64(bytes as f64 / f64::from(per_second.max(1)))
}
