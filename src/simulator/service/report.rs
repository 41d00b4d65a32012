//! The compte rendu of a flux: `consulterCRDetaille`, and `consulterCR` with its PDF.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Job, OK_LABEL, Outcome, parse, unknown};
use crate::simulator::fault::Subject;
use crate::simulator::judge::error_code;
use crate::simulator::pivot::pdf;
use crate::simulator::scenario::ErrorList;
use crate::simulator::world::{Flux, FluxError, Turn, World};

/// Refused invoices named in the printed compte rendu.
const PRINTED_ERRORS_LIMIT: usize = 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    numero_flux_depot: Option<String>,
    #[serde(rename = "syntaxeFlux")]
    _syntax: Option<String>,
    #[serde(rename = "dateDepot")]
    _date: Option<String>,
}

/// `consulterCR` or `consulterCRDetaille`.
pub struct Report {
    number: String,
    printed: bool,
}

impl Report {
    fn read(bytes: &[u8], printed: bool) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        let number = body.numero_flux_depot.ok_or("numeroFluxDepot est obligatoire")?;
        Ok(Box::new(Report { number, printed }))
    }

    /// `consulterCR`: as a PDF.
    pub fn read_printed(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, true)
    }

    /// `consulterCRDetaille`: as data.
    pub fn read_detailed(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, false)
    }
}

impl Job for Report {
    fn subject(&self, world: &World) -> Subject {
        let flux = world.flux(&self.number).map(|at| &world.fluxes[at]);
        Subject {
            file: flux.map(|flux| flux.file_name.clone()),
            invoices: flux.iter().flat_map(|flux| flux.numbers().map(str::to_owned)).collect(),
            ..Subject::default()
        }
        .with("flux", Some(&self.number))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let Some(at) = world.flux(&self.number) else { return unknown() };
        if self.printed { printed(world, at) } else { detailed(world, at) }
    }
}

fn detailed(world: &mut World, at: usize) -> Outcome {
    let now = world.settle();
    let as_object = match world.scenario.error_list {
        ErrorList::Array | ErrorList::Unnamed => false,
        ErrorList::Object => true,
        ErrorList::Alternate => world.turn(Turn::ErrorList),
    };
    let unnamed = world.scenario.error_list == ErrorList::Unnamed;
    let flux = &world.fluxes[at];
    let states = flux.states(now, &world.scenario);
    let (since, state) = *states.last().expect("a flux begins in a state");
    let mut refused: Vec<Value> = Vec::new();
    let mut technical: Vec<Value> = Vec::new();
    for error in shown_errors(world, flux, now) {
        match &error.key {
            Some(_) if unnamed => refused.push(json!({"libelleErreurDP": error.label})),
            Some(key) => refused.push(json!({
                "numeroDP": key.number, "identifiantFournisseur": key.supplier,
                "identifiantDestinataire": key.recipient, "libelleErreurDP": error.label,
            })),
            None => technical.push(json!({
                "codeErreur": error_code(&error.label), "libelleErreur": error.label, "natureErreur": "TECHNIQUE",
            })),
        }
    }
    let refused = match refused.len() {
        1 if as_object => refused.remove(0),
        _ => Value::Array(refused),
    };
    Outcome::Done(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "codeInterfaceDepotFlux": flux.interface,
        "dateDepotFlux": world.told(flux.at).paris_date(),
        "dateHeureEtatCourantFlux": world.told(since).paris_iso(),
        "etatCourantDepotFlux": state,
        "nomFichier": wire_name(flux),
        "listeErreurDP": refused,
        "listeErreurTechnique": technical,
    }))
}

fn printed(world: &mut World, at: usize) -> Outcome {
    let now = world.settle();
    let flux = &world.fluxes[at];
    let (since, state) = *flux.states(now, &world.scenario).last().expect("a flux begins in a state");
    let mut lines = vec![
        "Compte rendu d'intégration".to_owned(),
        format!("Flux {}", flux.number),
        format!("Fichier {}", flux.file_name),
        format!("Déposé le {}", world.told(flux.at).paris_text()),
        format!("État {state} depuis le {}", world.told(since).paris_text()),
    ];
    for error in shown_errors(world, flux, now).iter().take(PRINTED_ERRORS_LIMIT) {
        let what = error.key.as_ref().map_or("Fichier", |key| key.number.as_str());
        lines.push(format!("{what} : {}", error.label));
    }
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    Outcome::Done(json!({
        "codeRetour": 0,
        "libelle": OK_LABEL,
        "codeAppliPartenaire": "AAA001",
        "codeInterfaceFlux": flux.interface,
        "dateDepotFlux": world.told(flux.at).paris_date(),
        "dateHeureEtatCourantFlux": world.told(since).paris_iso(),
        "designationPartenaire": world.own_structure().name,
        "etatCourantFlux": state,
        "nomFichierFlux": wire_name(flux),
        "numeroFluxDepot": flux.number,
        "fichierCR": STANDARD.encode(pdf(&lines)),
    }))
}

/// None before the verdict.
fn shown_errors<'a>(world: &World, flux: &'a Flux, now: std::time::Duration) -> &'a [FluxError] {
    let judged = now >= flux.at + world.scenario.timing.verdict_after.get();
    if judged { flux.errors.as_slice() } else { &[] }
}

/// `FSO1117A_CPP001_CPP0011117000000000000001`.
fn wire_name(flux: &Flux) -> String {
    format!("{}_CPP001_{}", flux.interface, flux.number)
}
