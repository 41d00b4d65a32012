//! `fluxgate serve --role keeper`, the two steps of a factory reset, those at the seal and the network's settings, which units of the
//! appliance run, and what udev asks of a partition.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::{exit, serve};
use crate::keeper::{self, KeeperError, network, reset, sealer};
use crate::os::logging;

/// Where somebody who waits for a reset sees how far it is.
const CONSOLE: &str = "/dev/console";

/// What the appliance's own units and rules run. Between the two steps of a reset systemd-repart makes the partition anew.
#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Wipes the partition of what is kept, if a reset was asked for
    Wipe {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Says by its exit code, to udev, whether a partition is on the disk that the root is on: 0 yes, 1 no
    OwnPartition {
        /// As the kernel names it: vda4
        partition: String,
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Writes the network's settings for systemd-networkd, before it starts
    Network {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Has systemd-networkd, whose user this is, read its settings anew
    Reload {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Takes the wish back, once what is kept has been made anew
    Finish {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Decides whether the partition of what is kept will be sealed to the TPM
    Prepare {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Opens the partition of what is kept, if it is sealed
    Open {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
    /// Makes or tries the recovery key, as keeper asked
    Recovery {
        #[arg(long, default_value = "/")]
        root: PathBuf,
    },
}

pub fn run(root: &Path) -> ExitCode {
    logging::start(log::LevelFilter::Info, "fluxgate-keeper");
    serve::harden();
    match keeper::serve(root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "Keeper could not start");
            match error {
                KeeperError::Running(_) => exit::IN_USE.into(),
                KeeperError::Socket { .. } | KeeperError::Threads(_) => exit::UNAVAILABLE.into(),
            }
        }
    }
}

pub fn command(command: &Command) -> ExitCode {
    if let Command::OwnPartition { partition, root } = command {
        return match keeper::is_on_own_disk(root, partition) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::FAILURE,
            Err(error) => {
                eprintln!("{partition}: {error}");
                exit::IO.into()
            }
        };
    }
    logging::start(log::LevelFilter::Info, "fluxgate-keeper");
    let done = match command {
        Command::Wipe { root } => {
            let mut console = std::fs::File::options().write(true).open(CONSOLE).ok();
            let mut last = None;
            reset::wipe(root, |percent| {
                let tens = percent / 10 * 10;
                if last.replace(tens) == Some(tens) {
                    return;
                }
                log::info!(percent = tens; "What was kept is wiped");
                // Nobody need be there to see it.
                if let Some(console) = &mut console {
                    let _ = write!(console, "\rFluxgate : remise à l'état d'usine / factory reset: {tens} % ");
                }
            })
        }
        Command::Finish { root } => reset::finish(root),
        Command::OwnPartition { .. } => Ok(()),
        Command::Prepare { root } => return sealed(sealer::prepare(root)),
        Command::Open { root } => return sealed(sealer::open(root)),
        Command::Recovery { root } => return sealed(sealer::obey(root)),
        Command::Network { root } => return write_network(root),
        Command::Reload { root } => return reload_network(root),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The factory reset is not done: it begins anew with the next start");
            exit::IO.into()
        }
    }
}

/// A step at the seal.
fn sealed(done: Result<(), sealer::SealError>) -> ExitCode {
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "A step at the seal of what is kept was not done");
            exit::IO.into()
        }
    }
}

/// Where it fails, systemd-networkd starts all the same: by DHCP on every card, as the image has it.
fn write_network(root: &Path) -> ExitCode {
    match network::write_confirmed(root) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The network's settings are not in force: every card asks DHCP");
            exit::IO.into()
        }
    }
}

/// Where it does not run there is nobody to tell: it reads the settings when it starts.
fn reload_network(root: &Path) -> ExitCode {
    match network::reload(root) {
        Ok(told) => {
            log::info!(processes = told; "systemd-networkd reads its settings anew");
            ExitCode::SUCCESS
        }
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "systemd-networkd could not be told of changed settings");
            exit::IO.into()
        }
    }
}
