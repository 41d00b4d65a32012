//! `ajouter/fichier` and the lists of what was handed over.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Job, NO_ROW, Outcome, done, given, parse, refused};
use crate::simulator::attachment::{FILE_LIMIT_BYTES, File, refusal};
use crate::simulator::fault::Subject;
use crate::simulator::search::Paging;
use crate::simulator::world::World;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    piece_jointe_fichier: Option<String>,
    piece_jointe_nom: Option<String>,
    #[serde(rename = "pieceJointeTypeMime")]
    _mime: Option<String>,
    piece_jointe_extension: Option<String>,
}

/// `ajouter/fichier`.
pub struct NewFile(File);

impl NewFile {
    /// Understands a request; the error says what is wrong with it.
    pub fn read(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        let body: Body = parse(bytes)?;
        let content = body.piece_jointe_fichier.ok_or("pieceJointeFichier est obligatoire")?;
        let content = STANDARD.decode(content).map_err(|_| "pieceJointeFichier n'est pas en base64")?;
        let name = body.piece_jointe_nom.ok_or("pieceJointeNom est obligatoire")?;
        let extension = body.piece_jointe_extension.ok_or("pieceJointeExtension est obligatoire")?;
        Ok(Box::new(NewFile(File {
            name,
            extension: extension.trim_start_matches('.').to_uppercase(),
            content,
            kind: String::new(),
            designation: String::new(),
        })))
    }
}

impl Job for NewFile {
    fn subject(&self, _world: &World) -> Subject {
        Subject { file: Some(self.0.name.clone()), ..Subject::default() }
    }

    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        if self.0.content.len() > FILE_LIMIT_BYTES {
            return refused(20_003, "La taille de la pièce jointe dépasse 10 Mo");
        }
        // The code of these two is not published; the limits are (PROTOCOL §2.2).
        if let Some(reason) = refusal(&self.0.name, &self.0.extension) {
            return refused(20_002, reason);
        }
        done(json!({"pieceJointeId": world.files.add(self.0)}))
    }
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase")]
struct SearchBody {
    piece_jointe_designation: Option<String>,
    #[serde(rename = "idStructureCPP")]
    structure: Option<i64>,
    parametres_recherche: Option<Paging>,
}

/// `rechercher/pj/structure` and `rechercher/pj/moncompte`.
pub struct FileSearch {
    body: SearchBody,
    of_structure: bool,
}

impl FileSearch {
    /// Those that the structure's people handed over.
    pub fn read_of_structure(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(FileSearch { body: parse(bytes)?, of_structure: true }))
    }

    /// Those that this account handed over.
    pub fn read_of_account(bytes: &[u8]) -> Result<Box<dyn Job>, String> {
        Ok(Box::new(FileSearch { body: parse(bytes)?, of_structure: false }))
    }
}

impl Job for FileSearch {
    fn work(self: Box<Self>, world: &mut World) -> Outcome {
        let own = world.own_structure();
        let ours = !self.of_structure || self.body.structure.is_none_or(|id| id == 0 || id == own.id());
        let wanted = self.body.piece_jointe_designation.as_deref().unwrap_or_default();
        let rows: Vec<Value> = world
            .files
            .iter()
            .filter(|(_, file)| ours && file.name.contains(wanted))
            .map(|(id, file)| {
                json!({
                    "pieceJointeId": id,
                    "pieceJointeDesignation": file.name,
                    "pieceJointeExtension": file.extension,
                    "pieceJointeTypeCode": given(&file.kind),
                    "pieceJointeStructureId": self.of_structure.then(|| own.id()),
                    "pieceJointeStructureCode": self.of_structure.then_some(own.siret.as_str()),
                    "pieceJointeStructureRaisonSociale": self.of_structure.then_some(own.name.as_str()),
                })
            })
            .collect();
        if rows.is_empty() {
            return refused(NO_ROW.0, NO_ROW.1);
        }
        let page = self.body.parametres_recherche.unwrap_or_default().of(rows);
        done(json!({"parametresRetour": page.nested(), "listePiecesJointes": page.rows}))
    }
}
