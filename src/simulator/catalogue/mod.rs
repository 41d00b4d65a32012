//! The catalogue of tests of a connection request: what an integrator's client does is watched, and each scenario says
//! what was expected and what was seen.
//!
//! Watching only: a call is noted after it was answered, and a judgement is a pure function of the notes and of what
//! Chorus Pro holds. What a scenario needs (faults, paths, invoices) is prepared at the start, by invoice number.

mod entries;
mod judgement;
mod note;
mod report;

use serde::{Deserialize, Serialize};

use super::fault::{Effect, FaultRule};
use super::pivot::ReceivedInvoice;
use super::scenario::{ErrorList, ErrorTransport, PathRule, PivotForm, Scenario, Timing, VerdictRule};
use super::world::World;
use crate::domain::{Duration, Timestamp};

pub(super) use entries::ALL;
pub(super) use note::{Note, Notes, Told};
pub use report::list;

/// Received invoices that wait at the start besides the two named ones: three pages of ten.
const RECEIVED: usize = 23;
/// Rows of a page while the catalogue is played.
const PAGE_ROWS: i64 = 10;
/// Calls with a good token before all tokens are forgotten, once.
const CALLS_BEFORE_FORGETTING: usize = 12;
/// The invoice that moves behind the client's back.
pub(super) const OVERTAKEN: &str = "CAT-R-20002";
/// The invoice to suspend.
pub(super) const TO_SUSPEND: &str = "CAT-R-SUSPENDRE";
/// A status no documentation has.
pub(super) const UNHEARD: &str = "STATUT_DE_DEMAIN";
/// Seconds told with 429.
pub(super) const PAUSE_SECONDS: u32 = 3;

/// A text in the two languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    pub fr: String,
    pub en: String,
}

pub(super) fn said(fr: impl Into<String>, en: impl Into<String>) -> Said {
    Said { fr: fr.into(), en: en.into() }
}

/// How a scenario stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    Passed,
    Failed,
    /// Begun, and not where it should get.
    Waiting,
    NotPlayed,
}

/// One scenario, judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Judged {
    pub id: String,
    /// What every client needs; the others are for those who use the service at all.
    pub required: bool,
    pub title: Said,
    /// What the integrator makes the client do.
    pub play: Said,
    pub expected: Said,
    pub standing: Standing,
    pub seen: Said,
}

/// All of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogueReport {
    pub at: Timestamp,
    /// Every required scenario is passed and none failed.
    pub passed: bool,
    pub scenarios: Vec<Judged>,
}

/// Prepares a scenario for the catalogue: its own rules stay in front.
pub(super) fn prepare(scenario: &mut Scenario) {
    let fault = |effect, invoice: &str| FaultRule::new("deposer/flux", effect).invoice(invoice);
    scenario.fault.extend([
        fault(Effect::LoseAnswer, "CAT-PERDUE*"),
        fault(Effect::Cut, "CAT-COUPEE*"),
        fault(Effect::Status401, "CAT-401*").times(3),
        fault(Effect::Status403Empty, "CAT-403*").times(3),
        fault(Effect::Status429, "CAT-429*").retry_after(PAUSE_SECONDS),
        fault(Effect::Status500, "CAT-500*").times(2),
    ]);
    scenario.verdict.push(VerdictRule {
        invoice: Some("CAT-INCIDENT*".to_owned()),
        file: None,
        state: "IN_INCIDENTE".to_owned(),
        label: "Incident technique : redéposer le flux entier".to_owned(),
        times: 1,
    });
    let path = |invoice: &str, statuses: &[&str], comment: &str| PathRule {
        invoice: invoice.to_owned(),
        statuses: statuses.iter().map(|status| (*status).to_owned()).collect(),
        comment: comment.to_owned(),
    };
    scenario.path.push(path(
        "CAT-SUSPENDUE*",
        &["DEPOSEE", "MISE_A_DISPOSITION", "SUSPENDUE"],
        "Bon de livraison manquant : à compléter",
    ));
    scenario.path.push(path("CAT-INCONNU*", &["DEPOSEE", UNHEARD, "MISE_EN_PAIEMENT"], ""));
    scenario.errors = ErrorTransport::Alternate;
    scenario.error_list = ErrorList::Alternate;
    scenario.pivot = PivotForm::Alternate;
    scenario.page_limit = PAGE_ROWS;
    scenario.received = scenario.received.max(RECEIVED);
    scenario.completed_after = scenario.completed_after.or(Some(Duration::from_secs(4)));
    if scenario.timing == Timing::default() {
        scenario.timing = Timing {
            received_after: Duration::from_secs(1),
            processed_after: Duration::from_secs(2),
            verdict_after: Duration::from_secs(4),
            status_step: Duration::from_secs(4),
        };
    }
}

impl World {
    /// The received invoices that the scenarios name.
    pub(super) fn prepare_catalogue(&mut self) {
        for number in [OVERTAKEN, TO_SUSPEND] {
            let sample = self.sample();
            self.receive(ReceivedInvoice { number: number.to_owned(), ..sample });
        }
        self.notes = Some(Notes::default());
    }

    /// The tester declares what no call can show. False: the catalogue is not played.
    pub(super) fn declare_double_stopped(&mut self) -> bool {
        self.notes.as_mut().map(|notes| notes.double_stopped = true).is_some()
    }

    /// Before a call is worked on: what a scenario does behind the client's back.
    pub(super) fn disturb(&mut self, service: &str, invoices: &[String]) {
        let Some(notes) = &mut self.notes else { return };
        if service == "traiter/recue" && invoices.iter().any(|number| number == OVERTAKEN) && !notes.overtaken {
            notes.overtaken = true;
            self.move_invoice(OVERTAKEN, "MISE_EN_PAIEMENT", "Payée entre-temps par un autre poste");
        }
    }

    /// After enough good calls, once: no token is good any more.
    pub(super) fn forget_tokens(&mut self) {
        let Some(notes) = &mut self.notes else { return };
        notes.good_calls += 1;
        if notes.good_calls == CALLS_BEFORE_FORGETTING {
            self.doors.tokens.clear();
            notes.forgot = true;
        }
    }

    /// How every scenario stands; `None`: the catalogue is not played.
    pub(super) fn catalogue(&mut self) -> Option<CatalogueReport> {
        self.settle();
        let notes = self.notes.as_ref()?;
        let scenarios: Vec<Judged> = ALL
            .iter()
            .map(|entry| {
                let judgement::Finding { standing, seen } = (entry.judge)(&judgement::View { notes, world: self });
                Judged {
                    id: entry.id.to_owned(),
                    required: entry.required,
                    title: said(entry.title.0, entry.title.1),
                    play: said(entry.play.0, entry.play.1),
                    expected: said(entry.expected.0, entry.expected.1),
                    standing,
                    seen,
                }
            })
            .collect();
        let passed = scenarios.iter().all(|one| match one.standing {
            Standing::Passed => true,
            Standing::Failed => false,
            Standing::Waiting | Standing::NotPlayed => !one.required,
        });
        Some(CatalogueReport { at: self.clock.today(), passed, scenarios })
    }
}
