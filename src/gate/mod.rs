//! The narrow protocol between the two processes, over a Unix socket: *front* asks, *core* answers.
//!
//! Lockstep on each connection: one frame asks, one frame answers. A frame is two lengths, a JSON header (at most
//! [`HEADER_LIMIT`]), raw bytes (at most [`BODY_LIMIT`]) and at most one descriptor. Both sides parse what comes as
//! hostile: front because it is what strangers reach, core because front may have been taken over. Whoever logged in
//! is known to core by a [`Pass`] that only core can make, so a front that was taken over acts only for accounts that
//! really came.
//!
//! `keeper` is the like between core and the appliance's root process: core asks, keeper answers.
//!
//! Refuses to know: SFTP, SQL, Chorus Pro.

mod account;
mod client;
mod frame;
mod keeper;
mod message;
mod name;
mod network;
mod sealing;
mod server;
mod updating;

pub use account::{AccountSection, InvalidHash, InvalidKey, InvalidNetwork, KeyLine, Network, PasswordHash};
pub use client::{Client, Dropped, GateError, Handed, Whole};
pub use frame::{BODY_LIMIT, Frame, FrameError, HEADER_LIMIT};
pub use keeper::{
    Answer as KeeperAnswer, Clock, EVENTS_AT_ONCE, Event, Events, Happening, Health, Interface, KeeperClient,
    KeeperError, Memory, NetworkStatus, NetworkTrial, Refusal, Request as KeeperRequest, SIGHT_LIFE,
    SOCKET as KEEPER_SOCKET, Sealing, Sight, Status, Trouble, UPDATES_AT_ONCE, UPDATES_BYTES, folder_beside,
};
pub use message::{
    Answer, DEPOT, Entry, EntryKind, FIRST_FOLDERS, Grant, LOG_LINES_AT_ONCE, LogLine, Pass, Proof, RELEASES,
    RESULT_FOLDERS, Reply, Request, Stamp, VERSION,
};
pub use name::{NAME_LIMIT, NameProblem, check_name, is_temporary, printable_name};
pub use network::{
    Card, DNS_LIMIT, Draft, Field as SettingsField, Ipv4, Ipv6, NetworkProblem, NetworkSettings, ROUTES_LIMIT, Route,
    Side as SettingsSide, SideDraft, SideSettings, TIME_SERVERS_LIMIT, Wrong,
};
pub use sealing::{
    KEY_LETTERS, KEY_WAITS, KeyAnswer, KeyAsk, RecoveryKey, Seal, SealCause, SealRefusal, is_key_letter,
};
pub use server::{Core, Server, serve};
pub use updating::{CHANGELOG_LIMIT, Offered, Updates, Work};

/// Documents up to this many bytes pass the gate inside a frame and are stored inside the receive transaction: one
/// fsync per close. Larger ones are staged and passed as a descriptor.
pub const INLINE_LIMIT: usize = BODY_LIMIT;

/// The cookie of who is logged in to the page: `__Host-` binds it to this host, https and the whole path. The page gives
/// it and knows whose it is; front only sees whether there is one.
pub const SESSION_COOKIE: &str = "__Host-session";

/// Where the page takes a release: larger than every other form.
pub const RELEASE_PATH: &str = "/appliance/mises-a-jour";

/// A size for people: `117.7 MiB`, always with one unit.
pub fn size_text(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    match UNITS.iter().find(|(_, factor)| bytes >= *factor) {
        None => format!("{bytes} B"),
        Some((unit, factor)) => {
            let tenths = u128::from(bytes) * 10 / u128::from(*factor);
            if tenths % 10 == 0 {
                format!("{} {unit}", tenths / 10)
            } else {
                format!("{}.{} {unit}", tenths / 10, tenths % 10)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        assert_eq!(size_text(0), "0 B");
        assert_eq!(size_text(1023), "1023 B");
        assert_eq!(size_text(120 << 20), "120 MiB");
        assert_eq!(size_text((120 << 20) + (700 << 10)), "120.6 MiB");
        assert_eq!(size_text(u64::MAX), "17179869183.9 GiB");
    }
}
