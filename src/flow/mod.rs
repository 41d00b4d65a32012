//! What a flow is, and what each event does to it: pure. `LIFECYCLE.md` draws the three machines.
//!
//! Three kinds of flow, each with its own state and event enums and a total `decide`: [`deposit`] (a dropped file on
//! its way to Chorus Pro), [`reception`] (an invoice on its way from Chorus Pro) and [`status_change`] (a status the
//! establishment gives to a received invoice). A pair that must never meet is [`Decision::Impossible`]: the driver
//! journals it and shows it, and the state stays.
//!
//! Refuses to know: the clock, the store, the network. `now` and the [`Policy`] are arguments.

pub mod deposit;
pub mod reception;
pub mod status_change;

use std::time::Duration;

use crate::domain::Timestamp;

/// Which machine a flow follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FlowKind {
    Deposit,
    Reception,
    StatusChange,
}

impl FlowKind {
    pub const ALL: [FlowKind; 3] = [FlowKind::Deposit, FlowKind::Reception, FlowKind::StatusChange];

    pub fn as_str(self) -> &'static str {
        match self {
            FlowKind::Deposit => "deposit",
            FlowKind::Reception => "reception",
            FlowKind::StatusChange => "status_change",
        }
    }
}

/// A job that a decision asks for. The store writes it in the same transaction as the new state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Job {
    /// Read and check a dropped file (`work/intake`).
    Intake,
    /// Have Chorus Pro read a PDF whose data a person is to confirm (`work/reading`).
    Reading,
    /// Deposit at Chorus Pro (`work/deposit`).
    Deposit,
    /// Find out whether a doubtful deposit was taken (`work/doubt`).
    Doubt,
    /// Ask for the compte rendu of a deposited flux (`work/integration`).
    Integration,
    /// Follow the statuses of a flow's invoices (`work/statuses`).
    Statuses,
    /// Write the receipt that the business application reads (`work/receipts`).
    Receipt,
    /// Download a received invoice (`work/fetch`).
    Fetch,
    /// Place a received invoice into its account's folder (`work/deliver`).
    Deliver,
    /// Give a received invoice the status that was asked for (`work/change`).
    Change,
    /// Find out whether a doubtful status change was taken (`work/change`).
    ChangeDoubt,
}

impl Job {
    pub const ALL: [Job; 11] = [
        Job::Intake,
        Job::Reading,
        Job::Deposit,
        Job::Doubt,
        Job::Integration,
        Job::Statuses,
        Job::Receipt,
        Job::Fetch,
        Job::Deliver,
        Job::Change,
        Job::ChangeDoubt,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Job::Intake => "intake",
            Job::Reading => "reading",
            Job::Deposit => "deposit",
            Job::Doubt => "doubt",
            Job::Integration => "integration",
            Job::Statuses => "statuses",
            Job::Receipt => "receipt",
            Job::Fetch => "fetch",
            Job::Deliver => "deliver",
            Job::Change => "change",
            Job::ChangeDoubt => "change_doubt",
        }
    }
}

/// A job and when it may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Due {
    pub job: Job,
    pub at: Timestamp,
}

/// What an event does to a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision<S> {
    /// The flow is now in `to` (which may be the state it was in), and `work` is to be done.
    Move { to: S, work: Vec<Due> },
    /// The pair must never meet: nothing changes, the driver journals and shows it.
    Impossible,
}

impl<S> Decision<S> {
    fn to(to: S, work: impl IntoIterator<Item = Due>) -> Self {
        Decision::Move { to, work: work.into_iter().collect() }
    }
}

/// Waits of the life cycle. The configuration's `[limits]` sets them; the defaults are for production.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Between two looks at a flux that Chorus Pro has in hand.
    pub integration_poll: Duration,
    /// Between two looks at an invoice whose status is not final.
    pub status_poll: Duration,
    /// How long Chorus Pro may need before an accepted deposit can be found by a search (DESIGN §3: 24 h).
    pub integration_delay: Duration,
    /// Between two searches for a doubtful deposit.
    pub doubt_poll: Duration,
    /// Before a deposit (or a status change) that certainly did not happen is tried again.
    pub deposit_retry: Duration,
    /// Between two looks at a received invoice whose status change is doubtful; a change not seen that long after it was
    /// sent did not happen (Chorus Pro answers `traiter/recue` only when the status is set).
    pub change_poll: Duration,
    /// How long data wait for their PDF before they are refused.
    pub pair_wait: Duration,
    /// Age of a deposited flux without a verdict that raises [`crate::fault::Code::IntegrationLate`].
    pub integration_deadline: Duration,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            integration_poll: Duration::from_secs(60),
            status_poll: Duration::from_secs(4 * 3600),
            integration_delay: Duration::from_secs(24 * 3600),
            doubt_poll: Duration::from_secs(15 * 60),
            deposit_retry: Duration::from_secs(60),
            change_poll: Duration::from_secs(5 * 60),
            pair_wait: Duration::from_secs(24 * 3600),
            integration_deadline: Duration::from_secs(4 * 3600),
        }
    }
}

/// Declares a closed set of states with the stable text each has in the store, the journal and receipts.
macro_rules! states {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $name { $($(#[$vdoc])* $variant,)* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::flow::UnknownState;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                $name::ALL.iter().copied().find(|s| s.as_str() == text)
                    .ok_or_else(|| crate::flow::UnknownState(text.chars().take(40).collect()))
            }
        }
    };
}
pub(crate) use states;

/// A state's text that this version does not know.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown flow state {0:?}")]
pub struct UnknownState(pub String);
