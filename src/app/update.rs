//! `fluxgate update`: is a file a release, and, on the appliance, installing one and going back. Its page and its keeper do the
//! same through `update/`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::json;

use super::exit::{self, Exit, Failure};
use super::made;
use super::words::said;
use crate::domain::Timestamp;
use crate::fault::Text;
use crate::update::{Archive, IMAGE_ROOT, Machine, Release, Status, Trust, UpdateError, Updater, WentBack};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Contrôler un fichier de mise à jour, sans rien installer. Code 0 : bon, 65 : refusé, 66 : pas lu",
        "Check the file of an update, installing nothing. Exit 0: good, 65: refused, 66: not read"
    ))]
    Verify {
        #[arg(value_name = said("FICHIER", "FILE"), help = said("Le fichier tel qu'il a été publié", "The file as it was published"))]
        file: PathBuf,
        #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
            "La racine de confiance de l'éditeur ; sans elle, celle de l'image",
            "The publisher's root of trust; without it, the image's"
        ))]
        root: Option<PathBuf>,
        #[arg(long, help = said("Le verdict en JSON", "The verdict as JSON"))]
        json: bool,
    },
    #[command(about = said(
        "Installer une mise à jour dans l'autre emplacement ; elle est essayée au prochain redémarrage",
        "Install an update in the other slot; it is tried at the next restart"
    ))]
    Apply {
        #[arg(value_name = said("FICHIER", "FILE"), help = said("Le fichier tel qu'il a été publié", "The file as it was published"))]
        file: PathBuf,
    },
    #[command(about = said(
        "Ce qui fonctionne, ce qui démarrera, et chaque essai de mise à jour",
        "What runs, what will be booted, and every attempt at an update"
    ))]
    Status {
        #[arg(long, help = said("En JSON", "As JSON"))]
        json: bool,
    },
    #[command(about = said(
        "Revenir à la version précédente au prochain redémarrage",
        "Return to the former version at the next restart"
    ))]
    Rollback,
}

pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Verify { file, root, json } => return verify(file, root.as_deref(), *json),
        Command::Apply { file } => apply(file),
        Command::Status { json } => status(*json),
        Command::Rollback => rollback(),
    };
    done.map_or_else(|failure| failure.tell("update"), |()| ExitCode::SUCCESS)
}

/// What ends the command, with the exit code of its kind.
fn refused(error: &UpdateError) -> Failure {
    let exit: Exit = match error {
        UpdateError::Io { cause, .. } if cause.kind() == ErrorKind::NotFound => exit::NO_INPUT,
        UpdateError::Io { cause, .. } if cause.kind() == ErrorKind::PermissionDenied => exit::NO_PERMISSION,
        UpdateError::Io { .. }
        | UpdateError::ReadBack { .. }
        | UpdateError::NoRoom { .. }
        | UpdateError::DataFull { .. } => exit::IO,
        UpdateError::Untrusted { .. } => exit::CONFIG,
        UpdateError::Busy(_) => exit::IN_USE,
        UpdateError::NoAppliance(_) | UpdateError::NoBootPartition { .. } => exit::UNAVAILABLE,
        _ => exit::DATA,
    };
    match error {
        // Nothing of an update is at stake yet: the file's own words suffice.
        UpdateError::Io { what, cause } => Failure::io(exit, what, cause),
        error => Failure::said(exit, made::told(&error.fault())),
    }
}

fn verify(file: &Path, root: Option<&Path>, json: bool) -> ExitCode {
    match verified(file, root) {
        Ok(release) => {
            if json {
                println!("{}", good(file, &release));
            } else {
                told_good(file, &release);
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            if json && !matches!(error, UpdateError::Io { .. } | UpdateError::Untrusted { .. }) {
                println!("{}", bad(file, &error));
            }
            refused(&error).tell("update")
        }
    }
}

/// On the appliance against what runs there too; elsewhere signatures, time and content.
fn verified(file: &Path, root: Option<&Path>) -> Result<Release, UpdateError> {
    if root.is_none() && Machine::is_image(Path::new("/")) {
        let (updater, now) = appliance()?;
        return updater.examine(file, now).map(|offer| offer.release);
    }
    let trust = Trust::read(root.unwrap_or(Path::new(IMAGE_ROOT)), None)?;
    let archive = Archive::open(file)?;
    let release = Release::verify(&archive, &trust, Timestamp::now())?;
    release.check_files(&archive)?;
    Ok(release)
}

fn good(file: &Path, release: &Release) -> serde_json::Value {
    let files: serde_json::Map<String, serde_json::Value> =
        release.files().map(|(name, digest)| (name.to_owned(), json!(digest))).collect();
    json!({
        "file": file.display().to_string(),
        "verdict": "accept",
        "version": release.about.version,
        "board": release.about.board,
        "floor": release.about.floor,
        "upgrades_from": release.about.upgrades_from,
        "expires": release.expires,
        "root": release.root,
        "files": files,
    })
}

fn bad(file: &Path, error: &UpdateError) -> serde_json::Value {
    let (fault, language) = (error.fault(), exit::language());
    json!({
        "file": file.display().to_string(),
        "verdict": "reject",
        "fault": {"code": fault.code, "title": fault.title(language), "remedy": fault.remedy(language)},
    })
}

fn told_good(file: &Path, release: &Release) {
    let about = &release.about;
    let until = release.expires.paris_day_text();
    let told = Text::new(
        format!("version {} pour {}, à installer avant le {until}", about.version, about.board),
        format!("version {} for {}, to be installed before {until}", about.version, about.board),
    );
    println!("{}", told.about(file.display()).get(exit::language()));
    for (name, digest) in release.files() {
        println!("  {} {:>11} {name}", digest.sha256, digest.bytes);
    }
}

/// The box this is, when it is one, and the instant that expiry is judged at.
fn appliance() -> Result<(Updater, Timestamp), UpdateError> {
    let machine = Machine::find(Path::new("/"))?;
    let updater = machine.ready()?;
    let now = machine.now(&updater, None)?;
    Ok((updater, now))
}

fn apply(file: &Path) -> Result<(), Failure> {
    let (updater, now) = appliance().map_err(|error| refused(&error))?;
    let release = updater.apply(file, now, &mut |step| eprintln!("{}", step.text().get(exit::language())));
    let version = release.map_err(|error| refused(&error))?.about.version;
    println!(
        "{}",
        Text::new(
            format!("version {version} installée : redémarrez la machine pour l'essayer"),
            format!("version {version} installed: restart the box to try it"),
        )
        .get(exit::language())
    );
    Ok(())
}

fn status(json: bool) -> Result<(), Failure> {
    let status = appliance().and_then(|(updater, _)| updater.status()).map_err(|error| refused(&error))?;
    if json {
        println!("{}", json!(status));
        return Ok(());
    }
    for line in told(&status) {
        println!("{}", line.get(exit::language()));
    }
    Ok(())
}

fn told(status: &Status) -> Vec<Text> {
    let Status { running, floor, next, .. } = status;
    let mut lines = vec![Text::new(
        format!("version {} dans l'emplacement {} ; au plus ancien : {floor}", running.version, running.slot),
        format!("version {} in slot {}; at the oldest: {floor}", running.version, running.slot),
    )];
    lines.push(match next {
        Some(next) => Text::new(
            format!("prochain démarrage : {} dans l'emplacement {}", next.version, next.slot),
            format!("next boot: {} in slot {}", next.version, next.slot),
        ),
        None => Text::new("prochain démarrage : aucune entrée", "next boot: no entry"),
    });
    lines.extend(status.attempts.iter().map(|attempt| attempt.text().about(attempt.begun.paris_text())));
    lines
}

fn rollback() -> Result<(), Failure> {
    let went = appliance().and_then(|(updater, now)| updater.go_back(now)).map_err(|error| refused(&error))?;
    let text = match went {
        WentBack::To(version) => Text::new(
            format!("version {version} au prochain redémarrage"),
            format!("version {version} at the next restart"),
        ),
        WentBack::Stay(version) => Text::new(
            format!("la version {version} reste ; celle qui attendait n'est pas essayée"),
            format!("version {version} stays; the one that waited is not tried"),
        ),
    };
    println!("{}", text.get(exit::language()));
    Ok(())
}
