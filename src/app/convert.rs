//! `fluxgate convert FILE --to FORM -o OUT`: an invoice in another form, and what of it has no place there.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Failure};
use super::words::said;
use crate::domain::Timestamp;
use crate::fault::{Code, Fault, Language, Text};
use crate::invoice::Limits;
use crate::invoice::conversion::{Converted, Source, Target, convert};
use crate::os::durable;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_name = said("FICHIER", "FILE"), help = said(
        "La facture : UBL, CII, Factur-X ou pivot",
        "The invoice: UBL, CII, Factur-X or pivot"
    ))]
    file: PathBuf,
    #[arg(long, value_parser = target, value_name = said("FORMAT", "FORM"), help = said(
        "ubl, cii ou pivot",
        "ubl, cii or pivot"
    ))]
    to: Target,
    #[arg(short, long, value_name = said("SORTIE", "OUT"), help = said(
        "Le fichier à écrire, « - » pour la sortie standard, ou un dossier : chaque facture y prend son numéro pour nom",
        "The file to write, \"-\" for standard output, or a folder: each invoice is named there after its number"
    ))]
    output: PathBuf,
    #[arg(long, help = said(
        "Convertir même si des données n'ont pas de place dans ce format",
        "Convert even if data have no place in this form"
    ))]
    lossy: bool,
}

fn target(text: &str) -> Result<Target, String> {
    let found = Target::ALL.iter().find(|(_, name)| *name == text).map(|(target, _)| *target);
    found.ok_or_else(|| said("ubl, cii ou pivot", "ubl, cii or pivot").to_owned())
}

/// Converts each invoice of the file. Ends with 0 when all is written, 65 when the file cannot be converted or would lose
/// something without `--lossy`, 66 when it cannot be read.
pub fn run(arguments: &Arguments) -> ExitCode {
    match convert_and_write(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("convert"),
    }
}

fn convert_and_write(arguments: &Arguments) -> Result<(), Failure> {
    let limits = Limits::default();
    let shown = arguments.file.display();
    let mut bytes = Vec::new();
    File::open(&arguments.file)
        .and_then(|file| file.take(limits.file_bytes as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::io(exit::NO_INPUT, shown, &error))?;
    let name = arguments.file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let received = Timestamp::now().paris_date().to_string();
    let source = Source { name: &name, bytes: &bytes };
    let converted = convert(source, arguments.to, &received, &limits).map_err(|fault| refused(&fault))?;
    let lost: Vec<String> = converted.iter().flat_map(|one| told_lost(one, converted.len() > 1)).collect();
    for reading in converted.iter().flat_map(|one| &one.readings) {
        eprintln!("{} {}", said("lu ainsi :", "read so:"), reading.get(exit::language()));
    }
    for line in &lost {
        eprintln!("{} {line}", said("sans place :", "no place for:"));
    }
    if let (Some(first), false) = (lost.first(), arguments.lossy) {
        return Err(refused(&Fault::new(Code::ConversionLossy).with("count", lost.len()).with("first", first)));
    }
    write_all(&arguments.output, &converted, arguments.to)
}

/// The fault in one paragraph, as `check` has it.
fn refused(fault: &Fault) -> Failure {
    let told =
        |language: Language| format!("{} {}. {}", fault.code.as_str(), fault.title(language), fault.remedy(language));
    Failure::said(exit::DATA, Text::new(told(Language::Fr), told(Language::En)))
}

fn told_lost(converted: &Converted, named: bool) -> Vec<String> {
    let number = if named { format!("{} : ", converted.number) } else { String::new() };
    let line = |lost: &crate::invoice::semantic::Lost| match lost.value.as_str() {
        "" => format!("{number}{}", lost.place),
        value => format!("{number}{} = {value:?}", lost.place),
    };
    converted.lost.iter().map(line).collect()
}

fn write_all(output: &Path, converted: &[Converted], target: Target) -> Result<(), Failure> {
    let failed = |path: &Path| {
        let shown = path.display().to_string();
        move |error: io::Error| Failure::io(exit::IO, shown, &error)
    };
    if output == Path::new("-") {
        let mut out = io::stdout().lock();
        let written = converted.iter().try_for_each(|one| out.write_all(&one.bytes)).and_then(|()| out.flush());
        return written.map_err(failed(Path::new("stdout")));
    }
    if output.is_dir() {
        let kind = Target::ALL.iter().find(|(t, _)| *t == target).map_or("", |(_, name)| name);
        return converted.iter().try_for_each(|one| {
            let path = output.join(format!("{}.{kind}.xml", file_name(&one.number)));
            durable::write_atomically(&path, &one.bytes).map_err(failed(&path))
        });
    }
    match converted {
        [one] => durable::write_atomically(output, &one.bytes).map_err(failed(output)),
        several => Err(Failure::new(
            exit::USAGE,
            format!("ce fichier contient {} factures : nommez un dossier après -o", several.len()),
            format!("this file holds {} invoices: name a folder after -o", several.len()),
        )),
    }
}

/// A number as a file's name: what a file system or a shell may stumble over is replaced.
fn file_name(number: &str) -> String {
    number.chars().map(|c| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '_' }).collect()
}
