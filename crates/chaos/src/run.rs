//! A workload on a topic of its own: started, watched, stopped, judged.

use crate::{
    arena::Arena,
    checker::{Checker, Kind, Rules, Verdict},
    journal::Journal,
    problem::Problem,
    workload::{Job, Plan, Stop},
};
use guanaco::KafkaError;
use guanaco_testkit::kafka::{ClusterError, LogRecord};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{Instant, sleep, timeout_at},
};

/// A run before it is started: [`Arena::run`].
#[derive(Debug)]
pub struct RunPlan<'a> {
    arena: &'a Arena,
    topic: String,
    id: u64,
    partitions: i32,
    configs: Vec<(&'static str, String)>,
    writers: Vec<Plan>,
    driven: usize,
    properties: Vec<(String, String)>,
}

impl<'a> RunPlan<'a> {
    pub(crate) fn new(arena: &'a Arena, topic: String, id: u64) -> Self {
        Self {
            arena,
            topic,
            id,
            partitions: 6,
            configs: Vec::new(),
            writers: Plan::usual(),
            driven: 0,
            properties: arena.properties(),
        }
    }

    /// So many partitions; 6 if not said.
    #[must_use]
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// A setting of the topic.
    #[must_use]
    pub fn config(mut self, key: &'static str, value: impl ToString) -> Self {
        self.configs.push((key, value.to_string()));
        self
    }

    /// A property of the clients.
    #[must_use]
    pub fn property(mut self, key: &str, value: impl ToString) -> Self {
        self.properties.push((key.into(), value.to_string()));
        self
    }

    /// These writers instead of the usual ones.
    #[must_use]
    pub fn writers(mut self, writers: impl Into<Vec<Plan>>) -> Self {
        self.writers = writers.into();
        self
    }

    /// So many writers that the scenario drives itself, and no others.
    #[must_use]
    pub fn driven(mut self, writers: usize) -> Self {
        self.writers.clear();
        self.driven = writers;
        self
    }

    /// Creates the topic and starts the writers.
    ///
    /// # Errors
    /// If the topic cannot be created, or no writer gets a record acknowledged.
    pub async fn start(self) -> Result<Run<'a>, Problem> {
        let driven = self.driven > 0;
        let run = self.start_cold().await?;
        if driven {
            return Ok(run);
        }
        run.flowing(Duration::from_secs(20)).await?;
        Ok(run)
    }

    /// As [`start`](Self::start), without waiting for acknowledgements.
    ///
    /// # Errors
    /// If the topic cannot be created.
    pub async fn start_cold(self) -> Result<Run<'a>, Problem> {
        let configs: Vec<_> = self
            .configs
            .iter()
            .map(|(key, value)| (*key, value.as_str()))
            .collect();
        let cluster = &self.arena.cluster;
        let replicas = if cluster.nodes().count() < 3 { 1 } else { 3 };
        cluster
            .create_topic(&self.topic, self.partitions, replicas, &configs)
            .await?;
        let journal = Arc::new(Journal::new(self.id, self.writers.len() + self.driven));
        let (stop, stopped) = Stop::new();
        let jobs = (0..).zip(self.writers).map(|(writer, plan)| Job {
            writer,
            plan,
            topic: self.topic.clone(),
            properties: self.properties.clone(),
            journal: Arc::clone(&journal),
            stop: stopped.clone(),
        });
        Ok(Run {
            arena: self.arena,
            tasks: jobs.map(Job::spawn).collect(),
            topic: self.topic,
            journal,
            stop,
            stopped,
            properties: self.properties,
        })
    }
}

/// Writers at work.
#[derive(Debug)]
pub struct Run<'a> {
    pub(crate) arena: &'a Arena,
    /// The topic that they write to.
    pub topic: String,
    /// What they enter.
    pub journal: Arc<Journal>,
    stop: watch::Sender<bool>,
    stopped: Stop,
    /// The clients' properties.
    pub properties: Vec<(String, String)>,
    tasks: Vec<JoinHandle<Result<(), Problem>>>,
}

/// Between two looks at the journal.
const LOOK: Duration = Duration::from_millis(20);

impl Run<'_> {
    /// The leader of the first partition.
    ///
    /// # Errors
    /// If there is none.
    pub async fn leader(&self) -> Result<i32, Problem> {
        Ok(self.arena.cluster.leader(&self.topic, 0).await?)
    }

    /// Waits until every writer has an acknowledgement of something that was accepted after the call.
    ///
    /// # Errors
    /// If that does not come true in time.
    pub async fn flowing(&self, within: Duration) -> Result<(), Problem> {
        let since = self.journal.now();
        self.until(within, |progress| {
            progress.fresh.is_some_and(|fresh| fresh > since)
        })
        .await
        .map_err(|seen| format!("not every writer got on within {within:?}: {seen}").into())
    }

    /// Waits until something holds for every writer.
    ///
    /// # Errors
    /// What was seen instead.
    pub async fn until(
        &self,
        within: Duration,
        holds: impl Fn(&crate::journal::Progress) -> bool,
    ) -> Result<(), String> {
        let deadline = Instant::now() + within;
        loop {
            let progress = self.journal.progress();
            if progress.iter().all(&holds) {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("{progress:?}"));
            }
            sleep(LOOK).await;
        }
    }

    /// A writer's job that is not started: for scenarios that drive it themselves.
    ///
    /// It is one of the run's writers: `writer` counts in what was planned.
    #[must_use]
    pub fn job(&self, writer: u32, plan: Plan) -> Job {
        Job {
            writer,
            plan,
            topic: self.topic.clone(),
            properties: self.properties.clone(),
            journal: Arc::clone(&self.journal),
            stop: self.stopped.clone(),
        }
    }

    /// Tells the writers to stop, without waiting for them.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Stops the writers, undoes every fault, reads everything back and judges.
    ///
    /// # Errors
    /// If the cluster does not get well, or cannot be read.
    pub async fn finish(mut self, rules: Rules) -> Result<Verdict, Problem> {
        self.stop.send_replace(true);
        // What is open may take its full time, and a close after it.
        let deadline = Instant::now() + rules.hung + Duration::from_secs(5);
        let mut late = 0;
        let mut errors = Vec::new();
        for task in &mut self.tasks {
            match timeout_at(deadline, &mut *task).await {
                Ok(Ok(Ok(()))) => {}
                Ok(Ok(Err(error))) => errors.push(error.to_string()),
                Ok(Err(panic)) => errors.push(panic.to_string()),
                Err(_) => late += 1,
            }
        }
        let history = self.journal.history();
        self.arena.recover().await?;
        let mut checker = Checker::new(&history, rules);
        let log = self.read_all().await?;
        for (partition, records) in (0..).zip(&log) {
            for record in records {
                checker.record(partition, record.offset, record.value.as_deref());
            }
        }
        let mut verdict = checker.finish();
        for (writer, progress) in self.journal.progress().into_iter().enumerate() {
            errors.extend(
                progress
                    .broken
                    .map(|error| format!("writer {writer}'s stream ended: {error}")),
            );
        }
        for error in errors {
            verdict.note(Kind::WrongClass, error);
        }
        if late > 0 {
            verdict.note(Kind::Hung, format!("{late} writers did not end"));
        }
        self.arena.cluster.delete_topic(&self.topic).await?;
        Ok(verdict)
    }
}

impl Run<'_> {
    /// A new leader knows its own offsets only a moment after it became one.
    async fn read_all(&self) -> Result<Vec<Vec<LogRecord>>, ClusterError> {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            match self.arena.cluster.read_all(&self.topic).await {
                Err(error)
                    if error.refusal().is_some_and(KafkaError::is_retriable)
                        && Instant::now() < deadline =>
                {
                    sleep(LOOK).await;
                }
                read => return read,
            }
        }
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}
