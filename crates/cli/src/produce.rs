//! `guanaco produce`: file to topic.

use crate::{
    args::ProduceArgs,
    embedded::Embedded,
    exit::{Exit, Failure, chain},
    failed_file::FailedFile,
    input::{Chunk, Chunks, Parser},
    interrupt::Interrupt,
    ledger::{Ledger, Stop},
    output::{note, print},
    plan::{self, Plan},
    progress::{Progress, Snapshot},
    records::{Gauge, Records, Ticket},
    report::{Context, Report},
    settings::{Broker, environment},
};
use bytes::Bytes;
use futures_core::Stream;
use guanaco::{
    Cause, Delivery, DeliveryError, Failed, KafkaProducer, KafkaStreamExt, ProduceError,
    ProducerSettings, StartError, producer, serialization::BytesSerializer,
};
use std::{
    future::poll_fn,
    io,
    ops::ControlFlow,
    pin::{Pin, pin},
    sync::Arc,
    task::Poll,
    time::{Duration, Instant},
};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval},
};

/// Blocks that are read ahead of the flow.
const READ_AHEAD: usize = 4;

/// Outcomes that are booked before signals and the progress bar get their turn.
const ROUND: usize = 4096;

/// How often the progress bar is drawn.
const FRAME: Duration = Duration::from_millis(100);

/// Runs the command to its exit code.
pub(crate) async fn run(args: &ProduceArgs) -> Result<Exit, Failure> {
    let plan = Plan::new(args, environment())?;
    let (input, size) = plan::open(&args.file)?;
    let failed_file = FailedFile::create(args.failed.as_deref(), &args.file, plan.parser.clone())?;
    let mut interrupt = Interrupt::listen()
        .map_err(|error| Failure::caused(Exit::Output, "cannot listen for signals", &error, ""))?;

    let (embedded, addresses) = match &plan.settings.broker {
        Broker::Embedded => {
            let embedded = Embedded::start().await?;
            let addresses = embedded.addresses();
            (Some(embedded), Some(addresses))
        }
        Broker::Cluster(addresses) => (None, Some(addresses.clone())),
        Broker::Service => (None, None),
    };
    let producer = tokio::select! {
        producer = connect(addresses, &plan, args) => producer?,
        () = interrupt.next() => {
            note("interrupted before anything was sent");
            return Ok(Exit::Interrupted);
        }
    };

    let gauge = Arc::new(Gauge::new());
    let ledger = Ledger::new(failed_file, args.skip_bad, Arc::clone(&gauge));
    let records = Records::new(
        read(input, plan.parser, args.skip_bad),
        plan.template,
        Arc::clone(&gauge),
    );
    let progress = Progress::new(size, args.quiet);
    let ledger = drive(records, &producer, ledger, &gauge, &mut interrupt, progress).await;
    let took = gauge.took();

    let read_back = match &embedded {
        Some(embedded) => embedded.read_back(&args.topic),
        None => Vec::new(),
    };
    let broker = match &embedded {
        Some(_) => "embedded".to_owned(),
        None => producer
            .cluster_id()
            .map_or_else(|| "unknown".to_owned(), |id| id.to_string()),
    };
    let context = Context {
        topic: args.topic.clone(),
        broker,
        took,
        interrupted: ledger.is_interrupted,
        read_back,
    };
    let exit = tell(args, ledger, context);
    if let Some(embedded) = embedded {
        embedded.end(&args.topic);
    }
    Ok(exit)
}

/// A producer that has seen the cluster, and the topic in it: what is wrong with either shows
/// before a line is read.
async fn connect(
    addresses: Option<String>,
    plan: &Plan,
    args: &ProduceArgs,
) -> Result<KafkaProducer, Failure> {
    let mut settings = ProducerSettings::<Bytes, Bytes>::new(BytesSerializer, BytesSerializer)
        .with_section(&plan.settings.section);
    if let Some(addresses) = addresses {
        settings = settings.with_bootstrap_servers(addresses);
    }
    let producer = settings
        .create_kafka_producer()
        .await
        .map_err(|error| no_producer(&error))?;
    let partitions = producer
        .partitions_for(&plan.template.topic)
        .await
        .map_err(|error| no_topic(&error))?;
    match plan.template.partition {
        Some(partition) if !partitions.contains(&partition) => Err(Failure::usage(format!(
            "the topic {} has no partition {partition}: it has {}, numbered from 0",
            args.topic,
            partitions.len(),
        ))),
        _ => Ok(producer),
    }
}

fn no_producer(error: &StartError) -> Failure {
    match error {
        StartError::Settings(error) => Failure::caused(
            Exit::BadInput,
            "these settings cannot be used",
            error,
            "check -b, -X and --config",
        ),
        error => {
            let advice = "check that --bootstrap-servers names a running cluster";
            Failure::caused(Exit::Unreachable, "cannot connect", error, advice)
        }
    }
}

fn no_topic(error: &ProduceError) -> Failure {
    let (exit, advice) = match error.delivery().map(DeliveryError::cause) {
        Some(Cause::InvalidTopic { .. }) => (Exit::BadInput, "check --topic"),
        Some(Cause::Broker(refusal)) if refusal.name() == "INVALID_TOPIC_EXCEPTION" => {
            (Exit::BadInput, "check --topic")
        }
        Some(Cause::UnknownTopic { .. }) => (Exit::BadInput, "check --topic, or create the topic"),
        _ => (
            Exit::Unreachable,
            "check the cluster, and that it lets you write to the topic",
        ),
    };
    Failure::caused(exit, "cannot produce", error, advice)
}

/// Reads and parses on a thread of its own: reading blocks, and parsing need not share the flow's
/// core.
fn read(input: Box<dyn io::Read + Send>, parser: Parser, skip_bad: bool) -> mpsc::Receiver<Chunk> {
    let (chunks, receiver) = mpsc::channel(READ_AHEAD);
    std::thread::spawn(move || {
        for chunk in Chunks::new(input, parser, skip_bad) {
            // Nobody wants more: the run was interrupted, or its producer died.
            if chunks.blocking_send(chunk).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Pulls the input through the flow until it ends, and books every outcome.
async fn drive(
    records: Records,
    producer: &KafkaProducer,
    mut ledger: Ledger,
    gauge: &Gauge,
    interrupt: &mut Interrupt,
    mut progress: Progress,
) -> Ledger {
    let settings = ProducerSettings::new(BytesSerializer, BytesSerializer).with_producer(producer);
    let mut outcomes = pin!(records.via(producer::flexi_flow(settings).with_outcomes()));
    let mut frames = interval(FRAME);
    frames.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        tokio::select! {
            biased;
            () = interrupt.next() => {
                if ledger.is_interrupted {
                    ledger.abandon("left behind by a second interrupt");
                    break;
                }
                ledger.is_interrupted = true;
                gauge.stop();
                progress.note(format_args!(
                    "interrupted: waiting for {} records in flight, \
                     a second Ctrl-C leaves them behind",
                    ledger.in_flight(),
                ));
            }
            _ = frames.tick() => progress.update(Instant::now(), Snapshot {
                read: gauge.read(),
                acknowledged: ledger.tally.acknowledged,
                failed: ledger.tally.failed(),
                in_flight: ledger.in_flight(),
            }),
            round = round(outcomes.as_mut(), &mut ledger, gauge, &progress) => match round {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(Ok(())) => break,
                ControlFlow::Break(Err(error)) => {
                    ledger.abandon("the producer stopped before its outcome was known");
                    ledger.died = Some(error);
                    break;
                }
            },
        }
    }
    progress.clear();
    ledger
}

type Outcomes<'a, S> = Pin<&'a mut S>;
type Item =
    Result<Result<Delivery<Bytes, Bytes, Ticket>, Failed<Bytes, Bytes, Ticket>>, ProduceError>;

/// Books outcomes while there are any, at most a round of them; waits for the first. Breaks at the
/// stream's end.
async fn round<S: Stream<Item = Item>>(
    mut outcomes: Outcomes<'_, S>,
    ledger: &mut Ledger,
    gauge: &Gauge,
    progress: &Progress,
) -> ControlFlow<Result<(), ProduceError>> {
    let mut booked = 0;
    poll_fn(|cx| {
        gauge.tick();
        while booked < ROUND {
            match outcomes.as_mut().poll_next(cx) {
                Poll::Ready(Some(Ok(outcome))) => {
                    booked += 1;
                    if let Some(line) = ledger.settle(outcome) {
                        progress.note(line);
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    return Poll::Ready(ControlFlow::Break(Err(error)));
                }
                Poll::Ready(None) => return Poll::Ready(ControlFlow::Break(Ok(()))),
                Poll::Pending if booked == 0 => return Poll::Pending,
                Poll::Pending => break,
            }
        }
        Poll::Ready(ControlFlow::Continue(()))
    })
    .await
}

/// Says what happened, and decides on the exit code.
fn tell(args: &ProduceArgs, ledger: Ledger, context: Context) -> Exit {
    let mut exit = ledger.verdict();
    let report = Report::new(&ledger.tally, context);
    let file = args.file.display();
    match &ledger.stop {
        Some(Stop::Bad(bad)) => note(format_args!(
            "{file}:{}: {}; the lines before it were sent, nothing from it on \
             (--skip-bad goes on without such lines)",
            bad.number, bad.reason,
        )),
        Some(Stop::Broken(broken)) => note(format_args!(
            "{file}:{}: cannot read on: {}; the lines before it were sent",
            broken.number,
            chain(&broken.error),
        )),
        None => {}
    }
    if let Some(error) = &ledger.died {
        note(format_args!("the producer stopped: {}", chain(error)));
    }
    if let Err(error) = ledger.failed_file.finish() {
        note(format_args!("cannot write the --failed file: {error}"));
        exit = worst(exit, Exit::Output);
    }
    let printed = if args.json {
        print(report.json())
    } else if args.quiet {
        Ok(())
    } else {
        print(report)
    };
    if let Err(error) = printed {
        note(format_args!("cannot write the report: {error}"));
        exit = worst(exit, Exit::Output);
    }
    exit
}

/// An output error shows only where nothing worse does.
fn worst(exit: Exit, output: Exit) -> Exit {
    if exit == Exit::Done { output } else { exit }
}
