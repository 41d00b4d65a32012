//! `--config`: which configuration file a command works with.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::exit::{self, Failure};
use super::words::said;
use crate::config::ConfigFile;
use crate::fault::Text;

/// Where the configuration lives unless `--config` says otherwise.
pub const DEFAULT_CONFIG: &str = "/var/lib/fluxgate/config/fluxgate.toml";

#[derive(Debug, clap::Args)]
pub struct Place {
    #[arg(long, value_name = said("FICHIER", "FILE"), help = said(
        "Le fichier de configuration [défaut : /var/lib/fluxgate/config/fluxgate.toml]",
        "The configuration file [default: /var/lib/fluxgate/config/fluxgate.toml]"
    ))]
    config: Option<PathBuf>,
}

impl Place {
    /// The file, whether it is there or not: a box without one comes up with its flows paused.
    pub fn anyway(&self) -> ConfigFile {
        ConfigFile::new(self.config.as_deref().unwrap_or(Path::new(DEFAULT_CONFIG)))
    }

    /// The file. One that was named and is not there is refused, since the defaults that would stand in for it
    /// belong to another place; unless versions kept beside it say that it was there: boot restores those.
    pub fn file(&self) -> Result<ConfigFile, Failure> {
        let file = self.anyway();
        let Some(path) = &self.config else { return Ok(file) };
        match file.text() {
            Err(error) if is_elsewhere(error.kind()) && !file.versions().is_ok_and(|kept| !kept.is_empty()) => {
                let (shown, why) = (path.display(), Text::from(&error));
                Err(Failure::new(
                    exit::NO_INPUT,
                    format!(
                        "configuration {shown} : {}, sans version conservée à côté. Corrigez le chemin après --config, \
                         ou mettez-y un fichier écrit d'après config/fluxgate.toml",
                        why.fr
                    ),
                    format!(
                        "configuration {shown}: {}, and no version kept beside it. Correct the path after --config, \
                         or put a file there that is made after config/fluxgate.toml",
                        why.en
                    ),
                ))
            }
            _ => Ok(file),
        }
    }
}

/// No file at this path, or none that this user may see. A file that is there with bad content is boot's to judge.
fn is_elsewhere(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::IsADirectory | ErrorKind::PermissionDenied
    )
}
