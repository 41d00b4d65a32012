//! A status the establishment gives to a received invoice, on its way to Chorus Pro.

use crate::domain::Timestamp;
use crate::flow::{Decision, Due, Job, Policy, states};

states! {
    /// Where a status change stands.
    State {
        /// Asked for by a file or on the page; durable.
        Asked = "asked",
        /// The intent is durable; the call may be under way.
        Sending = "sending",
        /// Chorus Pro shows the new status.
        Done = "done",
        /// Chorus Pro does not take it, or it was never sent.
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
        /// What is asked for can't be sent: no such invoice, a transition Chorus Pro does not allow, a motif missing.
        NotAllowed = "not_allowed",
        /// The invoice, read again, has had the status asked for since it was asked.
        FoundAtChorus = "found_at_chorus",
        /// The invoice, read again after the delay, still has not had the status asked for.
        AbsentAtChorus = "absent_at_chorus",
        /// A look that proves nothing yet: too early, or Chorus Pro did not answer.
        StillDoubtful = "still_doubtful",
        /// A person gave it up.
        AbandonedByPerson = "abandoned_by_person",
    }
}

/// The event's effect: total over every state and event. A change is asked for with [`Job::Change`] as its first work,
/// unless an earlier one of the same invoice is still under way: then that one's end asks for it.
pub fn decide(state: State, event: Event, now: Timestamp, policy: &Policy) -> Decision<State> {
    use Event as E;
    use State as S;
    let at_once = |job| Due { job, at: now };
    let after = |job, wait| Due { job, at: now.plus(wait) };
    let receipt = at_once(Job::Receipt);
    match (state, event) {
        (S::Asked, E::Sending) => Decision::to(S::Sending, []),
        (S::Asked, E::NotAllowed) => Decision::to(S::Refused, [receipt]),
        // Somebody gave it the status meanwhile: nothing is left to be sent.
        (S::Asked, E::FoundAtChorus) => Decision::to(S::Done, [receipt]),
        (S::Sending, E::NotSent) => Decision::to(S::Asked, [after(Job::Change, policy.deposit_retry), receipt]),
        (S::Sending, E::Accepted) | (S::Doubtful, E::FoundAtChorus) => Decision::to(S::Done, [receipt]),
        (S::Sending, E::Refused) => Decision::to(S::Refused, [receipt]),
        (S::Sending, E::AnswerLost) => Decision::to(S::Doubtful, [at_once(Job::ChangeDoubt), receipt]),
        (S::Doubtful, E::StillDoubtful) => {
            Decision::to(S::Doubtful, [after(Job::ChangeDoubt, policy.change_poll), receipt])
        }
        (S::Doubtful, E::AbsentAtChorus) => Decision::to(S::Asked, [at_once(Job::Change), receipt]),
        (S::Asked | S::Doubtful, E::AbandonedByPerson) => Decision::to(S::Refused, [receipt]),
        (S::Asked | S::Sending | S::Done | S::Refused | S::Doubtful, _) => Decision::Impossible,
    }
}
