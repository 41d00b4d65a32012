//! What the simulated Chorus Pro holds: fluxes, invoices, tokens; and how time changes them.
//!
//! Nothing happens by itself: every look first lets everything happen that the simulated clock has passed
//! ([`World::settle`]), in the order of time. Knows nothing of HTTP.

use std::collections::{BTreeSet, HashSet, VecDeque};
use std::time::Duration;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::clock::Clock;
use super::content::{self, InvoiceRead, Unreadable, cut};
use super::fault::Schedule;
use super::judge::{LABEL_LIMIT_CHARS, duplicate_key, key_of};
use super::ledger::{Answered, Call, InvoiceKey};
use super::pivot::ReceivedInvoice;
use super::scenario::{PathRule, Scenario, VerdictRule, fits};
use crate::domain::{ChorusInvoiceId, DocumentHash, Timestamp};

/// Calls the ledger keeps.
const CALLS_KEPT: usize = 100_000;
/// Deposits the simulator holds; it refuses further ones with 503.
pub(super) const DEPOSITS_LIMIT: usize = 200_000;
/// idFacture of the first invoice.
const FIRST_INVOICE_ID: i64 = 9_001;

pub(super) const WAITING: &str = "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP";
const RECEIVED: &str = "IN_RECU";
const PROCESSED: &str = "IN_TRAITE_SE_CPP";

/// PROTOCOL §3, nominal path: status, comment, first and last name of who set it.
const WAY_TO_PAYMENT: &[(&str, &str, &str, &str)] = &[
    ("DEPOSEE", "Facture déposée et contrôlée", "", "Chorus Pro"),
    ("EN_COURS_ACHEMINEMENT", "", "", "Chorus Pro"),
    ("MISE_A_DISPOSITION", "Facture mise à disposition du destinataire", "", "Chorus Pro"),
    ("SERVICE_FAIT", "Service fait constaté : œuvre livrée, conforme à la commande", "Zoé", "LEBŒUF"),
    ("MANDATEE", "Demande de paiement émise", "Zoé", "LEBŒUF"),
    ("MISE_A_DISPOSITION_COMPTABLE", "", "Zoé", "LEBŒUF"),
    ("COMPTABILISEE", "Visa de l'agent comptable", "Hélène", "GARÇON"),
    ("MISE_EN_PAIEMENT", "Virement émis en €, délai respecté", "Hélène", "GARÇON"),
];

/// A refusal inside a compte rendu.
#[derive(Debug, Clone)]
pub(super) struct FluxError {
    /// `None`: the file could not be read (listeErreurTechnique), else listeErreurDP.
    pub key: Option<InvoiceKey>,
    pub label: String,
}

/// A deposited file.
pub(super) struct Flux {
    pub at: Duration,
    pub number: String,
    pub interface: &'static str,
    pub file_name: String,
    pub syntax: String,
    pub sha256: DocumentHash,
    pub size: u64,
    pub content: Vec<Result<InvoiceRead, Unreadable>>,
    pub answer: Answered,
    /// The final state; from `at + verdict_after` on.
    pub verdict: Option<&'static str>,
    /// A final state by script.
    pub scripted: Option<String>,
    pub errors: Vec<FluxError>,
}

/// A party as searches show it.
#[derive(Debug, Clone, Default)]
pub(super) struct Party {
    pub id: i64,
    pub identifier: String,
    pub name: String,
}

/// A status an invoice has or will have.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub at: Duration,
    pub status: String,
    pub comment: String,
    pub first_name: String,
    pub last_name: String,
}

/// An invoice Chorus Pro holds.
pub(super) struct Invoice {
    pub id: i64,
    pub number: String,
    pub credit_note: bool,
    pub supplier: Party,
    pub recipient: Party,
    pub service: String,
    pub commitment: String,
    pub market: String,
    pub currency: String,
    pub date: String,
    pub deposited: Duration,
    pub net: Decimal,
    pub gross: Decimal,
    pub payable: Decimal,
    /// The future ones too; the first is never in the future.
    pub journey: Vec<Step>,
    pub side: Side,
}

/// Whose an invoice is, from the client's side.
pub(super) enum Side {
    Sent { flux: usize },
    Received { document: Box<ReceivedInvoice>, downloads: Vec<Duration> },
}

impl Invoice {
    /// The steps up to `now`.
    pub fn history(&self, now: Duration) -> &[Step] {
        &self.journey[..self.journey.partition_point(|step| step.at <= now).max(1)]
    }

    pub fn status(&self, now: Duration) -> &Step {
        self.history(now).last().expect("a journey has a first step")
    }
}

/// Names and secrets in force.
pub(super) struct Doors {
    pub client_id: String,
    pub client_secret: String,
    pub account_login: String,
    pub account_password: String,
    /// Token and the real instant it ends.
    pub tokens: Vec<(String, std::time::Instant)>,
}

pub(super) struct World {
    pub scenario: Scenario,
    pub clock: Clock,
    pub faults: Schedule,
    pub doors: Doors,
    pub fluxes: Vec<Flux>,
    pub invoices: Vec<Invoice>,
    /// Fluxes without verdict: when it falls, and which.
    pending: BTreeSet<(Duration, usize)>,
    /// Year, SIREN and number of every integrated invoice (PROTOCOL §5, duplicates).
    pub taken: HashSet<(String, String, String)>,
    pub calls: VecDeque<Call>,
    pub calls_total: u64,
    pub tokens_given: u64,
    samples_made: usize,
    /// For everything that alternates.
    turns: [bool; 3],
}

/// What alternates when the scenario says so.
#[derive(Clone, Copy)]
pub(super) enum Turn {
    Errors,
    ErrorList,
    Pivot,
}

/// A file to deposit, read and hashed before the world is locked.
pub(super) struct Arrival {
    pub file_name: String,
    pub syntax: String,
    pub sha256: DocumentHash,
    pub size: u64,
    pub content: Vec<Result<InvoiceRead, Unreadable>>,
}

impl Arrival {
    pub fn new(file_name: String, syntax: String, bytes: &[u8]) -> Self {
        let sha256 = DocumentHash(Sha256::digest(bytes).into());
        Self { file_name, syntax, sha256, size: bytes.len() as u64, content: content::read(bytes) }
    }
}

impl World {
    pub fn new(scenario: Scenario, speed: f64, seed: u64, doors: Doors) -> Self {
        let mut world = Self {
            clock: Clock::new(speed),
            faults: Schedule::new(seed),
            doors,
            fluxes: Vec::new(),
            invoices: Vec::new(),
            pending: BTreeSet::new(),
            taken: HashSet::new(),
            calls: VecDeque::new(),
            calls_total: 0,
            tokens_given: 0,
            samples_made: 0,
            turns: [false; 3],
            scenario,
        };
        for rule in std::mem::take(&mut world.scenario.fault) {
            world.faults.add(rule).expect("the scenario was checked");
        }
        for _ in 0..world.scenario.received {
            let sample = world.sample();
            world.receive(sample);
        }
        world
    }

    /// The next own-made supplier invoice.
    pub fn sample(&mut self) -> ReceivedInvoice {
        self.samples_made += 1;
        ReceivedInvoice::sample(self.samples_made, &self.clock.today().paris_date())
    }

    /// True and false by turns.
    pub fn turn(&mut self, of: Turn) -> bool {
        let turn = &mut self.turns[match of {
            Turn::Errors => 0,
            Turn::ErrorList => 1,
            Turn::Pivot => 2,
        }];
        *turn = !*turn;
        *turn
    }

    /// Lets everything happen that is due; the simulated now.
    pub fn settle(&mut self) -> Duration {
        let now = self.clock.now();
        while let Some(&(due, at)) = self.pending.first() {
            if due > now {
                break;
            }
            self.pending.pop_first();
            self.judge(at, due);
        }
        now
    }

    /// Takes a deposit in; its place in [`Self::fluxes`].
    pub fn deposit(&mut self, arrival: Arrival) -> usize {
        let at = self.settle();
        let index = self.fluxes.len();
        let interface = interface_of(&arrival.syntax);
        let number = format!("CPP001{}{:015}", &interface[3..7], index + 1);
        let names: Vec<&str> = arrival.content.iter().flatten().map(|invoice| invoice.number.as_str()).collect();
        let rule = self.scenario.verdict.iter().position(|rule| {
            rule.invoice.as_deref().is_none_or(|pattern| names.iter().any(|name| fits(pattern, name)))
                && rule.file.as_deref().is_none_or(|pattern| fits(pattern, &arrival.file_name))
        });
        let mut flux = Flux {
            at,
            number,
            interface,
            file_name: arrival.file_name,
            syntax: arrival.syntax,
            sha256: arrival.sha256,
            size: arrival.size,
            content: arrival.content,
            answer: Answered::Lost,
            verdict: None,
            scripted: None,
            errors: Vec::new(),
        };
        if let Some(rule) = rule {
            self.apply_verdict(rule, &mut flux);
        }
        self.fluxes.push(flux);
        self.pending.insert((at + self.scenario.timing.verdict_after.get(), index));
        index
    }

    fn apply_verdict(&mut self, rule: usize, flux: &mut Flux) {
        let VerdictRule { state, label, times, .. } = &mut self.scenario.verdict[rule];
        flux.scripted = Some(state.clone());
        let label = cut(label, LABEL_LIMIT_CHARS);
        if !label.is_empty() {
            let keys = flux.content.iter().flatten().map(|invoice| Some(key_of(invoice)));
            flux.errors = keys.map(|key| FluxError { key, label: label.clone() }).collect();
        }
        match *times {
            0 => {}
            1 => drop(self.scenario.verdict.remove(rule)),
            _ => *times -= 1,
        }
    }

    /// The acceptance was answered, in this way.
    pub fn answered(&mut self, flux: usize, how: Answered) {
        self.fluxes[flux].answer = how;
    }

    /// A party by its identifier; its number stays the same for ever.
    pub fn party(&self, identifier: &str, name: &str) -> Party {
        let known = self.recipient_of(identifier).map_or("", |(name, ..)| name);
        let name = if name.is_empty() { known } else { name };
        Party { id: party_id(identifier), identifier: identifier.to_owned(), name: name.to_owned() }
    }

    /// Holds an invoice from now on.
    pub fn integrate(&mut self, read: &InvoiceRead, flux: usize, at: Duration) {
        self.taken.insert(duplicate_key(read));
        let amount = |value: Option<Decimal>| value.unwrap_or_default();
        let mut supplier = self.party(&read.supplier, &read.supplier_name);
        if supplier.name.is_empty() {
            supplier.name = supplier.identifier.clone();
        }
        let invoice = Invoice {
            id: self.next_invoice_id(),
            number: read.number.clone(),
            credit_note: read.credit_note,
            supplier,
            recipient: self.party(&read.recipient, &read.recipient_name),
            service: read.service.clone(),
            commitment: read.commitment.clone(),
            market: read.market.clone(),
            currency: if read.currency.is_empty() { "EUR".to_owned() } else { read.currency.clone() },
            date: read.date.clone(),
            deposited: self.fluxes[flux].at,
            net: amount(read.net),
            gross: amount(read.gross),
            payable: amount(read.payable),
            journey: self.journey(&read.number, at),
            side: Side::Sent { flux },
        };
        self.invoices.push(invoice);
    }

    fn next_invoice_id(&self) -> i64 {
        FIRST_INVOICE_ID + i64::try_from(self.invoices.len()).expect("far fewer invoices than that")
    }

    fn journey(&self, number: &str, from: Duration) -> Vec<Step> {
        let pace = self.scenario.timing.status_step.get();
        let way: Vec<(&str, &str, &str, &str)> =
            match self.scenario.path.iter().find(|rule| fits(&rule.invoice, number)) {
                Some(PathRule { statuses, comment, .. }) => {
                    let last = statuses.len() - 1;
                    let of = |status: &str| WAY_TO_PAYMENT.iter().find(|step| step.0 == status);
                    let named = statuses.iter().enumerate().map(|(at, status)| {
                        let (usual, first, last_name) = of(status).map_or(("", "Zoé", "LEBŒUF"), |s| (s.1, s.2, s.3));
                        let comment = if at == last && !comment.is_empty() { comment } else { usual };
                        (status.as_str(), comment, first, last_name)
                    });
                    named.collect()
                }
                None => WAY_TO_PAYMENT.to_vec(),
            };
        let mut at = from;
        let mut steps = Vec::with_capacity(way.len());
        for (status, comment, first_name, last_name) in way {
            steps.push(step(at, status, comment, first_name, last_name));
            at = at.saturating_add(pace);
        }
        steps
    }

    /// An invoice for the establishment arrives, at once at its disposal.
    pub fn receive(&mut self, document: ReceivedInvoice) -> ChorusInvoiceId {
        let now = self.settle();
        let id = self.next_invoice_id();
        let establishment = self.scenario.establishment.as_str().to_owned();
        let (gross, payable) = (document.gross(), document.gross());
        let arrived = |status: &str, comment: &str| step(now, status, comment, "", "Chorus Pro");
        self.invoices.push(Invoice {
            id,
            number: document.number.clone(),
            credit_note: document.credit_note,
            supplier: self.party(document.supplier.as_str(), &document.supplier_name),
            recipient: self.party(&establishment, ""),
            service: document.service.clone().unwrap_or_default(),
            commitment: document.commitment.clone().unwrap_or_default(),
            market: String::new(),
            currency: "EUR".to_owned(),
            date: document.date.clone(),
            deposited: now,
            net: document.net,
            gross,
            payable,
            journey: vec![
                arrived("DEPOSEE", ""),
                arrived("EN_COURS_ACHEMINEMENT", ""),
                arrived("MISE_A_DISPOSITION", &document.comment),
            ],
            side: Side::Received { document: Box::new(document), downloads: Vec::new() },
        });
        ChorusInvoiceId(id)
    }

    /// Gives an invoice another status now; what lay ahead of it is dropped. False: no such invoice.
    pub fn move_invoice(&mut self, number: &str, status: &str, comment: &str) -> bool {
        let now = self.settle();
        let Some(invoice) = self.invoices.iter_mut().rfind(|invoice| invoice.number == number) else { return false };
        invoice.journey.retain(|step| step.at <= now);
        invoice.journey.push(step(now, status, comment, "Zoé", "LEBŒUF"));
        true
    }

    /// The place of the flux of this number.
    pub fn flux(&self, number: &str) -> Option<usize> {
        let ordinal: usize = number.get(number.len().checked_sub(15)?..)?.parse().ok()?;
        let at = ordinal.checked_sub(1)?;
        (self.fluxes.get(at)?.number == number).then_some(at)
    }

    /// The invoice of this idFacture.
    pub fn invoice(&self, id: i64) -> Option<&Invoice> {
        let at = usize::try_from(id.checked_sub(FIRST_INVOICE_ID)?).ok()?;
        self.invoices.get(at)
    }

    /// Notes a download by the recipient, which sets factureTelechargeeParDestinataire.
    pub fn downloaded(&mut self, id: i64) {
        let now = self.clock.now();
        let at = id.checked_sub(FIRST_INVOICE_ID).and_then(|at| usize::try_from(at).ok());
        if let Some(Side::Received { downloads, .. }) = at.and_then(|at| self.invoices.get_mut(at)).map(|i| &mut i.side)
        {
            downloads.push(now);
        }
    }

    /// Writes a call down.
    pub fn called(&mut self, call: Call) {
        self.calls_total += 1;
        self.calls.push_back(call);
        if self.calls.len() > CALLS_KEPT {
            self.calls.pop_front();
        }
    }

    pub fn told(&self, at: Duration) -> Timestamp {
        self.clock.told(at)
    }
}

impl Flux {
    /// The states so far and when each began.
    pub fn states(&self, now: Duration, scenario: &Scenario) -> Vec<(Duration, &str)> {
        let timing = &scenario.timing;
        let last = self.scripted.as_deref().or(self.verdict).unwrap_or(PROCESSED);
        let mut states = vec![
            (self.at, WAITING),
            (self.at + timing.received_after.get(), RECEIVED),
            (self.at + timing.processed_after.get(), PROCESSED),
            (self.at + timing.verdict_after.get(), last),
        ];
        states.retain(|(at, _)| *at <= now);
        states
    }

    pub fn state(&self, now: Duration, scenario: &Scenario) -> &str {
        self.states(now, scenario).last().map_or(WAITING, |(_, state)| *state)
    }

    /// Numbers of the invoices the simulator could read.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.content.iter().flatten().map(|invoice| invoice.number.as_str())
    }
}

fn step(at: Duration, status: &str, comment: &str, first_name: &str, last_name: &str) -> Step {
    Step {
        at,
        status: status.to_owned(),
        comment: comment.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
    }
}

/// idFournisseur, idDestinataire: eight digits made of the identifier, the same in every run.
pub(super) fn party_id(identifier: &str) -> i64 {
    let hash = Sha256::digest(identifier.as_bytes());
    let number = u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]]);
    20_000_000 + i64::from(number % 79_999_999)
}

/// PROTOCOL §4, interface codes: FSO1117A is documented for Factur-X; the others follow its letter rule.
fn interface_of(syntax: &str) -> &'static str {
    match syntax {
        "IN_DP_E2_CII_FACTURX" => "FSO1117A",
        "IN_DP_E1_UBL_INVOICE" => "FSO1100A",
        "IN_DP_E1_CII" => "FSO1101A",
        "IN_DP_E1_CII_16B" => "FSO1102A",
        _ => "FSO1110A",
    }
}
