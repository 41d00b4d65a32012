//! The file of tables that `[rules]` names: who signed it, before a word of it counts.
//!
//! It is a signed note (c2sp.org/signed-note): the tables as `fluxgate tables print` writes them, an empty line, and lines
//! of signatures.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::Config;
use crate::audit::{InvalidNote, Verifier};
use crate::fault::{Code, Fault, Text};
use crate::invoice::Tables;
use crate::invoice::tables::TEXT_LIMIT;

/// The tables and some signatures, in bytes.
const NOTE_LIMIT: usize = TEXT_LIMIT + 64 * 1024;

impl Config {
    /// The tables in force: the configured file's, or the program's own where none is named.
    pub fn tables(&self) -> Result<Tables, Fault> {
        let Some(file) = &self.rules.tables else { return Ok(Tables::built_in()) };
        open(&read(&self.path(file))?, &self.rules.verifiers())
    }
}

/// The text of a file of tables.
pub fn read(path: &Path) -> Result<String, Fault> {
    let unread = |why: &Text| Fault::new(Code::TablesUnread).with_text("why", &why.clone().about(path.display()));
    let mut bytes = Vec::new();
    let limit = u64::try_from(NOTE_LIMIT).unwrap_or(u64::MAX);
    let opened = File::open(path).and_then(|file| file.take(limit + 1).read_to_end(&mut bytes));
    opened.map_err(|error| unread(&Text::from(&error)))?;
    if bytes.len() > NOTE_LIMIT {
        let (fr, en) = (format!("plus de {NOTE_LIMIT} octets"), format!("larger than {NOTE_LIMIT} bytes"));
        return Err(unread(&Text::new(fr, en)));
    }
    String::from_utf8(bytes).map_err(|_| unread(&Text::new("ce n'est pas de l'UTF-8", "it is not UTF-8")))
}

/// The tables of a note that one of the keys signed.
pub fn open(note: &str, keys: &[Verifier]) -> Result<Tables, Fault> {
    Tables::read(signed(note, keys)?)
}

/// The text that one of the keys signed.
fn signed<'n>(note: &'n str, keys: &[Verifier]) -> Result<&'n str, Fault> {
    let mut altered = false;
    for key in keys {
        match key.verify_note_within(note, NOTE_LIMIT) {
            Ok(text) => return Ok(text),
            Err(InvalidNote::Signature) => altered = true,
            Err(InvalidNote::Form | InvalidNote::OtherKey) => {}
        }
    }
    let signers = signers(note);
    let detail = if altered {
        Text::new("le fichier a changé depuis sa signature", "the file changed since it was signed")
    } else if signers.is_empty() {
        Text::new("il ne porte aucune signature", "it bears no signature")
    } else {
        let names = signers.join(", ");
        Text::new(format!("signé par {names}"), format!("signed by {names}"))
    };
    Err(Fault::new(Code::TablesUnsigned).with_text("why", &detail))
}

/// A note's text, whoever signed it, or the whole where nobody did.
pub fn unverified(note: &str) -> &str {
    if signers(note).is_empty() { note } else { note.rfind("\n\n").map_or(note, |at| &note[..=at]) }
}

/// The names in its signature lines.
pub fn signers(note: &str) -> Vec<String> {
    let Some((_, lines)) = note.rsplit_once("\n\n") else { return Vec::new() };
    let names = lines.lines().filter_map(|line| line.strip_prefix("\u{2014} ")?.split_once(' '));
    names.map(|(name, _)| name.chars().take(100).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::Signer;
    use crate::fault::Language;

    const TEXT: &str = "form = 1\nversion = \"2099-01-01.1\"\n\n[limits]\nnumber_characters = 5\n";

    fn signer(name: &str, seed: u8) -> Signer {
        Signer::from_seed(name, &[seed; 32]).unwrap()
    }

    fn refused(note: &str, keys: &[Verifier]) -> String {
        let fault = open(note, keys).unwrap_err();
        format!("{} {}", fault.code, fault.title(Language::En))
    }

    #[test]
    fn only_what_a_trusted_key_signed_is_read() {
        let (ours, other) = (signer("univ/tables", 1), signer("else/tables", 2));
        let keys = [other.verifier(), ours.verifier()];
        let note = ours.sign_note(TEXT).unwrap();
        assert_eq!(open(&note, &keys).unwrap().version(), "2099-01-01.1");
        assert_eq!((unverified(&note), unverified(TEXT)), (TEXT, TEXT));
        let told = |why: &str| format!("FG-909 File of tables not signed by a trusted key: {why}");
        assert_eq!(refused(TEXT, &keys), told("it bears no signature"));
        assert_eq!(refused(&note, &keys[..1]), told("signed by univ/tables"));
        assert_eq!(refused(&note, &[]), told("signed by univ/tables"));
        assert_eq!(refused(&note.replace("= 5", "= 6"), &keys), told("the file changed since it was signed"));
        assert_eq!(refused(&note.replace("univ/tables", "else/tables"), &keys), told("signed by else/tables"));
        // What is signed is still to be right.
        let wrong = ours.sign_note(&TEXT.replace("number_", "numbers_")).unwrap();
        assert!(refused(&wrong, &keys).starts_with("FG-910 "));
        let older = ours.sign_note(&TEXT.replace("2099", "2019")).unwrap();
        assert!(refused(&older, &keys).starts_with("FG-911 "));
    }

    #[test]
    fn every_byte_of_a_signed_file_counts() {
        let ours = signer("univ/tables", 1);
        let note = ours.sign_note(TEXT).unwrap();
        for at in 0..TEXT.len() {
            let mut bytes = note.clone().into_bytes();
            bytes[at] ^= 1;
            let altered = String::from_utf8(bytes).unwrap();
            assert!(open(&altered, &[ours.verifier()]).is_err(), "byte {at}");
        }
    }
}
