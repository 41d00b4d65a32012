//! One look at the address: a file that is not known yet is read into a file without a name, and handed to keeper.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use reqwest::Url;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};
use tokio::runtime::Handle;
use zeroize::Zeroizing;

use super::offer::{OfferError, Offering, offer};
use crate::domain::DocumentHash;
use crate::fault::{Code, Fault, Language, Text};
use crate::gate::{KeeperClient, KeeperError, Refusal, Work};
use crate::net::http::{Client, ClientError, Download, Settings, Validators, Wanted};
use crate::net::proxy::ProxySection;
use crate::net::resolver::Resolver;
use crate::os::signals::Shutdown;
use crate::os::{disk, durable, secret};
use crate::store::Store;
use crate::update::archive::RELEASE_BYTES_LIMIT;

/// For name, connection and TLS.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Without a byte for so long it is given up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// And after so long in any case: 450 MB at 1 Mbit/s.
const LONGEST: Duration = Duration::from_secs(3600);
/// The free space is looked at each time so many bytes came.
const SPACE_STEP: u64 = 4 << 20;
/// So long keeper's verdict is waited for; between two questions whether there is one.
const VERDICT_LONGEST: Duration = Duration::from_secs(15 * 60);
const LOOK: Duration = Duration::from_millis(500);
/// Bytes of a file of authorities, at most.
const PEM_LIMIT: u64 = 1 << 20;
/// The file's name for an instant, in the data folder.
const PASSING: &str = "release";

/// Where to look, and what with.
#[derive(Clone)]
pub struct Source {
    pub url: Url,
    /// Extra authorities, PEM.
    pub ca_file: Option<PathBuf>,
    pub every: Duration,
    pub proxy: ProxySection,
    /// Where relative paths start, and the file is kept for a while.
    pub dir: PathBuf,
    /// Bytes that stay free beside the file and keeper's copy of it: below that no invoice is taken in.
    pub reserve: u64,
    pub store: Store,
    pub keeper: KeeperClient,
}

/// What is known from before.
pub(super) struct Known<'a> {
    pub validators: &'a Validators,
    pub offered: Option<DocumentHash>,
}

/// What a look came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The server says that it is the file that is known.
    Unchanged,
    /// It is the file that was handed over before.
    Known(Validators),
    Offered {
        sha256: DocumentHash,
        validators: Validators,
    },
    /// It is what runs, or older.
    Old {
        sha256: DocumentHash,
        validators: Validators,
    },
    /// Keeper refused it for what it is.
    Bad {
        sha256: DocumentHash,
        validators: Validators,
        why: Text,
    },
    /// Put off: keeper is at work or does not answer, or what a person handed in waits.
    Waits,
}

/// Why a look came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The address could not be read.
    Address(Text),
    /// This box could not take what came.
    Box(Text),
}

/// A whole file as it came.
struct Fetched {
    file: File,
    bytes: u64,
    sha256: DocumentHash,
}

/// Looks once. Blocks; `None` when this process is told to stop meanwhile.
pub(super) fn look(
    source: &Source,
    known: &Known<'_>,
    runtime: &Handle,
    shutdown: &Shutdown,
) -> Option<Result<Outcome, Failure>> {
    if is_in_the_way(source, known) {
        return Some(Ok(Outcome::Waits));
    }
    let reading = async {
        tokio::select! {
            () = shutdown.told() => None,
            read = read(source, known) => Some(read),
        }
    };
    let (fetched, validators) = match runtime.block_on(reading)? {
        Ok(Some(read)) => read,
        Ok(None) => return Some(Ok(Outcome::Unchanged)),
        Err(failure) => return Some(Err(failure)),
    };
    Some(hand_over(source, known, fetched, validators))
}

/// Whether keeper is at work, or does not answer (yet), or something else than what was fetched last waits for a person.
fn is_in_the_way(source: &Source, known: &Known<'_>) -> bool {
    match source.keeper.updates() {
        Ok(updates) => {
            let is_anothers = updates.offered.is_some_and(|offered| Some(offered.sha256) != known.offered);
            updates.work != Work::Idle || is_anothers
        }
        Err(error) => {
            log::warn!(error = error.to_string().as_str(); "Releases are looked for once keeper answers");
            true
        }
    }
}

fn hand_over(source: &Source, known: &Known<'_>, fetched: Fetched, validators: Validators) -> Result<Outcome, Failure> {
    let Fetched { file, bytes, sha256 } = fetched;
    if known.offered == Some(sha256) {
        return Ok(Outcome::Known(validators));
    }
    // It took a while, in which a person may have handed one in.
    if is_in_the_way(source, known) {
        return Ok(Outcome::Waits);
    }
    let (actor, from) = ("system".to_owned(), source.url.to_string());
    let offering = Offering { file: OwnedFd::from(file), bytes, sha256, actor, from };
    match offer(&source.store, &source.keeper, offering) {
        Ok(()) => judged(source, sha256, validators),
        Err(OfferError::Keeper(KeeperError::Refused(Refusal::Busy))) => Ok(Outcome::Waits),
        Err(OfferError::Keeper(KeeperError::Refused(Refusal::Update(fault)))) => refused(&fault, sha256, validators),
        Err(OfferError::Keeper(error)) => Err(Failure::Box(error.text())),
        Err(OfferError::Store(error)) => Err(Failure::Box(Text::technical(
            "le journal ne peut pas être écrit",
            "the journal cannot be written",
            error,
        ))),
    }
}

/// What keeper makes of it, waited for. What is wrong with the file itself is remembered with it; what this box lacks is not.
fn judged(source: &Source, sha256: DocumentHash, validators: Validators) -> Result<Outcome, Failure> {
    let end = Instant::now() + VERDICT_LONGEST;
    while Instant::now() < end {
        std::thread::sleep(LOOK);
        let Ok(updates) = source.keeper.updates() else { continue };
        if updates.work == Work::Examining {
            continue;
        }
        if updates.offered.is_some_and(|offered| offered.sha256 == sha256) {
            return Ok(Outcome::Offered { sha256, validators });
        }
        return match updates.failed {
            Some(fault) => refused(&fault, sha256, validators),
            // Somebody threw it away, or brought another one.
            None => Ok(Outcome::Offered { sha256, validators }),
        };
    }
    let (fr, en) = ("le gardien (keeper) ne dit pas ce qu'il en pense", "keeper does not say what it makes of it");
    Err(Failure::Box(Text::new(fr, en)))
}

/// A refusal that is about the file, whatever this box is, is not heard twice.
fn refused(fault: &Fault, sha256: DocumentHash, validators: Validators) -> Result<Outcome, Failure> {
    let of = |language| format!("{} : {}", fault.code.as_str(), fault.title(language));
    let why = Text::new(of(Language::Fr), of(Language::En));
    match fault.code {
        // The version that runs, or an older one.
        Code::UpdateNotNewer => Ok(Outcome::Old { sha256, validators }),
        Code::UpdateNotARelease
        | Code::UpdateTruncated
        | Code::UpdateAltered
        | Code::UpdateForeign
        | Code::UpdateUnderSigned
        | Code::UpdateExpired
        | Code::UpdateBelowFloor
        | Code::UpdateWrongBoard
        | Code::UpdateTooLarge => Ok(Outcome::Bad { sha256, validators, why }),
        _ => Err(Failure::Box(why)),
    }
}

/// The file that is there now; `None`: it is the one that is known.
async fn read(source: &Source, known: &Known<'_>) -> Result<Option<(Fetched, Validators)>, Failure> {
    let client = client(source)?;
    let wanted = Wanted { url: &source.url, known: known.validators, limit: RELEASE_BYTES_LIMIT, longest: LONGEST };
    let found = client.download(wanted).await.map_err(|error| Failure::Address(error.text()))?;
    let Some(mut download) = found else { return Ok(None) };
    let validators = download.validators.clone();
    Ok(Some((keep(source, &mut download).await?, validators)))
}

/// Reads the file to its end. Its writes go to the page cache: they are short.
async fn keep(source: &Source, download: &mut Download) -> Result<Fetched, Failure> {
    let unkept = |error: io::Error| {
        let (fr, en) = ("le fichier ne peut pas être gardé", "the file cannot be kept");
        Failure::Box(Text::technical(fr, en, error))
    };
    has_room(source, download.length.unwrap_or(0), 0)?;
    let mut file = durable::nameless(&source.dir, PASSING).map_err(unkept)?;
    let (mut hash, mut bytes, mut looked_at) = (Sha256::new(), 0u64, 0u64);
    while let Some(piece) = download.next().await.map_err(|error| Failure::Address(error.text()))? {
        file.write_all(&piece).map_err(unkept)?;
        hash.update(&piece);
        bytes += u64::try_from(piece.len()).unwrap_or(u64::MAX);
        if bytes - looked_at >= SPACE_STEP {
            looked_at = bytes;
            has_room(source, download.length.unwrap_or(bytes), bytes)?;
        }
    }
    if bytes == 0 {
        return Err(Failure::Address(Text::new("le fichier est vide", "the file is empty")));
    }
    Ok(Fetched { file, bytes, sha256: DocumentHash(hash.finalize().into()) })
}

/// Whether the data disk takes the rest of a file, and keeper's copy of it.
fn has_room(source: &Source, whole: u64, came: u64) -> Result<(), Failure> {
    let free = disk::free_bytes(&source.dir).unwrap_or(0);
    let needed = whole.saturating_mul(2).saturating_sub(came).saturating_add(source.reserve);
    if free >= needed {
        return Ok(());
    }
    Err(Failure::Box(Text::new(
        format!("le disque des données n'a que {free} octets libres, il en faut {needed}"),
        format!("the data disk has {free} bytes free, {needed} are needed"),
    )))
}

fn client(source: &Source) -> Result<Client, Failure> {
    let wrong = |what: &str, said: Text| Failure::Address(said.about(what));
    let extra_ca = match &source.ca_file {
        Some(file) => {
            let mut pem = Vec::new();
            let read = File::open(source.dir.join(file)).and_then(|file| file.take(PEM_LIMIT).read_to_end(&mut pem));
            read.map_err(|error| wrong("update.ca_file", Text::from(&error)))?;
            Some(pem)
        }
        None => None,
    };
    let password = match &source.proxy.password_file {
        Some(file) => {
            let read = secret::read(&source.dir.join(file)).map(Zeroizing::new);
            let bytes = read.map_err(|error| wrong("proxy.password_file", error.text()))?;
            let text = std::str::from_utf8(bytes.trim_ascii())
                .map_err(|_| wrong("proxy.password_file", Text::new("ce n'est pas du texte", "it is not text")))?;
            Some(SecretString::from(text))
        }
        None => None,
    };
    let proxy = source.proxy.proxy(password.as_ref());
    let settings = Settings { extra_ca, connect_timeout: CONNECT_TIMEOUT, timeout: IDLE_TIMEOUT, proxy };
    let has_ca = settings.extra_ca.is_some();
    Client::new(&settings, &Resolver::system()).map_err(|error| match error {
        ClientError::Tls(error) if has_ca => wrong("update.ca_file", error.text()),
        error => Failure::Address(error.text()),
    })
}
