//! `fluxgate audit verify`: is the journal whole? Needs only the data folder, and may run while the gateway works.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit;
use super::serve::DEFAULT_CONFIG;
use crate::audit::Verifier;
use crate::config::ConfigFile;
use crate::domain::DocumentHash;
use crate::fault::Text;
use crate::store::verify::{self, Options, Report};
use crate::web::damage;

/// Checkpoints kept elsewhere and keys are short texts; a longer file is something else. In bytes.
const TEXT_LIMIT: u64 = 64 * 1024;

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    /// Recompute the journal and name the first bad record. Exit 0: whole, 65: not, 66: there is none
    Verify(Verify),
}

#[derive(Debug, clap::Args)]
pub struct Verify {
    /// The data folder; without it, that of the configuration
    dir: Option<PathBuf>,
    /// The journal's public key (NAME+HASH+KEY) as the auditor got it, or a file that holds it; may be repeated
    #[arg(long, value_name = "KEY")]
    key: Vec<String>,
    /// A signed checkpoint kept elsewhere (a file): the journal must contain what it covers; may be repeated
    #[arg(long, value_name = "FILE")]
    seen: Vec<PathBuf>,
    /// Leave out reading and hashing every document
    #[arg(long)]
    no_documents: bool,
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = DEFAULT_CONFIG)]
    config: PathBuf,
}

pub fn run(command: &Command) -> ExitCode {
    let Command::Verify(arguments) = command;
    let language = exit::language();
    let options = match options(arguments) {
        Ok(options) => options,
        Err((code, message)) => {
            eprintln!("fluxgate audit: {}", message.get(language));
            return code.into();
        }
    };
    let configured = || ConfigFile::new(&arguments.config).boot(false).config.store.dir;
    let dir = arguments.dir.clone().unwrap_or_else(configured);
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
                println!("{}", line.get(language));
            }
            if report.bad.is_none() { ExitCode::SUCCESS } else { exit::DATA.into() }
        }
        Err(error) => {
            let message = Text::technical(
                &format!("pas de journal lisible dans {}", dir.display()),
                &format!("no journal that can be read in {}", dir.display()),
                error,
            );
            eprintln!("fluxgate audit: {}", message.get(language));
            exit::NO_INPUT.into()
        }
    }
}

fn options(arguments: &Verify) -> Result<Options, (exit::Exit, Text)> {
    let mut options = Options { documents: !arguments.no_documents, ..Options::default() };
    for key in &arguments.key {
        let text = if key.contains('+') && !Path::new(key).exists() { key.clone() } else { read(Path::new(key))? };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            options.keys.push(Verifier::parse(line.trim()).map_err(|error| {
                let (fr, en) =
                    (format!("« {line} » n'est pas une clé publique"), format!("\"{line}\" is no public key"));
                (exit::DATA, Text::technical(&fr, &en, error))
            })?);
        }
    }
    for path in &arguments.seen {
        // A tool that wrote the note may have ended the file with a line end of its own.
        options.seen.push(format!("{}\n", read(path)?.trim_end()));
    }
    Ok(options)
}

fn read(path: &Path) -> Result<String, (exit::Exit, Text)> {
    let shown = path.display();
    let failed = |error: std::io::Error| {
        let (fr, en) = (format!("le fichier {shown} ne se lit pas"), format!("the file {shown} cannot be read"));
        (exit::NO_INPUT, Text::technical(&fr, &en, error))
    };
    if std::fs::metadata(path).map_err(failed)?.len() > TEXT_LIMIT {
        let message = Text::new(
            format!("le fichier {shown} dépasse {TEXT_LIMIT} octets : ce n'est ni une clé ni un point de contrôle"),
            format!("the file {shown} is larger than {TEXT_LIMIT} bytes: it is neither a key nor a checkpoint"),
        );
        return Err((exit::DATA, message));
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
