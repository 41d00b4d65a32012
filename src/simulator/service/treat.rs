//! Services that move an invoice along: the buyer's `traiter/recue`, the supplier's `completer`, `recycler` and
//! `traiterRejet`, the validator's `traiter/factureAValider`.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::form::{Extra, tie};
use super::{Job, NO_ROW, OK_LABEL, Outcome, done, given, parse, refused, unknown};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Action, Party, Side, TECHNICAL_ACCOUNT};
use crate::simulator::readings::StatusOrder;
use crate::simulator::status::{MOTIVATED, TARGETS, next};
use crate::simulator::structure;
use crate::simulator::world::World;

/// Characters of motif.
const MOTIF_LIMIT_CHARS: usize = 255;
/// PROTOCOL §2.2, `traiter/recue`.
const WRONG_ORDER: &str = "Incohérence au niveau du statut d'origine ou de destination de la facture.";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct TreatmentBody {
    id_facture: Option<i64>,
    nouveau_statut: Option<String>,
    motif: Option<String>,
    #[serde(rename = "numeroDPMandat")]
    mandate: Option<String>,
}

/// `traiter/recue`: the buyer gives a received invoice another status.
pub struct Treatment {
    id: i64,
    status: String,
    motif: String,
    mandate: String,
}

impl Treatment {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let fields: Map<String, Value> = parse(bytes)?;
        if fields.get("motif").is_some_and(Value::is_null) {
            return Err("motif : une chaîne, vide au besoin, jamais null".to_owned());
        }
        let body: TreatmentBody = parse(bytes)?;
        let status = body.nouveau_statut.ok_or("nouveauStatut est obligatoire")?;
        let motif = body.motif.unwrap_or_default();
        if motif.chars().count() > MOTIF_LIMIT_CHARS {
            return Err(format!("motif : au plus {MOTIF_LIMIT_CHARS} caractères"));
        }
        Ok(Box::new(Treatment {
            id: body.id_facture.ok_or("idFacture est obligatoire")?,
            status,
            motif,
            mandate: body.mandate.unwrap_or_default(),
        }))
    }
}

impl Job for Treatment {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.id]).with("status", Some(&self.status)).with("motif", given(&self.motif))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let recycles = world.scenario.readings.recycles(&world.clock.today().paris_date());
        let order = world.scenario.readings.status_order;
        let Some(place) = world.invoices.iter().position(|one| one.id == self.id && one.is_received()) else {
            return unknown();
        };
        let invoice = &mut world.invoices[place];
        let target = self.status.as_str();
        let current = invoice.status(now).status.clone();
        let fits = match order {
            StatusOrder::Loose => TARGETS.contains(&target) && (target != "A_RECYCLER" || recycles),
            StatusOrder::Strict => next(&current, recycles).contains(&target),
        };
        if !fits {
            return refused(20_002, WRONG_ORDER);
        }
        if MOTIVATED.contains(&target) && self.motif.trim().is_empty() {
            // The duty is in the swagger's text; no code was published for it.
            return refused(20_003, "Le motif est obligatoire pour ce statut");
        }
        invoice.turn(now, target, &self.motif, TECHNICAL_ACCOUNT);
        if target == "MANDATEE" {
            invoice.mandate.clone_from(&self.mandate);
        }
        let number = invoice.number.clone();
        world.suspended(place, now);
        done(json!({
            "idFacture": self.id, "numeroFacture": number, "dateTraitement": world.told(now).paris_date(),
            "nouveauStatut": target,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct NextBody {
    statut_courant: Option<String>,
}

/// `recuperer/etats/traitement`: the statuses a buyer may set from this one.
pub struct NextStatuses(String);

impl NextStatuses {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: NextBody = parse(bytes)?;
        Ok(Box::new(NextStatuses(body.statut_courant.ok_or("statutCourant est obligatoire")?)))
    }
}

impl Job for NextStatuses {
    fn subject(&self, _world: &World) -> Subject {
        Subject::default().with("status", Some(&self.0))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let readings = &world.scenario.readings;
        let recycles = readings.recycles(&world.clock.today().paris_date());
        let mut targets = match readings.status_order {
            StatusOrder::Strict => next(&self.0, recycles),
            StatusOrder::Loose => TARGETS.to_vec(),
        };
        targets.retain(|target| recycles || *target != "A_RECYCLER");
        if targets.is_empty() {
            return refused(NO_ROW.0, NO_ROW.1);
        }
        let rows: Vec<Value> = targets.iter().map(|target| json!({"statutPossiblePourTraitement": target})).collect();
        done(json!({"listeStatutsPossiblesPourTraitement": rows}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CompletionBody {
    #[serde(rename = "identifiantFactureCPP")]
    id: Option<i64>,
    piece_jointe_complementaire: Option<Vec<Extra>>,
    commentaire: Option<String>,
}

/// `completer`: the supplier answers a suspension; the buyer then works on.
pub struct Completion {
    id: i64,
    extra: Vec<Extra>,
    comment: String,
}

impl Completion {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: CompletionBody = parse(bytes)?;
        Ok(Box::new(Completion {
            id: body.id.ok_or("identifiantFactureCPP est obligatoire")?,
            extra: body.piece_jointe_complementaire.unwrap_or_default(),
            comment: body.commentaire.unwrap_or_default(),
        }))
    }
}

impl Job for Completion {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.id])
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let Some(invoice) = world.invoice(self.id) else { return unknown() };
        if !invoice.is_sent() {
            return refused(20_001, "GDP_MSG_11.005");
        }
        if invoice.status(now).status != "SUSPENDUE" {
            return refused(20_002, "GDP_MSG_11.033");
        }
        let added = match tie(world, &[], &self.extra) {
            Ok(added) => added,
            Err(reason) => return refused(20_303, reason),
        };
        let Some(invoice) = world.invoice_mut(self.id) else { return unknown() };
        invoice.attachments.extend(added);
        invoice.turn(now, "COMPLETEE", &self.comment, TECHNICAL_ACCOUNT);
        let number = invoice.number.clone();
        world.go_on(self.id);
        done(json!({
            "identifiantFactureCPP": self.id, "numeroFacture": number, "dateTraitement": world.told(now).paris_date(),
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecyclingBody {
    #[serde(rename = "identifiantFactureCPP")]
    id: Option<i64>,
    destinataire: Option<NewRecipient>,
    reference: Option<NewReferences>,
    commentaire: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct NewRecipient {
    code_destinataire: Option<String>,
    code_service_executant: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct NewReferences {
    numero_marche: Option<String>,
    numero_bon_commande: Option<String>,
}

/// `recycler`: the supplier corrects where an invoice goes. Ending (DSE-CP §2.4.2): what was set A_RECYCLER before may
/// still be finished.
pub struct Recycling(RecyclingBody, i64);

impl Recycling {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: RecyclingBody = parse(bytes)?;
        let id = body.id.ok_or("identifiantFactureCPP est obligatoire")?;
        Ok(Box::new(Recycling(body, id)))
    }
}

impl Job for Recycling {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.1])
    }

    /// 20004 to 20014 were seen, their labels were not: 20004 stands for the wrong status, 20005 for the wrong recipient.
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let Recycling(body, id) = *self;
        let now = world.settle();
        let Some(invoice) = world.invoice(id).filter(|invoice| invoice.is_sent()) else { return unknown() };
        if invoice.status(now).status != "A_RECYCLER" {
            return refused(20_004, "La facture n'est pas au statut A_RECYCLER");
        }
        let (recipient, references) = (body.destinataire.unwrap_or_default(), body.reference.unwrap_or_default());
        let given = |new: Option<String>, old: &str| new.filter(|text| !text.is_empty()).unwrap_or(old.to_owned());
        let code = given(recipient.code_destinataire, &invoice.recipient.identifier);
        let service = given(recipient.code_service_executant, &invoice.service);
        let commitment = given(references.numero_bon_commande, &invoice.commitment);
        let market = given(references.numero_marche, &invoice.market);
        let refusal = match world.structure(&code) {
            _ if structure::open(&world.scenario) => None,
            Some(structure) => structure.refusal(&service, &commitment, false),
            None => Some(format!("L'identifiant destinataire {code} n'est pas référencé dans notre système")),
        };
        if let Some(reason) = refusal {
            return refused(20_005, reason);
        }
        let party = world.party(&code, "");
        let Some(invoice) = world.invoice_mut(id) else { return unknown() };
        invoice.recipient = party;
        (invoice.service, invoice.commitment, invoice.market) = (service, commitment, market);
        invoice.turn(now, "DEPOSEE", &body.commentaire.unwrap_or_default(), TECHNICAL_ACCOUNT);
        let number = invoice.number.clone();
        world.go_on(id);
        done(json!({
            "identifiantFactureCPP": id, "numeroFacture": number, "statutFacture": "DEPOSEE",
            "dateDepot": world.told(now).paris_date(),
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RejectionsBody {
    liste_demande_paiement: Option<Vec<RequestId>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RequestId {
    id_demande_paiement: i64,
}

/// `traiterRejet`: the supplier has taken note of rejections.
pub struct RejectionsTreated(Vec<i64>);

impl RejectionsTreated {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: RejectionsBody = parse(bytes)?;
        let ids: Vec<i64> = body.liste_demande_paiement.iter().flatten().map(|one| one.id_demande_paiement).collect();
        if ids.is_empty() {
            return Err("listeDemandePaiement est obligatoire".to_owned());
        }
        Ok(Box::new(RejectionsTreated(ids)))
    }
}

impl Job for RejectionsTreated {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, self.0.iter().copied())
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        for id in &self.0 {
            let Some(invoice) = world.invoice(*id).filter(|invoice| invoice.is_sent()) else { return unknown() };
            if invoice.status(now).status != "REJETEE" {
                return refused(20_002, WRONG_ORDER);
            }
        }
        for id in self.0 {
            if let Some(invoice) = world.invoice_mut(id) {
                invoice.actions.push((now, Action::RejectionTreated));
            }
        }
        Outcome::Done(json!({"codeRetour": 0, "libelle": OK_LABEL}))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ValidationBody {
    id_facture: Option<i64>,
    action: Option<String>,
    motif_refus: Option<String>,
    complement_info: Option<String>,
}

/// `traiter/factureAValider`: the main contractor validates or refuses a sub- or co-contractor's invoice.
pub struct Validation {
    id: i64,
    accepts: bool,
    comment: String,
}

impl Validation {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: ValidationBody = parse(bytes)?;
        // The swagger names no values, public clients send VALIDATION and REFUS: the stems are taken.
        let action = body.action.ok_or("action est obligatoire")?.to_uppercase();
        let accepts = match action {
            word if word.starts_with("VALID") => true,
            word if word.starts_with("REFUS") || word.starts_with("REJET") => false,
            _ => return Err("action : VALIDATION ou REFUS".to_owned()),
        };
        let told = [body.motif_refus, body.complement_info];
        let comment = told.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" : ");
        Ok(Box::new(Validation { id: body.id_facture.ok_or("idFacture est obligatoire")?, accepts, comment }))
    }
}

impl Job for Validation {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.id])
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let Some(invoice) = world.invoice_mut(self.id) else { return unknown() };
        if !matches!(invoice.side, Side::ToValidate { .. }) {
            return unknown();
        }
        // Which of two validators the establishment is, the invoice tells.
        let (valid, refusal) = match invoice.status(now).status.as_str() {
            "A_VALIDER_1" => ("VALIDEE_1", "REFUSEE_1"),
            "A_VALIDER_2" => ("VALIDEE_2", "REFUSEE_2"),
            _ => return refused(20_002, WRONG_ORDER),
        };
        if !self.accepts && self.comment.is_empty() {
            return refused(20_003, "Le motif est obligatoire pour ce statut");
        }
        let status = if self.accepts { valid } else { refusal };
        invoice.turn(now, status, &self.comment, TECHNICAL_ACCOUNT);
        let number = invoice.number.clone();
        if self.accepts {
            world.go_on(self.id);
        }
        done(json!({
            "idFacture": self.id, "numeroFacture": number, "dateTraitement": world.told(now).paris_date(),
            "statutFacture": status,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CorrectionBody {
    id_facture: Option<i64>,
    id_structure: Option<i64>,
    identifiant_structure: Option<String>,
}

/// `corriger/valideur/facture`: the supplier names another validator after a refusal for the wrong one.
pub struct ValidatorCorrection {
    id: i64,
    structure: Option<i64>,
    siret: Option<String>,
}

impl ValidatorCorrection {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: CorrectionBody = parse(bytes)?;
        Ok(Box::new(ValidatorCorrection {
            id: body.id_facture.ok_or("idFacture est obligatoire")?,
            structure: body.id_structure.filter(|id| *id > 0),
            siret: body.identifiant_structure.filter(|siret| !siret.is_empty()),
        }))
    }
}

impl Job for ValidatorCorrection {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.id])
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let structure = match (&self.siret, self.structure) {
            (Some(siret), _) => world.structure(siret),
            (None, Some(id)) => world.structure_of(id),
            (None, None) => None,
        };
        let Some(structure) = structure else { return unknown() };
        let active = structure.active;
        let validator = Party { id: structure.id(), identifier: structure.siret.clone(), name: structure.name.clone() };
        let Some(invoice) = world.invoice_mut(self.id).filter(|invoice| invoice.is_sent()) else { return unknown() };
        // "Rejetée pour renseignement d'un mauvais valideur": whom a validator refuses for another reason is refused for good.
        if invoice.status(now).status != "ERREUR_FOURNISSEUR_SUR_VALIDEUR" {
            return refused(20_002, WRONG_ORDER);
        }
        // No code was published for it: as `soumettre` refuses one.
        if !active {
            return refused(20_013, format!("Le valideur {} n'est pas actif", validator.identifier));
        }
        invoice.validator = Some(validator);
        invoice.turn(now, "A_VALIDER_1", "Valideur corrigé par le fournisseur", TECHNICAL_ACCOUNT);
        done(json!({"idFacture": self.id}))
    }
}
