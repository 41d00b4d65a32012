//! The data of a plain PDF: what its sidecar file (`facture.pdf.json`) or a person on the page says the invoice is.
//!
//! Promises: every value becomes a type or a problem that names its JSON path, what stands there and what is expected; all
//! problems are told, not the first; what is read here Chorus Pro's form can take. The JSON Schema is
//! `config/schema/pdf-sidecar.schema.json`. Refuses to know Chorus Pro's wire, and which PDF it is met with.

use rust_decimal::Decimal;
use serde_json::Value;

use crate::domain::{DocumentHash, InvoiceNumber, Siret};
use crate::fault::{Code, Fault, Language, Text};

use super::outline::Outline;
pub use super::pdf_data_problem::{DataProblem, Expected};
use super::pdf_data_reading::{self, shown};
use super::rules::Findings;
use super::{Examined, Facts, Finding, Lookup, Options, Profile, Severity, Site, Verdict, recipient_rules};

/// A sidecar file, in bytes.
pub const DATA_LIMIT: usize = 1 << 20;
/// Problems kept of one sidecar.
pub const PROBLEMS_LIMIT: usize = 100;
/// The rule that problems are shown under.
pub const RULE: &str = "PDF-DATA";
/// How far into a file its kind is looked for.
const HEAD_BYTES: usize = 4096;

/// An invoice whose document is a PDF that says nothing to a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PdfInvoice {
    /// The PDF's name, where the data say it.
    pub file: Option<String>,
    /// The PDF's bytes, where the data say it.
    pub sha256: Option<DocumentHash>,
    pub number: InvoiceNumber,
    /// `yyyy-mm-dd`
    pub issued_on: String,
    pub supplier: Party,
    /// Chorus Pro's number of the supplier's bank details.
    pub bank_details: Option<i64>,
    pub recipient: Party,
    pub frame: Frame,
    pub credit_note: bool,
    /// The invoice that a credit note corrects.
    pub origin: Option<InvoiceNumber>,
    /// The invoices that it refers to otherwise (BT-25): Chorus Pro's form has no place for them, here they say which
    /// refused one it corrects.
    pub preceding: Vec<InvoiceNumber>,
    pub currency: String,
    pub vat_kind: VatKind,
    pub payment: Payment,
    pub market: Option<String>,
    pub commitment: Option<String>,
    pub lines: Vec<Line>,
    pub vat: Vec<Vat>,
    pub totals: Totals,
    pub comment: String,
    pub attachments: Vec<Enclosure>,
    /// How the PDF is signed, where the data say it: otherwise its content tells.
    pub signature: Option<Signature>,
}

/// A structure and, where it has some, its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Party {
    pub siret: Siret,
    pub service: Option<String>,
}

/// The cadre de facturation, with the validator that two of them need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    A1,
    A2,
    A9(Party),
    A12(Party),
}

/// When the VAT falls due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VatKind {
    OnDebit,
    OnReceipt,
    /// With the reason's code.
    Exempt(String),
    Without,
}

/// How it is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Payment {
    Cheque,
    DirectDebit,
    Transfer,
    Cash,
    Other,
    CarriedOver,
}

/// A line of the invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub reference: Option<String>,
    pub name: String,
    pub quantity: Decimal,
    pub unit: Option<String>,
    /// Of one unit, without tax.
    pub price: Decimal,
    pub discount: Option<Decimal>,
    /// In percent.
    pub vat_rate: Option<Decimal>,
}

/// A rate of VAT with what falls under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vat {
    /// In percent.
    pub rate: Decimal,
    pub base: Decimal,
    pub tax: Decimal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Totals {
    pub without_tax: Decimal,
    pub tax: Decimal,
    pub with_tax: Decimal,
    pub discount: Option<(Decimal, String)>,
    pub payable: Decimal,
}

/// A file that goes with the invoice, by its name in the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enclosure {
    pub file: String,
    /// What it is called on the invoice.
    pub designation: Option<String>,
    /// Its type's code at Chorus Pro.
    pub kind: Option<String>,
}

/// How a PDF is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    None,
    Pades,
    Xades,
}

impl PdfInvoice {
    /// UNTDID 1001: an invoice or a credit note.
    pub fn type_code(&self) -> &'static str {
        if self.credit_note { "381" } else { "380" }
    }

    /// The numbers of the invoices that it refers to, each once.
    pub fn refers_to(&self) -> Vec<InvoiceNumber> {
        let mut numbers: Vec<InvoiceNumber> = Vec::new();
        for number in self.origin.iter().chain(&self.preceding) {
            if !numbers.contains(number) {
                numbers.push(number.clone());
            }
        }
        numbers
    }

    /// Payable amount and currency, as an invoice writes them.
    pub fn payable_text(&self) -> String {
        format!("{} {}", self.totals.payable, self.currency)
    }
}

/// How the data are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataOptions {
    /// Qualification or practice, whose SIRETs fail the check digit on purpose (PROTOCOL §1).
    pub sandbox: bool,
}

/// The data of a sidecar file, or everything that is wrong with them.
pub fn read(bytes: &[u8], options: DataOptions) -> Result<PdfInvoice, Vec<DataProblem>> {
    let whole = |found, expected| vec![DataProblem { path: "JSON".to_owned(), found: Some(found), expected }];
    if bytes.len() > DATA_LIMIT {
        return Err(whole(bytes.len().to_string(), Expected::Bytes(DATA_LIMIT)));
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice::<Value>(bytes) {
        Ok(value) => read_value(&value, options),
        Err(error) => {
            let place = format!("{}:{}", error.line(), error.column());
            Err(whole(shown(&place), Expected::Json(error.to_string())))
        }
    }
}

/// As [`read`], of JSON that was parsed, or put together by the page's form.
pub fn read_value(value: &Value, options: DataOptions) -> Result<PdfInvoice, Vec<DataProblem>> {
    pdf_data_reading::read(value, options)
}

/// The data as a file that is examined alone: every problem is a finding, and so is what the recipient demands and they
/// lack, where `lookup` knows that.
pub fn examine(bytes: &[u8], options: &Options, lookup: Lookup<'_>) -> Examined {
    match read(bytes, DataOptions { sandbox: options.sandbox }) {
        Ok(invoice) => check(&invoice, options, lookup),
        Err(problems) => Examined {
            syntax: None,
            // None was read, but its problems are findings, not one fault.
            facts: Some(Facts::default()),
            others: Vec::new(),
            signed: false,
            verdict: Verdict::Reject,
            findings: findings_of(&problems, options.language),
            fault: Some(fault_of(&problems)),
        },
    }
}

/// Holds data that were read against what their recipient demands, as an invoice's.
pub fn check(invoice: &PdfInvoice, options: &Options, lookup: Lookup<'_>) -> Examined {
    let nothing = Outline::new("");
    let mut findings = Findings::new(&nothing, options);
    let facts = facts(invoice);
    if options.profile == Profile::Chorus {
        recipient_rules::check(&facts, &lookup(&facts), recipient_rules::KEYS, &mut findings);
    }
    findings.conclude(None, facts)
}

/// Each problem as a finding.
pub fn findings_of(problems: &[DataProblem], language: Language) -> Vec<Finding> {
    let remedy = Text::new("Corrigez cette valeur.", "Correct this value.");
    let finding = |problem: &DataProblem| Finding {
        rule: RULE.to_owned(),
        severity: Severity::Fatal,
        place: problem.path.clone(),
        message: problem.text(language),
        remedy: remedy.get(language).to_owned(),
        site: Site { path: Some(problem.path.clone()).filter(|path| !path.is_empty()), ..Site::default() },
    };
    problems.iter().map(finding).collect()
}

fn facts(invoice: &PdfInvoice) -> Facts {
    Facts {
        number: Some(invoice.number.clone()),
        issue_date: Some(invoice.issued_on.clone()),
        supplier: invoice.supplier.siret.to_string(),
        recipient: invoice.recipient.siret.to_string(),
        service_code: invoice.recipient.service.clone(),
        engagement: invoice.commitment.clone(),
        currency: Some(invoice.currency.clone()),
        payable: Some(invoice.totals.payable.to_string()),
        type_code: invoice.type_code().to_owned(),
        preceding: invoice.refers_to(),
        ..Facts::default()
    }
}

/// Why a sidecar is refused: how many problems, and the first.
pub fn fault_of(problems: &[DataProblem]) -> Fault {
    let first = |language| problems.first().map_or_else(String::new, |problem| problem.text(language));
    Fault::new(Code::PdfDataWrong)
        .with("count", problems.len())
        .with_text("first", &Text::new(first(Language::Fr), first(Language::En)))
}

/// The PDF a sidecar's own name means: `facture.pdf` of `facture.pdf.json`.
pub fn pdf_named_by(sidecar: &str) -> Option<&str> {
    let stem = sidecar.len().checked_sub(".json".len()).and_then(|at| sidecar.split_at_checked(at));
    let (stem, _) = stem.filter(|(_, ending)| ending.eq_ignore_ascii_case(".json"))?;
    let ending = stem.len().checked_sub(".pdf".len()).and_then(|at| stem.get(at..))?;
    ending.eq_ignore_ascii_case(".pdf").then_some(stem)
}

/// A member of an archive that data name: in the folder that the data lie in.
pub fn beside(data: &str, name: &str) -> String {
    match data.rsplit_once('/') {
        Some((folder, _)) => format!("{folder}/{name}"),
        None => name.to_owned(),
    }
}

/// Whether a dropped file is the data of a PDF: by its name, or as JSON that names one.
pub fn is_sidecar(name: &str, bytes: &[u8]) -> bool {
    let begin = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let head = &begin[..begin.len().min(HEAD_BYTES)];
    if head.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        return pdf_named_by(name).is_some() && !bytes.starts_with(b"%PDF-");
    }
    if pdf_named_by(name).is_some() {
        return true;
    }
    let names_a_pdf = |value: &Value| {
        let file = value.get("file").and_then(Value::as_str);
        file.is_some_and(|file| file.to_lowercase().ends_with(".pdf"))
    };
    bytes.len() <= DATA_LIMIT && serde_json::from_slice::<Value>(begin).is_ok_and(|value| names_a_pdf(&value))
}
