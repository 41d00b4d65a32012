//! Why a release is refused, and what breaks while one is applied: one variant per place, each with its fault.

use std::io;
use std::path::PathBuf;

use super::Version;
use crate::domain::Timestamp;
use crate::fault::{Code, Fault, Text};
use crate::os::lock::LockError;

/// What a role of the metadata is called.
pub type Role = &'static str;

/// Why a release is refused, or why it could not be applied.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError {
    #[error("no release: {0}")]
    NotARelease(Text),
    #[error("the file ends too early, {missing} bytes short at least")]
    Truncated { missing: u64 },
    #[error("{what} is not as it was signed: {why}")]
    Altered { what: String, why: Text },
    #[error("{role}: signed by nobody this box trusts")]
    Foreign { role: Role },
    #[error("{role}: {valid} signatures of {threshold}")]
    UnderSigned { role: Role, valid: u64, threshold: u64 },
    #[error("{role}: expired at {at}")]
    Expired { role: Role, at: Timestamp },
    #[error("{offered} is not newer than {running}")]
    NotNewer { offered: Version, running: Version },
    #[error("{offered} is below the floor {floor}")]
    BelowFloor { offered: Version, floor: Version },
    #[error("made for {offered}, this box is {ours}")]
    WrongBoard { offered: String, ours: String },
    #[error("{what}: {bytes} bytes, the limit is {limit}")]
    TooLarge { what: String, bytes: u64, limit: u64 },
    #[error("{offered} takes over the data of {oldest} at the oldest, this box runs {running}")]
    TooFarAhead { offered: Version, oldest: Version, running: Version },
    #[error("no room for the kernel on the boot partition: {needed} bytes, {free} are free")]
    NoRoom { needed: u64, free: u64 },
    #[error("{what}: {cause}")]
    Io { what: String, cause: io::Error },
    #[error("{what} reads back otherwise than it was written")]
    ReadBack { what: String },
    #[error("no way back: {0}")]
    NoWayBack(Text),
    #[error("the trusted root {}: {why}", path.display())]
    Untrusted { path: PathBuf, why: Text },
    #[error("another update is under way: {0}")]
    Busy(LockError),
    #[error("no appliance: {0}")]
    NoAppliance(Text),
    #[error("the boot partition is not mounted at {}", folder.display())]
    NoBootPartition { folder: PathBuf },
    #[error("the data partition has {free} bytes free, {needed} are needed")]
    DataFull { needed: u64, free: u64 },
}

impl UpdateError {
    /// Reading or writing `what` went wrong.
    pub(super) fn io(what: impl ToString) -> impl FnOnce(io::Error) -> Self {
        move |cause| Self::Io { what: what.to_string(), cause }
    }

    pub(super) fn altered(what: impl ToString, fr: &str, en: &str) -> Self {
        Self::Altered { what: what.to_string(), why: Text::new(fr, en) }
    }

    pub(super) fn not_a_release(fr: impl Into<String>, en: impl Into<String>) -> Self {
        Self::NotARelease(Text::new(fr, en))
    }

    /// The row of the catalogue, filled in.
    pub fn fault(&self) -> Fault {
        match self {
            Self::NotARelease(why) => Fault::new(Code::UpdateNotARelease).with_text("why", why),
            Self::Truncated { missing } => Fault::new(Code::UpdateTruncated).with("missing", missing),
            Self::Altered { what, why } => Fault::new(Code::UpdateAltered).with_text("why", &why.clone().about(what)),
            Self::Foreign { role } => Fault::new(Code::UpdateForeign).with("role", role),
            Self::UnderSigned { role, valid, threshold } => {
                Fault::new(Code::UpdateUnderSigned).with("role", role).with("valid", valid).with("threshold", threshold)
            }
            Self::Expired { role, at } => {
                Fault::new(Code::UpdateExpired).with("role", role).with("date", at.paris_day_text())
            }
            Self::NotNewer { offered, running } => {
                Fault::new(Code::UpdateNotNewer).with("offered", offered).with("running", running)
            }
            Self::BelowFloor { offered, floor } => {
                Fault::new(Code::UpdateBelowFloor).with("offered", offered).with("floor", floor)
            }
            Self::WrongBoard { offered, ours } => {
                Fault::new(Code::UpdateWrongBoard).with("offered", offered).with("ours", ours)
            }
            Self::TooLarge { what, bytes, limit } => {
                Fault::new(Code::UpdateTooLarge).with("what", what).with("bytes", bytes).with("limit", limit)
            }
            Self::TooFarAhead { offered, oldest, running } => Fault::new(Code::UpdateTooFarAhead)
                .with("offered", offered)
                .with("oldest", oldest)
                .with("running", running),
            Self::NoRoom { needed, free } => Fault::new(Code::UpdateNoRoom).with("needed", needed).with("free", free),
            Self::Io { what, cause } => {
                Fault::new(Code::UpdateNotWritten).with_text("why", &Text::from(cause).about(what))
            }
            Self::ReadBack { what } => {
                let why =
                    Text::new("relu différemment de ce qui a été écrit", "reads back otherwise than it was written");
                Fault::new(Code::UpdateNotWritten).with_text("why", &why.about(what))
            }
            Self::NoWayBack(why) => Fault::new(Code::UpdateNoWayBack).with_text("why", why),
            Self::Untrusted { path, why } => {
                Fault::new(Code::UpdateRootUnusable).with_text("why", &why.clone().about(path.display()))
            }
            Self::Busy(lock) => Fault::new(Code::UpdateBusy).with("detail", lock),
            Self::NoBootPartition { folder } => {
                Fault::new(Code::UpdateNoBootPartition).with("folder", folder.display())
            }
            Self::DataFull { needed, free } => {
                Fault::new(Code::UpdateDataFull).with("needed", needed).with("free", free)
            }
            Self::NoAppliance(why) => Fault::new(Code::UpdateNoAppliance).with_text("why", why),
        }
    }
}
