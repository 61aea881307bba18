//! Killing, freezing and bringing back.

use super::{
    ClusterError, KafkaCluster,
    node::State,
    poll::{Look, PATIENCE, until},
};
use rustix::process::Signal;
use std::time::Instant;

impl KafkaCluster {
    /// kill -9: the node is gone when this returns, and the cluster has yet to notice.
    ///
    /// # Errors
    /// If there is no such node.
    pub async fn kill(&self, node: i32) -> Result<(), ClusterError> {
        self.node(node)?
            .kill()
            .map_err(ClusterError::io(format!("killing node {node}")))
    }

    /// kill -15: the node hands its leaderships over, and is gone when this returns.
    ///
    /// # Errors
    /// If it is not running, or takes too long; it still runs then.
    pub async fn terminate(&self, node: i32) -> Result<(), ClusterError> {
        let node = self.node(node)?;
        let action = format!("terminating node {}", node.id);
        self.require(node.id, State::Running, "is not running")?;
        node.signal(Signal::TERM)
            .map_err(ClusterError::io(action.clone()))?;
        until(action, || async {
            Ok(match node.exited() {
                Some(_) => Look::Done(()),
                None => Look::NotYet("it still runs".into()),
            })
        })
        .await
    }

    /// SIGSTOP: connections stay open and nothing answers, until [`thaw`](Self::thaw).
    ///
    /// # Errors
    /// If it is not running.
    pub async fn freeze(&self, node: i32) -> Result<(), ClusterError> {
        let node = self.node(node)?;
        let action = format!("freezing node {}", node.id);
        self.require(node.id, State::Running, "is not running")?;
        node.signal(Signal::STOP)
            .map_err(ClusterError::io(action.clone()))?;
        until(action, || async {
            Ok(if node.is_stopped() {
                Look::Done(())
            } else {
                Look::NotYet("it still runs".into())
            })
        })
        .await
    }

    /// SIGCONT, after [`freeze`](Self::freeze).
    ///
    /// # Errors
    /// If it is not frozen.
    pub async fn thaw(&self, node: i32) -> Result<(), ClusterError> {
        self.require(node, State::Frozen, "is not frozen")?;
        self.node(node)?
            .signal(Signal::CONT)
            .map_err(ClusterError::io(format!("thawing node {node}")))
    }

    /// Starts a node that is down, on its old ports and data, and waits until it answers and sees
    /// every other node that runs. One that still runs is terminated first.
    ///
    /// # Errors
    /// If it does not end or does not come back.
    pub async fn restart(&self, node: i32) -> Result<(), ClusterError> {
        let node = self.node(node)?;
        if node.state() == State::Frozen {
            self.thaw(node.id).await?;
        }
        if node.state() == State::Running {
            self.terminate(node.id).await?;
        }
        let failed = |source| ClusterError::Restart {
            node: node.id,
            source,
        };
        node.spawn(&self.jars).map_err(failed)?;
        let members = self.running().count();
        self.wait_ready(node, members, PATIENCE, Instant::now() + PATIENCE)
            .await
            .map_err(failed)
    }

    /// The process id of a node's JVM, if it has one: for what signals cannot say.
    ///
    /// # Errors
    /// If there is no such node.
    pub fn process_id(&self, node: i32) -> Result<Option<u32>, ClusterError> {
        Ok(self.node(node)?.process_id())
    }

    fn require(
        &self,
        node: i32,
        wanted: State,
        otherwise: &'static str,
    ) -> Result<(), ClusterError> {
        if self.node(node)?.state() == wanted {
            Ok(())
        } else {
            Err(ClusterError::Node {
                node,
                state: otherwise,
            })
        }
    }
}
