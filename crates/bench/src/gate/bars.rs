//! The bars: every figure that the gate judges, and when it is good enough.

use super::stats::Figure;

/// What a figure must be.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    AtLeast(f64),
    AtMost(f64),
    Above(f64),
}

impl Rule {
    pub(crate) fn holds(self, value: f64) -> bool {
        match self {
            Self::AtLeast(bar) => value >= bar,
            Self::AtMost(bar) => value <= bar,
            Self::Above(bar) => value > bar,
        }
    }
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(bar) => write!(f, ">= {bar}"),
            Self::AtMost(bar) => write!(f, "<= {bar}"),
            Self::Above(bar) => write!(f, "> {bar}"),
        }
    }
}

/// Every key that is judged, in the order of the report.
pub(crate) const BARS: [(&str, Rule); 18] = [
    ("flexi_vs_probe_throughput", Rule::AtLeast(0.9)),
    ("flexi_vs_probe_cpu", Rule::AtMost(3.0)),
    ("null_flexi_vs_probe", Rule::AtMost(5.0)),
    ("null_flexi_ns", Rule::AtMost(120.0)),
    ("null_keyed64_ns", Rule::AtMost(300.0)),
    ("kib_vs_probe", Rule::AtLeast(0.8)),
    ("tls_kib_vs_bare", Rule::AtLeast(0.8)),
    ("lz4_vs_none_50mb", Rule::Above(1.3)),
    ("rtt2ms_vs_limit", Rule::AtLeast(0.8)),
    ("send_ns", Rule::AtMost(500.0)),
    ("p99_vs_probe_rtt", Rule::AtMost(2.0)),
    ("stall_rss_over_buffer_mib", Rule::AtMost(64.0)),
    ("rss_growth_20m_mib", Rule::AtMost(16.0)),
    ("batches_per_request", Rule::AtLeast(50.0)),
    ("shared4_vs_one", Rule::AtLeast(0.95)),
    ("shared4_vs_own4", Rule::Above(1.0)),
    ("tracing_off_cpu", Rule::AtMost(1.02)),
    ("metrics_on_cpu", Rule::AtMost(1.05)),
];

/// A measured key; it is judged if it is in [`BARS`], else it is there to be read.
#[derive(Clone, Debug)]
pub(crate) struct Finding {
    pub(crate) key: &'static str,
    pub(crate) figure: Figure,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_number_meets_no_bar() {
        for (key, rule) in BARS {
            assert!(!rule.holds(f64::NAN), "{key}");
        }
    }

    #[test]
    fn above_is_not_at_least() {
        assert!(!Rule::Above(1.0).holds(1.0));
        assert!(Rule::AtLeast(1.0).holds(1.0));
        assert!(Rule::AtMost(1.0).holds(1.0));
    }
}
