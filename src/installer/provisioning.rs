//! The provisioning file beside the installer: which disk is erased without anybody being asked, who agreed to it, and how the box
//! begins. Every key is in `config/provisioning.toml`.

use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::disks::{self, Disk};
use crate::fault::{Language, Text};
use crate::gate::{Card, NetworkSettings};

/// Bytes of the file, at most.
const FILE_LIMIT: u64 = 64 * 1024;
/// Characters of the name of who agreed, at most.
const NAME_LIMIT: usize = 200;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Provisioning {
    pub erase: Erase,
    pub signed_off: SignedOff,
    #[serde(default)]
    pub after: After,
    #[serde(default)]
    pub network: Option<NetworkSettings>,
}

/// The disk that is erased.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub enum Erase {
    TheOnlyOne,
    Serial(String),
    Model(String),
    /// As the installer lists it, in either language: `256 GB`.
    Size(String),
}

/// Who agreed that the disk is erased, and when: free text on one line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct SignedOff(String);

/// What follows an installation that nobody watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum After {
    /// The machine is off: somebody pulls the stick and switches it on.
    #[default]
    Off,
    Restart,
}

/// Why the file counts for nothing.
#[derive(Debug, thiserror::Error)]
pub enum ProvisioningError {
    #[error("it cannot be read: {0}")]
    Read(io::Error),
    #[error("more than {FILE_LIMIT} bytes")]
    TooLong,
    #[error("no UTF-8")]
    NoText,
    #[error("line {line}: {message}")]
    Line { line: usize, message: String },
    #[error("{0}")]
    Network(Text),
    #[error("no disk for it: {0}")]
    NoDisk(Text),
}

impl TryFrom<String> for Erase {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let words = text.trim();
        let of =
            |word: &str| words.strip_prefix(word).map(str::trim).filter(|rest| !rest.is_empty()).map(str::to_owned);
        match (words, of("serial "), of("model "), of("size ")) {
            ("the only one", ..) => Ok(Self::TheOnlyOne),
            (_, Some(serial), ..) => Ok(Self::Serial(serial)),
            (_, _, Some(model), _) => Ok(Self::Model(model)),
            (_, _, _, Some(size)) => Ok(Self::Size(size)),
            _ => Err("one of: \"the only one\", \"serial NUMBER\", \"model NAME\", \"size 256 GB\""),
        }
    }
}

impl TryFrom<String> for SignedOff {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let text = text.trim();
        if text.is_empty() {
            return Err("it names nobody: who agreed that the disk is erased, and when");
        }
        if text.chars().count() > NAME_LIMIT || text.chars().any(char::is_control) {
            return Err("one line of at most 200 characters");
        }
        Ok(Self(text.to_owned()))
    }
}

impl SignedOff {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The file's own bytes; `None` where there is none.
pub fn bytes(path: &Path) -> Result<Option<Vec<u8>>, ProvisioningError> {
    let mut bytes = Vec::new();
    match File::open(path).and_then(|file| file.take(FILE_LIMIT + 1).read_to_end(&mut bytes)) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ProvisioningError::Read(error)),
        Ok(read) if u64::try_from(read).is_ok_and(|read| read > FILE_LIMIT) => Err(ProvisioningError::TooLong),
        Ok(_) => Ok(Some(bytes)),
    }
}

impl Provisioning {
    pub fn parse(bytes: &[u8]) -> Result<Self, ProvisioningError> {
        let text = std::str::from_utf8(bytes).map_err(|_| ProvisioningError::NoText)?;
        // Editors of other systems begin a file with this.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let read: Self = toml::from_str(text).map_err(|error| {
            let place = error.span().map_or(0, |span| span.start.min(text.len()));
            let line = text.as_bytes()[..place].iter().filter(|byte| **byte == b'\n').count() + 1;
            ProvisioningError::Line { line, message: error.message().to_owned() }
        })?;
        if let Some(network) = &read.network {
            network.check().map_err(|problem| ProvisioningError::Network(problem.text()))?;
        }
        Ok(read)
    }

    /// The kernel that installs names cards otherwise than the one that runs.
    pub fn names_cards_by_mac(&self) -> Result<(), ProvisioningError> {
        let sides = self.network.iter().flat_map(|network| [Some(&network.inside), network.outside.as_ref()]).flatten();
        for side in sides {
            if let Card::Name(name) = &side.card {
                return Err(ProvisioningError::Network(Text::new(
                    format!("carte « {name} » : ici une carte se nomme par son adresse MAC"),
                    format!("card \"{name}\": here a card is named by its MAC address"),
                )));
            }
        }
        Ok(())
    }

    /// The one disk that is meant. A disk that nothing can be installed on is meant as well: another one is never taken in its place.
    pub fn choose<'d>(&self, disks: &'d [Disk]) -> Result<&'d Disk, ProvisioningError> {
        let is_meant = |disk: &&Disk| match &self.erase {
            Erase::TheOnlyOne => !disk.is_medium,
            Erase::Serial(serial) => disk.serial == *serial,
            Erase::Model(model) => disk.model == *model,
            Erase::Size(size) => [Language::Fr, Language::En].iter().any(|of| disks::size(disk.bytes, *of) == *size),
        };
        let meant: Vec<&Disk> = disks.iter().filter(is_meant).collect();
        let no_disk = |fr: String, en: String| Err(ProvisioningError::NoDisk(Text::new(fr, en)));
        match meant[..] {
            [disk] => match &disk.unfit {
                None => Ok(disk),
                Some(_) => no_disk(disk.text().fr, disk.text().en),
            },
            [] => no_disk(
                "aucun disque de cette machine ne répond à « erase »".to_owned(),
                "no disk of this machine answers to \"erase\"".to_owned(),
            ),
            _ => {
                let names: Vec<&str> = meant.iter().map(|disk| disk.name.as_str()).collect();
                let names = names.join(", ");
                no_disk(
                    format!("plusieurs disques répondent à « erase » : {names} ; nommez-en un par son numéro de série"),
                    format!("several disks answer to \"erase\": {names}; name one by its serial number"),
                )
            }
        }
    }
}

impl ProvisioningError {
    /// What is wrong, and where.
    pub fn text(&self) -> Text {
        match self {
            Self::Read(error) => Text::from(error),
            Self::TooLong => Text::new(
                format!("plus de {FILE_LIMIT} octets : ce n'est pas ce fichier"),
                format!("more than {FILE_LIMIT} bytes: it is not this file"),
            ),
            Self::NoText => Text::new("ce n'est pas du texte en UTF-8", "it is no UTF-8 text"),
            Self::Line { line, message } => {
                let (fr, en) = (format!("ligne {line} illisible"), format!("line {line} cannot be read"));
                Text::technical(&fr, &en, message)
            }
            Self::Network(problem) => problem.clone(),
            Self::NoDisk(why) => why.clone(),
        }
    }
}
