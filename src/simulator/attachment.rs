//! Files handed over by `ajouter/fichier` and `deposer/pdf`, by their pieceJointeId; and what may be handed over.

use std::collections::BTreeMap;

/// Bytes of one file (PROTOCOL §2.2).
pub(super) const FILE_LIMIT_BYTES: usize = 10 << 20;
/// Characters of pieceJointeNom.
pub(super) const NAME_LIMIT_CHARS: usize = 50;
/// Bytes of all files kept; the oldest content is dropped first, its name stays.
const KEPT_LIMIT_BYTES: usize = 1 << 30;
/// pieceJointeId of the first file.
const FIRST_ID: i64 = 700_001;

/// PROTOCOL §2.2, limits: the extensions seen accepted.
pub(super) const EXTENSIONS: &[&str] = &[
    "BMP", "GIF", "FAX", "ODT", "PPT", "TIFF", "TIF", "XLS", "BZ2", "GZ", "JPEG", "P7S", "RTF", "TXT", "XML", "CSV",
    "GZIP", "JPG", "PDF", "SVG", "XHTML", "XLSX", "DOC", "HTM", "HTML", "ODP", "ODS", "PNG", "TGZ", "XLC", "XLM",
    "ZIP", "DOCX", "PPTX", "PPS", "TAR",
];

/// A file somebody handed over.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub name: String,
    /// In capitals, without a dot: `PDF`.
    pub extension: String,
    /// The bytes; empty once newer files needed their room.
    pub content: Vec<u8>,
    /// The type given to it when it was tied to an invoice.
    pub kind: String,
    /// What it was called when it was tied to an invoice.
    pub designation: String,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Files {
    all: BTreeMap<i64, File>,
    kept: usize,
}

impl Files {
    /// Keeps a file; its pieceJointeId.
    pub fn add(&mut self, file: File) -> i64 {
        let id = FIRST_ID + i64::try_from(self.all.len()).expect("far fewer files than that");
        self.kept += file.content.len();
        self.all.insert(id, file);
        for old in self.all.values_mut() {
            if self.kept <= KEPT_LIMIT_BYTES {
                break;
            }
            self.kept -= old.content.len();
            old.content = Vec::new();
        }
        id
    }

    /// The file of a pieceJointeId.
    pub fn get(&self, id: i64) -> Option<&File> {
        self.all.get(&id)
    }

    /// The same, to be tied to an invoice.
    pub fn get_mut(&mut self, id: i64) -> Option<&mut File> {
        self.all.get_mut(&id)
    }

    /// Every file with its pieceJointeId, in the order they came.
    pub fn iter(&self) -> impl Iterator<Item = (i64, &File)> {
        self.all.iter().map(|(id, file)| (*id, file))
    }
}

/// Why a file may not be handed over; the limits are PROTOCOL §2.2's, the words ours.
pub(super) fn refusal(name: &str, extension: &str) -> Option<String> {
    let length = name.chars().count();
    if length == 0 || length > NAME_LIMIT_CHARS {
        return Some(format!("Le nom de la pièce jointe doit avoir 1 à {NAME_LIMIT_CHARS} caractères"));
    }
    if !EXTENSIONS.contains(&extension.trim_start_matches('.').to_uppercase().as_str()) {
        return Some(format!("L'extension {extension} n'est pas autorisée"));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_extensions_have_limits() {
        assert!(refusal("devis.pdf", "pdf").is_none() && refusal("devis", "PDF").is_none());
        assert!(refusal("", "PDF").is_some() && refusal(&"é".repeat(51), "PDF").is_some());
        assert!(refusal(&"é".repeat(50), "PDF").is_none());
        assert!(refusal("virus.exe", "EXE").unwrap().contains("EXE"));
    }

    #[test]
    fn ids_follow_each_other() {
        let mut files = Files::default();
        let file = File {
            name: "a".to_owned(),
            extension: "PDF".to_owned(),
            content: vec![1],
            kind: String::new(),
            designation: String::new(),
        };
        assert_eq!((files.add(file.clone()), files.add(file)), (FIRST_ID, FIRST_ID + 1));
        assert!(files.get(FIRST_ID + 2).is_none());
    }
}
