//! The disks of the machine, as the kernel has them: how a person tells them apart, what is on them, and whether Fluxgate fits.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use super::disk_writer::too_small;
use super::table::{self, HEAD_BYTES, SECTOR, Table};
use crate::fault::{Language, Text};

/// Bytes of a file of the kernel's that are read, at most.
const FILE_LIMIT: u64 = 4096;
/// Characters of a model or a serial number that are shown, at most.
const NAME_LIMIT: usize = 40;
/// The variable in which the boot loader's half of a kernel says what partition it was read from (Boot Loader Interface).
const MEDIUM: &str = "sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
/// The partitions of a disk that Fluxgate is on.
const OURS: [&str; 3] = ["esp", "root-a", "root-b"];

/// One disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's: `nvme0n1`.
    pub name: String,
    pub path: PathBuf,
    pub model: String,
    pub serial: String,
    pub bytes: u64,
    pub holds: Holds,
    /// The installer was read from it.
    pub is_medium: bool,
    /// Why nothing can be installed on it.
    pub unfit: Option<Text>,
}

/// What a disk has on it, by its first bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// No table of partitions.
    NoTable,
    /// A table that is not ours to read.
    SomeTable,
    Partitions(usize),
    /// An appliance's partitions.
    Fluxgate,
}

/// What has to be known of the machine to judge its disks.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'t> {
    pub root: &'t Path,
    /// Bytes that a disk needs.
    pub needed: u64,
}

/// The machine's disks, in the order of their names.
pub fn list(terms: Terms<'_>) -> Vec<Disk> {
    let folder = terms.root.join("sys/block");
    let names = fs::read_dir(&folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = names.filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.retain(|name| is_disk(&folder.join(name), name));
    names.sort();
    let medium = medium(terms.root);
    names.into_iter().map(|name| disk(terms, name, medium.as_deref())).collect()
}

/// What stands against wiping `disk`, which was chosen a while ago; `meant` is what is chosen of the disks that are there `now`. A name
/// of the kernel's may be another disk's by then; and beside another Fluxgate the wrong one may start.
pub fn objection(disk: &Disk, meant: Option<&Disk>, now: &[Disk]) -> Option<Text> {
    if meant != Some(disk) {
        return Some(Text::new(
            "les disques ont changé depuis : rien n'a été effacé ; choisissez de nouveau",
            "the disks have changed since: nothing was wiped; choose again",
        ));
    }
    let other = now.iter().find(|other| other.holds == Holds::Fluxgate && other.name != disk.name)?;
    Some(Text::new(
        format!("un autre disque porte un Fluxgate ({}) : rien n'a été effacé ; débranchez-le d'abord", other.name),
        format!("another disk holds a Fluxgate ({}): nothing was wiped; unplug it first", other.name),
    ))
}

/// Something of hardware, and not what hardware keeps for itself (an eMMC's boot areas, one of several ways to an NVMe).
fn is_disk(folder: &Path, name: &str) -> bool {
    let own = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
    folder.join("device").exists() && !own && text(&folder.join("hidden")) != "1"
}

fn disk(terms: Terms<'_>, name: String, medium: Option<&str>) -> Disk {
    let folder = terms.root.join("sys/block").join(&name);
    let path = terms.root.join("dev").join(&name);
    let number = |below: &str| text(&folder.join(below)).parse::<u64>().ok();
    let bytes = number("size").unwrap_or(0).saturating_mul(512);
    let head = head(&path);
    let table = head.as_ref().ok().and_then(|head| Table::read(head).ok());
    let partitions = table.map(|table| table.partitions()).unwrap_or_default();
    let is_medium = medium.is_some_and(|medium| partitions.iter().any(|part| part.id == medium));
    let sector = number("queue/logical_block_size").unwrap_or(SECTOR);
    let unfit = if is_medium {
        Some(Text::new("l'installateur lui-même", "the installer itself"))
    } else if text(&folder.join("ro")) == "1" {
        Some(Text::new("protégé en écriture", "write-protected"))
    } else if sector != SECTOR {
        Some(Text::new(
            format!("secteurs de {sector} octets, il en faut de {SECTOR}"),
            format!("sectors of {sector} bytes, {SECTOR} are needed"),
        ))
    } else if bytes < terms.needed {
        Some(too_small(terms.needed))
    } else {
        head.as_ref().err().map(Text::from)
    };
    let holds = match (&head, partitions.len()) {
        (Ok(_), count) if count > 0 => {
            let is_ours = OURS.iter().all(|name| partitions.iter().any(|part| part.name == *name));
            if is_ours { Holds::Fluxgate } else { Holds::Partitions(count) }
        }
        (Ok(head), _) if table::has_any(head) => Holds::SomeTable,
        _ => Holds::NoTable,
    };
    Disk { model: model(&folder), serial: serial(&folder), name, path, bytes, holds, is_medium, unfit }
}

fn head(path: &Path) -> io::Result<Vec<u8>> {
    let mut head = vec![0; HEAD_BYTES];
    File::open(path)?.read_exact(&mut head)?;
    Ok(head)
}

/// The partition that the installer was read from, in small letters.
fn medium(root: &Path) -> Option<String> {
    let bytes = fs::read(root.join(MEDIUM)).ok()?;
    let units: Vec<u16> = bytes.get(4..)?.chunks_exact(2).map(|two| u16::from_le_bytes([two[0], two[1]])).collect();
    Some(String::from_utf16_lossy(&units).trim_end_matches('\0').to_ascii_lowercase())
}

fn model(folder: &Path) -> String {
    let all = ["device/model", "device/name"].map(|below| text(&folder.join(below)));
    let named = all.into_iter().find(|name| !name.is_empty());
    // What a virtual machine has by virtio names no model.
    named.unwrap_or_else(|| if text(&folder.join("device/vendor")) == "0x1af4" { "virtio".into() } else { "-".into() })
}

fn serial(folder: &Path) -> String {
    let all = ["serial", "device/serial"].map(|below| text(&folder.join(below)));
    match all.into_iter().find(|serial| !serial.is_empty()) {
        Some(serial) => serial,
        // SCSI and SATA: the page of vital product data of that number, behind its head of four bytes.
        None => fs::read(folder.join("device/vpd_pg80"))
            .ok()
            .and_then(|page| page.get(4..).map(printable))
            .unwrap_or_default(),
    }
}

/// A file of the kernel's, as far as it is printed.
fn text(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(FILE_LIMIT).read_to_end(&mut bytes));
    read.map_or_else(|_| String::new(), |_| printable(&bytes))
}

fn printable(bytes: &[u8]) -> String {
    let text: String =
        bytes.iter().map(|byte| if (b' '..=b'~').contains(byte) { char::from(*byte) } else { ' ' }).collect();
    text.trim().chars().take(NAME_LIMIT).collect()
}

/// A disk's length as its maker counts, `256 GB`.
pub fn size(bytes: u64, language: Language) -> String {
    let (point, unit) = match language {
        Language::Fr => (',', "Go"),
        Language::En => ('.', "GB"),
    };
    let tenths = (bytes + 50_000_000) / 100_000_000;
    if tenths >= 100 {
        format!("{} {unit}", (tenths + 5) / 10)
    } else {
        format!("{}{point}{} {unit}", tenths / 10, tenths % 10)
    }
}

impl Disk {
    /// One row of the list.
    pub fn text(&self) -> Text {
        let line = |language| {
            let serial = if self.serial.is_empty() {
                String::new()
            } else {
                format!(", {} {}", Text::new("n° de série", "serial").get(language), self.serial)
            };
            let size = size(self.bytes, language);
            format!("{} ({}{serial}, {size}) : {}", self.name, self.model, self.state().get(language))
        };
        Text::new(line(Language::Fr), line(Language::En).replacen(" : ", ": ", 1))
    }

    /// Why it is no place for Fluxgate, or what is on it.
    fn state(&self) -> Text {
        match (&self.unfit, self.holds) {
            (Some(unfit), _) => unfit.clone(),
            (None, Holds::NoTable) => Text::new("pas de partition", "no partition"),
            (None, Holds::SomeTable) => Text::new("une table de partitions", "a table of partitions"),
            (None, Holds::Partitions(1)) => Text::new("1 partition", "1 partition"),
            (None, Holds::Partitions(count)) => Text::same(format!("{count} partitions")),
            (None, Holds::Fluxgate) => Text::new("un Fluxgate, avec ses données", "a Fluxgate, with its data"),
        }
    }
}
