//! A pivot somebody wants to send: `deposer/flux` has no syntax for it, so each of its invoices becomes UBL.
//!
//! Promises: nothing is invented. What UBL needs and the pivot does not give is named, all of it, and nothing is made;
//! what the pivot gives and UBL has no place for is named too. Refuses to know what is done with the result: whoever sends
//! it examines it as any other invoice.
//!
//! Two readings are ours: a party with a SIRET is in France, and a line's unit, which a pivot has none for, is `C62` (one).
//! What else was read between the lines is told with the result: why a rate is zero and a breakdown made of the lines
//! (`vat.rs`), and that an invoice without lines goes in Chorus Pro's mixed kind, which has none.
//!
//! To be drawn only, an invoice need not be whole (`draft.rs`).

mod draft;
mod vat;

use std::cell::OnceCell;
use std::collections::HashSet;

use en16931::invoice::{
    Code, CreditTransfer, Delivery, InvoiceLine, Item, LineVat, Party, PaymentInstructions, PaymentMeans,
    PrecedingInvoice, PriceDetails, SupportingDocument, VatBreakdown,
};
use en16931::{
    Attachment, Date, DocumentKind, DocumentReference, Identifier, Invoice, InvoiceAmount, Percentage, Quantity,
    UnitPriceAmount,
};
use rust_decimal::Decimal;

use crate::fault::{Code as FaultCode, Fault, Text};

use super::outline::{Id, Outline};
use super::pivot::{self, AttachmentKind, PivotInvoice};
use super::semantic::{self, Lost};
use super::texts::cut;
use super::{Limits, Syntax, encoding, guard};
use draft::Hole;
use vat::Zero;

pub use draft::{Draft, drafts};

/// Paths in a list of what was lost or is missing; the rest is counted.
const LISTED: usize = 60;
/// TypeIdentifiant of a SIRET and of a European VAT number (PROTOCOL §4).
const SIRET: &str = "1";
const VAT_NUMBER: &str = "2";
/// How a seller without a SIRET is named (ISO 6523; BR-FR-CPRO-03), by the pivot's kinds: a VAT number of the Union, a number
/// from outside it, RIDET, TAHITI, a private person. One that is being registered (6) has no scheme.
const SCHEMES: [(&str, &str); 5] = [("2", "0223"), ("3", "0227"), ("4", "0228"), ("5", "0229"), ("7", "0226")];

/// An invoice made of a pivot's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// The supplier's number, for names.
    pub number: String,
    pub ubl: Vec<u8>,
    /// What could not be carried: paths below the invoice's element, each value once.
    pub lost: Vec<Lost>,
    /// What the pivot does not say in so many words, and how it was read.
    pub readings: Vec<Text>,
}

impl Converted {
    /// What whoever dropped the pivot should know of it, none of it a reason to refuse: that it goes as another syntax, what of
    /// it has no place there, and how it was read.
    pub fn told(&self, syntax: Syntax) -> Vec<Fault> {
        let mut lost: Vec<&str> = self.lost.iter().map(|lost| lost.place.as_str()).collect();
        // One element may hold several values.
        lost.dedup();
        let list = if lost.is_empty() { "-".to_owned() } else { lost.join(", ") };
        let mut told = vec![Fault::new(FaultCode::PivotConverted).with("syntax", syntax.as_str()).with("lost", list)];
        if !self.readings.is_empty() {
            let all = |pick: fn(&Text) -> &str| self.readings.iter().map(pick).collect::<Vec<_>>().join(" ; ");
            let read = Text::new(all(|text| &text.fr), all(|text| &text.en));
            told.push(Fault::new(FaultCode::PivotRead).with_text("readings", &read));
        }
        told
    }
}

/// An invoice that UBL cannot be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incomplete {
    pub number: String,
    /// Everything that is missing.
    pub missing: Text,
    /// The same as it is told to who sent it.
    pub fault: Fault,
}

/// Whether the bytes are a pivot.
pub fn is_pivot(bytes: &[u8]) -> bool {
    const HEAD: usize = 4096;
    let head = &bytes[..bytes.len().min(HEAD)];
    // Cheap first: most files are no pivot.
    let text = String::from_utf8_lossy(head).replace('\0', "");
    text.trim_start_matches('\u{feff}').trim_start().starts_with('<') && text.contains("<CPPFacturePivot")
}

/// Converts every invoice of a pivot. The fault is the file's own: it cannot be read.
pub fn convert(bytes: &[u8], limits: &Limits) -> Result<Vec<Result<Converted, Incomplete>>, Fault> {
    each(bytes, limits, |conversion| conversion.run())
}

/// Makes something of every invoice of a pivot.
fn each<T>(
    bytes: &[u8],
    limits: &Limits,
    make: impl Fn(Conversion<'_, '_>) -> Result<T, Incomplete>,
) -> Result<Vec<Result<T, Incomplete>>, Fault> {
    let decoded = encoding::decode(bytes)?;
    let text = decoded.text.trim_start_matches('\u{feff}');
    let outline = guard::outline(text, limits)?;
    let bounds = pivot::Limits { pivot_bytes: limits.xml_bytes, attachment_bytes: limits.pdf_attachment_bytes };
    let read = pivot::read(text.as_bytes(), &bounds).map_err(|error| {
        let detail =
            Text::technical("structure que le pivot n'admet pas", "structure that a pivot does not have", error);
        Fault::new(FaultCode::PivotNotRead).with_text("detail", &detail)
    })?;
    let news = read.version.as_deref().filter(|version| pivot::is_new_version(version)).map(newer);
    let units: Vec<Id> = outline.all().filter(|id| outline.name(*id) == "CPPFacturePivotUnitaire").collect();
    let each = read.invoices.iter().zip(units);
    let conversion = |(invoice, unit)| Conversion {
        readings: news.iter().cloned().collect(),
        ..Conversion::new(&outline, unit, invoice)
    };
    Ok(each.map(|one| make(conversion(one))).collect())
}

/// How a pivot of a version that nobody knew here was read.
fn newer(version: &str) -> Text {
    let newest = pivot::VERSIONS[pivot::VERSIONS.len() - 1];
    let version = cut(version.trim());
    Text::new(
        format!("version « {version} », inconnue ici, comme la {newest} : ce qu'elle a de nouveau n'est pas lu"),
        format!("version \"{version}\", unknown here, as {newest}: what is new in it is not read"),
    )
}

struct Conversion<'a, 't> {
    outline: &'a Outline<'t>,
    unit: Id,
    pivot: &'a PivotInvoice,
    missing: Vec<Text>,
    readings: Vec<Text>,
    /// How a rate of zero was read has been told.
    zero_told: bool,
    zero: OnceCell<Zero>,
    /// Paths that have their place in UBL.
    carried: Vec<String>,
    /// What is missing leaves a hole instead of ending the matter; `None` where the invoice must be whole.
    holes: Option<Vec<Hole>>,
}

/// Paths of single texts that [`Conversion::invoice`] gives a place.
const CARRIED: &[&str] = &[
    "Fournisseur/TypeIdentifiant",
    "Fournisseur/Identifiant",
    "Fournisseur/RaisonSociale",
    "Fournisseur/CodePays",
    "Debiteur/TypeIdentifiant",
    "Debiteur/Identifiant",
    "Debiteur/Nom",
    "Debiteur/CodeService",
    "DonneesFacture/Id",
    "DonneesFacture/Type",
    "DonneesFacture/Cadre",
    "DonneesFacture/DateEmissionFacture",
    "DonneesFacture/DateLivraison",
    "DonneesFacture/Devise",
    "DonneesFacture/Montants/MontantHT",
    "DonneesFacture/Montants/MontantTTC",
    "DonneesFacture/Montants/MontantNetAPayer",
    "DonneesFacture/TVAs/TVA/Taux",
    "DonneesFacture/TVAs/TVA/BaseHt",
    "DonneesFacture/TVAs/TVA/MontantTVA",
    "DonneesFacture/Engagement/NumeroMarche",
    "DonneesFacture/Engagement/NumeroEngagement",
    "DonneesFacture/Lignes/Ligne/ReferenceProduit",
    "DonneesFacture/Lignes/Ligne/PrixUnitaire",
    "DonneesFacture/Lignes/Ligne/Quantite",
    "DonneesFacture/Lignes/Ligne/MontantHT",
    "DonneesFacture/Lignes/Ligne/TauxTVA",
    "PJ/Contenu",
    "PJ/NomPJ",
    "PJ/CategoriePJ",
    "PJ/TypePJ",
    "PJ/MimeTypePJ",
];

impl<'a, 't> Conversion<'a, 't> {
    fn new(outline: &'a Outline<'t>, unit: Id, pivot: &'a PivotInvoice) -> Self {
        let carried = CARRIED.iter().map(|path| (*path).to_owned()).collect();
        Self {
            outline,
            unit,
            pivot,
            missing: Vec::new(),
            readings: Vec::new(),
            zero_told: false,
            zero: OnceCell::new(),
            carried,
            holes: None,
        }
    }

    fn run(mut self) -> Result<Converted, Incomplete> {
        let invoice = self.invoice();
        if !self.missing.is_empty() {
            return Err(self.incomplete());
        }
        let (ubl, lost) = self.written(&invoice)?;
        Ok(Converted { number: self.pivot.number.clone(), ubl: ubl.into_bytes(), lost, readings: self.readings })
    }

    /// The invoice as UBL, and what it does not say of the pivot.
    fn written(&mut self, invoice: &Invoice) -> Result<(String, Vec<Lost>), Incomplete> {
        let written = match semantic::write(invoice, en16931_formats::Syntax::Ubl) {
            Ok(written) => written,
            Err(terms) => {
                self.lacks_element(&terms.join(", "));
                return Err(self.incomplete());
            }
        };
        let lost = self.lost().into_iter().chain(written.lost).collect();
        let xml = if self.is_lineless() { cut_lines(written.xml, self.line_element()) } else { written.xml };
        Ok((xml, shortened(lost)))
    }

    fn incomplete(&self) -> Incomplete {
        let words = |pick: fn(&Text) -> &str| self.missing.iter().map(pick).collect::<Vec<_>>().join(" ; ");
        let missing = Text::new(words(|text| &text.fr), words(|text| &text.en));
        let fault = Fault::new(FaultCode::PivotIncomplete).with_text("missing", &missing);
        Incomplete { number: self.pivot.number.clone(), missing, fault }
    }

    fn is_credit_note(&self) -> bool {
        self.pivot.type_code == "381"
    }

    fn line_element(&self) -> &'static str {
        if self.is_credit_note() { "cac:CreditNoteLine" } else { "cac:InvoiceLine" }
    }

    fn lacks(&mut self, fr: &str, en: &str) {
        if self.missing.len() < LISTED {
            self.missing.push(Text::new(fr, en));
        }
    }

    /// A thing that has the same name in both languages: the element's.
    fn lacks_element(&mut self, path: &str) {
        self.lacks(path, path);
    }

    fn text(&self, path: &[&str]) -> Option<String> {
        self.outline.text_at(self.unit, path)
    }

    fn invoice(&mut self) -> Invoice {
        let credit = self.is_credit_note();
        let mut invoice = Invoice::default();
        invoice.kind = if credit { DocumentKind::CreditNote } else { DocumentKind::Invoice };
        invoice.specification_id = Some("urn:cen.eu:en16931:2017".to_owned());
        invoice.business_process = Some(self.pivot.frame.clone()).filter(|frame| !frame.is_empty());
        invoice.number = Some(self.pivot.number.clone());
        invoice.issue_date = self.issue_date();
        invoice.preceding_invoices = self.preceding();
        invoice.type_code = Some(Code::new(self.pivot.type_code.clone()));
        invoice.currency = Some(Code::new(self.pivot.currency.clone()));
        invoice.buyer_reference = self.pivot.service_code.clone();
        invoice.contract_reference = self.pivot.market.clone().map(DocumentReference::new);
        invoice.purchase_order_reference = self.pivot.engagement.clone().map(DocumentReference::new);
        invoice.seller = self.party(&self.pivot.supplier, "Fournisseur", "RaisonSociale");
        invoice.buyer = self.party(&self.pivot.recipient, "Debiteur", "Nom");
        for (path, value) in
            [("DonneesFacture/Type", &self.pivot.type_code), ("DonneesFacture/Devise", &self.pivot.currency)]
        {
            if value.is_empty() {
                self.lacks_element(path);
            }
        }
        if let Some(date) = self.date("DateLivraison") {
            invoice.delivery = Some(Delivery { date: Some(date), ..Delivery::default() });
        }
        // Chorus Pro wants no means of payment in a credit note (PROTOCOL §5).
        if !credit {
            invoice.payment = self.payment();
        }
        invoice.vat_breakdown = self.taxes();
        invoice.lines = self.lines(&invoice.vat_breakdown);
        if self.is_lineless() {
            invoice.lines = vec![stand_in()];
        }
        self.totals(&mut invoice);
        invoice.attachments = self.attachments();
        invoice
    }

    fn date(&self, name: &str) -> Option<Date> {
        self.text(&["DonneesFacture", name])?.parse().ok()
    }

    fn issue_date(&mut self) -> Option<Date> {
        let date = self.date("DateEmissionFacture");
        if date.is_none() {
            self.lacks_element("DonneesFacture/DateEmissionFacture");
        }
        let written = self.text(&["DonneesFacture", "DateEmissionFacture"]);
        self.or_hole(date, Date::new(2000, 1, 1).ok()?, Hole::of_document("cbc:IssueDate", written))
    }

    /// The invoice that a credit note is of; a scanned one names itself there (XSD, ModeEmission).
    fn preceding(&mut self) -> Vec<PrecedingInvoice> {
        if self.text(&["Fournisseur", "ModeEmission"]).is_some_and(|mode| mode == "numérisation") {
            return Vec::new();
        }
        self.carried.push("DonneesFacture/IdFactureOrigine".to_owned());
        let number = self.text(&["DonneesFacture", "IdFactureOrigine"]);
        let named = |number| PrecedingInvoice { reference: DocumentReference::new(number), issue_date: None };
        number.map(named).into_iter().collect()
    }

    fn party(&mut self, party: &pivot::Party, element: &str, name_element: &str) -> Party {
        let ubl_element =
            if element == "Debiteur" { "cac:AccountingCustomerParty" } else { "cac:AccountingSupplierParty" };
        let mut made = Party { name: Some(party.name.clone()).filter(|name| !name.is_empty()), ..Party::default() };
        if made.name.is_none() {
            self.lacks_element(&format!("{element}/{name_element}"));
            // Of a party of which nothing is known there would be no element.
            let hole = Hole { within: (ubl_element, 0), element: "cbc:RegistrationName", written: None };
            made.name = self.or_hole(None, "-".to_owned(), hole);
        }
        match party.kind.as_str() {
            _ if party.id.is_empty() => self.lacks_element(&format!("{element}/Identifiant")),
            SIRET => {
                made.identifiers = vec![Identifier::schemed(party.id.clone(), "0009")];
                made.electronic_address = Some(Identifier::schemed(party.id.clone(), "0009"));
                made.legal_registration = party.id.get(..9).map(|siren| Identifier::schemed(siren, "0002"));
            }
            kind => {
                if kind == VAT_NUMBER {
                    made.vat_identifier = Some(party.id.clone());
                }
                let scheme = SCHEMES.iter().find(|(of, _)| *of == kind).map(|(_, scheme)| *scheme);
                made.identifiers = vec![match scheme {
                    Some(scheme) => Identifier::schemed(party.id.clone(), scheme),
                    None => Identifier::new(party.id.clone()),
                }];
            }
        }
        let in_france = (party.kind == SIRET).then(|| "FR".to_owned());
        match party.country.clone().or(in_france) {
            Some(country) => made.address.country = Some(Code::new(country)),
            None => self.lacks_element(&format!("{element}/CodePays")),
        }
        made
    }

    /// The means of payment, with the account when it is an IBAN.
    fn payment(&mut self) -> Option<PaymentInstructions> {
        let code = self.text(&["DonneesFacture", "ModePaiement", "Code"])?;
        self.carried.push("DonneesFacture/ModePaiement/Code".to_owned());
        let label = self.text(&["DonneesFacture", "ModePaiement", "Libelle"]);
        self.carried.push("DonneesFacture/ModePaiement/Libelle".to_owned());
        let bank = self.outline.find(self.unit, &["Fournisseur", "ReferenceBancaire"]);
        let is_iban = bank.and_then(|id| self.outline.attribute(id, "Type")).is_some_and(|kind| kind == "IBAN");
        let account = bank.filter(|_| is_iban).and_then(|id| self.outline.text_at(id, &["Compte"]));
        let means = account.map(|account| {
            self.carried.push("Fournisseur/ReferenceBancaire/Compte".to_owned());
            let account_identifier = Some(account.chars().filter(|c| !c.is_whitespace()).collect());
            let account_name = bank.and_then(|id| self.outline.text_at(id, &["RaisonSocialeEncaisseur"]));
            self.carried.push("Fournisseur/ReferenceBancaire/RaisonSocialeEncaisseur".to_owned());
            let provider_identifier =
                bank.and_then(|id| self.outline.text_at(id, &["Etablissement"])).filter(|bank| is_bic(bank));
            if provider_identifier.is_some() {
                self.carried.push("Fournisseur/ReferenceBancaire/Etablissement".to_owned());
            }
            PaymentMeans::CreditTransfer(vec![CreditTransfer { account_identifier, account_name, provider_identifier }])
        });
        Some(PaymentInstructions {
            means_code: Some(Code::new(code)),
            means_text: label,
            means,
            ..PaymentInstructions::default()
        })
    }

    fn lines(&mut self, taxes: &[VatBreakdown]) -> Vec<InvoiceLine> {
        let each = self.line_ids();
        if each.is_empty() {
            self.without_lines();
        }
        // Where there is one rate only, a line that gives none has that.
        let only = match taxes {
            [one] => one.rate,
            _ => None,
        };
        let mut lines = Vec::new();
        for (place, id) in each.into_iter().enumerate() {
            let at = format!("Ligne n° {}", place + 1);
            let name = self.outline.text_at(id, &["ReferenceProduit"]);
            if name.is_none() {
                self.lacks_element(&format!("{at}/ReferenceProduit"));
            }
            let rate = match self.outline.text_at(id, &["TauxTVA"]) {
                None => only,
                Some(_) => self.decimal(id, "TauxTVA", &at).map(|rate| Percentage::new(rate.normalize())),
            };
            if rate.is_none() {
                self.lacks_element(&format!("{at}/TauxTVA"));
            }
            let category = self.category(rate.map_or(Decimal::ONE, Percentage::into_decimal));
            let nth = lines.len();
            let net = self.amount_at(id, "MontantHT", &at);
            let net =
                self.or_hole(net, InvoiceAmount::ZERO, self.line_hole(nth, id, "cbc:LineExtensionAmount", "MontantHT"));
            let price = self.decimal(id, "PrixUnitaire", &at);
            let price = self.or_hole(price, Decimal::ZERO, self.line_hole(nth, id, "cbc:PriceAmount", "PrixUnitaire"));
            let quantity = self.decimal(id, "Quantite", &at);
            let element = if self.is_credit_note() { "cbc:CreditedQuantity" } else { "cbc:InvoicedQuantity" };
            let quantity = self.or_hole(quantity, Decimal::ZERO, self.line_hole(nth, id, element, "Quantite"));
            let (Some(net_amount), Some(price), Some(quantity)) = (net, price, quantity) else { continue };
            if rate.is_none() {
                self.leave(Hole { written: None, ..self.line_hole(nth, id, "cac:ClassifiedTaxCategory", "TauxTVA") });
            }
            lines.push(InvoiceLine {
                price: PriceDetails { net_price: UnitPriceAmount::new(price.normalize()), ..PriceDetails::default() },
                vat: LineVat { category, rate },
                item: Item { name, ..Item::default() },
                ..InvoiceLine::new(
                    self.outline.attribute(id, "NumOrdre").map_or_else(|| (place + 1).to_string(), Into::into),
                    "",
                    Quantity::new(quantity.normalize()),
                    Code::new("C62"),
                    net_amount,
                    Code::new("S"),
                    None,
                )
            });
        }
        lines
    }

    /// An invoice that Chorus Pro read from a PDF has no lines in its pivot. Its mixed kind has none either: the PDF is the
    /// invoice, the data its head. Without that PDF nothing would say what is charged.
    fn without_lines(&mut self) {
        let is_pdf =
            |piece: &pivot::Attachment| piece.content.as_ref().is_some_and(|content| content.starts_with(b"%PDF-"));
        if self.pivot.type_code == "381" {
            // The mixed kind is an invoice's.
            self.lacks(
                "DonneesFacture/Lignes (les lignes de l'avoir)",
                "DonneesFacture/Lignes (the credit note's lines)",
            );
            self.leave(Hole::of_totals("cbc:LineExtensionAmount", None));
            return;
        }
        let invoice =
            self.pivot.attachments.iter().find(|piece| piece.kind == AttachmentKind::Principal && is_pdf(piece));
        match invoice {
            Some(piece) => self.readings.push(Text::new(
                format!("sans lignes : format mixte, dont la facture est le PDF « {} »", piece.name),
                format!("no lines: the mixed kind, whose invoice is the PDF \"{}\"", piece.name),
            )),
            None => {
                self.lacks(
                    "DonneesFacture/Lignes (les lignes de la facture)",
                    "DonneesFacture/Lignes (the invoice's lines)",
                );
                self.leave(Hole::of_totals("cbc:LineExtensionAmount", None));
            }
        }
    }

    fn is_lineless(&self) -> bool {
        self.line_ids().is_empty()
    }

    fn totals(&mut self, invoice: &mut Invoice) {
        const TOTALS: [(&str, &str); 3] = [
            ("MontantHT", "cbc:TaxExclusiveAmount"),
            ("MontantTTC", "cbc:TaxInclusiveAmount"),
            ("MontantNetAPayer", "cbc:PayableAmount"),
        ];
        let amounts = self.outline.find(self.unit, &["DonneesFacture", "Montants"]);
        let [net, gross, due] = TOTALS.map(|(name, element)| {
            let amount = self.amount_at(amounts.unwrap_or(self.unit), name, "Montants");
            let written = amounts.and_then(|id| self.outline.text_at(id, &[name]));
            (amount, self.or_hole(amount, InvoiceAmount::ZERO, Hole::of_totals(element, written)))
        });
        let (Some(told_net), Some(told_gross), Some(told_due)) = (net.1, gross.1, due.1) else { return };
        let sum = InvoiceAmount::checked_sum(invoice.lines.iter().map(|line| line.net_amount)).ok();
        // What stands between the two are allowances and charges of the whole, which a pivot does not tell.
        if sum != net.0 && !self.is_lineless() {
            let sum = sum.map_or_else(|| "?".to_owned(), |sum| sum.to_string());
            self.lacks(
                &format!("les remises ou frais globaux : les lignes font {sum} et MontantHT {told_net}"),
                &format!("the allowances or charges of the whole: the lines sum to {sum} and MontantHT is {told_net}"),
            );
            self.leave(Hole::of_totals("cbc:LineExtensionAmount", None));
        }
        invoice.totals.line_total = told_net;
        invoice.totals.taxable_total = told_net;
        invoice.totals.vat_total =
            InvoiceAmount::checked_sum(invoice.vat_breakdown.iter().map(|tax| tax.tax_amount)).ok();
        invoice.totals.gross_total = told_gross;
        invoice.totals.due = told_due;
        // BT-113: what was paid before.
        let paid = gross.0.zip(due.0).and_then(|(gross, due)| gross.checked_sub(due).ok());
        invoice.totals.paid = paid.filter(|paid| !paid.is_zero());
    }

    fn attachments(&mut self) -> Vec<SupportingDocument> {
        let mut documents = Vec::new();
        for (place, piece) in self.pivot.attachments.iter().enumerate() {
            let Some(content) = piece.content.clone() else { continue };
            let Ok(attachment) = Attachment::new(content, piece.mime.clone(), piece.name.clone()) else {
                self.lacks_element(&format!("PJ n° {} (NomPJ, MimeTypePJ)", place + 1));
                continue;
            };
            let role = match piece.kind {
                AttachmentKind::Principal => "Facture",
                AttachmentKind::Complementary => "Pièce jointe",
            };
            documents.push(SupportingDocument {
                reference: DocumentReference::new(piece.name.clone()),
                description: Some(piece.category.clone().unwrap_or_else(|| role.to_owned())),
                uri: None,
                attachment: Some(attachment),
            });
        }
        documents
    }

    fn decimal(&mut self, parent: Id, name: &str, at: &str) -> Option<Decimal> {
        let read = self.outline.text_at(parent, &[name]).and_then(|text| text.parse::<Decimal>().ok());
        if read.is_none() {
            self.lacks_element(&format!("{at}/{name}"));
        }
        read
    }

    /// An amount, which UBL writes with two decimals: it is never rounded here.
    fn amount_at(&mut self, parent: Id, name: &str, at: &str) -> Option<InvoiceAmount> {
        let value = self.decimal(parent, name, at)?;
        let exact = InvoiceAmount::from_decimal_exact(value.normalize()).ok();
        if exact.is_none() {
            self.lacks(
                &format!("{at}/{name} au centime près ({value})"),
                &format!("{at}/{name} to the cent ({value})"),
            );
        }
        exact
    }

    /// The texts of the pivot's invoice that UBL has no place for.
    fn lost(&self) -> Vec<Lost> {
        let prefix = format!("{}/", self.outline.path(self.unit));
        let carried: HashSet<&str> = self.carried.iter().map(String::as_str).collect();
        // Up to the next invoice.
        let own = self.outline.all().skip_while(|id| *id <= self.unit);
        let own = own.take_while(|id| self.outline.name(*id) != "CPPFacturePivotUnitaire");
        let lost = own.filter(|id| self.outline.is_leaf(*id)).filter_map(|id| {
            let path = self.outline.path(id);
            let place = path.strip_prefix(&prefix).map_or_else(|| path.clone(), str::to_owned);
            let value = self.outline.text(id).filter(|_| !carried.contains(place.as_str()))?;
            Some(Lost { place, value: semantic::short(&value) })
        });
        semantic::each_once(lost)
    }
}

/// The writer makes no UBL without a line; of the mixed kind, which has none, this one is cut out again.
fn stand_in() -> InvoiceLine {
    let (one, category) = (Quantity::new(Decimal::ONE), Code::new("S"));
    InvoiceLine::new("1".to_owned(), "-", one, Code::new("C62"), InvoiceAmount::ZERO, category, None)
}

fn cut_lines(xml: String, element: &str) -> String {
    let (open, close) = (format!("<{element}>"), format!("</{element}>"));
    match (xml.find(&open), xml.rfind(&close)) {
        (Some(from), Some(to)) if from < to => xml[..from].to_owned() + &xml[to + close.len()..],
        _ => xml,
    }
}

/// By its form (ISO 9362).
fn is_bic(code: &str) -> bool {
    [8, 11].contains(&code.len()) && code.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// At most so many, with how many more there are.
fn shortened(mut lost: Vec<Lost>) -> Vec<Lost> {
    if lost.len() > LISTED {
        let more = lost.len() - LISTED;
        lost.truncate(LISTED);
        lost.push(Lost { place: format!("… (+{more})"), value: String::new() });
    }
    lost
}

#[cfg(test)]
mod tests;
