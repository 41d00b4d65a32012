//! `fluxgate audit verify`: is the journal whole? Needs only the data folder, and may run while the gateway works.

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit;
use super::serve::DEFAULT_CONFIG;
use crate::audit::Verifier;
use crate::config::ConfigFile;
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
    let options = match options(arguments) {
        Ok(options) => options,
        Err((code, message)) => {
            eprintln!("fluxgate audit: {message}");
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
        Ok(report) => tell(&dir, &report),
        Err(error) => {
            eprintln!("fluxgate audit: {}: {error}", dir.display());
            exit::NO_INPUT.into()
        }
    }
}

fn options(arguments: &Verify) -> Result<Options, (exit::Exit, String)> {
    let mut options = Options { documents: !arguments.no_documents, ..Options::default() };
    for key in &arguments.key {
        let text = if key.contains('+') && !Path::new(key).exists() { key.clone() } else { read(Path::new(key))? };
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let key = Verifier::parse(line.trim()).map_err(|error| (exit::DATA, format!("{line:?}: {error}")))?;
            options.keys.push(key);
        }
    }
    for path in &arguments.seen {
        // A tool that wrote the note may have ended the file with a line end of its own.
        options.seen.push(format!("{}\n", read(path)?.trim_end()));
    }
    Ok(options)
}

fn read(path: &Path) -> Result<String, (exit::Exit, String)> {
    let failed = |error: std::io::Error| (exit::NO_INPUT, format!("{}: {error}", path.display()));
    if std::fs::metadata(path).map_err(failed)?.len() > TEXT_LIMIT {
        return Err((exit::DATA, format!("{}: larger than {TEXT_LIMIT} bytes", path.display())));
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
