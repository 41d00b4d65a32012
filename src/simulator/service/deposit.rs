//! `deposer/flux`: one XML or PDF, or a `.tar.gz` of many (PROTOCOL §2.2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::{Job, Outcome, parse, refused, without_nulls};
use crate::simulator::content::cut;
use crate::simulator::fault::Subject;
use crate::simulator::readings::FluxLimit;
use crate::simulator::world::{Arrival, DEPOSITS_LIMIT, World};

/// Bytes of one XML or PDF (PROTOCOL §2.2).
const FILE_LIMIT_BYTES: usize = 10 << 20;
/// Bytes of a `.tar.gz`.
pub const ARCHIVE_LIMIT_BYTES: usize = 30 << 20;
/// Bytes of one file by EDI (DSE-G §3.4.2).
const EDI_FILE_LIMIT_BYTES: usize = 100 << 20;
/// Bytes of a flux by EDI.
pub const EDI_FLUX_LIMIT_BYTES: usize = 1 << 30;
/// Characters of nomFichier.
const FILE_NAME_LIMIT_CHARS: usize = 200;

/// PROTOCOL §2.2, syntaxes of `deposer/flux`; everything else is refused.
pub const SYNTAXES: &[&str] = &[
    "IN_DP_E1_UBL_INVOICE",
    "IN_DP_E1_CII",
    "IN_DP_E1_CII_16B",
    "IN_DP_E1_XCBL",
    "IN_DP_E1_PES_FACTURE",
    "IN_DP_E2_UBL_INVOICE_MIN",
    "IN_DP_E2_CII_MIN",
    "IN_DP_E2_CII_MIN_16B",
    "IN_DP_E2_PES_FACTURE_MIN",
    "IN_DP_E2_CPP_FACTURE_MIN",
    "IN_DP_E2_CII_FACTURX",
    "IN_DP_PDFARCHIVE_UBL_INVOICE_MUG",
    "IN_DP_PDFARCHIVE_CII_MUG",
];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    fichier_flux: Option<String>,
    nom_fichier: Option<String>,
    syntaxe_flux: Option<String>,
    avec_signature: Option<bool>,
}

/// A file read and hashed, before the world is locked.
pub struct Deposit {
    arrival: Arrival,
    is_archive: bool,
}

impl Deposit {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        let file = body.fichier_flux.ok_or("fichierFlux est obligatoire")?;
        let name = body.nom_fichier.ok_or("nomFichier est obligatoire")?;
        let syntax = body.syntaxe_flux.ok_or("syntaxeFlux est obligatoire")?;
        if name.is_empty() || name.chars().count() > FILE_NAME_LIMIT_CHARS {
            return Err(format!("nomFichier : 1 à {FILE_NAME_LIMIT_CHARS} caractères"));
        }
        if !SYNTAXES.contains(&syntax.as_str()) {
            return Err(format!("syntaxeFlux inconnue : {}", cut(&syntax, 60)));
        }
        let bytes = STANDARD.decode(file).map_err(|_| "fichierFlux n'est pas en base64")?;
        let is_archive = bytes.starts_with(&[0x1f, 0x8b]);
        let mut arrival = Arrival::new(name, syntax, &bytes);
        arrival.signed = body.avec_signature == Some(true);
        Ok(Box::new(Deposit { arrival, is_archive }))
    }
}

impl Job for Deposit {
    fn subject(&self, _world: &World) -> Subject {
        Subject {
            file: Some(self.arrival.file_name.clone()),
            invoices: self.arrival.content.iter().flatten().map(|invoice| invoice.number.clone()).collect(),
            ..Subject::default()
        }
        .with("syntax", Some(&self.arrival.syntax))
        .with("sha256", Some(self.arrival.sha256))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        if world.fluxes.len() >= DEPOSITS_LIMIT {
            return Outcome::Status(503);
        }
        let limit = match (world.scenario.readings.flux_limit, self.is_archive) {
            (FluxLimit::Api, true) => ARCHIVE_LIMIT_BYTES,
            (FluxLimit::Api, false) => FILE_LIMIT_BYTES,
            (FluxLimit::Edi, true) => EDI_FLUX_LIMIT_BYTES,
            (FluxLimit::Edi, false) => EDI_FILE_LIMIT_BYTES,
        };
        if self.arrival.size > limit as u64 {
            return refused(20_001, "GDP_MSG_11.022");
        }
        let index = world.deposit(self.arrival);
        let flux = &world.fluxes[index];
        let answer = json!({
            "codeRetour": 0,
            "libelle": "GCU_MSG_01_000",
            "numeroFluxDepot": flux.number,
            "dateDepot": world.told(flux.at).paris_date(),
            // The swagger's list of answered syntaxes lacks the PDF archives; they are left out.
            "syntaxeFlux": (!flux.syntax.starts_with("IN_DP_PDFARCHIVE")).then_some(&flux.syntax),
        });
        Outcome::Deposited(without_nulls(answer), index)
    }
}
