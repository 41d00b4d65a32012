//! `fluxgate audit verify`: is the journal whole? Needs only the data folder, and may run while the gateway works.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Failure};
use super::place::Place;
use super::words::said;
use crate::audit::Verifier;
use crate::domain::DocumentHash;
use crate::fault::Text;
use crate::store::DATABASE_FILE;
use crate::store::verify::{self, Options, Report};
use crate::web::damage;

/// Checkpoints kept elsewhere and keys are short texts; a longer file is something else. In bytes.
const TEXT_LIMIT: u64 = 64 * 1024;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Recalculer le journal et nommer le premier enregistrement faux. Code 0 : intact, 65 : non, 66 : il n'y en a pas",
        "Recompute the journal and name the first bad record. Exit 0: whole, 65: not, 66: there is none"
    ))]
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    #[arg(conflicts_with = "config", value_name = said("DOSSIER", "DIR"), help = said(
        "Le dossier de données ; sans lui, celui de la configuration",
        "The data folder; without it, that of the configuration"
    ))]
    dir: Option<PathBuf>,
    #[arg(long, value_name = said("CLÉ", "KEY"), help = said(
        "La clé publique du journal (NOM+EMPREINTE+CLÉ) telle que l'auditeur l'a reçue, ou un fichier qui la contient ; \
         peut être répétée",
        "The journal's public key (NAME+HASH+KEY) as the auditor got it, or a file that holds it; may be repeated"
    ))]
    key: Vec<String>,
    #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
        "Un point de contrôle signé, gardé ailleurs (un fichier) : le journal doit contenir ce qu'il couvre ; peut être \
         répété",
        "A signed checkpoint kept elsewhere (a file): the journal must contain what it covers; may be repeated"
    ))]
    seen: Vec<PathBuf>,
    #[arg(long, help = said(
        "Ne pas relire ni hacher chaque document",
        "Leave out reading and hashing every document"
    ))]
    no_documents: bool,
    #[command(flatten)]
    place: Place,
}

pub fn run(command: &Command) -> ExitCode {
    let Command::Verify(arguments) = command;
    verify_and_tell(arguments).unwrap_or_else(|failure| failure.tell("audit"))
}

fn verify_and_tell(arguments: &Verify) -> Result<ExitCode, Failure> {
    let options = options(arguments)?;
    let dir = match &arguments.dir {
        Some(dir) => dir.clone(),
        None => arguments.place.file()?.boot(false).config.store.dir,
    };
    let shown = std::io::stderr().is_terminal();
    let report = verify::verify_showing(&dir, &options, &mut |done, all| {
        if shown {
            eprint!("\r{done} / {all}");
        }
    });
    if shown {
        eprint!("\r\x1b[K");
    }
    match report {
        Ok(report) => {
            for line in told(&dir, &report, arguments.key.is_empty()) {
                println!("{}", line.get(exit::language()));
            }
            Ok(if report.bad.is_none() { ExitCode::SUCCESS } else { exit::DATA.into() })
        }
        Err(_) if !dir.join(DATABASE_FILE).exists() => Err(no_journal(&dir)),
        Err(error) => {
            let shown = dir.display();
            let (fr, en) =
                (format!("pas de journal lisible dans {shown}"), format!("no journal that can be read in {shown}"));
            Err(Failure::said(exit::NO_INPUT, Text::technical(&fr, &en, error)))
        }
    }
}

fn no_journal(dir: &Path) -> Failure {
    let dir = dir.display();
    Failure::new(
        exit::NO_INPUT,
        format!(
            "pas de journal dans {dir} ({DATABASE_FILE} manque) : donnez le dossier de données de la passerelle, ou sa \
             configuration avec --config"
        ),
        format!(
            "no journal in {dir} (there is no {DATABASE_FILE}): name the gateway's data folder, or its configuration \
             with --config"
        ),
    )
}

fn options(arguments: &Verify) -> Result<Options, Failure> {
    let mut options = Options { documents: !arguments.no_documents, ..Options::default() };
    for key in &arguments.key {
        let text = if key.contains('+') && !Path::new(key).exists() { key.clone() } else { read(Path::new(key))? };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            options.keys.push(Verifier::parse(line.trim()).map_err(|error| {
                let (fr, en) =
                    (format!("« {line} » n'est pas une clé publique"), format!("\"{line}\" is no public key"));
                Failure::said(exit::DATA, Text::technical(&fr, &en, error))
            })?);
        }
    }
    for path in &arguments.seen {
        // A tool that wrote the note may have ended the file with a line end of its own.
        options.seen.push(format!("{}\n", read(path)?.trim_end()));
    }
    Ok(options)
}

fn read(path: &Path) -> Result<String, Failure> {
    let failed = |error: std::io::Error| Failure::io(exit::NO_INPUT, path.display(), &error);
    if std::fs::metadata(path).map_err(failed)?.len() > TEXT_LIMIT {
        let shown = path.display();
        return Err(Failure::new(
            exit::DATA,
            format!("le fichier {shown} dépasse {TEXT_LIMIT} octets : ce n'est ni une clé ni un point de contrôle"),
            format!("the file {shown} is larger than {TEXT_LIMIT} bytes: it is neither a key nor a checkpoint"),
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}

/// What was verified, and the verdict in the last lines. `believed`: nobody gave a key, so the database's own were used.
fn told(dir: &Path, report: &Report, believed: bool) -> Vec<Text> {
    let mut lines = Vec::new();
    if report.bad.is_some() {
        lines.push(Text::new("Examiné avant l'anomalie :", "Looked at before the damage:"));
    }
    let mut say = |fr: &str, en: &str, value: Text| {
        lines.push(Text::new(format!("{fr:<19} {}", value.fr), format!("{en:<12} {}", value.en)));
    };
    let Report { leaves, opaque, checkpoints, unsigned, .. } = report;
    say("journal", "journal", Text::same(dir.display().to_string()));
    let of_unknown = Text::new(
        format!("{leaves} (dont {opaque} d'une version inconnue)"),
        format!("{leaves} ({opaque} of an unknown version)"),
    );
    say("enregistrements", "records", of_unknown);
    let since = Text::new(
        format!("{checkpoints} ({unsigned} enregistrements depuis le dernier)"),
        format!("{checkpoints} ({unsigned} records since the last)"),
    );
    say("points de contrôle", "checkpoints", since);
    say("flux", "flows", Text::same(report.flows.to_string()));
    say("documents", "documents", Text::same(report.documents.to_string()));
    for key in &report.keys {
        say("clé", "key", Text::same(key));
    }
    if let Some(root) = &report.root {
        say("racine", "root", Text::same(DocumentHash(*root).to_string()));
    }
    if believed {
        lines.push(Text::new(
            "La clé vient de la base elle-même : un auditeur prouve davantage avec celle qui lui a été remise (--key).",
            "The key comes from the database itself: an auditor proves more with the one handed over (--key).",
        ));
    }
    match &report.bad {
        None => lines.push(Text::new("Le journal est intact", "The journal is whole")),
        Some(bad) => {
            let Text { fr, en } = damage::told(bad);
            lines.push(Text::new(format!("Le journal est ALTÉRÉ. {fr}"), format!("The journal is NOT whole. {en}")));
            lines.push(damage::meaning(bad));
        }
    }
    lines
}
