//! What a store full of keys costs: start-up time and the cost of a page of ListKeys, with few
//! keys and with many.

use crate::limits;
use crate::load::{self, Shape};
use crate::process::Server;
use crate::run::{signer, start_keystead};
use crate::workload::{Caller, Workload};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How many keys to make.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keystead binary
    #[arg(long)]
    keystead: PathBuf,
    /// Keys in the store at the end, at most what an account may have
    #[arg(long, default_value_t = 100_000)]
    keys: u64,
}

/// Connections that make keys.
const MAKERS: usize = 64;
/// Connections that list keys.
const LISTERS: usize = 1;
/// Keys on a page.
const PAGE: u32 = 100;

/// Fills a store with keys, measures pages before and after, and starts the server again.
///
/// # Errors
/// When the server does not start or a request fails.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let keep = ["--data-dir".to_owned(), "data".to_owned()];
    let server = start_keystead(&args.keystead, folder.path(), &keep).await?;
    println!(
        "start with no keys: {:.1} ms",
        server.start.as_secs_f64() * 1e3
    );
    let mut made = fill(&server, u64::from(PAGE)).await?;
    pages(&server, made).await?;
    made += fill(&server, args.keys.saturating_sub(made)).await?;
    pages(&server, made).await?;
    drop(server);
    let server = start_keystead(&args.keystead, folder.path(), &keep).await?;
    println!(
        "start with {made} keys: {:.1} ms",
        server.start.as_secs_f64() * 1e3
    );
    crate::idle::print(&server).await;
    Ok(())
}

/// Makes at least `keys` keys, or fewer when the account is full; says how fast.
async fn fill(server: &Server, keys: u64) -> io::Result<u64> {
    let shape = Shape {
        connections: MAKERS,
        warm_up: Duration::ZERO,
        measured: Duration::from_secs(1),
    };
    let workload = create_key();
    let (mut made, mut seconds) = (0, 0.0);
    while made < keys {
        let cpu = || server.cpu();
        let counts = load::run(&server.address, &signer(), &workload, shape, cpu).await?;
        made += counts.good;
        seconds += counts.elapsed.as_secs_f64();
        if counts.bad > 0 {
            let error = counts.first_error.unwrap_or_default();
            if error.contains("LimitExceeded") {
                break;
            }
            return Err(io::Error::other(error));
        }
        println!("  {made} keys after {seconds:.0} s");
    }
    Ok(made)
}

/// Measures the first page of ListKeys.
async fn pages(server: &Server, keys: u64) -> io::Result<()> {
    let mut caller = Caller::open(&server.address, signer()).await?;
    let body = format!(r#"{{"Limit":{PAGE}}}"#);
    caller.call("TrentService.ListKeys", &body).await?;
    let workload = Workload {
        target: "TrentService.ListKeys".to_owned(),
        bodies: vec![body],
    };
    let shape = Shape {
        connections: LISTERS,
        warm_up: limits::WARM_UP_QUICK,
        measured: Duration::from_secs(2),
    };
    let counts = load::run(&server.address, &signer(), &workload, shape, || {
        server.cpu()
    })
    .await?;
    println!(
        "ListKeys, {PAGE} of {keys} keys: p50 {:.0} µs, p99 {:.0} µs, {} errors",
        counts.latency_micros(0.5),
        counts.latency_micros(0.99),
        counts.bad
    );
    Ok(())
}

fn create_key() -> Workload {
    Workload {
        target: "TrentService.CreateKey".to_owned(),
        bodies: vec!["{}".to_owned()],
    }
}
