//! What goes wrong while a box is installed, for the person in front of it: what, where, what to do.

use std::io;
use std::path::{Path, PathBuf};

use super::table::TableError;
use crate::fault::Text;

/// Why nothing was installed. The disk starts nothing then: its tables are written last.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    #[error("the installer is damaged: {what}: {why}")]
    Damaged { what: String, why: Text },
    /// What the installer carries went out of reach while it was written to the disk at `path`.
    #[error("the installer can no longer be read, {} is half written: {cause}", path.display())]
    Lost { path: PathBuf, cause: io::Error },
    #[error("{}: {why}", path.display())]
    Unfit { path: PathBuf, why: Text },
    #[error("{} at byte {at}: {cause}", path.display())]
    Disk { doing: Doing, path: PathBuf, at: u64, cause: io::Error },
    #[error("{} at byte {at}: reads back otherwise than it was written", path.display())]
    ReadBack { path: PathBuf, at: u64 },
    #[error("{}: {cause}", path.display())]
    Handover { path: PathBuf, cause: io::Error },
}

/// What was being done to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Doing {
    Opening,
    Wiping,
    Writing,
    Reading,
}

impl Doing {
    pub fn text(self) -> Text {
        match self {
            Self::Opening => Text::new("Ouverture", "Opening"),
            Self::Wiping => Text::new("Effacement", "Wiping"),
            Self::Writing => Text::new("Écriture", "Writing"),
            Self::Reading => Text::new("Relecture", "Reading back"),
        }
    }
}

impl InstallError {
    pub(super) fn damaged(what: impl ToString) -> impl FnOnce(Text) -> Self {
        move |why| Self::Damaged { what: what.to_string(), why }
    }

    pub(super) fn disk(doing: Doing, path: &Path, at: u64) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| Self::Disk { doing, path, at, cause }
    }

    pub(super) fn table(path: &Path) -> impl FnOnce(TableError) -> Self {
        let path = path.to_owned();
        move |error| Self::Unfit { path, why: error.text() }
    }

    /// What happened, and where.
    pub fn text(&self) -> Text {
        match self {
            Self::Damaged { what, why } => {
                let why = why.clone().about(what);
                Text::new(
                    format!("L'installateur est abîmé : {}", why.fr),
                    format!("The installer is damaged: {}", why.en),
                )
            }
            Self::Lost { path, cause } => {
                let why = Text::from(cause);
                Text::new(
                    format!("{} est à demi écrit, l'installateur ne se lit plus : {}", path.display(), why.fr),
                    format!("{} is half written, the installer can no longer be read: {}", path.display(), why.en),
                )
            }
            Self::Unfit { path, why } => why.clone().about(path.display()),
            Self::Disk { doing, path, at, cause } => {
                let (doing, why) = (doing.text(), Text::from(cause));
                Text::new(
                    format!("{} de {}, à l'octet {at} : {}", doing.fr, path.display(), why.fr),
                    format!("{} {}, at byte {at}: {}", doing.en, path.display(), why.en),
                )
            }
            Self::ReadBack { path, at } => Text::new(
                format!("{}, à l'octet {at} : relu différemment de ce qui a été écrit", path.display()),
                format!("{}, at byte {at}: reads back otherwise than it was written", path.display()),
            ),
            Self::Handover { path, cause } => Text::from(cause).about(path.display()),
        }
    }

    /// What is to be done.
    pub fn remedy(&self) -> Text {
        match self {
            Self::Damaged { .. } => Text::new(
                "Rien n'a été effacé. Écrivez la clé à nouveau et comparez son SHA-256 ; si cela revient, essayez une autre clé, puis la mémoire de la machine.",
                "Nothing was erased. Write the stick anew and compare its SHA-256; if it comes again, try another stick, then the machine's memory.",
            ),
            Self::Lost { .. } => Text::new(
                "Ce disque est effacé et ne démarre rien. Recommencez ; si cela revient, vérifiez la mémoire de la machine.",
                "This disk is wiped and starts nothing. Begin again; if it comes again, check the machine's memory.",
            ),
            Self::Unfit { .. } | Self::Disk { doing: Doing::Opening, .. } => Text::new(
                "Rien n'a été effacé. Choisissez un autre disque.",
                "Nothing was erased. Choose another disk.",
            ),
            Self::Disk { .. } => Text::new(
                "Ce disque ne démarre rien. Vérifiez ses câbles, puis recommencez ; si cela revient, remplacez-le.",
                "This disk starts nothing. Check its cables, then begin again; if it comes again, replace it.",
            ),
            Self::ReadBack { .. } => Text::new(
                "Ce disque ne garde pas ce qu'on y écrit et ne démarre rien : remplacez-le.",
                "This disk does not keep what is written to it, and starts nothing: replace it.",
            ),
            Self::Handover { .. } => Text::new(
                "Ce qui suit l'installation n'a pas pu être écrit : le disque ne démarre rien. Recommencez ; si cela revient, remplacez-le.",
                "What follows the installation could not be written: the disk starts nothing. Begin again; if it comes again, replace it.",
            ),
        }
    }
}
