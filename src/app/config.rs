//! `fluxgate config check`: what boot and the page would say about a file, before it counts.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Failure};
use super::place::DEFAULT_CONFIG;
use super::tables_in_force::would_follow;
use super::words::said;
use crate::config::{Config, ConfigFile, Problem};
use crate::fault::{Code, Language};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Contrôler un fichier de configuration : chaque problème avec sa ligne et son remède. Code 0 : utilisable, 78 : \
         non, 66 : pas de fichier. Les fichiers qu'il nomme et qui manquent ne sont que des avertissements, sur la sortie \
         d'erreur : ils sont peut-être sur une autre machine",
        "Check a configuration file: every problem with its line and its remedy. Exit 0: usable, 78: not, 66: no file. \
         Files that it names and that are missing are warnings only, on standard error: they may be on another machine"
    ))]
    Check {
        #[arg(default_value = DEFAULT_CONFIG, value_name = said("FICHIER", "FILE"), help = said("Le fichier", "The file"))]
        file: PathBuf,
    },
}

pub fn run(command: &Command) -> ExitCode {
    let Command::Check { file } = command;
    let text = match ConfigFile::new(file).text() {
        Ok(text) => text,
        Err(error) => return unread(file, &error).tell("config"),
    };
    let language = exit::language();
    let parsed = Config::parse(&text);
    let tables = parsed.as_ref().map_or(Ok(None), Config::signed_tables);
    // The last accepted file of this gateway, which the file's own remarks do not know.
    let overtaken = match (&parsed, &tables) {
        (Ok(config), Ok(Some(signed))) => would_follow(signed, config).err(),
        _ => None,
    };
    let problems = parsed.err().unwrap_or_default();
    for problem in &problems {
        println!("{}", line(file, problem, "", language));
    }
    // One that is there and refused would not be in force.
    let refused = overtaken.is_some() || tables.is_err_and(|fault| fault.code != Code::TablesUnread);
    let warning = match language {
        Language::Fr => "avertissement : ",
        Language::En => "warning: ",
    };
    for remark in Config::remarks(&text) {
        let mark = if refused && remark.key == "rules.tables" { "" } else { warning };
        eprintln!("{}", line(file, &remark, mark, language));
    }
    if let Some(fault) = &overtaken {
        let (title, remedy) = (fault.title(language), fault.remedy(language));
        eprintln!("{}: rules.tables: {} {title}. {remedy}", file.display(), fault.code);
    }
    if problems.is_empty() && !refused {
        println!("{}: ok", file.display());
        ExitCode::SUCCESS
    } else {
        exit::CONFIG.into()
    }
}

fn unread(file: &Path, error: &std::io::Error) -> Failure {
    let code = if error.kind() == ErrorKind::InvalidData { exit::CONFIG } else { exit::NO_INPUT };
    Failure::io(code, file.display(), error).hint(
        "Donnez le chemin d'une configuration, faite d'après config/fluxgate.toml",
        "Name a configuration, made after config/fluxgate.toml",
    )
}

/// `FILE:LINE:COLUMN: KEY: what is wrong. What to do`.
fn line(file: &Path, problem: &Problem, mark: &str, language: Language) -> String {
    let (line, column) = (problem.line, problem.column);
    let key = if problem.key.is_empty() { String::new() } else { format!("{}: ", problem.key) };
    let (message, remedy) = (problem.message.get(language), problem.remedy.get(language));
    format!("{}:{line}:{column}: {mark}{key}{message}. {remedy}", file.display())
}
