//! The file of tables that `[rules]` names: who signed it, before a word of it counts.
//!
//! It is a signed note (c2sp.org/signed-note): the tables as `fluxgate tables print` writes them, an empty line, and lines
//! of signatures.

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::Config;
use crate::audit::{InvalidNote, Verifier};
use crate::domain::DocumentHash;
use crate::fault::{Code, Fault, Text};
use crate::invoice::Tables;
use crate::invoice::tables::TEXT_LIMIT;

/// The tables and some signatures, in bytes.
const NOTE_LIMIT: usize = TEXT_LIMIT + 64 * 1024;

/// Names of signers that a message tells.
const NAMES_SHOWN: usize = 5;
/// Of such a name, in characters.
const NAME_CHARACTERS: usize = 100;

/// The tables of a signed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedTables {
    pub tables: Tables,
    /// The name of the key that verified it.
    pub signer: String,
    /// Of its text without the signatures.
    pub sha256: DocumentHash,
}

impl Config {
    /// Where the file of tables lies, if one is named.
    pub fn tables_file(&self) -> Option<PathBuf> {
        self.rules.tables.as_ref().map(|file| self.path(file))
    }

    /// The tables of the configured file; `None` where none is named and the program's own count.
    pub fn signed_tables(&self) -> Result<Option<SignedTables>, Fault> {
        let Some(file) = self.tables_file() else { return Ok(None) };
        open(&read(&file)?, &self.rules.verifiers()).map(Some)
    }
}

/// The text of a file of tables.
pub fn read(path: &Path) -> Result<String, Fault> {
    let unread = |why: &Text| Fault::new(Code::TablesUnread).with_text("why", &why.clone().about(path.display()));
    let mut bytes = Vec::new();
    let limit = u64::try_from(NOTE_LIMIT).unwrap_or(u64::MAX);
    // What is no file (a pipe, a device) could keep the reader waiting.
    let opened = OpenOptions::new().read(true).custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits()).open(path);
    let opened = opened.and_then(|file| match file.metadata()?.is_file() {
        true => file.take(limit + 1).read_to_end(&mut bytes),
        false => Err(io::ErrorKind::InvalidInput.into()),
    });
    opened.map_err(|error| unread(&Text::from(&error)))?;
    if bytes.len() > NOTE_LIMIT {
        let (fr, en) = (format!("plus de {NOTE_LIMIT} octets"), format!("larger than {NOTE_LIMIT} bytes"));
        return Err(unread(&Text::new(fr, en)));
    }
    String::from_utf8(bytes).map_err(|_| unread(&Text::new("ce n'est pas de l'UTF-8", "it is not UTF-8")))
}

/// The tables of a note that one of the keys signed.
pub fn open(note: &str, keys: &[Verifier]) -> Result<SignedTables, Fault> {
    let (text, key) = signed(note, keys)?;
    let sha256 = DocumentHash(Sha256::digest(text).into());
    Ok(SignedTables { tables: Tables::read(text)?, signer: key.name().to_owned(), sha256 })
}

/// The text that one of the keys signed, and which one.
fn signed<'n, 'k>(note: &'n str, keys: &'k [Verifier]) -> Result<(&'n str, &'k Verifier), Fault> {
    let mut altered = false;
    for key in keys {
        match key.verify_note_within(note, NOTE_LIMIT) {
            Ok(text) => return Ok((text, key)),
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
        let more = if signers.len() > NAMES_SHOWN { ", …" } else { "" };
        let names = format!("{}{more}", signers[..signers.len().min(NAMES_SHOWN)].join(", "));
        Text::new(format!("signé par {names}"), format!("signed by {names}"))
    };
    Err(Fault::new(Code::TablesUnsigned).with_text("why", &detail))
}

/// A note's text, whoever signed it, or the whole where nobody did.
pub fn unverified(note: &str) -> &str {
    if signers(note).is_empty() { note } else { note.rfind("\n\n").map_or(note, |at| &note[..=at]) }
}

/// The names in its signature lines, which nobody has verified: fit to be shown, the first few.
fn signers(note: &str) -> Vec<String> {
    let Some((_, lines)) = note.rsplit_once("\n\n") else { return Vec::new() };
    let names = lines.lines().filter_map(|line| line.strip_prefix("\u{2014} ")?.split_once(' '));
    let shown = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    names.take(NAMES_SHOWN + 1).map(|(name, _)| name.chars().take(NAME_CHARACTERS).map(shown).collect()).collect()
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
        assert_eq!(open(&note, &keys).unwrap().tables.version(), "2099-01-01.1");
        assert_eq!(open(&note, &keys).unwrap().signer, "univ/tables");
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
    fn who_signed_is_told_by_the_key_that_verified_and_other_names_are_made_fit_to_be_shown() {
        let ours = signer("univ/tables", 1);
        let note = ours.sign_note(TEXT).unwrap();
        // Anybody can add a line of signature that nobody verifies.
        let line = |name: &str| format!("\u{2014} {name} {}\n", "A".repeat(91) + "=");
        let others: String = (0..9).map(|n| line(&format!("evil\u{1b}[2J{n}"))).collect();
        let opened = open(&format!("{note}{}", line("minister/tables")), &[ours.verifier()]);
        assert_eq!(opened.map(|signed| signed.signer), Ok("univ/tables".to_owned()));
        let told = refused(&format!("{TEXT}\n{others}"), &[ours.verifier()]);
        assert!(told.contains("signed by evil\u{fffd}[2J0") && told.ends_with("[2J4, …"), "{told}");
        assert!(!told.chars().any(char::is_control), "{told}");
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
