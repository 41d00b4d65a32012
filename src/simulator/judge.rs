//! What Chorus Pro makes of a deposited flux when its time has come: integrated, partly, or rejected, and why.

use std::time::Duration;

use super::content::{InvoiceRead, Syntax, Unreadable, cut};
use super::ledger::InvoiceKey;
use super::readings::{self, CommitmentCheck};
use super::structure;
use super::world::{FluxError, World};

/// Characters of a libelleErreurDP.
pub(super) const LABEL_LIMIT_CHARS: usize = 200;
/// Characters of a numeroFacture (PROTOCOL §2.2).
const NUMBER_LIMIT_CHARS: usize = 20;

pub(super) const INTEGRATED: &str = "IN_INTEGRE";
const PARTLY: &str = "IN_INTEGRE_PARTIEL";
const REJECTED: &str = "IN_REJETE";
const INADMISSIBLE: &str = "QP_IRRECEVABLE";

impl World {
    /// Gives the flux at this place its verdict.
    pub(super) fn judge(&mut self, at: usize, due: Duration) {
        let scripted = self.fluxes[at].scripted.clone();
        if scripted.as_deref().is_some_and(|state| state != INTEGRATED) {
            return; // its errors are the scripted ones
        }
        let forced = scripted.is_some();
        let content = std::mem::take(&mut self.fluxes[at].content);
        let mut errors = Vec::new();
        let mut integrated = 0usize;
        for result in &content {
            let refusal = match result {
                Err(Unreadable(label)) => Some(FluxError { key: None, label: cut(label, LABEL_LIMIT_CHARS) }),
                Ok(invoice) => match self.refusal(invoice, &self.fluxes[at].syntax) {
                    Some(label) if !forced => {
                        Some(FluxError { key: Some(key_of(invoice)), label: cut(&label, LABEL_LIMIT_CHARS) })
                    }
                    _ => None,
                },
            };
            match (refusal, result) {
                (Some(error), _) => errors.push(error),
                (None, Ok(invoice)) => {
                    integrated += 1;
                    self.integrate(invoice, at, due);
                }
                (None, Err(_)) => {}
            }
        }
        let flux = &mut self.fluxes[at];
        flux.content = content;
        let nothing_read = content_is_unreadable(&flux.content);
        flux.verdict = Some(match (integrated, errors.is_empty()) {
            (_, true) => INTEGRATED,
            (0, false) if nothing_read && self.scenario.readings.unreadable == readings::Unreadable::Inadmissible => {
                INADMISSIBLE
            }
            (0, false) => REJECTED,
            (_, false) => PARTLY,
        });
        flux.errors = errors;
        log::info!(deposit = flux.number.as_str(), state = flux.state(due, &self.scenario); "Simulated Chorus Pro judged a flux");
    }

    /// Why Chorus Pro does not integrate an invoice.
    fn refusal(&self, invoice: &InvoiceRead, syntax: &str) -> Option<String> {
        if !syntax_fits(invoice.syntax, syntax) {
            return Some(format!("La syntaxe déclarée {syntax} ne correspond pas au contenu du fichier"));
        }
        self.undeserving(invoice)
    }

    /// The same, whatever it travelled in.
    pub(super) fn undeserving(&self, invoice: &InvoiceRead) -> Option<String> {
        if invoice.number.chars().count() > NUMBER_LIMIT_CHARS {
            return Some(format!("Le numéro de facture dépasse {NUMBER_LIMIT_CHARS} caractères"));
        }
        if !invoice.number.chars().all(|c| c.is_ascii_alphanumeric() || " -_/+".contains(c)) {
            return Some("Le numéro de facture contient un caractère interdit".to_owned());
        }
        if self.taken.contains(&duplicate_key(invoice)) && !invoice.process.starts_with("S3") {
            return Some(format!("La facture {} du même fournisseur existe déjà pour cette année", invoice.number));
        }
        if structure::open(&self.scenario) {
            return None;
        }
        if invoice.supplier.is_empty() {
            return Some("L'identifiant du fournisseur est obligatoire".to_owned());
        }
        let Some(recipient) = self.structure(&invoice.recipient) else {
            let unknown = if invoice.recipient.is_empty() { "absent" } else { &invoice.recipient };
            return Some(format!("L'identifiant destinataire {unknown} n'est pas référencé dans notre système"));
        };
        let known = self.scenario.readings.commitments == CommitmentCheck::Known;
        recipient.refusal(&invoice.service, &invoice.commitment, known)
    }
}

fn content_is_unreadable(content: &[Result<InvoiceRead, Unreadable>]) -> bool {
    content.iter().all(Result::is_err)
}

/// codeErreur of a file that could not be read (DSE-G table 3).
pub(super) fn error_code(label: &str) -> &'static str {
    let begins = |words: &[&str]| words.iter().any(|word| label.starts_with(word));
    if begins(&["archive vide", "CPPFactureMixte sans"]) {
        "IRR_VIDE"
    } else if begins(&["archive illisible"]) {
        "IRR_EXTRAC"
    } else if begins(&["archive trop", "archive de plus", "flux de plus", "XML refusé : document démesuré"]) {
        "IRR_TAILLE"
    } else if begins(&["élément racine", "PES retiré", "PDF sans facture"]) {
        "IRR_TYPE"
    } else {
        "IRR_SYNTAX"
    }
}

pub(super) fn key_of(invoice: &InvoiceRead) -> InvoiceKey {
    InvoiceKey {
        number: invoice.number.clone(),
        supplier: invoice.supplier.clone(),
        recipient: invoice.recipient.clone(),
    }
}

pub(super) fn duplicate_key(invoice: &InvoiceRead) -> (String, String, String) {
    (cut(&invoice.date, 4), cut(&invoice.supplier, 9), invoice.number.clone())
}

fn syntax_fits(found: Syntax, declared: &str) -> bool {
    match found {
        Syntax::FacturX => declared == "IN_DP_E2_CII_FACTURX" || declared.starts_with("IN_DP_PDFARCHIVE_"),
        Syntax::Ubl => declared.contains("_UBL_"),
        Syntax::Cii => declared.contains("_CII") && !declared.contains("FACTURX"),
        Syntax::Mixed => declared == "IN_DP_E2_CPP_FACTURE_MIN",
        Syntax::Xcbl => declared == "IN_DP_E1_XCBL",
    }
}
