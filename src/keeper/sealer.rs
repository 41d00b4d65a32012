//! The steps at the seal that need rights which keeper has not: each is run by a unit of its own.
//!
//! `prepare` before the partition is made: whether it will be sealed. `open` before it is mounted. `obey` when keeper asks for a
//! recovery key, or for one to be tried. What they found stands in keeper's folder of the seal, which root alone can read.
//!
//! A seal is bound to two registers of the TPM: PCR 7 (Secure Boot is on, and these keys decide) as it is, and PCR 11 (our kernel,
//! its command line and thereby the root) by a signature, so that another version of ours opens it. PCR 11 alone would keep nothing: it begins at
//! zero, and another system that is started could measure into it what our kernel is measured as.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::luks::{self, Head};
use super::machine::Machine;
use super::measured;
use crate::gate::{RecoveryKey, Seal, SealCause};
use crate::os::{durable, firmware, secret};

/// The folder of the seal: what was found, what is asked, what was answered.
pub(super) const FOLDER: &str = "run/fluxgate-keeper/seal";
pub(super) const FOUND: &str = "found.json";
pub(super) const REQUEST: &str = "request.json";
pub(super) const ANSWER: &str = "answer.json";
/// There from the making of a recovery key until somebody is shown it.
pub(super) const UNSHOWN: &str = "var/lib/fluxgate-keeper/recovery-key-unshown";
/// Left by a start at which a recovery key had opened what is kept, until keeper has noted it.
pub(super) const RECOVERED: &str = "run/fluxgate-keeper/recovered";
/// The firmware's variable by which the next start knows: what keeper writes itself is not open yet.
pub(super) const RECOVERED_WISH: &str =
    "sys/firmware/efi/efivars/FluxgateRecovered-9f0c2f0e-0f5d-4bb1-a6f4-5d6a7e1c2b90";

/// How the partition is made, as the image says it; and where systemd-repart looks first.
const PLAN: &str = "usr/lib/repart.d/50-data.conf";
const SEALED_PLAN: &str = "run/repart.d/50-data.conf";
/// The partition, as udev names that of the root's own disk; and how long it is waited for.
const PARTITION: &str = "dev/fluxgate/data";
const WAIT: &str = "--timeout=20";
/// The opened device's name.
const NAME: &str = "data";
/// The registers that a seal is bound to: as they are, and by signature.
const BOUND: [&str; 2] = ["--tpm2-pcrs=7", "--tpm2-public-key-pcrs=11"];

const REPART: &str = "usr/bin/systemd-repart";
const CRYPTSETUP: &str = "usr/lib/systemd/systemd-cryptsetup";
const ENROLL: &str = "usr/bin/systemd-cryptenroll";
const UDEVADM: &str = "usr/bin/udevadm";
/// In systemd-cryptsetup's complaint of a key that opens nothing.
const WRONG_KEY: &str = "Key data incorrect?";
/// Characters of a program's complaint that are told, at most.
const COMPLAINT_LIMIT: usize = 300;
/// Bytes of a request, at most.
const REQUEST_LIMIT: u64 = 4096;

/// Why a step at the seal was not done.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("{}: {cause}", path.display())]
    File { path: PathBuf, cause: io::Error },
    #[error(transparent)]
    Secret(#[from] secret::SecretError),
    #[error("the root's disk cannot be looked through for the partition data: {0}")]
    NoPartition(io::Error),
    #[error("{program} cannot be run: {cause}")]
    Program { program: String, cause: io::Error },
    #[error("{program} failed: {complaint}")]
    Failed { program: String, complaint: String },
    #[error("what is kept stays closed: {}", .0.text().en)]
    Closed(SealCause),
    #[error("the request makes no sense: {0}")]
    Request(serde_json::Error),
}

/// What keeper asks of the unit that may.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    pub number: String,
    pub what: Wish,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Wish {
    /// A recovery key; it takes the place of one that is there.
    MakeKey,
    /// This key opens what is kept; the seal is made anew.
    TryKey(RecoveryKey),
}

/// What became of a request.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    pub number: String,
    pub what: Done,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Done {
    Key(RecoveryKey),
    /// The key opened it, and it is sealed to this machine now.
    Sealed,
    /// The key does not open it.
    WrongKey,
    Failed(String),
}

/// Before anything of the disk is made: the partition is sealed where there is a TPM, and what opens a seal is put where it is looked
/// for.
pub fn prepare(root: &Path) -> Result<(), SealError> {
    let machine = Machine::at(root);
    match measured::read(&machine) {
        Ok(None) => {}
        Ok(Some(signatures)) => write(&root.join(measured::SIGNATURES), &signatures)?,
        // Without them a seal does not open, and says so.
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "What is signed of this kernel's measure cannot be read")
        }
    }
    if !machine.has_tpm() {
        return Ok(());
    }
    let plan = root.join(PLAN);
    let text = fs::read_to_string(&plan).map_err(|cause| SealError::File { path: plan, cause })?;
    write(&root.join(SEALED_PLAN), format!("{text}Encrypt=tpm2\n").as_bytes())
}

/// Before what is kept is mounted: opens it where it is sealed, and notes how it stands. Where it could not be made sealed it is
/// made plain, and shown as that.
pub fn open(root: &Path) -> Result<(), SealError> {
    let machine = Machine::at(root);
    let mut failed = false;
    wait(root);
    if partition(&machine)?.is_none() {
        failed = machine.has_tpm();
        if failed {
            log::error!("The partition data was not made sealed: that is tried once more");
            make(root);
        }
    }
    if partition(&machine)?.is_none() {
        log::error!("The partition data is not there: it is made plain");
        let _ = fs::remove_file(root.join(SEALED_PLAN));
        make(root);
    }
    let seal = look(&machine, failed);
    write_json(&root.join(FOLDER).join(FOUND), &seal)?;
    match seal.cause {
        Some(cause) if cause.is_closed() => Err(SealError::Closed(cause)),
        _ => {
            // What is kept is open: that its journal lacks a line keeps nobody from it.
            if let Err(error) = note_recovery(&machine) {
                log::error!(error = error.to_string().as_str(); "That a recovery key opened what is kept is not in the journal yet");
            }
            Ok(())
        }
    }
}

/// Makes the partition as it is planned now.
fn make(root: &Path) {
    match run(root, REPART, &["--dry-run=no"]) {
        Ok(_) => wait(root),
        Err(error) => log::error!(error = error.to_string().as_str(); "The partition data cannot be made"),
    }
}

/// Waits until udev has seen the partition, which may just have been made.
fn wait(root: &Path) {
    let path = root.join(PARTITION);
    if let Err(error) = run(root, UDEVADM, &["wait", WAIT, &path.to_string_lossy()]) {
        log::warn!(error = error.to_string().as_str(); "The partition data has not come");
    }
}

/// The partition of what is kept. The kernel does not know the name of one that was made at this start: udev does.
fn partition(machine: &Machine) -> Result<Option<PathBuf>, SealError> {
    match fs::canonicalize(machine.path(PARTITION)) {
        Ok(path) => Ok(Some(path)),
        Err(_) => machine.data_partition().map_err(SealError::NoPartition),
    }
}

/// Opens what is sealed; how it stands then.
fn look(machine: &Machine, failed: bool) -> Seal {
    let closed = |cause| Seal { sealed: false, cause: Some(cause), has_recovery_key: false };
    let Ok(Some(partition)) = partition(machine) else { return closed(SealCause::Damaged) };
    let has_tpm = machine.has_tpm();
    match luks::read(&partition) {
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "The partition data cannot be read");
            closed(SealCause::Damaged)
        }
        Ok(Head::Unknown) => {
            log::error!("The partition data begins as nothing that is kept there");
            closed(SealCause::Damaged)
        }
        Ok(Head::Plain) if failed => closed(SealCause::TpmFailed),
        Ok(Head::Plain) if has_tpm => closed(SealCause::MadePlain),
        Ok(Head::Plain) => closed(SealCause::NoTpm),
        Ok(Head::Sealed(luks)) => {
            let cause = match attach(machine, &partition, "-", "tpm2-device=auto") {
                Ok(()) if machine.has_secure_boot() => None,
                Ok(()) => Some(SealCause::NoSecureBoot),
                Err(error) => {
                    log::error!(error = error.to_string().as_str(); "What is kept does not open");
                    Some(if has_tpm { SealCause::Elsewhere } else { SealCause::TpmGone })
                }
            };
            Seal { sealed: !cause.is_some_and(SealCause::is_closed), cause, has_recovery_key: luks.has_recovery_key }
        }
    }
}

/// Makes `/dev/mapper/data` of the partition, with the key that is in a file, or that the TPM gives.
fn attach(machine: &Machine, partition: &Path, key: &str, option: &str) -> Result<(), SealError> {
    if machine.path("dev/mapper").join(NAME).exists() {
        return Ok(());
    }
    if option.starts_with("tpm2") && !machine.has_tpm() {
        return Err(SealError::Closed(SealCause::TpmGone));
    }
    let options = format!("luks,headless=true,tries=1,{option}");
    run(&machine.path(""), CRYPTSETUP, &["attach", NAME, &partition.to_string_lossy(), key, &options]).map(drop)
}

/// A recovery key had opened it before this start: keeper notes it, now that it can.
fn note_recovery(machine: &Machine) -> Result<(), SealError> {
    let wish = machine.path(RECOVERED_WISH);
    if !wish.exists() {
        return Ok(());
    }
    write(&machine.path(RECOVERED), b"")?;
    firmware::remove(&wish).map_err(|cause| SealError::File { path: wish, cause })
}

/// Does what keeper asks for, once.
pub fn obey(root: &Path) -> Result<(), SealError> {
    let folder = root.join(FOLDER);
    let path = folder.join(REQUEST);
    let failed = |cause| SealError::File { path: path.clone(), cause };
    let length = fs::metadata(&path).map_err(failed)?.len();
    let text = if length <= REQUEST_LIMIT { fs::read(&path).map(Zeroizing::new) } else { Ok(Zeroizing::default()) };
    // Gone before it is done: what fails is asked for anew, not done over and over.
    fs::remove_file(&path).map_err(failed)?;
    let request: Request = serde_json::from_slice(&text.map_err(failed)?).map_err(SealError::Request)?;
    let machine = Machine::at(root);
    let done = partition(&machine).and_then(|partition| match (partition, request.what) {
        (None, _) => Err(SealError::Closed(SealCause::Damaged)),
        (Some(partition), Wish::MakeKey) => make_key(&machine, &partition).map(Done::Key),
        (Some(partition), Wish::TryKey(key)) => try_key(&machine, &partition, &key),
    });
    let what = done.unwrap_or_else(|error| {
        log::error!(error = error.to_string().as_str(); "Nothing was done at the seal");
        Done::Failed(error.to_string().chars().take(COMPLAINT_LIMIT).collect())
    });
    write_json(&folder.join(ANSWER), &Answer { number: request.number, what })
}

/// A new recovery key; a former one opens nothing any more.
fn make_key(machine: &Machine, partition: &Path) -> Result<RecoveryKey, SealError> {
    let partition = partition.to_string_lossy();
    let words = ["--recovery-key", "--unlock-tpm2-device=auto", "--wipe-slot=recovery", &*partition];
    let said = run(&machine.path(""), ENROLL, &words)?;
    let said = Zeroizing::new(String::from_utf8_lossy(&said.stdout).into_owned());
    let key = said.lines().find_map(RecoveryKey::parse);
    let key =
        key.ok_or_else(|| SealError::Failed { program: ENROLL.to_owned(), complaint: "it printed no key".to_owned() })?;
    let seal = Seal { has_recovery_key: true, ..found(machine) };
    write_json(&machine.path(FOLDER).join(FOUND), &seal)?;
    Ok(key)
}

/// Opens what is kept by its recovery key and seals it to this machine's TPM, in place of the former one.
fn try_key(machine: &Machine, partition: &Path, key: &RecoveryKey) -> Result<Done, SealError> {
    let file = machine.path(FOLDER).join("key");
    let _ = fs::remove_file(&file);
    secret::create(&file, key.as_str().as_bytes())?;
    let done = try_key_in(machine, partition, &file);
    fs::remove_file(&file).map_err(|cause| SealError::File { path: file, cause })?;
    done
}

fn try_key_in(machine: &Machine, partition: &Path, file: &Path) -> Result<Done, SealError> {
    // Open from an earlier try, any key would count as the right one. Nothing is mounted of it.
    if let Err(error) = run(&machine.path(""), CRYPTSETUP, &["detach", NAME]) {
        log::debug!(error = error.to_string().as_str(); "What is kept was not open");
    }
    match attach(machine, partition, &file.to_string_lossy(), "keyfile-timeout=5s") {
        Err(SealError::Failed { complaint, .. }) if complaint.contains(WRONG_KEY) => {
            log::warn!("A recovery key was tried that does not open what is kept");
            return Ok(Done::WrongKey);
        }
        attached => attached?,
    }
    let key = format!("--unlock-key-file={}", file.display());
    let partition = partition.to_string_lossy();
    // First the former seal goes: where the registers have the same values it would be taken for this TPM's. Cut between the two, the
    // recovery key opens it again.
    run(&machine.path(""), ENROLL, &["--wipe-slot=tpm2", &*partition])?;
    run(&machine.path(""), ENROLL, &[&*key, "--tpm2-device=auto", BOUND[0], BOUND[1], &*partition])?;
    Ok(Done::Sealed)
}

/// How the seal stood at this start; as of a plain partition where nobody looked. A recovery key that nobody was shown is none.
pub(super) fn found(machine: &Machine) -> Seal {
    let path = machine.path(FOLDER).join(FOUND);
    let found: Seal = fs::read(path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
    Seal { has_recovery_key: found.has_recovery_key && !machine.path(UNSHOWN).exists(), ..found }
}

/// A value in a file for root alone.
pub(super) fn write_json(path: &Path, value: &impl Serialize) -> Result<(), SealError> {
    write(path, &Zeroizing::new(serde_json::to_vec(value).expect("plain fields have a JSON form")))
}

/// A file for root alone, in a folder that may not have been made yet.
fn write(path: &Path, bytes: &[u8]) -> Result<(), SealError> {
    let made =
        durable::make_dir_durably(durable::folder_of(path)).and_then(|()| durable::write_atomically(path, bytes));
    made.map_err(|cause| SealError::File { path: path.to_owned(), cause })
}

/// A program of the image's, without anything of this process's environment.
fn run(root: &Path, program: &str, words: &[&str]) -> Result<Output, SealError> {
    let done = Command::new(root.join(program)).args(words).env_clear().output();
    let output = done.map_err(|cause| SealError::Program { program: program.to_owned(), cause })?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let complaint: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let complaint = complaint.join("; ").chars().take(COMPLAINT_LIMIT).collect();
    Err(SealError::Failed { program: program.to_owned(), complaint })
}
