//! `fluxgate convert FILE --to FORM -o OUT`: an invoice in another form, and what of it has no place there.

use std::iter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Failure};
use super::made::{self, Made, Output, refused};
use super::tables_used::TablesUsed;
use super::words::said;
use crate::domain::Timestamp;
use crate::fault::{Code, Fault};
use crate::invoice::Options;
use crate::invoice::conversion::{Converted, Source, Target, convert, convert_around};
use crate::invoice::semantic::Lost;

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_name = said("FICHIER", "FILE"), help = said(
        "La facture : UBL, CII, Factur-X ou pivot",
        "The invoice: UBL, CII, Factur-X or pivot"
    ))]
    file: PathBuf,
    #[arg(long, value_parser = target, value_name = said("FORMAT", "FORM"), help = said(
        "ubl, cii, pivot ou facturx",
        "ubl, cii, pivot or facturx"
    ))]
    to: Target,
    #[arg(long, value_name = "PDF", help = said(
        "Avec --to facturx : les pages à utiliser, un PDF/A-3 ; sans lui, l'image lisible de la facture",
        "With --to facturx: the pages to use, a PDF/A-3; without it, the readable image of the invoice"
    ))]
    pdf: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
    #[arg(long, help = said(
        "Convertir même si des données n'ont pas de place dans ce format",
        "Convert even if data have no place in this form"
    ))]
    lossy: bool,
    #[command(flatten)]
    tables: TablesUsed,
}

fn target(text: &str) -> Result<Target, String> {
    let found = Target::ALL.iter().find(|(_, name)| *name == text).map(|(target, _)| *target);
    found.ok_or_else(|| said("ubl, cii, pivot ou facturx", "ubl, cii, pivot or facturx").to_owned())
}

/// Converts each invoice of the file. Ends with 0 when all is written, 65 when the file cannot be converted or would lose
/// something without `--lossy`, 66 when it cannot be read, 64 when `--pdf` makes no sense.
pub fn run(arguments: &Arguments) -> ExitCode {
    match convert_and_write(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("convert"),
    }
}

fn convert_and_write(arguments: &Arguments) -> Result<(), Failure> {
    let tables = arguments.tables.tables(arguments.tables.configuration()?.as_deref())?;
    let options = Options { tables, ..Options::default() };
    let limits = &options.limits;
    if arguments.pdf.is_some() && arguments.to != Target::FacturX {
        return Err(Failure::new(
            exit::USAGE,
            "--pdf donne les pages d'un Factur-X : ajoutez --to facturx, ou ôtez --pdf",
            "--pdf gives the pages of a Factur-X: add --to facturx, or leave out --pdf",
        ));
    }
    let bytes = made::read(&arguments.file, limits)?;
    let pages = arguments.pdf.as_deref().map(|pdf| made::read(pdf, limits)).transpose()?;
    let name = made::name(&arguments.file);
    let day = Timestamp::now().paris_date();
    let source = Source { name: &name, bytes: &bytes };
    let converted = match &pages {
        Some(pages) => convert_around(source, pages, &day, &options),
        None => convert(source, arguments.to, &day, &options),
    };
    let converted = converted.map_err(|fault| refused(&fault))?;
    if pages.is_some() && converted.len() > 1 {
        let several = converted.len();
        return Err(Failure::new(
            exit::USAGE,
            format!("ce fichier contient {several} factures, et --pdf donne les pages d'une seule : ôtez --pdf"),
            format!("this file holds {several} invoices, and --pdf gives the pages of one only: leave out --pdf"),
        ));
    }
    let told = |list: fn(&Converted) -> &[Lost]| -> Vec<String> {
        converted.iter().flat_map(|one| told_lost(one, list(one), converted.len() > 1)).collect()
    };
    let (lost, left_out) = (told(|one| &one.lost), told(|one| &one.left_out));
    for reading in converted.iter().flat_map(|one| &one.readings) {
        eprintln!("{} {}", said("lu ainsi :", "read so:"), reading.get(exit::language()));
    }
    for line in &left_out {
        eprintln!("{} {line}", said("laissé, sans perte :", "left out, without loss:"));
    }
    for line in &lost {
        eprintln!("{} {line}", said("sans place :", "no place for:"));
    }
    if let (Some(first), false) = (lost.first(), arguments.lossy) {
        return Err(refused(&Fault::new(Code::ConversionLossy).with("count", lost.len()).with("first", first)));
    }
    let made: Vec<Made<'_>> = converted.iter().map(|one| Made { number: &one.number, bytes: &one.bytes }).collect();
    let inputs: Vec<&Path> = iter::once(&arguments.file).chain(&arguments.pdf).map(PathBuf::as_path).collect();
    made::write(&inputs, &arguments.output, &made, made.len(), ending(arguments.to))
}

/// Of a file's name in a folder.
fn ending(target: Target) -> &'static str {
    match target {
        Target::Ubl => "ubl.xml",
        Target::Cii => "cii.xml",
        Target::Pivot => "pivot.xml",
        // Beside the readable image of the same invoice, which is a PDF too.
        Target::FacturX => "facturx.pdf",
    }
}

fn told_lost(converted: &Converted, list: &[Lost], named: bool) -> Vec<String> {
    let number = if named { format!("{} : ", converted.number) } else { String::new() };
    let line = |lost: &Lost| match lost.value.as_str() {
        "" => format!("{number}{}", lost.place),
        value => format!("{number}{} = {value:?}", lost.place),
    };
    list.iter().map(line).collect()
}
