//! How a file is announced to `deposer/flux`: its syntax code and its name.

use std::fmt;

macro_rules! syntaxes {
    ($($(#[$doc:meta])* $name:ident = $wire:literal),* $(,)?) => {
        /// `syntaxeFlux`: the thirteen codes of the official swagger, and one more that a working client has. Others found
        /// in the wild are invented (PROTOCOL §2.2) and cannot be sent.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum FluxSyntax { $($(#[$doc])* $name,)* }

        impl FluxSyntax {
            pub const ALL: &[FluxSyntax] = &[$(FluxSyntax::$name,)*];

            /// The code as it is sent.
            pub fn as_str(self) -> &'static str {
                match self { $(FluxSyntax::$name => $wire,)* }
            }

            /// The syntax of a code; `None` for one that is in no list.
            pub fn of(code: &str) -> Option<Self> {
                match code.trim() { $($wire => Some(FluxSyntax::$name),)* _ => None }
            }
        }
    };
}

syntaxes! {
    E1UblInvoice = "IN_DP_E1_UBL_INVOICE",
    E1Cii = "IN_DP_E1_CII",
    E1Cii16B = "IN_DP_E1_CII_16B",
    E1Xcbl = "IN_DP_E1_XCBL",
    E1PesFacture = "IN_DP_E1_PES_FACTURE",
    E2UblInvoiceMin = "IN_DP_E2_UBL_INVOICE_MIN",
    E2CiiMin = "IN_DP_E2_CII_MIN",
    E2CiiMin16B = "IN_DP_E2_CII_MIN_16B",
    E2PesFactureMin = "IN_DP_E2_PES_FACTURE_MIN",
    E2CppFactureMin = "IN_DP_E2_CPP_FACTURE_MIN",
    E2CiiFacturX = "IN_DP_E2_CII_FACTURX",
    PdfArchiveUblInvoiceMug = "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG",
    PdfArchiveCiiMug = "IN_DP_PDFARCHIVE_CII_MUG",
    /// Not in the swagger: sent only when `recuperer/formatflux` lists it.
    E3UblInvoice = "IN_DP_E3_UBL_INVOICE",
}

impl FluxSyntax {
    /// The code for an invoice's syntax as the check names it: `ubl-invoice`, `ubl-creditnote`, `cii`, `facturx`.
    ///
    /// - CII goes as `..._CII_16B`: EN 16931 is bound to CII D16B (namespace `...:100`), while the older
    ///   `IN_DP_E1_CII` stands for the schema before it; both are in the swagger.
    /// - A UBL `CreditNote` goes as `IN_DP_E1_UBL_INVOICE`: it is the only full UBL code there is. Whether Chorus Pro
    ///   takes that root element is its verdict on the flux (no source says); a credit note written as an `Invoice`
    ///   of type 381 goes the same way.
    pub fn for_invoice(syntax: &str) -> Option<Self> {
        match syntax {
            "ubl-invoice" | "ubl-creditnote" => Some(FluxSyntax::E1UblInvoice),
            "cii" => Some(FluxSyntax::E1Cii16B),
            "facturx" => Some(FluxSyntax::E2CiiFacturX),
            _ => None,
        }
    }

    /// The file extension a flux of this syntax has.
    fn extension(self) -> &'static str {
        match self {
            FluxSyntax::E2CiiFacturX | FluxSyntax::PdfArchiveUblInvoiceMug | FluxSyntax::PdfArchiveCiiMug => ".pdf",
            _ => ".xml",
        }
    }
}

impl fmt::Display for FluxSyntax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The longest `nomFichier`, in characters (PROTOCOL §2.2).
const NAME_LIMIT: usize = 200;

/// `nomFichier`: at most 200 characters of ASCII letters, digits, `-`, `_`, `.`, spaces and parentheses, with the extension
/// of its syntax. Everything else (`% $ ! & / \ : ; « » # @` are forbidden, DSE-CP §3.2.1.4.1; accents get broken)
/// becomes `_`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FluxFileName(String);

impl FluxFileName {
    /// Makes a name that Chorus Pro takes from the one the file was dropped under.
    pub fn from_dropped(name: &str, syntax: FluxSyntax) -> Self {
        let extension = syntax.extension();
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_. ()".contains(c);
        let cleaned: String = name.trim().chars().map(|c| if allowed(c) { c } else { '_' }).collect();
        let has_it = cleaned.to_ascii_lowercase().ends_with(extension);
        let stem = if has_it { &cleaned[..cleaned.len() - extension.len()] } else { cleaned.as_str() };
        let stem: String = stem.trim_start_matches('.').chars().take(NAME_LIMIT - extension.len()).collect();
        let stem = if stem.trim().is_empty() { "facture".to_owned() } else { stem };
        Self(format!("{stem}{extension}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
