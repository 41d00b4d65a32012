//! An invoice on its way from Chorus Pro to the establishment's application.

use crate::domain::Timestamp;
use crate::flow::{Decision, Due, Job, Policy, states};

states! {
    /// Where a reception stands.
    State {
        /// Seen in a search at Chorus Pro.
        Found = "found",
        /// Downloaded and durable: the download flips a flag at Chorus Pro, so it comes before any reading.
        Fetched = "fetched",
        /// Placed by rename into the account's folder.
        Delivered = "delivered",
        /// The application deleted or renamed it.
        Taken = "taken",
    }
}

impl State {
    pub fn is_final(self) -> bool {
        matches!(self, State::Taken)
    }
}

states! {
    /// What can happen to a reception.
    Event {
        /// The download is durable.
        Downloaded = "downloaded",
        /// The download did not come through; tried again later.
        DownloadFailed = "download_failed",
        /// The folder stands in the account's tree.
        Placed = "placed",
        /// The folder could not be placed; tried again later.
        PlacingFailed = "placing_failed",
        /// The application has taken it.
        Taken = "taken",
        /// The supplier completed the invoice, which was suspended: its new pieces are to follow.
        Completed = "completed",
        /// The download of what completes it is durable.
        ComplementDownloaded = "complement_downloaded",
        /// The new pieces stand in a folder of their own in the account's tree, or there are none.
        ComplementPlaced = "complement_placed",
        /// The application has taken a folder of new pieces.
        ComplementTaken = "complement_taken",
    }
}

/// The event's effect: total over every state and event.
pub fn decide(state: State, event: Event, now: Timestamp, policy: &Policy) -> Decision<State> {
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Found, E::Downloaded) => Decision::to(S::Fetched, [Due { job: Job::Deliver, at: now }]),
        (S::Found, E::DownloadFailed) => {
            Decision::to(S::Found, [Due { job: Job::Fetch, at: now.plus(policy.deposit_retry) }])
        }
        (S::Fetched, E::Placed) => Decision::to(S::Delivered, [Due { job: Job::Statuses, at: now }]),
        (S::Fetched, E::PlacingFailed) => {
            Decision::to(S::Fetched, [Due { job: Job::Deliver, at: now.plus(policy.deposit_retry) }])
        }
        // Told twice: by whom it was taken from, and by whom found its folder gone.
        (S::Delivered | S::Taken, E::Taken) => Decision::to(S::Taken, []),
        // A complement is a delivery beside the first one, whatever became of that.
        (S::Delivered | S::Taken, E::Completed) => Decision::to(state, [Due { job: Job::Fetch, at: now }]),
        (S::Delivered | S::Taken, E::ComplementDownloaded) => Decision::to(state, [Due { job: Job::Deliver, at: now }]),
        (S::Delivered | S::Taken, E::PlacingFailed) => {
            Decision::to(state, [Due { job: Job::Deliver, at: now.plus(policy.deposit_retry) }])
        }
        (S::Delivered | S::Taken, E::ComplementPlaced | E::ComplementTaken) => Decision::to(state, []),
        (S::Found | S::Fetched | S::Delivered | S::Taken, _) => Decision::Impossible,
    }
}
