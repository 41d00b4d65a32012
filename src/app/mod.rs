//! The commands: each in its own file, each with `run(..) -> ExitCode`. Exit codes follow sysexits.
//!
//! Promises: everything is wired here and nowhere else. Refuses to decide anything about an invoice.

mod audit;
pub mod check;
mod config;
mod control;
mod core;
mod demo;
mod doctor;
mod exit;
pub mod front;
mod heart;
mod instance;
mod metrics;
mod notify;
mod opening;
mod place;
mod runtime;
pub mod samples;
mod serve;
pub mod simulate;
mod supervisor;
mod user;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Fluxgate: the gateway between an establishment's finance systems and Chorus Pro.
#[derive(Debug, Parser)]
#[command(name = "fluxgate", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gateway: both processes, or one with --role
    Serve(serve::Arguments),
    /// The gateway beside a simulated Chorus Pro, on this machine alone, with sample invoices
    Demo(demo::Arguments),
    /// A practice Chorus Pro
    Simulate(simulate::Args),
    /// What the gateway would say of these files. Exit 0: all accepted, 65: one rejected, 66: one not opened
    Check(check::Arguments),
    /// The journal
    #[command(subcommand)]
    Audit(audit::Command),
    /// Look at a configuration file
    #[command(subcommand)]
    Config(config::Command),
    /// Who is told of alarms
    #[command(subcommand)]
    Notify(notify::Command),
    /// Try each link to Chorus Pro, and say what a failure looks like. Exit 0: all is well, 78: yours to repair, 69: theirs
    Doctor(doctor::Arguments),
    /// The people of the page, and password hashes
    #[command(subcommand)]
    User(user::Command),
}

/// The program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to standard output and are no error; nobody is left to tell when printing fails.
            let _ = error.print();
            return if error.use_stderr() { exit::USAGE.into() } else { ExitCode::SUCCESS };
        }
    };
    match arguments.command {
        Command::Serve(arguments) => serve::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        Command::Simulate(arguments) => simulate::run(&arguments),
        Command::Check(arguments) => check::run(&arguments),
        Command::Audit(command) => audit::run(&command),
        Command::Config(command) => config::run(&command),
        Command::Notify(command) => notify::run(&command),
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::User(command) => user::run(&command),
    }
}
