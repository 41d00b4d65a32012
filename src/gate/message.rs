//! What front may ask and core may answer. Closed sets; unknown fields are refused.

use std::os::fd::OwnedFd;

use serde::{Deserialize, Serialize};

use crate::domain::{AccountName, DocumentHash, FlowId, Timestamp};
use crate::fault::Fault;
use crate::os::log_copy::Line;
use crate::os::sandbox::{self, Report};

/// Version of the protocol: both sides are one binary, so it only catches an update between two starts.
pub const VERSION: u32 = 4;

/// The drop folder's name in the tree an account sees, and the first part of every route's folder.
pub const DEPOT: &str = "depot";

/// The folder of who may drop releases of the appliance.
pub const RELEASES: &str = "mise-a-jour";

/// The folders of results, which exist on disk under `folders/<account>/`.
pub const RESULT_FOLDERS: [&str; 4] = ["accuses", "recues", "statuts", "rejets"];

/// What stands in the root of the tree an account sees.
pub const FIRST_FOLDERS: [&str; 5] = [DEPOT, "accuses", "recues", "statuts", "rejets"];

/// Proof that an account logged in, made and checked only by core; opaque to front.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pass(pub String);

/// Tells a file that front has staged from every other, before and after a restart; made by front, opaque to core.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(pub String);

/// Bytes of a stamp, at most.
const STAMP_LIMIT: usize = 64;

impl Stamp {
    /// Whether it is one that front makes: short and printable.
    pub fn is_sound(&self) -> bool {
        (1..=STAMP_LIMIT).contains(&self.0.len()) && self.0.bytes().all(|b| b.is_ascii_graphic())
    }
}

/// What somebody who logs in shows. The secret itself is the frame's body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// The body is the password.
    Password,
    /// The body is a public key (SSH wire form) that the client offers: would it open the account? Not journalled.
    OfferedKey,
    /// The body is a public key whose private half signed this log-in: front has verified the signature.
    VerifiedKey,
}

/// What front asks. `pass` names the account; `folder` is [`DEPOT`], a sub-folder of it or [`RELEASES`], without a leading slash;
/// a `path` begins with one of [`RESULT_FOLDERS`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    Hello {
        version: u32,
    },
    /// → `Granted` or `Denied`.
    Authenticate {
        login: String,
        proof: Proof,
        /// The client's address, without its port.
        peer: String,
    },
    /// May this file come? Asked before its first byte. → `Done` or `Refused` (journalled, with a receipt).
    Admit {
        pass: Pass,
        folder: String,
        name: String,
        peer: String,
    },
    /// The whole file is here: as the body, or in the descriptor. → `Taken`, `Duplicate`, `Offered` or `Refused`. With the stamp of
    /// a staged file it may be asked again, and is answered as the first time.
    Receive {
        pass: Pass,
        folder: String,
        name: String,
        peer: String,
        sha256: DocumentHash,
        size: u64,
        staged: Option<Stamp>,
    },
    /// A file under a temporary name is durable in front's staging folder: journalled. → `Done` or `Refused`.
    Staged {
        pass: Pass,
        folder: String,
        name: String,
        peer: String,
        sha256: DocumentHash,
        size: u64,
    },
    /// Front refused the file itself (too large, interrupted ...): journal and refusal receipt. → `Refused`.
    Refuse {
        pass: Pass,
        folder: String,
        name: String,
        peer: String,
        fault: Fault,
        /// When, if core was away then.
        happened: Option<Timestamp>,
    },
    /// A staged file that nobody renamed is to be removed: journal and refusal receipt. → `Refused`; `Done` when it was
    /// handed over after all and only stayed behind.
    Swept {
        account: AccountName,
        folder: String,
        name: String,
        staged: Stamp,
    },
    /// A former front died while it received this much of an upload: journal and refusal receipt. → `Refused`; `Done`
    /// when the file was taken all the same.
    Left {
        account: AccountName,
        folder: String,
        name: String,
        sha256: DocumentHash,
        size: u64,
        /// When its last bytes came.
        modified: Timestamp,
    },
    /// → `Listing` with a descriptor of [`Entry`] records.
    List {
        pass: Pass,
        path: String,
    },
    /// → `Found` or `NotFound`.
    Stat {
        pass: Pass,
        path: String,
    },
    /// → `Found` with a read-only descriptor, or `NotFound`.
    Open {
        pass: Pass,
        path: String,
    },
    /// The application has taken a result. → `Done`, `NotFound` or `Forbidden`.
    Remove {
        pass: Pass,
        path: String,
        folder: bool,
    },
    /// The application has taken a result by renaming it. → `Done`, `NotFound` or `Forbidden`.
    Rename {
        pass: Pass,
        from: String,
        to: String,
    },
    /// → `Text`: Prometheus' text format.
    Metrics,
    /// → `Done`, or `Failed` with what is wrong.
    Health,
    /// Lines of front's log, for who gathers them. → `Done`
    Log {
        lines: Vec<LogLine>,
    },
    /// Which walls stand around front, and what they denied. → `Done`.
    Walls {
        report: Report,
    },
    /// The text that front's configuration was read from, where it has one. → `Done`, or `Superseded` where a start would read
    /// another one.
    Configured {
        sha256: Option<DocumentHash>,
    },
}

/// What an account that logged in may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    pub pass: Pass,
    pub account: AccountName,
    /// Folders that a route of this account names: `depot`, `depot/qualif`; and [`RELEASES`], if it may drop some.
    pub folders: Vec<String>,
    /// Bytes of one dropped file, at most.
    pub file_limit: u64,
    /// Below this many free bytes nothing is accepted.
    pub disk_reserve: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    File,
    Folder,
}

/// Something in a folder of results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub name: String,
    pub kind: EntryKind,
    /// Bytes.
    pub size: u64,
    /// Seconds since 1970, UTC.
    pub modified: u32,
}

/// What core answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    Welcome {
        version: u32,
    },
    Granted(Grant),
    Denied,
    /// The file is durable and journalled as a flow.
    Taken {
        flow: FlowId,
    },
    /// The file is durable and journalled as identical to `first`; `arrival` names its receipt.
    Duplicate {
        arrival: FlowId,
        first: FlowId,
    },
    /// The file is durable at keeper's and journalled as a release that may be one.
    Offered,
    /// Not taken. `receipt` names the refusal's receipt, unless even that could not be journalled.
    Refused {
        fault: Fault,
        receipt: Option<FlowId>,
    },
    Done,
    /// What was told is not what is in force.
    Superseded,
    /// With a descriptor: `count` records, written by [`Entry::write`].
    Listing {
        count: u64,
    },
    Found(Entry),
    NotFound,
    /// The account may not do this.
    Forbidden,
    /// The pass is unknown or too old: log in again.
    PassRefused,
    /// The text is the body.
    Text,
    /// Core could not do it.
    Failed {
        fault: Fault,
    },
    /// The request made no sense.
    Malformed,
}

/// An answer with what comes along.
#[derive(Debug)]
pub struct Reply {
    pub answer: Answer,
    pub body: Vec<u8>,
    pub descriptor: Option<OwnedFd>,
}

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self { answer, body: Vec::new(), descriptor: None }
    }
}

/// Lines of a log in one request, at most: they fit its header.
pub const LOG_LINES_AT_ONCE: usize = 5;
/// Bytes of such a line, at most.
const LOG_LINE_LIMIT: usize = 1_200;

/// A line of front's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogLine {
    pub at: Timestamp,
    /// As `log` counts: 1 error, 2 warning, 3 info, 4 debug.
    pub level: u8,
    pub text: String,
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        let mut text = line.text;
        if text.len() > LOG_LINE_LIMIT {
            let cut = (0..=LOG_LINE_LIMIT).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(cut);
        }
        let level = match line.level {
            log::Level::Error => 1,
            log::Level::Warn => 2,
            log::Level::Info => 3,
            log::Level::Debug | log::Level::Trace => 4,
        };
        Self { at: Timestamp::from_millis(line.at.as_millisecond()), level, text }
    }
}

impl LogLine {
    /// As a line of that process; whatever was claimed, it is one line of printable characters.
    pub fn of(self, identifier: &str) -> Line {
        let level = match self.level {
            0 | 1 => log::Level::Error,
            2 => log::Level::Warn,
            3 => log::Level::Info,
            _ => log::Level::Debug,
        };
        let at = jiff::Timestamp::from_millisecond(self.at.millis()).unwrap_or_default();
        let text = self.text.chars().filter(|letter| !letter.is_control()).collect();
        Line { at, level, identifier: identifier.to_owned(), text }
    }
}

/// Bytes of each text in a request, at most (their sum is bounded by the frame's header).
const TEXT_LIMIT: usize = 4096;

impl Request {
    /// Whether every text is within its limit, and a stamp is one.
    pub fn is_bounded(&self) -> bool {
        let texts: &[&str] = match self {
            Request::Hello { .. } | Request::Metrics | Request::Health | Request::Configured { .. } => &[],
            Request::Walls { .. } | Request::Log { .. } => &[],
            Request::Authenticate { login, peer, .. } => &[login, peer],
            Request::Admit { pass, folder, name, peer }
            | Request::Receive { pass, folder, name, peer, .. }
            | Request::Staged { pass, folder, name, peer, .. }
            | Request::Refuse { pass, folder, name, peer, .. } => &[&pass.0, folder, name, peer],
            Request::Swept { folder, name, .. } | Request::Left { folder, name, .. } => &[folder, name],
            Request::List { pass, path }
            | Request::Stat { pass, path }
            | Request::Open { pass, path }
            | Request::Remove { pass, path, .. } => &[&pass.0, path],
            Request::Rename { pass, from, to } => &[&pass.0, from, to],
        };
        if let Request::Log { lines } = self {
            return lines.len() <= LOG_LINES_AT_ONCE && lines.iter().all(|line| line.text.len() <= LOG_LINE_LIMIT);
        }
        if let Request::Walls { report } = self {
            return report.denied.len() <= sandbox::NUMBERS;
        }
        let stamp = match self {
            Request::Receive { staged, .. } => staged.as_ref(),
            Request::Swept { staged, .. } => Some(staged),
            _ => None,
        };
        texts.iter().all(|text| text.len() <= TEXT_LIMIT) && stamp.is_none_or(Stamp::is_sound)
    }

    /// Whether asking twice does no more than asking once: such a request may be repeated on a new connection.
    pub fn is_repeatable(&self) -> bool {
        match self {
            Request::Hello { .. }
            | Request::List { .. }
            | Request::Stat { .. }
            | Request::Open { .. }
            | Request::Metrics
            | Request::Health
            | Request::Log { .. }
            | Request::Walls { .. }
            | Request::Configured { .. } => true,
            Request::Authenticate { .. }
            | Request::Admit { .. }
            | Request::Receive { .. }
            | Request::Staged { .. }
            | Request::Refuse { .. }
            | Request::Swept { .. }
            | Request::Left { .. }
            | Request::Remove { .. }
            | Request::Rename { .. } => false,
        }
    }
}

/// Fixed part of an [`Entry`] record in bytes: kind, size, time, length of the name.
const ENTRY_HEAD: usize = 1 + 8 + 4 + 2;

impl Entry {
    /// Appends the record: kind (0 file, 1 folder), size, time, the name's length and the name; big-endian.
    /// A name longer than 255 bytes cannot come from a folder and is cut.
    pub fn write(&self, out: &mut Vec<u8>) {
        let name = &self.name.as_bytes()[..self.name.floor_char_boundary(255)];
        out.push(u8::from(self.kind == EntryKind::Folder));
        out.extend_from_slice(&self.size.to_be_bytes());
        out.extend_from_slice(&self.modified.to_be_bytes());
        out.extend_from_slice(&u16::try_from(name.len()).expect("cut to 255 bytes").to_be_bytes());
        out.extend_from_slice(name);
    }

    /// The record at the beginning of `bytes` and its length. `Ok(None)`: not all of it is there yet; `Err`: nonsense.
    pub fn read(bytes: &[u8]) -> Result<Option<(Entry, usize)>, &'static str> {
        let Some((head, rest)) = bytes.split_at_checked(ENTRY_HEAD) else { return Ok(None) };
        let kind = match head[0] {
            0 => EntryKind::File,
            1 => EntryKind::Folder,
            _ => return Err("unknown kind of entry"),
        };
        let size = u64::from_be_bytes(head[1..9].try_into().expect("eight bytes"));
        let modified = u32::from_be_bytes(head[9..13].try_into().expect("four bytes"));
        let length = usize::from(u16::from_be_bytes(head[13..15].try_into().expect("two bytes")));
        if length > 255 {
            return Err("name of an entry too long");
        }
        let Some(name) = rest.get(..length) else { return Ok(None) };
        let name = std::str::from_utf8(name).map_err(|_| "name of an entry is not UTF-8")?.to_owned();
        Ok(Some((Entry { name, kind, size, modified }, ENTRY_HEAD + length)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn entries_read_what_they_write(name in "\\PC{0,80}", size: u64, modified: u32, folder: bool) {
            let kind = if folder { EntryKind::Folder } else { EntryKind::File };
            let entry = Entry { name: name.chars().take(60).collect(), kind, size, modified };
            let mut bytes = Vec::new();
            entry.write(&mut bytes);
            let (read, length) = Entry::read(&bytes).unwrap().unwrap();
            prop_assert_eq!(&read, &entry);
            prop_assert_eq!(length, bytes.len());
            for cut in 0..bytes.len() {
                prop_assert_eq!(Entry::read(&bytes[..cut]).unwrap(), None);
            }
        }

        #[test]
        fn noise_is_never_a_panic(bytes: Vec<u8>) {
            let _ = Entry::read(&bytes);
        }
    }

    #[test]
    fn lines_of_a_log_are_few_and_short_and_fit_a_frame() {
        let line = |text: &str| {
            let at = jiff::Timestamp::now();
            LogLine::from(Line { at, level: log::Level::Warn, identifier: "x".into(), text: text.into() })
        };
        let longest = Request::Log { lines: vec![line(&"\"é".repeat(LOG_LINE_LIMIT)); LOG_LINES_AT_ONCE] };
        assert!(longest.is_bounded());
        assert!(serde_json::to_vec(&longest).unwrap().len() < super::super::frame::HEADER_LIMIT);
        assert!(!Request::Log { lines: vec![line("x"); LOG_LINES_AT_ONCE + 1] }.is_bounded());
        let long = LogLine { text: "x".repeat(LOG_LINE_LIMIT + 1), ..line("") };
        assert!(!Request::Log { lines: vec![long] }.is_bounded());
        let forged = LogLine { level: 9, text: "a\n<0>b".into(), ..line("") }.of("fluxgate-front");
        assert_eq!((forged.text.as_str(), forged.level), ("a<0>b", log::Level::Debug));
    }

    #[test]
    fn unknown_fields_and_requests_are_refused() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#""health""#).unwrap(), Request::Health);
        assert!(read(r#"{"list":{"pass":"p","path":"accuses"}}"#).is_ok());
        assert!(read(r#"{"list":{"pass":"p","path":"accuses","account":"other"}}"#).is_err());
        assert!(read(r#"{"shell":{}}"#).is_err());
        let swept = |stamp: &str| Request::Swept {
            account: "sifac".parse().unwrap(),
            folder: String::new(),
            name: String::new(),
            staged: Stamp(stamp.to_owned()),
        };
        assert!(swept("1.2.3").is_bounded());
        assert!([&"1".repeat(65), "", "1 2"].iter().all(|stamp| !swept(stamp).is_bounded()));
        let long = Request::List { pass: Pass(String::new()), path: "x".repeat(TEXT_LIMIT + 1) };
        assert!(!long.is_bounded());
    }
}
