//! `fluxgate serve`: the supervisor with its two children, or one of them.

use std::process::ExitCode;

use super::place::Place;
use super::words::said;
use super::{exit, instance, supervisor};
use crate::config::Boot;
use crate::fault::Text;
use crate::os::sandbox::Attempt;
use crate::os::{logging, process};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    pub place: Place,
    #[arg(long, value_enum, value_name = said("RÔLE", "ROLE"), help = said(
        "Un seul des deux processus (une unité chacun pour le gestionnaire de services) : front, ce que rencontre le \
         réseau (la porte, SFTP, les mesures) ; core, ce qui tient la base, les secrets et la page",
        "One of the two processes only (a service manager's unit each): front, what the network meets (the door, SFTP, \
         metrics); core, what holds the store, the secrets and the page"
    ))]
    pub role: Option<Role>,
    /// The supervisor's process id: set by it alone
    #[arg(long, hide = true, requires = "role")]
    pub supervisor: Option<u32>,
    /// Once the process's walls are up, and before it serves: try this against them
    #[arg(long, hide = true, requires = "role")]
    pub attempt: Vec<Attempt>,
}

/// A process of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Role {
    Front,
    Core,
}

impl Role {
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Front => "front",
            Role::Core => "core",
        }
    }
}

pub fn run(arguments: &Arguments) -> ExitCode {
    process::make_files_private();
    // The supervisor has looked: what it started goes on even if the file has gone since.
    let file = match arguments.supervisor {
        Some(_) => arguments.place.anyway(),
        None => match arguments.place.file() {
            Ok(file) => file,
            Err(failure) => return failure.tell("serve"),
        },
    };
    let Some(role) = arguments.role else { return supervisor::run(&file) };
    if let Some(supervisor) = arguments.supervisor {
        match process::stop_with_parent(supervisor) {
            Ok(true) => {}
            // The supervisor ended before this process could ask to be told.
            Ok(false) => return exit::UNAVAILABLE.into(),
            Err(error) => eprintln!(
                "fluxgate: {}",
                Text::technical(
                    "ce processus ne verra pas la fin de son superviseur",
                    "this process will not notice when its supervisor ends",
                    error
                )
                .get(exit::language())
            ),
        }
    }
    // Core alone keeps versions: it is the one that accepts them.
    let boot = file.boot(role == Role::Core);
    logging::start(boot.config.log.level.into(), &format!("fluxgate-{}", role.as_str()));
    harden();
    tell(&boot);
    let _alone = match instance::claim_role(&boot.config.store.run_dir, role) {
        Ok(claimed) => claimed,
        Err(code) => return code.into(),
    };
    let (supervised, attempt) = (arguments.supervisor.is_some(), &arguments.attempt);
    match role {
        Role::Core => super::core::run(file, boot, supervised, attempt),
        Role::Front => super::front::run(boot, supervised, attempt),
    }
}

/// What every process of the gateway gives up before it meets anybody.
fn harden() {
    if let Err(error) = process::gain_nothing_by_exec() {
        log::warn!(error = error.to_string().as_str(); "The no-new-privileges flag could not be set");
    }
    if let Err(error) = process::hide_memory() {
        log::warn!(error = error.to_string().as_str(); "Core dumps could not be switched off");
    }
    if let Err(error) = process::raise_file_limit() {
        log::warn!(error = error.to_string().as_str(); "The limit of open files could not be raised");
    }
}

fn tell(boot: &Boot) {
    for problem in &boot.problems {
        log::error!(problem = problem.to_string().as_str(); "The configuration file has a problem");
    }
    if let Some(fault) = &boot.fault {
        log::error!(fault = fault.code.as_str(); "{}", fault.title(crate::fault::Language::En));
    }
}
