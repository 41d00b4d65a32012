//! The kernel's calls: what every process of ours needs, what only some need, what ends a process that tries it.
//!
//! Worked out from what the whole test suite calls (strace), the C library's own detours included. Which addresses a
//! socket speaks to, a filter cannot see: landlock and the firewall do.

use std::collections::{BTreeMap, BTreeSet};

use nix::libc;
use seccompiler::{BackendError, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompRule};

/// A call: its constant's name, and its number.
type Named = (&'static str, i64);

macro_rules! named {
    ($($name:ident)*) => { &[$((stringify!($name), libc::$name)),*] };
}

/// What some processes need beyond [`BASE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Making, reading, renaming and removing files.
    Files,
    /// A database and folders of its own: locks, modes, paths that cannot be left.
    Store,
    /// Sockets of Unix, IPv4 and IPv6.
    Network,
    /// Unix sockets that listen.
    Listening,
    /// Memory with keys that is never swapped out.
    PinnedMemory,
}

/// The calls that are left to a process.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Calls(BTreeSet<Need>);

/// Memory, threads, time, signals to itself, descriptors. Those with arguments to look at are in [`conditions`].
const BASE: &[Named] = named! {
    SYS_brk SYS_munmap SYS_mremap SYS_madvise SYS_membarrier SYS_memfd_create
    SYS_exit SYS_exit_group SYS_futex SYS_set_robust_list SYS_rseq SYS_sched_yield SYS_sched_getaffinity
    SYS_gettid SYS_getpid SYS_getppid SYS_getuid SYS_geteuid SYS_getgid SYS_getegid SYS_uname SYS_sysinfo
    SYS_clock_gettime SYS_clock_getres SYS_clock_nanosleep SYS_nanosleep SYS_gettimeofday SYS_getrandom
    SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn SYS_sigaltstack SYS_restart_syscall
    SYS_read SYS_write SYS_readv SYS_writev SYS_pread64 SYS_pwrite64 SYS_preadv SYS_pwritev SYS_lseek SYS_close
    SYS_close_range SYS_fcntl SYS_dup SYS_dup3 SYS_pipe2 SYS_fstat SYS_newfstatat SYS_statx SYS_ppoll SYS_pselect6
    SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_epoll_pwait2 SYS_eventfd2
};

const FILES: &[Named] = named! {
    SYS_openat SYS_getdents64 SYS_mkdirat SYS_unlinkat SYS_renameat2 SYS_linkat SYS_readlinkat SYS_faccessat
    SYS_faccessat2 SYS_getcwd SYS_umask SYS_ftruncate SYS_fallocate SYS_fadvise64 SYS_fsync SYS_fdatasync SYS_statfs
    SYS_fstatfs SYS_copy_file_range SYS_sendfile SYS_splice
};

const STORE: &[Named] = named! {
    SYS_flock SYS_fchmod SYS_fchmodat SYS_fchown SYS_openat2
};

const NETWORK: &[Named] = named! {
    SYS_connect SYS_bind SYS_accept4 SYS_getsockname SYS_getpeername SYS_setsockopt SYS_getsockopt SYS_shutdown
    SYS_sendto SYS_recvfrom SYS_sendmsg SYS_recvmsg SYS_sendmmsg SYS_recvmmsg
};

const LISTENING: &[Named] = named! { SYS_listen };

const PINNED_MEMORY: &[Named] = named! { SYS_mlock SYS_munlock };

/// Older forms of the above, which the C library still calls on this architecture.
#[cfg(target_arch = "x86_64")]
mod older {
    use super::{Named, libc};

    pub(super) const BASE: &[Named] = named! { SYS_dup2 SYS_poll SYS_epoll_wait SYS_stat SYS_lstat SYS_time };
    pub(super) const FILES: &[Named] = named! {
        SYS_open SYS_access SYS_mkdir SYS_rmdir SYS_unlink SYS_rename SYS_renameat SYS_link SYS_readlink
    };
    pub(super) const STORE: &[Named] = named! { SYS_chmod };
}

#[cfg(not(target_arch = "x86_64"))]
mod older {
    use super::{Named, libc};

    pub(super) const BASE: &[Named] = &[];
    pub(super) const FILES: &[Named] = named! { SYS_renameat };
    pub(super) const STORE: &[Named] = &[];
}

/// Nothing of ours ever calls these: whoever does has taken the process over, and the process ends.
const DEADLY: &[Named] = named! {
    SYS_execve SYS_execveat SYS_ptrace SYS_process_vm_readv SYS_process_vm_writev SYS_process_madvise
    SYS_pidfd_getfd SYS_kcmp SYS_bpf SYS_perf_event_open SYS_userfaultfd SYS_keyctl SYS_add_key SYS_request_key
    SYS_io_uring_setup SYS_io_uring_enter SYS_io_uring_register
    SYS_mount SYS_umount2 SYS_mount_setattr SYS_move_mount SYS_open_tree SYS_fsopen SYS_fsconfig SYS_fsmount SYS_fspick
    SYS_pivot_root SYS_chroot SYS_unshare SYS_setns SYS_open_by_handle_at SYS_name_to_handle_at SYS_personality
    SYS_init_module SYS_finit_module SYS_delete_module SYS_kexec_load SYS_kexec_file_load
    SYS_reboot SYS_swapon SYS_swapoff SYS_acct SYS_quotactl SYS_syslog SYS_vhangup
    SYS_settimeofday SYS_clock_settime SYS_clock_adjtime SYS_adjtimex SYS_sethostname SYS_setdomainname
    SYS_pkey_mprotect SYS_remap_file_pages
};

#[cfg(target_arch = "x86_64")]
const DEADLY_HERE: &[Named] = named! { SYS_iopl SYS_ioperm SYS_modify_ldt SYS_uselib };

#[cfg(not(target_arch = "x86_64"))]
const DEADLY_HERE: &[Named] = &[];

/// Answered as by an older kernel: its flags lie in memory, where no filter can look. The C library then calls `clone`.
const ABSENT: &[Named] = named! { SYS_clone3 };

/// Calls of which a name is worth having in a log although they are given to nobody.
const OTHERS: &[Named] = named! {
    SYS_mmap SYS_mprotect SYS_clone SYS_socket SYS_socketpair SYS_ioctl SYS_prctl SYS_prlimit64 SYS_tgkill
    SYS_kill SYS_tkill SYS_pidfd_open SYS_pidfd_send_signal SYS_wait4 SYS_waitid SYS_symlinkat SYS_mknodat SYS_truncate
    SYS_fchownat SYS_setxattr SYS_fsetxattr SYS_utimensat SYS_inotify_init1 SYS_fanotify_init SYS_timerfd_create
    SYS_signalfd4 SYS_setuid SYS_setgid SYS_setresuid SYS_setresgid SYS_setgroups SYS_capset SYS_capget SYS_setsid
    SYS_setpgid SYS_setpriority SYS_sched_setaffinity SYS_sched_setscheduler SYS_getrusage SYS_times SYS_getitimer
    SYS_setitimer SYS_msgget SYS_semget SYS_shmget SYS_shmat SYS_mq_open SYS_io_setup SYS_mlockall SYS_mincore
    SYS_landlock_create_ruleset SYS_seccomp SYS_sync SYS_syncfs SYS_chdir SYS_fchdir SYS_accept
};

/// Namespaces: none may be made with a thread.
const NAMESPACES: libc::c_int = libc::CLONE_NEWNS
    | libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET;
/// `PR_SET_VMA` of `prctl.h`: the C library names its memory.
const SET_VMA: libc::c_int = 0x5356_4d41;
/// The part of a socket's type that is no flag.
const TYPE_MASK: u64 = 0xf;

impl Calls {
    /// [`BASE`], and what is needed beyond.
    pub fn with(needs: impl IntoIterator<Item = Need>) -> Self {
        Self(needs.into_iter().collect())
    }

    fn given(&self) -> impl Iterator<Item = i64> {
        let mut lists = vec![BASE, older::BASE];
        for need in &self.0 {
            match need {
                Need::Files => lists.extend([FILES, older::FILES]),
                Need::Store => lists.extend([STORE, older::STORE]),
                Need::Network => lists.push(NETWORK),
                Need::Listening => lists.push(LISTENING),
                Need::PinnedMemory => lists.push(PINNED_MEMORY),
            }
        }
        lists.into_iter().flatten().map(|(_, number)| *number)
    }

    /// What is let through: each call with the conditions of which one must hold; without any it always is.
    pub(super) fn rules(&self) -> Result<BTreeMap<i64, Vec<SeccompRule>>, BackendError> {
        let mut rules: BTreeMap<i64, Vec<SeccompRule>> = self.given().map(|number| (number, Vec::new())).collect();
        rules.extend(conditions()?);
        if self.0.contains(&Need::Network) {
            rules.extend(sockets()?);
        }
        // The gravest answer counts: what another filter answers must pass here.
        rules.extend(deadly().into_iter().chain(absent()).map(|number| (number, Vec::new())));
        Ok(rules)
    }
}

pub(super) fn deadly() -> BTreeSet<i64> {
    [DEADLY, DEADLY_HERE].into_iter().flatten().map(|(_, number)| *number).collect()
}

pub(super) fn absent() -> BTreeSet<i64> {
    ABSENT.iter().map(|(_, number)| *number).collect()
}

fn all() -> impl Iterator<Item = Named> {
    let lists = [
        BASE,
        FILES,
        STORE,
        NETWORK,
        LISTENING,
        PINNED_MEMORY,
        older::BASE,
        older::FILES,
        older::STORE,
        DEADLY,
        DEADLY_HERE,
        ABSENT,
        OTHERS,
    ];
    lists.into_iter().flatten().map(|(name, number)| (name.trim_start_matches("SYS_"), *number))
}

/// A call's name, or its number where it has none here.
pub fn name_of(number: u16) -> String {
    let known = all().find(|(_, n)| *n == i64::from(number));
    known.map_or_else(|| number.to_string(), |(name, _)| name.to_owned())
}

/// The number of a call that has a name here.
pub(super) fn number_of(name: &str) -> Option<i64> {
    all().find(|(n, _)| *n == name).map(|(_, number)| number)
}

/// One argument's part that must have a value.
fn argument(at: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(at, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(mask), value)
}

/// An `int` of which the kernel reads the lower half.
fn integer(at: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(at, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn one_of(at: u8, values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    values.iter().map(|value| SeccompRule::new(vec![integer(at, *value)?])).collect()
}

fn wide(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}

/// Calls of every process that are let through with some arguments only.
fn conditions() -> Result<[(i64, Vec<SeccompRule>); 7], BackendError> {
    let not_executable = || Ok(vec![SeccompRule::new(vec![argument(2, wide(libc::PROT_EXEC), 0)?])?]);
    let thread = argument(0, wide(libc::CLONE_THREAD | NAMESPACES), wide(libc::CLONE_THREAD))?;
    let own_limit = vec![integer(0, 0)?, argument(2, u64::MAX, 0)?];
    let itself = u64::from(std::process::id());
    Ok([
        (libc::SYS_mmap, not_executable()?),
        (libc::SYS_mprotect, not_executable()?),
        (libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]),
        // Read, never set.
        (libc::SYS_prlimit64, vec![SeccompRule::new(own_limit)?]),
        (libc::SYS_tgkill, one_of(0, &[itself])?),
        (libc::SYS_prctl, one_of(0, &[wide(libc::PR_SET_NAME), wide(libc::PR_GET_NAME), wide(SET_VMA)])?),
        (libc::SYS_ioctl, one_of(1, &[libc::FIONBIO, libc::TCGETS])?),
    ])
}

/// Streams and datagrams of three families: nothing raw, no packets, no netlink.
fn sockets() -> Result<[(i64, Vec<SeccompRule>); 2], BackendError> {
    let of = |family: libc::c_int, kind: libc::c_int| {
        SeccompRule::new(vec![integer(0, wide(family))?, argument(1, TYPE_MASK, wide(kind))?])
    };
    let mut rules = Vec::new();
    for family in [libc::AF_UNIX, libc::AF_INET, libc::AF_INET6] {
        rules.extend([of(family, libc::SOCK_STREAM)?, of(family, libc::SOCK_DGRAM)?]);
    }
    let pair = vec![of(libc::AF_UNIX, libc::SOCK_STREAM)?, of(libc::AF_UNIX, libc::SOCK_DGRAM)?];
    Ok([(libc::SYS_socket, rules), (libc::SYS_socketpair, pair)])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn everything() -> Calls {
        Calls::with([Need::Files, Need::Store, Need::Network, Need::Listening, Need::PinnedMemory])
    }

    #[test]
    fn nothing_is_given_that_ends_a_process() {
        let deadly = deadly();
        assert!(everything().given().all(|number| !deadly.contains(&number)));
        for (number, rules) in conditions().unwrap() {
            assert!(!rules.is_empty() && everything().given().all(|given| given != number), "{}", name(number));
        }
    }

    fn name(number: i64) -> String {
        name_of(u16::try_from(number).unwrap())
    }

    #[test]
    fn a_call_is_named_as_its_manual_is() {
        assert_eq!(name(libc::SYS_execve), "execve");
        assert_eq!(name_of(511), "511");
        assert_eq!(number_of("io_uring_setup"), Some(libc::SYS_io_uring_setup));
        assert_eq!(number_of("SYS_read"), None);
    }

    #[test]
    fn who_needs_less_is_given_less() {
        let front = Calls::with([Need::Files, Need::Network]).rules().unwrap();
        assert!(!front.contains_key(&libc::SYS_listen) && !front.contains_key(&libc::SYS_fchown));
        assert!(!Calls::default().rules().unwrap().contains_key(&libc::SYS_socket));
        assert!(everything().rules().unwrap().contains_key(&libc::SYS_listen));
    }
}
