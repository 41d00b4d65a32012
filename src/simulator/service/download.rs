//! `telecharger/groupe` and `telecharger/pieceJointe`: pivots, readable copies, attachments.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::json;

use super::{Job, OK_LABEL, Outcome, parse, unknown};
use crate::simulator::fault::Subject;
use crate::simulator::invoice::Invoice;
use crate::simulator::pivot::{Leaving, PivotShape, pdf, pivot, zipped};
use crate::simulator::readings::GroupPivot;
use crate::simulator::scenario::PivotForm;
use crate::simulator::world::{Turn, World};

/// Invoices of one download.
const DOWNLOADS_LIMIT: usize = 10;
/// Bytes of one download's files; above, 413.
const DOWNLOAD_LIMIT_BYTES: usize = 120 << 20;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    liste_facture: Option<Vec<DownloadId>>,
    format: Option<String>,
    avec_pieces_jointes_complementaires: Option<String>,
    #[serde(rename = "idEspace")]
    _space: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct DownloadId {
    id_facture: i64,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Pivot,
    Pdf,
}

/// `telecharger/groupe`.
pub struct Download {
    ids: Vec<i64>,
    format: Format,
    with_attachments: bool,
}

impl Download {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(Self::of(parse(bytes)?)?))
    }

    fn of(body: Body) -> Result<Download, String> {
        let ids: Vec<i64> = body.liste_facture.iter().flatten().map(|one| one.id_facture).collect();
        if ids.is_empty() || ids.len() > DOWNLOADS_LIMIT {
            return Err(format!("listeFacture : 1 à {DOWNLOADS_LIMIT} factures"));
        }
        let with_attachments = match body.avec_pieces_jointes_complementaires.as_deref() {
            Some("OUI") => true,
            None | Some("NON") => false,
            Some(_) => return Err("avecPiecesJointesComplementaires : OUI ou NON".to_owned()),
        };
        let format = match body.format.as_deref() {
            Some("PIVOT") => Format::Pivot,
            Some("PDF") => Format::Pdf,
            _ => return Err("format : PDF ou PIVOT".to_owned()),
        };
        Ok(Download { ids, format, with_attachments })
    }

    /// The file, or what is answered instead.
    fn file(&self, world: &mut World) -> Result<Vec<u8>, Outcome> {
        let now = world.settle();
        let known = self.ids.iter().all(|id| {
            // Of what was sent no pivot is kept; a readable copy is made.
            world.invoice(*id).is_some_and(|invoice| self.format == Format::Pdf || invoice.document().is_some())
        });
        if !known {
            return Err(unknown());
        }
        let file = match self.format {
            Format::Pivot => {
                let number = u64::try_from(now.as_millis()).unwrap_or(0);
                pivots(world, &self.ids, number)
            }
            Format::Pdf => readable(world, &self.ids, self.with_attachments),
        };
        if file.len() > DOWNLOAD_LIMIT_BYTES {
            return Err(Outcome::Status(413));
        }
        Ok(file)
    }
}

impl Job for Download {
    fn subject(&self, world: &World) -> Subject {
        let format = match self.format {
            Format::Pivot => "PIVOT",
            Format::Pdf => "PDF",
        };
        Subject::of_ids(world, self.ids.iter().copied()).with("format", Some(format))
    }

    /// Sets the flag of what was received (PROTOCOL §2.2), whether or not the answer arrives.
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let file = match self.file(world) {
            Ok(file) => file,
            Err(instead) => return instead,
        };
        for id in self.ids {
            world.downloaded(id);
        }
        Outcome::Done(json!({"codeRetour": 0, "libelle": OK_LABEL, "fichierResultat": STANDARD.encode(file)}))
    }
}

fn pivots(world: &mut World, ids: &[i64], number: u64) -> Vec<u8> {
    let as_zip = match world.scenario.pivot {
        PivotForm::Xml => false,
        PivotForm::Zip => true,
        PivotForm::Alternate => world.turn(Turn::Pivot),
    };
    let readings = &world.scenario.readings;
    let shape = PivotShape { version: readings.pivot_version, told: readings.pivot_version_told };
    let leaving: Vec<Leaving<'_>> = ids
        .iter()
        .filter_map(|id| world.invoice(*id))
        .filter_map(|invoice| {
            Some(Leaving {
                id: invoice.id,
                recipient: &invoice.recipient.identifier,
                recipient_name: &invoice.recipient.name,
                received: world.told(invoice.deposited).paris_date(),
                document: invoice.document()?,
            })
        })
        .collect();
    let today = world.clock.today().paris_date();
    if leaving.len() > 1 && readings.group_pivot == GroupPivot::OneEach {
        let each: Vec<(String, String)> = leaving
            .iter()
            .map(|one| (format!("FEN0036A_{}.xml", one.id), pivot(std::slice::from_ref(one), &today, number, shape)))
            .collect();
        let files: Vec<(&str, &[u8])> = each.iter().map(|(name, xml)| (name.as_str(), xml.as_bytes())).collect();
        return zipped(&files);
    }
    let xml = pivot(&leaving, &today, number, shape);
    if as_zip { zipped(&[("FEN0036A_pivot.xml", xml.as_bytes())]) } else { xml.into_bytes() }
}

/// One invoice without attachments: its PDF; else a ZIP with a folder for each.
fn readable(world: &World, ids: &[i64], with_attachments: bool) -> Vec<u8> {
    let invoices: Vec<&Invoice> = ids.iter().filter_map(|id| world.invoice(*id)).collect();
    if let ([one], false) = (invoices.as_slice(), with_attachments) {
        return page(one);
    }
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for one in invoices {
        files.push((format!("{}/{}.pdf", one.id, one.number.replace('/', "_")), page(one)));
        if with_attachments {
            let of_document = one.document().iter().flat_map(|document| &document.attachments).collect::<Vec<_>>();
            files.extend(of_document.iter().map(|file| (format!("{}/{}", one.id, file.name), file.content.clone())));
            let added = one.attachments.iter().filter_map(|id| world.files.get(*id));
            files.extend(added.map(|file| (format!("{}/{}", one.id, file.name), file.content.clone())));
        }
    }
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    zipped(&files)
}

fn page(invoice: &Invoice) -> Vec<u8> {
    let total = format!("Total TTC : {} EUR", invoice.gross);
    pdf(&["Facture", &invoice.number, &invoice.supplier.name, &total])
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AttachmentBody {
    objet_piece_jointe: Option<String>,
    demande_paiement: Option<Body>,
}

/// `telecharger/pieceJointe`: of payment requests; the simulator has no attachments of other objects.
pub struct AttachmentDownload(Option<Download>);

impl AttachmentDownload {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: AttachmentBody = parse(bytes)?;
        let download = match (body.objet_piece_jointe.as_deref(), body.demande_paiement) {
            (Some("DEMANDE_PAIEMENT" | "DP") | None, Some(inner)) => Some(Download::of(inner)?),
            (Some("STRUCTURE" | "ENGAGEMENT_JURIDIQUE" | "EJ" | "SOLLICITATION"), _) => None,
            (Some("DEMANDE_PAIEMENT" | "DP"), None) => return Err("demandePaiement est obligatoire".to_owned()),
            _ => {
                return Err(
                    "objetPieceJointe : DEMANDE_PAIEMENT, STRUCTURE, ENGAGEMENT_JURIDIQUE ou SOLLICITATION".to_owned()
                );
            }
        };
        Ok(Box::new(AttachmentDownload(download)))
    }
}

impl Job for AttachmentDownload {
    fn subject(&self, world: &World) -> Subject {
        self.0.as_ref().map_or_else(Subject::default, |download| download.subject(world))
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let Some(download) = self.0 else { return unknown() };
        match download.file(world) {
            Ok(file) => {
                for id in &download.ids {
                    world.downloaded(*id);
                }
                Outcome::Done(json!({
                    "codeRetour": 0, "libelle": OK_LABEL, "pieceJointe": STANDARD.encode(file),
                }))
            }
            Err(instead) => instead,
        }
    }
}
