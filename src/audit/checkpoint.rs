//! Checkpoints as C2SP specifies them (c2sp.org/tlog-checkpoint): origin, number of leaves, root; signed as a note.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::note::{InvalidNote, Signer, Verifier};
use super::tree::{Frontier, Hash};

/// What a checkpoint says: the journal `origin` had `size` leaves with the root `root`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub origin: String,
    pub size: u64,
    pub root: Hash,
}

/// Why a checkpoint proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCheckpoint {
    #[error(transparent)]
    Note(#[from] InvalidNote),
    #[error("the note's text is no checkpoint")]
    Form,
    #[error("the checkpoint names another journal")]
    Origin,
}

impl Checkpoint {
    /// The signed note over the tree as it stands.
    pub fn sign(tree: &Frontier, signer: &Signer) -> String {
        let text = format!("{}\n{}\n{}\n", signer.origin(), tree.size(), STANDARD.encode(tree.root()));
        signer.sign_note(&text).expect("an origin has no control character and the text ends with a newline")
    }

    /// Reads a signed checkpoint of the journal whose key `verifier` is.
    pub fn open(note: &str, verifier: &Verifier) -> Result<Self, InvalidCheckpoint> {
        let checkpoint = Self::parse(verifier.verify_note(note)?).ok_or(InvalidCheckpoint::Form)?;
        if checkpoint.origin == verifier.name() { Ok(checkpoint) } else { Err(InvalidCheckpoint::Origin) }
    }

    /// The three lines; lines behind them are extensions, allowed and passed over.
    fn parse(text: &str) -> Option<Self> {
        let mut lines = text.split('\n');
        let (origin, size, root) = (lines.next()?, lines.next()?, lines.next()?);
        lines.next()?; // behind the third line's newline
        let number: u64 = size.parse().ok()?;
        if number.to_string() != size || origin.is_empty() {
            return None;
        }
        let root = STANDARD.decode(root).ok()?.try_into().ok()?;
        Some(Self { origin: origin.to_owned(), size: number, root })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::leaf_hash;

    fn signer() -> Signer {
        Signer::from_seed("fluxgate/univ-exemple", &[9; 32]).unwrap()
    }

    #[test]
    fn reads_what_it_signs() {
        let mut tree = Frontier::default();
        for n in 0..5u8 {
            tree.append(leaf_hash(&[n]), |_| {});
        }
        let note = Checkpoint::sign(&tree, &signer());
        assert!(note.starts_with("fluxgate/univ-exemple\n5\n"), "{note}");
        let read = Checkpoint::open(&note, &signer().verifier()).unwrap();
        assert_eq!((read.size, read.root), (5, tree.root()));
        assert!(Checkpoint::open(&note.replace("\n5\n", "\n6\n"), &signer().verifier()).is_err());
    }

    /// The example of `FORMAT.md`: the tree of the example leaf alone, signed with the seed 0x2a...
    #[test]
    fn format_md_shows_the_checkpoint_we_sign() {
        let page = include_str!("FORMAT.md");
        let example = page.split("```hex").nth(1).unwrap().split("```").next().unwrap();
        let digits: Vec<u8> = example
            .lines()
            .flat_map(|line| line.split('#').next().unwrap_or_default().bytes().filter(u8::is_ascii_hexdigit))
            .collect();
        let leaf: Vec<u8> =
            digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect();
        let signer = Signer::from_seed("fluxgate/univ-exemple", &[0x2a; 32]).unwrap();
        let mut tree = Frontier::default();
        tree.append(leaf_hash(&leaf), |_| {});
        let note = Checkpoint::sign(&tree, &signer);
        assert!(page.contains(&format!("```\n{note}```\n")), "{note}");
        assert!(page.contains(&format!("`{}`", signer.verifier().text())), "{}", signer.verifier().text());
    }

    #[test]
    fn a_signed_text_that_is_no_checkpoint_is_refused() {
        let verifier = signer().verifier();
        let open = |text: &str| Checkpoint::open(&signer().sign_note(text).unwrap(), &verifier);
        let root = STANDARD.encode([1; 32]);
        assert!(open(&format!("fluxgate/univ-exemple\n5\n{root}\n")).is_ok());
        assert!(open(&format!("fluxgate/univ-exemple\n5\n{root}\nextension\n")).is_ok());
        assert_eq!(open(&format!("fluxgate/univ-exemple\n05\n{root}\n")), Err(InvalidCheckpoint::Form));
        assert_eq!(open(&format!("fluxgate/univ-exemple\n-5\n{root}\n")), Err(InvalidCheckpoint::Form));
        assert_eq!(open("fluxgate/univ-exemple\n5\nAAAA\n"), Err(InvalidCheckpoint::Form));
        assert_eq!(open("fluxgate/univ-exemple\n5\n"), Err(InvalidCheckpoint::Form));
        assert_eq!(open(&format!("fluxgate/other\n5\n{root}\n")), Err(InvalidCheckpoint::Origin));
    }
}
