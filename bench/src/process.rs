//! Starting and ending servers, and reading what the kernel counts about them.

use crate::limits;
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::io;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A server process; it ends when this is dropped.
pub(crate) struct Server {
    child: Child,
    /// Where it listens, as `127.0.0.1:port`.
    pub(crate) address: String,
    /// From start to the first good health check.
    pub(crate) start: Duration,
}

/// Memory of a process and its descendants, in KiB, where the kernel tells.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Memory {
    pub(crate) resident_kib: u64,
    pub(crate) proportional_kib: u64,
}

impl Server {
    /// Starts a server with `--listen <a free port>` added, and waits for `GET /healthz`.
    ///
    /// # Errors
    /// When it does not start, ends, or is not healthy within [`limits::START_MAX`].
    pub(crate) async fn start(mut command: Command) -> io::Result<Self> {
        let address = free_address()?;
        command
            .args(["--listen", &address])
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let begin = Instant::now();
        let child = command.spawn()?;
        let mut server = Self {
            child,
            address,
            start: Duration::ZERO,
        };
        while !server.healthy().await {
            if let Some(status) = server.child.try_wait()? {
                return Err(io::Error::other(format!("{command:?} ended: {status}")));
            }
            if begin.elapsed() > limits::START_MAX {
                return Err(io::Error::other(format!("{command:?} is not healthy")));
            }
            tokio::time::sleep(limits::HEALTH_PAUSE).await;
        }
        server.start = begin.elapsed();
        Ok(server)
    }

    async fn healthy(&self) -> bool {
        let Ok(mut connection) = crate::connection::Connection::open(&self.address).await else {
            return false;
        };
        let request = format!("GET /healthz HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
        connection
            .send(request.as_bytes())
            .await
            .is_ok_and(|answer| answer.status == 200)
    }

    /// CPU time of the process and its descendants so far, all threads, user and system.
    pub(crate) fn cpu(&self) -> io::Result<Duration> {
        let mut total = 0;
        for pid in family(self.child.id()) {
            total += ticks(&fs::read_to_string(format!("/proc/{pid}/stat"))?)?;
        }
        let per_second = rustix::param::clock_ticks_per_second();
        Ok(Duration::from_micros(
            total.saturating_mul(1_000_000) / per_second.max(1),
        ))
    }

    /// Waits until no thread of lowered priority has work: those make RSA keys ahead.
    ///
    /// # Errors
    /// When that takes longer than [`limits::PREPARING_MAX`].
    pub(crate) async fn rested(&self) -> io::Result<()> {
        let begin = Instant::now();
        tokio::time::sleep(limits::PREPARING_BEGINS).await;
        let mut quiet = 0;
        while quiet < limits::PREPARING_QUIET {
            if begin.elapsed() > limits::PREPARING_MAX {
                return Err(io::Error::other("keys are still being made"));
            }
            let busy = family(self.child.id()).into_iter().any(has_patient_work);
            quiet = if busy { 0 } else { quiet + 1 };
            tokio::time::sleep(limits::PREPARING_PAUSE).await;
        }
        Ok(())
    }

    /// Memory of the process (first) and of each descendant.
    pub(crate) fn memory(&self) -> Vec<Memory> {
        family(self.child.id()).into_iter().map(memory).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // The process may have ended by itself; that is as good.
            let _already_ended = kill_process(pid, Signal::TERM);
        }
        let begin = Instant::now();
        while begin.elapsed() < limits::STOP_MAX {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(limits::HEALTH_PAUSE);
        }
        let _already_ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// A loopback address that nothing listens on just now.
fn free_address() -> io::Result<String> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string())
}

/// A process and all its descendants, parents first.
fn family(pid: u32) -> Vec<u32> {
    let mut all = vec![pid];
    let tasks = fs::read_dir(format!("/proc/{pid}/task"))
        .into_iter()
        .flatten()
        .flatten();
    for task in tasks {
        let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
        let children = children
            .split_whitespace()
            .filter_map(|child| child.parse().ok());
        all.extend(children.flat_map(family));
    }
    all
}

/// `utime` + `stime` of a line of `/proc/<pid>/stat`, in clock ticks (proc_pid_stat(5): fields 14
/// and 15, counted after the command's closing parenthesis, which may itself hold spaces).
fn ticks(stat: &str) -> io::Result<u64> {
    let after = stat.rsplit_once(") ").map(|(_, rest)| rest);
    let mut fields = after
        .unwrap_or_default()
        .split(' ')
        .skip(11)
        .map(str::parse::<u64>);
    match (fields.next(), fields.next()) {
        (Some(Ok(user)), Some(Ok(system))) => Ok(user + system),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "unreadable /proc/<pid>/stat",
        )),
    }
}

/// True when a thread of the process with a lowered priority runs or could.
fn has_patient_work(pid: u32) -> bool {
    let tasks = fs::read_dir(format!("/proc/{pid}/task"));
    let stat = |task: fs::DirEntry| fs::read_to_string(task.path().join("stat")).ok();
    let mut stats = tasks.into_iter().flatten().flatten().filter_map(stat);
    stats.any(|stat| is_patient_work(&stat))
}

/// Of a line of `/proc/<pid>/task/<tid>/stat`: state (field 3) running, and nice (field 19) above 0.
fn is_patient_work(stat: &str) -> bool {
    let after = stat.rsplit_once(") ").map(|(_, rest)| rest);
    let mut fields = after.unwrap_or_default().split(' ');
    let running = fields.next() == Some("R");
    let nice = fields.nth(15).and_then(|nice| nice.parse::<i32>().ok());
    running && nice.is_some_and(|nice| nice > 0)
}

fn memory(pid: u32) -> Memory {
    let read = |file: &str, field: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(field).map(str::to_owned));
        let number = line.and_then(|rest| rest.split_whitespace().next()?.parse().ok());
        number.unwrap_or_default()
    };
    Memory {
        resident_kib: read("status", "VmRSS:"),
        proportional_kib: read("smaps_rollup", "Pss:"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_a_name_with_spaces_and_parentheses() {
        let stat = "7 (a b) c) S 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 20 0 3 0 5 0 0";
        assert_eq!(ticks(stat).unwrap(), 42);
        assert!(ticks("nonsense").is_err());
    }

    #[test]
    fn patient_work_is_running_and_nice() {
        let stat = |state, nice| {
            format!("7 (a) b) {state} 1 7 7 0 -1 4194560 100 0 0 0 31 11 0 0 39 {nice} 3 0 5 0 0")
        };
        assert!(is_patient_work(&stat("R", 19)));
        assert!(!is_patient_work(&stat("R", 0)));
        assert!(!is_patient_work(&stat("S", 19)));
        assert!(!is_patient_work("nonsense"));
    }

    #[test]
    fn a_child_belongs_to_the_family() {
        let mut child = Command::new("sleep").arg("5").spawn().unwrap();
        let found = family(std::process::id()).contains(&child.id());
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(found);
    }

    #[test]
    fn own_memory_is_known() {
        assert!(memory(std::process::id()).resident_kib > 0);
    }
}
