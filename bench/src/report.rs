//! The table, the ratios and whether the targets hold.

use crate::limits;
use crate::load::Counts;
use crate::workload::Operation;

/// One operation at one number of connections, on both servers.
#[derive(Debug)]
pub(crate) struct Point {
    pub(crate) operation: Operation,
    pub(crate) connections: usize,
    pub(crate) floor: Counts,
    pub(crate) keystead: Counts,
}

/// A target at one point, and whether it was met.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) text: String,
    pub(crate) holds: bool,
}

impl Point {
    /// Keystead's requests per second as a share of the floor's.
    fn rate_share(&self) -> f64 {
        self.keystead.rate() / self.floor.rate().max(f64::EPSILON)
    }

    /// Keystead's CPU per request as a multiple of the floor's.
    fn cpu_ratio(&self) -> f64 {
        self.keystead.cpu_micros() / self.floor.cpu_micros().max(f64::EPSILON)
    }

    /// Keystead's median latency above the floor's, in µs.
    fn p50_added_micros(&self) -> f64 {
        self.keystead.latency_micros(0.5) - self.floor.latency_micros(0.5)
    }

    /// The targets that belong to this number of connections.
    pub(crate) fn verdicts(&self) -> Vec<Verdict> {
        let at = format!("{} c={}", self.operation.name(), self.connections);
        let (share, cpu) = (self.rate_share(), self.cpu_ratio());
        let cpu_verdict = |most: f64| Verdict {
            text: format!("{at}: CPU per request {cpu:.2} x floor (target at most {most:.1} x)"),
            holds: cpu <= most,
        };
        match self.connections {
            1 => {
                let (added, most) = (self.p50_added_micros(), limits::P50_ADDED_MICROS_MAX_AT_1);
                let text =
                    format!("{at}: p50 {added:+.0} µs over floor (target at most +{most:.0})");
                vec![Verdict {
                    text,
                    holds: added <= most,
                }]
            }
            16 => vec![cpu_verdict(limits::CPU_RATIO_MAX_AT_16)],
            64 => {
                let least = limits::RATE_SHARE_MIN_AT_64;
                let (share_percent, least_percent) = (share * 100.0, least * 100.0);
                let text = format!(
                    "{at}: {share_percent:.0} % of floor's requests/s \
                     (target at least {least_percent:.0} %)"
                );
                let rate = Verdict {
                    text,
                    holds: share >= least,
                };
                vec![rate, cpu_verdict(limits::CPU_RATIO_MAX_AT_64)]
            }
            _ => Vec::new(),
        }
    }
}

/// The table of all points, as Markdown.
pub(crate) fn table(points: &[Point]) -> String {
    let mut out = String::from(
        "| operation | c | server | requests/s | p50 µs | p99 µs | CPU µs/request | errors | \
         rate / floor | CPU / floor |\n|---|---:|---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for point in points {
        let head = format!("| {} | {} |", point.operation.name(), point.connections);
        let (rate, cpu) = (point.rate_share() * 100.0, point.cpu_ratio());
        out.push_str(&format!("{head} floor | {} | | |\n", cells(&point.floor)));
        let own = cells(&point.keystead);
        out.push_str(&format!(
            "{head} keystead | {own} | {rate:.0} % | {cpu:.2} x |\n"
        ));
    }
    out
}

/// The cells that both servers have.
pub(crate) fn cells(counts: &Counts) -> String {
    let (p50, p99) = (counts.latency_micros(0.5), counts.latency_micros(0.99));
    let (rate, cpu, errors) = (counts.rate(), counts.cpu_micros(), counts.bad);
    format!("{rate:.0} | {p50:.0} | {p99:.0} | {cpu:.1} | {errors}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn counts(good: u64, cpu_millis: u64) -> Counts {
        let mut counts = Counts::new().unwrap();
        counts.good = good;
        counts.elapsed = Duration::from_secs(1);
        counts.cpu = Duration::from_millis(cpu_millis);
        counts
    }

    fn point(connections: usize, keystead: Counts) -> Point {
        Point {
            operation: Operation::Encrypt,
            connections,
            floor: counts(1000, 10),
            keystead,
        }
    }

    fn holds(point: &Point) -> Vec<bool> {
        point
            .verdicts()
            .iter()
            .map(|verdict| verdict.holds)
            .collect()
    }

    #[test]
    fn targets_at_64_connections() {
        assert_eq!(holds(&point(64, counts(700, 13))), [true, true]);
        assert_eq!(holds(&point(64, counts(500, 13))), [false, false]);
    }

    #[test]
    fn targets_at_16_and_1_connections() {
        assert_eq!(holds(&point(16, counts(500, 11))), [true]);
        assert_eq!(holds(&point(16, counts(500, 12))), [false]);
        assert_eq!(holds(&point(1, counts(500, 12))), [true]);
    }

    #[test]
    fn the_table_has_both_servers() {
        let text = table(&[point(64, counts(500, 10))]);
        assert!(
            text.contains("| Encrypt | 64 | keystead | 500 | 0 | 0 | 20.0 | 0 | 50 % | 2.00 x |")
        );
        assert_eq!(text.lines().count(), 4);
    }
}
