//! Invoices the establishment receives: own-made ones, and the pivot XML (V2_02), PDF and ZIP they travel as.

use std::io::{Cursor, Write};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use quick_xml::escape::escape;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use zip::write::SimpleFileOptions;

use super::content::cut;
use super::invoice::framework_code;
use super::readings::{PivotVersion, VersionTold};
use crate::domain::Siret;

/// Characters of NomPJ, NomPJOrigine and CategoriePJ.
const NAME_LIMIT_CHARS: usize = 50;
/// Attachments of one invoice.
pub(super) const ATTACHMENTS_LIMIT: usize = 50;

/// An invoice a supplier sends to the establishment. Every key is optional in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ReceivedInvoice {
    /// At most 20 characters.
    pub number: String,
    pub supplier: Siret,
    pub supplier_name: String,
    /// Another structure that the establishment's account is attached to as well; without it, the establishment.
    pub recipient: Option<Siret>,
    /// `yyyy-mm-dd`.
    pub date: String,
    /// Before VAT, in euros.
    pub net: Decimal,
    /// Per cent.
    pub vat_rate: Decimal,
    /// codeServiceExecutant.
    pub service: Option<String>,
    /// NumeroEngagement.
    pub commitment: Option<String>,
    /// Comment of its present status.
    pub comment: String,
    pub credit_note: bool,
    /// typeFacture, where it is another than FACTURE or AVOIR: a code to come, for instance.
    pub kind: Option<String>,
    /// `A1` to `A25` (PROTOCOL §2.2, cadres).
    pub framework: String,
    /// typeFactureTravaux: makes it a FACTURE_TRAVAUX.
    pub works: Option<String>,
    /// The invoice itself (TypePJ 01); without it, a PDF is made.
    pub principal: Option<Attachment>,
    /// What comes with it (TypePJ 02).
    pub attachments: Vec<Attachment>,
    /// Whether it is put at the recipient's disposal again, as a pivot of V2_02 says it.
    #[serde(skip)]
    pub resent: Resent,
}

/// Renvoi of a pivot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Resent {
    #[default]
    No,
    Completed,
}

/// typeFactureTravaux of the swagger.
pub(super) const WORKS: &[&str] = &[
    "DP_DE_SOUSTRAITANT_TRAVAUX",
    "PROJET_DECOMPTE_MENSUEL",
    "ETAT_ACOMPTE",
    "ETAT_ACOMPTE_VALIDE",
    "PROJET_DECOMPTE_FINAL",
    "PROJET_DECOMPTE_GENERAL",
    "PROJET_DECOMPTE_GENERAL_PROCEDURE_TACITE",
    "DECOMPTE_GENERAL",
    "DECOMPTE_GENERAL_SIGNE",
    "DECOMPTE_GENERAL_DEFINITIF_TACITE",
    "DECOMPTE_GENERAL_DEFINITIF_PROCEDURE_TACITE",
];

/// A file inside a pivot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attachment {
    pub name: String,
    /// MimeTypePJ.
    pub mime: String,
    #[serde(with = "as_base64")]
    pub content: Vec<u8>,
    /// CategoriePJ; empty without one.
    #[serde(default)]
    pub category: String,
    /// The pivot carries a ZIP of it, under another name inside (PROTOCOL §4).
    #[serde(default)]
    pub zipped: bool,
}

mod as_base64 {
    use super::{Engine, STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(serde::de::Error::custom)
    }
}

impl Default for ReceivedInvoice {
    fn default() -> Self {
        Self {
            number: "F-0001".to_owned(),
            supplier: "33254021516357".parse().expect("fourteen digits"),
            supplier_name: "FOURNISSEUR FICTIF".to_owned(),
            recipient: None,
            date: "2026-11-19".to_owned(),
            net: Decimal::new(10_000, 2),
            vat_rate: Decimal::new(20, 0),
            service: None,
            commitment: None,
            comment: "Facture mise à disposition".to_owned(),
            credit_note: false,
            kind: None,
            framework: "A1".to_owned(),
            works: None,
            principal: None,
            attachments: Vec::new(),
            resent: Resent::No,
        }
    }
}

impl ReceivedInvoice {
    /// The nth own-made one: suppliers, amounts and attachments differ from one to the next.
    pub fn sample(n: usize, date: &str) -> Self {
        let suppliers = [
            ("33254021516357", "Papeterie de l'Étoile & Fils", "Fournitures livrées à l'accueil"),
            ("44800012300017", "Œuvres Numériques SARL", "Abonnement à la base « Cœur » : 12 mois"),
            ("77755512300025", "Dépannage Garçon", "Réglée en € sous 30 jours"),
        ];
        let (supplier, name, comment) = suppliers[n % suppliers.len()];
        let cents = i64::try_from(n % 90_000).expect("small") * 1_117 + 4_990;
        let number = format!("{}-R{n:05}", cut(date, 4));
        let slip = format!("Bon de livraison de la facture {number}\nReçu complet, en bon état.\n");
        let mut attachments = vec![Attachment {
            name: format!("BL-{number}.pdf"),
            mime: "application/pdf".to_owned(),
            content: pdf(&["Bon de livraison", &number]),
            category: "Bon de livraison".to_owned(),
            zipped: n.is_multiple_of(2),
        }];
        if !n.is_multiple_of(3) {
            attachments.push(Attachment {
                name: format!("Détail-{number}.txt"),
                mime: "text/plain".to_owned(),
                content: slip.into_bytes(),
                category: "Pièce jointe complémentaire".to_owned(),
                zipped: false,
            });
        }
        Self {
            number,
            supplier: supplier.parse().expect("fourteen digits"),
            supplier_name: name.to_owned(),
            date: date.to_owned(),
            net: Decimal::new(cents, 2),
            commitment: (n % 2 == 1).then(|| format!("450{n:07}")),
            service: (n % 3 == 2).then(|| "BIBLIO".to_owned()),
            comment: comment.to_owned(),
            attachments,
            ..Self::default()
        }
    }

    /// The same as a works invoice.
    pub fn as_works(self) -> Self {
        let number = self.number.replace("-R", "-T");
        Self { number, framework: "A4".to_owned(), works: Some("PROJET_DECOMPTE_MENSUEL".to_owned()), ..self }
    }

    /// The same as a sub-contractor's, for its main contractor to validate.
    pub fn as_subcontracted(self) -> Self {
        let number = self.number.replace("-R", "-V");
        Self { number, framework: "A9".to_owned(), comment: "À valider par le titulaire".to_owned(), ..self }
    }

    /// What a JSON caller must not get wrong.
    pub(super) fn check(&self) -> Result<(), String> {
        let length = self.number.chars().count();
        if length == 0 || length > 20 {
            return Err("number: must be 1 to 20 characters".to_owned());
        }
        if self.date.parse::<jiff::civil::Date>().is_err() {
            return Err("date: must be yyyy-mm-dd".to_owned());
        }
        if self.attachments.len() > ATTACHMENTS_LIMIT {
            return Err(format!("attachments: must be at most {ATTACHMENTS_LIMIT}"));
        }
        if framework_code(&self.framework).is_none() {
            return Err("framework: must be A1 to A25".to_owned());
        }
        if self.works.as_deref().is_some_and(|works| !WORKS.contains(&works)) {
            return Err(format!("works: must be one of {}", WORKS.join(", ")));
        }
        Ok(())
    }

    /// The VAT in euros, to the cent.
    pub fn vat(&self) -> Decimal {
        (self.net * self.vat_rate / Decimal::ONE_HUNDRED).round_dp(2)
    }

    /// With VAT, in euros.
    pub fn gross(&self) -> Decimal {
        self.net + self.vat()
    }

    /// The invoice itself.
    pub fn principal(&self) -> Attachment {
        self.principal.clone().unwrap_or_else(|| Attachment {
            name: format!("{}.pdf", self.number.replace(['/', '\\'], "_")),
            mime: "application/pdf".to_owned(),
            content: pdf(&[
                if self.credit_note { "Avoir" } else { "Facture" },
                &self.number,
                &self.supplier_name,
                &format!("Total TTC : {} EUR", self.gross()),
            ]),
            category: "Facture PDF".to_owned(),
            zipped: false,
        })
    }
}

/// An invoice as it leaves in a pivot: with what Chorus Pro added.
pub(super) struct Leaving<'a> {
    /// idFacture.
    pub id: i64,
    pub recipient: &'a str,
    pub recipient_name: &'a str,
    /// `yyyy-mm-dd`.
    pub received: String,
    pub document: &'a ReceivedInvoice,
}

/// The pivot XML of some invoices, valid against CPPFacturePivot of that version; what came with V2_02 is left out of
/// the older ones.
pub(super) fn pivot(invoices: &[Leaving<'_>], produced: &str, number: u64, form: PivotShape) -> String {
    let units: String = invoices.iter().enumerate().map(|(at, leaving)| unit(at + 1, leaving, form.version)).collect();
    let told = match form.told {
        VersionTold::Yes => format!(" Version=\"{}\"", form.version.name()),
        VersionTold::No => String::new(),
        VersionTold::Newer => format!(" Version=\"{NEWER_VERSION}\""),
    };
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<CPPFacturePivot{told}><Enveloppe><EnveloppeUnitaire NumOrdre=\"1\">\
         <Parametres><ParametreIndiv NumOrdre=\"0001\"><Code>DtPrd</Code><Valeurparametre>{produced}</Valeurparametre></ParametreIndiv>\
         <ParametreIndiv NumOrdre=\"0002\"><Code>IdFlx</Code><Valeurparametre>CPP0010036{number:015}</Valeurparametre></ParametreIndiv></Parametres>\
         <Partenaires><Recepteur><Id>AAA001</Id></Recepteur><Emetteur><Id>CPP001</Id></Emetteur></Partenaires></EnveloppeUnitaire></Enveloppe>\
         <CPPFactures Compteur=\"{}\">{units}</CPPFactures></CPPFacturePivot>\n",
        invoices.len()
    )
}

/// The version of a schema that nobody has published yet.
const NEWER_VERSION: &str = "V3_00";

/// Which schema, and whether it is named.
#[derive(Debug, Clone, Copy)]
pub(super) struct PivotShape {
    pub version: PivotVersion,
    pub told: VersionTold,
}

fn unit(order: usize, leaving: &Leaving<'_>, version: PivotVersion) -> String {
    let document = leaving.document;
    let newest = version == PivotVersion::V2_02;
    let tag = |name: &str, value: &str| format!("<{name}>{}</{name}>", escape(value));
    let optional = |name: &str, value: &Option<String>, longest: usize| {
        value.as_ref().map_or_else(String::new, |value| tag(name, &cut(value, longest)))
    };
    let engagement = match &document.commitment {
        Some(commitment) => format!("<Engagement>{}</Engagement>", tag("NumeroEngagement", &cut(commitment, 50))),
        None => String::new(),
    };
    let renvoi = match document.resent {
        Resent::No => "Non",
        Resent::Completed => "Complétée",
    };
    let own = if newest { format!("<IdCPRO>{}</IdCPRO><Renvoi>{renvoi}</Renvoi>", leaving.id) } else { String::new() };
    // The two oldest end with A21, the two newest lack A11.
    let framework = match (version, document.framework.as_str()) {
        (PivotVersion::V1_20 | PivotVersion::V1_21, "A22" | "A23" | "A24" | "A25") => "A8",
        (PivotVersion::V2_02 | PivotVersion::V1_22, "A11") => "A10",
        (_, other) => other,
    };
    let mut files = attachment(1, &document.principal(), "01", newest);
    for (at, file) in document.attachments.iter().enumerate() {
        files.push_str(&attachment(at + 2, file, "02", newest));
    }
    format!(
        "<CPPFacturePivotUnitaire NumOrdre=\"{order}\"><Fournisseur><TypeIdentifiant>1</TypeIdentifiant>{}{}<CodePays>FR</CodePays>\
         <ModeEmission>flux</ModeEmission></Fournisseur><Debiteur><TypeIdentifiant>1</TypeIdentifiant>{}{}{}</Debiteur>\
         <DonneesFacture>{}{own}<Type>{}</Type><Cadre>{framework}</Cadre>{}\
         <ModePaiement><Code>30</Code></ModePaiement>{}<Devise>EUR</Devise>\
         <Montants><MontantHT>{net}</MontantHT><MontantTTC>{gross}</MontantTTC><MontantNetAPayer>{gross}</MontantNetAPayer></Montants>\
         <TVAs><TVA><Taux>{rate}</Taux><BaseHt>{net}</BaseHt><MontantTVA>{vat}</MontantTVA></TVA></TVAs>{engagement}\
         <Lignes><Ligne NumOrdre=\"1\"><ReferenceProduit>Fourniture</ReferenceProduit><PrixUnitaire>{net}</PrixUnitaire><Quantite>1</Quantite>\
         <MontantHT>{net}</MontantHT><TauxTVA>{rate}</TauxTVA></Ligne></Lignes></DonneesFacture>{files}</CPPFacturePivotUnitaire>",
        tag("Identifiant", document.supplier.as_str()),
        tag("RaisonSociale", &document.supplier_name),
        tag("Identifiant", leaving.recipient),
        tag("Nom", leaving.recipient_name),
        optional("CodeService", &document.service, 100),
        tag("Id", &document.number),
        if document.credit_note { "381" } else { "380" },
        tag("DateEmissionFacture", &document.date),
        tag("DateReception", &leaving.received),
        net = document.net,
        gross = document.gross(),
        rate = document.vat_rate,
        vat = document.vat(),
    )
}

fn attachment(order: usize, file: &Attachment, kind: &str, newest: bool) -> String {
    let content =
        if file.zipped { zipped(&[(&format!("contenu_{}", file.name), &file.content)]) } else { file.content.clone() };
    let name = escape(cut(&file.name, NAME_LIMIT_CHARS)).into_owned();
    let mut extra = String::new();
    if newest && kind == "02" {
        extra.push_str(&format!("<NomPJOrigine>{name}</NomPJOrigine>"));
    }
    if newest && !file.category.is_empty() {
        extra.push_str(&format!("<CategoriePJ>{}</CategoriePJ>", escape(cut(&file.category, NAME_LIMIT_CHARS))));
    }
    format!(
        "<PJ NumOrdre=\"{order}\"><Contenu>{}</Contenu><NomPJ>{name}</NomPJ>{extra}<TypePJ>{kind}</TypePJ><MimeTypePJ>{}</MimeTypePJ></PJ>",
        STANDARD.encode(content),
        escape(&file.mime),
    )
}

/// A ZIP of some files.
pub(super) fn zipped(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = SimpleFileOptions::default();
    for (name, bytes) in files {
        writer.start_file(*name, options).expect("memory takes a new member");
        writer.write_all(bytes).expect("memory takes bytes");
    }
    writer.finish().expect("memory takes the directory").into_inner()
}

/// A one-page PDF 1.4 with these lines.
pub(super) fn pdf(lines: &[&str]) -> Vec<u8> {
    let mut text = String::from("BT /F1 16 Tf 72 760 Td 24 TL\n");
    for line in lines {
        text.push_str(&format!("({}) Tj T*\n", pdf_text(line)));
    }
    text.push_str("ET\n");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}endstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_owned(),
    ];
    let mut file = String::from("%PDF-1.4\n");
    let mut table = String::from("0000000000 65535 f \n");
    for (at, object) in objects.iter().enumerate() {
        table.push_str(&format!("{:010} 00000 n \n", file.len()));
        file.push_str(&format!("{} 0 obj\n{object}\nendobj\n", at + 1));
    }
    let start = file.len();
    let size = objects.len() + 1;
    file.push_str(&format!(
        "xref\n0 {size}\n{table}trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n"
    ));
    file.into_bytes()
}

/// A PDF string's inside: ASCII, the rest as WinAnsi octal.
fn pdf_text(line: &str) -> String {
    line.chars()
        .map(|c| match c {
            '(' | ')' | '\\' => format!("\\{c}"),
            ' '..='~' => c.to_string(),
            'œ' => "\\234".to_owned(),
            'Œ' => "\\214".to_owned(),
            '€' => "\\200".to_owned(),
            '\u{a0}'..='\u{ff}' => format!("\\{:03o}", u32::from(c)),
            _ => "?".to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaving(document: &ReceivedInvoice) -> Leaving<'_> {
        Leaving {
            id: 9001,
            recipient: "12345678200051",
            recipient_name: "Université & Cie",
            received: "2026-11-20".to_owned(),
            document,
        }
    }

    /// Every version is written for its own schema, by the official one.
    #[test]
    fn pivots_are_valid_against_the_schema_of_their_version() {
        for version in [PivotVersion::V2_02, PivotVersion::V1_22, PivotVersion::V1_21, PivotVersion::V1_20] {
            let schema = format!("chorus-pro/xsd/CPPFacturePivot_{}.xsd", version.name());
            let Some(schema) = crate::reference::reference(&schema) else { return };
            let form = PivotShape { version, told: VersionTold::Yes };
            let samples: Vec<ReceivedInvoice> = (1..=6).map(|n| ReceivedInvoice::sample(n, "2026-11-20")).collect();
            let mut documents: Vec<String> =
                samples.iter().map(|sample| pivot(&[leaving(sample)], "2026-11-23", 1, form)).collect();
            documents.push(pivot(&samples.iter().map(leaving).collect::<Vec<_>>(), "2026-11-23", 2, form));
            let credit = ReceivedInvoice { credit_note: true, attachments: Vec::new(), ..ReceivedInvoice::default() };
            documents.push(pivot(&[leaving(&credit)], "2026-11-23", 3, form));
            let completed = ReceivedInvoice { resent: Resent::Completed, ..samples[0].clone() };
            documents.push(pivot(&[leaving(&completed)], "2026-11-23", 4, form));
            for (short, _) in super::super::invoice::FRAMEWORKS {
                let one = ReceivedInvoice { framework: (*short).to_owned(), ..ReceivedInvoice::default() };
                documents.push(pivot(&[leaving(&one)], "2026-11-23", 5, form));
            }
            let untold = PivotShape { version, told: VersionTold::No };
            documents.push(pivot(&[leaving(&samples[1])], "2026-11-23", 6, untold));
            let folder = tempfile::tempdir().unwrap();
            let files: Vec<_> = documents
                .iter()
                .enumerate()
                .map(|(at, xml)| {
                    let path = folder.path().join(format!("{at}.xml"));
                    std::fs::write(&path, xml).unwrap();
                    path
                })
                .collect();
            let broken = folder.path().join("broken.xml");
            std::fs::write(&broken, documents[0].replace("<Devise>EUR</Devise>", "")).unwrap();
            let lint = |paths: &[std::path::PathBuf]| {
                std::process::Command::new("xmllint").args(["--noout", "--schema"]).arg(&schema).args(paths).output()
            };
            let Ok(verdict) = lint(&files) else {
                eprintln!("SKIPPED: xmllint is not installed");
                return;
            };
            assert!(verdict.status.success(), "{version:?}: {}", String::from_utf8_lossy(&verdict.stderr));
            assert!(!lint(&[broken]).unwrap().status.success(), "the schema is really asked");
        }
    }

    #[test]
    fn the_pdf_says_where_its_objects_are() {
        let file = pdf(&["Facture n° (1) — 12 €", "Œuvre"]);
        let text = String::from_utf8(file).unwrap();
        let table = text.split("xref\n0 6\n").nth(1).unwrap();
        for (number, line) in table.lines().skip(1).take(5).enumerate() {
            let offset: usize = line[..10].parse().unwrap();
            assert!(text[offset..].starts_with(&format!("{} 0 obj", number + 1)), "{line}");
        }
        let start: usize = text.split("startxref\n").nth(1).unwrap().lines().next().unwrap().parse().unwrap();
        assert!(text[start..].starts_with("xref"));
        assert!(text.contains("Facture n\\260 \\(1\\) ? 12 \\200"));
    }
}
