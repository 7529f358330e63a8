//! `keystead audit`.

use std::path::PathBuf;

use keystead_audit::Head;

use crate::logging::say;

/// Work on the audit log.
#[derive(clap::Subcommand)]
pub(crate) enum Command {
    /// Walk the whole log and check every link of its hash chain.
    Verify {
        /// The data directory.
        #[arg(long, value_name = "DIR", env = "KEYSTEAD_DATA_DIR")]
        data_dir: PathBuf,
    },
}

/// Runs the command; a broken log is an error.
pub(crate) fn run(command: Command) -> Result<(), String> {
    let Command::Verify { data_dir } = command;
    let dir = data_dir.join("audit");
    let report = keystead_audit::verify(&dir)
        .map_err(|error| format!("cannot read the audit log in {}: {error}", dir.display()))?;
    match report.broken {
        None => {
            let Head { seq, hash } = report.head;
            say(format!(
                "{} records, the chain is whole. Its head: {seq} {hash}",
                report.records
            ));
            for ((epoch, lane), count) in &report.lanes {
                if count.missing() > 0 {
                    say(format!(
                        "HSM process {epoch:016x}, lane {lane}: {} of {} commands have no record",
                        count.missing(),
                        (count.last - count.first).saturating_add(1)
                    ));
                }
            }
            Ok(())
        }
        Some(broken) => Err(format!(
            "the audit log in {} is broken: {broken}",
            dir.display()
        )),
    }
}
