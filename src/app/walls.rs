//! What is left to each process once it has opened what it needs, before the first byte of a stranger.
//!
//! *front*: its staging folder; the folder of its certificate, to see a new one; the name servers' file; the ports of the
//! sites' upstreams. *core*: its data folder, the folder of the sockets and that of the configuration; what the
//! configuration names elsewhere, to read it; the ports it calls. Neither executes anything, listens on a TCP port, or
//! sees another file.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::errno::Errno;

use super::serve::Role;
use crate::config::{Config, ConfigFile};
use crate::gate;
use crate::os::durable;
use crate::os::sandbox::{self, Attempt, Calls, Need, Report, Walls, name_of};
use crate::os::signals::Shutdown;

/// Between two looks whether a call was denied.
const LOOK: Duration = Duration::from_secs(5);
/// Front tells core at the latest after so many looks: core may have started anew.
const LOOKS_UNTOLD: u32 = 12;
/// Name servers are asked over TCP when an answer is long.
const DNS: u16 = 53;
/// Where names are looked up, and random numbers come from in a library that asks a file for them.
const SYSTEM_FILES: [&str; 3] = ["/etc/resolv.conf", "/etc/hosts", "/dev/urandom"];

/// Front's walls. `certificate`: its files; `own`: this process made them, beside core's secrets, and makes others at a start only.
pub fn front(config: &Config, staging: &Path, certificate: [&Path; 2], own: bool) -> Walls {
    let mut ports: BTreeSet<u16> = config.door.site.iter().map(|site| site.upstream.port()).collect();
    if !ports.is_empty() {
        ports.insert(DNS);
    }
    Walls {
        readable: SYSTEM_FILES
            .iter()
            .map(Path::new)
            .flat_map(with_successors)
            .chain(
                certificate
                    .into_iter()
                    .flat_map(|file| if own { vec![file.to_owned()] } else { with_successors(file) }),
            )
            .collect(),
        writable: BTreeSet::from([staging.to_owned()]),
        ports,
        calls: Calls::with([Need::Files, Need::Network, Need::PinnedMemory]),
    }
}

/// Core's walls.
pub fn core(config: &Config, file: &ConfigFile) -> Walls {
    let (dir, run_dir) = (&config.store.dir, &config.store.run_dir);
    let outside = |path: &PathBuf| !path.starts_with(dir);
    let files: Vec<PathBuf> = config.files_read().into_iter().filter(outside).collect();
    let mut writable = BTreeSet::from([dir.clone(), run_dir.clone(), durable::folder_of(file.path()).to_owned()]);
    // The key is made where it is to be.
    let key = config.journal.key_file.as_ref().map(|key| config.path(key)).filter(outside);
    writable.extend(key.map(|key| durable::folder_of(&key).to_owned()));
    Walls {
        readable: SYSTEM_FILES
            .iter()
            .map(Path::new)
            .chain(files.iter().map(PathBuf::as_path))
            .flat_map(with_successors)
            .collect(),
        writable,
        ports: config.ports_called().into_iter().chain([DNS]).collect(),
        calls: Calls::with([Need::Files, Need::Store, Need::Network, Need::Listening]),
    }
}

/// A file, and the folder it really stands in, links followed: who replaces a file makes a new one there. What lies right
/// in `/etc` stays alone, for much else lies there; a name servers' file that is replaced there is read at the next start.
fn with_successors(path: &Path) -> Vec<PathBuf> {
    let real =
        path.canonicalize().or_else(|_| std::fs::read_link(path).map(|link| durable::folder_of(path).join(link)));
    let real = real.unwrap_or_else(|_| path.to_owned());
    let folder = durable::folder_of(&real).to_owned();
    let is_wide = ["/", "/dev", "/etc"].iter().any(|wide| folder == Path::new(wide));
    if is_wide { vec![real] } else { vec![folder] }
}

/// Raises a process's walls and says, once, what came of it.
pub fn raise(role: Role, walls: &Walls) {
    let (standing, failed) = sandbox::raise(walls);
    for error in failed {
        log::error!(role = role.as_str(), error = error.to_string().as_str(); "A wall around this process does not stand");
    }
    log::info!(role = role.as_str(), walls = standing.to_string().as_str(); "This process is walled in");
}

/// Tries to get through the walls, which are up: one line of standard output each, with `done` or the error's name. A call
/// that ends the process ends it.
pub fn try_all(attempts: &[Attempt]) {
    for attempt in attempts {
        let code = |error: std::io::Error| error.raw_os_error().map_or(Errno::UnknownErrno, Errno::from_raw);
        let answer = attempt.make().map_or_else(|error| format!("{:?}", code(error)), |()| "done".to_owned());
        println!("{attempt} {answer}");
    }
}

/// Says each denied call once per look, in the log and to core, until told to stop.
pub async fn watch(to_core: Option<gate::Client>, shutdown: Shutdown) {
    let (mut told, mut looks) = (None::<Report>, 0);
    loop {
        if let Some(report) = sandbox::report() {
            let before = told.as_ref().map(|told| &told.denied);
            for (number, count) in &report.denied {
                let more = count - before.and_then(|before| before.get(number)).unwrap_or(&0);
                if more > 0 {
                    let call = name_of(*number);
                    log::warn!(call = call.as_str(), times = more; "A forbidden call of the kernel was denied");
                }
            }
            if told.as_ref() != Some(&report) || looks >= LOOKS_UNTOLD {
                let heard = match &to_core {
                    Some(client) => client.walls(report.clone()).await.is_ok(),
                    None => true,
                };
                // Not heard: said again at the next look, to core; the log has it.
                looks = if heard { 0 } else { LOOKS_UNTOLD };
                told = Some(report);
            }
        }
        looks = looks.saturating_add(1);
        tokio::select! {
            () = shutdown.told() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
    }
}
