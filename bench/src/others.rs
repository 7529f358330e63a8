//! Operations that are measured without the floor; signatures beside the bare primitive.

use crate::load::{self, Counts, Shape};
use crate::process::Server;
use crate::report;
use crate::run::signer;
use crate::workload::{Caller, Operation};
use crate::{bare, bodies, limits};
use std::io;

/// One operation's counts.
#[derive(Debug)]
pub(crate) struct Alone {
    operation: Operation,
    connections: usize,
    pub(crate) counts: Counts,
    /// Of a signature: rate of the library alone, per second of one core.
    bare: Option<f64>,
}

/// Measures each operation, and prints each as it is known.
///
/// # Errors
/// When a key or a body cannot be made, or the server breaks off.
pub(crate) async fn run(
    operations: &[Operation],
    shape: Shape,
    caller: &mut Caller,
    server: &Server,
) -> io::Result<Vec<Alone>> {
    let mut all = Vec::new();
    for &operation in operations {
        let workload = bodies::prepare(caller, operation).await?;
        let bare = match operation {
            Operation::Sign(signing) => Some(bare::rate(signing, limits::BARE)?),
            _ => None,
        };
        let cpu = || server.cpu();
        let counts = load::run(&server.address, &signer(), &workload, shape, cpu).await?;
        let alone = Alone {
            operation,
            connections: shape.connections,
            counts,
            bare,
        };
        println!("{}", alone.row());
        all.push(alone);
    }
    Ok(all)
}

impl Alone {
    fn row(&self) -> String {
        let (name, spec) = (self.operation.name(), self.operation.spec());
        let cells = report::cells(&self.counts);
        let compared = self.bare.map_or_else(
            || " | | ".to_owned(),
            |bare| {
                let share = self.counts.rate() / bare * 100.0;
                let cpu = self.counts.cpu_micros() * bare / 1e6;
                format!("{bare:.0} | {share:.0} % | {cpu:.2} x")
            },
        );
        let connections = self.connections;
        format!("| {name} | {spec} | {connections} | {cells} | {compared} |")
    }
}

/// The table, as Markdown; empty without rows.
pub(crate) fn table(all: &[Alone]) -> String {
    if all.is_empty() {
        return String::new();
    }
    let mut out = String::from(
        "| operation | spec | c | requests/s | p50 µs | p99 µs | CPU µs/request | errors | \
         primitive/s per core | rate / primitive | CPU / primitive |\n\
         |---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    for alone in all {
        out.push_str(&alone.row());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::Signing;
    use std::time::Duration;

    #[test]
    fn a_signature_is_compared_with_the_primitive() {
        let mut counts = Counts::new().unwrap();
        counts.good = 800;
        counts.elapsed = Duration::from_secs(1);
        counts.cpu = Duration::from_millis(960);
        let alone = |operation, bare| Alone {
            operation,
            connections: 16,
            counts: counts.clone(),
            bare,
        };
        let sign = alone(Operation::Sign(Signing::Rsa2048), Some(1000.0));
        let text = table(&[sign, alone(Operation::GenerateMac, None)]);
        let cells = "16 | 800 | 0 | 0 | 1200.0 | 0";
        assert!(
            text.contains(&format!(
                "| Sign | RSA_2048 | {cells} | 1000 | 80 % | 1.20 x |"
            )),
            "{text}"
        );
        let columns = |line: &str| line.matches('|').count();
        assert!(text.lines().all(|line| columns(line) == 12), "{text}");
    }
}
