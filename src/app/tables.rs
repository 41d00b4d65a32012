//! `fluxgate tables`: code lists, rates, limits, severities and messages as one signed file.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use zeroize::Zeroizing;

use super::exit::{self, Exit, Failure};
use super::made;
use super::place::Place;
use super::tables_in_force::would_follow;
use super::words::said;
use crate::audit::{Signer, Verifier};
use crate::config::signed_tables;
use crate::fault::{Code, Fault, Text};
use crate::invoice::Tables;
use crate::os::{random, secret};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Les tables de ce programme, non signées : le fichier d'où partir",
        "This program's tables, unsigned: the file to start from"
    ))]
    Print,
    #[command(about = said(
        "Créer une clé pour signer ; la clé publique, à nommer dans rules.keys, est affichée",
        "Make a key to sign with; the public key, to be named in rules.keys, is shown"
    ))]
    Key {
        #[arg(value_name = said("NOM", "NAME"), help = said(
            "Le nom du signataire, sans espace ni + : univ-exemple/tables",
            "The signer's name, without space or +: univ-exemple/tables"
        ))]
        name: String,
        #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said(
            "Le fichier de la clé secrète, à garder hors de la passerelle",
            "The file of the secret key, to be kept away from the gateway"
        ))]
        output: PathBuf,
    },
    #[command(about = said(
        "Contrôler un fichier de tables et le signer",
        "Check a file of tables and sign it"
    ))]
    Sign {
        #[arg(value_name = said("FICHIER", "FILE"), help = said("Les tables", "The tables"))]
        file: PathBuf,
        #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
            "La clé secrète, telle que « fluxgate tables key » l'a écrite",
            "The secret key, as `fluxgate tables key` wrote it"
        ))]
        key: PathBuf,
        #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said("Le fichier signé", "The signed file"))]
        output: PathBuf,
    },
    #[command(about = said(
        "Ce que la passerelle dirait d'un fichier de tables signé. Code 0 : utilisable, 65 : non, 66 : pas lu",
        "What the gateway would say of a signed file of tables. Exit 0: usable, 65: not, 66: not read"
    ))]
    Verify {
        #[arg(value_name = said("FICHIER", "FILE"), help = said("Le fichier signé", "The signed file"))]
        file: PathBuf,
        #[arg(long, value_name = said("CLÉ", "KEY"), help = said(
            "Une clé publique de confiance (NOM+EMPREINTE+CLÉ), qui peut être répétée ; sans elle, celles de rules.keys, et \
             la dernière version acceptée par cette passerelle compte aussi",
            "A trusted public key (NAME+HASH+KEY), may be repeated; without it, those of rules.keys, and the last version \
             that this gateway accepted counts too"
        ))]
        key: Vec<String>,
        #[command(flatten)]
        place: Place,
    },
}

pub fn run(command: &Command) -> ExitCode {
    let done = match command {
        Command::Print => print(),
        Command::Key { name, output } => make_key(name, output),
        Command::Sign { file, key, output } => sign(file, key, output),
        Command::Verify { file, key, place } => verify(file, key, place),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("tables"),
    }
}

fn print() -> Result<(), Failure> {
    match io::stdout().lock().write_all(Tables::built_in().print().as_bytes()) {
        // Nobody reads any more (`| head`).
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::io(exit::IO, "stdout", &error)),
        _ => Ok(()),
    }
}

fn make_key(name: &str, output: &Path) -> Result<(), Failure> {
    let seed = Zeroizing::new(random::bytes::<32>());
    let signer = Signer::from_seed(name, &seed).map_err(|error| {
        let (fr, en) = (format!("« {name} » n'est pas un nom de clé"), format!("\"{name}\" is no name of a key"));
        Failure::said(exit::USAGE, Text::technical(&fr, &en, error))
    })?;
    match secret::create(output, signer.secret().as_bytes()) {
        Ok(true) => {}
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
    println!("{}", signer.verifier().text());
    Ok(())
}

fn sign(file: &Path, key: &Path, output: &Path) -> Result<(), Failure> {
    let secret = secret::read(key).map(Zeroizing::new);
    let secret = secret.map_err(|error| Failure::said(exit::NO_INPUT, error.text().about(key.display())))?;
    let signer = std::str::from_utf8(&secret).ok().and_then(|text| Signer::parse(text.trim()).ok());
    let signer = signer.ok_or_else(|| {
        let shown = key.display();
        Failure::new(
            exit::DATA,
            format!("{shown} n'est pas une clé de « fluxgate tables key »"),
            format!("{shown} is no key of `fluxgate tables key`"),
        )
    })?;
    let note = signed_tables::read(file).map_err(|fault| refused(file, &fault, exit::DATA))?;
    // One that is signed already is signed anew.
    let text = signed_tables::unverified(&note);
    let tables = Tables::read(text).map_err(|fault| refused(file, &fault, exit::DATA))?;
    let signed = signer.sign_note(text).map_err(|error| {
        let why = Text::technical(
            "le texte doit finir par une fin de ligne et n'a ni tabulation ni retour chariot",
            "the text must end with a line feed and has neither tabs nor carriage returns",
            error,
        );
        Failure::said(exit::DATA, why.about(file.display()))
    })?;
    made::write_one(&[file, key], output, signed.as_bytes())?;
    usable(output, tables, signer.origin());
    Ok(())
}

fn verify(file: &Path, keys: &[String], place: &Place) -> Result<(), Failure> {
    // Without keys it is the gateway of this configuration that is asked, which also knows what it accepted last.
    let gateway = if keys.is_empty() { Some(place.file()?.boot(false).config) } else { None };
    let keys = gateway.as_ref().map_or_else(|| parsed(keys), |config| Ok(config.rules.verifiers()))?;
    if keys.is_empty() {
        return Err(Failure::new(
            exit::USAGE,
            "aucune clé de confiance : donnez --key, ou une configuration qui a rules.keys",
            "no trusted key: give --key, or a configuration that has rules.keys",
        ));
    }
    let note = signed_tables::read(file).map_err(|fault| refused(file, &fault, exit::DATA))?;
    let signed = signed_tables::open(&note, &keys)
        .and_then(|signed| gateway.as_ref().map_or(Ok(()), |config| would_follow(&signed, config)).map(|()| signed));
    let signed = signed.map_err(|fault| refused(file, &fault, exit::DATA))?;
    usable(file, signed.tables, &signed.signer);
    Ok(())
}

/// Public keys as they are typed.
pub fn parsed(keys: &[String]) -> Result<Vec<Verifier>, Failure> {
    let parse = |key: &String| {
        Verifier::parse(key.trim()).map_err(|error| {
            let (fr, en) = (format!("« {key} » n'est pas une clé publique"), format!("\"{key}\" is no public key"));
            Failure::said(exit::USAGE, Text::technical(&fr, &en, error))
        })
    };
    keys.iter().map(parse).collect()
}

/// Why a file of tables is not used. `content`: the exit code where it is not the file that is missing.
pub fn refused(file: &Path, fault: &Fault, content: Exit) -> Failure {
    let exit = if fault.code == Code::TablesUnread { exit::NO_INPUT } else { content };
    let told = |language| format!("{} {}", fault.code, fault.title(language));
    let language = exit::language();
    Failure::said(exit, Text::same(told(language)).about(file.display()))
}

fn usable(file: &Path, tables: Tables, signer: &str) {
    let told = Text::new(
        format!("tables {}, signées par {signer}", tables.version()),
        format!("tables {}, signed by {signer}", tables.version()),
    );
    println!("{}", told.about(file.display()).get(exit::language()));
}
