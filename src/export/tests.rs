use super::*;
use serde_json::Value;
use std::collections::BTreeSet;

const PAGE: &str = include_str!("../../docs/observability.md");
const DASHBOARD: &str = include_str!("../../docs/grafana-dashboard.json");

fn names() -> BTreeSet<&'static str> {
    let exports = EXPORTS.iter().map(|export| export.name);
    exports.chain([HEALTHY, OLDEST]).collect()
}

#[test]
fn the_documentation_has_a_row_for_every_metric_and_no_other() {
    let rows = PAGE.lines().filter(|line| line.starts_with("| `guanaco_"));
    let documented: BTreeSet<_> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(documented, names());
    for export in &EXPORTS {
        let kind = match export.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram(_) => "histogram",
        };
        let start = format!("| `{}` | {kind} |", export.name);
        let end = format!("| {} |", export.help);
        let is_its_row = |line: &str| line.starts_with(&start) && line.ends_with(&end);
        assert!(PAGE.lines().any(is_its_row), "{start}…{end}");
    }
}

#[test]
fn names_end_as_prometheus_wants_them() {
    assert_eq!(names().len(), EXPORTS.len() + 2, "each name is there once");
    for export in &EXPORTS {
        let counts = export.kind == Kind::Counter;
        assert_eq!(export.name.ends_with("_total"), counts, "{}", export.name);
    }
}

/// All strings under a key, at any depth.
fn collect<'a>(value: &'a Value, key: &str, found: &mut Vec<&'a str>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(key).and_then(Value::as_str));
            map.values().for_each(|value| collect(value, key, found));
        }
        Value::Array(list) => list.iter().for_each(|value| collect(value, key, found)),
        _ => {}
    }
}

#[test]
fn the_dashboard_asks_only_for_metrics_that_are_published() {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut queries = Vec::new();
    collect(&dashboard, "expr", &mut queries);
    collect(&dashboard, "query", &mut queries);
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let words = queries
        .iter()
        .flat_map(|query| query.split(|c| !is_word(c)));
    let asked: BTreeSet<_> = words.filter(|word| word.starts_with("guanaco_")).collect();
    assert!(asked.len() > 10, "{asked:?}");
    for name in asked {
        let histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|suffix| name.strip_suffix(suffix));
        let known = match histogram {
            Some(base) => EXPORTS
                .iter()
                .any(|export| export.name == base && matches!(export.kind, Kind::Histogram(_))),
            None => names().contains(name),
        };
        assert!(known, "{name}");
    }
}

#[test]
fn only_what_is_new_in_a_distribution_is_told() {
    let (mut told, mut distribution) = (Vec::new(), Distribution::default());
    let count = |news: Vec<(f64, u64)>| news.into_iter().map(|(_, count)| count).sum::<u64>();
    distribution.add(1.0);
    distribution.add(1.0);
    assert_eq!(news(&mut told, &distribution).len(), 1);
    assert!(news(&mut told, &distribution).is_empty());
    distribution.add(1000.0);
    distribution.add(1.0);
    assert_eq!(count(news(&mut told, &distribution)), 2);
    assert!(news(&mut told, &distribution).is_empty());
}
