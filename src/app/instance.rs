//! One gateway per data folder and per folder of sockets: who comes second ends, says who was first, and has touched
//! nothing of the first's.

use std::path::Path;
use std::time::Duration;

use super::exit::{self, Exit, Failure};
use super::serve::Role;
use crate::config::StoreSection;
use crate::os::lock::{Lock, LockError};
use crate::os::secret;

/// The supervisor's lock, in the data folder and in `run_dir`.
const SUPERVISOR_LOCK: &str = "serve.lock";

/// A process of a former life may still be finishing what it acknowledged. Longer than front gives its clients.
const PREDECESSOR_LONGEST: Duration = Duration::from_secs(20);

/// Held as long as the process that claimed it runs.
#[derive(Debug)]
pub struct Claim {
    _locks: Vec<Lock>,
}

/// Claims both folders for this supervisor, before anything of them is used.
pub fn claim(store: &StoreSection) -> Result<Claim, Failure> {
    let mut locks = Vec::new();
    for dir in [&store.dir, &store.run_dir] {
        match take(dir, SUPERVISOR_LOCK, Duration::ZERO) {
            Ok(lock) => locks.push(lock),
            Err(LockError::Held { pid, .. }) => return Err(already_running(dir, pid)),
            Err(LockError::Io { path, cause }) if cause.kind() == std::io::ErrorKind::PermissionDenied => {
                let failure = Failure::io(exit::NO_PERMISSION, path.display(), &cause);
                return Err(failure.hint(
                    "Lancez fluxgate sous l'utilisateur à qui ce dossier appartient, ou nommez un autre dossier dans [store]",
                    "Run fluxgate as the user who owns this folder, or name another folder in [store]",
                ));
            }
            // What cannot be locked cannot be written either: the processes below say so, and try again.
            Err(error) => log::warn!(error = error.to_string().as_str(); "Whether another gateway runs is not known"),
        }
    }
    Ok(Claim { _locks: locks })
}

/// Claims a role for this process. One that ends is waited for; one that stays is named in the log.
pub fn claim_role(run_dir: &Path, role: Role) -> Result<Claim, Exit> {
    let name = format!("{}.lock", role.as_str());
    let claimed = match take(run_dir, &name, Duration::ZERO) {
        Err(LockError::Held { .. }) => {
            log::info!(role = role.as_str(); "Another process has this role; its end is waited for");
            take(run_dir, &name, PREDECESSOR_LONGEST)
        }
        at_once => at_once,
    };
    match claimed {
        Ok(lock) => Ok(Claim { _locks: vec![lock] }),
        Err(LockError::Held { path, pid }) => {
            let (pid, lock) = (pid.map_or_else(|| "unknown".to_owned(), |pid| pid.to_string()), path.display());
            log::error!(role = role.as_str(), pid = pid.as_str(), lock:display = lock; "Already running: another process has this role");
            Err(exit::IN_USE)
        }
        Err(error) => {
            log::warn!(error = error.to_string().as_str(); "Whether this role runs already is not known");
            Ok(Claim { _locks: Vec::new() })
        }
    }
}

fn take(dir: &Path, name: &str, longest: Duration) -> Result<Lock, LockError> {
    secret::make_private_dir(dir).map_err(|cause| LockError::Io { path: dir.to_owned(), cause })?;
    Lock::take_within(&dir.join(name), longest)
}

fn already_running(dir: &Path, pid: Option<u32>) -> Failure {
    let dir = dir.display();
    let (fr, en) = match pid {
        Some(pid) => (format!(" (processus {pid})"), format!(" (process {pid})")),
        None => (String::new(), String::new()),
    };
    Failure::new(
        exit::IN_USE,
        format!(
            "une passerelle est déjà en service avec {dir}{fr} : arrêtez-la d'abord, ou donnez à celle-ci d'autres \
             dossiers ([store] dir et run_dir)"
        ),
        format!(
            "already running: a gateway uses {dir}{en}. Stop it first, or give this one other folders ([store] dir and \
             run_dir)"
        ),
    )
}
