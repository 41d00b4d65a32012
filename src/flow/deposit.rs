//! A dropped file on its way to Chorus Pro.

use crate::domain::Timestamp;
use crate::flow::{Decision, Due, Job, Policy, states};

states! {
    /// Where a deposit stands.
    State {
        /// Durable and journalled; not yet read.
        Received = "received",
        /// A PDF that says nothing to a machine: its data are awaited, from a sidecar file or a person.
        Incomplete = "incomplete",
        /// Data of a PDF that has not come yet.
        Unmatched = "unmatched",
        /// Checked; waits for its deposit.
        Ready = "ready",
        /// The intent to deposit is durable; the call may be under way.
        Sending = "sending",
        /// The call may or may not have been taken. Never sent again before it was looked up.
        Doubtful = "doubtful",
        /// Chorus Pro gave a deposit number; its verdict is awaited.
        Deposited = "deposited",
        /// Its parts are flows of their own (an archive's fluxes, a status file's changes); it ends as they end.
        Split = "split",
        /// Data that went to their PDF: its flow tells what becomes of the invoice.
        Joined = "joined",
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
            State::Joined
                | State::Integrated
                | State::PartlyIntegrated
                | State::Rejected
                | State::Refused
                | State::Abandoned
        )
    }

    /// Whether an identical drop is a new flow, not a duplicate of this one. (Of a pivot of several, see also the store's
    /// `TWIN`.)
    pub fn frees_the_content(self) -> bool {
        matches!(self, State::Joined | State::Rejected | State::Refused | State::Abandoned)
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
        /// The file holds several things, each of which is a flow of its own from now on.
        Split = "split",
        /// A PDF without an invoice inside, and no data for it yet.
        DataAwaited = "data_awaited",
        /// Data of a PDF that is not there yet.
        PdfAwaited = "pdf_awaited",
        /// A PDF has got its data, checked: both can go.
        Completed = "completed",
        /// These data have gone to their PDF.
        Joined = "joined",
        /// Chorus Pro does not take the PDF, or its supplier, before anything was submitted.
        UploadRefused = "upload_refused",
        /// The intent becomes durable, before the first byte leaves.
        Sending = "sending",
        /// The call certainly changed nothing at Chorus Pro: no connection, or refused before the service (401, 403, 429).
        NotSent = "not_sent",
        DepositAccepted = "deposit_accepted",
        DepositRefused = "deposit_refused",
        /// Chorus Pro refuses this try, or what comes before it, but an earlier one may have been taken.
        RefusedInDoubt = "refused_in_doubt",
        /// Chorus Pro made the invoice at once: what was submitted as a form is judged in the answer (`soumettre`).
        Submitted = "submitted",
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
        /// Chorus Pro rejected the flux because an earlier try of this same flow was taken: that is success.
        DuplicateOfOurs = "duplicate_of_ours",
        PartlyIntegrated = "partly_integrated",
        Rejected = "rejected",
        /// A person has looked: no earlier try was taken, so Chorus Pro's rejection counts.
        RejectionStands = "rejection_stands",
        /// A person has looked: what Chorus Pro rejects is there by an earlier try.
        TakenBefore = "taken_before",
        /// Chorus Pro lost the flux (IN_INCIDENTE): the whole flux again.
        Incident = "incident",
        /// Chorus Pro does not know the number that it gave, and has had time to: what became of the flux is a doubt.
        FluxUnknown = "flux_unknown",
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
        (S::Received | S::Unmatched | S::Split, E::CheckFailed) => Decision::to(S::Refused, [receipt]),
        // Data may follow at once: only when they do not, the PDF is read for a person.
        (S::Received, E::DataAwaited) => {
            let reading = after(Job::Reading, policy.deposit_retry);
            Decision::to(S::Incomplete, [reading, after(Job::Intake, policy.pair_wait), receipt])
        }
        (S::Received, E::PdfAwaited) => Decision::to(S::Unmatched, [after(Job::Intake, policy.pair_wait), receipt]),
        (S::Received | S::Incomplete, E::Completed) => Decision::to(S::Ready, [at_once(Job::Deposit), receipt]),
        (S::Received | S::Unmatched, E::Joined) => Decision::to(S::Joined, [receipt]),
        (S::Received, E::Split) => Decision::to(S::Split, [receipt]),
        // The parts have ended: see `of_parts`. Statuses are followed by each part.
        (S::Split, E::Integrated) => Decision::to(S::Integrated, [receipt]),
        // What nobody could confirm shows after all.
        (S::PartlyIntegrated, E::Integrated) => Decision::to(S::Integrated, [receipt]),
        (S::Split, E::PartlyIntegrated) => Decision::to(S::PartlyIntegrated, [receipt]),
        (S::Split, E::Rejected) => Decision::to(S::Rejected, [receipt]),

        (S::Ready, E::Sending) => Decision::to(S::Sending, []),
        (S::Ready, E::UploadRefused) => Decision::to(S::Refused, [receipt]),
        (S::Sending | S::Doubtful, E::Submitted) => Decision::to(S::Integrated, [at_once(Job::Statuses), receipt]),
        (S::Sending, E::NotSent) => Decision::to(S::Ready, [after(Job::Deposit, policy.deposit_retry), receipt]),
        (S::Sending, E::DepositAccepted) | (S::Doubtful, E::FoundAtChorus | E::ConfirmedByPerson) => {
            Decision::to(S::Deposited, [at_once(Job::Integration), receipt])
        }
        // Doubtful: refused, though an earlier try may have been taken, of which a search has now shown nothing.
        (S::Sending | S::Doubtful, E::DepositRefused) => Decision::to(S::Refused, [receipt]),
        (S::Sending, E::AnswerLost) | (S::Ready | S::Sending, E::RefusedInDoubt) | (S::Deposited, E::FluxUnknown) => {
            Decision::to(S::Doubtful, [at_once(Job::Doubt), receipt])
        }

        (S::Doubtful, E::StillDoubtful) => Decision::to(S::Doubtful, [after(Job::Doubt, policy.doubt_poll), receipt]),
        (S::Doubtful, E::AbsentAtChorus | E::ResendByPerson) => {
            Decision::to(S::Ready, [at_once(Job::Deposit), receipt])
        }

        (S::Deposited, E::InHand) => Decision::to(S::Deposited, [after(Job::Integration, policy.integration_poll)]),
        // A person's word about a rejection that cannot be looked up: the verdict is read once more, and settled by it.
        (S::Deposited, E::RejectionStands | E::TakenBefore) => {
            Decision::to(S::Deposited, [at_once(Job::Integration), receipt])
        }
        (S::Deposited, E::Integrated | E::DuplicateOfOurs) => {
            Decision::to(S::Integrated, [at_once(Job::Statuses), receipt])
        }
        (S::Deposited, E::PartlyIntegrated) => Decision::to(S::PartlyIntegrated, [at_once(Job::Statuses), receipt]),
        (S::Deposited, E::Rejected) => Decision::to(S::Rejected, [receipt]),
        (S::Deposited, E::Incident) => Decision::to(S::Ready, [after(Job::Deposit, policy.deposit_retry), receipt]),

        (S::Received | S::Incomplete | S::Unmatched | S::Ready | S::Doubtful, E::AbandonedByPerson) => {
            Decision::to(S::Abandoned, [receipt])
        }

        (
            S::Received
            | S::Incomplete
            | S::Unmatched
            | S::Ready
            | S::Sending
            | S::Doubtful
            | S::Deposited
            | S::Split
            | S::Joined
            | S::Integrated
            | S::PartlyIntegrated
            | S::Rejected
            | S::Refused
            | S::Abandoned,
            _,
        ) => Decision::Impossible,
    }
}

/// What became of a part of a split file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Still on its way.
    Open,
    /// Chorus Pro took all of it.
    Taken,
    /// Chorus Pro took some of it.
    PartlyTaken,
    /// We, or Chorus Pro at the door, took nothing.
    Refused,
    /// Chorus Pro's verdict, or a person's: nothing was taken.
    Lost,
}

/// The event of a split file whose parts stand as `parts`: none while one is on its way.
pub fn of_parts(parts: impl IntoIterator<Item = Part>) -> Option<Event> {
    let (mut taken, mut missing, mut refused) = (false, false, true);
    for part in parts {
        match part {
            Part::Open => return None,
            Part::Taken => taken = true,
            Part::PartlyTaken => (taken, missing) = (true, true),
            Part::Refused => missing = true,
            Part::Lost => (missing, refused) = (true, false),
        }
    }
    Some(match (taken, missing) {
        (true, false) => Event::Integrated,
        (true, true) => Event::PartlyIntegrated,
        (false, _) if refused => Event::CheckFailed,
        (false, _) => Event::Rejected,
    })
}

impl From<State> for Part {
    fn from(state: State) -> Self {
        match state {
            State::Integrated | State::Joined => Part::Taken,
            State::PartlyIntegrated => Part::PartlyTaken,
            State::Refused => Part::Refused,
            State::Rejected | State::Abandoned => Part::Lost,
            State::Received
            | State::Incomplete
            | State::Unmatched
            | State::Ready
            | State::Sending
            | State::Doubtful
            | State::Deposited
            | State::Split => Part::Open,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_file_ends_as_its_parts_end() {
        use Part as P;
        assert_eq!(of_parts([P::Taken, P::Open, P::Lost]), None);
        assert_eq!(of_parts([P::Taken, P::Taken]), Some(Event::Integrated));
        assert_eq!(of_parts([P::Taken, P::Refused]), Some(Event::PartlyIntegrated));
        assert_eq!(of_parts([P::PartlyTaken]), Some(Event::PartlyIntegrated));
        assert_eq!(of_parts([P::Refused, P::Refused]), Some(Event::CheckFailed));
        assert_eq!(of_parts([P::Refused, P::Lost]), Some(Event::Rejected));
        for &state in State::ALL {
            assert_eq!(of_parts([state.into()]).is_some(), state.is_final(), "{state}");
        }
    }
}
