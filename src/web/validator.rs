//! Another validator is named on a sent invoice, which the one it named refused as not the right one: its SIRET becomes a
//! change of status to A_VALIDER_1. What the local directory knows of the SIRET is shown before the person confirms; it is a
//! help, and decides nothing.

use askama::Template;

use crate::chorus::explained;
use crate::domain::{Environment, FlowId, InvoiceStatus, Siret, SiretForm, Timestamp};
use crate::flow::FlowKind;
use crate::store::{Asked, AskedChange, FlowRecord, InvoiceFacts, InvoiceRecord, Reader, StructureSource};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::pdf_form_words::siret_problem;
use crate::web::site::Site;
use crate::web::words::Tongue;

/// Characters of a SIRET as it is typed, its spaces with it.
const TYPED_LIMIT: usize = 40;

/// An invoice that waits for another validator.
pub struct Misnamed {
    pub ordinal: u32,
    pub number: String,
    /// What the validator said who refused it.
    pub comment: String,
}

/// What the local directory knows of a SIRET.
struct Known {
    siret: String,
    name: String,
    source: String,
    inactive: bool,
}

#[derive(Template)]
#[template(path = "validator.html", config = "src/web/askama.toml")]
struct ValidatorPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    invoices: Vec<Misnamed>,
    chosen: u32,
    siret: &'a str,
    typed_limit: usize,
    problem: Option<String>,
    /// Of a SIRET that is to be confirmed.
    known: Option<Known>,
}

/// The flow's sent invoices whose validator is not the right one. A co-contractor's error is the co-contractor's to correct.
pub fn misnamed(reader: &Reader, flow: &FlowRecord, invoices: &[InvoiceRecord]) -> Result<Vec<Misnamed>, Trouble> {
    if flow.kind != FlowKind::Deposit {
        return Ok(Vec::new());
    }
    let wrong = InvoiceStatus::ErreurFournisseurSurValideur;
    let of = |i: &&InvoiceRecord| i.chorus_id.is_some() && i.status.as_ref() == Some(&wrong);
    let waiting: Vec<&InvoiceRecord> = invoices.iter().filter(of).collect();
    let history = if waiting.is_empty() { Vec::new() } else { reader.statuses(&flow.id)? };
    let said = |ordinal| {
        let own = history.iter().rev().filter(|(of, status)| *of == ordinal && status.status == wrong);
        own.filter_map(|(_, status)| status.comment.as_deref().map(explained)).next().unwrap_or_default()
    };
    let view = |i: &InvoiceRecord| Misnamed {
        ordinal: i.ordinal,
        number: i.facts.number.to_string(),
        comment: said(i.ordinal),
    };
    Ok(waiting.into_iter().map(view).collect())
}

/// The form, empty.
pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    page(site, ask, visit, id, None, None)
}

/// The form; with what is wrong in it, or with the validator that is to be confirmed.
fn page(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    id: &str,
    problem: Option<String>,
    known: Option<Known>,
) -> Result<Answer, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&id)?.ok_or(Trouble::NotFound)?;
    let invoices = misnamed(&reader, &flow, &reader.invoices(&id)?)?;
    if invoices.is_empty() {
        return Ok(Answer::see_other(&format!("/flux/{id}?fait=impossible")));
    }
    let title = visit.t.say("Nommer un autre valideur", "Name another validator");
    let c = visit.chrome(site, ask, "flows", title);
    let refused = problem.is_some();
    let page = ValidatorPage {
        c: &c,
        line: FlowLine::new(&flow, visit.t, Timestamp::now()),
        chosen: ask.form.get("facture").parse().unwrap_or_else(|_| invoices.first().map_or(0, |first| first.ordinal)),
        invoices,
        siret: ask.form.trimmed("siret"),
        typed_limit: TYPED_LIMIT,
        problem,
        known,
    };
    let answer = Answer::html(page.render()?);
    Ok(if refused { answer.status(422) } else { answer })
}

/// The validator that was typed, or what is wrong with it.
fn typed(t: Tongue, environment: Environment, facts: &InvoiceFacts, text: &str) -> Result<Siret, String> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    if digits.is_empty() {
        return Err(t.say("Indiquez le SIRET du valideur.", "Give the validator’s SIRET.").to_owned());
    }
    let siret: Siret = digits.parse().map_err(|_| siret_problem(t, text))?;
    // As in an invoice: the qualification data set fails it on purpose.
    if environment == Environment::Production && siret.form() == SiretForm::CheckDigitWrong {
        let said = t.say(
            "Ce SIRET a une faute de frappe : sa clé de contrôle est fausse. Relisez-le.",
            "This SIRET has a typing error: its check digit is wrong. Read it again.",
        );
        return Err(said.to_owned());
    }
    let said = match siret.as_str() {
        own if own == facts.supplier => t.say(
            "C’est le SIRET du fournisseur de cette facture : il ne se valide pas lui-même. Indiquez celui du titulaire ou du cotraitant qui valide.",
            "This is the SIRET of the invoice’s own supplier, who does not validate it. Give that of the holder of the contract or the co-contractor who validates.",
        ),
        to if to == facts.recipient => t.say(
            "C’est le SIRET du destinataire de cette facture : il la reçoit une fois validée. Indiquez celui du titulaire ou du cotraitant qui valide.",
            "This is the SIRET of the invoice’s recipient, who gets it once it is validated. Give that of the holder of the contract or the co-contractor who validates.",
        ),
        _ => return Ok(siret),
    };
    Err(said.to_owned())
}

/// What the local directory knows of the SIRET, without asking anybody.
fn known(t: Tongue, reader: &Reader, environment: Environment, siret: &Siret) -> Result<Known, Trouble> {
    let structure = reader.directory().structure(environment, siret.as_str())?;
    let from = |source| match source {
        StructureSource::Directory => t.say("annuaire du", "directory of"),
        StructureSource::Consulted => t.say("consultée le", "consulted on"),
    };
    Ok(Known {
        siret: siret.to_string(),
        source: structure
            .as_ref()
            .map(|one| format!("{} {}", from(one.source), one.fetched_at.paris_text()))
            .unwrap_or_default(),
        inactive: structure.as_ref().is_some_and(|one| one.active == Some(false)),
        name: structure.and_then(|one| one.name).unwrap_or_default(),
    })
}

/// Makes a change of status of a SIRET, once the person has seen whom it names: it is theirs, and stands in the invoice's
/// history and in its own.
pub fn name(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let t = visit.t;
    let flow_id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let reader = site.reader()?;
    let flow = reader.flow(&flow_id)?.ok_or(Trouble::NotFound)?;
    let invoices = reader.invoices(&flow_id)?;
    let may = misnamed(&reader, &flow, &invoices)?;
    let chosen = may.iter().find(|one| one.ordinal.to_string() == ask.form.get("facture"));
    let invoice = chosen.and_then(|chosen| invoices.iter().find(|i| i.ordinal == chosen.ordinal));
    let Some((invoice, chorus_id)) = invoice.and_then(|invoice| Some((invoice, invoice.chorus_id?))) else {
        return Ok(Answer::see_other(&format!("/flux/{flow_id}?fait=impossible")));
    };
    let environment = flow.realm.environment;
    let siret = match typed(t, environment, &invoice.facts, ask.form.trimmed("siret")) {
        Ok(siret) => siret,
        Err(problem) => return page(site, ask, visit, id, Some(t.typeset(&problem)), None),
    };
    if ask.form.get("confirme") != siret.as_str() {
        let known = known(t, &reader, environment, &siret)?;
        return page(site, ask, visit, id, None, Some(known));
    }
    let asked = AskedChange {
        chorus_id,
        number: invoice.facts.number.clone(),
        supplier: invoice.facts.supplier.clone(),
        target: InvoiceStatus::AValider1,
        motif: siret.to_string(),
        mandate: None,
    };
    let of = (&flow_id, invoice.ordinal);
    match site.store.name_validator(of, asked, visit.person(), Timestamp::now()).wait()? {
        Asked::New(change) => {
            log::info!(flow = change.as_str(), names_on = flow_id.as_str(); "A person names another validator");
            Ok(Answer::see_other(&format!("/flux/{change}?fait=valideur")))
        }
        Asked::UnderWay(change) if names(&site.reader()?, &change, &siret)? => {
            Ok(Answer::see_other(&format!("/flux/{change}?fait=deja-valideur")))
        }
        Asked::UnderWay(_) => {
            let said = t.say(
                "Un autre valideur vient d’être nommé pour cette facture : attendez ce qu’il en advient (cela se lit sur la page du flux).",
                "Another validator was named on this invoice just now: wait for what becomes of it (it stands on the flow’s page).",
            );
            page(site, ask, visit, id, Some(t.typeset(said)), None)
        }
    }
}

/// Whether a change names this validator.
fn names(reader: &Reader, change: &FlowId, siret: &Siret) -> Result<bool, Trouble> {
    Ok(reader.change(change)?.is_some_and(|change| change.asked.motif == siret.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Language;

    #[test]
    fn a_wrong_check_digit_is_a_typing_error_in_production_only() {
        let facts = InvoiceFacts {
            number: "F-1".parse().unwrap(),
            supplier: "12345678200051".into(),
            supplier_name: String::new(),
            recipient: "11000201100044".into(),
            recipient_name: String::new(),
            issued_on: None,
            payable: None,
            type_code: "380".into(),
            preceding: Vec::new(),
        };
        let read = |environment, text| typed(Tongue(Language::Fr), environment, &facts, text);
        assert!(read(Environment::Production, "12345678200037").unwrap_err().contains("clé de contrôle"));
        assert!(read(Environment::Qualification, "12345678200037").is_ok());
        assert_eq!(read(Environment::Production, "356 000 000 00048").unwrap().as_str(), "35600000000048");
    }
}
