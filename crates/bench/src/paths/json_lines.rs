//! Values that compress as log lines and events do.

use bytes::Bytes;

/// Distinct lines, to go round.
const LINES: u64 = 10_000;

/// JSON objects with equal field names and varying content, some 140 bytes each.
pub(super) fn lines() -> Vec<Bytes> {
    const STATES: [&str; 4] = ["created", "paid", "shipped", "delivered"];
    const CITIES: [&str; 5] = ["Arequipa", "La Paz", "Salta", "Cusco", "Antofagasta"];
    let mut state = 1u64;
    let mut random = |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (state >> 33) % below
    };
    let line = |n| {
        let customer = random(100_000);
        let amount = random(1_000_000);
        let at = 1_700_000_000_000 + n * 37 + random(37);
        let order_state = STATES[random(4) as usize];
        let city = CITIES[random(5) as usize];
        let head =
            format!(r#"{{"order_id":{n},"customer":"customer-{customer:06}","city":"{city}","#);
        let tail =
            format!(r#""state":"{order_state}","amount_cents":{amount},"created_at":{at}}}"#);
        Bytes::from(head + &tail)
    };
    (0..LINES).map(line).collect()
}
