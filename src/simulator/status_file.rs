//! The life of the client's sent invoices as Chorus Pro tells it by EDI: a CPPStatut file, valid against V1_19.
//!
//! Here for its codes, in which the documents disagree (PROTOCOL §8): a client that will read FEN1200A can be shown
//! both readings. `GET /simulator/statuts.xml`.

use quick_xml::escape::escape;

use super::content::cut;
use super::invoice::Invoice;
use super::readings::{CompletedCode, RejectedCode};
use super::service::told_to_supplier;
use super::status::edi_code;
use super::world::World;

/// Invoices of one file.
const INVOICES_LIMIT: usize = 10_000;

impl World {
    /// Every status of every sent invoice that has an EDI code, in order; `None`: there is none to tell.
    pub(super) fn status_file(&mut self) -> Option<String> {
        let now = self.settle();
        let readings = &self.scenario.readings;
        let completed = match readings.completed_code {
            CompletedCode::Schema => "12",
            CompletedCode::Specification => "32",
        };
        let rejected = match readings.rejected_code {
            RejectedCode::Schema => "05",
            RejectedCode::Specification => "17",
        };
        let mut units = String::new();
        let mut count = 0;
        for invoice in self.invoices.iter().filter(|invoice| invoice.is_sent()).take(INVOICES_LIMIT) {
            for step in invoice.history(now) {
                let Some(code) = edi_code(&step.status, completed, rejected) else { continue };
                count += 1;
                let comment = told_to_supplier(self, &step.comment);
                units.push_str(&unit(count, invoice, code, &comment, &self.told(step.at).to_string()));
            }
        }
        if count == 0 {
            return None;
        }
        let today = self.clock.today();
        Some(format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPStatut Version=\"V1_19\"><Enveloppe><EnveloppeUnitaire NumOrdre=\"1\">\
             <Parametres><ParametreIndiv NumOrdre=\"0001\"><Code>DtPrd</Code><Valeurparametre>{}</Valeurparametre></ParametreIndiv>\
             <ParametreIndiv NumOrdre=\"0002\"><Code>IdFlx</Code><Valeurparametre>CPP0011200{:015}</Valeurparametre></ParametreIndiv>\
             </Parametres><Partenaires><Recepteur><Id>AAA001</Id></Recepteur><Emetteur><Id>CPP001</Id></Emetteur></Partenaires>\
             </EnveloppeUnitaire></Enveloppe><CPPFactureStatuts compteur=\"{count}\">{units}</CPPFactureStatuts></CPPStatut>\n",
            today.paris_date(),
            today.millis(),
        ))
    }
}

fn unit(order: usize, invoice: &Invoice, code: &str, comment: &str, at: &str) -> String {
    let comment = match comment {
        "" => String::new(),
        comment => format!("<Commentaire>{}</Commentaire>", escape(cut(comment, 255))),
    };
    let date = match invoice.date.as_str() {
        "" => String::new(),
        date => format!("<DateFacture>{}</DateFacture>", escape(date)),
    };
    let mandate = match (code, invoice.mandate.as_str()) {
        ("08", mandate) if !mandate.is_empty() => format!("<IdMandatDP>{}</IdMandatDP>", escape(mandate)),
        _ => String::new(),
    };
    format!(
        "<CPPFactureStatutUnitaire NumOrdre=\"{order}\"><Fournisseur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{}</Identifiant>\
         <RaisonSociale>{}</RaisonSociale></Fournisseur>\
         <Debiteur><TypeIdentifiant>1</TypeIdentifiant><Identifiant>{}</Identifiant></Debiteur>\
         <DonneesStatut><IdStatut>{code}</IdStatut>{comment}<Horodatage>{at}</Horodatage><IdFacture>{}</IdFacture>{date}{mandate}</DonneesStatut>\
         </CPPFactureStatutUnitaire>",
        escape(&invoice.supplier.identifier),
        escape(&invoice.supplier.name),
        escape(&invoice.recipient.identifier),
        escape(&invoice.number),
    )
}
