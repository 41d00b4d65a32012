//! This process and its children.

use std::io;
use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The signal that ends a process after a call that [`super::sandbox`] lets nobody survive.
pub const FORBIDDEN_CALL: i32 = Signal::SIGSYS as i32;

/// Files made from now on are for their owner only (umask 077).
pub fn make_files_private() {
    nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o077));
}

/// Asks the kernel for SIGTERM when the parent ends, and says whether `parent` still is the parent: one that died
/// before the asking sends nothing.
///
/// Called by the child itself, from its first thread: the parent's *thread* that made the child counts as the parent.
pub fn stop_with_parent(parent: u32) -> io::Result<bool> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGTERM)?;
    Ok(u32::try_from(nix::unistd::getppid().as_raw()).is_ok_and(|now| now == parent))
}

/// No core dumps and no ptrace by the same user: memory holds secrets.
pub fn hide_memory() -> io::Result<()> {
    nix::sys::prctl::set_dumpable(false)?;
    Ok(())
}

/// Neither this process nor its children gain privileges by executing a file.
pub fn gain_nothing_by_exec() -> io::Result<()> {
    nix::sys::prctl::set_no_new_privs()?;
    Ok(())
}

/// Has the database put what it sorts on disk into this folder instead of `/var/tmp`. Before any thread is made.
pub fn sort_in(folder: &Path) {
    // SAFETY: no other thread is there that could read the environment meanwhile: the caller's promise.
    #[expect(unsafe_code, reason = "the environment is shared by all threads")]
    unsafe {
        std::env::set_var("SQLITE_TMPDIR", folder);
    }
}

/// Asks a child to stop (SIGTERM). `false` when it is gone already.
pub fn ask_to_stop(pid: u32) -> bool {
    i32::try_from(pid).is_ok_and(|pid| kill(Pid::from_raw(pid), Signal::SIGTERM).is_ok())
}

/// Asks a process to read its settings anew (SIGHUP).
pub fn ask_to_reload(pid: u32) -> io::Result<()> {
    let pid = i32::try_from(pid).map_err(|_| io::ErrorKind::InvalidInput)?;
    kill(Pid::from_raw(pid), Signal::SIGHUP)?;
    Ok(())
}

/// Raises the limit of open files to what the system allows this process; answers the limit in force.
pub fn raise_file_limit() -> io::Result<u64> {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let (now, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    if now < most {
        setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    }
    Ok(most)
}

/// What systemd as process 1 takes as "restart the machine in order": its SIGRTMIN+5, counted from the kernel's 34. A C library
/// may keep some for itself and count from elsewhere, hence the number.
const RESTART_SIGNAL: nix::libc::c_int = 39;

/// Asks process 1 (systemd) to stop everything in order and to restart the machine.
pub fn restart_machine() -> io::Result<()> {
    // SAFETY: kill(2) takes two numbers and touches no memory.
    #[expect(unsafe_code, reason = "real-time signals are not in nix's enumeration")]
    let result = unsafe { nix::libc::kill(1, RESTART_SIGNAL) };
    nix::errno::Errno::result(result)?;
    Ok(())
}

/// How a first process ends: the machine is off, or starts anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MachineEnd {
    Restart,
    Off,
}

/// Ends the machine at once, for a process that is the only one. What was written is on the disks before. Answers only where the
/// kernel refuses.
pub fn end_machine(how: MachineEnd) -> io::Error {
    use nix::sys::reboot::{RebootMode, reboot};
    nix::unistd::sync();
    let mode = match how {
        MachineEnd::Restart => RebootMode::RB_AUTOBOOT,
        MachineEnd::Off => RebootMode::RB_POWER_OFF,
    };
    match reboot(mode) {
        Err(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_known_by_its_number() {
        let parent = u32::try_from(nix::unistd::getppid().as_raw()).unwrap();
        assert!(stop_with_parent(parent).unwrap());
        assert!(!stop_with_parent(parent + 1).unwrap());
        nix::sys::prctl::set_pdeathsig(None).unwrap();
    }

    #[test]
    fn a_child_that_is_gone_cannot_be_asked() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        child.wait().unwrap();
        assert!(!ask_to_stop(pid));
    }
}
