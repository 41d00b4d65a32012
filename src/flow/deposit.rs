//! A dropped file on its way to Chorus Pro.

use crate::domain::Timestamp;
use crate::flow::{Decision, Due, Job, Policy, states};

states! {
    /// Where a deposit stands.
    State {
        /// Durable and journalled; not yet read.
        Received = "received",
        /// Checked; waits for its deposit.
        Ready = "ready",
        /// The intent to deposit is durable; the call may be under way.
        Sending = "sending",
        /// The call may or may not have been taken. Never sent again before it was looked up.
        Doubtful = "doubtful",
        /// Chorus Pro gave a deposit number; its verdict is awaited.
        Deposited = "deposited",
        /// Chorus Pro took every invoice of the file.
        Integrated = "integrated",
        /// Chorus Pro took some of the file's invoices.
        PartlyIntegrated = "partly_integrated",
        /// Chorus Pro took nothing: its verdict on the flux.
        Rejected = "rejected",
        /// We, or Chorus Pro at the door, took nothing.
        Refused = "refused",
        /// A person gave it up.
        Abandoned = "abandoned",
    }
}

impl State {
    /// Whether the deposit itself is over. Statuses of integrated invoices are followed beyond it.
    pub fn is_final(self) -> bool {
        matches!(
            self,
            State::Integrated | State::PartlyIntegrated | State::Rejected | State::Refused | State::Abandoned
        )
    }

    /// Whether an identical drop is a new flow, not a duplicate of this one.
    pub fn frees_the_content(self) -> bool {
        matches!(self, State::Rejected | State::Refused | State::Abandoned)
    }

    /// Whether statuses of the flow's invoices are followed.
    pub fn is_followed(self) -> bool {
        matches!(self, State::Integrated | State::PartlyIntegrated)
    }
}

states! {
    /// What can happen to a deposit.
    Event {
        CheckPassed = "check_passed",
        CheckFailed = "check_failed",
        /// The intent becomes durable, before the first byte leaves.
        Sending = "sending",
        /// The call certainly changed nothing at Chorus Pro: no connection, or refused before the service (401, 403, 429).
        NotSent = "not_sent",
        DepositAccepted = "deposit_accepted",
        DepositRefused = "deposit_refused",
        /// Sent without an answer we can trust; or found unfinished at start; or its lease was lost.
        AnswerLost = "answer_lost",
        /// A search at Chorus Pro shows our invoice.
        FoundAtChorus = "found_at_chorus",
        /// Chorus Pro answered throughout, the integration delay has passed, and our invoice is not there.
        AbsentAtChorus = "absent_at_chorus",
        /// A search that proves nothing yet: too early, or Chorus Pro did not answer throughout.
        StillDoubtful = "still_doubtful",
        /// The compte rendu has no verdict yet.
        InHand = "in_hand",
        Integrated = "integrated",
        PartlyIntegrated = "partly_integrated",
        Rejected = "rejected",
        /// Chorus Pro lost the flux (IN_INCIDENTE): the whole flux again.
        Incident = "incident",
        /// A person found it on the portal.
        ConfirmedByPerson = "confirmed_by_person",
        /// A person wants it sent again.
        ResendByPerson = "resend_by_person",
        AbandonedByPerson = "abandoned_by_person",
    }
}

/// The event's effect: total over every state and event.
pub fn decide(state: State, event: Event, now: Timestamp, policy: &Policy) -> Decision<State> {
    use Event as E;
    use State as S;
    let at_once = |job| Due { job, at: now };
    let after = |job, wait| Due { job, at: now.plus(wait) };
    let receipt = at_once(Job::Receipt);
    match (state, event) {
        (S::Received, E::CheckPassed) => Decision::to(S::Ready, [at_once(Job::Deposit), receipt]),
        (S::Received, E::CheckFailed) => Decision::to(S::Refused, [receipt]),

        (S::Ready, E::Sending) => Decision::to(S::Sending, []),
        (S::Sending, E::NotSent) => Decision::to(S::Ready, [after(Job::Deposit, policy.deposit_retry), receipt]),
        (S::Sending, E::DepositAccepted) | (S::Doubtful, E::FoundAtChorus | E::ConfirmedByPerson) => {
            Decision::to(S::Deposited, [at_once(Job::Integration), receipt])
        }
        (S::Sending, E::DepositRefused) => Decision::to(S::Refused, [receipt]),
        (S::Sending, E::AnswerLost) => Decision::to(S::Doubtful, [at_once(Job::Doubt), receipt]),

        (S::Doubtful, E::StillDoubtful) => Decision::to(S::Doubtful, [after(Job::Doubt, policy.doubt_poll), receipt]),
        (S::Doubtful, E::AbsentAtChorus | E::ResendByPerson) => {
            Decision::to(S::Ready, [at_once(Job::Deposit), receipt])
        }

        (S::Deposited, E::InHand) => Decision::to(S::Deposited, [after(Job::Integration, policy.integration_poll)]),
        (S::Deposited, E::Integrated) => Decision::to(S::Integrated, [at_once(Job::Statuses), receipt]),
        (S::Deposited, E::PartlyIntegrated) => Decision::to(S::PartlyIntegrated, [at_once(Job::Statuses), receipt]),
        (S::Deposited, E::Rejected) => Decision::to(S::Rejected, [receipt]),
        (S::Deposited, E::Incident) => Decision::to(S::Ready, [after(Job::Deposit, policy.deposit_retry), receipt]),

        (S::Received | S::Ready | S::Doubtful, E::AbandonedByPerson) => Decision::to(S::Abandoned, [receipt]),

        (
            S::Received
            | S::Ready
            | S::Sending
            | S::Doubtful
            | S::Deposited
            | S::Integrated
            | S::PartlyIntegrated
            | S::Rejected
            | S::Refused
            | S::Abandoned,
            _,
        ) => Decision::Impossible,
    }
}
