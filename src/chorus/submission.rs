//! A plain PDF as an invoice: `deposer/pdf` has it read, `soumettre` hands in the data that a person or a sidecar file
//! confirmed. (`recycler` is being ended, DSE-CP §2.4.2, and a deposit holds no form for it: a person recycles on the portal.)

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use rust_decimal::Decimal;
use serde_json::{Map, Value, json};

use crate::chorus::attachment::{AttachmentId, AttachmentReference};
use crate::chorus::structure::StructureId;
use crate::chorus::{FluxFileName, FluxSyntax, Service, Unreadable, WireDate, field};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};
use crate::invoice::pdf_data::{Frame, Line, Party, Payment, Totals, Vat, VatKind};

/// The largest PDF of `deposer/pdf`, in bytes (the swagger's text: 10 MB, 413 above).
pub const PDF_LIMIT: usize = 10 * 1024 * 1024;
/// The longest number of an invoice, in characters (PROTOCOL §2.2).
const NUMBER_LIMIT: usize = 20;

/// How a PDF is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PdfSignature {
    #[default]
    None,
    Pades,
    Xades,
}

/// Has a PDF read by Chorus Pro: a draft that only `soumettre` makes an invoice.
#[derive(Debug, Clone)]
pub struct DeposerPdf {
    pub content: Bytes,
    pub file_name: FluxFileName,
    pub signature: PdfSignature,
}

impl DeposerPdf {
    /// A name that Chorus Pro takes, from the one the file was dropped under.
    pub fn file_name(dropped: &str) -> FluxFileName {
        FluxFileName::from_dropped(dropped, FluxSyntax::E2CiiFacturX)
    }
}

/// What Chorus Pro read of the PDF: guesses, for a person to confirm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadPdf {
    pub attachment: AttachmentId,
    pub number: Option<String>,
    pub issued_on: Option<WireDate>,
    pub supplier: Option<String>,
    pub recipient: Option<String>,
    pub service: Option<String>,
    pub order: Option<String>,
    pub currency: Option<String>,
    pub without_tax: Option<String>,
    pub tax: Option<String>,
    pub payable: Option<String>,
}

impl Service for DeposerPdf {
    const NAME: &'static str = "deposer/pdf";
    const PATH: &'static str = "/cpro/factures/v1/deposer/pdf";
    const CHANGES: bool = true;
    /// The swagger's answer has neither code nor label.
    const CODE_MAY_LACK: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = ReadPdf;

    fn body(&self) -> Value {
        let format = match self.signature {
            PdfSignature::None => "PDF_NON_SIGNE",
            PdfSignature::Pades => "PDF_SIGNE_PADES",
            PdfSignature::Xades => "PDF_SIGNE_XADES",
        };
        json!({
            "fichierFacture": STANDARD.encode(&self.content),
            "nomFichier": self.file_name.as_str(),
            "formatDepot": format,
        })
    }

    fn read(answer: &Value) -> Result<ReadPdf, Unreadable> {
        Ok(ReadPdf {
            attachment: field::needed_integer(answer, "", "pieceJointeId").map(AttachmentId)?,
            number: field::text(answer, "numeroFacture"),
            issued_on: field::date(answer, "dateFacture"),
            supplier: field::text(answer, "codeFournisseur"),
            recipient: field::text(answer, "codeDestinataire"),
            service: field::text(answer, "codeServiceExecutant"),
            order: field::text(answer, "numeroBonCommande"),
            currency: field::text(answer, "codeDeviseFacture"),
            without_tax: field::text(answer, "montantHtTotal"),
            tax: field::text(answer, "montantTVA"),
            payable: field::text(answer, "montantAPayer"),
        })
    }
}

/// The frame (cadre de facturation), with the validator that two of them need.
fn frame_body(frame: &Frame) -> Value {
    let (code, validator) = match frame {
        Frame::A1 => ("A1_FACTURE_FOURNISSEUR", None),
        Frame::A2 => ("A2_FACTURE_FOURNISSEUR_DEJA_PAYEE", None),
        Frame::A9(validator) => ("A9_FACTURE_SOUSTRAITANT", Some(validator)),
        Frame::A12(validator) => ("A12_FACTURE_COTRAITANT", Some(validator)),
    };
    let mut body = json!({"codeCadreFacturation": code});
    if let Some(validator) = validator {
        body["codeStructureValideur"] = validator.siret.as_str().into();
        if let Some(service) = &validator.service {
            body["codeServiceValideur"] = service.as_str().into();
        }
    }
    body
}

/// modePaiement
fn payment_word(payment: Payment) -> &'static str {
    match payment {
        Payment::Cheque => "CHEQUE",
        Payment::DirectDebit => "PRELEVEMENT",
        Payment::Transfer => "VIREMENT",
        Payment::Cash => "ESPECE",
        Payment::Other => "AUTRE",
        Payment::CarriedOver => "REPORT",
    }
}

/// Whom the invoice goes to.
fn recipient_body(recipient: &Party) -> Value {
    let mut body = json!({"codeDestinataire": recipient.siret.as_str()});
    if let Some(service) = &recipient.service {
        body["codeServiceExecutant"] = service.as_str().into();
    }
    body
}

/// References of an invoice, as `soumettre` takes them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct References {
    pub currency: String,
    pub credit_note: bool,
    pub vat: VatKind,
    pub payment: Payment,
    /// numeroMarche
    pub market: Option<String>,
    /// numeroBonCommande: the commitment.
    pub order: Option<String>,
    /// numeroFactureOrigine, of a credit note.
    pub origin: Option<InvoiceNumber>,
}

impl References {
    fn body(&self) -> Value {
        let vat = match &self.vat {
            VatKind::OnDebit => "TVA_SUR_DEBIT",
            VatKind::OnReceipt => "TVA_SUR_ENCAISSEMENT",
            VatKind::Exempt(_) => "EXONERATION",
            VatKind::Without => "SANS_TVA",
        };
        let mut body = json!({
            "deviseFacture": self.currency,
            "typeFacture": if self.credit_note { "AVOIR" } else { "FACTURE" },
            "typeTva": vat,
            "modePaiement": payment_word(self.payment),
        });
        if let VatKind::Exempt(reason) = &self.vat {
            body["motifExonerationTva"] = reason.as_str().into();
        }
        let optional = [
            ("numeroMarche", self.market.as_deref()),
            ("numeroBonCommande", self.order.as_deref()),
            ("numeroFactureOrigine", self.origin.as_ref().map(InvoiceNumber::as_str)),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                body[name] = value.into();
            }
        }
        body
    }
}

/// How the principal attachment is written: the swagger has one object, working clients send a list (PROTOCOL §2.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrincipalShape {
    #[default]
    List,
    Object,
}

impl PrincipalShape {
    /// What to try when Chorus Pro refuses this one; `None` after the last.
    pub fn fallback(self) -> Option<Self> {
        match self {
            PrincipalShape::List => Some(PrincipalShape::Object),
            PrincipalShape::Object => None,
        }
    }
}

/// The confirmed data of a PDF that `deposer/pdf` took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submission {
    pub signed: bool,
    pub number: InvoiceNumber,
    /// `yyyy-mm-dd`
    pub issued_on: String,
    pub recipient: Party,
    /// Our own structure, and its service.
    pub supplier: StructureId,
    pub supplier_service: Option<i64>,
    /// codeCoordonneesBancairesFournisseur
    pub bank_details: Option<i64>,
    pub frame: Frame,
    pub references: References,
    pub lines: Vec<Line>,
    pub vat: Vec<Vat>,
    pub totals: Totals,
    pub principal: AttachmentId,
    pub principal_name: String,
    pub attachments: Vec<AttachmentReference>,
    /// Sent whole: no limit of it is documented.
    pub comment: String,
}

/// Why data cannot be submitted: said before anything is sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubmissionError {
    #[error("number: Chorus Pro takes at most {NUMBER_LIMIT} characters of A-Z, a-z, 0-9, space, - _ / +: {0:?}")]
    Number(String),
    #[error("issue date: must be a day written yyyy-mm-dd: {0:?}")]
    Date(String),
    #[error("{0}: amounts have at most 13 digits before and 6 after the point")]
    Amount(&'static str),
    #[error("totals: {0}")]
    Totals(&'static str),
}

impl SubmissionError {
    /// What to do, in French.
    pub fn remedy(&self) -> String {
        match self {
            SubmissionError::Number(number) => format!(
                "Numéro de facture « {number} » : {NUMBER_LIMIT} caractères au plus, lettres sans accent, chiffres, espace, - _ / +."
            ),
            SubmissionError::Date(date) => format!("Date de facture « {date} » : écrivez-la AAAA-MM-JJ."),
            SubmissionError::Amount(name) => {
                format!("Montant « {name} » : 13 chiffres avant et 6 après la virgule au plus.")
            }
            SubmissionError::Totals(_) => "Les totaux ne s’accordent pas : HT + TVA doit donner le TTC.".to_owned(),
        }
    }
}

/// Makes an invoice of a PDF.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soumettre {
    submission: Submission,
    pub principal_shape: PrincipalShape,
}

impl Soumettre {
    /// The request, or what is wrong with its data.
    pub fn new(submission: Submission) -> Result<Self, SubmissionError> {
        let number = submission.number.as_str();
        let allowed = |c: char| c.is_ascii_alphanumeric() || " -_/+".contains(c);
        if number.chars().count() > NUMBER_LIMIT || !number.chars().all(allowed) {
            return Err(SubmissionError::Number(number.chars().take(80).collect()));
        }
        let date = &submission.issued_on;
        if date.len() != 10 || date.parse::<jiff::civil::Date>().is_err() {
            return Err(SubmissionError::Date(date.chars().take(40).collect()));
        }
        let totals = &submission.totals;
        let amounts = [
            ("HT", totals.without_tax),
            ("TVA", totals.tax),
            ("TTC", totals.with_tax),
            ("remise", totals.discount.as_ref().map_or(Decimal::ZERO, |(d, _)| *d)),
            ("net à payer", totals.payable),
        ];
        let lines = submission.vat.iter().flat_map(|l| [("taux", l.rate), ("base", l.base), ("taxe", l.tax)]);
        let posts = submission.lines.iter().flat_map(|l| {
            let discount = l.discount.unwrap_or_default();
            [
                ("quantité", l.quantity),
                ("prix", l.price),
                ("remise", discount),
                ("taux", l.vat_rate.unwrap_or_default()),
            ]
        });
        for (name, value) in amounts.into_iter().chain(lines).chain(posts) {
            if number_of(value).is_none() {
                return Err(SubmissionError::Amount(name));
            }
        }
        // With a discount the documents do not say whether the total is before or after it.
        if totals.discount.is_none() && totals.without_tax + totals.tax != totals.with_tax {
            return Err(SubmissionError::Totals("without tax + tax is not with tax"));
        }
        Ok(Self { submission, principal_shape: PrincipalShape::default() })
    }
}

/// An amount as a JSON number that reads back as the same amount; `None` beyond (19,6).
fn number_of(amount: Decimal) -> Option<Value> {
    let amount = amount.normalize();
    if amount.scale() > 6 || amount.abs() >= Decimal::from(10_000_000_000_000_i64) {
        return None;
    }
    let number = amount.to_string().parse::<f64>().ok()?;
    (number.to_string().parse::<Decimal>().ok()?.normalize() == amount).then(|| number.into())
}

fn amount(value: Decimal) -> Value {
    number_of(value).unwrap_or(Value::Null)
}

/// The invoice that Chorus Pro made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Submitted {
    pub invoice: ChorusInvoiceId,
    pub number: Option<InvoiceNumber>,
    pub status: Option<InvoiceStatus>,
    pub deposited_on: Option<WireDate>,
}

impl Submitted {
    fn read(answer: &Value) -> Result<Self, Unreadable> {
        Ok(Self {
            invoice: ChorusInvoiceId(field::needed_integer(answer, "", "identifiantFactureCPP")?),
            number: field::text(answer, "numeroFacture").and_then(|n| n.parse().ok()),
            status: field::text(answer, "statutFacture").map(InvoiceStatus::from),
            deposited_on: field::date(answer, "dateDepot"),
        })
    }
}

impl Service for Soumettre {
    const NAME: &'static str = "soumettre";
    const PATH: &'static str = "/cpro/factures/v1/soumettre";
    const CHANGES: bool = true;
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = Submitted;

    fn body(&self) -> Value {
        let s = &self.submission;
        let principal = json!({
            "pieceJointePrincipaleDesignation": s.principal_name,
            "pieceJointePrincipaleId": s.principal.0,
        });
        let principal = match self.principal_shape {
            PrincipalShape::List => json!([principal]),
            PrincipalShape::Object => principal,
        };
        json!({
            "modeDepot": if s.signed { "DEPOT_PDF_SIGNE_API" } else { "DEPOT_PDF_API" },
            "numeroFactureSaisi": s.number.as_str(),
            "dateFacture": s.issued_on,
            "destinataire": recipient_body(&s.recipient),
            "fournisseur": supplier_body(s),
            "cadreDeFacturation": frame_body(&s.frame),
            "references": s.references.body(),
            "lignePoste": s.lines.iter().zip(1..).map(line_body).collect::<Vec<Value>>(),
            "ligneTva": s.vat.iter().map(vat_body).collect::<Vec<Value>>(),
            "montantTotal": totals_body(&s.totals),
            "pieceJointePrincipale": principal,
            "pieceJointeComplementaire": s.attachments.iter().map(AttachmentReference::body).collect::<Vec<Value>>(),
            "commentaire": s.comment,
        })
    }

    fn read(answer: &Value) -> Result<Submitted, Unreadable> {
        Submitted::read(answer)
    }
}

fn supplier_body(s: &Submission) -> Value {
    let mut body = Map::new();
    body.insert("idFournisseur".to_owned(), s.supplier.0.into());
    if let Some(service) = s.supplier_service {
        body.insert("idServiceFournisseur".to_owned(), service.into());
    }
    if let Some(bank) = s.bank_details {
        body.insert("codeCoordonneesBancairesFournisseur".to_owned(), bank.into());
    }
    Value::Object(body)
}

fn line_body((line, number): (&Line, u32)) -> Value {
    let mut body = json!({
        "lignePosteNumero": number,
        "lignePosteDenomination": line.name,
        "lignePosteQuantite": amount(line.quantity),
        "lignePosteMontantUnitaireHT": amount(line.price),
    });
    let texts = [("lignePosteReference", &line.reference), ("lignePosteUnite", &line.unit)];
    for (name, text) in texts {
        if let Some(text) = text {
            body[name] = text.as_str().into();
        }
    }
    let amounts = [("lignePosteMontantRemiseHT", line.discount), ("lignePosteTauxTvaManuel", line.vat_rate)];
    for (name, value) in amounts {
        if let Some(value) = value {
            body[name] = amount(value);
        }
    }
    body
}

/// A rate is written by hand (`ligneTvaTauxManuel`): codes of rates would have to be asked for.
fn vat_body(line: &Vat) -> Value {
    json!({
        "ligneTvaTauxManuel": amount(line.rate),
        "ligneTvaMontantBaseHtParTaux": amount(line.base),
        "ligneTvaMontantTvaParTaux": amount(line.tax),
    })
}

fn totals_body(totals: &Totals) -> Value {
    let mut body = json!({
        "montantHtTotal": amount(totals.without_tax),
        "montantTVA": amount(totals.tax),
        "montantTtcTotal": amount(totals.with_tax),
        "montantAPayer": amount(totals.payable),
    });
    if let Some((discount, reason)) = &totals.discount {
        body["montantRemiseGlobaleTTC"] = amount(*discount);
        body["motifRemiseGlobaleTTC"] = reason.as_str().into();
    }
    body
}
