//! Invoices without a flux: `deposer/pdf`, whose reading is a proposal, and `soumettre`, which makes it an invoice.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Job, Outcome, done, parse, refused};
use crate::domain::DocumentHash;
use crate::simulator::attachment::{FILE_LIMIT_BYTES, File};
use crate::simulator::content::{InvoiceRead, cut};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Invoice, Party, Side, framework_of, is_validated};
use crate::simulator::judge::duplicate_key;
use crate::simulator::recognition::{Recognised, recognise};
use crate::simulator::search::number;
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PdfBody {
    fichier_facture: Option<String>,
    nom_fichier: Option<String>,
    format_depot: Option<String>,
}

/// `deposer/pdf`.
pub struct PdfDeposit {
    file: File,
    found: Recognised,
}

impl PdfDeposit {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: PdfBody = parse(bytes)?;
        let content = body.fichier_facture.ok_or("fichierFacture est obligatoire")?;
        let content = STANDARD.decode(content).map_err(|_| "fichierFacture n'est pas en base64")?;
        let name = body.nom_fichier.filter(|name| !name.is_empty()).ok_or("nomFichier est obligatoire")?;
        match body.format_depot.as_deref() {
            Some("PDF_NON_SIGNE" | "PDF_SIGNE_PADES" | "PDF_SIGNE_XADES") => {}
            _ => return Err("formatDepot : PDF_NON_SIGNE, PDF_SIGNE_PADES ou PDF_SIGNE_XADES".to_owned()),
        }
        if !content.starts_with(b"%PDF-") {
            return Err("fichierFacture n'est pas un PDF".to_owned());
        }
        let found = if content.len() > FILE_LIMIT_BYTES { Recognised::default() } else { recognise(&content) };
        Ok(Box::new(PdfDeposit {
            file: File {
                name: cut(&name, 200),
                extension: "PDF".to_owned(),
                content,
                kind: "01".to_owned(),
                designation: String::new(),
            },
            found,
        }))
    }
}

impl Job for PdfDeposit {
    fn subject(&self, _world: &World) -> Subject {
        Subject {
            file: Some(self.file.name.clone()),
            invoices: Some(self.found.number.clone()).into_iter().filter(|number| !number.is_empty()).collect(),
            ..Subject::default()
        }
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        if self.file.content.len() > FILE_LIMIT_BYTES {
            return Outcome::Status(413);
        }
        let found = self.found;
        let id = world.files.add(self.file);
        // Every field is there, empty when it was not recognised: the swagger demands it of this answer alone.
        done(json!({
            "numeroFacture": found.number,
            "dateFacture": found.date,
            "codeDestinataire": found.recipient,
            "codeServiceExecutant": found.service,
            "codeFournisseur": found.supplier,
            "codeDeviseFacture": "EUR",
            "typeFacture": if found.credit_note { "AVOIR" } else { "FACTURE" },
            "typeTva": "TVA_SUR_DEBIT",
            "numeroBonCommande": found.commitment,
            "montantTtcAvantRemiseGlobalTTC": number(found.gross),
            "montantAPayer": number(found.gross),
            "montantHtTotal": number(found.net),
            "montantTVA": number(found.vat),
            "pieceJointeId": id,
        }))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    mode_depot: Option<String>,
    numero_facture_saisi: Option<String>,
    date_facture: Option<String>,
    destinataire: Option<Recipient>,
    fournisseur: Option<Supplier>,
    cadre_de_facturation: Option<Framework>,
    references: Option<References>,
    montant_total: Option<Amounts>,
    /// An object in the swagger, an array in what clients send (PROTOCOL §2.2).
    piece_jointe_principale: Option<OneOrMany>,
    piece_jointe_complementaire: Option<Vec<Extra>>,
    commentaire: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Recipient {
    code_destinataire: Option<String>,
    code_service_executant: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Supplier {
    id_fournisseur: Option<i64>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Framework {
    code_cadre_facturation: Option<String>,
    code_structure_valideur: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct References {
    devise_facture: Option<String>,
    type_facture: Option<String>,
    numero_marche: Option<String>,
    numero_bon_commande: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct Amounts {
    montant_ht_total: Option<f64>,
    #[serde(rename = "montantTVA")]
    vat: Option<f64>,
    montant_ttc_total: Option<f64>,
    #[serde(rename = "montantAPayer")]
    payable: Option<f64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrMany {
    One(Principal),
    Many(Vec<Principal>),
}

#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
struct Principal {
    piece_jointe_principale_id: Option<i64>,
}

/// What comes with an invoice, in `soumettre` and `completer`.
#[derive(Deserialize, Clone)]
#[serde(rename_all = "camelCase")]
pub(super) struct Extra {
    pub piece_jointe_complementaire_id: Option<i64>,
    pub piece_jointe_complementaire_designation: Option<String>,
    pub piece_jointe_complementaire_type: Option<String>,
}

/// `soumettre`.
pub struct Submission {
    read: InvoiceRead,
    mode: &'static str,
    supplier: Option<i64>,
    validator: Option<String>,
    principal: Vec<i64>,
    extra: Vec<Extra>,
    comment: String,
}

impl Submission {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        let mode = match body.mode_depot.as_deref() {
            Some("SAISIE_API") => "SAISIE_API",
            Some("DEPOT_PDF_API") => "DEPOT_PDF_API",
            Some("DEPOT_PDF_SIGNE_API") => "DEPOT_PDF_SIGNE_API",
            _ => return Err("modeDepot : SAISIE_API, DEPOT_PDF_API ou DEPOT_PDF_SIGNE_API".to_owned()),
        };
        let principal: Vec<i64> = match body.piece_jointe_principale {
            None => Vec::new(),
            Some(OneOrMany::One(one)) => one.piece_jointe_principale_id.into_iter().collect(),
            Some(OneOrMany::Many(many)) => many.iter().filter_map(|one| one.piece_jointe_principale_id).collect(),
        };
        if mode != "SAISIE_API" && principal.is_empty() {
            return Err("pieceJointePrincipale est obligatoire pour un dépôt de PDF".to_owned());
        }
        let amounts = body.montant_total.ok_or("montantTotal est obligatoire")?;
        let references = body.references.ok_or("references est obligatoire")?;
        let recipient = body.destinataire.ok_or("destinataire est obligatoire")?;
        let framework = body.cadre_de_facturation.ok_or("cadreDeFacturation est obligatoire")?;
        let code = framework.code_cadre_facturation.ok_or("codeCadreFacturation est obligatoire")?;
        if !["A1_", "A2_", "A9_", "A12_"].iter().any(|known| code.starts_with(known)) {
            return Err(format!("codeCadreFacturation : A1, A2, A9 ou A12, pas {}", cut(&code, 60)));
        }
        let amount = |value: Option<f64>| value.and_then(Decimal::from_f64).map(|value| value.round_dp(6));
        let gross = amount(amounts.montant_ttc_total)
            .or_else(|| Some(amount(amounts.montant_ht_total)? + amount(amounts.vat)?));
        let read = InvoiceRead {
            number: body.numero_facture_saisi.unwrap_or_default(),
            credit_note: references.type_facture.as_deref() == Some("AVOIR"),
            date: cut(&body.date_facture.unwrap_or_default(), 10),
            process: framework_of(&code),
            recipient: recipient.code_destinataire.unwrap_or_default(),
            service: recipient.code_service_executant.unwrap_or_default(),
            commitment: references.numero_bon_commande.unwrap_or_default(),
            market: references.numero_marche.unwrap_or_default(),
            currency: references.devise_facture.unwrap_or_else(|| "EUR".to_owned()),
            net: amount(amounts.montant_ht_total),
            payable: amount(amounts.payable).or(gross),
            gross,
            ..InvoiceRead::default()
        };
        Ok(Box::new(Submission {
            read,
            mode,
            supplier: body.fournisseur.and_then(|one| one.id_fournisseur).filter(|id| *id > 0),
            validator: framework.code_structure_valideur.filter(|code| !code.is_empty()),
            principal,
            extra: body.piece_jointe_complementaire.unwrap_or_default(),
            comment: body.commentaire.unwrap_or_default(),
        }))
    }

    /// Who sends, and who validates; or why not.
    fn parties(&self, world: &World) -> Result<(Party, Option<Party>), String> {
        let own = world.own_structure().id();
        let supplier = world
            .party_of(self.supplier.unwrap_or(own))
            .ok_or_else(|| format!("L'identifiant fournisseur {} n'est pas référencé", self.supplier.unwrap_or(0)))?;
        if !is_validated(&self.read.process) {
            return Ok((supplier, None));
        }
        let code = self.validator.as_deref().ok_or("Le valideur est obligatoire pour ce cadre de facturation")?;
        let structure = world
            .structure(code)
            .ok_or_else(|| format!("L'identifiant du valideur {code} n'est pas référencé dans notre système"))?;
        let validator = Party { id: structure.id(), identifier: structure.siret.clone(), name: structure.name.clone() };
        Ok((supplier, Some(validator)))
    }
}

impl Job for Submission {
    fn subject(&self, _world: &World) -> Subject {
        Subject::of_number(Some(self.read.number.clone()))
    }

    /// The codes 20013 and 20303 were seen, their meaning was not published: what they stand for here is our choice.
    fn work(mut self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let (supplier, validator) = match self.parties(world) {
            Ok(parties) => parties,
            Err(reason) => return refused(20_013, reason),
        };
        self.read.supplier.clone_from(&supplier.identifier);
        if self.read.number.is_empty() {
            return refused(20_013, "Le numéro de facture est obligatoire");
        }
        if let Some(reason) = world.undeserving(&self.read) {
            return refused(20_013, reason);
        }
        let attachments = match tie(world, &self.principal, &self.extra) {
            Ok(attachments) => attachments,
            Err(reason) => return refused(20_303, reason),
        };
        let read = self.read;
        world.taken.insert(duplicate_key(&read));
        let id = world.next_invoice_id();
        let amount = |value: Option<Decimal>| value.unwrap_or_default();
        let mut journey = world.journey(&read.number, now, &read.process);
        if !self.comment.is_empty() {
            journey[0].comment.clone_from(&self.comment);
        }
        let invoice = Invoice {
            id,
            number: read.number,
            credit_note: read.credit_note,
            recipient: world.party(&read.recipient, ""),
            supplier,
            validator,
            framework: read.process,
            works: None,
            mode: self.mode,
            service: read.service,
            commitment: read.commitment,
            market: read.market,
            currency: read.currency,
            date: read.date,
            deposited: now,
            net: amount(read.net),
            gross: amount(read.gross),
            payable: amount(read.payable),
            mandate: String::new(),
            attachments,
            actions: Vec::new(),
            journey,
            side: Side::Sent { flux: None },
        };
        let answer = submitted(world, &invoice, now);
        world.invoices.push(invoice);
        done(answer)
    }
}

fn submitted(world: &World, invoice: &Invoice, now: std::time::Duration) -> Value {
    let signed = invoice.mode == "DEPOT_PDF_SIGNE_API";
    let print = || DocumentHash(Sha256::digest(invoice.number.as_bytes()).into()).to_string();
    json!({
        "identifiantFactureCPP": invoice.id,
        "numeroFacture": invoice.number,
        "dateDepot": world.told(now).paris_date(),
        "statutFacture": invoice.status(now).status,
        "identifiantStructure": invoice.supplier.identifier,
        "empreinteCertificatDepot": signed.then(print),
    })
}

/// Ties files handed over before to an invoice; their ids, or why not.
pub(super) fn tie(world: &mut World, principal: &[i64], extra: &[Extra]) -> Result<Vec<i64>, String> {
    let unknown = |id: i64| format!("La pièce jointe {id} n'existe pas");
    let ids = || principal.iter().copied().chain(extra.iter().filter_map(|one| one.piece_jointe_complementaire_id));
    if let Some(missing) = ids().find(|id| world.files.get(*id).is_none()) {
        return Err(unknown(missing));
    }
    for id in principal {
        if let Some(file) = world.files.get_mut(*id) {
            "01".clone_into(&mut file.kind);
        }
    }
    for one in extra {
        let Some(file) = one.piece_jointe_complementaire_id.and_then(|id| world.files.get_mut(id)) else { continue };
        file.kind = one.piece_jointe_complementaire_type.clone().unwrap_or_else(|| "02".to_owned());
        file.designation = one.piece_jointe_complementaire_designation.clone().unwrap_or_default();
    }
    Ok(ids().collect())
}
