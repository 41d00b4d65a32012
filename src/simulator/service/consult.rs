//! `consulter/{recipiendaire,fournisseur,valideur}`: one whole invoice, as far as the simulator knows it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Job, Outcome, done, given, parse, told_to_supplier, unknown};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::{Invoice, framework_code};
use crate::simulator::search::{Paging, number};
use crate::simulator::world::World;

/// The same number is called idFacture elsewhere (PROTOCOL §2.2).
#[derive(Deserialize)]
struct Body {
    #[serde(rename = "identifiantFactureCPP")]
    id: Option<i64>,
    #[serde(rename = "recherchePj", alias = "getpListePiecesJointes")]
    attachments: Option<AttachmentPaging>,
}

#[derive(Deserialize, Default, Clone, Copy)]
#[serde(rename_all = "camelCase")]
struct AttachmentPaging {
    page_resultat_demandee_liste_piece_jointe: Option<i64>,
    nb_resultats_par_page_liste_piece_jointe: Option<i64>,
}

/// From which side the invoice is looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum View {
    Recipient,
    Supplier,
    Validator,
}

/// One of the three.
pub struct Consultation {
    id: i64,
    view: View,
    attachments: AttachmentPaging,
}

impl Consultation {
    fn read(bytes: &[u8], view: View) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        let id = body.id.ok_or("identifiantFactureCPP est obligatoire")?;
        Ok(Box::new(Consultation { id, view, attachments: body.attachments.unwrap_or_default() }))
    }

    /// Of its recipient.
    pub fn read_received(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, View::Recipient)
    }

    /// Of its supplier.
    pub fn read_sent(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, View::Supplier)
    }

    /// Of its validator.
    pub fn read_validated(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Self::read(bytes, View::Validator)
    }
}

impl Job for Consultation {
    fn subject(&self, world: &World) -> Subject {
        Subject::of_ids(world, [self.id])
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let now = world.settle();
        let own = world.own_structure().id();
        let Some(invoice) = world.invoice(self.id) else { return unknown() };
        let seen = match self.view {
            View::Recipient => invoice.is_received(),
            View::Supplier => invoice.is_sent(),
            View::Validator => invoice.validator.as_ref().is_some_and(|validator| validator.id == own),
        };
        if !seen {
            return unknown();
        }
        done(json!({"facture": whole(world, invoice, &self, now)}))
    }
}

fn whole(world: &World, invoice: &Invoice, asked: &Consultation, now: Duration) -> Value {
    let status = invoice.status(now);
    let comment = match asked.view {
        View::Supplier => told_to_supplier(world, &status.comment),
        View::Recipient | View::Validator => status.comment.clone(),
    };
    let mut facture = json!({
        "identifiantFactureCPP": invoice.id,
        "numeroFacture": invoice.number,
        "statutFacture": status.status,
        "modeDepot": invoice.mode,
        "destinataire": {
            "idDestinataire": invoice.recipient.id,
            "codeDestinataire": invoice.recipient.identifier,
            "libelleDestinataire": given(&invoice.recipient.name),
            "codeServiceExecutant": given(&invoice.service),
        },
        "fournisseur": {
            "idFournisseur": invoice.supplier.id,
            "typeIdentifiantFournisseur": "SIRET",
            "codeFournisseur": invoice.supplier.identifier,
            "designationFournisseur": invoice.supplier.name,
        },
        "cadreDeFacturation": framework(invoice, now, world),
        "references": {
            "dateFacture": given(&invoice.date),
            "dateDepot": world.told(invoice.deposited).paris_date(),
            "codeDeviseFacture": invoice.currency,
            "typeFacture": invoice.works.is_none().then(|| invoice.kind()),
            "typeFactureTravaux": invoice.works,
            "numeroMarche": given(&invoice.market),
            "numeroBonCommande": given(&invoice.commitment),
            "numeroDpMandat": given(&invoice.mandate_at(now)),
        },
        "montantTotal": {
            "montantHtTotal": number(invoice.net),
            "montantTVA": number(invoice.gross - invoice.net),
            "montantTtcTotal": number(invoice.gross),
            "montantAPayer": number(invoice.payable),
        },
        "listeDesPiecesJointes": attachments(world, invoice, asked.attachments),
        "commentaire": given(&comment),
    });
    if let Some(document) = invoice.document() {
        facture["recapitulatifDeTva"] = json!({
            "ligneTva": [{
                "ligneTvaTauxManuel": number(document.vat_rate),
                "ligneTvaMontantBaseHtParTaux": number(document.net),
                "ligneTvaMontantTvaParTaux": number(document.vat()),
            }],
            "pageCouranteLignesRecapitulativesTVA": 1, "pagesLignesRecapitulativesTVA": 1,
            "nbResultatsParPageLignesRecapitulativesTVA": 10, "totalLignesRecapitulativesTVA": 1,
        });
        facture["lignesDePoste"] = json!({
            "lignePoste": [{
                "lignePosteNumero": 1, "lignePosteDenomination": "Fourniture", "lignePosteQuantite": 1,
                "lignePosteMontantUnitaireHT": number(document.net),
                "lignePosteTauxTvaManuel": number(document.vat_rate),
                "lignePosteMontantHtApresRemise": number(document.net),
                "lignePosteMontantTva": number(document.vat()),
                "lignePosteMontantTtcApresRemise": number(document.gross()),
            }],
            "pageCouranteLignesPoste": 1, "pagesLignesPoste": 1, "nbResultatsParPageLignesPoste": 10,
            "totalLignesPoste": 1,
        });
    }
    facture
}

/// The list of this answer lacks A3, A11 and A21.
fn framework(invoice: &Invoice, now: Duration, world: &World) -> Value {
    let code = match invoice.framework.as_str() {
        "A3" | "A11" | "A21" => "SANS_CADRE_DE_FACTURATION",
        short => framework_code(short).unwrap_or("SANS_CADRE_DE_FACTURATION"),
    };
    let validated = invoice.history(now).iter().find(|step| step.status == "VALIDEE_1");
    json!({
        "codeCadreFacturation": code,
        "idValideur1": invoice.validator.as_ref().map(|one| one.id),
        "typeIdentifiantValideur1": invoice.validator.as_ref().map(|_| "SIRET"),
        "codeValideur1": invoice.validator.as_ref().map(|one| one.identifier.as_str()),
        "raisonSocialeValideur1": invoice.validator.as_ref().and_then(|one| given(&one.name)),
        "dateValidation1": validated.map(|step| world.told(step.at).paris_iso()),
    })
}

fn attachments(world: &World, invoice: &Invoice, asked: AttachmentPaging) -> Value {
    let mut rows: Vec<Value> = Vec::new();
    for file in invoice.document().iter().flat_map(|document| &document.attachments) {
        rows.push(json!({
            "pieceJointeTypeCode": "02",
            "pieceJointeTypeLibelle": given(&file.category),
            "pieceJointeDesignation": file.name,
            "pieceJointeExtension": extension(&file.name),
        }));
    }
    for (id, file) in invoice.attachments.iter().filter_map(|id| world.files.get(*id).map(|file| (*id, file))) {
        rows.push(json!({
            "pieceJointeTypeCode": if file.kind.is_empty() { "02" } else { &file.kind },
            "pieceJointeDesignation": if file.designation.is_empty() { &file.name } else { &file.designation },
            "pieceJointeExtension": file.extension,
            "pieceJointeId": id,
        }));
    }
    let paging =
        Paging::at(asked.page_resultat_demandee_liste_piece_jointe, asked.nb_resultats_par_page_liste_piece_jointe);
    let page = paging.of(rows);
    let told = page.nested();
    json!({
        "pieceJointe": page.rows,
        "pageCouranteListePiecesJointe": told["pageCourante"],
        "pagesListePiecesJointe": told["pages"],
        "nbResultatsParPageListePiecesJointe": told["nbResultatsParPage"],
        "totalListePiecesJointe": told["total"],
    })
}

fn extension(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, extension)| extension.to_uppercase())
}
