//! The key that somebody may have meant.

use super::keys;

/// What librdkafka calls some of the settings.
const ELSEWHERE: &[(&str, &str)] = &[
    ("metadata.broker.list", "bootstrap.servers"),
    ("request.required.acks", "acks"),
    ("message.timeout.ms", "delivery.timeout.ms"),
    ("message.send.max.retries", "retries"),
    ("queue.buffering.max.ms", "linger.ms"),
    ("queue.buffering.max.kbytes", "buffer.memory"),
    ("message.max.bytes", "max.request.size"),
    ("compression.codec", "compression.type"),
    ("compression.level", "compression.zstd.level"),
    ("partitioner", "partitioner.class"),
    ("ssl.keystore.pem", "ssl.keystore.key"),
    ("https.ca.location", "ssl.ca.location"),
    ("https.ca.pem", "ssl.ca.pem"),
    ("ssl.ca", "ssl.ca.location"),
];

pub(super) fn to(key: &str) -> Option<&'static str> {
    // The spellings of other languages are no typing errors.
    let key = key.trim().to_ascii_lowercase().replace(['_', '-'], ".");
    if let Some((_, ours)) = ELSEWHERE.iter().find(|(theirs, _)| *theirs == key) {
        return Some(ours);
    }
    nearest(&key, keys::all().iter().map(|known| known.name()))
}

/// The name that somebody may have meant by `name`: the closest of those known, if one is close.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer than any name there is: not worth a comparison.
    if name.len() > 100 {
        return None;
    }
    let (distance, nearest) = known
        .into_iter()
        .map(|known| (distance(name, known), known))
        .min()?;
    (distance <= name.len() / 3).then_some(nearest)
}

/// How many characters must be inserted, removed, replaced or swapped with their neighbour.
fn distance(a: &str, b: &str) -> usize {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, y) in b.iter().enumerate() {
            let replaced = above[j] + usize::from(x != y);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *x == b[j - 1] && a[i - 1] == *y {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::{distance, to};

    #[test]
    fn distance_counts_single_slips() {
        assert_eq!(distance("acks", "acks"), 0);
        assert_eq!(distance("aks", "acks"), 1);
        assert_eq!(distance("acsk", "acks"), 1);
        assert_eq!(distance("", "acks"), 4);
        assert_eq!(distance("kitten", "sitting"), 3);
    }

    #[test]
    fn typing_errors_find_their_key() {
        assert_eq!(to("bootstrap.server"), Some("bootstrap.servers"));
        assert_eq!(to("BOOTSTRAP_SERVERS"), Some("bootstrap.servers"));
        assert_eq!(to("lingerms"), Some("linger.ms"));
        assert_eq!(to("ilnger.ms"), Some("linger.ms"));
        assert_eq!(to("compresion.type"), Some("compression.type"));
        assert_eq!(to("batch.adaptiv"), Some("batch.adaptive"));
        assert_eq!(to("queue.buffering.max.ms"), Some("linger.ms"));
    }

    #[test]
    fn what_resembles_nothing_gets_no_advice() {
        for key in [
            "",
            "x",
            "group.id",
            "the quick brown fox",
            &"acks".repeat(1_000),
        ] {
            assert_eq!(to(key), None, "{key}");
        }
    }
}
