//! The lists a form is filled from: `recuperer/*`, and the service that says it is well.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::deposit::SYNTAXES;
use super::{Job, OK_LABEL, Outcome, done, parse, without_nulls};
use crate::simulator::invoice::FRAMEWORKS;
use crate::simulator::pivot::WORKS;
use crate::simulator::status::{MOTIFS, TARGETS, VISIBLE_TO_VALIDATOR};
use crate::simulator::world::World;

/// An answer that depends on nothing.
struct Fixed(Value);

impl Job for Fixed {
    fn work(self: Box<Self>, _world: &mut World) -> Outcome {
        Outcome::Done(without_nulls(self.0))
    }
}

type Read = Result<Box<dyn Job>, String>;

/// The request must be an object (`{}` at least, PROTOCOL §2); its content does not matter.
fn fixed(body: &[u8], name: &str, rows: Value) -> Read {
    let _object: Map<String, Value> = parse(body)?;
    Ok(Box::new(Fixed(json!({"codeRetour": 0, "libelle": OK_LABEL, name: rows}))))
}

fn column(name: &str, values: &[&str]) -> Value {
    values.iter().map(|value| json!({name: value})).collect()
}

fn columns((code, label): (&str, &str), rows: &[(&str, &str)]) -> Value {
    rows.iter().map(|(one, two)| json!({code: one, label: two})).collect()
}

/// `recuperer/statutsFactureVisibles/valideur`.
pub fn visible_statuses(body: &[u8]) -> Read {
    fixed(body, "listeStatutFacture", column("codeStatutFacture", VISIBLE_TO_VALIDATOR))
}

/// `recuperer/formatflux`.
pub fn flux_formats(body: &[u8]) -> Read {
    fixed(body, "listeFormatFlux", column("formatFlux", SYNTAXES))
}

/// `recuperer/devises`.
pub fn currencies(body: &[u8]) -> Read {
    let rows = [("EUR", "Euro"), ("USD", "Dollar américain"), ("GBP", "Livre sterling"), ("CHF", "Franc suisse")];
    fixed(body, "listeDevises", columns(("codeDevise", "libelleDevise"), &rows))
}

/// `recuperer/modedepot`.
pub fn deposit_modes(body: &[u8]) -> Read {
    let rows = ["SAISIE_API", "DEPOT_PDF_API", "DEPOT_PDF_SIGNE_API", "UPLOAD_API", "EDI"];
    fixed(body, "listeModeDepot", column("modeDepot", &rows))
}

/// `recuperer/pays`.
pub fn countries(body: &[u8]) -> Read {
    let rows = [
        ("FR", "France"),
        ("BE", "Belgique"),
        ("CH", "Suisse"),
        ("DE", "Allemagne"),
        ("ES", "Espagne"),
        ("IT", "Italie"),
        ("LU", "Luxembourg"),
        ("NC", "Nouvelle-Calédonie"),
        ("PF", "Polynésie française"),
    ];
    fixed(body, "listePays", columns(("codePays", "libellePays"), &rows))
}

/// `recuperer/modereglements`.
pub fn payment_modes(body: &[u8]) -> Read {
    let rows = ["CHEQUE", "PRELEVEMENT", "VIREMENT", "ESPECE", "AUTRE", "REPORT"];
    fixed(body, "listeModePaiement", column("modePaiement", &rows))
}

/// `recuperer/cadrefacturation`.
pub fn frameworks(body: &[u8]) -> Read {
    let rows: Vec<&str> = FRAMEWORKS.iter().map(|one| one.1).collect();
    fixed(body, "listeCadreFacturation", column("codeCadreFacturation", &rows))
}

/// `recuperer/typespj`.
pub fn attachment_kinds(body: &[u8]) -> Read {
    let kinds = [("01", "Facture"), ("02", "Pièce complémentaire"), ("03", "Bon de livraison"), ("04", "Devis")];
    let rows = kinds.iter().zip(1..).map(|((code, label), id)| {
        json!({
            "idTypePieceJointe": id, "codeTypePieceJointe": code, "libelleTypePieceJointe": label,
            "typeObjet": "DEMANDE_PAIEMENT",
        })
    });
    fixed(body, "listeTypePieceJointe", rows.collect())
}

/// `recuperer/tauxtva`.
pub fn vat_rates(body: &[u8]) -> Read {
    let rates = [("TVA1", "20%", 20.0), ("TVA2", "10%", 10.0), ("TVA4", "5,5%", 5.5), ("TVA5", "2,1%", 2.1)];
    let rows = rates
        .iter()
        .map(|(code, label, rate)| json!({"codeTauxTva": code, "libelleTauxTva": label, "valeurTauxTva": rate}));
    fixed(body, "listeTauxTva", rows.collect())
}

/// `recuperer/motifs/exonerationtva`.
pub fn exemptions(body: &[u8]) -> Read {
    let rows = [
        ("ART_261", "Exonération de TVA, article 261 du CGI"),
        ("ART_262", "Exonération de TVA, article 262 ter I du CGI"),
        ("ART_283", "Autoliquidation, article 283-2 du CGI"),
        ("ART_293B", "TVA non applicable, article 293 B du CGI"),
    ];
    let names = ("codeMotifExonerationTva", "libelleMotifExonerationTva");
    fixed(body, "listeMotifsExonerationTva", columns(names, &rows))
}

/// `recuperer/motifs/refus/Facture/AValider`: every motif code.
pub fn validator_motifs(body: &[u8]) -> Read {
    let rows = MOTIFS
        .iter()
        .zip(1..)
        .map(|((code, label), id)| json!({"idMotif": id, "codeMotif": code, "libelleMotif": label}));
    fixed(body, "listeMotifRefusFactureAValider", rows.collect())
}

/// `recuperer/typedp`.
pub fn request_kinds(body: &[u8]) -> Read {
    let rows = ["FACTURE", "FACTURE_TRAVAUX", "MEMOIRE_JUSTICE", "DEMANDE_REMBOURSEMENT"];
    fixed(body, "listeTypeDemandePaiement", column("typeDemandePaiement", &rows))
}

/// `recuperer/typefacturetravaux`.
pub fn works_kinds(body: &[u8]) -> Read {
    fixed(body, "listeTypeFactureTravaux", column("typeFactureTravaux", WORKS))
}

/// `recuperer/typeidentifiant/structure`.
pub fn identifier_kinds(body: &[u8]) -> Read {
    let rows = ["SIRET", "UE_HORS_FRANCE", "HORS_UE", "RIDET", "TAHITI", "AUTRE", "PARTICULIER"];
    fixed(body, "listeTypeIdentifiant", column("typeIdentifiantStructure", &rows))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct KindBody {
    type_demande_paiement: Option<String>,
}

/// `recuperer/etat/typedp`: the states a payment request of this kind can have.
pub fn states_of_kind(body: &[u8]) -> Read {
    let asked: KindBody = parse(body)?;
    let mut states = vec!["DEPOSEE", "EN_COURS_ACHEMINEMENT", "COMPLETEE"];
    match asked.type_demande_paiement.as_deref() {
        Some("FACTURE" | "MEMOIRE_JUSTICE" | "DEMANDE_REMBOURSEMENT") => {}
        Some("FACTURE_TRAVAUX") => states.extend(["A_ASSOCIER_MOE", "MISE_A_DISPOSITION_MOE", "TRANSMISE_MOA"]),
        _ => return Err("typeDemandePaiement est obligatoire".to_owned()),
    }
    states.extend(TARGETS);
    fixed(body, "listeEtatDemandePaiement", column("etatDemandePaiement", &states))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct BankBody {
    id_structure: Option<i64>,
}

/// `recuperer/coordbanc/valides`: of the client's own structure.
struct BankAccounts(Option<i64>);

/// `recuperer/coordbanc/valides`.
pub fn bank_accounts(body: &[u8]) -> Read {
    let asked: BankBody = parse(body)?;
    Ok(Box::new(BankAccounts(asked.id_structure)))
}

impl Job for BankAccounts {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let own = world.own_structure();
        if self.0.is_some_and(|id| id != own.id()) {
            return super::unknown();
        }
        done(json!({"listeCoordonneeBancaire": [
            {"idCoordonneeBancaire": own.service_id("IBAN"), "nomCoordonneeBancaire": "Compte au Trésor"},
        ]}))
    }
}

struct Health;

/// `health-check`, the one GET.
pub fn health(_body: &[u8]) -> Read {
    Ok(Box::new(Health))
}

impl Job for Health {
    fn work(self: Box<Self>, _world: &mut World) -> Outcome {
        Outcome::Done(json!({"body": "UP", "statusCodeValue": 200, "statusCode": "OK"}))
    }
}
