use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::disk_writer;
use super::disks::{self, Disk, Holds, Terms};
use super::error::{Doing, InstallError};
use super::factory::Factory;
use super::provisioning::{After, Erase, Provisioning, ProvisioningError};
use super::table::{HEAD_BYTES, SECTOR, TAIL_BYTES, Table, TableError, has_any};
use crate::domain::DocumentHash;
use crate::fault::Text;

const MIB: u64 = 1024 * 1024;
const GIB: u64 = 1024 * MIB;
/// The factory's disk, and one that is longer by a length that is no round one.
const FACTORY_BYTES: u64 = 2 * GIB;
const DISK_BYTES: u64 = 3 * GIB + 7 * SECTOR;
/// Of `image/build-disk`.
const ESP_ID: &str = "5f1a5c00-0000-4000-8000-0000000000e0";

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// What sfdisk writes at the beginning of a disk: names, first and last sectors.
fn head(bytes: u64, parts: &[(&str, u64, u64)]) -> Vec<u8> {
    let last = bytes / SECTOR - 1;
    let mut mbr = vec![0; 512];
    mbr[446..458].copy_from_slice(&[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    mbr[458..462].copy_from_slice(&u32::try_from(last).unwrap().to_le_bytes());
    mbr[510..].copy_from_slice(&[0x55, 0xaa]);
    let mut entries = vec![0; 128 * 128];
    for (at, (name, first, end)) in parts.iter().enumerate() {
        let entry = &mut entries[at * 128..(at + 1) * 128];
        entry[..16].fill(0x11);
        entry[16..32].copy_from_slice(&[
            0x00,
            0x5c,
            0x1a,
            0x5f,
            0,
            0,
            0,
            0x40,
            0x80,
            0,
            0,
            0,
            0,
            0,
            0,
            0xe0 + u8::try_from(at).unwrap(),
        ]);
        entry[32..40].copy_from_slice(&first.to_le_bytes());
        entry[40..48].copy_from_slice(&end.to_le_bytes());
        for (unit, place) in name.encode_utf16().zip(entry[56..].chunks_exact_mut(2)) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    let mut header = vec![0; 512];
    header[..16].copy_from_slice(b"EFI PART\0\0\x01\0\x5c\0\0\0");
    for (at, number) in [(24, 1), (32, last), (40, 2048), (48, last - 33), (72, 2)] {
        header[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    header[80] = 128;
    header[84] = 128;
    header[88..92].copy_from_slice(&crc(&entries));
    let sum = crc(&header[..92]);
    header[16..20].copy_from_slice(&sum);
    [mbr, header, entries].concat()
}

const PARTS: [(&str, u64, u64); 3] =
    [("esp", 2048, 526_335), ("root-a", 526_336, 1_574_911), ("root-b", 1_574_912, 2_623_487)];

/// What an installer carries, in a folder; and a disk, sparse, on which something is.
struct Here {
    dir: tempfile::TempDir,
}

impl Here {
    fn new() -> Self {
        let here = Self { dir: tempfile::tempdir().unwrap() };
        let esp = vec![b'E'; 700_416];
        let root: Vec<u8> = (0..2 * MIB + 4096).map(|at| u8::try_from(at % 251).unwrap()).collect();
        let table = head(FACTORY_BYTES, &PARTS);
        let digest = |bytes: &[u8]| {
            format!(r#""bytes":{},"sha256":"{}""#, bytes.len(), DocumentHash(Sha256::digest(bytes).into()))
        };
        let list = format!(
            r#"{{"version":"1.4.0","bytes":{FACTORY_BYTES},"table":{{{}}},"pieces":[{{"at":{MIB},{}}},{{"at":{},{}}}]}}"#,
            digest(&table),
            digest(&esp),
            257 * MIB,
            digest(&root)
        );
        for (name, bytes) in [("disk.json", list.into_bytes()), ("table", table), ("content", [esp, root].concat())] {
            fs::write(here.path(name), bytes).unwrap();
        }
        let disk = File::create(here.path("disk")).unwrap();
        disk.set_len(DISK_BYTES).unwrap();
        // Someone's former data, in a gap, where `data` will be, and at the end.
        for at in [0, 700 * MIB, 2 * GIB, DISK_BYTES - 512] {
            disk.write_all_at(&[b'x'; 512], at).unwrap();
        }
        here
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn factory(&self) -> Result<Factory, InstallError> {
        Factory::open(self.dir.path()).and_then(|factory| factory.verify().map(|()| factory))
    }

    fn install(&self, told: &mut dyn FnMut(Doing, u64)) -> Result<(), InstallError> {
        disk_writer::install(&self.factory().unwrap(), &self.path("disk"), told)
    }

    fn read(&self, at: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        File::open(self.path("disk")).unwrap().read_exact_at(&mut bytes, at).unwrap();
        bytes
    }

    fn spoil(&self, name: &str, at: u64) {
        let file = File::options().read(true).write(true).open(self.path(name)).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    }

    /// Nothing that starts.
    fn is_dark(&self) -> bool {
        let end = fs::metadata(self.path("disk")).unwrap().len();
        !has_any(&self.read(0, HEAD_BYTES)) && self.read(end - SECTOR, 8) != *b"EFI PART"
    }
}

#[test]
fn a_disk_is_the_factory_s_with_its_second_table_at_its_own_end() {
    let here = Here::new();
    let mut steps = Vec::new();
    here.install(&mut |doing, percent| steps.push((doing, percent))).unwrap();
    for doing in [Doing::Wiping, Doing::Writing, Doing::Reading] {
        let own: Vec<u64> = steps.iter().filter(|(step, _)| *step == doing).map(|(_, percent)| *percent).collect();
        assert!(own.is_sorted() && own.last() == Some(&100), "{doing:?} {own:?}");
    }
    let content = fs::read(here.path("content")).unwrap();
    assert_eq!(here.read(MIB, 700_416), content[..700_416]);
    assert_eq!(here.read(257 * MIB, content.len() - 700_416), content[700_416..]);
    for gone in [700 * MIB, 2 * GIB, DISK_BYTES - TAIL_BYTES as u64 - 512] {
        assert!(here.read(gone, 512).iter().all(|byte| *byte == 0), "{gone}");
    }
    // Both tables, as this length of a disk has them.
    let wanted = head(DISK_BYTES, &PARTS);
    assert_eq!(here.read(0, HEAD_BYTES), wanted);
    let mut second = wanted[512..1024].to_vec();
    let last = DISK_BYTES / SECTOR - 1;
    for (at, number) in [(24, last), (32, 1), (72, last - 32)] {
        second[at..at + 8].copy_from_slice(&number.to_le_bytes());
    }
    second[16..20].fill(0);
    let sum = crc(&second[..92]);
    second[16..20].copy_from_slice(&sum);
    let tail = here.read(DISK_BYTES - TAIL_BYTES as u64, TAIL_BYTES);
    assert_eq!((&tail[..128 * 128], &tail[128 * 128..]), (&wanted[1024..], &second[..]));
    assert_eq!(disk_writer::mark_of(&here.path("disk")), None);
    let mark = DocumentHash([7; 32]);
    disk_writer::leave_mark(&here.path("disk"), mark).unwrap();
    assert_eq!(disk_writer::mark_of(&here.path("disk")), Some(mark));
}

#[test]
fn what_reads_back_otherwise_is_not_installed_and_starts_nothing() {
    let here = Here::new();
    for (at, told) in [
        (MIB + 3, MIB),
        (900 * 1024, 900 * 1024),
        (200 * MIB, 200 * MIB),
        (DISK_BYTES - 1, DISK_BYTES - TAIL_BYTES as u64),
    ] {
        // The tables come after what is compared first.
        let (mut spoilt, mut compared) = (false, 0);
        let failed = here.install(&mut |doing, percent| {
            // Once it is written, before it is read back: the last that is told of writing.
            if doing == Doing::Writing && percent == 100 && at < MIB + 700_416 && !spoilt {
                here.spoil("disk", at);
                spoilt = true;
            }
            compared += usize::from((doing, percent) == (Doing::Reading, 100));
            if doing == Doing::Reading && !spoilt && (at < DISK_BYTES - 1 || compared == 2) {
                here.spoil("disk", at);
                spoilt = true;
            }
        });
        match failed.unwrap_err() {
            InstallError::ReadBack { at: place, .. } => assert_eq!(place, told),
            other => panic!("{other}"),
        }
        assert!(here.is_dark(), "{at}");
    }
}

#[test]
fn a_disk_that_is_no_place_is_left_alone() {
    let here = Here::new();
    let length = |bytes| File::options().write(true).open(here.path("disk")).unwrap().set_len(bytes).unwrap();
    length(FACTORY_BYTES - SECTOR);
    let error = here.install(&mut |_, _| panic!("something was done")).unwrap_err();
    assert!(matches!(error, InstallError::Unfit { .. }) && error.text().en.contains("2048 MiB"), "{error}");
    assert_eq!(here.read(0, 512), [b'x'; 512]);
    length(FACTORY_BYTES);
    here.install(&mut |_, _| ()).unwrap();
    fs::remove_file(here.path("disk")).unwrap();
    let error = here.install(&mut |_, _| ()).unwrap_err();
    assert!(matches!(error, InstallError::Disk { doing: Doing::Opening, .. }), "{error}");
    assert!(error.text().fr.contains("introuvable") && error.remedy().fr.contains("Rien n'a été effacé"));
}

#[test]
fn what_is_carried_may_go_bad_while_it_is_written() {
    let here = Here::new();
    let error = here.install(&mut |doing, percent| {
        if (doing, percent) == (Doing::Wiping, 100) {
            File::options().write(true).open(here.path("content")).unwrap().set_len(800_000).unwrap();
        }
    });
    let error = error.unwrap_err();
    assert!(matches!(error, InstallError::Lost { .. }) && here.is_dark(), "{error}");
    assert!(error.text().fr.contains("à demi écrit") && error.remedy().en.contains("wiped"), "{}", error.text());
}

#[test]
fn what_was_installed_and_is_taken_back_starts_nothing() {
    let here = Here::new();
    here.install(&mut |_, _| ()).unwrap();
    assert!(!here.is_dark());
    disk_writer::take_back(&here.path("disk")).unwrap();
    assert!(here.is_dark());
}

/// A disk that is pulled out, here one that ends: it is told where.
#[test]
fn a_disk_that_vanishes_is_told() {
    let here = Here::new();
    let file = File::options().write(true).open(here.path("disk")).unwrap();
    let error = here.install(&mut |doing, _| {
        if doing == Doing::Reading {
            file.set_len(258 * MIB).unwrap();
        }
    });
    let error = error.unwrap_err();
    assert!(matches!(error, InstallError::Disk { doing: Doing::Reading, .. }), "{error}");
    assert!(error.text().en.starts_with("Reading back ") && here.is_dark(), "{}", error.text());
}

#[test]
fn a_damaged_installer_erases_nothing() {
    let damaged = |change: &dyn Fn(&Here)| {
        let here = Here::new();
        change(&here);
        match here.factory() {
            Err(error @ InstallError::Damaged { .. }) => error.text().en,
            other => panic!("{other:?}"),
        }
    };
    assert!(damaged(&|here| here.spoil("content", 800_000)).contains("content"));
    assert!(damaged(&|here| here.spoil("table", 5_000)).contains("table"));
    assert!(damaged(&|here| fs::remove_file(here.path("content")).unwrap()).contains("not found"));
    assert!(damaged(&|here| fs::write(here.path("disk.json"), "{").unwrap()).contains("disk.json"));
    for (from, to) in [
        (r#""at":269484032"#, r#""at":1049088"#),
        (r#""at":1048576"#, r#""at":1048000"#),
        (r#""at":1048576"#, r#""at":0"#),
        (r#""at":269484032"#, r#""at":2147483136"#),
        (r#""bytes":2147483648"#, r#""bytes":524288000"#),
        (r#""version""#, r#""edition""#),
    ] {
        damaged(&|here| {
            let list = fs::read_to_string(here.path("disk.json")).unwrap();
            assert!(list.contains(from), "{list}");
            fs::write(here.path("disk.json"), list.replace(from, to)).unwrap();
        });
    }
}

#[test]
fn a_table_is_one_whose_sums_hold_and_that_fits() {
    let good = head(FACTORY_BYTES, &PARTS);
    let table = Table::read(&good).unwrap();
    assert_eq!(table.partitions()[0].id, ESP_ID);
    assert_eq!(table.fitted(FACTORY_BYTES).unwrap().head, good, "fitted to its own disk it is the same");
    assert_eq!(table.fitted(1281 * MIB), Err(TableError::Room));
    assert_eq!(table.fitted(0), Err(TableError::Room));
    for (at, why) in
        [(512, TableError::NoGpt), (592, TableError::Form), (560, TableError::Sum), (1100, TableError::Sum)]
    {
        let mut bad = good.clone();
        bad[at] ^= 1;
        assert_eq!(Table::read(&bad), Err(why), "{at}");
    }
    assert_eq!(Table::read(&good[..HEAD_BYTES - 1]), Err(TableError::Short));
    assert!(has_any(&good) && !has_any(&[0; HEAD_BYTES]) && !has_any(b""));
}

/// A machine as the kernel shows it.
fn machine(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (path, bytes) in files {
        let path = dir.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    dir
}

fn sectors(bytes: u64) -> Vec<u8> {
    format!("{}\n", bytes / 512).into_bytes()
}

fn listed(root: &Path) -> Vec<Disk> {
    disks::list(Terms { root, needed: FACTORY_BYTES })
}

#[test]
fn disks_are_told_apart_and_judged() {
    let (large, small) = (sectors(256_060_514_304), sectors(GIB));
    let (ours, stick) = (head(FACTORY_BYTES, &PARTS), head(GIB, &PARTS[..1]));
    let medium: Vec<u8> = [6, 0, 0, 0]
        .into_iter()
        .chain(ESP_ID.to_uppercase().encode_utf16().flat_map(u16::to_le_bytes))
        .chain([0, 0])
        .collect();
    let efi = "sys/firmware/efi/efivars/LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f";
    let mut old = vec![0; HEAD_BYTES];
    old[510..512].copy_from_slice(&[0x55, 0xaa]);
    let files: Vec<(&str, &[u8])> = vec![
        ("sys/block/nvme0n1/device/model", b"Samsung SSD 980\x1b[2J   \n"),
        ("sys/block/nvme0n1/device/serial", b"S4EVNX0R\n"),
        ("sys/block/nvme0n1/size", &large),
        ("dev/nvme0n1", &ours),
        ("sys/block/sda/device/vpd_pg80", b"\0\x80\0\x06WD-123"),
        ("sys/block/sda/size", &large),
        ("sys/block/sda/queue/logical_block_size", b"4096\n"),
        ("dev/sda", &old),
        ("sys/block/sdb/device/model", b"x"),
        ("sys/block/sdb/ro", b"1\n"),
        ("sys/block/sdb/size", &large),
        ("dev/sdb", &old),
        ("sys/block/vda/device/vendor", b"0x1af4\n"),
        ("sys/block/vda/size", &small),
        ("dev/vda", &stick),
        ("sys/block/vdb/device/vendor", b"0x1af4\n"),
        ("sys/block/vdb/size", &large),
        ("sys/block/mmcblk0boot0/device/name", b"x"),
        ("sys/block/loop0/size", &large),
    ];
    let dir = machine(&files);
    let told: Vec<(String, String)> = listed(dir.path()).iter().map(|disk| (disk.text().fr, disk.text().en)).collect();
    let wanted = [
        (
            "nvme0n1 (Samsung SSD 980 [2J, n° de série S4EVNX0R, 256 Go) : un Fluxgate, avec ses données",
            "nvme0n1 (Samsung SSD 980 [2J, serial S4EVNX0R, 256 GB): a Fluxgate, with its data",
        ),
        (
            "sda (-, n° de série WD-123, 256 Go) : secteurs de 4096 octets, il en faut de 512",
            "sda (-, serial WD-123, 256 GB): sectors of 4096 bytes, 512 are needed",
        ),
        ("sdb (x, 256 Go) : protégé en écriture", "sdb (x, 256 GB): write-protected"),
        ("vda (virtio, 1,1 Go) : trop petit, il faut 2048 Mio", "vda (virtio, 1.1 GB): too small, 2048 MiB are needed"),
        ("vdb (virtio, 256 Go) : introuvable", "vdb (virtio, 256 GB): not found"),
    ];
    assert_eq!(told, wanted.map(|(fr, en)| (fr.to_owned(), en.to_owned())));
    // The stick as a disk that the kernel sees: it is not wiped.
    let dir = machine(&[files, vec![(efi, &medium)]].concat());
    let disks = listed(dir.path());
    assert_eq!(disks[3].unfit, Some(Text::new("l'installateur lui-même", "the installer itself")));
    assert!(disks[3].is_medium && disks[0].is_medium, "both have this partition: neither is touched");
}

fn disk(name: &str, serial: &str, bytes: u64, unfit: Option<Text>) -> Disk {
    let (name, serial, model) = (name.to_owned(), serial.to_owned(), "QEMU HARDDISK".to_owned());
    let path = Path::new("/dev").join(&name);
    Disk { name, path, model, serial, bytes, holds: Holds::NoTable, is_medium: false, unfit }
}

#[test]
fn a_provisioning_file_names_one_disk_and_who_agreed() {
    let text = include_str!("../../config/provisioning.toml");
    let sample = Provisioning::parse(text.as_bytes()).unwrap();
    assert_eq!((&sample.erase, sample.after), (&Erase::Serial("S4EVNX0R123456".into()), After::Off));
    // With its commented lines in force.
    let full: String = text.lines().map(|line| line.strip_prefix("#: ").unwrap_or(line).to_owned() + "\n").collect();
    let full = Provisioning::parse(full.as_bytes()).unwrap();
    assert!(full.network.is_some() && full.after == After::Restart);

    let order = |erase: &str| {
        Provisioning::parse(format!("erase = {erase:?}\nsigned_off = \"C. Durand\"\n").as_bytes()).unwrap()
    };
    let (a, b) = (disk("sda", "A1", 256_060_514_304, None), disk("sdb", "B2", 4_000_000_000, None));
    let both = [a.clone(), b.clone()];
    for (erase, wanted) in [("serial A1", "sda"), ("size 4.0 GB", "sdb"), ("size 256 GB", "sda")] {
        assert_eq!(order(erase).choose(&both).unwrap().name, wanted);
    }
    assert_eq!(order("the only one").choose(std::slice::from_ref(&a)).unwrap().name, "sda");
    let refused = |erase: &str, disks: &[Disk]| order(erase).choose(disks).unwrap_err().text().en;
    assert!(refused("model QEMU HARDDISK", &both).contains("sda, sdb"));
    assert!(refused("the only one", &both).contains("several"));
    assert!(refused("serial C3", &both).contains("no disk"));
    assert!(refused("the only one", &[]).contains("no disk"));
    let small = disk("sda", "A1", 1_000_000_000, Some(disk_writer::too_small(FACTORY_BYTES)));
    assert!(
        refused("serial A1", std::slice::from_ref(&small)).contains("too small"),
        "it is meant, and nothing else is taken"
    );
    assert!(refused("the only one", &[small, b]).contains("several"));
    let stick = Disk { is_medium: true, ..disk("vdb", "", GIB, Some(Text::same("the installer itself"))) };
    assert_eq!(order("the only one").choose(&[a, stick]).unwrap().name, "sda");
}

#[test]
fn what_was_chosen_is_wiped_only_while_it_is_that_disk_and_no_other_fluxgate_is_there() {
    let (a, b) = (disk("sda", "A1", 4_000_000_000, None), disk("sdb", "B2", 4_000_000_000, None));
    let told = |chosen: &Disk, meant: Option<&Disk>, now: &[Disk]| {
        disks::objection(chosen, meant, now).map(|why| why.en).unwrap_or_default()
    };
    let now = [a.clone(), b.clone()];
    assert_eq!(told(&a, Some(&a), &now), "");
    // Its name is another one's by now, or it is gone.
    let swapped = Disk { serial: "C3".to_owned(), ..a.clone() };
    assert!(told(&a, Some(&swapped), &[swapped.clone(), b.clone()]).contains("have changed"));
    assert!(told(&a, None, &[]).contains("have changed"));
    let installed = Disk { holds: Holds::Fluxgate, ..b };
    assert!(told(&a, Some(&a), &[a.clone(), installed.clone()]).contains("sdb"));
    // To install anew where it is, is what a person may want.
    assert_eq!(told(&installed, Some(&installed), &[a.clone(), installed.clone()]), "");
}

#[test]
fn a_provisioning_file_names_cards_by_mac_alone() {
    let of = |card: &str| {
        let side = format!("[network.inside]\ncard = \"{card}\"\nipv4 = \"dhcp\"\nipv6 = \"off\"\n");
        let text = format!("erase = \"the only one\"\nsigned_off = \"x\"\n{side}");
        Provisioning::parse(text.as_bytes()).unwrap().names_cards_by_mac()
    };
    assert!(of("52:54:00:12:34:56").is_ok() && of("").is_ok());
    assert!(of("enp0s3").unwrap_err().text().en.contains("enp0s3"));
}

#[test]
fn what_is_wrong_in_a_provisioning_file_is_told_with_its_line() {
    let good = "erase = \"the only one\"\nsigned_off = \"C. Durand, 2026-11-27\"\n";
    let wrong = |text: &str| Provisioning::parse(text.as_bytes()).unwrap_err();
    for (text, line, word) in [
        (format!("{good}colour = 1\n"), 3, "colour"),
        (format!("{good}after = \"sleep\"\n"), 3, "sleep"),
        ("erase = \"the only one\"\nsigned_off = \"  \"\n".to_owned(), 2, "nobody"),
        ("signed_off = \"x\"\nerase = \"everything\"\n".to_owned(), 2, "serial NUMBER"),
        ("erase = \"serial\"\nsigned_off = \"x\"\n".to_owned(), 1, "serial NUMBER"),
        ("erase = \"the only one\"\n".to_owned(), 1, "signed_off"),
        (format!("{good}[network.inside]\ncard = \"\"\nipv4 = \"dhcp\"\nipv6 = \"of\"\n"), 6, "of"),
        ("erase = \n".to_owned(), 1, ""),
    ] {
        match wrong(&text) {
            ProvisioningError::Line { line: found, message } => {
                assert_eq!(found, line, "{text}: {message}");
                assert!(message.contains(word), "{text}: {message}");
            }
            other => panic!("{text}: {other}"),
        }
    }
    assert!(wrong(&format!("{good}after = \"sleep\"\n")).text().fr.starts_with("ligne 3 illisible"));
    let network =
        "[network.inside]\ncard = \"\"\nipv4 = { static = { address = \"192.0.2.7\", prefix = 24 } }\nipv6 = \"off\"\n";
    assert!(matches!(wrong(&format!("{good}{network}")), ProvisioningError::Network(_)));
    assert!(matches!(Provisioning::parse(b"\xff"), Err(ProvisioningError::NoText)));
    assert!(Provisioning::parse(format!("\u{feff}{}", good.replace('\n', "\r\n")).as_bytes()).is_ok());
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("provisioning.cred");
    assert!(matches!(super::provisioning::bytes(&path), Ok(None)));
    fs::write(&path, vec![b'#'; 70_000]).unwrap();
    assert!(matches!(super::provisioning::bytes(&path), Err(ProvisioningError::TooLong)));
}
