//! `fluxgate user`: the people of the page, and the password hashes of SFTP accounts. Passwords are read from the
//! terminal or from standard input, never from the arguments, which everybody on the machine can see.

use std::io;
use std::process::ExitCode;

use argon2::password_hash::PasswordHasher;
use argon2::{Algorithm, Argon2, Params, Version};
use zeroize::Zeroizing;

use super::control::{self, Answer, Request};
use super::exit::{self, Failure};
use super::opening::{self, OpenError};
use super::place::Place;
use super::words::said;
use crate::config::{Config, Source};
use crate::fault::{Language, Text};
use crate::os::{process, terminal};
use crate::store::{self, StoreError};
use crate::web::{unfit_name, unfit_password};

/// Characters of an SFTP account's password, at least and at most. People's are the page's to judge.
const PASSWORD_LENGTH: std::ops::RangeInclusive<usize> = 12..=256;

const PASSWORD_FR: &str = "Le mot de passe est lu sur le terminal, ou sur l'entrée standard (une ligne) : 12 à 256 \
    caractères, pas facile à deviner (une phrase convient bien).";
const PASSWORD_EN: &str = "The password is read from the terminal, or from standard input (one line): 12 to 256 \
    characters, not easy to guess (a sentence does well).";

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(
        about = said("Ajouter une personne à la page", "Add a person to the page"),
        after_help = said(PASSWORD_FR, PASSWORD_EN)
    )]
    Add {
        #[arg(value_name = said("NOM", "NAME"), help = said(
            "1 à 64 caractères, sans caractère de contrôle ; ni system, front, core, keeper, console ou person, ni rien \
             qui commence par account:",
            "1 to 64 characters, without control characters; not system, front, core, keeper, console or person, and \
             nothing that begins with account:"
        ))]
        name: String,
        #[command(flatten)]
        place: Place,
    },
    #[command(
        about = said("Donner un autre mot de passe à une personne de la page", "Give a person of the page another password"),
        after_help = said(PASSWORD_FR, PASSWORD_EN)
    )]
    Passwd {
        #[arg(value_name = said("NOM", "NAME"), help = said("Un nom de « user list »", "A name of `user list`"))]
        name: String,
        #[command(flatten)]
        place: Place,
    },
    #[command(about = said("Lister les personnes de la page, une par ligne", "List the people of the page, one a line"))]
    List {
        #[command(flatten)]
        place: Place,
    },
    #[command(
        about = said(
            "Faire d'un mot de passe le password_hash d'un [[account]]",
            "Make the password_hash of an [[account]] from a password"
        ),
        after_help = said(
            "Le mot de passe est lu sur le terminal, ou sur l'entrée standard (une ligne) : 12 à 256 caractères.",
            "The password is read from the terminal, or from standard input (one line): 12 to 256 characters."
        )
    )]
    Hash,
}

pub fn run(command: &Command) -> ExitCode {
    process::make_files_private();
    let done = match command {
        Command::Add { name, place } => add(place, name.trim()),
        Command::Passwd { name, place } => change_password(place, name.trim()),
        Command::List { place } => list(place),
        Command::Hash => account_hash(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("user"),
    }
}

fn say<'t>(fr: &'t str, en: &'t str) -> &'t str {
    match exit::language() {
        Language::Fr => fr,
        Language::En => en,
    }
}

fn list(place: &Place) -> Result<(), Failure> {
    let register = Register::of(place)?;
    match register.people()? {
        Some(people) => people.iter().for_each(|name| println!("{name}")),
        None if register.configured => {
            let dir = register.config.store.dir.display();
            eprintln!(
                "{dir}{}",
                say(
                    " : personne encore, pas de base de données (le premier « fluxgate serve » la crée)",
                    ": nobody yet, there is no database (the first `fluxgate serve` makes it)"
                )
            );
        }
        None => return Err(register.nowhere()),
    }
    Ok(())
}

fn add(place: &Place, name: &str) -> Result<(), Failure> {
    let piped = piped_password();
    if let Some(unfit) = unfit_name(exit::language(), name) {
        return Err(Failure::new(exit::USAGE, unfit, unfit));
    }
    let register = Register::of(place)?;
    let there = || {
        Failure::new(
            exit::DATA,
            format!("« {name} » existe déjà : « fluxgate user passwd » change son mot de passe"),
            format!("{name} is there already: `fluxgate user passwd` changes the password"),
        )
    };
    match register.people()? {
        Some(people) if people.iter().any(|known| known == name) => return Err(there()),
        // A store is made only where a configuration says so.
        None if !register.configured => return Err(register.nowhere()),
        _ => {}
    }
    let password_hash = hash(&person_s_password(name, piped)?)?;
    match register.change(Request::Enrol { name: name.to_owned(), password_hash })? {
        Answer::AlreadyThere => Err(there()),
        _ => {
            println!("{}{name}", say("Personne ajoutée : ", "Added: "));
            Ok(())
        }
    }
}

fn change_password(place: &Place, name: &str) -> Result<(), Failure> {
    let piped = piped_password();
    let register = Register::of(place)?;
    let unknown = || {
        Failure::new(
            exit::DATA,
            format!("personne ne s'appelle « {name} » : voyez « fluxgate user list » et « fluxgate user add »"),
            format!("nobody is called {name}: see `fluxgate user list` and `fluxgate user add`"),
        )
    };
    match register.people()? {
        Some(people) if people.iter().any(|known| known == name) => {}
        None if !register.configured => return Err(register.nowhere()),
        _ => return Err(unknown()),
    }
    let password_hash = hash(&person_s_password(name, piped)?)?;
    match register.change(Request::SetPassword { name: name.to_owned(), password_hash })? {
        Answer::Unknown => Err(unknown()),
        _ => {
            println!("{}{name}", say("Mot de passe changé : ", "Password changed: "));
            Ok(())
        }
    }
}

/// Who keeps the people: the core that runs, or the store itself when none does.
struct Register {
    config: Config,
    /// The configuration's file, or a version kept of it, could be used.
    configured: bool,
    /// Why not.
    trouble: String,
}

impl Register {
    fn of(place: &Place) -> Result<Self, Failure> {
        let boot = place.file()?.boot(false);
        let trouble = boot.fault.and_then(|fault| fault.details.get("detail").cloned()).unwrap_or_default();
        Ok(Self { config: boot.config, configured: boot.source != Source::Nothing, trouble })
    }

    /// Everybody; `None` when there is no store yet. Makes nothing.
    fn people(&self) -> Result<Option<Vec<String>>, Failure> {
        match self.core(&Request::People)? {
            Some(Answer::People(people)) => Ok(Some(people)),
            Some(other) => Err(failed(format!("{other:?}"))),
            None => store::people_in(&self.config.store.dir).map_err(|error| failed(error.to_string())),
        }
    }

    fn change(&self, request: Request) -> Result<Answer, Failure> {
        if let Some(answer) = self.core(&request)? {
            return Ok(answer);
        }
        let unavailable = |error: &OpenError| {
            let said = Text::technical("la base ne s'ouvre pas", "the database cannot be opened", error);
            Failure::said(exit::UNAVAILABLE, said)
        };
        let opened = match opening::open(&self.config) {
            Ok(opened) => opened,
            // A core that was starting when it was asked has come up meanwhile.
            Err(error @ OpenError::Store(StoreError::InUse(_))) => {
                return self.core(&request)?.ok_or_else(|| unavailable(&error));
            }
            Err(error) => return Err(unavailable(&error)),
        };
        let answer = control::obey(&opened.store, request);
        opened.store.close().map_err(|error| failed(error.to_string()))?;
        match answer {
            Answer::Failed(reason) => Err(failed(reason)),
            answer => Ok(answer),
        }
    }

    /// The answer of the core that runs; `None` when none does.
    fn core(&self, request: &Request) -> Result<Option<Answer>, Failure> {
        let socket = self.config.store.run_dir.join(control::CONTROL_SOCKET);
        match control::ask(&self.config.store.run_dir, request) {
            Ok(Some(Answer::Failed(reason))) => Err(failed(reason)),
            Ok(answer) => Ok(answer),
            Err(error) => Err(Failure::io(exit::IO, socket.display(), &error)),
        }
    }

    fn nowhere(&self) -> Failure {
        let (trouble, dir) = (&self.trouble, self.config.store.dir.display());
        Failure::new(
            exit::NO_INPUT,
            format!(
                "pas de configuration utilisable ({trouble}), et pas de base de données dans {dir} : donnez la \
                 configuration de la passerelle avec --config, et vérifiez-la avec « fluxgate config check »"
            ),
            format!(
                "no usable configuration ({trouble}), and no database in {dir}: name the gateway's configuration with \
                 --config, and check it with `fluxgate config check`"
            ),
        )
    }
}

fn failed(reason: String) -> Failure {
    Failure::said(exit::IO, Text::technical("la base ne répond pas", "the database does not answer", reason))
}

/// What a script pipes in is taken before anything is looked at: it shall not find its pipe closed.
fn piped_password() -> Option<Result<Zeroizing<String>, Failure>> {
    (!terminal::is_there()).then(read_password)
}

fn person_s_password(
    name: &str,
    piped: Option<Result<Zeroizing<String>, Failure>>,
) -> Result<Zeroizing<String>, Failure> {
    let password = piped.unwrap_or_else(read_password)?;
    if let Some(unfit) = unfit_password(exit::language(), name, &password) {
        return Err(Failure::new(exit::DATA, unfit, unfit));
    }
    confirm(password)
}

fn account_hash() -> Result<(), Failure> {
    let password = read_password()?;
    if !PASSWORD_LENGTH.contains(&password.chars().count()) {
        let (least, most) = (PASSWORD_LENGTH.start(), PASSWORD_LENGTH.end());
        return Err(Failure::new(
            exit::DATA,
            format!("un mot de passe a {least} à {most} caractères"),
            format!("a password has {least} to {most} characters"),
        ));
    }
    println!("{}", hash(&confirm(password)?)?);
    Ok(())
}

fn read_password() -> Result<Zeroizing<String>, Failure> {
    terminal::secret_line(say("Mot de passe : ", "Password: ")).map_err(no_password)
}

/// On a terminal, where nobody sees what is typed, it is typed twice.
fn confirm(password: Zeroizing<String>) -> Result<Zeroizing<String>, Failure> {
    let again = say("Le même encore une fois : ", "The same again: ");
    if terminal::is_there() && terminal::secret_line(again).map_err(no_password)? != password {
        return Err(Failure::new(exit::DATA, "les deux mots de passe diffèrent", "the two passwords differ"));
    }
    Ok(password)
}

fn no_password(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::new(
            exit::NO_INPUT,
            "aucun mot de passe sur l'entrée standard (une ligne est attendue)",
            "no password on standard input (one line is expected)",
        ),
        _ => Failure::io(exit::NO_INPUT, say("mot de passe", "password"), &error),
    }
}

/// The PHC string that `password_hash` and the page want: argon2id, 19 MiB, two passes.
pub(super) fn hash(password: &str) -> Result<String, Failure> {
    let software = |error: String| {
        Failure::said(exit::SOFTWARE, Text::technical("mot de passe non haché", "the password was not hashed", error))
    };
    let params = Params::new(19_456, 2, 1, None).map_err(|error| software(error.to_string()))?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon2.hash_password(password.as_bytes()).map_err(|error| software(error.to_string()))?;
    Ok(hash.to_string())
}
