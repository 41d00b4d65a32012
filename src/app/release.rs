//! `fluxgate release`: the publisher's side of updates. Each holder of a key signs on their own machine; no key leaves it.

use std::fs;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::exit::{self, Failure};
use super::words::said;
use crate::domain::Timestamp;
use crate::fault::Text;
use crate::os::{durable, random, secret};
use crate::update::make::{self, Draft, Holders, MakeError, RootTerms, SecretKey};
use crate::update::release::About;
use crate::update::{BOARD, Version};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Créer la clé d'un signataire ; la clé publique est affichée",
        "Make the key of a signer; the public key is shown"
    ))]
    Key {
        #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said(
            "Le fichier de la clé secrète, à garder par son seul signataire",
            "The file of the secret key, to be kept by its signer alone"
        ))]
        output: PathBuf,
    },
    #[command(about = said(
        "Écrire une racine de confiance, à faire signer ensuite",
        "Write a root of trust, to be signed afterwards"
    ))]
    Root(RootArguments),
    #[command(about = said(
        "Préparer le dossier d'une version, à faire signer ensuite",
        "Prepare the folder of a release, to be signed afterwards"
    ))]
    Draft(DraftArguments),
    #[command(about = said(
        "Ajouter la signature d'une clé : à une racine (fichier) ou à une version (dossier)",
        "Add the signature of a key: to a root (a file) or to a release (a folder)"
    ))]
    Sign {
        #[arg(value_name = said("CHEMIN", "PATH"), help = said("La racine, ou le dossier de la version", "The root, or the folder of the release"))]
        path: PathBuf,
        #[arg(long, value_name = said("FICHIER", "FILE"), help = said("La clé secrète du signataire", "The signer's secret key"))]
        key: PathBuf,
    },
    #[command(about = said(
        "Faire du dossier signé le fichier à publier, s'il est bon",
        "Make the signed folder the file to be published, if it is good"
    ))]
    Pack {
        #[arg(value_name = said("DOSSIER", "DIR"), help = said("Le dossier de la version", "The folder of the release"))]
        folder: PathBuf,
        #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said("Le fichier à publier", "The file to be published"))]
        output: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
pub struct RootArguments {
    #[arg(long, default_value = "1", value_name = said("NUMÉRO", "NUMBER"), help = said(
        "Le numéro de cette racine ; celle qui suit une autre en a un de plus",
        "The number of this root; one that follows another has one more"
    ))]
    number: NonZeroU64,
    #[arg(long, value_name = "DATE", value_parser = date, help = said("Jusqu'à quand elle vaut : AAAA-MM-JJ", "Until when it counts: YYYY-MM-DD"))]
    expires: Timestamp,
    #[arg(long, required = true, value_name = said("CLÉ", "KEY"), help = said(
        "Une clé publique qui signe les racines, à répéter",
        "A public key that signs roots, to be repeated"
    ))]
    root_key: Vec<String>,
    #[arg(long, default_value = "3", value_name = said("NOMBRE", "COUNT"), help = said("Combien d'entre elles signent", "How many of them sign"))]
    root_threshold: u64,
    #[arg(long, required = true, value_name = said("CLÉ", "KEY"), help = said(
        "Une clé publique qui signe les versions, à répéter",
        "A public key that signs releases, to be repeated"
    ))]
    release_key: Vec<String>,
    #[arg(long, default_value = "2", value_name = said("NOMBRE", "COUNT"), help = said("Combien d'entre elles signent", "How many of them sign"))]
    release_threshold: u64,
    #[arg(long, value_name = said("CLÉ", "KEY"), help = said(
        "Une clé publique qui dit qu'une version peut encore être installée, à répéter ; sans elle, une de celles des versions",
        "A public key that says that a release may still be installed, to be repeated; without it, one of the releases'"
    ))]
    freshness_key: Vec<String>,
    #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said("Le fichier de la racine", "The file of the root"))]
    output: PathBuf,
}

#[derive(Debug, clap::Args)]
pub struct DraftArguments {
    #[arg(value_name = said("DOSSIER", "DIR"), help = said(
        "Ce qui compose la version : root.img, kernel-a.efi, kernel-b.efi, changelog.fr.md, changelog.en.md, et ce qui l'accompagne",
        "What the release is made of: root.img, kernel-a.efi, kernel-b.efi, changelog.fr.md, changelog.en.md, and what goes with it"
    ))]
    parts: PathBuf,
    #[arg(long, required = true, value_name = said("FICHIER", "FILE"), help = said(
        "Une racine de confiance signée, à répéter de la première à la dernière",
        "A signed root of trust, to be repeated from the first to the last"
    ))]
    root: Vec<PathBuf>,
    #[arg(long = "release", value_name = "VERSION", help = said("La version : 1.4.0", "The version: 1.4.0"))]
    version: Version,
    #[arg(long, default_value = BOARD, value_name = said("MACHINE", "BOARD"), help = said("La machine", "The board"))]
    board: String,
    #[arg(long, default_value = "0.0.0", value_name = "VERSION", help = said(
        "La plus ancienne version que l'on puisse installer après celle-ci",
        "The oldest version that may be installed after this one"
    ))]
    floor: Version,
    #[arg(long, default_value = "0.0.0", value_name = "VERSION", help = said(
        "La plus ancienne version dont elle reprenne les données",
        "The oldest version whose data it takes over"
    ))]
    upgrades_from: Version,
    #[arg(long, value_name = "DATE", value_parser = date, help = said(
        "Jusqu'à quand les signataires en répondent : AAAA-MM-JJ",
        "Until when the signers vouch for it: YYYY-MM-DD"
    ))]
    expires: Timestamp,
    #[arg(long, value_name = "DATE", value_parser = date, help = said(
        "Jusqu'à quand elle peut être installée ; sans elle, comme --expires",
        "Until when it may be installed; without it, as --expires"
    ))]
    fresh_until: Option<Timestamp>,
    #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said("Le dossier à créer", "The folder to make"))]
    output: PathBuf,
}

/// The beginning of a day, UTC, or an instant as RFC 3339 writes it.
fn date(text: &str) -> Result<Timestamp, String> {
    let day = format!("{text}T00:00:00Z");
    let read = text.parse().or_else(|_| day.parse());
    read.map_err(|_| said("attendu : AAAA-MM-JJ", "expected: YYYY-MM-DD").to_owned())
}

pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Key { output } => key(output),
        Command::Root(arguments) => root(arguments),
        Command::Draft(arguments) => draft(arguments),
        Command::Sign { path, key } => sign(path, key),
        Command::Pack { folder, output } => pack(folder, output),
    };
    done.map_or_else(|failure| failure.tell("release"), |()| ExitCode::SUCCESS)
}

fn failed(error: &MakeError) -> Failure {
    let exit = match error {
        MakeError::Io { cause, .. } if cause.kind() == std::io::ErrorKind::NotFound => exit::NO_INPUT,
        MakeError::Missing { .. } => exit::NO_INPUT,
        MakeError::Io { .. } => exit::IO,
        MakeError::InTheWay { .. } => exit::SYSTEM,
        MakeError::NoPublicKey(_) | MakeError::Threshold { .. } => exit::USAGE,
        _ => exit::DATA,
    };
    Failure::said(exit, error.text())
}

fn key(output: &Path) -> Result<(), Failure> {
    let key = SecretKey::from_seed(&Zeroizing::new(random::bytes()));
    match secret::create(output, key.pem().as_bytes()) {
        Ok(true) => println!("{}", key.public()),
        Ok(false) => {
            let shown = output.display();
            return Err(Failure::new(
                exit::SYSTEM,
                format!("{shown} existe déjà : une clé n'est jamais écrasée, donnez un autre nom"),
                format!("{shown} is there already: a key is never overwritten, choose another name"),
            ));
        }
        Err(error) => return Err(Failure::said(exit::IO, error.text().about(output.display()))),
    }
    Ok(())
}

fn root(arguments: &RootArguments) -> Result<(), Failure> {
    let release = Holders { keys: arguments.release_key.clone(), threshold: arguments.release_threshold };
    let fresh = if arguments.freshness_key.is_empty() { &arguments.release_key } else { &arguments.freshness_key };
    let terms = RootTerms {
        version: arguments.number,
        expires: arguments.expires,
        root: Holders { keys: arguments.root_key.clone(), threshold: arguments.root_threshold },
        targets: release.clone(),
        snapshot: release,
        timestamp: Holders { keys: fresh.clone(), threshold: 1 },
    };
    let bytes = make::root(&terms).map_err(|error| failed(&error))?;
    if arguments.output.exists() {
        return Err(failed(&MakeError::InTheWay { what: arguments.output.display().to_string() }));
    }
    durable::write_atomically(&arguments.output, &bytes)
        .map_err(|error| Failure::io(exit::IO, arguments.output.display(), &error))
}

fn draft(arguments: &DraftArguments) -> Result<(), Failure> {
    let roots: Vec<&Path> = arguments.root.iter().map(PathBuf::as_path).collect();
    let draft = Draft {
        parts: &arguments.parts,
        roots: &roots,
        about: About {
            version: arguments.version,
            board: arguments.board.clone(),
            floor: arguments.floor,
            upgrades_from: arguments.upgrades_from,
        },
        expires: arguments.expires,
        fresh_until: arguments.fresh_until.unwrap_or(arguments.expires),
    };
    make::draft(&draft, &arguments.output).map_err(|error| failed(&error))
}

fn sign(path: &Path, key: &Path) -> Result<(), Failure> {
    let pem = secret::read(key).map(Zeroizing::new);
    let pem = pem.map_err(|error| Failure::said(exit::NO_INPUT, error.text().about(key.display())))?;
    let parsed = std::str::from_utf8(&pem).map_err(|_| MakeError::NoSecretKey).and_then(SecretKey::parse);
    let key = parsed.map_err(|error| Failure::said(exit::DATA, error.text().about(key.display())))?;
    let done = if path.is_dir() {
        make::sign_draft(path, &key).map_err(|error| failed(&error))?.join(", ")
    } else {
        let io = |error: std::io::Error| Failure::io(exit::NO_INPUT, path.display(), &error);
        let signed = make::sign(&path.display().to_string(), &fs::read(path).map_err(io)?, &key);
        let signed = signed.map_err(|error| failed(&error))?;
        durable::write_atomically(path, &signed).map_err(|error| Failure::io(exit::IO, path.display(), &error))?;
        path.display().to_string()
    };
    let public = key.public();
    println!(
        "{}",
        Text::new(format!("{done} : signé par {public}"), format!("{done}: signed by {public}")).get(exit::language())
    );
    Ok(())
}

fn pack(folder: &Path, output: &Path) -> Result<(), Failure> {
    let release = make::pack(folder, output, Timestamp::now()).map_err(|error| failed(&error))?;
    let version = release.about.version;
    println!(
        "{}",
        Text::new(
            format!("{} : version {version}", output.display()),
            format!("{}: version {version}", output.display())
        )
        .get(exit::language())
    );
    Ok(())
}
