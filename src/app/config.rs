//! `fluxgate config check`: what boot and the page would say about a file, before it counts.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::ExitCode;

use super::exit;
use super::place::DEFAULT_CONFIG;
use crate::config::{Config, ConfigFile};
use crate::os::secret;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Check a configuration file: every problem with its line and its remedy. Exit 0: usable, 78: not, 66: no file
    Check {
        /// The file
        #[arg(default_value = DEFAULT_CONFIG)]
        file: PathBuf,
    },
}

pub fn run(command: &Command) -> ExitCode {
    let Command::Check { file } = command;
    let text = match ConfigFile::new(file).text() {
        Ok(text) => text,
        Err(error) => {
            eprintln!("{}: {error}", file.display());
            return match error.kind() {
                ErrorKind::InvalidData => exit::CONFIG.into(),
                _ => exit::NO_INPUT.into(),
            };
        }
    };
    let language = exit::language();
    match Config::parse(&text) {
        Ok(config) => {
            warn_of_secrets(&config);
            println!("{}: ok", file.display());
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in problems {
                let (line, column) = (problem.line, problem.column);
                let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
                let (message, remedy) = (problem.message.get(language), problem.remedy.get(language));
                println!("{}:{line}:{column}: {key}{message}. {remedy}", file.display());
            }
            exit::CONFIG.into()
        }
    }
}

/// A secret that is missing or open to others stops no configuration: it may be uploaded later. It is said.
fn warn_of_secrets(config: &Config) {
    let mut named: Vec<PathBuf> = Vec::new();
    for establishment in &config.establishments {
        named.extend(establishment.technical_account.iter().map(|account| config.path(&account.password_file)));
    }
    named.extend(config.chorus.api.values().map(|api| config.path(&api.client_secret_file)));
    let optional = [&config.door.key_file, &config.sftp.host_key_file, &config.journal.key_file];
    named.extend(optional.into_iter().flatten().map(|file| config.path(file)));
    for file in named {
        if let Err(error) = secret::check_permissions(&file) {
            eprintln!("warning: {error}");
        }
    }
}
