//! What the simulated Chorus Pro holds: fluxes, invoices, tokens; and how time changes them.
//!
//! Nothing happens by itself: every look first lets everything happen that the simulated clock has passed
//! ([`World::settle`]), in the order of time. Knows nothing of HTTP.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use std::time::Duration;

use sha2::{Digest, Sha256};

use super::attachment::Files;
use super::catalogue::{self, Notes};

use super::clock::Clock;
use super::content::{self, InvoiceRead, Unreadable, cut};
use super::fault::{Chance, Schedule};
use super::invoice::{Invoice, Party, Side};
use super::judge::{LABEL_LIMIT_CHARS, key_of};
use super::ledger::{Answered, Call, InvoiceKey};
use super::pivot::{Attachment, ReceivedInvoice, Resent};
use super::scenario::{Scenario, VerdictRule, fits};
use super::structure::{self, Structure};
use super::weather::OutageKind;
use crate::domain::{DocumentHash, Timestamp};

/// Calls the ledger keeps.
const CALLS_KEPT: usize = 100_000;
/// Deposits the simulator holds; it refuses further ones with 503.
pub(super) const DEPOSITS_LIMIT: usize = 200_000;

pub(super) const WAITING: &str = "IN_DEPOT_PORTAIL_EN_ATTENTE_TRAITEMENT_SE_CPP";
const RECEIVED: &str = "IN_RECU";
const PROCESSED: &str = "IN_TRAITE_SE_CPP";

/// A refusal inside a compte rendu.
#[derive(Debug, Clone)]
pub(super) struct FluxError {
    /// `None`: the file could not be read (listeErreurTechnique), else listeErreurDP.
    pub key: Option<InvoiceKey>,
    /// What a person is told.
    pub label: String,
}

/// A deposited file.
pub(super) struct Flux {
    /// Simulated time since the start.
    pub at: Duration,
    /// numeroFluxDepot.
    pub number: String,
    /// codeInterfaceDepotFlux.
    pub interface: &'static str,
    pub file_name: String,
    /// syntaxeFlux.
    pub syntax: String,
    pub sha256: DocumentHash,
    /// Bytes of the decoded file.
    pub size: u64,
    /// avecSignature.
    pub signed: bool,
    /// Every invoice in it, or why it has none.
    pub content: Vec<Result<InvoiceRead, Unreadable>>,
    /// What the client learnt of its acceptance.
    pub answer: Answered,
    /// The final state; from `at + verdict_after` on.
    pub verdict: Option<&'static str>,
    /// A final state by script.
    pub scripted: Option<String>,
    /// Why it was refused, or a part of it.
    pub errors: Vec<FluxError>,
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
    /// Of the latencies; apart from the faults', so that neither changes the other.
    latencies: Chance,
    /// An outage by hand, until it is ended.
    pub outage: Option<OutageKind>,
    /// Of the catalogue of tests, when it is played.
    pub notes: Option<Notes>,
    /// In the order they came; their places name them inside.
    pub fluxes: Vec<Flux>,
    /// In the order of their ids.
    pub invoices: Vec<Invoice>,
    pub structures: Vec<Structure>,
    /// Everybody an invoice was from or for, by their id.
    pub parties: HashMap<i64, Party>,
    pub files: Files,
    /// What happens by itself, and when.
    pending: BTreeSet<(Duration, Due)>,
    /// Year, SIREN and number of every integrated invoice (PROTOCOL §5, duplicates).
    pub taken: HashSet<(String, String, String)>,
    /// The latest, oldest first.
    pub calls: VecDeque<Call>,
    /// Those no longer kept included.
    pub calls_total: u64,
    pub tokens_given: u64,
    samples_made: usize,
    /// For everything that alternates.
    turns: [bool; 3],
}

/// What happens when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The flux at this place is judged.
    Verdict(usize),
    /// The supplier completes the suspended invoice at this place.
    Completion(usize),
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
    /// syntaxeFlux.
    pub syntax: String,
    pub sha256: DocumentHash,
    /// Bytes of the decoded file.
    pub size: u64,
    pub signed: bool,
    /// Every invoice in it, or why it has none.
    pub content: Vec<Result<InvoiceRead, Unreadable>>,
}

impl Arrival {
    /// Reads and hashes a file.
    pub fn new(file_name: String, syntax: String, bytes: &[u8]) -> Self {
        let sha256 = DocumentHash(Sha256::digest(bytes).into());
        Self { file_name, syntax, sha256, size: bytes.len() as u64, signed: false, content: content::read(bytes) }
    }
}

impl World {
    /// A Chorus Pro as the scenario begins it; `speed` is simulated seconds per real one.
    pub fn new(mut scenario: Scenario, speed: f64, seed: u64, doors: Doors) -> Self {
        if scenario.catalogue {
            catalogue::prepare(&mut scenario);
        }
        let mut world = Self {
            clock: Clock::new(speed),
            faults: Schedule::new(seed),
            doors,
            latencies: Chance::new(!seed),
            outage: None,
            notes: None,
            fluxes: Vec::new(),
            invoices: Vec::new(),
            structures: structure::known(&scenario),
            parties: HashMap::new(),
            files: Files::default(),
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
        for _ in 0..world.scenario.received_works {
            let sample = world.sample();
            world.receive(sample.as_works());
        }
        for _ in 0..world.scenario.to_validate {
            let sample = world.sample();
            world.ask_validation(sample.as_subcontracted());
        }
        if world.scenario.catalogue {
            world.prepare_catalogue();
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
        while let Some(&(at, due)) = self.pending.first() {
            if at > now {
                break;
            }
            self.pending.pop_first();
            match due {
                Due::Verdict(flux) => self.judge(flux, at),
                Due::Completion(invoice) => self.complete_received(invoice, at),
            }
        }
        now
    }

    /// The invoice at this place may just have been suspended: its supplier answers, when the scenario says so.
    pub fn suspended(&mut self, place: usize, now: Duration) {
        let invoice = &self.invoices[place];
        if invoice.is_received()
            && invoice.status(now).status == "SUSPENDUE"
            && let Some(after) = self.scenario.completed_after
        {
            self.pending.insert((now + after.get(), Due::Completion(place)));
        }
    }

    fn complete_received(&mut self, place: usize, at: Duration) {
        if self.invoices[place].status(at).status == "SUSPENDUE" {
            let comment = "Pièce demandée ci-jointe, merci de poursuivre le traitement";
            self.complete(place, at, comment, Vec::new());
        }
    }

    /// The supplier of a received invoice completes it.
    pub fn complete(&mut self, place: usize, at: Duration, comment: &str, attached: Vec<Attachment>) {
        let invoice = &mut self.invoices[place];
        invoice.turn(at, "COMPLETEE", comment, ("", &invoice.supplier.name.clone()));
        if let Side::Received { document, .. } = &mut invoice.side {
            document.attachments.extend(attached);
            document.resent = Resent::Completed;
        }
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
            signed: arrival.signed,
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
        self.pending.insert((at + self.scenario.timing.verdict_after.get(), Due::Verdict(index)));
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
    pub fn party(&mut self, identifier: &str, name: &str) -> Party {
        let known = self.structure(identifier).map_or("", |structure| structure.name.as_str());
        let name = if name.is_empty() { known } else { name };
        let party = Party { id: party_id(identifier), identifier: identifier.to_owned(), name: name.to_owned() };
        self.parties.entry(party.id).or_insert_with(|| party.clone());
        party
    }

    /// The structure of this SIRET.
    pub fn structure(&self, siret: &str) -> Option<&Structure> {
        self.structures.iter().find(|structure| structure.siret == siret)
    }

    /// The structure of this idStructureCPP.
    pub fn structure_of(&self, id: i64) -> Option<&Structure> {
        self.structures.iter().find(|structure| structure.id() == id)
    }

    /// The establishment's own structure.
    pub fn own_structure(&self) -> &Structure {
        self.structure(self.scenario.establishment.as_str()).expect("the establishment is always known")
    }

    /// Everybody with this id: a structure, or somebody an invoice was from or for.
    pub fn party_of(&self, id: i64) -> Option<Party> {
        let structure = self.structure_of(id).map(|structure| Party {
            id,
            identifier: structure.siret.clone(),
            name: structure.name.clone(),
        });
        structure.or_else(|| self.parties.get(&id).cloned())
    }

    /// The place of the flux of this number.
    pub fn flux(&self, number: &str) -> Option<usize> {
        let ordinal: usize = number.get(number.len().checked_sub(15)?..)?.parse().ok()?;
        let at = ordinal.checked_sub(1)?;
        (self.fluxes.get(at)?.number == number).then_some(at)
    }

    /// What is wrong with everything just now.
    pub fn outage(&self) -> Option<OutageKind> {
        let now = self.clock.now();
        let scripted = self.scenario.outage.iter().find(|rule| rule.holds(now)).map(|rule| rule.kind);
        self.outage.or(scripted)
    }

    /// How long the next call takes.
    pub fn latency(&mut self) -> Duration {
        self.scenario.latency.map_or(Duration::ZERO, |latency| latency.draw(&mut self.latencies))
    }

    /// Writes a call down.
    pub fn called(&mut self, call: Call) {
        self.calls_total += 1;
        self.calls.push_back(call);
        if self.calls.len() > CALLS_KEPT {
            self.calls.pop_front();
        }
    }

    /// A simulated time as a date that clients are told.
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

    /// etatCourantDepotFlux by `now`.
    pub fn state(&self, now: Duration, scenario: &Scenario) -> &str {
        self.states(now, scenario).last().map_or(WAITING, |(_, state)| *state)
    }

    /// Numbers of the invoices the simulator could read.
    pub fn numbers(&self) -> impl Iterator<Item = &str> {
        self.content.iter().flatten().map(|invoice| invoice.number.as_str())
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
        // Named in the style sheet of a CPPFactureMixte seen in the field.
        "IN_DP_E2_CPP_FACTURE_MIN" => "FSO1113A",
        _ => "FSO1110A",
    }
}
