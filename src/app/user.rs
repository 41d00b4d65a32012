//! `fluxgate user`: the people of the page, and the password hashes of SFTP accounts. Passwords are read from the
//! terminal or from standard input, never from the arguments, which everybody on the machine can see.

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::control::{self, Answer, NAME_LIMIT, Request};
use super::exit::{self, Exit};
use super::opening;
use super::serve::DEFAULT_CONFIG;
use crate::config::ConfigFile;
use crate::os::{process, terminal};

/// Characters of a password, at least and at most.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=256;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Add a person to the page; the password is read from the terminal or standard input
    Add {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// Give a person of the page another password
    Passwd {
        name: String,
        #[command(flatten)]
        place: Place,
    },
    /// List the people of the page
    List {
        #[command(flatten)]
        place: Place,
    },
    /// Make the password_hash of an [[account]] from a password
    Hash,
}

#[derive(Debug, clap::Args)]
pub struct Place {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

/// What goes wrong, with its exit code.
type Failure = (Exit, String);

pub fn run(command: &Command) -> ExitCode {
    process::make_files_private();
    let done = match command {
        Command::Add { name, place } => {
            change(place, name, |name, password_hash| Request::Enrol { name, password_hash })
        }
        Command::Passwd { name, place } => {
            change(place, name, |name, password_hash| Request::SetPassword { name, password_hash })
        }
        Command::List { place } => ask(place, Request::People).map(|answer| {
            if let Answer::People(people) = answer {
                people.iter().for_each(|name| println!("{name}"));
            }
        }),
        Command::Hash => new_password().and_then(|password| hash(&password)).map(|hash| println!("{hash}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err((code, message)) => {
            eprintln!("fluxgate user: {message}");
            code.into()
        }
    }
}

fn change(place: &Place, name: &str, request: impl FnOnce(String, String) -> Request) -> Result<(), Failure> {
    let legal = !name.trim().is_empty() && name.len() <= NAME_LIMIT && !name.chars().any(char::is_control);
    if !legal {
        return Err((exit::USAGE, format!("a name has 1 to {NAME_LIMIT} bytes and no control characters")));
    }
    let hash = hash(&new_password()?)?;
    match ask(place, request(name.trim().to_owned(), hash))? {
        Answer::AlreadyThere => Err((exit::DATA, format!("{name} is there already: see `user passwd`"))),
        Answer::Unknown => Err((exit::DATA, format!("nobody is called {name}: see `user list` and `user add`"))),
        _ => Ok(()),
    }
}

/// Through the core that runs, or on the store itself when none does.
fn ask(place: &Place, request: Request) -> Result<Answer, Failure> {
    let config = ConfigFile::new(&place.config).boot(false).config;
    let io = |error: io::Error| (exit::IO, format!("core does not answer: {error}"));
    let answer = match control::ask(&config.store.run_dir, &request).map_err(io)? {
        Some(answer) => answer,
        None => {
            let opened = opening::open(&config).map_err(|error| (exit::UNAVAILABLE, error.to_string()))?;
            let answer = control::obey(&opened.store, request);
            opened.store.close().map_err(|error| (exit::IO, error.to_string()))?;
            answer
        }
    };
    match answer {
        Answer::Failed(reason) => Err((exit::IO, reason)),
        answer => Ok(answer),
    }
}

fn new_password() -> Result<Zeroizing<String>, Failure> {
    let io = |error: io::Error| (exit::NO_INPUT, format!("no password: {error}"));
    let password = terminal::secret_line("Password: ").map_err(io)?;
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
        return Err((exit::DATA, format!("a password has {least} to {most} characters")));
    }
    if terminal::is_there() && terminal::secret_line("Again: ").map_err(io)? != password {
        return Err((exit::DATA, "the two passwords differ".to_owned()));
    }
    Ok(password)
}

/// The PHC string that `password_hash` and the page want: argon2id, 19 MiB, two passes.
pub(super) fn hash(password: &str) -> Result<String, Failure> {
    let software = |error: String| (exit::SOFTWARE, error);
    let params = Params::new(19_456, 2, 1, None).map_err(|error| software(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| software(error.to_string()))?;
    Ok(hash.to_string())
}
