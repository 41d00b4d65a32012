//! The semantic model -> a pivot (CPPFacturePivot V2_02), as Chorus Pro hands an invoice to its recipient.
//!
//! A pivot says less than an invoice: the original travels inside it (PJ 01), as Chorus Pro does it. Promises to name every
//! term that the pivot's own fields have no place for, and to invent nothing: what its schema demands and the invoice does
//! not give is named, and nothing is made.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use en16931::invoice::PaymentMeans;
use en16931::{DocumentKind, Identifier, Invoice, Quantity};
use quick_xml::escape::escape;
use rust_decimal::Decimal;

use crate::fault::Text;

/// A file inside the pivot.
#[derive(Debug, Clone, Copy)]
pub struct Original<'a> {
    pub name: &'a str,
    pub mime: &'a str,
    pub content: &'a [u8],
}

/// A pivot, and what it could not say.
#[derive(Debug)]
pub struct Pivot {
    pub xml: String,
    /// The terms that have a place in it, each with the value it carries.
    pub carried: HashSet<(&'static str, String)>,
    /// How something was read that the pivot knows otherwise.
    pub readings: Vec<Text>,
}

/// Characters of NomPJ and CategoriePJ (the schema's).
const NAME_CHARACTERS: usize = 50;
/// ModePaiement/Code (the schema's).
const PAYMENT_CODES: [&str; 8] = ["10", "20", "30", "31", "42", "48", "49", "97"];
/// UNTDID 4461's codes of the SEPA kinds, and the pivot's code of the same thing.
const SEPA: [(&str, &str); 2] = [("58", "30"), ("59", "49")];
/// Who stands in Recepteur and Emetteur, where Chorus Pro writes the codes of two connections (3 to 8 characters).
const PARTNER: &str = "FLUXGATE";

/// Writes one invoice as a pivot. `received` is the day it came, `yyyy-mm-dd`. The error lists what the schema demands and the
/// invoice does not give.
pub fn write(invoice: &Invoice, original: Original<'_>, received: &str) -> Result<Pivot, Vec<Text>> {
    let mut writing = Writing { invoice, carried: HashSet::new(), readings: Vec::new(), missing: Vec::new() };
    let unit = writing.unit(original, received);
    if !writing.missing.is_empty() {
        return Err(writing.missing);
    }
    let parameter = |order: usize, code: &str, value: &str| {
        format!(
            "<ParametreIndiv NumOrdre=\"{order:04}\">{}{}</ParametreIndiv>",
            element("Code", code),
            element("Valeurparametre", value)
        )
    };
    let partner = element("Id", PARTNER);
    let parameters = parameter(1, "DtPrd", received) + &parameter(2, "IdFlx", invoice.number.as_deref().unwrap_or(""));
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPFacturePivot Version=\"V2_02\"><Enveloppe><EnveloppeUnitaire \
         NumOrdre=\"1\"><Parametres>{parameters}</Parametres><Partenaires><Recepteur>{partner}</Recepteur><Emetteur>\
         {partner}</Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe><CPPFactures Compteur=\"1\">{unit}\
         </CPPFactures></CPPFacturePivot>\n"
    );
    Ok(Pivot { xml, carried: writing.carried, readings: writing.readings })
}

struct Writing<'i> {
    invoice: &'i Invoice,
    carried: HashSet<(&'static str, String)>,
    readings: Vec<Text>,
    missing: Vec<Text>,
}

impl Writing<'_> {
    /// An element that carries a term, or nothing.
    fn term(&mut self, name: &str, term: &'static str, value: Option<impl Into<String>>) -> String {
        let Some(value) = value.map(Into::into).filter(|value: &String| !value.is_empty()) else {
            return String::new();
        };
        let element = element(name, &value);
        self.carried.insert((term, value));
        element
    }

    /// An element that the schema demands.
    fn demanded(&mut self, name: &str, term: &'static str, value: Option<impl Into<String>>) -> String {
        let element = self.term(name, term, value);
        if element.is_empty() {
            self.lacks(format!("{name} ({term})"), format!("{name} ({term})"));
        }
        element
    }

    fn lacks(&mut self, fr: impl Into<String>, en: impl Into<String>) {
        self.missing.push(Text::new(fr, en));
    }

    fn read_as(&mut self, fr: impl Into<String>, en: impl Into<String>) {
        self.readings.push(Text::new(fr, en));
    }

    fn unit(&mut self, original: Original<'_>, received: &str) -> String {
        let (supplier, debtor) = (self.supplier(), self.debtor());
        let head = self.head(received);
        let amounts = self.amounts();
        let (taxes, engagement, lines) = (self.taxes(), self.engagement(), self.lines());
        let files = self.files(original);
        format!(
            "<CPPFacturePivotUnitaire NumOrdre=\"1\"><Fournisseur>{supplier}</Fournisseur><Debiteur>{debtor}</Debiteur>\
             <DonneesFacture>{head}{amounts}{taxes}{engagement}{lines}</DonneesFacture>{files}</CPPFacturePivotUnitaire>"
        )
    }

    fn supplier(&mut self) -> String {
        let seller = &self.invoice.seller;
        let siret = seller.identifiers.iter().find(is_siret).map(Identifier::content);
        let vat = seller.vat_identifier.as_deref().filter(|vat| !vat.starts_with("FR"));
        let id = match (siret, vat) {
            (Some(siret), _) => element("TypeIdentifiant", "1") + &self.term("Identifiant", "BT-29", Some(siret)),
            (None, Some(vat)) => element("TypeIdentifiant", "2") + &self.term("Identifiant", "BT-31", Some(vat)),
            (None, None) => {
                self.lacks(
                    "le SIRET du vendeur (BT-29, schéma 0009), ou son numéro de TVA d'un autre pays de l'Union (BT-31)",
                    "the seller's SIRET (BT-29, scheme 0009), or its VAT number of another country of the Union (BT-31)",
                );
                String::new()
            }
        };
        let name = self.demanded("RaisonSociale", "BT-27", seller.name.as_deref());
        let country = self.demanded("CodePays", "BT-40", seller.address.country.as_ref().map(ToString::to_string));
        let bank = self.bank();
        id + &name + &country + &bank + &element("ModeEmission", "flux")
    }

    /// The first account that is paid to (BG-17).
    fn bank(&mut self) -> String {
        let means = self.invoice.payment.as_ref().and_then(|payment| payment.means.as_ref());
        let Some(PaymentMeans::CreditTransfer(accounts)) = means else { return String::new() };
        let Some(account) = accounts.first() else { return String::new() };
        let number = self.term("Compte", "BT-84", account.account_identifier.as_deref());
        let bank = self.term("Etablissement", "BT-86", account.provider_identifier.as_deref());
        let holder = self.term("RaisonSocialeEncaisseur", "BT-85", account.account_name.as_deref());
        // What is no IBAN is not called one.
        let kind =
            account.account_identifier.as_deref().filter(|number| is_iban(number)).map_or("", |_| " Type=\"IBAN\"");
        format!("<ReferenceBancaire{kind}>{number}{bank}{holder}</ReferenceBancaire>")
    }

    fn debtor(&mut self) -> String {
        let buyer = &self.invoice.buyer;
        let siret = buyer.identifiers.iter().find(is_siret).map(Identifier::content);
        if siret.is_none() {
            self.lacks("le SIRET de l'acheteur (BT-46, schéma 0009)", "the buyer's SIRET (BT-46, scheme 0009)");
        }
        let id = element("TypeIdentifiant", "1") + &self.term("Identifiant", "BT-46", siret);
        let name = self.term("Nom", "BT-44", buyer.name.as_deref());
        let service = self.invoice.buyer_reference.as_deref().filter(|code| code.chars().count() <= 100);
        id + &name + &self.term("CodeService", "BT-10", service)
    }

    fn head(&mut self, received: &str) -> String {
        let invoice = self.invoice;
        let number = invoice.number.as_deref().unwrap_or_default();
        if number.chars().count() > 20 {
            self.lacks(
                format!("un numéro de 20 caractères au plus (BT-1 : « {number} »)"),
                format!("a number of at most 20 characters (BT-1: \"{number}\")"),
            );
        }
        let mut head = self.demanded("Id", "BT-1", Some(number));
        head += &element("Renvoi", "Non");
        let preceding = match invoice.preceding_invoices.as_slice() {
            [one] => Some(one.reference.as_str()).filter(|number| number.chars().count() <= 20),
            _ => None,
        };
        head += &self.term("IdFactureOrigine", "BT-25", preceding);
        head += &self.kind();
        head += &self.frame();
        head += &self.demanded("DateEmissionFacture", "BT-2", invoice.issue_date.map(|date| date.to_string()));
        let delivered = invoice.delivery.as_ref().and_then(|delivery| delivery.date);
        head += &self.term("DateLivraison", "BT-72", delivered.map(|date| date.to_string()));
        head += &self.payment();
        head += &element("DateReception", received);
        head + &self.demanded("Devise", "BT-5", invoice.currency.as_ref().map(ToString::to_string))
    }

    /// A pivot knows two types only.
    fn kind(&mut self) -> String {
        let code = self.invoice.type_code.as_ref().map(ToString::to_string).unwrap_or_default();
        let plain = if self.invoice.kind == DocumentKind::CreditNote { "381" } else { "380" };
        if code == plain {
            return self.term("Type", "BT-3", Some(code));
        }
        self.read_as(
            format!("type {code} (BT-3) : un pivot ne connaît que 380 et 381, {plain} est écrit"),
            format!("type {code} (BT-3): a pivot knows 380 and 381 only, {plain} is written"),
        );
        element("Type", plain)
    }

    /// Its frames are Chorus Pro's (A1 to A25); those of the reform have no place.
    fn frame(&mut self) -> String {
        let frame = self.invoice.business_process.clone().unwrap_or_default();
        let number = frame.strip_prefix('A').and_then(|number| number.parse::<u8>().ok());
        if number.is_some_and(|number| (1..=25).contains(&number) && number != 11) {
            return self.term("Cadre", "BT-23", Some(frame));
        }
        self.read_as(
            format!("cadre « {frame} » (BT-23) : un pivot ne connaît que A1 à A25, A1 (dépôt d'une facture) est écrit"),
            format!("frame \"{frame}\" (BT-23): a pivot knows A1 to A25 only, A1 (an invoice is handed in) is written"),
        );
        element("Cadre", "A1")
    }

    fn payment(&mut self) -> String {
        let payment = self.invoice.payment.as_ref();
        let code = payment.and_then(|payment| payment.means_code.as_ref()).map(ToString::to_string);
        let sepa = SEPA.iter().find(|(theirs, _)| code.as_deref() == Some(theirs)).map(|(_, ours)| *ours);
        let written = match (&code, sepa) {
            (Some(code), Some(ours)) => {
                self.read_as(
                    format!("moyen de paiement {code} (BT-81) : {ours} dans un pivot"),
                    format!("means of payment {code} (BT-81): {ours} in a pivot"),
                );
                self.carried.insert(("BT-81", code.clone()));
                element("Code", ours)
            }
            (Some(code), None) if PAYMENT_CODES.contains(&code.as_str()) => self.term("Code", "BT-81", Some(code)),
            (code, _) => {
                let code = code.as_deref().unwrap_or("?");
                let known = PAYMENT_CODES.join(", ");
                self.lacks(
                    format!("un moyen de paiement que le pivot connaît ({known} ; BT-81 : {code})"),
                    format!("a means of payment that a pivot knows ({known}; BT-81: {code})"),
                );
                String::new()
            }
        };
        let label = self.term("Libelle", "BT-82", payment.and_then(|payment| payment.means_text.as_deref()));
        format!("<ModePaiement>{written}{label}</ModePaiement>")
    }

    fn amounts(&mut self) -> String {
        let totals = &self.invoice.totals;
        let net = self.term("MontantHT", "BT-109", Some(totals.taxable_total.to_string()));
        let gross = self.term("MontantTTC", "BT-112", Some(totals.gross_total.to_string()));
        let due = self.term("MontantNetAPayer", "BT-115", Some(totals.due.to_string()));
        // They follow from those three.
        let mut followed = vec![("BT-110", totals.vat_total)];
        if totals.gross_total.checked_sub(totals.due).ok() == totals.paid {
            followed.push(("BT-113", totals.paid));
        }
        if totals.line_total == totals.taxable_total {
            followed.push(("BT-106", Some(totals.line_total)));
        }
        self.carried.extend(followed.into_iter().filter_map(|(term, amount)| Some((term, amount?.to_string()))));
        format!("<Montants>{net}{gross}{due}</Montants>")
    }

    fn taxes(&mut self) -> String {
        let mut taxes = String::new();
        for tax in &self.invoice.vat_breakdown {
            // Without a rate (outside the scope of VAT) nothing is charged.
            let rate = tax.rate.map_or(Decimal::ZERO, |rate| rate.into_decimal());
            let rate = self.term("Taux", "BT-119", Some(rate.to_string()));
            let base = self.term("BaseHt", "BT-116", Some(tax.taxable_amount.to_string()));
            let amount = self.term("MontantTVA", "BT-117", Some(tax.tax_amount.to_string()));
            taxes += &format!("<TVA>{rate}{base}{amount}</TVA>");
            if tax.category.as_str() == "S" {
                self.carried.insert(("BT-118", "S".to_owned()));
            }
        }
        if taxes.is_empty() { taxes } else { format!("<TVAs>{taxes}</TVAs>") }
    }

    fn engagement(&mut self) -> String {
        let (contract, order) = (&self.invoice.contract_reference, &self.invoice.purchase_order_reference);
        let fits = |text: &&str| text.chars().count() <= 50;
        let contract = contract.as_ref().map(|reference| reference.as_str()).filter(fits);
        let order = order.as_ref().map(|reference| reference.as_str()).filter(fits);
        let written = self.term("NumeroMarche", "BT-12", contract) + &self.term("NumeroEngagement", "BT-13", order);
        if written.is_empty() { written } else { format!("<Engagement>{written}</Engagement>") }
    }

    fn lines(&mut self) -> String {
        let mut lines = String::new();
        for (place, line) in self.invoice.lines.iter().enumerate() {
            let name = self.term("ReferenceProduit", "BT-153", line.item.name.as_deref());
            let price = line.price.net_price.into_decimal();
            self.carried.insert(("BT-146", price.normalize().to_string()));
            let base = line.price.base_quantity.map_or(Decimal::ONE, Quantity::into_decimal);
            let each = price.checked_div(base).filter(|each| each.checked_mul(base) == Some(price));
            if each.is_some() {
                let written =
                    line.price.base_quantity.map(|base| ("BT-149", base.into_decimal().normalize().to_string()));
                self.carried.extend(written);
            } else {
                self.lacks(
                    format!("ligne {} : un prix unitaire exact ({price} pour {base}, BT-146 et BT-149)", line.id),
                    format!("line {}: an exact unit price ({price} for {base}, BT-146 and BT-149)", line.id),
                );
            }
            let price = element("PrixUnitaire", &each.unwrap_or(price).normalize().to_string());
            // It has no place for a unit, and is read as having this one.
            self.carried.insert(("BT-130", "C62".to_owned()));
            let quantity = self.term("Quantite", "BT-129", Some(line.quantity.into_decimal().normalize().to_string()));
            let net = self.term("MontantHT", "BT-131", Some(line.net_amount.to_string()));
            let rate = line.vat.rate.map(|rate| rate.into_decimal().normalize().to_string());
            let rate = self.term("TauxTVA", "BT-152", rate);
            if line.vat.category.as_str() == "S" {
                self.carried.insert(("BT-151", "S".to_owned()));
            }
            // A line's number is a whole number here.
            let order = line.id.parse::<u32>().ok();
            self.carried.extend(order.map(|_| ("BT-126", line.id.clone())));
            let order = order.unwrap_or_else(|| u32::try_from(place + 1).unwrap_or(u32::MAX));
            lines += &format!("<Ligne NumOrdre=\"{order}\">{name}{price}{quantity}{net}{rate}</Ligne>");
        }
        if lines.is_empty() { lines } else { format!("<Lignes>{lines}</Lignes>") }
    }

    /// The original first, then what is attached to it.
    fn files(&mut self, original: Original<'_>) -> String {
        let mut files = file(1, original.name, "Facture", "01", original.mime, original.content);
        let with_content = self.invoice.attachments.iter().filter_map(|d| Some((d, d.attachment.as_ref()?)));
        for (place, (document, attached)) in with_content.enumerate() {
            let category = document.description.as_deref().unwrap_or("Pièce jointe");
            files += &file(place + 2, attached.filename(), category, "02", attached.mime_code(), attached.content());
            self.carried.insert(("BT-125", STANDARD.encode(attached.content())));
            if attached.filename() == cut(attached.filename()) {
                self.carried.insert(("BT-125", attached.filename().to_owned()));
            }
            if attached.filename() == document.reference.as_str() {
                self.carried.insert(("BT-122", attached.filename().to_owned()));
            }
            self.carried.extend(document.description.clone().filter(|d| d == &cut(d)).map(|d| ("BT-123", d)));
        }
        files
    }
}

/// By its form (ISO 13616): a country, two check digits, and what the country's banks make of the rest.
fn is_iban(number: &str) -> bool {
    let plain: Vec<u8> = number.bytes().filter(|b| *b != b' ').collect();
    let is_headed =
        plain.len() > 4 && plain[..2].iter().all(u8::is_ascii_uppercase) && plain[2..4].iter().all(u8::is_ascii_digit);
    is_headed && (15..=34).contains(&plain.len()) && plain.iter().all(u8::is_ascii_alphanumeric)
}

fn is_siret(id: &&Identifier) -> bool {
    let is_digits = id.content().len() == 14 && id.content().bytes().all(|b| b.is_ascii_digit());
    is_digits && matches!(id.scheme(), None | Some("0009"))
}

fn element(name: &str, value: &str) -> String {
    format!("<{name}>{}</{name}>", escape(value))
}

fn file(order: usize, name: &str, category: &str, kind: &str, mime: &str, content: &[u8]) -> String {
    let content = element("Contenu", &STANDARD.encode(content));
    let (name, category) = (element("NomPJ", &cut(name)), element("CategoriePJ", &cut(category)));
    let (kind, mime) = (element("TypePJ", kind), element("MimeTypePJ", mime));
    format!("<PJ NumOrdre=\"{order}\">{content}{name}{category}{kind}{mime}</PJ>")
}

fn cut(name: &str) -> String {
    name.chars().take(NAME_CHARACTERS).collect()
}
