use crate::io::backoff::Backoff;
use std::time::Duration;

const BASE: Duration = Duration::from_millis(100);
const MAX: Duration = Duration::from_secs(1);

fn backoff(seed: u64) -> Backoff {
    Backoff::new(BASE, MAX, fastrand::Rng::with_seed(seed))
}

#[test]
fn doubles_up_to_its_maximum_and_strays_by_a_fifth() {
    let (mut low, mut high) = (f64::MAX, 0_f64);
    for seed in 0..200 {
        let mut backoff = backoff(seed);
        for term in [100, 200, 400, 800, 1000, 1000, 1000] {
            let ratio = backoff.next().as_secs_f64() * 1000.0 / f64::from(term);
            low = low.min(ratio);
            high = high.max(ratio);
        }
    }
    assert!(
        (0.8..0.82).contains(&low),
        "the shortest was {low} of its term"
    );
    assert!(
        (1.18..=1.2).contains(&high),
        "the longest was {high} of its term"
    );
}

#[test]
fn starts_over_after_a_success() {
    let mut backoff = backoff(1);
    for _ in 0..10 {
        backoff.next();
    }
    backoff.reset();
    assert!(backoff.next() <= BASE.mul_f64(1.2));
}

#[test]
fn repeats_itself_with_the_same_seed() {
    let waits = |seed| {
        let mut backoff = backoff(seed);
        (0..5).map(|_| backoff.next()).collect::<Vec<_>>()
    };
    assert_eq!(waits(7), waits(7));
    assert_ne!(waits(7), waits(8));
}

#[test]
fn survives_any_settings_and_any_number_of_failures() {
    let rng = || fastrand::Rng::with_seed(3);
    let mut none = Backoff::new(Duration::ZERO, MAX, rng());
    let mut never = Backoff::new(Duration::MAX, Duration::MAX, rng());
    let mut long = backoff(3);
    for _ in 0..100 {
        assert_eq!(none.next(), Duration::ZERO);
        assert!(never.next() > Duration::from_secs(u64::MAX / 2));
        assert!(long.next() <= MAX.mul_f64(1.2));
    }
    assert!(long.next() >= MAX.mul_f64(0.8));
}
