//! RSA keys: how fast while prepared ones last, and what others feel while none is left.

use crate::load::{self, Counts, Shape};
use crate::process::Server;
use crate::run::{signer, start_keystead};
use crate::workload::{Caller, Operation, Signing, member};
use crate::{bodies, limits, report};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// What to measure.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keystead binary
    #[arg(long)]
    keystead: PathBuf,
    /// Keys of each size that the server makes ahead (`hsm.prepared_keys`)
    #[arg(long, default_value_t = 4)]
    prepared: usize,
    /// Times that the prepared keys are used up, for each of the two operations
    #[arg(long, default_value_t = 1)]
    rounds: usize,
    /// Seconds of load beside the making of keys, and as many without it
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Fail when a target is missed, not only when a request fails
    #[arg(long)]
    require_targets: bool,
}

const SIZES: [&str; 3] = ["RSA_2048", "RSA_3072", "RSA_4096"];

/// Measures and prints.
///
/// # Errors
/// When the server does not start, a request fails, or a required target is missed.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let server = start_keystead(&args.keystead, folder.path(), &[]).await?;
    let mut caller = Caller::open(&server.address, signer()).await?;
    let created = caller.call(&bodies::target("CreateKey"), "{}").await?;
    let wrapping = member(&created, &["KeyMetadata", "KeyId"])?;
    let mut missed = false;
    for name in ["CreateKey", "GenerateDataKeyPair"] {
        let body = |size| match name {
            "CreateKey" => bodies::signing_key(size),
            _ => bodies::data_key_pair(&wrapping, size),
        };
        let mut taken = [const { Vec::new() }; SIZES.len()];
        for _ in 0..args.rounds {
            server.rested().await?;
            // Size after size: what is made meanwhile belongs to sizes that are done.
            for (size, taken) in SIZES.into_iter().zip(&mut taken) {
                for _ in 0..args.prepared {
                    let begin = Instant::now();
                    caller.call(&bodies::target(name), &body(size)).await?;
                    taken.push(begin.elapsed());
                }
            }
        }
        for (size, taken) in SIZES.into_iter().zip(taken) {
            missed |= !prepared_verdict(name, size, taken);
        }
    }
    missed |= !beside_signing(args, &server, &mut caller).await?;
    let (quiet, beside) = beside(args, &server, &mut caller, &wrapping).await?;
    println!("Encrypt, c={}:", limits::BESIDE_CONNECTIONS);
    println!("| | requests/s | p50 µs | p99 µs | CPU µs/request | errors |");
    println!("|---|---:|---:|---:|---:|---:|");
    println!("| by itself | {} |", report::cells(&quiet));
    println!("| beside RSA_4096 | {} |", report::cells(&beside));
    if let Some(error) = quiet.first_error.or(beside.first_error) {
        return Err(io::Error::other(error));
    }
    if missed && args.require_targets {
        return Err(io::Error::other("a target was missed"));
    }
    Ok(())
}

/// Prints what one size took; true when its target holds.
fn prepared_verdict(name: &str, size: &str, mut taken: Vec<Duration>) -> bool {
    taken.sort_unstable();
    let micros = |at: Option<&Duration>| at.map_or(0.0, |taken| taken.as_secs_f64() * 1e6);
    let p50 = micros(taken.get(taken.len() / 2));
    let (most, count) = (micros(taken.last()), taken.len());
    let target = limits::PREPARED_P50_MICROS_MAX;
    let holds = p50 < target;
    println!(
        "{} {name} {size}: p50 {p50:.0} µs, slowest of {count} {most:.0} µs (target p50 below {target:.0} µs)",
        if holds { "holds " } else { "MISSED" }
    );
    holds
}

/// Loads with Encrypt, first by itself, then while requests for RSA keys of 4096 bits wait.
async fn beside(
    args: &Args,
    server: &Server,
    caller: &mut Caller,
    wrapping: &str,
) -> io::Result<(Counts, Counts)> {
    let workload = bodies::prepare(caller, Operation::Encrypt).await?;
    let shape = Shape {
        connections: limits::BESIDE_CONNECTIONS,
        warm_up: limits::WARM_UP,
        measured: Duration::from_secs(args.seconds),
    };
    server.rested().await?;
    let signer_of_load = signer();
    let load = || {
        load::run(&server.address, &signer_of_load, &workload, shape, || {
            server.cpu()
        })
    };
    let quiet = load().await?;
    let made = Arc::new(AtomicU32::new(0));
    let body = bodies::data_key_pair(wrapping, "RSA_4096");
    let mut wanting = JoinSet::new();
    for _ in 0..limits::WANTING_CONNECTIONS {
        let client = Caller::open(&server.address, signer()).await?;
        let target = bodies::target("GenerateDataKeyPair");
        wanting.spawn(want(client, target, body.clone(), Arc::clone(&made)));
    }
    // From then on each of these requests waits for a key to be made.
    let begin = Instant::now();
    while made.load(Ordering::Relaxed) < u32::try_from(args.prepared).unwrap_or(u32::MAX) {
        if let Some(ended) = wanting.try_join_next() {
            return Err(ended.unwrap_or_else(io::Error::other));
        }
        if begin.elapsed() > limits::MAKING_MAX {
            return Err(io::Error::other("no RSA key in time"));
        }
        tokio::time::sleep(limits::PREPARING_PAUSE).await;
    }
    let (before, begin) = (made.load(Ordering::Relaxed), Instant::now());
    let beside = load().await?;
    if let Some(ended) = wanting.try_join_next() {
        return Err(ended.unwrap_or_else(io::Error::other));
    }
    println!(
        "{} requests for RSA_4096 waited all the time; {} were answered in {:.1} s",
        limits::WANTING_CONNECTIONS,
        made.load(Ordering::Relaxed) - before,
        begin.elapsed().as_secs_f64()
    );
    Ok((quiet, beside))
}

/// Calls until a request fails, and says why.
async fn want(mut client: Caller, target: String, body: String, made: Arc<AtomicU32>) -> io::Error {
    loop {
        match client.call(&target, &body).await {
            Ok(_) => made.fetch_add(1, Ordering::Relaxed),
            Err(error) => return error,
        };
    }
}

/// Encrypt by itself, and beside clients that sign with RSA_4096 without a pause. False when it
/// loses more of its rate than the target allows.
async fn beside_signing(args: &Args, server: &Server, caller: &mut Caller) -> io::Result<bool> {
    let workload = bodies::prepare(caller, Operation::Encrypt).await?;
    let signing = bodies::prepare(caller, Operation::Sign(Signing::Rsa4096)).await?;
    let body = signing.bodies.first().cloned().unwrap_or_default();
    let shape = Shape {
        connections: limits::OTHERS_CONNECTIONS,
        warm_up: limits::WARM_UP,
        measured: Duration::from_secs(args.seconds),
    };
    server.rested().await?;
    let signer_of_load = signer();
    let load = || {
        load::run(&server.address, &signer_of_load, &workload, shape, || {
            server.cpu()
        })
    };
    let quiet = load().await?;
    let signed = Arc::new(AtomicU32::new(0));
    let mut signers = JoinSet::new();
    for _ in 0..limits::SIGNING_CONNECTIONS {
        let client = Caller::open(&server.address, signer()).await?;
        let (target, body) = (signing.target.clone(), body.clone());
        signers.spawn(want(client, target, body, Arc::clone(&signed)));
    }
    let beside = load().await?;
    if let Some(ended) = signers.try_join_next() {
        return Err(ended.unwrap_or_else(io::Error::other));
    }
    let (alone, together) = (quiet.rate(), beside.rate());
    if let Some(error) = quiet.first_error.or(beside.first_error) {
        return Err(io::Error::other(error));
    }
    let lost = 1.0 - together / alone;
    let holds = lost <= limits::SIGNING_MAY_COST;
    println!(
        "{} Encrypt c={}: {:.0} requests/s, {:.0} beside {} clients that sign with RSA_4096 \
         ({} signatures), {:.0} % less (target at most {:.0} %)",
        if holds { "holds " } else { "MISSED" },
        limits::OTHERS_CONNECTIONS,
        alone,
        together,
        limits::SIGNING_CONNECTIONS,
        signed.load(Ordering::Relaxed),
        100.0 * lost,
        100.0 * limits::SIGNING_MAY_COST
    );
    Ok(holds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_decides() {
        let taken = |millis: [u64; 3]| millis.map(Duration::from_millis).to_vec();
        assert!(prepared_verdict(
            "CreateKey",
            "RSA_2048",
            taken([1, 4, 900])
        ));
        assert!(!prepared_verdict("CreateKey", "RSA_2048", taken([1, 6, 6])));
    }
}
