//! Where a PDF's own words about the invoice in it disagree with the invoice, or are missing.
//!
//! Nothing here stops anybody from reading the invoice. Refuses to know how a PDF holds its objects.

use en16931_formats::zugferd::{IsInvoice, Profile};

use crate::fault::{Fault, Text};

use super::limits::Limits;
use super::pdf_file::{Attached, Found, PdfFile, Trouble, Want};
use super::xmp::{self, Claims};
use super::{enclosed, encoding};

/// Metadata of a PDF, inflated, in bytes. Those seen have some thousands.
pub const METADATA_BYTES: usize = 4 << 20;

/// What the PDF says of its invoice, and the invoice says otherwise. The fault: the PDF holds more than it may.
pub fn divergences(pdf: &mut PdfFile<'_>, file: &Attached, xml: &[u8], limits: &Limits) -> Result<Vec<Text>, Fault> {
    let mut told = Vec::new();
    if !file.is_listed {
        told.push(Text::new(
            "la facture n'est pas dans la liste des fichiers joints (/Names/EmbeddedFiles)",
            "the invoice is not in the list of embedded files (/Names/EmbeddedFiles)",
        ));
    }
    // What follows is Factur-X's: nobody has said how a PDF is to announce a UBL.
    if enclosed::is_ubl(xml) {
        return Ok(told);
    }
    let specification = specification(xml);
    let profile = specification.as_deref().map_or(Profile::Unknown, Profile::parse);
    told.extend(placement(file, profile));
    match metadata(pdf).map_err(Trouble::fault)? {
        Some(packet) => told.extend(metadata_divergences(&xmp::claims(&packet, limits), file, profile, specification)),
        None => told.push(no_metadata()),
    }
    Ok(told)
}

/// How the file stands in the document.
fn placement(file: &Attached, profile: Profile) -> Vec<Text> {
    let mut told = Vec::new();
    if !file.is_associated {
        told.push(Text::new(
            "la facture n'est pas un fichier associé du document (tableau /AF)",
            "the invoice is no associated file of the document (array /AF)",
        ));
    }
    match file.relationship.as_deref() {
        None => told.push(Text::new(
            "le lien entre la facture et le PDF n'est pas précisé (/AFRelationship manque)",
            "the relation of the invoice to the PDF is not stated (/AFRelationship is missing)",
        )),
        // Right only for what has no lines.
        Some(found) if found.eq_ignore_ascii_case("Data") && profile.is_en16931_invoice() == IsInvoice::Yes => {
            told.push(Text::new(
                format!("la facture est jointe comme /{found} (AFRelationship), ce que son profil n'admet pas"),
                format!("the invoice is attached as /{found} (AFRelationship), which its profile does not allow"),
            ));
        }
        Some(_) => {}
    }
    told
}

fn no_metadata() -> Text {
    Text::new(
        "les métadonnées XMP qui annoncent une facture manquent",
        "the XMP metadata that announce an invoice are missing",
    )
}

/// What the metadata say.
fn metadata_divergences(
    claims: &Claims,
    file: &Attached,
    profile: Profile,
    specification: Option<String>,
) -> Vec<Text> {
    if *claims == Claims::default() {
        return vec![no_metadata()];
    }
    let mut told = Vec::new();
    match claims.part.as_deref() {
        Some("3") => {}
        Some(part) => told.push(Text::new(
            format!("le PDF se dit PDF/A-{part}, et Factur-X demande PDF/A-3"),
            format!("the PDF claims PDF/A-{part}, and Factur-X demands PDF/A-3"),
        )),
        None => told.push(Text::new(
            "le PDF ne se dit pas PDF/A-3, que Factur-X demande",
            "the PDF does not claim PDF/A-3, which Factur-X demands",
        )),
    }
    if let Some(level) = &claims.level {
        let claimed = Profile::parse(level);
        if claimed != Profile::Unknown && claimed != profile {
            let said = specification.unwrap_or_default();
            told.push(Text::new(
                format!("le profil est « {level} » dans les métadonnées XMP et « {said} » dans la facture (BT-24)"),
                format!("the profile is \"{level}\" in the XMP metadata and \"{said}\" in the invoice (BT-24)"),
            ));
        }
    }
    if let Some(declared) = claims.file_name.as_ref().filter(|name| !name.eq_ignore_ascii_case(&file.name)) {
        let name = &file.name;
        told.push(Text::new(
            format!("les métadonnées XMP nomment « {declared} » et le fichier joint s'appelle « {name} »"),
            format!("the XMP metadata name \"{declared}\" and the attached file is called \"{name}\""),
        ));
    }
    told
}

/// The document's metadata, if they can be read.
fn metadata(pdf: &mut PdfFile<'_>) -> Result<Option<Vec<u8>>, Trouble> {
    let catalog = pdf.catalog()?;
    let Some(catalog) = catalog.dictionary() else { return Ok(None) };
    let Some(Found::There(stream)) = pdf.entry(catalog, "Metadata")? else { return Ok(None) };
    Ok(pdf.content(&stream, Want::Whole(METADATA_BYTES))?.ok())
}

/// BT-24 of a CII, by the words before it: the invoice itself is read elsewhere.
fn specification(xml: &[u8]) -> Option<String> {
    let decoded = encoding::decode(xml).ok()?;
    let (_, rest) = decoded.text.split_once("GuidelineSpecifiedDocumentContextParameter")?;
    let (_, rest) = rest.split_once("ID>")?;
    let (value, _) = rest.split_once("</")?;
    Some(value.trim()).filter(|value| !value.is_empty()).map(str::to_owned)
}
