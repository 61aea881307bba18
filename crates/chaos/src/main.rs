//! Plays fault scenarios against a real Kafka and says which passed.

use guanaco_chaos::{
    arena::{Arena, Mode, Times},
    problem::Problem,
    rows, stage,
};
use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let mut words: Vec<String> = std::env::args().skip(1).collect();
    if words.first().is_some_and(|word| word == "--debug") {
        words.remove(0);
        tracing_subscriber::fmt()
            .with_max_level(tracing::Level::DEBUG)
            .with_writer(std::io::stderr)
            .init();
    }
    match run(&words).await {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("guanaco-chaos: {}", stage::line(&problem));
            ExitCode::from(2)
        }
    }
}

async fn run(words: &[String]) -> Result<bool, Problem> {
    let rows: Vec<_> = words.iter().filter_map(|name| rows::named(name)).collect();
    let mut arena = Arena::start(Times::SCALED, 1).await?;
    let mut passed = 0;
    for row in &rows {
        let result = stage::play(&mut arena, row, Mode::I).await;
        passed += usize::from(result.passed());
    }
    println!("{passed} passed, {} failed", rows.len() - passed);
    Ok(passed == rows.len())
}
