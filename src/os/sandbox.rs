//! Walls around this process: which files, ports and calls of the kernel are left to it, however it is taken over.
//!
//! Landlock keeps it to the folders and TCP ports it was given, and from executing anything; seccomp keeps it to the
//! calls it was given. Both hold for every thread made from then on and cannot be taken down again. A call that is
//! not given is answered EPERM and *counted*: the kernel sends SIGSYS to the thread that tried
//! (`SECCOMP_RET_TRAP`), and the handler puts the answer in the call's place. That needs no second process that must
//! live as long as this one (`USER_NOTIF`), and unlike `SECCOMP_RET_LOG` nothing is let through; code that has taken
//! the process over can end the counting, never the refusal. Calls that serve an intruder only end the process.
//!
//! Refuses to know: which process needs what. Called before any other thread is made.

mod attempt;
mod calls;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, CompatLevel, Compatible, LandlockStatus, NetPort, PathBeneath, PathFd,
    Ruleset, RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
};
use nix::libc;
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, SeccompRule, TargetArch};
use serde::{Deserialize, Serialize};

pub use attempt::{Attempt, UnknownAttempt};
pub use calls::{Calls, Need, name_of};

/// What is handled where the kernel can; older kernels handle less of it.
const LANDLOCK: ABI = ABI::V6;
/// Numbers of calls that are counted one by one; a higher one counts as the last.
pub const NUMBERS: usize = 512;

static DENIED: [AtomicU64; NUMBERS] = [const { AtomicU64::new(0) }; NUMBERS];
static STANDING: OnceLock<Standing> = OnceLock::new();

/// What is left to a process. Paths that do not exist are not given.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Walls {
    /// Files, and folders with all that is below them.
    pub readable: BTreeSet<PathBuf>,
    /// Folders with all that is below them.
    pub writable: BTreeSet<PathBuf>,
    /// TCP ports that may be called, wherever; none may be listened on.
    pub ports: BTreeSet<u16>,
    /// Calls of the kernel.
    pub calls: Calls,
}

/// Which walls stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Standing {
    /// Version of landlock's interface that is in force; 0: none.
    pub landlock: u32,
    /// Whether calls of the kernel are filtered.
    pub calls: bool,
}

/// What a process tells of its walls.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub standing: Standing,
    /// Calls that were denied since the start: number, how often.
    pub denied: BTreeMap<u16, u64>,
}

/// Why a wall does not stand.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    #[error("landlock: {0}")]
    Landlock(#[from] RulesetError),
    #[error("this kernel has no landlock")]
    NoLandlock,
    #[error("landlock is switched off on this kernel (lsm=)")]
    LandlockOff,
    #[error("seccomp: {0}")]
    Calls(#[from] seccompiler::Error),
    #[error("seccomp: {0}")]
    Filter(#[from] seccompiler::BackendError),
    #[error("SIGSYS handler: {0}")]
    Signal(#[from] nix::errno::Errno),
}

/// Raises both walls. One that cannot stand does not keep the other down: each comes with its own outcome, and
/// [`report`] says from now on what came of it.
pub fn raise(walls: &Walls) -> (Standing, Vec<SandboxError>) {
    let mut failed = Vec::new();
    let landlock = fence(walls).unwrap_or_else(|error| {
        failed.push(error);
        0
    });
    // Last: from here on nothing more can be set up.
    let calls = filter(&walls.calls).map_err(|error| failed.push(error)).is_ok();
    let standing = *STANDING.get_or_init(|| Standing { landlock, calls });
    (standing, failed)
}

/// What there is to tell; `None`: [`raise`] was not called in this process.
pub fn report() -> Option<Report> {
    let standing = *STANDING.get()?;
    let counts = (0..).zip(&DENIED).map(|(number, count)| (number, count.load(Ordering::Relaxed)));
    Some(Report { standing, denied: counts.filter(|(_, count)| *count > 0).collect() })
}

/// Landlock: answers the version of its interface in force.
fn fence(walls: &Walls) -> Result<u32, SandboxError> {
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(LANDLOCK))?
        .handle_access(AccessNet::from_all(LANDLOCK))?
        .scope(scopes(std::env::var_os("NOTIFY_SOCKET").as_deref()))?
        .create()?;
    for path in &walls.readable {
        ruleset = give(ruleset, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    for path in &walls.writable {
        ruleset = give(ruleset, path, writing())?;
    }
    for port in &walls.ports {
        ruleset = ruleset.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    let status = ruleset.restrict_self()?;
    match status.landlock {
        LandlockStatus::NotImplemented => Err(SandboxError::NoLandlock),
        LandlockStatus::NotEnabled => Err(SandboxError::LandlockOff),
        LandlockStatus::Available { .. } if status.ruleset == RulesetStatus::NotEnforced => {
            Err(SandboxError::NoLandlock)
        }
        LandlockStatus::Available { effective_abi, .. } => Ok(effective_abi.min(LANDLOCK) as u32),
    }
}

/// Neither signals nor abstract sockets reach beyond this process; a service manager behind such a socket must be.
fn scopes(notify_socket: Option<&std::ffi::OsStr>) -> BitFlags<Scope> {
    let abstract_notify = notify_socket.is_some_and(|name| name.as_encoded_bytes().starts_with(b"@"));
    if abstract_notify { Scope::Signal.into() } else { Scope::from_all(LANDLOCK) }
}

/// Everything that files need, short of executing them, making devices and speaking to those.
fn writing() -> BitFlags<AccessFs> {
    AccessFs::ReadFile
        | AccessFs::ReadDir
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::MakeSock
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir
        | AccessFs::Refer
}

fn give(ruleset: RulesetCreated, path: &Path, access: BitFlags<AccessFs>) -> Result<RulesetCreated, SandboxError> {
    let Ok(place) = PathFd::new(path) else { return Ok(ruleset) };
    // A right that only folders have makes the kernel refuse a file's rule.
    let access = if path.is_dir() { access } else { access & AccessFs::from_file(LANDLOCK) };
    Ok(ruleset.add_rule(PathBeneath::new(place, access))?)
}

/// Seccomp: three filters, of whose answers the kernel takes the gravest.
fn filter(calls: &Calls) -> Result<(), SandboxError> {
    count_denials()?;
    let deadly = calls::deadly().into_iter().map(|number| (number, Vec::new())).collect();
    let absent = calls::absent().into_iter().map(|number| (number, Vec::new())).collect();
    let filters = [
        compile(deadly, SeccompAction::Allow, SeccompAction::KillProcess)?,
        compile(absent, SeccompAction::Allow, SeccompAction::Errno(libc::ENOSYS.unsigned_abs()))?,
        // Last: it does not let another one in.
        compile(calls.rules()?, SeccompAction::Trap, SeccompAction::Allow)?,
    ];
    for program in &filters {
        seccompiler::apply_filter_all_threads(program)?;
    }
    Ok(())
}

fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    others: SeccompAction,
    these: SeccompAction,
) -> Result<BpfProgram, SandboxError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    Ok(SeccompFilter::new(rules, others, these, architecture)?.try_into()?)
}

/// Installs the handler of SIGSYS.
fn count_denials() -> Result<(), SandboxError> {
    let flags = SaFlags::SA_SIGINFO | SaFlags::SA_ONSTACK | SaFlags::SA_RESTART;
    let action = SigAction::new(SigHandler::SigAction(on_denied), flags, SigSet::empty());
    // SAFETY: the handler touches atomics and the two structures that the kernel hands it, nothing else.
    #[expect(unsafe_code, reason = "a signal handler")]
    unsafe {
        sigaction(Signal::SIGSYS, &action)?;
    }
    Ok(())
}

/// `siginfo_t` as the kernel fills it for SIGSYS (sigaction(2)); the C library's type has no name for these.
#[repr(C)]
struct Denial {
    signal: libc::c_int,
    errno: libc::c_int,
    code: libc::c_int,
    padding: libc::c_int,
    address: *mut libc::c_void,
    call: libc::c_int,
    architecture: libc::c_uint,
}

/// `SYS_SECCOMP` of `siginfo.h`: sent by a filter, not by another process.
const BY_FILTER: libc::c_int = 1;

extern "C" fn on_denied(_: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the kernel hands a siginfo_t, filled as `Denial` says, and the thread's ucontext_t, both
    // valid until the handler returns.
    #[expect(unsafe_code, reason = "what the kernel hands to a signal handler")]
    unsafe {
        let denial = info.cast::<Denial>();
        if (*denial).code != BY_FILTER {
            return;
        }
        let number = usize::try_from((*denial).call).unwrap_or(NUMBERS).min(NUMBERS - 1);
        DENIED[number].fetch_add(1, Ordering::Relaxed);
        let registers = &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext;
        answer(registers, -libc::EPERM);
    }
}

#[cfg(target_arch = "x86_64")]
fn answer(registers: &mut libc::mcontext_t, with: libc::c_int) {
    registers.gregs[libc::REG_RAX as usize] = i64::from(with);
}

#[cfg(target_arch = "aarch64")]
fn answer(registers: &mut libc::mcontext_t, with: libc::c_int) {
    registers.regs[0] = i64::from(with).cast_unsigned();
}

/// `landlock 6, seccomp`
impl fmt::Display for Standing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.landlock {
            0 => f.write_str("no landlock")?,
            version => write!(f, "landlock {version}")?,
        }
        f.write_str(if self.calls { ", seccomp" } else { ", no seccomp" })
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;

    use super::*;

    #[test]
    fn a_service_manager_behind_an_abstract_socket_is_still_reached() {
        assert_eq!(scopes(None), Scope::from_all(LANDLOCK));
        assert_eq!(scopes(Some(OsStr::new("/run/systemd/notify"))), Scope::from_all(LANDLOCK));
        assert_eq!(scopes(Some(OsStr::new("@/org/freedesktop/notify"))), Scope::Signal);
    }

    #[test]
    fn writing_never_includes_executing_or_devices() {
        for never in [AccessFs::Execute, AccessFs::MakeChar, AccessFs::MakeBlock, AccessFs::IoctlDev, AccessFs::MakeSym]
        {
            assert!(!writing().contains(never), "{never:?}");
        }
    }
}
