//! `fluxgate render FILE -o OUT.pdf`: the readable image of each invoice in a file.

use std::path::PathBuf;
use std::process::ExitCode;

use super::check::JudgedBy;
use super::exit::{self, Failure};
use super::made::{self, Made, Output, refused};
use super::tables_used::TablesUsed;
use super::words::said;
use crate::domain::Timestamp;
use crate::fault::{Language, Text};
use crate::invoice::conversion::Source;
use crate::invoice::image::{Image, Making, NoImage, images};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(value_name = said("FICHIER", "FILE"), help = said(
        "La facture : UBL, CII, Factur-X ou pivot, juste ou non",
        "The invoice: UBL, CII, Factur-X or pivot, right or not"
    ))]
    file: PathBuf,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    by: JudgedBy,
    #[command(flatten)]
    tables: TablesUsed,
}

/// Draws each invoice of the file. Ends with 0 when all is written, 65 when one cannot be drawn, 66 when the file cannot be
/// opened.
pub fn run(arguments: &Arguments) -> ExitCode {
    match render_and_write(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell("render"),
    }
}

fn render_and_write(arguments: &Arguments) -> Result<(), Failure> {
    let tables = arguments.tables.tables(arguments.tables.configuration()?.as_deref())?;
    let options = arguments.by.options(tables, Language::Fr);
    let bytes = made::read(&arguments.file, &options.limits)?;
    let name = made::name(&arguments.file);
    let day = Timestamp::now().paris_date();
    let making = Making { day: &day, maker: concat!("Fluxgate ", env!("CARGO_PKG_VERSION")) };
    let drawn = images(Source { name: &name, bytes: &bytes }, making, &options).map_err(|fault| refused(&fault))?;
    let (images, without): (Vec<_>, Vec<_>) = drawn.into_iter().partition(Result::is_ok);
    let images: Vec<Image> = images.into_iter().filter_map(Result::ok).collect();
    let without: Vec<NoImage> = without.into_iter().filter_map(Result::err).collect();
    let made: Vec<Made<'_>> = images.iter().map(|image| Made { number: &image.number, bytes: &image.pdf }).collect();
    let several = images.len() + without.len();
    made::write(&[&arguments.file], &arguments.output, &made, several, "pdf")?;
    let Some((last, before)) = without.split_last() else { return Ok(()) };
    let told = |none: &NoImage| -> Text {
        let told = made::told(&none.fault);
        if several > 1 { told.about(&none.number) } else { told }
    };
    for none in before {
        eprintln!("{}", told(none).get(exit::language()));
    }
    Err(Failure::said(exit::DATA, told(last)))
}
