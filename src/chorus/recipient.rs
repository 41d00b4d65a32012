//! Who can be invoiced (`rechercher/destinataire`), under which commitment (`engagementsJuridiques/rechercher`), and which
//! syntaxes Chorus Pro takes (`recuperer/formatflux`).

use serde_json::{Value, json};

use crate::chorus::structure::StructureId;
use crate::chorus::{FluxSyntax, Page, ResultPage, Service, Unreadable, field, listing};

/// Rows on a page.
const ROWS_LIMIT: u32 = 200;

/// Searches recipients by SIRET, or by name, town or postcode.
#[derive(Debug, Clone)]
pub struct RechercherDestinataire {
    pub siret: Option<String>,
    pub name_town_postcode: Option<String>,
    pub page: Page,
}

/// A recipient as a search shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundRecipient {
    pub id: Option<StructureId>,
    pub siret: String,
    pub name: Option<String>,
    pub postcode: Option<String>,
    pub town: Option<String>,
}

impl Service for RechercherDestinataire {
    const NAME: &'static str = "rechercher/destinataire";
    const PATH: &'static str = "/cpro/transverses/v1/rechercher/destinataire";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    type Answer = ResultPage<FoundRecipient>;

    fn body(&self) -> Value {
        let mut body = json!({"parametresRecherche": listing::paging(self.page, ROWS_LIMIT, None)});
        if let Some(siret) = &self.siret {
            body["identifiant"] = siret.as_str().into();
        }
        if let Some(words) = &self.name_town_postcode {
            body["nomVilleCodePostal"] = words.as_str().into();
        }
        body
    }

    fn read(answer: &Value) -> Result<Self::Answer, Unreadable> {
        listing::read(answer, "listeDestinataires", Self::SUCCESS_CODES, |row, place| {
            Ok(FoundRecipient {
                id: field::integer(row, "idStructureCPP").map(StructureId),
                siret: field::needed(row, place, "siret")?,
                name: field::text(row, "nomDestinataire"),
                postcode: field::text(row, "adresseCodePostal"),
                town: field::text(row, "adresseVille"),
            })
        })
    }
}

/// Looks whether a recipient knows a commitment number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RechercherEngagement {
    pub recipient_siret: String,
    pub number: String,
}

/// A commitment that the recipient has registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Commitment {
    pub number: Option<String>,
    pub state: Option<String>,
}

impl Service for RechercherEngagement {
    const NAME: &'static str = "engagementsJuridiques/rechercher";
    const PATH: &'static str = "/cpro/engagementsJuridiques/v1/rechercher";
    const SUCCESS_CODES: &'static [i64] = &[listing::NO_ROWS];
    /// Empty: the recipient does not know the number.
    type Answer = Vec<Commitment>;

    /// Only commitments that are ordered can be invoiced: `COMMANDE`.
    fn body(&self) -> Value {
        json!({
            "structureReceptriceEngagementJuridique": self.recipient_siret,
            "numeroEngagementJuridique": self.number,
            "etatCourantEngagementJuridique": "COMMANDE",
        })
    }

    fn read(answer: &Value) -> Result<Vec<Commitment>, Unreadable> {
        const LIST: &str = "listeEngagementJuridique";
        let none_found = field::integer(answer, "codeRetour") == Some(listing::NO_ROWS);
        // null is how "none" is written; an answer that lacks the list proves nothing.
        if answer.get(LIST).is_none() && !none_found {
            return Err(Unreadable::new(LIST, "is missing"));
        }
        let rows = field::list(answer, LIST).into_iter();
        Ok(rows
            .map(|row| Commitment {
                number: field::text(row, "numeroEngagementJuridique"),
                state: field::text(row, "etatCourantEngagementJuridique"),
            })
            .collect())
    }
}

/// Asks which syntaxes Chorus Pro takes today.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecupererFormatFlux;

/// The syntaxes Chorus Pro lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FluxFormats {
    pub known: Vec<FluxSyntax>,
    /// Codes that this product does not send: a new one, or one not for invoices.
    pub others: Vec<String>,
}

impl Service for RecupererFormatFlux {
    const NAME: &'static str = "recuperer/formatflux";
    const PATH: &'static str = "/cpro/transverses/v1/recuperer/formatflux";
    const ANSWER_LIMIT: usize = 1 << 20;
    type Answer = FluxFormats;

    fn body(&self) -> Value {
        json!({})
    }

    fn read(answer: &Value) -> Result<FluxFormats, Unreadable> {
        const LIST: &str = "listeFormatFlux";
        let rows = match answer.get(LIST) {
            Some(Value::Array(rows)) => rows.iter().collect(),
            _ => field::list(answer, LIST),
        };
        let mut formats = FluxFormats::default();
        for (n, row) in rows.into_iter().enumerate() {
            let code = match row {
                Value::String(code) => code.trim().chars().take(80).collect(),
                _ => field::needed::<String>(row, &format!("{LIST}[{n}]"), "formatFlux")?,
            };
            match FluxSyntax::of(&code) {
                Some(syntax) => formats.known.push(syntax),
                None => formats.others.push(code),
            }
        }
        if formats == FluxFormats::default() {
            return Err(Unreadable::new(LIST, "is missing"));
        }
        Ok(formats)
    }
}
