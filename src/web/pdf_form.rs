//! The data of a plain PDF that waits for them: a form filled in with what Chorus Pro read, confirmed by a person.
//!
//! The form becomes the same JSON that a sidecar file holds and is read by the same reader: each problem stands at its
//! field. Who confirmed is journalled with the step.

use askama::Template;
use serde_json::{Map, Value};

use crate::config::Config;
use crate::domain::{Environment, FlowId, Timestamp};
use crate::flow::FlowKind;
use crate::flow::deposit::State;
use crate::invoice::pdf_data::{self, DataOptions, DataProblem, PdfInvoice};
use crate::invoice::{Examined, Finding, Verdict};
use crate::store::{FindingRecord, FlowRecord, Paired, PdfData};
use crate::web::answer::Answer;
use crate::web::ask::{Ask, Fields};
use crate::web::error::Trouble;
use crate::web::home::FlowLine;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::work::{self, Recipients, pdf_invoice_facts};

/// Rates of VAT that the form has room for; a sidecar file has room for more.
const VAT_ROWS: usize = 4;

/// How a field is entered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Entry {
    Text,
    /// Digits alone: blanks that people put between them are dropped.
    Digits,
    Day,
    /// A comma is as good as a point.
    Amount,
    Choice(&'static [(&'static str, &'static str, &'static str)]),
    Long,
}

/// A field of the form: its name is the path in the data.
struct Field(&'static str, Entry, &'static str, &'static str);

const TYPES: &[(&str, &str, &str)] = &[("invoice", "Facture", "Invoice"), ("credit_note", "Avoir", "Credit note")];
const FRAMES: &[(&str, &str, &str)] = &[
    ("A1", "A1 · Fournisseur", "A1 · Supplier"),
    ("A2", "A2 · Fournisseur, déjà payée", "A2 · Supplier, already paid"),
    ("A9", "A9 · Sous-traitant", "A9 · Subcontractor"),
    ("A12", "A12 · Cotraitant", "A12 · Co-contractor"),
];
const VAT_KINDS: &[(&str, &str, &str)] = &[
    ("on_debit", "TVA sur les débits", "VAT on debits"),
    ("on_receipt", "TVA sur les encaissements", "VAT on receipts"),
    ("exempt", "Exonération", "Exempt"),
    ("none", "Sans TVA", "Without VAT"),
];
const PAYMENTS: &[(&str, &str, &str)] = &[
    ("transfer", "Virement", "Transfer"),
    ("direct_debit", "Prélèvement", "Direct debit"),
    ("cheque", "Chèque", "Cheque"),
    ("cash", "Espèces", "Cash"),
    ("other", "Autre", "Other"),
    ("carried_over", "Report", "Carried over"),
];

/// The form's parts.
const GROUPS: &[(&str, &str, &[Field])] = &[
    (
        "Facture",
        "Invoice",
        &[
            Field("number", Entry::Text, "Numéro", "Number"),
            Field("date", Entry::Day, "Date de facture", "Date of issue"),
            Field("type", Entry::Choice(TYPES), "Type", "Type"),
            Field(
                "origin",
                Entry::Text,
                "Facture d’origine (d’un avoir, facultatif)",
                "Original invoice (of a credit note, optional)",
            ),
            Field(
                "preceding",
                Entry::Text,
                "Facture antérieure qu’elle corrige (facultatif)",
                "Earlier invoice that it corrects (optional)",
            ),
            Field("currency", Entry::Text, "Devise", "Currency"),
        ],
    ),
    (
        "Fournisseur",
        "Supplier",
        &[
            Field("supplier.siret", Entry::Digits, "SIRET du fournisseur", "Supplier’s SIRET"),
            Field(
                "supplier.service",
                Entry::Text,
                "Code de son service (facultatif)",
                "Code of its service (optional)",
            ),
            Field(
                "bank_details",
                Entry::Digits,
                "Numéro de ses coordonnées bancaires chez Chorus Pro (facultatif)",
                "Number of its bank details at Chorus Pro (optional)",
            ),
        ],
    ),
    (
        "Destinataire",
        "Recipient",
        &[
            Field("recipient.siret", Entry::Digits, "SIRET du destinataire", "Recipient’s SIRET"),
            Field("recipient.service", Entry::Text, "Code du service", "Service code"),
            Field("commitment", Entry::Text, "Numéro d’engagement ou de commande", "Commitment or order number"),
            Field("market", Entry::Text, "Numéro de marché", "Market number"),
        ],
    ),
    (
        "Cadre de facturation",
        "Frame",
        &[
            Field("frame", Entry::Choice(FRAMES), "Cadre", "Frame"),
            Field("validator.structure", Entry::Digits, "SIRET du valideur (A9, A12)", "Validator’s SIRET (A9, A12)"),
            Field(
                "validator.service",
                Entry::Text,
                "Service du valideur (facultatif)",
                "Validator’s service (optional)",
            ),
        ],
    ),
    (
        "TVA et paiement",
        "VAT and payment",
        &[
            Field("vat_kind", Entry::Choice(VAT_KINDS), "Régime de TVA", "VAT kind"),
            Field("exemption", Entry::Text, "Code du motif d’exonération", "Code of the reason of exemption"),
            Field("payment", Entry::Choice(PAYMENTS), "Mode de paiement", "Payment"),
        ],
    ),
    (
        "Montants",
        "Amounts",
        &[
            Field("totals.without_tax", Entry::Amount, "Total HT", "Total without tax"),
            Field("totals.tax", Entry::Amount, "Total TVA", "Total tax"),
            Field("totals.with_tax", Entry::Amount, "Total TTC", "Total with tax"),
            Field(
                "totals.discount",
                Entry::Amount,
                "Remise globale TTC (facultatif)",
                "Discount on the whole (optional)",
            ),
            Field("totals.discount_reason", Entry::Text, "Motif de la remise", "Reason of the discount"),
            Field("totals.payable", Entry::Amount, "Net à payer", "Payable"),
        ],
    ),
    ("Commentaire", "Comment", &[Field("comment", Entry::Long, "Commentaire (facultatif)", "Comment (optional)")]),
];

/// A field as the page shows it.
struct FieldView {
    name: String,
    label: &'static str,
    value: String,
    problem: String,
    kind: &'static str,
    options: Vec<(&'static str, &'static str)>,
}

struct GroupView {
    label: &'static str,
    fields: Vec<FieldView>,
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
    vat_problem: String,
    /// What stands at no field.
    problems: Vec<String>,
}

/// The form's values by their path.
type Values = Map<String, Value>;

/// The form of a PDF that waits for its data.
pub fn show(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let flow = waiting(site, id)?.ok_or(Trouble::NotFound)?;
    let proposal = site.reader()?.pdf_data(&flow.id)?.and_then(|data| data.proposal);
    let proposal: Option<Value> = proposal.and_then(|json| serde_json::from_str(&json).ok());
    let read = proposal.is_some();
    page(site, ask, visit, &flow, proposed(proposal.as_ref()), &[], read, None)
}

/// Reads what was entered; confirmed data make the PDF ready.
pub fn confirm(site: &Site, ask: &Ask, visit: &Visit, id: &str) -> Result<Answer, Trouble> {
    let Some(flow) = waiting(site, id)? else {
        return Ok(Answer::see_other(&format!("/flux/{id}?fait=impossible")));
    };
    let (values, rows) = entered(&ask.form);
    let data = assembled(&values, &rows);
    let options = DataOptions { sandbox: flow.realm.environment != Environment::Production };
    let invoice: PdfInvoice = match pdf_data::read_value(&data, options) {
        Ok(invoice) => invoice,
        Err(problems) => {
            let problems = at_their_rows(problems, &rows);
            return page(site, ask, visit, &flow, values, &problems, false, None);
        }
    };
    let findings = match demanded(site, &flow, &invoice, visit.t)? {
        Ok(findings) => findings,
        Err(checked) => {
            let said = |finding: &Finding| format!("{} {} {}", finding.rule, finding.message, finding.remedy);
            let said: Vec<String> = checked.findings.iter().map(said).collect();
            return page(site, ask, visit, &flow, values, &[], false, Some(said.join(" ")));
        }
    };
    let (json, invoice) = (data.to_string(), pdf_invoice_facts(&invoice));
    let offered = PdfData { pdf: flow.file.clone(), sha256: None, json, invoice, findings };
    match site.store.complete_pdf(&flow.id, offered, visit.person(), Timestamp::now()).wait()? {
        Paired::Completed(_) => {
            log::info!(flow = flow.id.as_str(); "A person confirmed the data of a plain PDF");
            Ok(Answer::see_other(&format!("/flux/{}?fait=donnees", flow.id)))
        }
        Paired::Refused(fault) => {
            let said = format!("{} {}. {}", fault.code, fault.title(visit.t.0), fault.remedy(visit.t.0));
            page(site, ask, visit, &flow, values, &[], false, Some(said))
        }
        Paired::Waits | Paired::Impossible => Ok(Answer::see_other(&format!("/flux/{}?fait=impossible", flow.id))),
    }
}

/// What the recipient demands and the data lack, by the local directory, as a file of data is held against it: what only
/// warns, or why they are refused.
fn demanded(
    site: &Site,
    flow: &FlowRecord,
    invoice: &PdfInvoice,
    t: Tongue,
) -> Result<Result<Vec<FindingRecord>, Examined>, Trouble> {
    let reader = site.reader()?;
    let folder = reader.arrival(&flow.id)?.map(|arrival| arrival.folder);
    let config = site.settings.configuration.text().ok().and_then(|text| Config::parse(&text).ok());
    let is_on = config.as_ref().is_none_or(|config| !config.limits.directory_refresh.get().is_zero());
    let routes = config.map(|config| config.routes).unwrap_or_default();
    let options = work::Options { routes, language: t.0, ..work::Options::default() };
    let options = work::examination(&options, flow, folder.as_deref());
    let (environment, now) = (flow.realm.environment, Timestamp::now());
    let recipients = match is_on {
        true => Recipients::new(reader.directory(), environment, now),
        false => Recipients::unknown(environment, now),
    };
    let checked = pdf_data::check(invoice, &options, &|facts| recipients.listing(facts));
    Ok(match checked.verdict {
        Verdict::Accept => Ok(checked.findings.iter().map(work::finding_record).collect()),
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

#[expect(clippy::too_many_arguments, reason = "what one page shows")]
fn page(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    flow: &FlowRecord,
    values: Values,
    problems: &[DataProblem],
    read: bool,
    said: Option<String>,
) -> Result<Answer, Trouble> {
    let t = visit.t;
    let c = visit.chrome(site, ask, "flows", t.say("Données de la facture", "Data of the invoice"));
    let refused = !problems.is_empty() || said.is_some();
    let mut left: Vec<&DataProblem> = problems.iter().collect();
    let groups = GROUPS
        .iter()
        .map(|(fr, en, fields)| GroupView {
            label: t.say(fr, en),
            fields: fields.iter().map(|field| view(t, field.0, field, &values, &mut left)).collect(),
        })
        .collect();
    let vat = (0..VAT_ROWS).map(|row| vat_row(t, row, &values, &mut left)).collect();
    let vat_problem = taken(t, "vat", &mut left);
    let page = PdfFormPage {
        c: &c,
        line: FlowLine::new(flow, t, Timestamp::now()),
        read,
        groups,
        vat,
        vat_problem,
        problems: said.into_iter().chain(left.iter().map(|problem| problem.text(t.0))).map(|p| t.typeset(&p)).collect(),
    };
    let answer = Answer::html(page.render()?);
    Ok(if refused { answer.status(422) } else { answer })
}

fn vat_row(t: Tongue, row: usize, values: &Values, left: &mut Vec<&DataProblem>) -> Vec<FieldView> {
    let fields = [
        Field("rate", Entry::Amount, "Taux (%)", "Rate (%)"),
        Field("base", Entry::Amount, "Base HT", "Base without tax"),
        Field("tax", Entry::Amount, "TVA", "Tax"),
    ];
    fields.iter().map(|field| view(t, &format!("vat[{row}].{}", field.0), field, values, left)).collect()
}

fn view(t: Tongue, name: &str, field: &Field, values: &Values, left: &mut Vec<&DataProblem>) -> FieldView {
    let Field(_, entry, fr, en) = field;
    // What a whole object lacks is told at its first field.
    let parent = name.strip_suffix(".siret").or_else(|| name.strip_suffix(".structure"));
    let mut problem = taken(t, name, left);
    if problem.is_empty() {
        problem = parent.map(|parent| taken(t, parent, left)).unwrap_or_default();
    }
    let (kind, options) = match entry {
        Entry::Text => ("text", Vec::new()),
        Entry::Digits => ("digits", Vec::new()),
        Entry::Day => ("date", Vec::new()),
        Entry::Amount => ("amount", Vec::new()),
        Entry::Choice(options) => ("choice", options.iter().map(|(word, fr, en)| (*word, t.say(fr, en))).collect()),
        Entry::Long => ("long", Vec::new()),
    };
    let value = values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    FieldView { name: name.to_owned(), label: t.say(fr, en), value, problem, kind, options }
}

/// What is wrong at that path, told once.
fn taken(t: Tongue, path: &str, left: &mut Vec<&DataProblem>) -> String {
    let Some(at) = left.iter().position(|problem| problem.path == path) else { return String::new() };
    let problem = left.remove(at);
    let expected = problem.expected.get(t.0);
    t.typeset(&format!("{}{expected}", t.say("Attendu : ", "Expected: ")))
}

/// What the form shows at first: what Chorus Pro read, and the most usual choices.
fn proposed(proposal: Option<&Value>) -> Values {
    let mut values = Values::new();
    let usual =
        [("type", "invoice"), ("currency", "EUR"), ("frame", "A1"), ("vat_kind", "on_debit"), ("payment", "transfer")];
    for (name, value) in usual {
        values.insert(name.to_owned(), value.into());
    }
    let Some(proposal) = proposal else { return values };
    for Field(name, entry, ..) in GROUPS.iter().flat_map(|(_, _, fields)| fields.iter()) {
        let read = proposal.pointer(&format!("/{}", name.replace('.', "/"))).and_then(Value::as_str);
        // An amount of nothing was not recognised.
        let nothing = |text: &str| *entry == Entry::Amount && text.trim_matches(['0', '.']).is_empty();
        if let Some(read) = read.filter(|text| !text.is_empty() && !nothing(text)) {
            values.insert((*name).to_owned(), read.into());
        }
    }
    for (field, total) in [("vat[0].base", "totals.without_tax"), ("vat[0].tax", "totals.tax")] {
        if let Some(total) = values.get(total).cloned() {
            values.insert(field.to_owned(), total);
        }
    }
    values
}

/// The fields as they were entered, tidied; and which rows of VAT have anything in them.
fn entered(form: &Fields) -> (Values, Vec<usize>) {
    let mut values = Values::new();
    let fields = GROUPS.iter().flat_map(|(_, _, fields)| fields.iter());
    for Field(name, entry, ..) in fields {
        values.insert((*name).to_owned(), tidy(form.trimmed(name), *entry).into());
    }
    let mut rows = Vec::new();
    for row in 0..VAT_ROWS {
        let names = ["rate", "base", "tax"].map(|name| format!("vat[{row}].{name}"));
        if names.iter().any(|name| !form.trimmed(name).is_empty()) {
            rows.push(row);
        }
        for name in names {
            let value = tidy(form.trimmed(&name), Entry::Amount);
            values.insert(name, value.into());
        }
    }
    (values, rows)
}

/// People put blanks between digits, and French ones a comma before cents.
fn tidy(text: &str, entry: Entry) -> String {
    match entry {
        Entry::Digits => text.chars().filter(|c| !c.is_whitespace()).collect(),
        Entry::Amount => text.chars().filter(|c| !c.is_whitespace()).map(|c| if c == ',' { '.' } else { c }).collect(),
        Entry::Text | Entry::Day | Entry::Choice(_) | Entry::Long => text.to_owned(),
    }
}

/// The JSON of a sidecar file.
fn assembled(values: &Values, rows: &[usize]) -> Value {
    let mut data = Map::new();
    let value = |name: &str| values.get(name).cloned().unwrap_or_default();
    let is_given = |name: &str| values.get(name).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
    for Field(name, ..) in GROUPS.iter().flat_map(|(_, _, fields)| fields.iter()) {
        let Some((object, key)) = name.split_once('.') else {
            if is_given(name) {
                data.insert((*name).to_owned(), value(name));
            }
            continue;
        };
        if is_given(name) {
            let object = data.entry(object).or_insert_with(|| Value::Object(Map::new()));
            object[key] = value(name);
        }
    }
    if !rows.is_empty() {
        let row = |row: &usize| {
            let cell = |name: &str| (name.to_owned(), value(&format!("vat[{row}].{name}")));
            Value::Object(["rate", "base", "tax"].iter().map(|name| cell(name)).collect())
        };
        data.insert("vat".to_owned(), rows.iter().map(row).collect());
    }
    Value::Object(data)
}

/// The reader counts the rows that were filled in; the form counts all of them.
fn at_their_rows(problems: Vec<DataProblem>, rows: &[usize]) -> Vec<DataProblem> {
    let place = |mut problem: DataProblem| {
        let moved = problem.path.strip_prefix("vat[").and_then(|rest| {
            let (number, rest) = rest.split_once(']')?;
            let row = rows.get(number.parse::<usize>().ok()?)?;
            Some(format!("vat[{row}]{rest}"))
        });
        problem.path = moved.unwrap_or(problem.path);
        problem
    };
    problems.into_iter().map(place).collect()
}
