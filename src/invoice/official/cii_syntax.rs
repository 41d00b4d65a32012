//! How CII may be written: the schematron's pattern `EN16931-CII-Syntax`, its rules that refuse.
//!
//! Its last contexts go by the end of a name: an element that an earlier context takes is not seen by them.

use super::Sheet;
use super::document::{Answer, Node, trimmed};
use super::names::{
    Name::{self, *},
    Space,
};

/// Amounts that the header's totals hold once.
const TOTALS: [(&str, Name); 18] = [
    ("CII-SR-477", LineTotalAmount),
    ("CII-SR-478", ChargeTotalAmount),
    ("CII-SR-479", AllowanceTotalAmount),
    ("CII-SR-480", TaxBasisTotalAmount),
    ("CII-SR-481", RoundingAmount),
    ("CII-SR-482", GrandTotalAmount),
    ("CII-SR-483", InformationAmount),
    ("CII-SR-484", TotalPrepaidAmount),
    ("CII-SR-485", TotalDiscountAmount),
    ("CII-SR-486", TotalAllowanceChargeAmount),
    ("CII-SR-487", DuePayableAmount),
    ("CII-SR-488", RetailValueExcludingTaxInformationAmount),
    ("CII-SR-489", TotalDepositFeeInformationAmount),
    ("CII-SR-490", ProductValueExcludingTobaccoTaxInformationAmount),
    ("CII-SR-491", TotalRetailValueInformationAmount),
    ("CII-SR-492", GrossLineTotalAmount),
    ("CII-SR-493", NetLineTotalAmount),
    ("CII-SR-494", NetIncludingTaxesLineTotalAmount),
];

/// What a period may not hold.
const PERIOD: [(&str, &[Name]); 14] = [
    ("CII-DT-068", &[StartDateTime, DateTime]),
    ("CII-DT-069", &[DurationMeasure]),
    ("CII-DT-070", &[InclusiveIndicator]),
    ("CII-DT-071", &[Description]),
    ("CII-DT-072", &[EndDateTime, DateTime]),
    ("CII-DT-073", &[CompleteDateTime]),
    ("CII-DT-074", &[OpenIndicator]),
    ("CII-DT-075", &[SeasonCode]),
    ("CII-DT-076", &[ID]),
    ("CII-DT-077", &[Name::Name]),
    ("CII-DT-078", &[SequenceNumeric]),
    ("CII-DT-079", &[StartDateFlexibilityCode]),
    ("CII-DT-080", &[ContinuousIndicator]),
    ("CII-DT-081", &[PurposeCode]),
];

/// What an address may not hold.
const ADDRESS: [(&str, &[Name]); 14] = [
    ("CII-DT-082", &[ID]),
    ("CII-DT-083", &[PostOfficeBox]),
    ("CII-DT-084", &[BuildingName]),
    ("CII-DT-086", &[LineFour]),
    ("CII-DT-087", &[LineFive]),
    ("CII-DT-088", &[StreetName]),
    ("CII-DT-089", &[CitySubDivisionName]),
    ("CII-DT-090", &[CountryName]),
    ("CII-DT-091", &[CountrySubDivisionID]),
    ("CII-DT-092", &[AttentionOf]),
    ("CII-DT-093", &[CareOf]),
    ("CII-DT-094", &[BuildingNumber]),
    ("CII-DT-095", &[DepartmentName]),
    ("CII-DT-096", &[AdditionalStreetName]),
];

/// What no reference to a document may hold.
const REFERENCE: [(&str, &[Name]); 9] = [
    ("CII-DT-016", &[StatusCode]),
    ("CII-DT-017", &[CopyIndicator]),
    ("CII-DT-019", &[GlobalID]),
    ("CII-DT-020", &[RevisionID]),
    ("CII-DT-023", &[Information]),
    ("CII-DT-025", &[SectionName]),
    ("CII-DT-026", &[PreviousRevisionID]),
    ("CII-DT-028", &[EffectiveSpecifiedPeriod]),
    ("CII-DT-029", &[IssuerTradeParty]),
];

/// Holds an element against the rules of its context.
pub fn check(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        ExchangedDocumentContext if is_top(node) => {
            let guideline = [GuidelineSpecifiedDocumentContextParameter, ID];
            sheet.keep("CII-SR-009", node, node.count(guideline[0]) == 1);
            sheet.keep("CII-SR-010", node, node.count_of(&guideline) == 1);
        }
        ExchangedDocument if is_top(node) => sheet.keep("CII-SR-014", node, node.count(TypeCode) == 1),
        SpecifiedTradeProduct if is_line(node.parent()) => {
            let schemed = node.kids(GlobalID).any(|id| id.has_attribute("schemeID"));
            sheet.keep("CII-SR-046", node, !node.has(GlobalID) || schemed);
            let origins = node.count_of(&[OriginTradeCountry, ID]);
            sheet.keep("CII-SR-090", node, !node.has(OriginTradeCountry) || origins == 1);
        }
        ApplicableProductCharacteristic
            if node.above() == SpecifiedTradeProduct && is_line(node.parent().and_then(Node::parent)) =>
        {
            sheet.keep("CII-SR-069", node, node.count(Description) == 1);
            sheet.keep("CII-SR-072", node, node.count(Value) == 1);
        }
        SpecifiedLineTradeAgreement if is_line(node.parent()) => {
            let prices = node.count_of(&[NetPriceProductTradePrice, ChargeAmount]);
            sheet.keep("CII-SR-439", node, prices == 1);
            sheet.keep("CII-SR-441", node, prices <= 1);
        }
        SpecifiedTradeAllowanceCharge => {
            sheet.keep("CII-SR-463", node, node.has(ChargeIndicator));
            sheet.keep("CII-SR-471", node, node.count(RateApplicablePercent) <= 1);
            sheet.keep("CII-SR-472", node, node.count(CategoryTradeTax) <= 1);
            sheet.keep("CII-SR-473", node, node.count(ActualAmount) <= 1);
        }
        AppliedTradeAllowanceCharge if node.above() == GrossPriceProductTradePrice => {
            sheet.keep("CII-SR-440", node, node.count(ActualAmount) <= 1);
        }
        ApplicableHeaderTradeAgreement if is_header(node) => {
            // Rules that only warn read the type of each supporting document.
            sheet.rule("CII-SR-475", node, single_types);
            for (rule, path) in [
                ("CII-SR-455", [SellerTradeParty, DefinedTradeContact]),
                ("CII-SR-456", [BuyerTradeParty, DefinedTradeContact]),
                ("CII-SR-459", [SellerTradeParty, URIUniversalCommunication]),
                ("CII-SR-460", [BuyerTradeParty, URIUniversalCommunication]),
            ] {
                sheet.keep(rule, node, node.count_of(&path) <= 1);
            }
        }
        ApplicableHeaderTradeSettlement if is_header(node) => settlement(node, sheet),
        SpecifiedTradeSettlementHeaderMonetarySummation
            if node.above() == ApplicableHeaderTradeSettlement && node.parent().is_some_and(is_header) =>
        {
            for (rule, name) in TOTALS {
                sheet.keep(rule, node, node.count(name) <= 1);
            }
        }
        CrossIndustryInvoice if node.is_root() => document(node, sheet),
        // Taken by contexts whose rules only warn.
        SpecifiedTradeSettlementPaymentMeans => {}
        SpecifiedLineTradeSettlement if is_line(node.parent()) => sheet.rule("CII-SR-474", node, single_types),
        SpecifiedLineTradeDelivery | AssociatedDocumentLineDocument if is_line(node.parent()) => {}
        IncludedNote if node.above() == ExchangedDocument => {}
        IncludedSupplyChainTradeLineItem | ApplicableHeaderTradeDelivery if is_header(node) => {}
        _ => by_name(node, sheet),
    }
}

fn is_top(node: Node<'_>) -> bool {
    node.parent().is_some_and(Node::is_root)
}

/// Whether each supporting document has one type at most; two stop the official engine.
fn single_types(node: Node<'_>) -> Answer {
    for document in node.kids(AdditionalReferencedDocument) {
        document.one(&[TypeCode])?;
    }
    Ok(true)
}

/// A group of the transaction.
fn is_header(node: Node<'_>) -> bool {
    node.parent().is_some_and(|t| t.name() == SupplyChainTradeTransaction && is_top(t))
}

fn is_line(node: Option<Node<'_>>) -> bool {
    node.is_some_and(|line| line.name() == IncludedSupplyChainTradeLineItem && is_header(line))
}

fn settlement(node: Node<'_>, sheet: &mut Sheet) {
    sheet.keep("CII-SR-461", node, node.count_of(&[ApplicableTradeTax, TaxPointDate]) <= 1);
    let codes = node.document().all(ApplicableTradeTax).flat_map(|tax| tax.kids(DueDateTypeCode));
    let mut codes = codes.map(Node::text);
    let first = codes.next();
    sheet.keep("CII-SR-462", node, codes.all(|code| Some(code) == first));
    sheet.rule("CII-SR-470", node, |node| {
        for means in node.kids(SpecifiedTradeSettlementPaymentMeans) {
            let account = PayeePartyCreditorFinancialAccount;
            if means.exists(&[account, IBANID]) || means.exists(&[account, ProprietaryID]) {
                continue;
            }
            if matches!(&*means.plain_of(&[TypeCode])?, "30" | "58") {
                return Ok(false);
            }
        }
        Ok(true)
    });
}

fn document(root: Node<'_>, sheet: &mut Sheet) {
    sheet.attribute("CII-DT-013", root, "languageID", !root.has_attribute("languageID"));
    sheet.attribute("CII-DT-014", root, "languageLocaleID", !root.has_attribute("languageLocaleID"));
    let document = root.document();
    let means = || document.all(SpecifiedTradeSettlementPaymentMeans);
    for (rule, name) in [("CII-SR-467", TypeCode), ("CII-SR-468", Information)] {
        let mut values = means().flat_map(|m| m.kids(name)).map(Node::plain);
        let first = values.next();
        sheet.keep(rule, root, values.all(|value| Some(value) == first));
    }
    let references = document.all(ApplicableHeaderTradeSettlement).map(|s| s.count(PaymentReference)).sum::<usize>();
    sheet.keep("CII-SR-469", root, references <= 1);
}

/// The contexts that go by the end of a name, in their order.
fn by_name(node: Node<'_>, sheet: &mut Sheet) {
    let name = node.spelling();
    if name.ends_with("DocumentContextParameter") {
        return;
    }
    let ram = node.space() == Space::Ram;
    if is_plain_identifier(node) {
        for (rule, attribute) in [
            ("CII-DT-001", "schemeName"),
            ("CII-DT-002", "schemeAgencyName"),
            ("CII-DT-003", "schemeDataURI"),
            ("CII-DT-004", "schemeURI"),
            ("CII-DT-005", "schemeID"),
            ("CII-DT-006", "schemeAgencyID"),
            ("CII-DT-007", "schemeVersionID"),
        ] {
            sheet.attribute(rule, node, attribute, !node.has_attribute(attribute));
        }
    } else if ram && name.ends_with("ID") {
        for (rule, attribute) in [
            ("CII-DT-101", "schemeName"),
            ("CII-DT-102", "schemeAgencyName"),
            ("CII-DT-103", "schemeDataURI"),
            ("CII-DT-104", "schemeURI"),
        ] {
            sheet.attribute(rule, node, attribute, !node.has_attribute(attribute));
        }
    } else if node.name() == TypeCode {
        sheet.attribute("CII-DT-008", node, "name", !node.has_attribute("name"));
        sheet.attribute("CII-DT-009", node, "listURI", !node.has_attribute("listURI"));
    } else if ram && name.ends_with("ReferencedDocument") {
        reference(node, sheet);
    } else if ram && name.ends_with("Amount") && node.name() != TaxTotalAmount {
        sheet.attribute("CII-DT-031", node, "currencyID", !node.has_attribute("currencyID"));
        sheet.attribute(
            "CII-DT-032",
            node,
            "currencyCodeListVersionID",
            !node.has_attribute("currencyCodeListVersionID"),
        );
    } else if ram && name.ends_with("Quantity") {
        let billed =
            [SupplyChainTradeTransaction, IncludedSupplyChainTradeLineItem, SpecifiedLineTradeDelivery, BilledQuantity];
        let root = node.document().root();
        let any = || root.walk(&billed, &mut |quantity| quantity.has_attribute("unitCode"));
        sheet.attribute("CII-DT-033", node, "unitCode", !node.has_attribute("unitCode") || any());
        sheet.attribute("CII-DT-034", node, "unitCodeListID", !node.has_attribute("unitCodeListID"));
        sheet.attribute("CII-DT-035", node, "unitCodeListAgencyID", !node.has_attribute("unitCodeListAgencyID"));
        sheet.attribute("CII-DT-036", node, "unitCodeListAgencyName", !node.has_attribute("unitCodeListAgencyName"));
    } else if ram && name.ends_with("TradeTax") {
        sheet.keep("CII-DT-037", node, !node.has(TypeCode) || node.any_is(&[TypeCode], "VAT"));
    } else {
        others(node, sheet);
    }
}

fn others(node: Node<'_>, sheet: &mut Sheet) {
    match node.name() {
        BillingSpecifiedPeriod => none_of(node, &PERIOD, sheet),
        PostalTradeAddress => none_of(node, &ADDRESS, sheet),
        DateTimeString if node.attribute("format").is_some_and(|format| format == "102") => {
            sheet.keep("CII-DT-097", node, is_day(trimmed(&node.text())));
        }
        _ => {}
    }
}

fn none_of(node: Node<'_>, rules: &[(&'static str, &[Name])], sheet: &mut Sheet) {
    for (rule, path) in rules {
        sheet.keep(rule, node, !node.exists(path));
    }
}

/// The identifiers of the document, its profile, its lines and the seller's items: no scheme at all.
fn is_plain_identifier(node: Node<'_>) -> bool {
    match node.name() {
        ID => match node.above() {
            ExchangedDocument => node.parent().is_some_and(is_top),
            GuidelineSpecifiedDocumentContextParameter => {
                node.parent().and_then(Node::parent).is_some_and(|c| c.name() == ExchangedDocumentContext && is_top(c))
            }
            _ => false,
        },
        LineID => node.above() == AssociatedDocumentLineDocument && is_line(node.parent().and_then(Node::parent)),
        SellerAssignedID => node.above() == SpecifiedTradeProduct && is_line(node.parent().and_then(Node::parent)),
        _ => false,
    }
}

fn reference(node: Node<'_>, sheet: &mut Sheet) {
    let additional = node.name() == AdditionalReferencedDocument;
    let is_typed = |codes: &[&str]| additional && codes.iter().any(|code| node.any_is(&[TypeCode], code));
    sheet.keep("CII-DT-015", node, !node.has(URIID) || is_typed(&["916"]));
    sheet.keep("CII-DT-018", node, !node.has(TypeCode) || is_typed(&["50", "130", "916"]));
    sheet.keep("CII-DT-021", node, !node.has(Name::Name) || is_typed(&["916"]));
    sheet.keep("CII-DT-022", node, !node.has(AttachmentBinaryObject) || is_typed(&["916"]));
    sheet.keep("CII-DT-024", node, !node.has(ReferenceTypeCode) || is_typed(&["130"]));
    let invoice = node.name() == InvoiceReferencedDocument;
    sheet.keep("CII-DT-027", node, !node.has(FormattedIssueDateTime) || invoice);
    none_of(node, &REFERENCE, sheet);
    sheet.keep("CII-DT-030", node, !node.has(AttachedSpecifiedBinaryFile));
}

/// `yyyymmdd`, with months and days that exist in some month.
fn is_day(text: &str) -> bool {
    let number = |range: std::ops::Range<usize>| text[range].parse::<u8>().unwrap_or(0);
    text.len() == 8
        && text.bytes().all(|b| b.is_ascii_digit())
        && (1..=12).contains(&number(4..6))
        && (1..=31).contains(&number(6..8))
}
