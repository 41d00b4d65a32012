//! The folders in which a business application finds its results: `<store>/folders/<account>/…`.
//!
//! Promise: what comes from outside (file names, invoice numbers, attachment names) never leaves its folder and is never
//! too long for a file system. Half-written things stand in a hidden neighbour of the four folders, on the same file
//! system, and nobody is shown that one. `depot` exists only in the bridge.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use crate::domain::{AccountName, FlowId};
use crate::os::durable;

/// Where things are written before they are renamed into place.
const BENCH: &str = ".travail";
/// On the bench: a delivery being built, and the mark of one whose rename is under way; a flow's id follows.
const DELIVERY_DRAFT: &str = "recue-";
const DELIVERY_PARTS: &str = "pieces-";
const DELIVERY_MARK: &str = "placed-";
/// On the bench: an archive's refused members and their receipts, whole, which are being laid out; a flow's id follows.
const REFUSED_BATCH: &str = "rejets-";

/// The four folders of an account, as its application sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shelf {
    /// Receipts.
    Receipts,
    /// Received invoices.
    Received,
    /// Status events.
    Statuses,
    /// Refused files beside their receipt.
    Refused,
}

impl Shelf {
    pub const ALL: [Shelf; 4] = [Shelf::Receipts, Shelf::Received, Shelf::Statuses, Shelf::Refused];

    /// The folder's name on disk and in the account's tree.
    pub fn name(self) -> &'static str {
        match self {
            Shelf::Receipts => "accuses",
            Shelf::Received => "recues",
            Shelf::Statuses => "statuts",
            Shelf::Refused => "rejets",
        }
    }
}

/// The tree below `folders/`.
#[derive(Debug, Clone)]
pub struct Folders {
    root: PathBuf,
}

impl Folders {
    /// `root` is `<store>/folders`; nothing is made yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// One of an account's folders, made when it is missing.
    pub fn shelf(&self, account: &AccountName, shelf: Shelf) -> io::Result<PathBuf> {
        let folder = self.path(account, shelf);
        durable::make_dir_durably(&folder)?;
        Ok(folder)
    }

    /// Where one of an account's folders stands, or would.
    pub fn path(&self, account: &AccountName, shelf: Shelf) -> PathBuf {
        self.root.join(account.as_str()).join(shelf.name())
    }

    /// Where things of an account are written before they are renamed into place.
    pub(super) fn bench(&self, account: &AccountName) -> io::Result<PathBuf> {
        let folder = self.root.join(account.as_str()).join(BENCH);
        durable::make_dir_durably(&folder)?;
        Ok(folder)
    }

    /// Makes every folder of the accounts.
    pub(super) fn make(&self, accounts: &BTreeSet<AccountName>) -> io::Result<()> {
        for account in accounts {
            for shelf in Shelf::ALL {
                self.shelf(account, shelf)?;
            }
        }
        Ok(())
    }

    /// Makes every folder of the accounts and clears what a former process left half-written. Before any job runs.
    /// A mark without its draft stays: the delivery it speaks of was placed. Refused members that are being laid out stay:
    /// what is no longer among them stands on its shelf.
    pub(super) fn prepare(&self, accounts: &BTreeSet<AccountName>) -> io::Result<()> {
        self.make(accounts)?;
        for account in accounts {
            let bench = self.bench(account)?;
            // Marks go before their drafts, so that this may be cut short as well.
            for delivery in self.marked(account)? {
                if bench.join(format!("{DELIVERY_DRAFT}{delivery}")).exists() {
                    durable::remove_durably(&bench.join(format!("{DELIVERY_MARK}{delivery}")))?;
                }
            }
            for left in std::fs::read_dir(&bench)? {
                let left = left?;
                let stays = |mark: &str| left.file_name().as_encoded_bytes().starts_with(mark.as_bytes());
                if !stays(DELIVERY_MARK) && !stays(REFUSED_BATCH) {
                    remove_whatever(&left.path())?;
                }
            }
        }
        Ok(())
    }

    /// Where a delivery is built.
    pub(super) fn delivery_draft(&self, account: &AccountName, delivery: &DeliveryId) -> io::Result<PathBuf> {
        Ok(self.bench(account)?.join(format!("{DELIVERY_DRAFT}{delivery}")))
    }

    /// Where the files of a delivery side by side are written before they are laid out.
    pub(super) fn delivery_parts(&self, account: &AccountName, flow: &FlowId) -> io::Result<PathBuf> {
        Ok(self.bench(account)?.join(format!("{DELIVERY_PARTS}{flow}")))
    }

    /// What says that a delivery was whole and its rename under way: without its draft beside it, it was placed. Holds
    /// the folder's name.
    pub(super) fn delivery_mark(&self, account: &AccountName, delivery: &DeliveryId) -> io::Result<PathBuf> {
        Ok(self.bench(account)?.join(format!("{DELIVERY_MARK}{delivery}")))
    }

    /// Where an archive's refused members stand, whole, before each is laid out.
    pub(super) fn refused_batch(&self, account: &AccountName, flow: &FlowId) -> io::Result<PathBuf> {
        Ok(self.bench(account)?.join(format!("{REFUSED_BATCH}{flow}")))
    }

    /// The archives whose refused members are being laid out.
    pub(super) fn refused_batches(&self, account: &AccountName) -> io::Result<Vec<FlowId>> {
        let mut flows = Vec::new();
        for entry in std::fs::read_dir(self.bench(account)?)? {
            let name = entry?.file_name();
            flows.extend(name.to_str().and_then(|name| name.strip_prefix(REFUSED_BATCH)?.parse::<FlowId>().ok()));
        }
        Ok(flows)
    }

    /// The deliveries that are marked.
    pub(super) fn marked(&self, account: &AccountName) -> io::Result<Vec<DeliveryId>> {
        let mut deliveries = Vec::new();
        for entry in std::fs::read_dir(self.bench(account)?)? {
            let name = entry?.file_name();
            deliveries.extend(name.to_str().and_then(|name| DeliveryId::read(name.strip_prefix(DELIVERY_MARK)?)));
        }
        Ok(deliveries)
    }
}

/// Names a delivery on the bench: a received invoice's flow, and which of its complements.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DeliveryId {
    pub flow: FlowId,
    /// 0 is the invoice itself.
    pub complement: u32,
}

impl DeliveryId {
    fn read(text: &str) -> Option<Self> {
        let (flow, complement) = match text.split_once('.') {
            Some((flow, n)) => (flow, n.parse().ok()?),
            None => (text, 0),
        };
        Some(Self { flow: flow.parse().ok()?, complement })
    }
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.complement {
            0 => self.flow.fmt(f),
            n => write!(f, "{}.{n}", self.flow),
        }
    }
}

/// Removes a file or a folder with all it holds; nothing there is fine.
pub(super) fn remove_whatever(path: &Path) -> io::Result<()> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// The longest part of a dropped file's name in its receipt's name, in bytes.
const NAME_BYTES: usize = 150;

/// A dropped file's name as its receipt bears it: at most 150 bytes, cut between characters, without what could leave
/// the folder or hide the file.
pub fn receipt_stem(name: &str) -> String {
    cut(&tame(name), NAME_BYTES).to_owned()
}

/// `NAME.<flow>.json`
pub fn receipt_name(name: &str, flow: &FlowId) -> String {
    format!("{}.{flow}.json", receipt_stem(name))
}

/// `NAME.json`: the copy of the newest receipt of that name.
pub fn newest_receipt_name(name: &str) -> String {
    format!("{}.json", receipt_stem(name))
}

/// The name of a refused file beside its receipt: the flow before the extension, which stays the file's own.
pub(super) fn refused_name(name: &str, flow: &FlowId) -> String {
    let tame = tame(name);
    let (stem, extension) = split_extension(&tame);
    format!("{}.{flow}{extension}", cut(stem, NAME_BYTES))
}

/// A text from outside as a part of a file's name: characters that name folders, hide files or need quoting become `-`.
pub(super) fn slug(text: &str, bytes: usize) -> String {
    let safe = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
    let text: String = text.trim().chars().map(safe).collect();
    let text = cut(text.trim_start_matches('.'), bytes);
    if text.is_empty() { "-".to_owned() } else { text.to_owned() }
}

/// A file's name from outside, made safe with its extension kept: at most `bytes` bytes.
pub(super) fn safe_file_name(name: &str, bytes: usize) -> String {
    let tame = tame(name);
    let (stem, extension) = split_extension(&tame);
    format!("{}{extension}", cut(stem, bytes.saturating_sub(extension.len())))
}

/// Replaces slashes, backslashes and control characters, and a leading dot or space.
fn tame(name: &str) -> String {
    let safe = |c: char| if c == '/' || c == '\\' || c.is_control() { '_' } else { c };
    let tame: String = name.chars().map(safe).collect();
    match tame.chars().next() {
        None => "_".to_owned(),
        Some('.' | ' ') => format!("_{}", &tame[1..]),
        Some(_) => tame,
    }
}

/// Splits off a short extension with its dot, such as `.xml`.
fn split_extension(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && (2..=12).contains(&(name.len() - dot)) => name.split_at(dot),
        _ => (name, ""),
    }
}

/// At most `bytes` bytes, cut between characters.
fn cut(text: &str, bytes: usize) -> &str {
    if text.len() <= bytes {
        return text;
    }
    let end = (0..=bytes).rev().find(|&end| text.is_char_boundary(end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn receipts_are_named_after_the_file_and_its_flow() {
        let flow = FlowId::from_u128(7);
        assert_eq!(receipt_name("facture.xml", &flow), format!("facture.xml.{flow}.json"));
        assert_eq!(newest_receipt_name("facture.xml"), "facture.xml.json");
        assert_eq!(refused_name("facture.xml", &flow), format!("facture.{flow}.xml"));
        assert_eq!(refused_name("facture", &flow), format!("facture.{flow}"));
        assert_eq!(receipt_stem("../../etc/passwd"), "_._.._etc_passwd");
        assert_eq!(receipt_stem("a\nb"), "a_b");
        let long = "é".repeat(100);
        assert_eq!(receipt_stem(&long).len(), 150);
        assert_eq!(receipt_stem(&format!("x{long}")).len(), 149, "cut between characters");
        assert!(receipt_name(&"x".repeat(300), &flow).len() <= 255);
    }

    proptest! {
        #[test]
        fn no_name_from_outside_leaves_its_folder(name in "\\PC{0,40}|[./\\\\\u{0}a ]{0,12}") {
            let flow = FlowId::from_u128(7);
            for safe in [receipt_name(&name, &flow), newest_receipt_name(&name), refused_name(&name, &flow),
                         safe_file_name(&name, 60), slug(&name, 60)] {
                prop_assert!(!safe.contains('/') && !safe.contains('\0') && !safe.starts_with('.'), "{safe:?}");
                prop_assert!(!safe.is_empty() && safe.len() < 255);
                let joined = Path::new("/folder").join(&safe);
                prop_assert_eq!(joined.parent(), Some(Path::new("/folder")));
            }
        }
    }

    #[test]
    fn prepare_makes_the_tree_and_clears_the_bench() {
        let dir = tempfile::tempdir().unwrap();
        let folders = Folders::new(dir.path().join("folders"));
        let account: AccountName = "sifac".parse().unwrap();
        let bench = folders.bench(&account).unwrap();
        std::fs::create_dir(bench.join("half")).unwrap();
        std::fs::write(bench.join("half/x"), b"x").unwrap();
        std::fs::write(bench.join("file"), b"x").unwrap();
        // Deliveries whose rename was under way: some did not come to it, others did.
        let delivery = |flow, complement| DeliveryId { flow: FlowId::from_u128(flow), complement };
        let (broken, placed) = ([delivery(1, 0), delivery(2, 1)], [delivery(2, 0), delivery(1, 12)]);
        for delivery in &broken {
            std::fs::create_dir(folders.delivery_draft(&account, delivery).unwrap()).unwrap();
        }
        for delivery in broken.iter().chain(&placed) {
            std::fs::write(folders.delivery_mark(&account, delivery).unwrap(), b"folder").unwrap();
        }
        folders.prepare(&BTreeSet::from([account.clone()])).unwrap();
        let left = folders.marked(&account).unwrap();
        assert!(left.len() == 2 && placed.iter().all(|delivery| left.contains(delivery)), "{left:?}");
        assert_eq!(std::fs::read_dir(&bench).unwrap().count(), 2);
        for shelf in Shelf::ALL {
            assert!(folders.path(&account, shelf).is_dir());
        }
    }
}
