//! What the HSM process gives up: core dumps, tracers, new files and sockets, new programs.
//!
//! [`shut_the_doors`] comes first in `main`, [`leave_the_file_system`] after the root key was read
//! and before threads are made (Landlock binds the calling thread and its later children), and
//! [`close`] when all threads are there.

use std::collections::BTreeMap;

use keystead_wall::Lane;
use landlock::{ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetStatus, Scope};
use rustix::mm::MlockAllFlags;
use rustix::process::{DumpableBehavior, Resource, Rlimit, Signal};
use seccompiler::{
    SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch,
};
use thiserror::Error;

use crate::limits::{PREPARING_NICE, SLOW_LANE_NICE};

/// A step of the sandbox failed; the process must not serve.
#[derive(Debug, Error)]
#[error("the sandbox could not be set up ({step}): {cause}")]
pub(crate) struct SandboxError {
    step: &'static str,
    cause: String,
}

fn at<E: std::fmt::Display>(step: &'static str) -> impl FnOnce(E) -> SandboxError {
    move |cause| SandboxError {
        step,
        cause: cause.to_string(),
    }
}

/// Forbids core dumps, tracers and new privileges, and ties the process's life to its parent's.
pub(crate) fn shut_the_doors() -> Result<(), SandboxError> {
    rustix::process::set_dumpable_behavior(DumpableBehavior::NotDumpable)
        .map_err(at("dumpable"))?;
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    rustix::process::setrlimit(Resource::Core, none).map_err(at("core limit"))?;
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(at("parent-death signal"))?;
    rustix::thread::set_no_new_privs(true).map_err(at("no new privileges"))
}

/// Keeps the whole process out of swap if the system sets no limit on locked memory: keys pass
/// through stacks and the library's heap while they are used. Says whether it did.
pub(crate) fn lock_everything() -> bool {
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let lifted = rustix::process::setrlimit(Resource::Memlock, unlimited).is_ok();
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    // Under a limit, a later allocation would fail in the middle of a request.
    lifted && rustix::mm::mlockall(flags).is_ok()
}

/// How much of Landlock the kernel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Landlock {
    /// All or part of what was asked for; files are closed in each case.
    Enforced,
    /// Nothing: the kernel was built or started without it.
    Missing,
}

/// Denies every access to files by name and to TCP for this thread and those that it will make.
/// The second of two locks: the system call filter alone denies all of it too.
pub(crate) fn leave_the_file_system() -> Result<Landlock, SandboxError> {
    let restricted = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))
        .and_then(|rules| rules.handle_access(AccessNet::from_all(ABI::V6)))
        .and_then(|rules| rules.scope(Scope::from_all(ABI::V6)))
        .and_then(Ruleset::create)
        .and_then(|rules| rules.restrict_self())
        .map_err(at("Landlock"))?;
    Ok(match restricted.ruleset {
        RulesetStatus::FullyEnforced | RulesetStatus::PartiallyEnforced => Landlock::Enforced,
        RulesetStatus::NotEnforced => Landlock::Missing,
    })
}

/// What a thread is for, which decides its priority.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Work {
    /// The commands of a lane, for which somebody waits.
    Lane(Lane),
    /// Keys made ahead, for which nobody waits yet.
    Ahead,
}

/// Gives the calling thread the priority of its work.
pub(crate) fn set_priority(work: Work) -> Result<(), SandboxError> {
    match work {
        Work::Lane(Lane::Fast) => Ok(()),
        Work::Lane(Lane::Slow | Lane::Making) => nice(SLOW_LANE_NICE),
        Work::Ahead => nice(PREPARING_NICE),
    }
}

/// On Linux, niceness belongs to the thread.
fn nice(by: i32) -> Result<(), SandboxError> {
    rustix::process::nice(by)
        .map(|_| ())
        .map_err(at("priority"))
}

/// From here on no thread can get a new descriptor (not even one that the parent sends over the
/// control socket), and none can make a system call outside the list.
pub(crate) fn close() -> Result<(), SandboxError> {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    let filter = filter()?;
    rustix::process::setrlimit(Resource::Nofile, none).map_err(at("file limit"))?;
    seccompiler::apply_filter_all_threads(&filter).map_err(at("system call filter"))
}

/// System calls that serving needs. All others fail with EPERM rather than kill: the standard
/// library and the allocator probe for some, and handle the refusal.
const ALLOWED: &[i64] = &[
    // Lanes and control.
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_shutdown,
    libc::SYS_ppoll,
    libc::SYS_close,
    // The file of counters.
    libc::SYS_pwrite64,
    // Randomness, time, waiting.
    libc::SYS_getrandom,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    // The allocator; mmap and mprotect have conditions below.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // The end of threads and of the process; abort.
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_gettid,
    libc::SYS_getpid,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

fn filter() -> Result<seccompiler::BpfProgram, SandboxError> {
    let architecture: TargetArch = std::env::consts::ARCH
        .try_into()
        .map_err(at("architecture"))?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().map(|call| (*call, Vec::new())).collect();
    let not_executable = rule(
        2,
        SeccompCmpOp::MaskedEq(u64::from(libc::PROT_EXEC.unsigned_abs())),
        0,
    )?;
    rules.insert(libc::SYS_mmap, vec![not_executable.clone()]);
    rules.insert(libc::SYS_mprotect, vec![not_executable]);
    // `send` on a connected socket; never to an address.
    rules.insert(libc::SYS_sendto, vec![rule(4, SeccompCmpOp::Eq, 0)?]);
    // `abort` sends its signal to the process itself only.
    let own_id = u64::try_from(rustix::process::getpid().as_raw_pid()).map_err(at("process id"))?;
    rules.insert(libc::SYS_tgkill, vec![rule(0, SeccompCmpOp::Eq, own_id)?]);
    let refuse = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    SeccompFilter::new(rules, refuse, SeccompAction::Allow, architecture)
        .and_then(TryInto::try_into)
        .map_err(at("system call filter"))
}

/// One condition on one argument, compared as 64 bits.
fn rule(argument: u8, op: SeccompCmpOp, value: u64) -> Result<SeccompRule, SandboxError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, op, value)
        .and_then(|condition| SeccompRule::new(vec![condition]))
        .map_err(at("system call filter"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Landlock binds the thread that asks and those that it makes, so this test gives up files
    /// in a thread of its own. The whole process is tested in `tests/child.rs`.
    #[test]
    fn landlock_alone_closes_the_file_system() {
        let opens = || std::fs::File::open("/etc/passwd").map(drop);
        let (landlock, before, here, in_a_child) = std::thread::spawn(move || {
            let before = opens();
            let landlock = leave_the_file_system().unwrap();
            let child = std::thread::spawn(opens).join().unwrap();
            (landlock, before, opens(), child)
        })
        .join()
        .unwrap();
        assert!(before.is_ok());
        let open = landlock == Landlock::Missing;
        assert_eq!(here.is_ok(), open);
        assert_eq!(in_a_child.is_ok(), open);
    }

    #[test]
    fn the_filter_compiles() {
        assert!(!filter().unwrap().is_empty());
    }
}
