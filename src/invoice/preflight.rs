//! AFNOR's rules of invoices to public bodies (BR-FR-CPRO-01 to 50, XP Z12-012 annex A, sheet "BR-France-CTC-CPRO"), told
//! before Chorus Pro may refuse by them.
//!
//! They have no public schematron, and their text is known at second hand: so they warn unless the route says otherwise
//! ([`Preflight`]). Those that Chorus Pro's own channel has always had are among [`super::chorus_rules`] (02 of BT-1 and
//! BT-25, 10, 14, 15, 24, 41), those that ask the directory among [`super::recipient_rules`] (11 to 13). Left out: 16, 22
//! and 23, which a file does not show; 19, which the readers' own limit comes before; 01, 18, 21, 28 and 29, of which no
//! public source says enough; 45 to 50, which none shows.

use super::chorus_rules::{
    ACCOUNT_CHARACTERS, DELIVERY_LOCATION_CHARACTERS, ITEM_DESCRIPTION_CHARACTERS, Limit, NAME_CHARACTERS,
    NOTE_CHARACTERS, NUMBER_CHARACTERS, PAYMENT_TERMS_CHARACTERS, SELLER_ADDRESS_CHARACTERS,
    SUPPORTING_DOCUMENT_CHARACTERS,
};
use super::facts::{SIRET_SCHEMES, is_siret};
use super::outline::{Id, Outline};
use super::rules::Findings;
use super::{Preflight, Severity};

/// The longest a value may be, wherever it stands.
struct Length {
    rule: &'static str,
    limit: Limit,
    ubl: &'static [&'static str],
    cii: &'static [&'static str],
}

/// How often an element may stand: once.
struct Once {
    rule: &'static str,
    ubl: &'static [&'static str],
    cii: &'static [&'static str],
}

const LENGTHS: [Length; 16] = [
    Length {
        // EXT-FR-FE-136: the preceding invoice of a line.
        rule: "BR-FR-CPRO-02",
        limit: NUMBER_CHARACTERS,
        ubl: &["InvoiceLine", "BillingReference", "InvoiceDocumentReference", "ID"],
        cii: &[TRANSACTION, LINE, "SpecifiedLineTradeSettlement", "InvoiceReferencedDocument", "IssuerAssignedID"],
    },
    Length {
        rule: "BR-FR-CPRO-31",
        limit: ITEM_DESCRIPTION_CHARACTERS,
        ubl: &["InvoiceLine", "Item", "Description"],
        cii: &[TRANSACTION, LINE, "SpecifiedTradeProduct", "Description"],
    },
    Length {
        rule: "BR-FR-CPRO-32",
        limit: SELLER_ADDRESS_CHARACTERS,
        ubl: &["AccountingSupplierParty", "Party", "PostalAddress", "StreetName"],
        cii: &[TRANSACTION, AGREEMENT, "SellerTradeParty", "PostalTradeAddress", "LineOne"],
    },
    Length {
        rule: "BR-FR-CPRO-33",
        limit: SELLER_ADDRESS_CHARACTERS,
        ubl: &["AccountingSupplierParty", "Party", "PostalAddress", "CityName"],
        cii: &[TRANSACTION, AGREEMENT, "SellerTradeParty", "PostalTradeAddress", "CityName"],
    },
    Length {
        rule: "BR-FR-CPRO-34",
        limit: NAME_CHARACTERS,
        ubl: &["AccountingCustomerParty", "Party", "PartyName", "Name"],
        cii: &[TRANSACTION, AGREEMENT, "BuyerTradeParty", "SpecifiedLegalOrganization", "TradingBusinessName"],
    },
    Length {
        rule: "BR-FR-CPRO-35",
        limit: PAYMENT_TERMS_CHARACTERS,
        ubl: &["PaymentTerms", "Note"],
        cii: &[TRANSACTION, SETTLEMENT, "SpecifiedTradePaymentTerms", "Description"],
    },
    Length {
        rule: "BR-FR-CPRO-36",
        limit: NAME_CHARACTERS,
        ubl: &["AccountingSupplierParty", "Party", "PartyName", "Name"],
        cii: &[TRANSACTION, AGREEMENT, "SellerTradeParty", "SpecifiedLegalOrganization", "TradingBusinessName"],
    },
    Length {
        rule: "BR-FR-CPRO-37",
        limit: NAME_CHARACTERS,
        ubl: &["PayeeParty", "PartyName", "Name"],
        cii: &[TRANSACTION, SETTLEMENT, "PayeeTradeParty", "Name"],
    },
    Length {
        rule: "BR-FR-CPRO-38",
        limit: DELIVERY_LOCATION_CHARACTERS,
        ubl: &["Delivery", "DeliveryLocation", "ID"],
        cii: &[TRANSACTION, "ApplicableHeaderTradeDelivery", "ShipToTradeParty", "ID"],
    },
    Length {
        rule: "BR-FR-CPRO-38",
        limit: DELIVERY_LOCATION_CHARACTERS,
        ubl: &[],
        cii: &[TRANSACTION, "ApplicableHeaderTradeDelivery", "ShipToTradeParty", "GlobalID"],
    },
    Length {
        rule: "BR-FR-CPRO-39",
        limit: ACCOUNT_CHARACTERS,
        ubl: &["PaymentMeans", "PayeeFinancialAccount", "ID"],
        cii: &[
            TRANSACTION,
            SETTLEMENT,
            "SpecifiedTradeSettlementPaymentMeans",
            "PayeePartyCreditorFinancialAccount",
            "IBANID",
        ],
    },
    Length {
        rule: "BR-FR-CPRO-39",
        limit: ACCOUNT_CHARACTERS,
        ubl: &[],
        cii: &[
            TRANSACTION,
            SETTLEMENT,
            "SpecifiedTradeSettlementPaymentMeans",
            "PayeePartyCreditorFinancialAccount",
            "ProprietaryID",
        ],
    },
    Length {
        // EXT-FR-FE-146: where a line is delivered.
        rule: "BR-FR-CPRO-40",
        limit: DELIVERY_LOCATION_CHARACTERS,
        ubl: &["InvoiceLine", "Delivery", "DeliveryLocation", "ID"],
        cii: &[TRANSACTION, LINE, "SpecifiedLineTradeDelivery", "ShipToTradeParty", "ID"],
    },
    Length {
        rule: "BR-FR-CPRO-40",
        limit: DELIVERY_LOCATION_CHARACTERS,
        ubl: &[],
        cii: &[TRANSACTION, LINE, "SpecifiedLineTradeDelivery", "ShipToTradeParty", "GlobalID"],
    },
    Length {
        rule: "BR-FR-CPRO-43",
        limit: NAME_CHARACTERS,
        ubl: &["AccountingSupplierParty", "Party", "PartyLegalEntity", "RegistrationName"],
        cii: &[TRANSACTION, AGREEMENT, "SellerTradeParty", "Name"],
    },
    Length {
        rule: "BR-FR-CPRO-44",
        limit: NAME_CHARACTERS,
        ubl: &["AccountingCustomerParty", "Party", "PartyLegalEntity", "RegistrationName"],
        cii: &[TRANSACTION, AGREEMENT, "BuyerTradeParty", "Name"],
    },
];

const ONCE: [Once; 4] = [
    Once {
        rule: "BR-FR-CPRO-20",
        ubl: &["BillingReference"],
        cii: &[TRANSACTION, SETTLEMENT, "InvoiceReferencedDocument"],
    },
    Once {
        rule: "BR-FR-CPRO-25",
        ubl: &["PaymentTerms", "Note"],
        cii: &[TRANSACTION, SETTLEMENT, "SpecifiedTradePaymentTerms", "Description"],
    },
    Once {
        rule: "BR-FR-CPRO-26",
        ubl: &["AccountingSupplierParty", "Party", "Contact"],
        cii: &[TRANSACTION, AGREEMENT, "SellerTradeParty", "DefinedTradeContact"],
    },
    Once {
        rule: "BR-FR-CPRO-27",
        ubl: &["AccountingCustomerParty", "Party", "Contact"],
        cii: &[TRANSACTION, AGREEMENT, "BuyerTradeParty", "DefinedTradeContact"],
    },
];

const TRANSACTION: &str = "SupplyChainTradeTransaction";
const LINE: &str = "IncludedSupplyChainTradeLineItem";
const AGREEMENT: &str = "ApplicableHeaderTradeAgreement";
const SETTLEMENT: &str = "ApplicableHeaderTradeSettlement";

/// A SIREN's scheme (ISO 6523).
const SIREN: &str = "0002";
/// What may name a seller (BR-FR-CPRO-03): SIRET, a VAT number of the Union, a private person, a number from outside the
/// Union, RIDET, TAHITI.
const SELLER_SCHEMES: [&str; 6] = ["0009", "0223", "0226", "0227", "0228", "0229"];

/// Adds what AFNOR's rules of invoices to public bodies say.
pub fn check(outline: &Outline<'_>, preflight: Preflight, findings: &mut Findings<'_, '_>) {
    if preflight == Preflight::Off {
        return;
    }
    let tree = Tree { outline, cii: outline.name(Id::ROOT) == "CrossIndustryInvoice" };
    for one in &LENGTHS {
        for id in tree.each(Id::ROOT, one.ubl, one.cii) {
            longer(outline, one.rule, id, one.limit, findings);
        }
    }
    for one in &ONCE {
        if let Some(second) = tree.each(Id::ROOT, one.ubl, one.cii).get(1) {
            findings.at(one.rule, Severity::Fatal, *second, &[]);
        }
    }
    notes(&tree, findings);
    documents(&tree, findings);
    seller(&tree, findings);
    payee(&tree, findings);
}

/// An invoice in either syntax.
struct Tree<'o, 't> {
    outline: &'o Outline<'t>,
    cii: bool,
}

impl Tree<'_, '_> {
    /// Each element at the path of the document's syntax; a credit note's lines have their own name.
    fn each(&self, from: Id, ubl: &[&str], cii: &[&str]) -> Vec<Id> {
        if self.cii {
            return self.outline.each(from, cii);
        }
        match ubl {
            [] => Vec::new(),
            ["InvoiceLine", below @ ..] if self.outline.name(Id::ROOT) == "CreditNote" => {
                let lines = self.outline.each(from, &["CreditNoteLine"]);
                lines.into_iter().flat_map(|line| self.outline.each(line, below)).collect()
            }
            _ => self.outline.each(from, ubl),
        }
    }

    /// Identifiers of a party with their schemes.
    fn identifiers(&self, party: Id, ubl: &[&[&str]], cii: &[&[&str]]) -> Vec<(Id, String)> {
        let paths = if self.cii { cii } else { ubl };
        let ids = paths.iter().flat_map(|path| self.outline.each(party, path));
        let scheme = |id| self.outline.attribute(id, "schemeID").map(|s| s.trim().to_owned()).unwrap_or_default();
        ids.map(|id| (id, scheme(id))).collect()
    }

    /// Whether it is an establishment's: as the reform writes it, or as the historic channel has always taken it.
    fn is_siret(&self, (id, scheme): &(Id, String)) -> bool {
        SIRET_SCHEMES.contains(&scheme.as_str()) || is_siret(self.outline.value(*id).trim())
    }
}

fn longer(outline: &Outline<'_>, rule: &str, id: Id, limit: Limit, findings: &mut Findings<'_, '_>) {
    let (value, limit) = (outline.value(id), findings.limit(limit));
    // An entity aside, a character is a byte at least.
    if value.len() <= limit {
        return;
    }
    let length = value.trim().chars().count();
    if length > limit {
        let (length, limit) = (length.to_string(), limit.to_string());
        findings.at(rule, Severity::Fatal, id, &[("length", &length), ("limit", &limit)]);
    }
}

/// BT-22. In UBL the subject (BT-21) stands before it, between hashes.
fn notes(tree: &Tree<'_, '_>, findings: &mut Findings<'_, '_>) {
    for id in tree.each(Id::ROOT, &["Note"], &["ExchangedDocument", "IncludedNote", "Content"]) {
        let value = tree.outline.value(id);
        let value = value.trim();
        let subject = value.strip_prefix('#').and_then(|rest| rest.split_once('#'));
        let text = subject.filter(|(code, _)| code.len() == 3).map_or(value, |(_, text)| text);
        let (length, limit) = (text.chars().count(), findings.limit(NOTE_CHARACTERS));
        if length > limit {
            let (length, limit) = (length.to_string(), limit.to_string());
            findings.at("BR-FR-CPRO-42", Severity::Fatal, id, &[("length", &length), ("limit", &limit)]);
        }
    }
}

/// BT-122: the references of supporting documents, without the invoiced object and what was tendered (BT-18, BT-17).
fn documents(tree: &Tree<'_, '_>, findings: &mut Findings<'_, '_>) {
    const OTHERS: [&str; 2] = ["130", "50"];
    let outline = tree.outline;
    let cii = [TRANSACTION, AGREEMENT, "AdditionalReferencedDocument"];
    let (kind, reference) = match tree.cii {
        true => ("TypeCode", "IssuerAssignedID"),
        false => ("DocumentTypeCode", "ID"),
    };
    for document in tree.each(Id::ROOT, &["AdditionalDocumentReference"], &cii) {
        let is_other = outline.text_at(document, &[kind]).is_some_and(|kind| OTHERS.contains(&kind.as_str()));
        if let (false, Some(id)) = (is_other, outline.find(document, &[reference])) {
            longer(outline, "BR-FR-CPRO-30", id, SUPPORTING_DOCUMENT_CHARACTERS, findings);
        }
    }
}

const UBL_IDENTIFIERS: &[&[&str]] = &[&["PartyIdentification", "ID"]];
const CII_IDENTIFIERS: &[&[&str]] = &[&["ID"], &["GlobalID"]];
const UBL_LEGAL: &[&[&str]] = &[&["PartyLegalEntity", "CompanyID"]];
const CII_LEGAL: &[&[&str]] = &[&["SpecifiedLegalOrganization", "ID"]];

/// Who sells must be named as Chorus Pro names him.
fn seller(tree: &Tree<'_, '_>, findings: &mut Findings<'_, '_>) {
    let found =
        tree.each(Id::ROOT, &["AccountingSupplierParty", "Party"], &[TRANSACTION, AGREEMENT, "SellerTradeParty"]);
    let Some(seller) = found.first().copied() else { return };
    let identifiers = tree.identifiers(seller, UBL_IDENTIFIERS, CII_IDENTIFIERS);
    let legal = tree.identifiers(seller, UBL_LEGAL, CII_LEGAL);
    let named = identifiers.iter().any(|(_, scheme)| SELLER_SCHEMES.contains(&scheme.as_str()))
        || identifiers.iter().chain(&legal).any(|identifier| tree.is_siret(identifier));
    // A Factur-X that is no whole invoice (MINIMUM) has no place for it.
    if !named && !findings.is_no_whole_invoice() {
        findings.at("BR-FR-CPRO-03", Severity::Fatal, seller, &[]);
    }
    for (id, scheme) in &identifiers {
        let value = tree.outline.value(*id);
        let value = value.trim();
        if !has_form(scheme, value) {
            findings.at("BR-FR-CPRO-04-08", Severity::Fatal, *id, &[("scheme", scheme), ("value", value)]);
        }
    }
    siren_without_siret(tree, seller, "BR-FR-CPRO-09", findings);
}

fn payee(tree: &Tree<'_, '_>, findings: &mut Findings<'_, '_>) {
    let found = tree.each(Id::ROOT, &["PayeeParty"], &[TRANSACTION, SETTLEMENT, "PayeeTradeParty"]);
    if let Some(payee) = found.first() {
        siren_without_siret(tree, *payee, "BR-FR-CPRO-17", findings);
    }
}

fn siren_without_siret(tree: &Tree<'_, '_>, party: Id, rule: &str, findings: &mut Findings<'_, '_>) {
    let identifiers = tree.identifiers(party, UBL_IDENTIFIERS, CII_IDENTIFIERS);
    let legal = tree.identifiers(party, UBL_LEGAL, CII_LEGAL);
    let all = || identifiers.iter().chain(&legal);
    let siren = all().find(|identifier| identifier.1 == SIREN && !tree.is_siret(identifier));
    if let (Some((siren, _)), false) = (siren, all().any(|i| tree.is_siret(i)) || findings.is_no_whole_invoice()) {
        let value = tree.outline.value(*siren);
        findings.at(rule, Severity::Fatal, *siren, &[("value", value.trim())]);
    }
}

/// Whether an identifier is written as its scheme wants it (BR-FR-CPRO-04 to 08: which number is whose is not public).
fn has_form(scheme: &str, value: &str) -> bool {
    let length = value.chars().count();
    match scheme {
        "0223" | "0227" => (1..18).contains(&length),
        "0228" | "0229" => (9..=10).contains(&length),
        "0226" => (10..=80).contains(&length) && value.chars().take(10).all(|c| c.is_ascii_digit()),
        _ => true,
    }
}
