//! The commands: each in its own file, each with `run(..) -> ExitCode`. Exit codes follow sysexits.
//!
//! Promises: everything is wired here and nowhere else. Refuses to decide anything about an invoice.

mod appliance;
mod audit;
pub mod check;
mod config;
mod control;
mod convert;
mod core;
mod demo;
mod doctor;
mod exit;
pub mod front;
mod heart;
mod instance;
mod keeper;
mod made;
pub mod metrics;
mod notify;
mod opening;
mod place;
mod release;
mod releases;
mod remote_log;
mod render;
mod runtime;
pub mod samples;
mod serve;
pub mod simulate;
mod supervisor;
mod tables;
mod tables_in_force;
mod tables_used;
mod update;
mod user;
mod walls;
mod words;

use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use self::words::said;
use crate::installer;

#[derive(Debug, Parser)]
#[command(name = "fluxgate", version, arg_required_else_help = true, about = said(
    "Fluxgate : la passerelle entre les applications financières d'un établissement et Chorus Pro.",
    "Fluxgate: the gateway between an establishment's finance systems and Chorus Pro."
))]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    #[command(about = said(
        "Faire tourner la passerelle : ses deux processus, ou un seul avec --role",
        "Run the gateway: both processes, or one with --role"
    ))]
    Serve(serve::Arguments),
    #[command(about = said(
        "La passerelle et un Chorus Pro simulé, sur cette seule machine, avec des factures d'exemple",
        "The gateway beside a simulated Chorus Pro, on this machine alone, with sample invoices"
    ))]
    Demo(demo::Arguments),
    #[command(about = said("Un Chorus Pro d'entraînement", "A practice Chorus Pro"))]
    Simulate(simulate::Args),
    #[command(about = said(
        "Ce que la passerelle dirait de ces fichiers. Code 0 : tous acceptés, 65 : un refusé, 66 : un pas ouvert",
        "What the gateway would say of these files. Exit 0: all accepted, 65: one rejected, 66: one not opened"
    ))]
    Check(check::Arguments),
    #[command(about = said(
        "Une facture dans un autre format ; ce qui n'y a pas de place est dit, et refusé sans --lossy",
        "An invoice in another form; what has no place there is said, and refused without --lossy"
    ))]
    Convert(convert::Arguments),
    #[command(about = said(
        "Une facture en PDF lisible, juste ou non ; l'original, qui seul fait foi, y est joint",
        "An invoice as a readable PDF, right or not; the original, which alone is proof, is attached"
    ))]
    Render(render::Arguments),
    #[command(subcommand, about = said(
        "Les tables des règles (listes de codes, taux, limites, sévérités, messages) : un fichier signé les remplace",
        "The tables of the rules (code lists, rates, limits, severities, messages): a signed file replaces them"
    ))]
    Tables(tables::Command),
    #[command(subcommand, about = said("Le journal", "The journal"))]
    Audit(audit::Command),
    #[command(subcommand, about = said("Examiner un fichier de configuration", "Look at a configuration file"))]
    Config(config::Command),
    #[command(subcommand, about = said("Qui est prévenu des alarmes", "Who is told of alarms"))]
    Notify(notify::Command),
    #[command(about = said(
        "Essayer chaque maillon jusqu'à Chorus Pro et dire à quoi ressemble une panne. Code 0 : tout va bien, 78 : à \
         réparer chez vous, 69 : chez eux",
        "Try each link to Chorus Pro, and say what a failure looks like. Exit 0: all is well, 78: yours to repair, 69: \
         theirs"
    ))]
    Doctor(doctor::Arguments),
    #[command(subcommand, about = said(
        "Les personnes de la page, et le hachage des mots de passe",
        "The people of the page, and password hashes"
    ))]
    User(user::Command),
    /// What the appliance's units run beside the three processes
    #[command(subcommand, hide = true)]
    Keeper(keeper::Command),
    #[command(subcommand, about = said(
        "Les mises à jour de l'appareil : contrôler un fichier, l'installer, revenir en arrière",
        "Updates of the appliance: check a file, install it, go back"
    ))]
    Update(update::Command),
    #[command(subcommand, about = said(
        "Préparer et signer une version, chez l'éditeur",
        "Prepare and sign a release, at the publisher's"
    ))]
    Release(release::Command),
}

/// The program.
pub fn main() -> ExitCode {
    if installer::is_here() {
        installer::run();
    }
    let parsed = words::in_its_language(Arguments::command()).try_get_matches();
    let arguments = match parsed.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            words::tell(&error);
            return if error.use_stderr() { exit::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Convert(arguments) => convert::run(&arguments),
        Command::Render(arguments) => render::run(&arguments),
        Command::Tables(command) => tables::run(&command),
        Command::Audit(command) => audit::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Notify(command) => notify::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::User(command) => user::run(&command),
        Command::Keeper(command) => keeper::command(&command),
        Command::Update(command) => update::run(&command),
        Command::Release(command) => release::run(&command),
    }
}
