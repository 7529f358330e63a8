//! One session of measuring: both servers up, loaded in turn.

use crate::load::{self, Counts, Shape};
use crate::process::Server;
use crate::report::{self, Point};
use crate::signer::Signer;
use crate::workload::{Caller, Operation, Sample, Workload};
use crate::{bodies, idle, limits, others};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keystead binary
    #[arg(long)]
    keystead: PathBuf,
    /// Seconds measured per point and round, after the warm-up
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Rounds per point; in each round the floor runs first, then Keystead
    #[arg(long, default_value_t = 2)]
    rounds: u32,
    /// Numbers of connections
    #[arg(long, value_delimiter = ',', default_values_t = [1_usize, 16, 64])]
    connections: Vec<usize>,
    /// Two seconds per point and one round
    #[arg(long)]
    quick: bool,
    /// Only these operations, by the API's names; all others are left out
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Runtimes of the bare server: as many as Keystead's front end and HSM lane have threads
    #[arg(long, default_value_t = 2)]
    floor_workers: usize,
    /// Fail when a target is missed, not only when a request fails
    #[arg(long)]
    require_targets: bool,
    /// Arguments for `keystead dev`, after `--`
    #[arg(last = true)]
    dev: Vec<String>,
}

/// Measures everything and prints the tables.
///
/// # Errors
/// When a server does not start, a request fails, or a required target is missed.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let known = [&Operation::SYMMETRIC[..], &Operation::OTHERS].concat();
    let is_known = |name: &&String| {
        known
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one.name()))
    };
    if let Some(name) = args.only.iter().find(|name| !is_known(name)) {
        return Err(io::Error::other(format!("{name} is not measured")));
    }
    let keystead = start_keystead(&args.keystead, folder.path(), &args.dev).await?;
    idle::print(&keystead).await;
    // The RSA keys that are made ahead are no part of any request.
    keystead.rested().await?;
    let mut caller = Caller::open(&keystead.address, signer()).await?;
    let mut points = Vec::new();
    for operation in args.chosen(&Operation::SYMMETRIC) {
        let workload = bodies::prepare(&mut caller, operation).await?;
        let sample = match workload.bodies.first() {
            Some(body) => caller.call(&workload.target, body).await?,
            None => return Err(io::Error::other("a workload without bodies")),
        };
        let floor = start_floor(&sample, args.floor_workers).await?;
        for &connections in &args.connections {
            let point = measure(args, operation, connections, &workload, &floor, &keystead).await?;
            println!(
                "{} c={connections}: {}",
                operation.name(),
                report::cells(&point.keystead)
            );
            points.push(point);
        }
    }
    let chosen = args.chosen(&Operation::OTHERS);
    let shape = shape(args, limits::OTHERS_CONNECTIONS);
    let others = others::run(&chosen, shape, &mut caller, &keystead).await?;
    println!();
    if !points.is_empty() {
        println!("{}", report::table(&points));
    }
    println!("{}", others::table(&others));
    judge(&points, &others, args.require_targets)
}

impl Args {
    fn chosen(&self, all: &[Operation]) -> Vec<Operation> {
        let named = |operation: &&Operation| {
            let is_it = |name: &String| name.eq_ignore_ascii_case(operation.name());
            self.only.is_empty() || self.only.iter().any(is_it)
        };
        all.iter().filter(named).copied().collect()
    }
}

/// The development server's own credentials and Region.
pub(crate) fn signer() -> Signer {
    Signer::new("test", "test", "us-east-1")
}

/// Starts `keystead dev` in an empty folder, so that its data is new and its own.
///
/// # Errors
/// As [`Server::start`].
pub(crate) async fn start_keystead(
    binary: &Path,
    folder: &Path,
    arguments: &[String],
) -> io::Result<Server> {
    let mut command = Command::new(std::fs::canonicalize(binary)?);
    command.arg("dev").args(arguments).current_dir(folder);
    Server::start(command).await
}

/// Starts the bare server with the headers and the body of a real answer. hyper adds the date
/// and the length by itself on both servers.
async fn start_floor(sample: &Sample, workers: usize) -> io::Result<Server> {
    let own = |line: &&String| {
        let name = line
            .split(':')
            .next()
            .unwrap_or_default()
            .to_ascii_lowercase();
        name != "date" && name != "content-length"
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.args([
        "floor",
        "--workers",
        &workers.to_string(),
        "--body",
        &sample.body,
    ]);
    for line in sample.headers.iter().filter(own) {
        command.args(["--header", line]);
    }
    Server::start(command).await
}

fn shape(args: &Args, connections: usize) -> Shape {
    let seconds = if args.quick { 2 } else { args.seconds };
    let warm_up = if args.quick {
        limits::WARM_UP_QUICK
    } else {
        limits::WARM_UP
    };
    Shape {
        connections,
        warm_up,
        measured: Duration::from_secs(seconds),
    }
}

async fn measure(
    args: &Args,
    operation: Operation,
    connections: usize,
    workload: &Workload,
    floor: &Server,
    keystead: &Server,
) -> io::Result<Point> {
    let shape = shape(args, connections);
    let rounds = if args.quick { 1 } else { args.rounds };
    let mut point = Point {
        operation,
        connections,
        floor: Counts::new()?,
        keystead: Counts::new()?,
    };
    for _ in 0..rounds {
        for (server, counts) in [(floor, &mut point.floor), (keystead, &mut point.keystead)] {
            let cpu = || server.cpu();
            let run = load::run(&server.address, &signer(), workload, shape, cpu).await?;
            counts.add(run)?;
        }
    }
    Ok(point)
}

fn judge(points: &[Point], others: &[others::Alone], require_targets: bool) -> io::Result<()> {
    let mut missed = false;
    for verdict in points.iter().flat_map(Point::verdicts) {
        missed |= !verdict.holds;
        println!(
            "{} {}",
            if verdict.holds { "holds " } else { "MISSED" },
            verdict.text
        );
    }
    let all = points
        .iter()
        .flat_map(|point| [&point.floor, &point.keystead])
        .chain(others.iter().map(|alone| &alone.counts));
    if let Some(error) = all.clone().find_map(|counts| counts.first_error.as_ref()) {
        let bad: u64 = all.map(|counts| counts.bad).sum();
        return Err(io::Error::other(format!(
            "{bad} requests failed, the first with: {error}"
        )));
    }
    if missed && require_targets {
        return Err(io::Error::other("a target was missed"));
    }
    Ok(())
}
