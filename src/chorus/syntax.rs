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

    /// The codes that the official swagger lists, as a route may wish for them.
    pub fn listed() -> impl Iterator<Item = Self> {
        Self::ALL.iter().copied().filter(|syntax| syntax.is_in_swagger())
    }

    /// Whether the official swagger lists the code: others are sent only when `recuperer/formatflux` offers them.
    pub fn is_in_swagger(self) -> bool {
        self != FluxSyntax::E3UblInvoice
    }

    /// The file extension a flux of this syntax has.
    pub(super) fn extension(self) -> &'static str {
        match self {
            FluxSyntax::E2CiiFacturX | FluxSyntax::PdfArchiveUblInvoiceMug | FluxSyntax::PdfArchiveCiiMug => ".pdf",
            _ => ".xml",
        }
    }
}

/// What a file is, as far as its syntax code depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FluxContent {
    UblInvoice,
    UblCreditNote,
    /// UBL with the least that a PDF beside it needs (E2).
    UblInvoiceMin,
    /// CII D16B, which EN 16931 is bound to.
    Cii16B,
    Cii16BMin,
    /// The schemas before D16B.
    Cii,
    CiiMin,
    FacturX,
    Xcbl,
    PesFacture,
    PesFactureMin,
    CppFactureMin,
    /// A PDF/A that carries UBL, as an archive.
    PdfArchiveUbl,
    /// A PDF/A that carries CII, as an archive.
    PdfArchiveCii,
    /// Chorus Pro's pivot: there is no syntax to deposit it under, it must be converted first.
    Pivot,
    /// A PDF without data: `deposer/pdf` and `soumettre`, not a flux.
    PlainPdf,
}

impl FluxContent {
    /// What the check calls a file by ([`crate::invoice::Syntax`]) as a content; `None` for what is no flux.
    pub fn of(checked: &str) -> Option<Self> {
        Some(match checked {
            "ubl-invoice" => FluxContent::UblInvoice,
            "ubl-creditnote" => FluxContent::UblCreditNote,
            "ubl-min" => FluxContent::UblInvoiceMin,
            "cii" => FluxContent::Cii16B,
            "cii-min" => FluxContent::Cii16BMin,
            "facturx" => FluxContent::FacturX,
            "pdf-ubl" => FluxContent::PdfArchiveUbl,
            "xcbl" => FluxContent::Xcbl,
            "pes" => FluxContent::PesFacture,
            "cpp-mixed" => FluxContent::CppFactureMin,
            "pivot" => FluxContent::Pivot,
            _ => return None,
        })
    }
}

/// Why a file has no syntax code.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SyntaxError {
    #[error("{0:?} is no syntax of Chorus Pro's")]
    NoSuchCode(String),
    #[error("{wish} is not for {content:?}")]
    NotForContent { content: FluxContent, wish: FluxSyntax },
    #[error("{0} is not in Chorus Pro's list, and recuperer/formatflux does not offer it")]
    NotOffered(FluxSyntax),
    #[error("a pivot cannot be deposited: convert it first")]
    Pivot,
    #[error("a PDF without data is no flux: hand it in with deposer/pdf")]
    PlainPdf,
}

impl SyntaxError {
    /// What to do, in French.
    pub fn remedy(&self) -> String {
        match self {
            SyntaxError::NoSuchCode(code) => {
                format!(
                    "« {code} » n’est pas une syntaxe de Chorus Pro : corrigez la route (codes IN_DP_… de la documentation)."
                )
            }
            SyntaxError::NotForContent { wish, .. } => {
                format!(
                    "La syntaxe {wish} demandée par la route ne convient pas à ce fichier : corrigez la route ou le fichier."
                )
            }
            SyntaxError::NotOffered(syntax) => {
                format!("Chorus Pro n’annonce pas la syntaxe {syntax} : choisissez-en une autre dans la route.")
            }
            SyntaxError::Pivot => {
                "Un pivot ne se dépose pas : il doit d’abord être converti en UBL, CII ou CPP_FACTURE_MIN.".to_owned()
            }
            SyntaxError::PlainPdf => {
                "Un PDF sans données se dépose avec ses données confirmées, sur la page ou dans un fichier JSON."
                    .to_owned()
            }
        }
    }
}

/// How a flux is announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    pub syntax: FluxSyntax,
    /// `avecSignature`: the file carries a signature and is passed on untouched.
    pub signed: bool,
}

/// Chooses the syntax of a file: the route's wish where it fits the content, else the content's own code. `offered` is the
/// answer of `recuperer/formatflux`, when there is one: it admits codes beyond the swagger, and never forbids the swagger's.
pub fn announce(
    content: FluxContent,
    signed: bool,
    wish: Option<&str>,
    offered: &[FluxSyntax],
) -> Result<Announced, SyntaxError> {
    let fitting = fitting(content)?;
    let syntax = match wish.map(str::trim).filter(|w| !w.is_empty()) {
        None => fitting[0],
        Some(code) => {
            let unknown = || SyntaxError::NoSuchCode(code.chars().take(80).collect());
            let wish = FluxSyntax::of(code).ok_or_else(unknown)?;
            if !fitting.contains(&wish) {
                return Err(SyntaxError::NotForContent { content, wish });
            }
            wish
        }
    };
    if !syntax.is_in_swagger() && !offered.contains(&syntax) {
        return Err(SyntaxError::NotOffered(syntax));
    }
    Ok(Announced { syntax, signed })
}

/// The codes a content may go under; the first is its own. CII's namespace is the same for D16B and the schemas before
/// it, and PES has one root for both kinds: there only the route knows which it is.
fn fitting(content: FluxContent) -> Result<&'static [FluxSyntax], SyntaxError> {
    use FluxSyntax as S;
    Ok(match content {
        FluxContent::UblInvoice => &[S::E1UblInvoice, S::E2UblInvoiceMin, S::E3UblInvoice],
        FluxContent::UblCreditNote => &[S::E1UblInvoice, S::E2UblInvoiceMin],
        FluxContent::UblInvoiceMin => &[S::E2UblInvoiceMin],
        FluxContent::Cii16B => &[S::E1Cii16B, S::E2CiiMin16B, S::E1Cii, S::E2CiiMin],
        FluxContent::Cii16BMin => &[S::E2CiiMin16B, S::E2CiiMin],
        FluxContent::Cii => &[S::E1Cii, S::E2CiiMin],
        FluxContent::CiiMin => &[S::E2CiiMin],
        FluxContent::FacturX => &[S::E2CiiFacturX, S::PdfArchiveCiiMug],
        FluxContent::Xcbl => &[S::E1Xcbl],
        FluxContent::PesFacture => &[S::E1PesFacture, S::E2PesFactureMin],
        FluxContent::PesFactureMin => &[S::E2PesFactureMin],
        FluxContent::CppFactureMin => &[S::E2CppFactureMin],
        FluxContent::PdfArchiveUbl => &[S::PdfArchiveUblInvoiceMug],
        FluxContent::PdfArchiveCii => &[S::PdfArchiveCiiMug, S::E2CiiFacturX],
        FluxContent::Pivot => return Err(SyntaxError::Pivot),
        FluxContent::PlainPdf => return Err(SyntaxError::PlainPdf),
    })
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
        Self::cleaned(name, syntax.extension(), NAME_LIMIT)
    }

    /// The name of an archive of many ([`crate::chorus::Batch`]): its extension is `.tar.gz`, whatever it was dropped as.
    pub fn of_archive(name: &str) -> Self {
        let lower = name.to_ascii_lowercase();
        let ending = [".tar.gz", ".tgz", ".zip", ".tar"].into_iter().find(|e| lower.ends_with(e)).map_or(0, str::len);
        Self::cleaned(&name[..name.len() - ending], ".tar.gz", NAME_LIMIT)
    }

    /// At most `limit` characters with the extension.
    pub(super) fn cleaned(name: &str, extension: &str, limit: usize) -> Self {
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_. ()".contains(c);
        let cleaned: String = name.trim().chars().map(|c| if allowed(c) { c } else { '_' }).collect();
        let has_it = cleaned.to_ascii_lowercase().ends_with(extension);
        let stem = if has_it { &cleaned[..cleaned.len() - extension.len()] } else { cleaned.as_str() };
        let stem: String = stem.trim_start_matches('.').chars().take(limit - extension.len()).collect();
        let stem = if stem.trim().is_empty() { "facture".to_owned() } else { stem };
        Self(format!("{stem}{extension}"))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}
