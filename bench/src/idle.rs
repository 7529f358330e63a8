//! What a server costs while nobody asks: start-up time and memory.

use crate::limits;
use crate::process::Server;
use crate::run::start_keystead;
use std::io;
use std::path::PathBuf;

/// What to start.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The keystead binary
    #[arg(long)]
    keystead: PathBuf,
    /// Starts to measure; each begins with no data
    #[arg(long, default_value_t = 5)]
    starts: u32,
}

/// Starts the server several times and prints its start-up time and idle memory each time.
///
/// # Errors
/// When the server does not start.
pub(crate) async fn run(args: &Args) -> io::Result<()> {
    for _ in 0..args.starts {
        let folder = tempfile::tempdir()?;
        let server = start_keystead(&args.keystead, folder.path(), &[]).await?;
        print(&server).await;
    }
    Ok(())
}

/// Lets a server rest, then prints its start-up time and the memory of its processes.
pub(crate) async fn print(server: &Server) {
    tokio::time::sleep(limits::IDLE_REST).await;
    println!(
        "start to healthy: {:.1} ms",
        server.start.as_secs_f64() * 1e3
    );
    for (role, memory) in ["front end"]
        .into_iter()
        .chain(std::iter::repeat("child"))
        .zip(server.memory())
    {
        let (resident, proportional) = (memory.resident_kib, memory.proportional_kib);
        println!("idle {role}: {resident} KiB resident, {proportional} KiB proportional (Pss)");
    }
}
