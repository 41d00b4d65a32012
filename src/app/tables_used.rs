//! `--tables` and `--config`: by which tables of the rules a command judges.

use std::path::PathBuf;

use super::exit::{self, Failure};
use super::place::Place;
use super::tables::{parsed, refused};
use super::words::said;
use crate::config::signed_tables;
use crate::fault::{Fault, Text};
use crate::invoice::Tables;

#[derive(Debug, clap::Args)]
pub struct TablesUsed {
    #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
        "Un fichier de tables (fluxgate tables), au lieu de celui de la configuration",
        "A file of tables (fluxgate tables), instead of the configuration's"
    ))]
    tables: Option<PathBuf>,
    #[arg(long, requires = "tables", value_name = said("CLÉ", "KEY"), help = said(
        "La clé publique dont ce fichier doit porter la signature, qui peut être répétée ; sans elle, il est pris comme un \
         essai, signé ou non",
        "The public key whose signature that file must bear, may be repeated; without it, the file is taken as a draft, \
         signed or not"
    ))]
    tables_key: Vec<String>,
    #[command(flatten)]
    place: Place,
}

impl TablesUsed {
    /// The text of the configuration, where there is one.
    pub fn configuration(&self) -> Result<Option<String>, Failure> {
        Ok(self.place.file()?.text().ok())
    }

    /// Whether nobody asked whose signature the tables bear.
    pub fn is_draft(&self) -> bool {
        self.tables.is_some() && self.tables_key.is_empty()
    }

    /// The tables to judge by: those of the file named, else those of the configuration. Where the configured file is
    /// refused or not there, the program's own, as in a gateway that starts; that is said on standard error.
    pub fn tables(&self, configuration: Option<&str>) -> Result<Tables, Failure> {
        let Some(file) = &self.tables else {
            if configuration.is_none() {
                return Ok(Tables::built_in());
            }
            // As a gateway that starts: with the last version that was one, where this one has a fault.
            let boot = self.place.file()?.boot(false);
            if let Some(fault) = &boot.fault {
                eprintln!("{}", faulty(fault).get(exit::language()));
            }
            return Ok(match boot.config.signed_tables() {
                Ok(signed) => signed.map_or_else(Tables::built_in, |signed| signed.tables),
                Err(fault) => {
                    eprintln!("{}", warned(&fault).get(exit::language()));
                    Tables::built_in()
                }
            });
        };
        // Of what the command is about nothing was looked at: that is not its 65.
        let told = |fault: Fault| refused(file, &fault, exit::CONFIG);
        let note = signed_tables::read(file).map_err(told)?;
        if self.tables_key.is_empty() {
            return Tables::read(signed_tables::unverified(&note)).map_err(told);
        }
        signed_tables::open(&note, &parsed(&self.tables_key)?).map(|signed| signed.tables).map_err(told)
    }
}

fn faulty(fault: &Fault) -> Text {
    let told = |fr: &str, language| format!("{fr}{} {}", fault.code, fault.title(language));
    Text::new(told("avertissement : ", crate::fault::Language::Fr), told("warning: ", crate::fault::Language::En))
}

fn warned(fault: &Fault) -> Text {
    use crate::fault::Language::{En, Fr};
    let version = Tables::built_in().version();
    Text::new(
        format!(
            "avertissement : rules.tables : {} {}. Jugé ici par les tables du programme ({version}), comme le ferait une \
             passerelle qui démarre",
            fault.code,
            fault.title(Fr)
        ),
        format!(
            "warning: rules.tables: {} {}. Judged here by the program's own tables ({version}), as a gateway that starts \
             would",
            fault.code,
            fault.title(En)
        ),
    )
}
