//! An invoice Chorus Pro holds, and the journey of statuses it is on.

use std::time::Duration;

use rust_decimal::Decimal;

use super::content::InvoiceRead;
use super::pivot::ReceivedInvoice;
use super::scenario::{PathRule, fits};
use super::status::{WAY_TO_PAYMENT, way_after};
use super::world::World;

/// Who sets a status by the API.
pub(super) const TECHNICAL_ACCOUNT: (&str, &str) = ("Compte", "TECHNIQUE");
/// Who sets what Chorus Pro itself does.
pub(super) const CHORUS: (&str, &str) = ("", "Chorus Pro");
/// Who validates what is deposited for a main contractor when the deposit does not say it.
const MAIN_CONTRACTOR: &str = "33254021516357";

/// A party as searches show it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Party {
    pub id: i64,
    /// SIRET where there is one.
    pub identifier: String,
    pub name: String,
}

/// A status an invoice has or will have.
#[derive(Debug, Clone)]
pub(super) struct Step {
    /// Simulated time since the start.
    pub at: Duration,
    pub status: String,
    pub comment: String,
    /// Of who gave it.
    pub first_name: String,
    pub last_name: String,
}

/// histoActionCode of the history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Download,
    RejectionTreated,
}

impl Action {
    /// As the history writes it.
    pub fn code(self) -> &'static str {
        match self {
            Action::Download => "TELECHARGEMENT_FACTURE",
            Action::RejectionTreated => "TRAITEMENT_REJET",
        }
    }
}

/// An invoice Chorus Pro holds.
pub(super) struct Invoice {
    pub id: i64,
    pub number: String,
    pub credit_note: bool,
    pub supplier: Party,
    pub recipient: Party,
    /// Of co- and sub-contractors' invoices.
    pub validator: Option<Party>,
    /// `A1` to `A25`.
    pub framework: String,
    /// typeFactureTravaux of a works invoice.
    pub works: Option<String>,
    /// modeDepot.
    pub mode: &'static str,
    /// codeServiceExecutant; empty without one.
    pub service: String,
    /// numeroBonCommande; empty without one.
    pub commitment: String,
    /// numeroMarche; empty without one.
    pub market: String,
    pub currency: String,
    /// dateFacture, `yyyy-mm-dd`.
    pub date: String,
    /// When it came, in simulated time since the start.
    pub deposited: Duration,
    /// Before VAT.
    pub net: Decimal,
    /// With VAT.
    pub gross: Decimal,
    pub payable: Decimal,
    /// numeroDPMandat, once mandated.
    pub mandate: String,
    /// pieceJointeId of what came with it or was added.
    pub attachments: Vec<i64>,
    /// Downloads and acknowledgements, with their simulated time.
    pub actions: Vec<(Duration, Action)>,
    /// The future ones too; the first is never in the future.
    pub journey: Vec<Step>,
    /// Whose it is, from the client's side.
    pub side: Side,
}

/// Whose an invoice is, from the client's side.
pub(super) enum Side {
    /// Sent by the client: in a flux, or submitted by itself.
    Sent {
        flux: Option<usize>,
    },
    Received {
        document: Box<ReceivedInvoice>,
        downloads: Vec<Duration>,
    },
    /// Between two others, for the client to validate.
    ToValidate {
        document: Box<ReceivedInvoice>,
    },
}

impl Invoice {
    /// The steps up to `now`.
    pub fn history(&self, now: Duration) -> &[Step] {
        &self.journey[..self.journey.partition_point(|step| step.at <= now).max(1)]
    }

    /// The step it has reached by `now`.
    pub fn status(&self, now: Duration) -> &Step {
        self.history(now).last().expect("a journey has a first step")
    }

    /// numeroDpMandat: as its recipient gave it; of a sent one, the buyer's own, once it has ordered the payment.
    pub fn mandate_at(&self, now: Duration) -> String {
        let ordered = self.is_sent() && self.history(now).iter().any(|step| step.status == "MANDATEE");
        if self.mandate.is_empty() && ordered { format!("DP-{}", self.id) } else { self.mandate.clone() }
    }

    pub fn is_sent(&self) -> bool {
        matches!(self.side, Side::Sent { .. })
    }

    pub fn is_received(&self) -> bool {
        matches!(self.side, Side::Received { .. })
    }

    pub fn is_downloaded(&self) -> bool {
        matches!(&self.side, Side::Received { downloads, .. } if !downloads.is_empty())
    }

    /// The document as the supplier made it; what was sent in a flux is not kept in full.
    pub fn document(&self) -> Option<&ReceivedInvoice> {
        match &self.side {
            Side::Received { document, .. } | Side::ToValidate { document } => Some(document),
            Side::Sent { .. } => None,
        }
    }

    /// typeFacture.
    pub fn kind(&self) -> &str {
        let own = self.document().and_then(|document| document.kind.as_deref());
        own.unwrap_or(if self.credit_note { "AVOIR" } else { "FACTURE" })
    }

    /// typeDemandePaiement.
    pub fn request_kind(&self) -> &'static str {
        if self.works.is_some() { "FACTURE_TRAVAUX" } else { "FACTURE" }
    }

    /// Another status from now on; what lay ahead is dropped.
    pub fn turn(&mut self, now: Duration, status: &str, comment: &str, who: (&str, &str)) {
        self.journey.retain(|step| step.at <= now);
        self.journey.push(step(now, status, comment, who));
    }
}

pub(super) fn step(at: Duration, status: &str, comment: &str, (first_name, last_name): (&str, &str)) -> Step {
    Step {
        at,
        status: status.to_owned(),
        comment: comment.to_owned(),
        first_name: first_name.to_owned(),
        last_name: last_name.to_owned(),
    }
}

/// codeCadreFacturation of a framework, as the widest list of the swagger has it.
pub(super) const FRAMEWORKS: &[(&str, &str)] = &[
    ("A1", "A1_FACTURE_FOURNISSEUR"),
    ("A2", "A2_FACTURE_FOURNISSEUR_DEJA_PAYEE"),
    ("A3", "A3_MEMOIRE_JUSTICE"),
    ("A4", "A4_PROJET_DECOMPTE_MENSUEL_FOURNISSEUR"),
    ("A5", "A5_ETAT_ACOMPTE_FOURNISSEUR"),
    ("A6", "A6_ETAT_ACOMPTE_VALIDE_FOURNISSEUR"),
    ("A7", "A7_PROJET_DECOMPTE_FINAL_FOURNISSEUR"),
    ("A8", "A8_DECOMPTE_GENERAL_DEFINITIF_FOURNISSEUR"),
    ("A9", "A9_FACTURE_SOUSTRAITANT"),
    ("A10", "A10_PROJET_DECOMPTE_MENSUEL_SOUSTRAITANT"),
    ("A11", "A11_PROJET_DECOMPTE_FINAL_SOUSTRAITANT"),
    ("A12", "A12_FACTURE_COTRAITANT"),
    ("A13", "A13_PROJET_DECOMPTE_MENSUEL_COTRAITANT"),
    ("A14", "A14_PROJET_DECOMPTE_FINAL_COTRAITANT"),
    ("A15", "A15_ETAT_ACOMPTE_MOE"),
    ("A16", "A16_ETAT_ACOMPTE_VALIDE_MOE"),
    ("A17", "A17_PROJET_DECOMPTE_GENERAL_MOE"),
    ("A18", "A18_DECOMPTE_GENERAL_MOE"),
    ("A19", "A19_ETAT_ACOMPTE_VALIDE_MOA"),
    ("A20", "A20_DECOMPTE_GENERAL_MOA"),
    ("A21", "A21_DEMANDE_REMBOURSEMENT_TIC"),
    ("A22", "A22_PROJET_DECOMPTE_GENERAL_FOURNISSEUR_PROCEDURE_TACITE"),
    ("A23", "A23_DECOMPTE_GENERAL_DEFINITIF_TACITE_FOURNISSEUR"),
    ("A24", "A24_DECOMPTE_GENERAL_DEFINITIF_TACITE_MOE"),
    ("A25", "A25_DECOMPTE_GENERAL_DEFINITIF_MOE_PROCEDURE_TACITE"),
];

/// The long code of a short one.
pub(super) fn framework_code(short: &str) -> Option<&'static str> {
    FRAMEWORKS.iter().find(|one| one.0 == short).map(|one| one.1)
}

/// The short code of a framework written either way; A1 when there is none.
pub(super) fn framework_of(text: &str) -> String {
    let short = text.split('_').next().unwrap_or_default();
    if framework_code(short).is_some() { short.to_owned() } else { "A1".to_owned() }
}

/// Whether somebody validates an invoice of this framework before its recipient sees it.
pub(super) fn is_validated(framework: &str) -> bool {
    matches!(framework, "A9" | "A12")
}

impl World {
    /// Holds an integrated invoice of a flux from now on.
    pub fn integrate(&mut self, read: &InvoiceRead, flux: usize, at: Duration) {
        self.taken.insert(super::judge::duplicate_key(read));
        let amount = |value: Option<Decimal>| value.unwrap_or_default();
        let mut supplier = self.party(&read.supplier, &read.supplier_name);
        if supplier.name.is_empty() {
            supplier.name = supplier.identifier.clone();
        }
        let framework = framework_of(&read.process);
        let validator = is_validated(&framework).then(|| self.party(MAIN_CONTRACTOR, ""));
        let invoice = Invoice {
            id: self.next_invoice_id(),
            number: read.number.clone(),
            credit_note: read.credit_note,
            supplier,
            recipient: self.party(&read.recipient, &read.recipient_name),
            journey: self.journey(&read.number, at, &framework),
            validator,
            framework,
            works: None,
            mode: "UPLOAD_API",
            service: read.service.clone(),
            commitment: read.commitment.clone(),
            market: read.market.clone(),
            currency: if read.currency.is_empty() { "EUR".to_owned() } else { read.currency.clone() },
            date: read.date.clone(),
            deposited: self.fluxes[flux].at,
            net: amount(read.net),
            gross: amount(read.gross),
            payable: amount(read.payable),
            mandate: String::new(),
            attachments: Vec::new(),
            actions: Vec::new(),
            side: Side::Sent { flux: Some(flux) },
        };
        self.invoices.push(invoice);
    }

    /// The way of a sent invoice: a scripted one, or the nominal one, through its validator where there is one.
    pub fn journey(&self, number: &str, from: Duration, framework: &str) -> Vec<Step> {
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
                None if is_validated(framework) => {
                    let mut way = WAY_TO_PAYMENT.to_vec();
                    way.insert(1, ("A_VALIDER_1", "À valider par le titulaire du marché", "", "Chorus Pro"));
                    way.insert(2, ("VALIDEE_1", "Validée par le titulaire du marché", "Noël", "HÉRAULT"));
                    way
                }
                None => WAY_TO_PAYMENT.to_vec(),
            };
        along(&way, from, pace)
    }

    /// An invoice for the establishment arrives, at once at its disposal.
    pub fn receive(&mut self, document: ReceivedInvoice) -> i64 {
        let now = self.settle();
        let mut journey = vec![step(now, "DEPOSEE", "", CHORUS)];
        if is_validated(&document.framework) {
            journey.push(step(now, "A_VALIDER_1", "", CHORUS));
            journey.push(step(now, "VALIDEE_1", "Validée par le titulaire du marché", ("Noël", "HÉRAULT")));
        }
        journey.push(step(now, "EN_COURS_ACHEMINEMENT", "", CHORUS));
        journey.push(step(now, "MISE_A_DISPOSITION", &document.comment, CHORUS));
        let recipient = document.recipient.as_ref().unwrap_or(&self.scenario.establishment).as_str().to_owned();
        let recipient = self.party(&recipient, "");
        let validator = is_validated(&document.framework).then(|| self.party(MAIN_CONTRACTOR, ""));
        self.hold(document, recipient, validator, journey, true)
    }

    /// A sub- or co-contractor's invoice for another buyer arrives, which the establishment must validate first.
    pub fn ask_validation(&mut self, document: ReceivedInvoice) -> i64 {
        let now = self.settle();
        let journey = vec![step(now, "DEPOSEE", "", CHORUS), step(now, "A_VALIDER_1", &document.comment, CHORUS)];
        let buyer = self.party("11000201100044", "");
        let establishment = self.scenario.establishment.as_str().to_owned();
        let validator = self.party(&establishment, "");
        self.hold(document, buyer, Some(validator), journey, false)
    }

    fn hold(
        &mut self,
        document: ReceivedInvoice,
        recipient: Party,
        validator: Option<Party>,
        journey: Vec<Step>,
        received: bool,
    ) -> i64 {
        let id = self.next_invoice_id();
        let gross = document.gross();
        let supplier = self.party(document.supplier.as_str(), &document.supplier_name);
        self.invoices.push(Invoice {
            id,
            number: document.number.clone(),
            credit_note: document.credit_note,
            supplier,
            recipient,
            validator,
            framework: document.framework.clone(),
            works: document.works.clone(),
            mode: "UPLOAD_API",
            service: document.service.clone().unwrap_or_default(),
            commitment: document.commitment.clone().unwrap_or_default(),
            market: String::new(),
            currency: "EUR".to_owned(),
            date: document.date.clone(),
            deposited: journey[0].at,
            net: document.net,
            gross,
            payable: gross,
            mandate: String::new(),
            attachments: Vec::new(),
            actions: Vec::new(),
            journey,
            side: match received {
                true => Side::Received { document: Box::new(document), downloads: Vec::new() },
                false => Side::ToValidate { document: Box::new(document) },
            },
        });
        id
    }

    /// Gives the last invoice of this number another status now; what lay ahead of it is dropped. False: none.
    pub fn move_invoice(&mut self, number: &str, status: &str, comment: &str) -> bool {
        let now = self.settle();
        let Some(at) = self.invoices.iter().rposition(|invoice| invoice.number == number) else { return false };
        self.invoices[at].turn(now, status, comment, ("Zoé", "LEBŒUF"));
        self.suspended(at, now);
        true
    }

    /// The same with MANDATEE and a payment order's number.
    pub fn order_payment(&mut self, number: &str, mandate: &str, comment: &str) -> bool {
        let moved = self.move_invoice(number, "MANDATEE", comment);
        if let Some(invoice) = self.invoices.iter_mut().rev().find(|invoice| invoice.number == number) {
            mandate.clone_into(&mut invoice.mandate);
        }
        moved
    }

    /// The invoice of this idFacture.
    pub fn invoice(&self, id: i64) -> Option<&Invoice> {
        self.invoices.get(place(id)?)
    }

    /// The same, to be changed.
    pub fn invoice_mut(&mut self, id: i64) -> Option<&mut Invoice> {
        self.invoices.get_mut(place(id)?)
    }

    pub(super) fn next_invoice_id(&self) -> i64 {
        FIRST_INVOICE_ID + i64::try_from(self.invoices.len()).expect("far fewer invoices than that")
    }

    /// Notes a download by the recipient, which sets factureTelechargeeParDestinataire.
    pub fn downloaded(&mut self, id: i64) {
        let now = self.clock.now();
        if let Some(invoice) = self.invoice_mut(id)
            && let Side::Received { downloads, .. } = &mut invoice.side
        {
            downloads.push(now);
            invoice.actions.push((now, Action::Download));
        }
    }

    /// The nominal path goes on from the invoice's present status.
    pub fn go_on(&mut self, id: i64) {
        let now = self.clock.now();
        let pace = self.scenario.timing.status_step.get();
        if let Some(invoice) = self.invoice_mut(id) {
            let way = way_after(&invoice.status(now).status);
            let ahead = along(way, now + pace, pace);
            invoice.journey.extend(ahead);
        }
    }
}

/// idFacture of the first invoice.
const FIRST_INVOICE_ID: i64 = 9_001;

fn place(id: i64) -> Option<usize> {
    usize::try_from(id.checked_sub(FIRST_INVOICE_ID)?).ok()
}

fn along(way: &[(&str, &str, &str, &str)], from: Duration, pace: Duration) -> Vec<Step> {
    let mut at = from;
    let mut steps = Vec::with_capacity(way.len());
    for (status, comment, first_name, last_name) in way {
        steps.push(step(at, status, comment, (first_name, last_name)));
        at = at.saturating_add(pace);
    }
    steps
}
