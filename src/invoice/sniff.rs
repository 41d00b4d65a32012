//! What some bytes are, from their content: names are never trusted.

use crate::fault::{Code, Fault, Text};

use super::Syntax;
use super::outline::{Id, Outline};

/// How far into the bytes signatures are looked for.
pub const HEAD_BYTES: usize = 4096;

/// Which reader the bytes go to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    Xml,
    Pdf,
    Other(Kind),
}

/// What is no invoice we read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    Blank,
    Zip,
    Gzip,
    Tar,
    OfficeOpenXml,
    OpenDocument,
    Jpeg,
    Png,
    Tiff,
    OtherImage,
    LegacyOffice,
    SevenZip,
    /// A PKCS#7 envelope or signature in DER or PEM: `.p7m`, `.p7s`.
    Pkcs7,
    Html,
    Json,
    Csv,
    Edifact,
    Text,
    Binary,
    BrokenPdf,
    EncryptedPdf,
    Pivot,
    StatusFile,
    LifeCycle,
    OrderX,
    /// The right root element without its namespace, or with another one.
    NamespaceWrong {
        root: String,
        found: Option<String>,
    },
    /// A document of a trade that is met beside invoices: French, English.
    Neighbour(&'static [&'static str; 2]),
    /// Some other XML: its root element.
    OtherXml(String),
}

impl Kind {
    /// Reads well after "it looks like".
    pub fn looks_like(&self) -> Text {
        let (fr, en) = match self {
            Kind::Blank => ("un fichier blanc (espaces seulement)", "a blank file (white space only)"),
            Kind::Zip => ("une archive ZIP", "a ZIP archive"),
            Kind::Gzip => ("une archive compressée gzip (.gz, .tar.gz)", "a gzip archive (.gz, .tar.gz)"),
            Kind::Tar => ("une archive TAR", "a TAR archive"),
            Kind::OfficeOpenXml => ("un document Word, Excel ou PowerPoint", "a Word, Excel or PowerPoint document"),
            Kind::OpenDocument => ("un document LibreOffice (ODF)", "a LibreOffice document (ODF)"),
            Kind::Jpeg => ("une image JPEG", "a JPEG image"),
            Kind::Png => ("une image PNG", "a PNG image"),
            Kind::Tiff => ("une image TIFF", "a TIFF image"),
            Kind::OtherImage => ("une image (GIF, BMP ou WebP)", "an image (GIF, BMP or WebP)"),
            Kind::LegacyOffice => (
                "un document Word ou Excel d'ancien format (.doc, .xls)",
                "a Word or Excel document of the old kind (.doc, .xls)",
            ),
            Kind::SevenZip => ("une archive 7z ou RAR", "a 7z or RAR archive"),
            Kind::Pkcs7 => (
                "une enveloppe ou une signature PKCS#7 (.p7m, .p7s) : Chorus Pro n'admet que les signatures contenues dans le XML (XAdES) ou le PDF (PAdES)",
                "a PKCS#7 envelope or signature (.p7m, .p7s): Chorus Pro takes only signatures inside the XML (XAdES) or the PDF (PAdES)",
            ),
            Kind::Html => {
                ("une page web (HTML), peut-être un message d'erreur", "a web page (HTML), perhaps an error message")
            }
            Kind::Json => ("des données JSON", "JSON data"),
            Kind::Csv => ("un tableau CSV", "a CSV table"),
            Kind::Edifact => ("un message EDIFACT", "an EDIFACT message"),
            Kind::Text => ("un texte simple", "plain text"),
            Kind::Binary => ("des données binaires inconnues", "unknown binary data"),
            Kind::BrokenPdf => ("un PDF endommagé ou coupé", "a damaged or cut PDF"),
            Kind::EncryptedPdf => {
                ("un PDF chiffré ou protégé par mot de passe", "an encrypted or password-protected PDF")
            }
            Kind::Pivot => {
                ("une facture pivot de Chorus Pro (CPPFacturePivot)", "a Chorus Pro pivot invoice (CPPFacturePivot)")
            }
            Kind::StatusFile => {
                ("un fichier de statuts de Chorus Pro (CPPStatut)", "a Chorus Pro status file (CPPStatut)")
            }
            Kind::LifeCycle => ("un message de cycle de vie (CDAR)", "a life-cycle message (CDAR)"),
            Kind::OrderX => ("une commande Order-X", "an Order-X order"),
            Kind::Neighbour([fr, en]) => (*fr, *en),
            Kind::NamespaceWrong { root, found } => return namespace_wrong(root, found.as_deref()),
            Kind::OtherXml(root) => {
                return Text::new(
                    format!("un XML d'une autre sorte (élément racine <{root}>)"),
                    format!("XML of another kind (root element <{root}>)"),
                );
            }
        };
        Text::new(fr, en)
    }

    /// XML that is nothing we know, by its root element.
    pub fn other_xml(outline: &Outline<'_>) -> Kind {
        Kind::OtherXml(outline.name(Id::ROOT).chars().take(60).collect())
    }

    /// The fault that says so.
    pub fn fault(&self) -> Fault {
        let text = self.looks_like();
        match self {
            Kind::Zip | Kind::Gzip | Kind::Tar | Kind::Pivot | Kind::StatusFile => {
                Fault::new(Code::KindNotHandled).with_text("kind", &text)
            }
            Kind::Blank => Fault::new(Code::EmptyFile),
            _ => Fault::new(Code::NotAnInvoice).with_text("looks_like", &text),
        }
    }
}

fn namespace_wrong(root: &str, found: Option<&str>) -> Text {
    let wanted = expected_namespace(root).unwrap_or_default();
    match found {
        None => Text::new(
            format!("un <{root}> sans espace de noms (attendu : {wanted})"),
            format!("a <{root}> without namespace (wanted: {wanted})"),
        ),
        Some(found) => Text::new(
            format!("un <{root}> d'un autre espace de noms ({found} ; attendu : {wanted})"),
            format!("a <{root}> of another namespace ({found}; wanted: {wanted})"),
        ),
    }
}

fn expected_namespace(root: &str) -> Option<&'static str> {
    match root {
        "Invoice" => Some("urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"),
        "CreditNote" => Some("urn:oasis:names:specification:ubl:schema:xsd:CreditNote-2"),
        "CrossIndustryInvoice" => Some("urn:un:unece:uncefact:data:standard:CrossIndustryInvoice:100"),
        _ => None,
    }
}

/// Root element, a part of its namespace, and what such a document is called.
const NEIGHBOURS: &[(&str, &str, [&str; 2])] = &[
    ("Order", "ubl", ["une commande UBL (Order)", "a UBL order"]),
    ("OrderResponse", "ubl", ["une réponse à commande UBL (OrderResponse)", "a UBL order response"]),
    ("DespatchAdvice", "ubl", ["un bon de livraison UBL (DespatchAdvice)", "a UBL despatch advice"]),
    ("Catalogue", "ubl", ["un catalogue UBL (Catalogue)", "a UBL catalogue"]),
    (
        "ApplicationResponse",
        "ubl",
        ["un accusé UBL (ApplicationResponse), pas une facture", "a UBL application response"],
    ),
    (
        "StandardBusinessDocument",
        "",
        [
            "une enveloppe Peppol (SBDH) : déposez la facture qu'elle contient, sans l'enveloppe",
            "a Peppol envelope (SBDH): drop the invoice it holds, without the envelope",
        ],
    ),
    (
        "CrossIndustryDocument",
        "",
        [
            "une facture ZUGFeRD 1.0, d'une norme antérieure à EN 16931 : faites produire un Factur-X 1.0 ou plus récent",
            "a ZUGFeRD 1.0 invoice, older than EN 16931: have a Factur-X 1.0 or newer made",
        ],
    ),
    ("FatturaElettronica", "", ["une facture italienne (FatturaPA)", "an Italian invoice (FatturaPA)"]),
    ("Facturae", "", ["une facture espagnole (Facturae)", "a Spanish invoice (Facturae)"]),
];

/// Which vocabulary an XML document speaks.
pub fn vocabulary(outline: &Outline<'_>) -> Result<Syntax, Kind> {
    let root = outline.name(Id::ROOT);
    let namespace = outline.root_namespace();
    // xCBL's invoice has the name of UBL's, in a namespace of its own.
    if root == "Invoice" && namespace.as_deref().is_some_and(|n| n.to_ascii_lowercase().contains("xcbl")) {
        return Ok(Syntax::Xcbl);
    }
    if let Some(expected) = expected_namespace(root) {
        if namespace.as_deref() != Some(expected) {
            let found = namespace.filter(|n| !n.is_empty()).map(|n| n.chars().take(120).collect());
            return Err(Kind::NamespaceWrong { root: root.to_owned(), found });
        }
        return Ok(match root {
            "Invoice" => Syntax::UblInvoice,
            "CreditNote" => Syntax::UblCreditNote,
            _ => Syntax::Cii,
        });
    }
    Err(match root {
        "CPPFactureMixte" => return Ok(Syntax::CppMixed),
        "PES_Aller" | "PES_Facture" | "PES_FACTURE" => return Ok(Syntax::Pes),
        "CPPFacturePivot" => Kind::Pivot,
        "CPPStatut" => Kind::StatusFile,
        "CrossDomainAcknowledgementAndResponse" => Kind::LifeCycle,
        "SCRDMCCBDACIOMessageStructure" => Kind::OrderX,
        "html" => Kind::Html,
        _ => NEIGHBOURS
            .iter()
            .find(|(name, within, _)| *name == root && namespace.as_deref().unwrap_or_default().contains(within))
            .map_or_else(|| Kind::other_xml(outline), |(_, _, said)| Kind::Neighbour(said)),
    })
}

/// Whether [`sniff`] takes the bytes for a PDF.
pub fn is_pdf(bytes: &[u8]) -> bool {
    matches!(sniff(bytes), Content::Pdf)
}

/// What the bytes are, from their beginning.
pub fn sniff(bytes: &[u8]) -> Content {
    let head = &bytes[..bytes.len().min(HEAD_BYTES)];
    if let Some(kind) = signature(head) {
        return Content::Other(kind);
    }
    // PDF readers accept some bytes before the signature (ISO 32000-1, Annex H.3): up to 1,024. An XML whose text names
    // it is none.
    let is_xml = head.trim_ascii_start().starts_with(b"<") || head.starts_with(b"\xEF\xBB\xBF<");
    if !is_xml && head[..head.len().min(1024)].windows(5).any(|w| w == b"%PDF-") {
        return Content::Pdf;
    }
    if head.starts_with(b"\xFF\xFE") || head.starts_with(b"\xFE\xFF") {
        return Content::Xml;
    }
    let head = head.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(head);
    let start = head.iter().position(|b| !b.is_ascii_whitespace());
    let Some(start) = start else {
        let blank = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(bytes).iter().all(u8::is_ascii_whitespace);
        return Content::Other(if blank { Kind::Blank } else { Kind::Text });
    };
    let body = &head[start..];
    let is_wide = [b"\0<".as_slice(), b"\0\0\0<", b"\0\0\xFE\xFF"].iter().any(|begin| body.starts_with(begin));
    if body[0] == b'<' || is_wide {
        return if is_html(&String::from_utf8_lossy(body)) { Content::Other(Kind::Html) } else { Content::Xml };
    }
    Content::Other(textual(body))
}

/// Whether a document is a web page rather than XML of a trade.
pub fn is_html(text: &str) -> bool {
    let head: String = text.trim_start().chars().take(256).collect::<String>().to_ascii_lowercase();
    head.starts_with("<!doctype html")
        || head.starts_with("<html")
        || head.starts_with("<head")
        || head.starts_with("<body")
}

/// 1.2.840.113549.1.7.2.
const SIGNED_DATA: &[u8] = &[0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02];

fn signature(head: &[u8]) -> Option<Kind> {
    let holds = |needle: &[u8]| head.windows(needle.len()).any(|w| w == needle);
    Some(match head {
        [b'P', b'K', 3 | 5 | 7, ..] => {
            if holds(b"vnd.oasis.opendocument") {
                Kind::OpenDocument
            } else if holds(b"[Content_Types].xml") || holds(b"word/") || holds(b"xl/") || holds(b"ppt/") {
                Kind::OfficeOpenXml
            } else {
                Kind::Zip
            }
        }
        [0x1F, 0x8B, ..] => Kind::Gzip,
        [0xFF, 0xD8, 0xFF, ..] => Kind::Jpeg,
        [0x89, b'P', b'N', b'G', ..] => Kind::Png,
        [b'I', b'I', 42, 0, ..] | [b'M', b'M', 0, 42, ..] => Kind::Tiff,
        [b'G', b'I', b'F', b'8', ..] | [b'R', b'I', b'F', b'F', ..] => Kind::OtherImage,
        [b'B', b'M', _, _, _, _, 0, 0, 0, 0, ..] => Kind::OtherImage,
        [0xD0, 0xCF, 0x11, 0xE0, ..] => Kind::LegacyOffice,
        [b'7', b'z', 0xBC, 0xAF, ..] | [b'R', b'a', b'r', b'!', ..] => Kind::SevenZip,
        _ if head.get(257..262) == Some(b"ustar") => Kind::Tar,
        // ContentInfo with the object identifier of signed data (RFC 5652 §4, §5), in any form of DER length.
        [0x30, ..] if head[..head.len().min(24)].windows(SIGNED_DATA.len()).any(|w| w == SIGNED_DATA) => Kind::Pkcs7,
        _ if head.starts_with(b"-----BEGIN PKCS7-----") || head.starts_with(b"-----BEGIN CMS-----") => Kind::Pkcs7,
        _ => return None,
    })
}

/// The kind of something that begins with neither a signature nor `<`.
fn textual(body: &[u8]) -> Kind {
    let control = body.iter().filter(|b| **b < 0x20 && !matches!(**b, b'\t' | b'\n' | b'\r' | 0x0C)).count();
    if control > 0 || !mostly_text(body) {
        return Kind::Binary;
    }
    if body.starts_with(b"UNA") || body.starts_with(b"UNB+") {
        return Kind::Edifact;
    }
    if (body[0] == b'{' || body[0] == b'[') && body.contains(&b'"') {
        return Kind::Json;
    }
    let lines: Vec<&[u8]> = body.split(|b| *b == b'\n').filter(|l| !l.trim_ascii().is_empty()).take(5).collect();
    for separator in *b";\t,|" {
        let counts: Vec<usize> = lines.iter().map(|l| l.iter().filter(|b| **b == separator).count()).collect();
        // The last line may be cut by the head's end.
        let compared = if counts.len() > 2 { &counts[..counts.len() - 1] } else { &counts[..] };
        if compared.len() >= 2 && compared[0] > 0 && compared.iter().all(|c| *c == compared[0]) {
            return Kind::Csv;
        }
    }
    Kind::Text
}

/// UTF-8 (cut at most at its end), or single-byte text: few bytes above ASCII.
fn mostly_text(body: &[u8]) -> bool {
    match std::str::from_utf8(body) {
        Ok(_) => true,
        Err(error) if error.error_len().is_none() => true,
        Err(_) => body.iter().filter(|b| **b >= 0x80).count() * 5 < body.len(),
    }
}
