//! The installer: a kernel that the firmware read from a stick, with the factory disk in its memory and this program as its first
//! process. It needs no driver for the stick, and has no shell.
//!
//! Promises: no disk is touched before a person typed what the screen shows, or a provisioning file named the disk and who agreed;
//! what is called installed was read back and compared; what failed or was cut starts nothing.
//!
//! Refuses to know: the gateway, the network, what a release is worth: the firmware verified what it carries.

pub mod disk_writer;
pub mod disks;
pub mod error;
pub mod factory;
pub mod provisioning;
pub mod table;

mod dialog;
mod handover;
mod session;
mod terminals;

use std::io::{self, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use crate::os::mounts;
use crate::os::process::{MachineEnd, end_machine};

/// How this program is called where it is the first process of an installer: as the kernel calls an initramfs's.
pub const NAME: &str = "/init";
/// What an installer carries.
const CARRIED: &str = "/factory/disk.json";
/// How long a failure stands on the screen where nothing else can be done.
const LAST_WORDS: Duration = Duration::from_secs(60);

/// Whether this process is the first one of an installer.
pub fn is_here() -> bool {
    let is_called = std::process::id() == 1 && std::env::args_os().next().is_some_and(|name| name == NAME);
    is_called && Path::new(CARRIED).exists()
}

/// Installs, and ends the machine.
pub fn run() -> ! {
    let root = Path::new("/");
    if let Err(error) = mounts::kernel_views(root) {
        let _ = writeln!(io::stderr(), "Fluxgate : rien n'a été installé. Nothing was installed: {error}");
    }
    // The kernel would stop where its first process ended.
    let end = catch_unwind(AssertUnwindSafe(|| session::run(root))).unwrap_or_else(|_| {
        std::thread::sleep(LAST_WORDS);
        MachineEnd::Restart
    });
    loop {
        let refused = end_machine(end);
        let _ = writeln!(io::stderr(), "Fluxgate : {refused}");
        std::thread::sleep(LAST_WORDS);
    }
}

#[cfg(test)]
mod tests;
