//! One invoice in full: `consulter/{recipiendaire,fournisseur,valideur}`. The three answer alike and ask for their pages
//! under three sets of names.

use serde_json::{Map, Value, json};

use crate::chorus::{Service, Unreadable, WireDate, field};
use crate::domain::{ChorusInvoiceId, InvoiceNumber, InvoiceStatus};

/// Rows of each inner list on a page.
const ROWS: u32 = 100;

/// The names under which a service takes its three pages: lines, VAT, attachments.
struct PageNames {
    lines: &'static str,
    vat: &'static str,
    attachments: &'static str,
}

fn body(invoice: ChorusInvoiceId, page: u32, names: &PageNames) -> Value {
    let page = page.max(1);
    let mut body = Map::new();
    body.insert("identifiantFactureCPP".to_owned(), invoice.0.into());
    body.insert("codeLangue".to_owned(), "fr".into());
    let lines = json!({"pageResultatDemandeeLignesPoste": page, "nbResultatsParPageLignesPoste": ROWS});
    body.insert(names.lines.to_owned(), lines);
    let vat = json!({
        "pageResultatDemandeeListeRecapitulatifTVA": page,
        "nbResultatsParPageListeListeRecapitulatifTVA": ROWS,
    });
    body.insert(names.vat.to_owned(), vat);
    let attachments = json!({"pageResultatDemandeeListePieceJointe": page, "nbResultatsParPageListePieceJointe": ROWS});
    body.insert(names.attachments.to_owned(), attachments);
    Value::Object(body)
}

macro_rules! consultation {
    ($(#[$doc:meta])* $name:ident $service:literal $lines:literal $vat:literal $attachments:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct $name {
            pub invoice: ChorusInvoiceId,
            /// Page of all inner lists; 1 is the first.
            pub page: u32,
        }

        impl Service for $name {
            const NAME: &'static str = concat!("consulter/", $service);
            const PATH: &'static str = concat!("/cpro/factures/v1/consulter/", $service);
            type Answer = Consulted;

            fn body(&self) -> Value {
                body(self.invoice, self.page, &PageNames { lines: $lines, vat: $vat, attachments: $attachments })
            }

            fn read(answer: &Value) -> Result<Consulted, Unreadable> {
                Consulted::read(answer)
            }
        }
    };
}

consultation! {
    /// An invoice we received.
    ConsulterRecipiendaire "recipiendaire" "rechercheLignePoste" "rechercheligneTvaRecap" "recherchePj"
}
consultation! {
    /// An invoice we sent.
    ConsulterFournisseur "fournisseur" "getpLignesPoste" "getpLigneRecapTva" "getpListePiecesJointes"
}
consultation! {
    /// An invoice we have to validate.
    ConsulterValideur "valideur" "rechercheLignePoste" "rechercheLigneTvaRecap" "recherchePj"
}

/// Who is named on an invoice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NamedParty {
    /// Chorus Pro's own number of the structure.
    pub structure: Option<i64>,
    /// SIRET, or what `kind` says.
    pub id: Option<String>,
    pub kind: Option<String>,
    pub name: Option<String>,
    pub service: Option<String>,
    pub service_name: Option<String>,
}

/// An attachment as an invoice lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAttachment {
    pub id: Option<i64>,
    pub link: Option<i64>,
    pub designation: Option<String>,
    pub extension: Option<String>,
    pub kind: Option<String>,
    pub kind_label: Option<String>,
    pub line: Option<i64>,
}

/// An invoice in full. Amounts stay as they were written; whatever is not named here is in `original`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consulted {
    pub id: ChorusInvoiceId,
    pub number: InvoiceNumber,
    pub status: InvoiceStatus,
    /// How it came: EDI, UPLOAD_API, DEPOT_PDF_PORTAIL ...
    pub deposit_mode: Option<String>,
    /// Of a sent one: whether its rejection was acknowledged.
    pub rejection_acknowledged: Option<bool>,
    pub supplier: NamedParty,
    pub recipient: NamedParty,
    pub frame: Option<String>,
    /// By their rank: the first decides first.
    pub validators: [Option<NamedParty>; 2],
    pub issued_on: Option<WireDate>,
    pub deposited_on: Option<WireDate>,
    pub due_on: Option<WireDate>,
    pub currency: Option<String>,
    pub kind: Option<String>,
    pub market: Option<String>,
    /// numeroBonCommande: the commitment.
    pub order: Option<String>,
    /// numeroFactureOrigine, of a credit note.
    pub origin: Option<String>,
    /// numeroDpMandat
    pub mandate: Option<String>,
    pub without_tax: Option<String>,
    pub tax: Option<String>,
    pub with_tax: Option<String>,
    pub payable: Option<String>,
    pub comment: Option<String>,
    pub principal: Option<i64>,
    pub attachments: Vec<ListedAttachment>,
    /// Pages of the longest inner list.
    pub pages: u32,
    /// The invoice as it came.
    pub original: Value,
}

impl Consulted {
    /// Whether a further page of the inner lists is to be asked for.
    pub fn has_more(&self, page: u32) -> bool {
        page < self.pages
    }

    fn read(answer: &Value) -> Result<Self, Unreadable> {
        let invoice = answer.get("facture").filter(|f| f.is_object());
        let invoice = invoice.ok_or_else(|| Unreadable::new("facture", "is missing"))?;
        let none = Value::Null;
        let part = |name: &str| invoice.get(name).unwrap_or(&none);
        let (references, totals, lists) = (part("references"), part("montantTotal"), part("listeDesPiecesJointes"));
        Ok(Self {
            id: ChorusInvoiceId(field::needed_integer(invoice, "facture", "identifiantFactureCPP")?),
            number: field::needed(invoice, "facture", "numeroFacture")?,
            status: field::needed(invoice, "facture", "statutFacture")?,
            deposit_mode: field::text(invoice, "modeDepot"),
            rejection_acknowledged: field::truth(invoice, "rejetTraite"),
            supplier: supplier(part("fournisseur")),
            recipient: recipient(part("destinataire")),
            frame: field::text(part("cadreDeFacturation"), "codeCadreFacturation"),
            validators: validators(part("cadreDeFacturation")),
            issued_on: field::date(references, "dateFacture"),
            deposited_on: field::date(references, "dateDepot"),
            due_on: field::date(references, "dateEcheancePaiement"),
            currency: field::text(references, "codeDeviseFacture"),
            kind: field::text(references, "typeFacture"),
            market: field::text(references, "numeroMarche"),
            order: field::text(references, "numeroBonCommande"),
            origin: field::text(references, "numeroFactureOrigine"),
            mandate: field::text(references, "numeroDpMandat"),
            without_tax: field::text(totals, "montantHtTotal"),
            tax: field::text(totals, "montantTVA"),
            with_tax: field::text(totals, "montantTtcTotal"),
            payable: field::text(totals, "montantAPayer"),
            comment: field::text(invoice, "commentaire"),
            principal: field::integer(part("pieceJointePrincipale"), "idPieceJointePrincipale"),
            attachments: field::list(lists, "pieceJointe").into_iter().map(attachment).collect(),
            pages: pages(invoice),
            original: invoice.clone(),
        })
    }
}

fn supplier(party: &Value) -> NamedParty {
    NamedParty {
        structure: field::integer(party, "idFournisseur"),
        id: field::text(party, "codeFournisseur"),
        kind: field::text(party, "typeIdentifiantFournisseur"),
        name: ["designationFournisseur", "raisonSocialeFournisseur", "nomFournisseur"]
            .iter()
            .find_map(|name| field::text(party, name)),
        service: field::text(party, "codeServiceFournisseur"),
        service_name: field::text(party, "libelleServiceFournisseur"),
    }
}

fn recipient(party: &Value) -> NamedParty {
    NamedParty {
        structure: field::integer(party, "idDestinataire"),
        id: field::text(party, "codeDestinataire"),
        kind: None,
        name: field::text(party, "libelleDestinataire").or_else(|| field::text(party, "designationDestinataire")),
        service: field::text(party, "codeServiceExecutant"),
        service_name: field::text(party, "libelleServiceExecutant"),
    }
}

fn validators(frame: &Value) -> [Option<NamedParty>; 2] {
    let named = ["1", "2"].map(|n| NamedParty {
        structure: field::integer(frame, &format!("idValideur{n}")),
        id: field::text(frame, &format!("codeValideur{n}")),
        kind: field::text(frame, &format!("typeIdentifiantValideur{n}")),
        name: field::text(frame, &format!("raisonSocialeValideur{n}")),
        service: None,
        service_name: None,
    });
    named.map(|named| Some(named).filter(|v| v.structure.is_some() || v.id.is_some()))
}

fn attachment(row: &Value) -> ListedAttachment {
    ListedAttachment {
        id: field::integer(row, "pieceJointeId"),
        link: field::integer(row, "pieceJointeIdLiaison"),
        designation: field::text(row, "pieceJointeDesignation"),
        extension: field::text(row, "pieceJointeExtension"),
        kind: field::text(row, "pieceJointeTypeCode"),
        kind_label: field::text(row, "pieceJointeTypeLibelle"),
        line: field::integer(row, "pieceJointeNumeroLigneFacture"),
    }
}

fn pages(invoice: &Value) -> u32 {
    let lists = [
        ("listeDesPiecesJointes", "pagesListePiecesJointe"),
        ("lignesDePoste", "pagesLignesPoste"),
        ("recapitulatifDeTva", "pagesLignesRecapitulativesTVA"),
    ];
    let pages = lists.iter().filter_map(|(list, pages)| field::integer(invoice.get(list)?, pages));
    pages.filter_map(|n| u32::try_from(n).ok()).max().unwrap_or(1)
}
