//! Statuses -> `CPPStatut` V1_19. Strict: what is written validates against the schema, or is refused with its place.

use jiff::civil::{Date, DateTime};

use super::status_file::{FluxStatus, InvoiceFileStatus, STATUSES_LIMIT, StatusParty};

/// What is written into `@Version`.
const VERSION: &str = "V1_19";

/// Who sends the file to whom, as which flux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// 3 to 8 characters.
    pub sender: String,
    /// 3 to 8 characters.
    pub receiver: String,
    pub flux_id: String,
    /// Production date, `yyyy-mm-dd`.
    pub produced: String,
}

/// What does not fit the schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WritingError {
    #[error("there must be 1 to {STATUSES_LIMIT} statuses")]
    Count,
    #[error("envelope, {field}: {reason}")]
    Envelope { field: &'static str, reason: &'static str },
    #[error("status {ordinal}, {field}: {reason}")]
    Status { ordinal: usize, field: &'static str, reason: &'static str },
}

/// Writes statuses of invoices.
pub fn write_invoice_statuses(envelope: &Envelope, statuses: &[InvoiceFileStatus]) -> Result<String, WritingError> {
    let mut xml = begin(envelope, "CPPFactureStatuts", statuses.len())?;
    for (index, status) in statuses.iter().enumerate() {
        let ordinal = index + 1;
        let fail = |(field, reason)| WritingError::Status { ordinal, field, reason };
        xml.tag(&format!("<CPPFactureStatutUnitaire NumOrdre=\"{ordinal}\">"));
        supplier(&mut xml, &status.supplier).map_err(fail)?;
        debtor(&mut xml, &status.recipient).map_err(fail)?;
        invoice_data(&mut xml, status).map_err(fail)?;
        xml.tag("</CPPFactureStatutUnitaire>");
    }
    xml.tag("</CPPFactureStatuts></CPPStatut>");
    Ok(xml.0)
}

/// Writes statuses of fluxes.
pub fn write_flux_statuses(envelope: &Envelope, statuses: &[FluxStatus]) -> Result<String, WritingError> {
    let mut xml = begin(envelope, "CPPFluxStatuts", statuses.len())?;
    for (index, status) in statuses.iter().enumerate() {
        let ordinal = index + 1;
        let fail = |(field, reason)| WritingError::Status { ordinal, field, reason };
        xml.tag(&format!("<CPPFluxStatutUnitaire NumOrdre=\"{ordinal}\">"));
        flux_data(&mut xml, status).map_err(fail)?;
        xml.tag("</CPPFluxStatutUnitaire>");
    }
    xml.tag("</CPPFluxStatuts></CPPStatut>");
    Ok(xml.0)
}

type Misfit = (&'static str, &'static str);

/// The document so far.
struct Xml(String);

impl Xml {
    fn tag(&mut self, tag: &str) {
        self.0.push_str(tag);
    }

    /// An element with a text, in which characters that XML forbids become spaces.
    fn text(&mut self, name: &str, text: &str) {
        self.0.push_str(&format!("<{name}>"));
        for c in text.chars() {
            match c {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '\r' => self.0.push_str("&#13;"),
                '\t' | '\n' | ' '..='\u{FFFD}' | '\u{10000}'.. => self.0.push(c),
                _ => self.0.push(' '),
            }
        }
        self.0.push_str(&format!("</{name}>"));
    }

    fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }
}

fn begin(envelope: &Envelope, list: &str, count: usize) -> Result<Xml, WritingError> {
    if count == 0 || count > STATUSES_LIMIT {
        return Err(WritingError::Count);
    }
    for (field, partner) in [("Emetteur/Id", &envelope.sender), ("Recepteur/Id", &envelope.receiver)] {
        if !(3..=8).contains(&partner.chars().count()) {
            return Err(WritingError::Envelope { field, reason: "must have 3 to 8 characters" });
        }
    }
    if !is_date(&envelope.produced) {
        return Err(WritingError::Envelope { field: "DtPrd", reason: "must be a day written yyyy-mm-dd" });
    }
    if envelope.flux_id.trim().is_empty() {
        return Err(WritingError::Envelope { field: "IdFlx", reason: "must not be empty" });
    }
    let mut xml = Xml(String::with_capacity(1024 + 512 * count));
    xml.tag("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    xml.tag(&format!("<CPPStatut Version=\"{VERSION}\"><Enveloppe><EnveloppeUnitaire NumOrdre=\"1\"><Parametres>"));
    for (order, code, value) in [("0001", "DtPrd", &envelope.produced), ("0002", "IdFlx", &envelope.flux_id)] {
        xml.tag(&format!("<ParametreIndiv NumOrdre=\"{order}\"><Code>{code}</Code>"));
        xml.text("Valeurparametre", value);
        xml.tag("</ParametreIndiv>");
    }
    xml.tag("</Parametres><Partenaires><Recepteur>");
    xml.text("Id", &envelope.receiver);
    xml.tag("</Recepteur><Emetteur>");
    xml.text("Id", &envelope.sender);
    xml.tag("</Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>");
    // Lower-case `compteur` here; the pivot has `Compteur` (PROTOCOL §4).
    xml.tag(&format!("<{list} compteur=\"{count}\">"));
    Ok(xml)
}

fn supplier(xml: &mut Xml, party: &StatusParty) -> Result<(), Misfit> {
    if !matches!(party.kind.as_str(), "1" | "2" | "3" | "4" | "5" | "6" | "7") {
        return Err(("Fournisseur/TypeIdentifiant", "must be 1 to 7"));
    }
    if party.country.as_ref().is_some_and(|c| c.chars().count() != 2) {
        return Err(("Fournisseur/CodePays", "must have 2 letters"));
    }
    xml.tag("<Fournisseur>");
    xml.text("TypeIdentifiant", &party.kind);
    xml.text("Identifiant", &party.id);
    xml.text("RaisonSociale", party.name.as_deref().unwrap_or_default());
    xml.optional("CodePays", party.country.as_deref());
    xml.tag("</Fournisseur>");
    Ok(())
}

fn debtor(xml: &mut Xml, party: &StatusParty) -> Result<(), Misfit> {
    if party.id.chars().count() != 14 {
        return Err(("Debiteur/Identifiant", "must be a SIRET of 14 digits"));
    }
    if party.service.as_ref().is_some_and(|s| s.chars().count() > 100) {
        return Err(("Debiteur/CodeService", "must have at most 100 characters"));
    }
    xml.tag("<Debiteur>");
    xml.text("TypeIdentifiant", "1");
    xml.text("Identifiant", &party.id);
    xml.optional("Nom", party.name.as_deref());
    xml.optional("CodeService", party.service.as_deref());
    xml.optional("NomService", party.service_name.as_deref());
    xml.tag("</Debiteur>");
    Ok(())
}

fn invoice_data(xml: &mut Xml, status: &InvoiceFileStatus) -> Result<(), Misfit> {
    let stamped = status.stamped.as_deref().filter(|s| is_instant(s));
    let stamped = stamped.ok_or(("Horodatage", "must be a date and time, 2026-11-23T10:00:00+01:00"))?;
    if status.issued_on.as_deref().is_some_and(|d| !is_date(d)) {
        return Err(("DateFacture", "must be a day written yyyy-mm-dd"));
    }
    xml.tag("<DonneesStatut>");
    xml.text("IdStatut", &status.status.to_string());
    xml.optional("ComplementStatut", status.complement.as_deref());
    xml.optional("Commentaire", status.comment.as_deref());
    xml.text("Horodatage", stamped);
    if let Some(producer) = &status.producer {
        xml.tag(&format!("<Producteur Id=\"{}\"/>", attribute(producer)));
    }
    xml.text("IdFacture", status.invoice.as_str());
    xml.optional("DateFacture", status.issued_on.as_deref());
    xml.optional("IdMandatDP", status.mandate.as_deref());
    xml.tag("</DonneesStatut>");
    Ok(())
}

fn flux_data(xml: &mut Xml, status: &FluxStatus) -> Result<(), Misfit> {
    if !(90..=96).contains(&status.status) {
        return Err(("IdStatut", "must be 90 to 96"));
    }
    let stamped = status.stamped.as_deref().filter(|s| is_instant(s));
    let stamped = stamped.ok_or(("Horodatage", "must be a date and time, 2026-11-23T10:00:00+01:00"))?;
    if status.complement.as_ref().is_some_and(|c| c.chars().count() > 40) {
        return Err(("ComplementStatut", "must have at most 40 characters"));
    }
    if status.producer.as_ref().is_some_and(|p| p.chars().count() != 8) {
        return Err(("IdProducteur", "must have 8 characters"));
    }
    xml.tag("<DonneesStatut>");
    xml.text("IdStatut", &status.status.to_string());
    xml.optional("ComplementStatut", status.complement.as_deref());
    xml.optional("Commentaire", status.comment.as_deref());
    xml.optional("Note", status.note.as_deref());
    xml.text("Horodatage", stamped);
    xml.optional("IdProducteur", status.producer.as_deref());
    xml.text("IdFlux", &status.flux);
    if !status.errors.is_empty() {
        xml.tag(&format!("<Details NbLignesErreur=\"{}\">", status.errors.len()));
        for error in &status.errors {
            xml.tag("<LigneErreurDetail>");
            xml.text("NatureErreur", &error.nature);
            xml.text("CodeErreur", &error.code);
            xml.text("LibelleErreur", &error.label);
            xml.optional("DescriptionErreur", error.description.as_deref());
            xml.tag("</LigneErreurDetail>");
        }
        xml.tag("</Details>");
    }
    xml.tag("</DonneesStatut>");
    Ok(())
}

fn attribute(text: &str) -> String {
    let legal = |c: char| if c.is_control() || matches!(c, '\u{FFFE}' | '\u{FFFF}') { ' ' } else { c };
    let text: String = text.chars().map(legal).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

fn is_date(text: &str) -> bool {
    text.len() == 10 && text.parse::<Date>().is_ok()
}

/// xs:dateTime: with `T`, seconds, and an offset or none.
fn is_instant(text: &str) -> bool {
    let Some((date, time)) = text.split_once('T') else { return false };
    let zone = time.find(['Z', '+', '-']).unwrap_or(time.len());
    let (clock, offset) = time.split_at(zone);
    let offset_fits = match offset.as_bytes() {
        [] | [b'Z'] => true,
        [b'+' | b'-', h1, h2, b':', m1, m2] => {
            let number =
                |a: &u8, b: &u8| (*a as char).to_digit(10).zip((*b as char).to_digit(10)).map(|(a, b)| a * 10 + b);
            number(h1, h2).is_some_and(|h| h < 14) && number(m1, m2).is_some_and(|m| m < 60)
        }
        _ => false,
    };
    is_date(date)
        && clock.len() >= 8
        && !clock.ends_with('.')
        && offset_fits
        && format!("{date}T{clock}").parse::<DateTime>().is_ok()
}
