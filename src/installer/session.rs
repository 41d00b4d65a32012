//! The course of an installation, as the person in front of the box sees it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::dialog::{Action, Choice, Dialog};
use super::disk_writer;
use super::disks::{self, Disk, Holds, Terms};
use super::error::{Doing, InstallError};
use super::factory::Factory;
use super::handover;
use super::provisioning::{self, After, Provisioning, ProvisioningError};
use super::terminals::Terminals;
use crate::domain::DocumentHash;
use crate::fault::Text;
use crate::keeper;
use crate::keeper::network::check_for;
use crate::os::process::MachineEnd;
use crate::os::random;

/// What the installer carries, below the root.
const FACTORY: &str = "factory";
/// The provisioning file, where the boot loader's half of this kernel puts what is beside it on the stick (systemd-stub,
/// `BOOTX64.EFI.extra.d/provisioning.cred`).
const ORDER: &str = ".extra/credentials/provisioning.cred";
/// How long somebody in front of the box can stop what a provisioning file orders.
const NOTICE: Duration = Duration::from_secs(15);
/// How long the last words of an installation that nobody watches stand there.
const READ: Duration = Duration::from_secs(10);
/// Disks that are listed, at most: a person chooses by one digit.
const CHOICES_LIMIT: usize = 9;
/// Between two looks at what is typed.
const LOOK: Duration = Duration::from_millis(500);
/// The disks are the machine's once none came for so long, and after this at the latest.
const QUIET: Duration = Duration::from_secs(3);
const PROBED: Duration = Duration::from_secs(30);

/// Installs, or not; how the machine ends.
pub fn run(root: &Path) -> MachineEnd {
    let mut terminals = Terminals::new(root, &keeper::consoles(root));
    let opened = Factory::open(&root.join(FACTORY)).and_then(|factory| factory.verify().map(|()| factory));
    let factory = match opened {
        Ok(factory) => factory,
        Err(error) => {
            terminals.page(&[title(None), Text::same(""), error.text(), error.remedy()], &press());
            wait_for_key(&mut terminals);
            return MachineEnd::Restart;
        }
    };
    let mut session = Session { root: root.to_owned(), factory, terminals, disks: Vec::new() };
    session
        .terminals
        .page(&[title(Some(&session.factory))], &Text::new(" Recherche des disques ...", " Looking for disks ..."));
    session.settle();
    let end = match provisioning::bytes(&root.join(ORDER)) {
        Ok(None) => None,
        Ok(Some(bytes)) => session.unattended(&bytes),
        Err(error) => session.refuse(&error),
    };
    end.unwrap_or_else(|| session.attended())
}

struct Session {
    root: PathBuf,
    factory: Factory,
    terminals: Terminals,
    disks: Vec<Disk>,
}

fn title(factory: Option<&Factory>) -> Text {
    let version = factory.map(|factory| format!(" {}", factory.version)).unwrap_or_default();
    Text::new(format!("Fluxgate{version} : installation"), format!("Fluxgate{version}: installation"))
}

fn press() -> Text {
    Text::new("Pressez une touche pour continuer.", "Press a key to go on.")
}

fn wait_for_key(terminals: &mut Terminals) {
    while terminals.keys(LOOK).is_empty() {}
}

/// As many random digits.
fn digits(count: usize) -> String {
    random::bytes::<16>().iter().take(count).map(|byte| char::from(b'0' + byte % 10)).collect()
}

impl Session {
    fn look(&mut self) {
        self.disks = disks::list(Terms { root: &self.root, needed: self.factory.bytes });
    }

    /// Waits until the kernel has found the machine's disks.
    fn settle(&mut self) {
        let begun = Instant::now();
        let mut changed = begun;
        while begun.elapsed() < PROBED && (changed.elapsed() < QUIET || self.disks.is_empty()) {
            std::thread::sleep(LOOK);
            let before = std::mem::take(&mut self.disks);
            self.look();
            if self.disks != before {
                changed = Instant::now();
            }
        }
    }

    fn choices(&self) -> Vec<Choice> {
        self.disks
            .iter()
            .take(CHOICES_LIMIT)
            .map(|disk| Choice { text: disk.text(), fits: disk.unfit.is_none() })
            .collect()
    }

    /// By a provisioning file; how the machine ends, or nothing where a person has to choose.
    fn unattended(&mut self, bytes: &[u8]) -> Option<MachineEnd> {
        let read = Provisioning::parse(bytes).and_then(|order| {
            let network = order.network.as_ref().map_or(Ok(()), |network| check_for(&self.root, network));
            network.map_err(|problem| ProvisioningError::Network(problem.text()))?;
            order.names_cards_by_mac()?;
            let disk = order.choose(&self.disks)?.clone();
            Ok((order, disk))
        });
        let (order, disk) = match read {
            Ok(read) => read,
            Err(error) => return self.refuse(&error),
        };
        // Of the order alone: another version on the stick is no order to wipe again what is in service.
        let mark = DocumentHash(Sha256::digest(bytes).into());
        if disk.holds == Holds::Fluxgate && disk_writer::mark_of(&disk.path) == Some(mark) {
            let done = Text::new(
                "Ce disque a déjà été installé par ce même fichier : il n'est pas effacé une deuxième fois. Retirez la clé USB, puis pressez une touche : la machine redémarre.",
                "This disk was installed by this very file already: it is not wiped a second time. Pull out the stick, then press a key: the machine restarts.",
            );
            self.terminals.page(&[title(Some(&self.factory)), disk.text(), done], &Text::same(""));
            wait_for_key(&mut self.terminals);
            return Some(MachineEnd::Restart);
        }
        if !self.is_let(&disk, &order) {
            return None;
        }
        let version = self.factory.version.clone();
        let meant = |disks: &[Disk]| order.choose(disks).ok().cloned();
        let done = self.install(&disk, &meant).and_then(|()| {
            let handed = handover::hand_over(&self.root, &disk, &order, &version);
            handed.and_then(|()| disk_writer::leave_mark(&disk.path, mark)).map_err(|error| {
                // Without what it is to take over it is not what was ordered.
                disk_writer::take_back(&disk.path).err().unwrap_or(error)
            })
        });
        if let Err(error) = done {
            self.fail(&error);
            wait_for_key(&mut self.terminals);
            return None;
        }
        self.say_installed(&disk);
        let (end, fr, en) = match order.after {
            After::Off => (MachineEnd::Off, "La machine s'arrête.", "The machine switches off."),
            After::Restart => (MachineEnd::Restart, "La machine redémarre.", "The machine restarts."),
        };
        self.terminals.say(&Text::new(fr, en));
        std::thread::sleep(READ);
        Some(end)
    }

    /// Says why a provisioning file counts for nothing.
    fn refuse(&mut self, error: &ProvisioningError) -> Option<MachineEnd> {
        let file = error.text().about("provisioning.cred");
        let what = Text::new(
            "Rien n'a été effacé. Corrigez ce fichier sur la clé, ou installez à la main : pressez une touche.",
            "Nothing was erased. Correct this file on the stick, or install by hand: press a key.",
        );
        self.terminals.page(&[title(Some(&self.factory)), Text::same(""), file, what], &Text::same(""));
        wait_for_key(&mut self.terminals);
        None
    }

    /// Says what is about to be wiped, and on whose word; whether nobody stopped it.
    fn is_let(&mut self, disk: &Disk, order: &Provisioning) -> bool {
        let who = order.signed_off.as_str();
        let lines = [
            title(Some(&self.factory)),
            Text::same(""),
            Text::new("TOUT ce que porte ce disque sera EFFACÉ :", "EVERYTHING on this disk will be WIPED:"),
            disk.text().map(|line| format!("   {line}")),
            Text::new(format!("Accord donné par : {who}"), format!("Agreed to by: {who}")),
        ];
        self.terminals.page(&lines, &Text::same(""));
        let begun = Instant::now();
        while let Some(left) = NOTICE.checked_sub(begun.elapsed()) {
            let seconds = left.as_secs();
            self.terminals.retype(&Text::new(
                format!(" Dans {seconds} s ; une touche l'arrête."),
                format!(" In {seconds} s; any key stops it."),
            ));
            if !self.terminals.keys(Duration::from_secs(1).min(left)).is_empty() {
                return false;
            }
        }
        true
    }

    /// With a person.
    fn attended(&mut self) -> MachineEnd {
        let mut dialog = Dialog::new(self.terminals.language);
        self.look();
        self.draw(&dialog);
        loop {
            for key in self.terminals.keys(LOOK) {
                match dialog.key(key, &self.choices(), digits) {
                    Some(Action::Install(disk)) => {
                        if self.install_for_person(disk) {
                            return MachineEnd::Restart;
                        }
                        dialog.reset();
                        self.look();
                        self.draw(&dialog);
                        break;
                    }
                    Some(Action::Restart) => return MachineEnd::Restart,
                    Some(Action::Look) => {
                        self.look();
                        self.draw(&dialog);
                    }
                    Some(Action::Redraw) => {
                        self.terminals.language = dialog.language;
                        self.draw(&dialog);
                    }
                    None => {
                        let (_, typed) = dialog.shown(&self.choices());
                        self.terminals.retype(&typed);
                    }
                }
            }
        }
    }

    fn draw(&mut self, dialog: &Dialog) {
        let choices = self.choices();
        let (asked, typed) = dialog.shown(&choices);
        let mut lines = vec![title(Some(&self.factory)), Text::same("")];
        if choices.is_empty() {
            lines.push(Text::new(
                "Aucun disque : ni NVMe, ni SATA, ni eMMC, ni virtio. Vérifiez qu'il est branché et que le firmware le voit (RAID désactivé).",
                "No disk: neither NVMe nor SATA, eMMC or virtio. Check that it is plugged in and that the firmware sees it (RAID off).",
            ));
        }
        for (at, choice) in choices.into_iter().enumerate() {
            let mark = if choice.fits { format!("{}", at + 1) } else { "-".to_owned() };
            lines.push(choice.text.map(|text| format!("{mark}  {text}")));
        }
        let more = self.disks.len().saturating_sub(CHOICES_LIMIT);
        if more > 0 {
            lines.push(Text::new(
                format!("   et {more} de plus : débranchez-en"),
                format!("   and {more} more: unplug some"),
            ));
        }
        lines.push(Text::same(""));
        lines.extend(asked);
        self.terminals.page(&lines, &typed);
    }

    /// Whether it was installed.
    fn install_for_person(&mut self, disk: usize) -> bool {
        let Some(disk) = self.disks.get(disk).cloned() else { return false };
        let same = |disks: &[Disk]| disks.iter().find(|other| other.name == disk.name).cloned();
        let done = self.install(&disk, &same);
        match &done {
            Ok(()) => {
                self.say_installed(&disk);
                self.terminals.say(&Text::new(
                    "Retirez la clé USB, puis pressez une touche : la machine redémarre.",
                    "Pull out the stick, then press a key: the machine restarts.",
                ));
            }
            Err(error) => self.fail(error),
        }
        wait_for_key(&mut self.terminals);
        done.is_ok()
    }

    fn fail(&mut self, error: &InstallError) {
        self.terminals.say(&Text::new("RIEN N'EST INSTALLÉ.", "NOTHING IS INSTALLED."));
        for text in [error.text(), error.remedy(), press()] {
            self.terminals.say(&text);
        }
    }

    /// Wipes, writes and compares; says how far it is. `meant`: which of the disks that are there now it is to be.
    fn install(&mut self, disk: &Disk, meant: &dyn Fn(&[Disk]) -> Option<Disk>) -> Result<(), InstallError> {
        self.look();
        if let Some(why) = disks::objection(disk, meant(&self.disks).as_ref(), &self.disks) {
            return Err(InstallError::Unfit { path: disk.path.clone(), why });
        }
        let terminals = &mut self.terminals;
        terminals.page(&[title(Some(&self.factory)), Text::same(""), disk.text()], &Text::same(""));
        let mut shown: Option<(Doing, u64)> = None;
        let done = disk_writer::install(&self.factory, &disk.path, &mut |doing, percent| {
            let row = doing.text().map(|text| format!(" {text}: {percent} %"));
            let row = Text::new(row.fr.replacen(": ", " : ", 1), row.en);
            match shown {
                Some(now) if now == (doing, percent) => return,
                Some((before, _)) if before == doing => terminals.retype(&row),
                _ => {
                    terminals.say(&Text::same(""));
                    terminals.retype(&row);
                }
            }
            shown = Some((doing, percent));
        });
        // What was typed meanwhile was no answer to anything.
        while !terminals.keys(Duration::ZERO).is_empty() {}
        done
    }

    fn say_installed(&mut self, disk: &Disk) {
        let (version, name) = (&self.factory.version, &disk.name);
        self.terminals.say(&Text::new(
            format!("Fluxgate {version} est installé sur {name} : relu, identique à ce que porte l'installateur."),
            format!("Fluxgate {version} is installed on {name}: read back, the same as the installer carries."),
        ));
    }
}
