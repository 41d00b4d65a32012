//! `fluxgate audit verify`: is the journal whole? Needs only the data folder, and may run while the gateway works.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Failure};
use super::place::Place;
use crate::audit::Verifier;
use crate::store::DATABASE_FILE;
use crate::store::verify::{self, Options, Report};

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
    #[arg(conflicts_with = "config")]
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
        Ok(report) => Ok(tell(&dir, &report)),
        Err(_) if !dir.join(DATABASE_FILE).exists() => Err(no_journal(&dir)),
        Err(error) => {
            let said = format!("{}: {error}", dir.display());
            Err(Failure::new(exit::NO_INPUT, said.clone(), said))
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
            let key = Verifier::parse(line.trim()).map_err(|error| {
                let said = format!("--key {line:?}: {error}");
                Failure::new(exit::DATA, said.clone(), said)
            })?;
            options.keys.push(key);
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
        let path = path.display();
        return Err(Failure::new(
            exit::DATA,
            format!("{path} : plus de {TEXT_LIMIT} octets"),
            format!("{path}: larger than {TEXT_LIMIT} bytes"),
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn tell(dir: &Path, report: &Report) -> ExitCode {
    println!("journal:     {}", dir.display());
    println!("records:     {} ({} of an unknown version)", report.leaves, report.opaque);
    println!("checkpoints: {} ({} records since the last)", report.checkpoints, report.unsigned);
    println!("flows:       {}", report.flows);
    println!("documents:   {}", report.documents);
    for key in &report.keys {
        println!("key:         {key}");
    }
    if let Some(root) = &report.root {
        println!("root:        {}", root.iter().map(|b| format!("{b:02x}")).collect::<String>());
    }
    match &report.bad {
        None => {
            println!("whole");
            ExitCode::SUCCESS
        }
        Some(bad) => {
            println!("NOT WHOLE: {bad}");
            exit::DATA.into()
        }
    }
}
