//! What the commands that make something of an invoice share: reading it, and writing what was made, one or several.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::exit::{self, Failure};
use super::words::said;
use crate::fault::{Fault, Language, Text};
use crate::invoice::Limits;
use crate::os::durable;

/// Something made of an invoice.
#[derive(Debug, Clone, Copy)]
pub struct Made<'m> {
    /// The supplier's number; may be empty.
    pub number: &'m str,
    pub bytes: &'m [u8],
}

/// The file, or as much of it as shows that it is too large.
pub fn read(path: &Path, limits: &Limits) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limits.file_bytes as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::io(exit::NO_INPUT, path.display(), &error))?;
    Ok(bytes)
}

/// The file's name without its folder.
pub fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// The fault in one paragraph, as `check` has it.
pub fn refused(fault: &Fault) -> Failure {
    let told = told(fault);
    Failure::said(exit::DATA, told)
}

/// A fault in one paragraph.
pub fn told(fault: &Fault) -> Text {
    let told =
        |language: Language| format!("{} {}. {}", fault.code.as_str(), fault.title(language), fault.remedy(language));
    Text::new(told(Language::Fr), told(Language::En))
}

/// Where the invoices go.
#[derive(Debug, clap::Args)]
pub struct Output {
    #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said(
        "Le fichier à écrire, « - » pour la sortie standard, ou un dossier : chaque facture y prend son numéro pour nom",
        "The file to write, \"-\" for standard output, or a folder: each invoice is named there after its number"
    ))]
    output: PathBuf,
}

/// Writes to a file, to standard output (`-`), or into a folder under `NUMBER.ending`, and says what it wrote. Of the
/// `invoices` of the source, those in `made` could be made. No input (the source is the first) is ever overwritten, nor is
/// one by another of the same number; any other file is, and that is said.
pub fn write(inputs: &[&Path], to: &Output, made: &[Made<'_>], invoices: usize, ending: &str) -> Result<(), Failure> {
    let Output { output } = to;
    // By its ending it is a folder before there is one.
    if output.as_os_str().as_encoded_bytes().ends_with(b"/") {
        fs::create_dir_all(output).map_err(|error| Failure::io(exit::IO, output.display(), &error))?;
    }
    let is_folder = output.is_dir();
    if invoices > 1 && !is_folder {
        return Err(Failure::new(
            exit::USAGE,
            format!("ce fichier contient {invoices} factures : nommez un dossier après -o"),
            format!("this file holds {invoices} invoices: name a folder after -o"),
        ));
    }
    if output == Path::new("-") && !is_folder {
        let mut out = io::stdout().lock();
        let written = made.iter().try_for_each(|one| out.write_all(one.bytes)).and_then(|()| out.flush());
        return written.map_err(|error| Failure::io(exit::IO, "stdout", &error));
    }
    let paths = if is_folder { named(inputs, output, made, ending) } else { vec![output.clone(); made.len()] };
    paths.iter().try_for_each(|path| is_none_of(inputs, path))?;
    for (path, one) in paths.iter().zip(made) {
        let done = match fs::symlink_metadata(path) {
            Ok(_) => said("remplacé :", "replaced:"),
            Err(_) => said("écrit :", "written:"),
        };
        write_one(inputs, path, one.bytes)?;
        eprintln!("{done} {} ({})", path.display(), size(one.bytes.len()));
    }
    Ok(())
}

/// A name in the folder for each.
fn named(inputs: &[&Path], folder: &Path, made: &[Made<'_>], ending: &str) -> Vec<PathBuf> {
    let mut taken = HashSet::new();
    let name = |one: &Made<'_>| {
        let stem = stem(one.number, inputs);
        let again = |nth: usize| if nth < 2 { stem.clone() } else { format!("{stem}-{nth}") };
        let stem = (1..).map(again).find(|stem| taken.insert(stem.clone())).unwrap_or_default();
        folder.join(format!("{stem}.{ending}"))
    };
    made.iter().map(name).collect()
}

/// For people; rounded up, since no file is of no size.
fn size(bytes: usize) -> String {
    const KILO: usize = 1024;
    const MEGA: usize = 1024 * KILO;
    match bytes {
        0..KILO => format!("{bytes} {}", said("octets", "bytes")),
        KILO..MEGA => format!("{} {}", bytes.div_ceil(KILO), said("Ko", "KB")),
        _ => format!("{} {}", bytes.div_ceil(MEGA), said("Mo", "MB")),
    }
}

/// Writes one file, which is none of those that were read.
pub fn write_one(inputs: &[&Path], path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    is_none_of(inputs, path)?;
    durable::write_atomically(path, bytes).map_err(|error| Failure::io(exit::IO, path.display(), &error))
}

fn is_none_of(inputs: &[&Path], path: &Path) -> Result<(), Failure> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    if real(path).is_some_and(|path| inputs.iter().any(|input| real(input).as_ref() == Some(&path))) {
        let shown = path.display();
        return Err(Failure::new(
            exit::USAGE,
            format!("{shown} est un des fichiers lus : nommez un autre fichier après -o"),
            format!("{shown} is one of the files that are read: name another file after -o"),
        ));
    }
    Ok(())
}

/// A number as a file's name: what a file system or a shell may stumble over is replaced. Without a number, the source's.
fn stem(number: &str, inputs: &[&Path]) -> String {
    const CHARACTERS: usize = 60;
    let plain = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' };
    let stem: String = number.trim().chars().take(CHARACTERS).map(plain).collect();
    match stem.trim_matches('.') {
        "" => {
            let stem = inputs.first().and_then(|source| source.file_stem());
            stem.map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default()
        }
        _ => stem,
    }
}
