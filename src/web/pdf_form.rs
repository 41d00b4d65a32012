//! The data of a plain PDF that waits for them: a form filled in with what Chorus Pro read, confirmed by a person.
//!
//! The form becomes the same JSON that a sidecar file holds and is read by the same reader: each problem stands at its
//! field. Who confirmed is journalled with the step.

use askama::Template;
use serde_json::Value;

use crate::config::Config;
use crate::domain::{Environment, FlowId, Timestamp};
use crate::flow::FlowKind;
use crate::flow::deposit::State;
use crate::invoice::pdf_data::{self, DataOptions, PdfInvoice};
use crate::invoice::tables::Versions;
use crate::invoice::{Examined, Severity, Verdict};
use crate::store::{FindingRecord, FlowRecord, Paired, PdfData};
use crate::web::answer::Answer;
use crate::web::ask::Ask;
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::pdf_form_fields::{self, Entered, Entry, Field, GROUPS, VAT_FIELDS, VAT_ROWS, Values, in_row};
use crate::web::pdf_form_words::{self, Wrong};
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work::{self, Recipients, pdf_invoice_facts};

/// A field as the page shows it.
struct FieldView {
    name: String,
    /// The name as an address can hold it.
    id: String,
    label: &'static str,
    value: String,
    problems: Vec<String>,
    /// Whether it is the first to be corrected.
    first: bool,
    kind: &'static str,
    options: Vec<(&'static str, &'static str)>,
}

struct GroupView {
    label: &'static str,
    fields: Vec<FieldView>,
}

/// A line of what is to be corrected, with the way there.
struct WrongView {
    id: String,
    label: String,
    said: String,
}

#[derive(Template)]
#[template(path = "pdf_form.html", config = "src/web/askama.toml")]
struct PdfFormPage<'a> {
    c: &'a Chrome,
    line: FlowLine,
    read: bool,
    groups: Vec<GroupView>,
    /// Rows of rate, base and tax.
    vat: Vec<Vec<FieldView>>,
    /// What stands at no field.
    said: Vec<String>,
    wrong: Vec<WrongView>,
}

/// The form of a PDF that waits for its data.
pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let flow = waiting(site, id)?.ok_or(Trouble::NotFound)?;
    let proposal = site.reader()?.pdf_data(&flow.id)?.and_then(|data| data.proposal);
    let proposal: Option<Value> = proposal.and_then(|json| serde_json::from_str(&json).ok());
    let values = pdf_form_fields::proposed(visit.t, proposal.as_ref());
    // An answer that recognised nothing proposes nothing.
    let read = values != pdf_form_fields::proposed(visit.t, None);
    page(site, ask, visit, &flow, &values, Vec::new(), read)
}

/// Reads what was entered; confirmed data make the PDF ready.
pub fn confirm(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let Some(flow) = waiting(site, id)? else {
        return Ok(Answer::see_other(&format!("/flux/{id}?fait=impossible")));
    };
    let t = visit.t;
    let entered = Entered::of(&ask.form);
    let wrong = |wrong: Vec<Wrong>| page(site, ask, visit, &flow, &entered.typed, wrong, false);
    let data = entered.assembled();
    let options = DataOptions { sandbox: flow.realm.environment != Environment::Production };
    let invoice: PdfInvoice = match pdf_data::read_value(&data, options) {
        Ok(invoice) => invoice,
        Err(problems) => {
            return wrong(problems.iter().map(|one| pdf_form_words::of_problem(t, &entered, one)).collect());
        }
    };
    let (findings, rules) = match demanded(site, &flow, &invoice, t)? {
        Ok(accepted) => accepted,
        Err(checked) => {
            let fatal = checked.findings.iter().filter(|finding| finding.severity == Severity::Fatal);
            return wrong(fatal.map(|finding| pdf_form_words::of_finding(t, finding)).collect());
        }
    };
    let (json, invoice) = (data.to_string(), pdf_invoice_facts(&invoice));
    let offered = PdfData { pdf: flow.file.clone(), sha256: None, json, invoice, findings, rules: Some(rules) };
    match site.store.complete_pdf(&flow.id, offered, visit.person(), Timestamp::now()).wait()? {
        Paired::Completed(_) => {
            log::info!(flow = flow.id.as_str(); "A person confirmed the data of a plain PDF");
            Ok(Answer::see_other(&format!("/flux/{}?fait=donnees", flow.id)))
        }
        Paired::Refused(fault) => wrong(vec![pdf_form_words::of_fault(t, &fault)]),
        Paired::Waits | Paired::Impossible => Ok(Answer::see_other(&format!("/flux/{}?fait=impossible", flow.id))),
    }
}

/// What the recipient demands and the data lack, by the local directory, as a file of data is held against it: what only
/// warns and by which rules, or why they are refused.
fn demanded(
    site: &Site,
    flow: &FlowRecord,
    invoice: &PdfInvoice,
    t: Tongue,
) -> Result<Result<(Vec<FindingRecord>, Versions), Examined>, Trouble> {
    let reader = site.reader()?;
    let folder = reader.arrival(&flow.id)?.map(|arrival| arrival.folder);
    let config = site.settings.configuration.text().ok().and_then(|text| Config::parse(&text).ok());
    let is_on = config.as_ref().is_none_or(|config| !config.limits.directory_refresh.get().is_zero());
    let tables = **site.settings.tables.load();
    let routes = config.map(|config| config.routes).unwrap_or_default();
    let options = work::Options { routes, language: t.0, tables, ..work::Options::default() };
    let options = work::examination(&options, flow, folder.as_deref());
    let (environment, now) = (flow.realm.environment, Timestamp::now());
    let recipients = match is_on {
        true => Recipients::new(reader.directory(), environment, now),
        false => Recipients::unknown(environment, now),
    };
    let checked = pdf_data::check(invoice, &options, &|facts| recipients.listing(facts));
    Ok(match checked.verdict {
        Verdict::Accept => {
            let findings = checked.findings.iter().map(work::finding_record).collect();
            Ok((findings, options.versions_beside_the_standard()))
        }
        Verdict::Reject => Err(checked),
    })
}

/// Whether a flow waits for a person to enter its data.
pub fn is_waiting(flow: &FlowRecord) -> bool {
    flow.kind == FlowKind::Deposit && flow.state == State::Incomplete.as_str()
}

fn waiting(site: &Site, id: &str) -> Result<Option<FlowRecord>, Trouble> {
    let id: FlowId = id.parse().map_err(|_| Trouble::NotFound)?;
    let flow = site.reader()?.flow(&id)?.ok_or(Trouble::NotFound)?;
    Ok(Some(flow).filter(is_waiting))
}

/// The form with what is in its fields and what is `wrong` there; `read`: whether Chorus Pro filled it in.
fn page(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    flow: &FlowRecord,
    values: &Values,
    wrong: Vec<Wrong>,
    read: bool,
) -> Result<Answer, Trouble> {
    let t = visit.t;
    let c = visit.chrome(site, ask, "flows", t.say("Données de la facture", "Data of the invoice"));
    let refused = !wrong.is_empty();
    let mut form = Form { t, values, wrong, listed: Vec::new() };
    let groups = GROUPS.iter().map(|(fr, en, fields)| GroupView {
        label: t.say(fr, en),
        fields: fields.iter().map(|field| form.view(field.0, field, "")).collect(),
    });
    let groups = groups.collect();
    let vat = (0..VAT_ROWS).map(|row| form.vat_row(row)).collect();
    let Form { wrong: left, listed, .. } = form;
    let said = left.into_iter().map(|wrong| wrong.said).collect();
    let line = FlowLine::new(flow, t, Timestamp::now());
    let page = PdfFormPage { c: &c, line, read, groups, vat, said, wrong: listed };
    let answer = Answer::html(page.render()?);
    Ok(if refused { answer.status(422) } else { answer })
}

/// The form on its way onto the page: what is wrong goes from `wrong` to its field and into the list.
struct Form<'a> {
    t: Tongue,
    values: &'a Values,
    wrong: Vec<Wrong>,
    listed: Vec<WrongView>,
}

impl Form<'_> {
    fn vat_row(&mut self, row: usize) -> Vec<FieldView> {
        let place = format!("{} {} · ", self.t.say("TVA, ligne", "VAT, row"), row + 1);
        VAT_FIELDS.iter().map(|field| self.view(&in_row(row, field.0), field, &place)).collect()
    }

    /// `place`: what is said before the label where the list names the field.
    fn view(&mut self, name: &str, field: &Field, place: &str) -> FieldView {
        let Field(_, entry, fr, en) = field;
        let t = self.t;
        let (kind, options) = match entry {
            Entry::Text | Entry::Currency => ("text", Vec::new()),
            Entry::Digits => ("digits", Vec::new()),
            Entry::Day => ("date", Vec::new()),
            Entry::Amount | Entry::Rate => ("amount", Vec::new()),
            Entry::Choice(options) => ("choice", options.iter().map(|(word, fr, en)| (*word, t.say(fr, en))).collect()),
            Entry::Long => ("long", Vec::new()),
        };
        let (here, left) = self.wrong.drain(..).partition(|wrong| wrong.field.as_deref() == Some(name));
        self.wrong = left;
        let problems: Vec<String> = Vec::into_iter(here).map(|wrong: Wrong| wrong.said).collect();
        let (label, id) = (t.say(fr, en), name.replace(['[', ']', '.'], "-"));
        let first = self.listed.is_empty() && !problems.is_empty();
        self.listed.extend(problems.iter().map(|said| WrongView {
            id: id.clone(),
            label: format!("{place}{label}"),
            said: said.clone(),
        }));
        let value = self.values.get(name).cloned().unwrap_or_default();
        FieldView { name: name.to_owned(), id, label, value, problems, first, kind, options }
    }
}
