//! The rules on how UBL and CII may be written (`UBL-SR`, `UBL-CR`, `UBL-DT`, `CII-SR`, `CII-DT`): each is about one
//! element or attribute, and what is wrong with it is one of a few things. Their words are made of the two.

use crate::fault::Text;

/// What is wrong.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    /// More than one.
    TooMany,
    /// None, or more than one.
    NotOne,
    Missing,
    Forbidden,
    /// Several that differ.
    Unlike,
}

use Wrong::{Forbidden, Missing, NotOne, TooMany, Unlike};

/// A rule, what it is about in French and English, and what is wrong with that.
type Row = (&'static str, Wrong, &'static str, &'static str);

/// The rules that have words here.
pub fn rules() -> impl Iterator<Item = String> {
    let forbidden = FORBIDDEN.iter().flat_map(|group| group.rules.iter().map(|(rule, _)| *rule));
    UBL.iter().chain(CII).map(|(rule, ..)| *rule).chain(forbidden).map(str::to_owned)
}

/// Message and remedy of such a rule; `None` when it has none here.
pub fn words(rule: &str) -> Option<(Text, Text)> {
    if let Some((_, wrong, fr, en)) = UBL.iter().chain(CII).find(|(id, ..)| *id == rule) {
        return Some(made(*wrong, fr, en));
    }
    let within = |group: &'static Group| group.rules.iter().find(|(id, _)| *id == rule).map(|(_, name)| (group, *name));
    let (group, name) = FORBIDDEN.iter().find_map(within)?;
    let [fr, en] = [0, 1].map(|language| format!("{} {name} {}", group.kind[language], group.place[language]));
    Some(made(Forbidden, &fr, &en))
}

fn made(wrong: Wrong, fr: &str, en: &str) -> (Text, Text) {
    match wrong {
        TooMany => (
            Text::new(
                format!("En trop : {fr} se trouve plusieurs fois, et la norme ne l'admet qu'une fois."),
                format!("Too many: {en} stands several times, and the standard allows it once."),
            ),
            Text::new(format!("N'écrivez qu'une fois {fr}."), format!("Write {en} once only.")),
        ),
        NotOne => (
            Text::new(
                format!("Manquant ou en trop : {fr} doit se trouver une fois et une seule."),
                format!("Missing or too many: {en} must stand once and once only."),
            ),
            Text::new(format!("Écrivez {fr} une fois et une seule."), format!("Write {en} once and once only.")),
        ),
        Missing => (
            Text::new(format!("Manquant : {fr}."), format!("Missing: {en}.")),
            Text::new(format!("Ajoutez {fr}."), format!("Add {en}.")),
        ),
        Forbidden => (
            Text::new(format!("Interdit à cet endroit : {fr}."), format!("Not allowed here: {en}.")),
            Text::new(format!("Enlevez {fr}."), format!("Take away {en}.")),
        ),
        Unlike => (
            Text::new(
                format!("Valeurs différentes : {fr} se trouve plusieurs fois, et pas avec la même valeur."),
                format!("Different values: {en} stands several times, and not with the same value."),
            ),
            Text::new(
                format!("Donnez partout la même valeur, ou n'écrivez qu'une fois {fr}."),
                format!("Give the same value everywhere, or write {en} once only."),
            ),
        ),
    }
}

#[rustfmt::skip]
const UBL: &[Row] = &[
    ("UBL-CR-666", Forbidden, "le contenu joint (Attachment) de l'objet facturé (BT-18, type 130)", "the attached content (Attachment) of the invoiced object (BT-18, type 130)"),
    ("UBL-CR-673", Forbidden, "la description (DocumentDescription) de l'objet facturé (BT-18, type 130)", "the description (DocumentDescription) of the invoiced object (BT-18, type 130)"),
    ("UBL-DT-06", Missing, "l'attribut mimeCode d'un document joint (BT-125), par exemple application/pdf", "the attribute mimeCode of an attached document (BT-125), for example application/pdf"),
    ("UBL-DT-07", Missing, "l'attribut filename d'un document joint (BT-125), son nom de fichier", "the attribute filename of an attached document (BT-125), its file name"),
    ("UBL-SR-01", TooMany, "la référence du marché (ContractDocumentReference, BT-12)", "the contract reference (ContractDocumentReference, BT-12)"),
    ("UBL-SR-02", TooMany, "l'avis de réception (ReceiptDocumentReference, BT-15)", "the receiving advice (ReceiptDocumentReference, BT-15)"),
    ("UBL-SR-03", TooMany, "l'avis d'expédition (DespatchDocumentReference, BT-16)", "the despatch advice (DespatchDocumentReference, BT-16)"),
    ("UBL-SR-04", TooMany, "l'objet facturé (AdditionalDocumentReference de type 130, BT-18)", "the invoiced object (AdditionalDocumentReference of type 130, BT-18)"),
    ("UBL-SR-05", TooMany, "le texte des conditions de paiement (PaymentTerms, BT-20)", "the text of the payment terms (PaymentTerms, BT-20)"),
    ("UBL-SR-06", TooMany, "la facture nommée par une même référence (BillingReference, BG-3)", "the invoice named by one reference (BillingReference, BG-3)"),
    ("UBL-SR-08", TooMany, "la période de facturation (InvoicePeriod, BG-14)", "the invoicing period (InvoicePeriod, BG-14)"),
    ("UBL-SR-09", TooMany, "la raison sociale du vendeur (RegistrationName, BT-27)", "the seller's registered name (RegistrationName, BT-27)"),
    ("UBL-SR-10", TooMany, "le nom commercial du vendeur (PartyName, BT-28)", "the seller's trading name (PartyName, BT-28)"),
    ("UBL-SR-11", TooMany, "l'immatriculation légale du vendeur (PartyLegalEntity, BT-30)", "the seller's legal registration (PartyLegalEntity, BT-30)"),
    ("UBL-SR-12", TooMany, "le numéro de TVA du vendeur (PartyTaxScheme, BT-31)", "the seller's VAT number (PartyTaxScheme, BT-31)"),
    ("UBL-SR-13", TooMany, "le numéro fiscal du vendeur pour une autre taxe que la TVA (PartyTaxScheme, BT-32)", "the seller's number for another tax than VAT (PartyTaxScheme, BT-32)"),
    ("UBL-SR-14", TooMany, "la forme juridique du vendeur (CompanyLegalForm, BT-33)", "the seller's legal form (CompanyLegalForm, BT-33)"),
    ("UBL-SR-15", TooMany, "la raison sociale de l'acheteur (RegistrationName, BT-44)", "the buyer's registered name (RegistrationName, BT-44)"),
    ("UBL-SR-16", TooMany, "l'identifiant de l'acheteur (PartyIdentification, BT-46)", "the buyer's identifier (PartyIdentification, BT-46)"),
    ("UBL-SR-17", TooMany, "l'immatriculation légale de l'acheteur (PartyLegalEntity, BT-47)", "the buyer's legal registration (PartyLegalEntity, BT-47)"),
    ("UBL-SR-18", TooMany, "le numéro de TVA de l'acheteur (PartyTaxScheme, BT-48)", "the buyer's VAT number (PartyTaxScheme, BT-48)"),
    ("UBL-SR-22", TooMany, "le nom du représentant fiscal (PartyName, BT-62)", "the tax representative's name (PartyName, BT-62)"),
    ("UBL-SR-23", TooMany, "le numéro de TVA du représentant fiscal (PartyTaxScheme, BT-63)", "the tax representative's VAT number (PartyTaxScheme, BT-63)"),
    ("UBL-SR-24", TooMany, "la livraison (Delivery, BG-13)", "the delivery (Delivery, BG-13)"),
    ("UBL-SR-25", TooMany, "le nom du destinataire de la livraison (DeliveryParty, BT-70)", "the name of who takes delivery (DeliveryParty, BT-70)"),
    ("UBL-SR-26", TooMany, "la référence de paiement d'un moyen de paiement (PaymentID, BT-83)", "the payment reference of a payment means (PaymentID, BT-83)"),
    ("UBL-SR-27", TooMany, "le code d'un moyen de paiement (PaymentMeansCode, BT-81)", "the code of a payment means (PaymentMeansCode, BT-81)"),
    ("UBL-SR-28", TooMany, "la référence du mandat de prélèvement (PaymentMandate, BT-89)", "the direct debit mandate's reference (PaymentMandate, BT-89)"),
    ("UBL-SR-29", TooMany, "l'identifiant de créancier SEPA (PartyIdentification de schéma SEPA, BT-90)", "the SEPA creditor identifier (PartyIdentification of scheme SEPA, BT-90)"),
    ("UBL-SR-30", TooMany, "le motif d'une remise (AllowanceChargeReason, BT-97 ou BT-139)", "the reason of an allowance (AllowanceChargeReason, BT-97 or BT-139)"),
    ("UBL-SR-31", TooMany, "le motif de frais (AllowanceChargeReason, BT-104 ou BT-144)", "the reason of a charge (AllowanceChargeReason, BT-104 or BT-144)"),
    ("UBL-SR-32", TooMany, "le motif d'exonération d'une ventilation de TVA (TaxExemptionReason, BT-120)", "the exemption reason of a VAT breakdown (TaxExemptionReason, BT-120)"),
    ("UBL-SR-33", TooMany, "la description d'un document joint (DocumentDescription, BT-123)", "the description of a supporting document (DocumentDescription, BT-123)"),
    ("UBL-SR-34", TooMany, "la note d'une ligne (Note, BT-127)", "a line's note (Note, BT-127)"),
    ("UBL-SR-35", TooMany, "la ligne de commande d'une ligne (OrderLineReference, BT-132)", "a line's order line (OrderLineReference, BT-132)"),
    ("UBL-SR-36", TooMany, "la période d'une ligne (InvoicePeriod, BG-26)", "a line's period (InvoicePeriod, BG-26)"),
    ("UBL-SR-37", TooMany, "le rabais sur un prix unitaire (AllowanceCharge de Price, BT-147)", "the discount on a unit price (AllowanceCharge of Price, BT-147)"),
    ("UBL-SR-39", TooMany, "la référence du projet (ProjectReference, BT-11)", "the project reference (ProjectReference, BT-11)"),
    ("UBL-SR-40", TooMany, "le nom commercial de l'acheteur (PartyName, BT-45)", "the buyer's trading name (PartyName, BT-45)"),
    ("UBL-SR-44", Unlike, "la référence de paiement (PaymentID, BT-83)", "the payment reference (PaymentID, BT-83)"),
    ("UBL-SR-45", TooMany, "la date d'échéance (PaymentDueDate, BT-9)", "the due date (PaymentDueDate, BT-9)"),
    ("UBL-SR-46", TooMany, "le libellé du moyen de paiement (attribut name de PaymentMeansCode, BT-82)", "the payment means in words (attribute name of PaymentMeansCode, BT-82)"),
    ("UBL-SR-47", Unlike, "le code du moyen de paiement (PaymentMeansCode, BT-81)", "the payment means code (PaymentMeansCode, BT-81)"),
    ("UBL-SR-48", NotOne, "la catégorie de TVA d'une ligne (ClassifiedTaxCategory, BG-30)", "a line's VAT category (ClassifiedTaxCategory, BG-30)"),
    ("UBL-SR-49", TooMany, "le code de la date d'exigibilité de la TVA (DescriptionCode, BT-8)", "the VAT point date code (DescriptionCode, BT-8)"),
    ("UBL-SR-50", TooMany, "la description d'un article (Description, BT-154)", "an item's description (Description, BT-154)"),
    ("UBL-SR-51", TooMany, "la troisième ligne d'une adresse (AddressLine, BT-162 à BT-165)", "the third line of an address (AddressLine, BT-162 to BT-165)"),
    ("UBL-SR-52", TooMany, "l'objet d'une ligne (DocumentReference, BT-128)", "a line's object (DocumentReference, BT-128)"),
    ("UBL-SR-53", Missing, "le numéro (CompanyID) ou la taxe (TaxScheme) d'une immatriculation fiscale (PartyTaxScheme, BT-31, BT-32, BT-48 ou BT-63)", "the number (CompanyID) or the tax (TaxScheme) of a tax registration (PartyTaxScheme, BT-31, BT-32, BT-48 or BT-63)"),
    ("UBL-SR-54", TooMany, "la carte de paiement (CardAccount, BG-18)", "the payment card (CardAccount, BG-18)"),
    ("UBL-SR-55", TooMany, "le mandat de prélèvement (PaymentMandate, BG-19)", "the direct debit mandate (PaymentMandate, BG-19)"),
    ("UBL-SR-56", TooMany, "l'appel d'offres ou le lot (OriginatorDocumentReference, BT-17)", "the tender or lot (OriginatorDocumentReference, BT-17)"),
];

#[rustfmt::skip]
const CII: &[Row] = &[
    ("CII-SR-009", NotOne, "le profil de la facture (GuidelineSpecifiedDocumentContextParameter, BT-24)", "the invoice's profile (GuidelineSpecifiedDocumentContextParameter, BT-24)"),
    ("CII-SR-010", NotOne, "l'identifiant du profil (ID de GuidelineSpecifiedDocumentContextParameter, BT-24)", "the profile's identifier (ID of GuidelineSpecifiedDocumentContextParameter, BT-24)"),
    ("CII-SR-014", NotOne, "le type de document (TypeCode, BT-3)", "the document type (TypeCode, BT-3)"),
    ("CII-SR-046", Missing, "le schéma (attribut schemeID) de l'identifiant normalisé d'un article (GlobalID, BT-157)", "the scheme (attribute schemeID) of an item's standard identifier (GlobalID, BT-157)"),
    ("CII-SR-069", NotOne, "le nom d'une caractéristique d'article (Description, BT-160)", "the name of an item attribute (Description, BT-160)"),
    ("CII-SR-072", NotOne, "la valeur d'une caractéristique d'article (Value, BT-161)", "the value of an item attribute (Value, BT-161)"),
    ("CII-SR-090", NotOne, "le pays d'origine d'un article (OriginTradeCountry, BT-159)", "an item's country of origin (OriginTradeCountry, BT-159)"),
    ("CII-SR-439", NotOne, "le prix unitaire net d'une ligne (NetPriceProductTradePrice, BT-146)", "a line's net unit price (NetPriceProductTradePrice, BT-146)"),
    ("CII-SR-440", TooMany, "le montant du rabais sur un prix unitaire (ActualAmount, BT-147)", "the amount of a unit price's discount (ActualAmount, BT-147)"),
    ("CII-SR-441", TooMany, "le prix unitaire net d'une ligne (NetPriceProductTradePrice, BT-146)", "a line's net unit price (NetPriceProductTradePrice, BT-146)"),
    ("CII-SR-455", TooMany, "le contact du vendeur (DefinedTradeContact, BG-6)", "the seller's contact (DefinedTradeContact, BG-6)"),
    ("CII-SR-456", TooMany, "le contact de l'acheteur (DefinedTradeContact, BG-9)", "the buyer's contact (DefinedTradeContact, BG-9)"),
    ("CII-SR-459", TooMany, "l'adresse électronique du vendeur (URIUniversalCommunication, BT-34)", "the seller's electronic address (URIUniversalCommunication, BT-34)"),
    ("CII-SR-460", TooMany, "l'adresse électronique de l'acheteur (URIUniversalCommunication, BT-49)", "the buyer's electronic address (URIUniversalCommunication, BT-49)"),
    ("CII-SR-461", TooMany, "la date d'exigibilité de la TVA (TaxPointDate, BT-7)", "the VAT point date (TaxPointDate, BT-7)"),
    ("CII-SR-462", Unlike, "le code de la date d'exigibilité de la TVA (DueDateTypeCode, BT-8)", "the VAT point date code (DueDateTypeCode, BT-8)"),
    ("CII-SR-463", Missing, "l'indicateur (ChargeIndicator) qui dit si c'est une remise ou des frais", "the indicator (ChargeIndicator) that says whether this is an allowance or a charge"),
    ("CII-SR-467", Unlike, "le code du moyen de paiement (TypeCode, BT-81)", "the payment means code (TypeCode, BT-81)"),
    ("CII-SR-468", Unlike, "le libellé du moyen de paiement (Information, BT-82)", "the payment means in words (Information, BT-82)"),
    ("CII-SR-469", TooMany, "la référence de paiement (PaymentReference, BT-83)", "the payment reference (PaymentReference, BT-83)"),
    ("CII-SR-470", Missing, "le compte à créditer (IBANID ou ProprietaryID, BT-84) d'un virement (code 30 ou 58)", "the account to pay into (IBANID or ProprietaryID, BT-84) of a credit transfer (code 30 or 58)"),
    ("CII-SR-471", TooMany, "le taux de TVA d'une remise ou de frais (RateApplicablePercent, BT-96 ou BT-103)", "the VAT rate of an allowance or charge (RateApplicablePercent, BT-96 or BT-103)"),
    ("CII-SR-472", TooMany, "la TVA d'une remise ou de frais (CategoryTradeTax, BT-95 ou BT-102)", "the VAT of an allowance or charge (CategoryTradeTax, BT-95 or BT-102)"),
    ("CII-SR-473", TooMany, "le montant d'une remise ou de frais (ActualAmount, BT-92, BT-99, BT-136 ou BT-141)", "the amount of an allowance or charge (ActualAmount, BT-92, BT-99, BT-136 or BT-141)"),
    ("CII-SR-474", TooMany, "le type d'un document d'une ligne (TypeCode d'AdditionalReferencedDocument)", "the type of a line's document (TypeCode of AdditionalReferencedDocument)"),
    ("CII-SR-475", TooMany, "le type d'un document joint (TypeCode d'AdditionalReferencedDocument)", "the type of a supporting document (TypeCode of AdditionalReferencedDocument)"),
    ("CII-SR-477", TooMany, "le total des lignes (LineTotalAmount, BT-106)", "the total of lines (LineTotalAmount, BT-106)"),
    ("CII-SR-478", TooMany, "le total des frais (ChargeTotalAmount, BT-108)", "the total of charges (ChargeTotalAmount, BT-108)"),
    ("CII-SR-479", TooMany, "le total des remises (AllowanceTotalAmount, BT-107)", "the total of allowances (AllowanceTotalAmount, BT-107)"),
    ("CII-SR-480", TooMany, "le total hors taxes (TaxBasisTotalAmount, BT-109)", "the total without VAT (TaxBasisTotalAmount, BT-109)"),
    ("CII-SR-481", TooMany, "l'arrondi (RoundingAmount, BT-114)", "the rounding (RoundingAmount, BT-114)"),
    ("CII-SR-482", TooMany, "le total TTC (GrandTotalAmount, BT-112)", "the total with VAT (GrandTotalAmount, BT-112)"),
    ("CII-SR-483", TooMany, "le montant InformationAmount", "the amount InformationAmount"),
    ("CII-SR-484", TooMany, "le montant déjà payé (TotalPrepaidAmount, BT-113)", "the paid amount (TotalPrepaidAmount, BT-113)"),
    ("CII-SR-485", TooMany, "le montant TotalDiscountAmount", "the amount TotalDiscountAmount"),
    ("CII-SR-486", TooMany, "le montant TotalAllowanceChargeAmount", "the amount TotalAllowanceChargeAmount"),
    ("CII-SR-487", TooMany, "le net à payer (DuePayableAmount, BT-115)", "the amount due (DuePayableAmount, BT-115)"),
    ("CII-SR-488", TooMany, "le montant RetailValueExcludingTaxInformationAmount", "the amount RetailValueExcludingTaxInformationAmount"),
    ("CII-SR-489", TooMany, "le montant TotalDepositFeeInformationAmount", "the amount TotalDepositFeeInformationAmount"),
    ("CII-SR-490", TooMany, "le montant ProductValueExcludingTobaccoTaxInformationAmount", "the amount ProductValueExcludingTobaccoTaxInformationAmount"),
    ("CII-SR-491", TooMany, "le montant TotalRetailValueInformationAmount", "the amount TotalRetailValueInformationAmount"),
    ("CII-SR-492", TooMany, "le montant GrossLineTotalAmount", "the amount GrossLineTotalAmount"),
    ("CII-SR-493", TooMany, "le montant NetLineTotalAmount", "the amount NetLineTotalAmount"),
    ("CII-SR-494", TooMany, "le montant NetIncludingTaxesLineTotalAmount", "the amount NetIncludingTaxesLineTotalAmount"),
];

/// What is not allowed in one kind of place.
struct Group {
    /// Element or attribute.
    kind: [&'static str; 2],
    place: [&'static str; 2],
    /// Rule and name.
    rules: &'static [(&'static str, &'static str)],
}

const ELEMENT: [&str; 2] = ["l'élément", "the element"];
const ATTRIBUTE: [&str; 2] = ["l'attribut", "the attribute"];

const FORBIDDEN: &[Group] = &[
    Group {
        kind: ATTRIBUTE,
        place: [
            "sur l'identifiant de la facture, du profil, d'une ligne ou d'un article du vendeur",
            "on the identifier of the invoice, the profile, a line or a seller's item",
        ],
        rules: &[
            ("CII-DT-001", "schemeName"),
            ("CII-DT-002", "schemeAgencyName"),
            ("CII-DT-003", "schemeDataURI"),
            ("CII-DT-004", "schemeURI"),
            ("CII-DT-005", "schemeID"),
            ("CII-DT-006", "schemeAgencyID"),
            ("CII-DT-007", "schemeVersionID"),
        ],
    },
    Group {
        kind: ATTRIBUTE,
        place: ["sur un identifiant", "on an identifier"],
        rules: &[
            ("CII-DT-101", "schemeName"),
            ("CII-DT-102", "schemeAgencyName"),
            ("CII-DT-103", "schemeDataURI"),
            ("CII-DT-104", "schemeURI"),
        ],
    },
    Group {
        kind: ATTRIBUTE,
        place: ["sur un code de type (TypeCode)", "on a type code (TypeCode)"],
        rules: &[("CII-DT-008", "name"), ("CII-DT-009", "listURI")],
    },
    Group {
        kind: ATTRIBUTE,
        place: ["sur l'élément racine", "on the root element"],
        rules: &[("CII-DT-013", "languageID"), ("CII-DT-014", "languageLocaleID")],
    },
    Group {
        kind: ATTRIBUTE,
        place: ["sur un montant autre que TaxTotalAmount", "on an amount other than TaxTotalAmount"],
        rules: &[("CII-DT-031", "currencyID"), ("CII-DT-032", "currencyCodeListVersionID")],
    },
    Group {
        kind: ATTRIBUTE,
        place: ["sur une quantité", "on a quantity"],
        rules: &[
            ("CII-DT-033", "unitCode"),
            ("CII-DT-034", "unitCodeListID"),
            ("CII-DT-035", "unitCodeListAgencyID"),
            ("CII-DT-036", "unitCodeListAgencyName"),
        ],
    },
    Group {
        kind: ELEMENT,
        place: [
            "dans une référence à un document qui n'est pas une pièce jointe (type 916)",
            "in a reference to a document that is no supporting document (type 916)",
        ],
        rules: &[("CII-DT-015", "URIID"), ("CII-DT-021", "Name"), ("CII-DT-022", "AttachmentBinaryObject")],
    },
    Group {
        kind: ELEMENT,
        place: [
            "avec une autre valeur que 50, 130 ou 916 dans une référence à un document",
            "with another value than 50, 130 or 916 in a reference to a document",
        ],
        rules: &[("CII-DT-018", "TypeCode")],
    },
    Group {
        kind: ELEMENT,
        place: [
            "dans une référence à un document qui n'est pas l'objet facturé (type 130)",
            "in a reference to a document that is not the invoiced object (type 130)",
        ],
        rules: &[("CII-DT-024", "ReferenceTypeCode")],
    },
    Group {
        kind: ELEMENT,
        place: [
            "dans une référence à un document autre qu'une facture antérieure (BT-26)",
            "in a reference to a document other than a preceding invoice (BT-26)",
        ],
        rules: &[("CII-DT-027", "FormattedIssueDateTime")],
    },
    Group {
        kind: ELEMENT,
        place: ["dans une référence à un document", "in a reference to a document"],
        rules: &[
            ("CII-DT-016", "StatusCode"),
            ("CII-DT-017", "CopyIndicator"),
            ("CII-DT-019", "GlobalID"),
            ("CII-DT-020", "RevisionID"),
            ("CII-DT-023", "Information"),
            ("CII-DT-025", "SectionName"),
            ("CII-DT-026", "PreviousRevisionID"),
            ("CII-DT-028", "EffectiveSpecifiedPeriod"),
            ("CII-DT-029", "IssuerTradeParty"),
            ("CII-DT-030", "AttachedSpecifiedBinaryFile"),
        ],
    },
    Group {
        kind: ELEMENT,
        place: [
            "dans une période (BG-14, BG-26), qui n'a que deux jours (DateTimeString)",
            "in a period (BG-14, BG-26), which has two days only (DateTimeString)",
        ],
        rules: &[
            ("CII-DT-068", "StartDateTime/DateTime"),
            ("CII-DT-069", "DurationMeasure"),
            ("CII-DT-070", "InclusiveIndicator"),
            ("CII-DT-071", "Description"),
            ("CII-DT-072", "EndDateTime/DateTime"),
            ("CII-DT-073", "CompleteDateTime"),
            ("CII-DT-074", "OpenIndicator"),
            ("CII-DT-075", "SeasonCode"),
            ("CII-DT-076", "ID"),
            ("CII-DT-077", "Name"),
            ("CII-DT-078", "SequenceNumeric"),
            ("CII-DT-079", "StartDateFlexibilityCode"),
            ("CII-DT-080", "ContinuousIndicator"),
            ("CII-DT-081", "PurposeCode"),
        ],
    },
    Group {
        kind: ELEMENT,
        place: ["dans une adresse postale (PostalTradeAddress)", "in a postal address (PostalTradeAddress)"],
        rules: &[
            ("CII-DT-082", "ID"),
            ("CII-DT-083", "PostOfficeBox"),
            ("CII-DT-084", "BuildingName"),
            ("CII-DT-086", "LineFour"),
            ("CII-DT-087", "LineFive"),
            ("CII-DT-088", "StreetName"),
            ("CII-DT-089", "CitySubDivisionName"),
            ("CII-DT-090", "CountryName"),
            ("CII-DT-091", "CountrySubDivisionID"),
            ("CII-DT-092", "AttentionOf"),
            ("CII-DT-093", "CareOf"),
            ("CII-DT-094", "BuildingNumber"),
            ("CII-DT-095", "DepartmentName"),
            ("CII-DT-096", "AdditionalStreetName"),
        ],
    },
];
