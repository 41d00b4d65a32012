//! A status the establishment gives to a received invoice, on its way to Chorus Pro.

use crate::domain::Timestamp;
use crate::flow::{Decision, Policy, states};

states! {
    /// Where a status change stands.
    State {
        /// Asked for by a file or on the page; durable.
        Asked = "asked",
        /// The intent is durable; the call may be under way.
        Sending = "sending",
        /// Chorus Pro shows the new status.
        Done = "done",
        /// Chorus Pro does not take it.
        Refused = "refused",
        /// The answer was lost: the invoice is read again before anything else.
        Doubtful = "doubtful",
    }
}

impl State {
    pub fn is_final(self) -> bool {
        matches!(self, State::Done | State::Refused)
    }
}

states! {
    /// What can happen to a status change.
    Event {
        Sending = "sending",
        /// The call certainly changed nothing.
        NotSent = "not_sent",
        Accepted = "accepted",
        Refused = "refused",
        AnswerLost = "answer_lost",
        /// The invoice, read again, has the status asked for.
        FoundAtChorus = "found_at_chorus",
        /// The invoice, read again, still has its former status.
        AbsentAtChorus = "absent_at_chorus",
        /// A person gave it up.
        AbandonedByPerson = "abandoned_by_person",
    }
}

/// The event's effect: total over every state and event. Its jobs come with the service that changes statuses.
pub fn decide(state: State, event: Event, _now: Timestamp, _policy: &Policy) -> Decision<State> {
    use Event as E;
    use State as S;
    match (state, event) {
        (S::Asked, E::Sending) => Decision::to(S::Sending, []),
        (S::Sending, E::NotSent) | (S::Doubtful, E::AbsentAtChorus) => Decision::to(S::Asked, []),
        (S::Sending, E::Accepted) | (S::Doubtful, E::FoundAtChorus) => Decision::to(S::Done, []),
        (S::Sending, E::Refused) | (S::Asked | S::Doubtful, E::AbandonedByPerson) => Decision::to(S::Refused, []),
        (S::Sending, E::AnswerLost) => Decision::to(S::Doubtful, []),
        (S::Asked | S::Sending | S::Done | S::Refused | S::Doubtful, _) => Decision::Impossible,
    }
}
