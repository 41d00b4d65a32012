//! The element names that the official rules speak of, so that they are compared as numbers.
//!
//! UBL and CII share a name where they share its spelling; the namespace decides which of the two a document means, and a
//! name in another namespace is none of these.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::LazyLock;

/// The namespaces of the two syntaxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Any other, or none.
    Nowhere,
    UblInvoice,
    UblCreditNote,
    /// Common aggregate components of UBL.
    Cac,
    /// Common basic components of UBL.
    Cbc,
    Rsm,
    Ram,
    Udt,
    Qdt,
}

impl Space {
    const UBL: &str = "urn:oasis:names:specification:ubl:schema:xsd:";
    const CII: &str = "urn:un:unece:uncefact:data:standard:";

    /// The namespace of a URI, as the official rules declare them.
    pub fn of(uri: &str) -> Self {
        if let Some(ubl) = uri.strip_prefix(Self::UBL) {
            return match ubl {
                "Invoice-2" => Self::UblInvoice,
                "CreditNote-2" => Self::UblCreditNote,
                "CommonAggregateComponents-2" => Self::Cac,
                "CommonBasicComponents-2" => Self::Cbc,
                _ => Self::Nowhere,
            };
        }
        match uri.strip_prefix(Self::CII) {
            Some("CrossIndustryInvoice:100") => Self::Rsm,
            Some("ReusableAggregateBusinessInformationEntity:100") => Self::Ram,
            Some("UnqualifiedDataType:100") => Self::Udt,
            Some("QualifiedDataType:100") => Self::Qdt,
            _ => Self::Nowhere,
        }
    }
}

macro_rules! names {
    ($($name:ident $ubl:ident $cii:ident)*) => {
        /// A name.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        #[expect(clippy::enum_variant_names, clippy::upper_case_acronyms, reason = "they are spelled as the syntaxes spell them")]
        #[repr(u16)]
        pub enum Name {
            /// Every name that no rule speaks of.
            Other,
            Invoice,
            CreditNote,
            /// `DateTimeString` of the qualified data types, where the other is of the unqualified.
            QualifiedDateTimeString,
            $($name,)*
        }

        impl Name {
            /// How many there are.
            pub const COUNT: usize = [$(Name::$name,)*].len() + 4;
        }

        const ROWS: &[(&str, Name, Space, Space)] = &[
            ("Invoice", Name::Invoice, Space::UblInvoice, Space::Nowhere),
            ("CreditNote", Name::CreditNote, Space::UblCreditNote, Space::Nowhere),
            $((stringify!($name), Name::$name, Space::$ubl, Space::$cii),)*
        ];
    };
}

type Row = (Name, Space, Space);

static TABLE: LazyLock<HashMap<&'static str, Row, BuildHasherDefault<Spelling>>> =
    LazyLock::new(|| ROWS.iter().map(|(text, name, ubl, cii)| (*text, (*name, *ubl, *cii))).collect());

impl Name {
    /// The name of an element.
    pub fn of(local: &str, space: Space) -> Self {
        if space == Space::Nowhere {
            return Self::Other;
        }
        match TABLE.get(local) {
            Some((Name::DateTimeString, ..)) if space == Space::Qdt => Self::QualifiedDateTimeString,
            Some((name, ubl, cii)) if *ubl == space || *cii == space => *name,
            _ => Self::Other,
        }
    }
}

/// FNV-1a: names are short and the table is fixed.
#[derive(Clone, Copy)]
struct Spelling(u64);

impl Default for Spelling {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Spelling {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

names! {
    AccountingCustomerParty Cac Nowhere
    AccountingSupplierParty Cac Nowhere
    ActualAmount Nowhere Ram
    ActualDeliveryDate Cbc Nowhere
    ActualDeliverySupplyChainEvent Nowhere Ram
    AdditionalDocumentReference Cac Nowhere
    AdditionalItemProperty Cac Nowhere
    AdditionalReferencedDocument Nowhere Ram
    AdditionalStreetName Nowhere Ram
    Address Cac Nowhere
    AddressLine Cac Nowhere
    AgentParty Cac Nowhere
    AllowanceCharge Cac Nowhere
    AllowanceChargeReason Cbc Nowhere
    AllowanceChargeReasonCode Cbc Nowhere
    AllowanceTotalAmount Cbc Ram
    Amount Cbc Nowhere
    ApplicableHeaderTradeAgreement Nowhere Ram
    ApplicableHeaderTradeDelivery Nowhere Ram
    ApplicableHeaderTradeSettlement Nowhere Ram
    ApplicableProductCharacteristic Nowhere Ram
    ApplicableTradeSettlementFinancialCard Nowhere Ram
    ApplicableTradeTax Nowhere Ram
    AppliedTradeAllowanceCharge Nowhere Ram
    AssociatedDocumentLineDocument Nowhere Ram
    AttachedSpecifiedBinaryFile Nowhere Ram
    Attachment Cac Nowhere
    AttachmentBinaryObject Nowhere Ram
    AttentionOf Nowhere Ram
    BaseAmount Cbc Nowhere
    BaseQuantity Cbc Nowhere
    BasisAmount Nowhere Ram
    BasisQuantity Nowhere Ram
    BilledQuantity Nowhere Ram
    BillingReference Cac Nowhere
    BillingReferenceLine Cac Nowhere
    BillingSpecifiedPeriod Nowhere Ram
    BuildingName Nowhere Ram
    BuildingNumber Nowhere Ram
    BusinessProcessSpecifiedDocumentContextParameter Nowhere Ram
    BuyerAgentTradeParty Nowhere Ram
    BuyerTradeParty Nowhere Ram
    CalculatedAmount Nowhere Ram
    CardAccount Cac Nowhere
    CareOf Nowhere Ram
    CategoryCode Nowhere Ram
    CategoryTradeTax Nowhere Ram
    ChargeAmount Nowhere Ram
    ChargeIndicator Cbc Ram
    ChargeTotalAmount Cbc Ram
    CitySubDivisionName Nowhere Ram
    ClassCode Nowhere Ram
    ClassifiedTaxCategory Cac Nowhere
    CommodityClassification Cac Nowhere
    CompanyID Cbc Nowhere
    CompanyLegalForm Cbc Nowhere
    CompleteDateTime Nowhere Ram
    Content Nowhere Ram
    ContinuousIndicator Nowhere Ram
    ContractDocumentReference Cac Nowhere
    ContractReferencedDocument Nowhere Ram
    CopyIndicator Nowhere Ram
    Country Cac Nowhere
    CountryID Nowhere Ram
    CountryName Nowhere Ram
    CountrySubDivisionID Nowhere Ram
    CreditNoteLine Cac Nowhere
    CreditNoteTypeCode Cbc Nowhere
    CreditedQuantity Cbc Nowhere
    CrossIndustryInvoice Nowhere Rsm
    CustomizationID Cbc Nowhere
    DateString Nowhere Udt
    DateTime Nowhere Udt
    DateTimeString Nowhere Udt
    DefinedTradeContact Nowhere Ram
    Delivery Cac Nowhere
    DeliveryLocation Cac Nowhere
    DeliveryParty Cac Nowhere
    DepartmentName Nowhere Ram
    Description Cbc Ram
    DescriptionCode Cbc Nowhere
    DesignatedProductClassification Nowhere Ram
    DespatchDocumentReference Cac Nowhere
    DocumentCurrencyCode Cbc Nowhere
    DocumentDescription Cbc Nowhere
    DocumentReference Cac Nowhere
    DocumentStatusCode Cbc Nowhere
    DocumentTypeCode Cbc Nowhere
    DueDate Cbc Nowhere
    DueDateDateTime Nowhere Ram
    DueDateTypeCode Nowhere Ram
    DuePayableAmount Nowhere Ram
    DurationMeasure Nowhere Ram
    EffectiveSpecifiedPeriod Nowhere Ram
    EmbeddedDocumentBinaryObject Cbc Nowhere
    EndDate Cbc Nowhere
    EndDateTime Nowhere Ram
    EndpointID Cbc Nowhere
    ExchangedDocument Nowhere Rsm
    ExchangedDocumentContext Nowhere Rsm
    ExemptionReason Nowhere Ram
    ExemptionReasonCode Nowhere Ram
    FormattedIssueDateTime Nowhere Ram
    GlobalID Nowhere Ram
    GrandTotalAmount Nowhere Ram
    GrossLineTotalAmount Nowhere Ram
    GrossPriceProductTradePrice Nowhere Ram
    GuidelineSpecifiedDocumentContextParameter Nowhere Ram
    IBANID Nowhere Ram
    ID Cbc Ram
    IdentificationCode Cbc Nowhere
    IncludedNote Nowhere Ram
    IncludedSupplyChainTradeLineItem Nowhere Ram
    InclusiveIndicator Nowhere Ram
    Indicator Nowhere Udt
    Information Nowhere Ram
    InformationAmount Nowhere Ram
    InvoiceCurrencyCode Nowhere Ram
    InvoiceDocumentReference Cac Nowhere
    InvoiceLine Cac Nowhere
    InvoicePeriod Cac Nowhere
    InvoiceReferencedDocument Nowhere Ram
    InvoiceTypeCode Cbc Nowhere
    InvoicedQuantity Cbc Nowhere
    InvoiceeTradeParty Nowhere Ram
    InvoicerTradeParty Nowhere Ram
    IssueDate Cbc Nowhere
    IssueDateTime Nowhere Ram
    IssuerAssignedID Nowhere Ram
    IssuerTradeParty Nowhere Ram
    Item Cac Nowhere
    ItemClassificationCode Cbc Nowhere
    ItemSellerTradeParty Nowhere Ram
    LegalMonetaryTotal Cac Nowhere
    LineExtensionAmount Cbc Nowhere
    LineFive Nowhere Ram
    LineFour Nowhere Ram
    LineID Cbc Ram
    LineStatusReasonCode Nowhere Ram
    LineTotalAmount Nowhere Ram
    ManufacturerParty Cac Nowhere
    Name Cbc Ram
    NameCode Cbc Nowhere
    NetIncludingTaxesLineTotalAmount Nowhere Ram
    NetLineTotalAmount Nowhere Ram
    NetPriceProductTradePrice Nowhere Ram
    Note Cbc Nowhere
    OccurrenceDateTime Nowhere Ram
    OpenIndicator Nowhere Ram
    OrderLineReference Cac Nowhere
    OriginCountry Cac Nowhere
    OriginTradeCountry Nowhere Ram
    OriginatorDocumentReference Cac Nowhere
    ParentLineID Nowhere Ram
    Party Cac Nowhere
    PartyIdentification Cac Nowhere
    PartyLegalEntity Cac Nowhere
    PartyName Cac Nowhere
    PartyTaxScheme Cac Nowhere
    PayableAmount Cbc Nowhere
    PayableRoundingAmount Cbc Nowhere
    PayeeFinancialAccount Cac Nowhere
    PayeeParty Cac Nowhere
    PayeePartyCreditorFinancialAccount Nowhere Ram
    PayeeTradeParty Nowhere Ram
    PayerParty Cac Nowhere
    PayerTradeParty Nowhere Ram
    PaymentDueDate Cbc Nowhere
    PaymentID Cbc Nowhere
    PaymentMandate Cac Nowhere
    PaymentMeans Cac Nowhere
    PaymentMeansCode Cbc Nowhere
    PaymentReference Nowhere Ram
    PaymentTerms Cac Nowhere
    Percent Cbc Nowhere
    PostOfficeBox Nowhere Ram
    PostalAddress Cac Nowhere
    PostalTradeAddress Nowhere Ram
    PrepaidAmount Cbc Nowhere
    PreviousRevisionID Nowhere Ram
    Price Cac Nowhere
    PriceAmount Cbc Nowhere
    PrimaryAccountNumberID Cbc Nowhere
    ProductValueExcludingTobaccoTaxInformationAmount Nowhere Ram
    ProfileID Cbc Nowhere
    ProjectReference Cac Nowhere
    ProprietaryID Nowhere Ram
    PurposeCode Nowhere Ram
    RateApplicablePercent Nowhere Ram
    Reason Nowhere Ram
    ReasonCode Nowhere Ram
    ReceiptDocumentReference Cac Nowhere
    ReferenceTypeCode Nowhere Ram
    RegistrationName Cbc Nowhere
    RetailValueExcludingTaxInformationAmount Nowhere Ram
    RevisionID Nowhere Ram
    RoundingAmount Nowhere Ram
    SalesAgentTradeParty Nowhere Ram
    SeasonCode Nowhere Ram
    SectionName Nowhere Ram
    SellerAssignedID Nowhere Ram
    SellerTaxRepresentativeTradeParty Nowhere Ram
    SellerTradeParty Nowhere Ram
    SequenceNumeric Nowhere Ram
    ServiceProviderParty Cac Nowhere
    ShipToTradeParty Nowhere Ram
    SpecifiedLegalOrganization Nowhere Ram
    SpecifiedLineTradeAgreement Nowhere Ram
    SpecifiedLineTradeDelivery Nowhere Ram
    SpecifiedLineTradeSettlement Nowhere Ram
    SpecifiedTaxRegistration Nowhere Ram
    SpecifiedTradeAllowanceCharge Nowhere Ram
    SpecifiedTradePaymentTerms Nowhere Ram
    SpecifiedTradeProduct Nowhere Ram
    SpecifiedTradeSettlementHeaderMonetarySummation Nowhere Ram
    SpecifiedTradeSettlementLineMonetarySummation Nowhere Ram
    SpecifiedTradeSettlementPaymentMeans Nowhere Ram
    StandardItemIdentification Cac Nowhere
    StartDate Cbc Nowhere
    StartDateFlexibilityCode Nowhere Ram
    StartDateTime Nowhere Ram
    StatusCode Nowhere Ram
    StreetName Nowhere Ram
    SubjectCode Nowhere Ram
    SupplyChainTradeTransaction Nowhere Rsm
    TaxAmount Cbc Nowhere
    TaxBasisTotalAmount Nowhere Ram
    TaxCategory Cac Nowhere
    TaxCurrencyCode Cbc Ram
    TaxExclusiveAmount Cbc Nowhere
    TaxExemptionReason Cbc Nowhere
    TaxExemptionReasonCode Cbc Nowhere
    TaxInclusiveAmount Cbc Nowhere
    TaxInclusiveLineExtensionAmount Cbc Nowhere
    TaxPointDate Cbc Ram
    TaxRepresentativeParty Cac Nowhere
    TaxScheme Cac Nowhere
    TaxSubtotal Cac Nowhere
    TaxTotal Cac Nowhere
    TaxTotalAmount Nowhere Ram
    TaxableAmount Cbc Nowhere
    TotalAllowanceChargeAmount Nowhere Ram
    TotalDepositFeeInformationAmount Nowhere Ram
    TotalDiscountAmount Nowhere Ram
    TotalPrepaidAmount Nowhere Ram
    TotalRetailValueInformationAmount Nowhere Ram
    TypeCode Nowhere Ram
    URIID Nowhere Ram
    URIUniversalCommunication Nowhere Ram
    Value Cbc Ram
    ValueMeasure Nowhere Ram
    ValueQuantity Cbc Nowhere
}
