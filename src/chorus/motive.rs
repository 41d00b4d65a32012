//! Why an invoice is suspended or rejected: the free text that the API takes, and the codes behind it (DSE-CP tables 3, 4).

/// The longest `motif`, in characters (PROTOCOL §2.2).
pub const MOTIVE_LIMIT: usize = 255;

/// A motif. Nothing of it is lost: what Chorus Pro gets may be cut, [`Motive::full`] is for the journal and the page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Motive(String);

impl Motive {
    /// From what the person or the application wrote; white space around it goes.
    pub fn new(text: &str) -> Self {
        Self(text.trim().to_owned())
    }

    /// With its code before the text, `CODE - text`: only where the configuration says so, for whether Chorus Pro reads
    /// codes in this field is not known (PROTOCOL §9).
    pub fn with_code(code: MotiveCode, text: &str) -> Self {
        match text.trim() {
            "" => Self(format!("{} - {}", code.as_str(), code.label())),
            text => Self(format!("{} - {text}", code.as_str())),
        }
    }

    /// Of a text that may have a code at its head, as status files do. Whether Chorus Pro reads codes in this field is not
    /// known (PROTOCOL §9): without `codes`, the code's own words are sent in its place.
    pub fn coded(text: &str, codes: bool) -> Self {
        let Some(code) = MotiveCode::leading(text) else { return Self::new(text) };
        let more =
            text.trim_start()[code.as_str().len()..].trim_start_matches([' ', '-', '–', ':', ';', ',']).trim_end();
        match more {
            _ if codes => Self::with_code(code, more),
            "" => Self::new(code.label()),
            more => Self(format!("{} : {more}", code.label())),
        }
    }

    /// The whole text.
    pub fn full(&self) -> &str {
        &self.0
    }

    /// What is sent: never absent, never null, at most [`MOTIVE_LIMIT`] characters, cut before a whole character (an accent
    /// written as a character of its own stays with its letter).
    pub fn sent(&self) -> &str {
        let Some((mut cut, _)) = self.0.char_indices().nth(MOTIVE_LIMIT) else { return &self.0 };
        while cut > 0 && self.0[cut..].starts_with(joins) {
            cut = self.0[..cut].char_indices().next_back().map_or(0, |(at, _)| at);
        }
        // Nothing but accents: no letter to keep them with.
        if cut == 0 {
            self.0.char_indices().nth(MOTIVE_LIMIT).map_or("", |(at, _)| &self.0[..at])
        } else {
            &self.0[..cut]
        }
    }

    /// Whether Chorus Pro gets less than was written.
    pub fn is_cut(&self) -> bool {
        self.sent().len() < self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Whether a character belongs to the one before it: combining accents, joiners, variation selectors.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36F}' | '\u{200D}' | '\u{FE00}'..='\u{FE0F}')
}

macro_rules! motives {
    ($($name:ident = $code:literal $label:literal => $afnor:literal),* $(,)?) => {
        /// The motif codes that Chorus Pro's documents list for a public body.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum MotiveCode { $($name,)* }

        impl MotiveCode {
            pub const ALL: &[MotiveCode] = &[$(MotiveCode::$name,)*];

            /// The code as Chorus Pro writes it.
            pub fn as_str(self) -> &'static str {
                match self { $(MotiveCode::$name => $code,)* }
            }

            /// What people call it, in French.
            pub fn label(self) -> &'static str {
                match self { $(MotiveCode::$name => $label,)* }
            }

            /// The AFNOR code that the supplier's platform is told. Of `RETRAIT_MAN_SERV` the two tables of DSE-CP §3.4.2.1
            /// contradict each other (PROTOCOL §8): as it is, or `AUTRE`; the latter here.
            pub fn afnor(self) -> &'static str {
                match self { $(MotiveCode::$name => $afnor,)* }
            }
        }
    };
}

motives! {
    OtherThanValidator = "AUT_MOTIF_ERR_VALIDEUR" "Autre motif qu’une erreur de valideur" => "DEST_ERR",
    ManualTreatment = "RETRAIT_MAN_SERV" "Retraitement manuel par les services" => "AUTRE",
    MassDeletion = "SUPPR_MASSE" "Suppression en masse" => "AUTRE",
    Other = "AUTRE" "Autre" => "AUTRE",
    ContactBuyer = "CONTACT_ACHTR" "Autres : contacter votre acheteur" => "CONTACT_ACHTR",
    BankDetails = "COORD_BANC_ERR" "Erreur de coordonnées bancaires" => "COORD_BANC_ERR",
    Creditor = "CREANCIER_ERR" "Créancier inconnu ou différent de celui de l’engagement" => "DEST_ERR",
    Double = "DOUBLE_FACT" "Double facturation" => "DOUBLE_FACT",
    CommitmentData = "ERREUR_DONNEE_EJ" "Erreur dans les données de l’engagement" => "CMD_ERR",
    Commitment = "EJ_ERR" "Engagement incorrect ou inexistant" => "CMD_ERR",
    Validator = "ERR_VALIDEUR" "Mauvais valideur" => "DEST_ERR",
    NotCompliant = "FACT_NON_CONFORME" "Facture non conforme à la commande" => "FACT_NON_CONFORME",
    OrderNotHonoured = "HONORER_LA_COMMANDE" "Impossibilité d’honorer la commande" => "LIVR_INCOMP",
    IncompleteDelivery = "LIVR_INCOMP" "Livraison incomplète ou non effectuée" => "LIVR_INCOMP",
    MarketEnded = "MARCHE_TERM" "Marché terminé" => "CONTRAT_TERM",
    Amount = "MONTANT_ERR" "Montant de la facture erroné" => "MONTANTTOTAL_ERR",
    Service = "SE_ERR" "Service exécutant incorrect" => "DEST_ERR",
    UndeclaredPartner = "ST_CT_NON_DECLAR" "Sous-traitant ou cotraitant non déclaré" => "ST_CT_NON_DECLAR",
    CreditCompensation = "SUPPR_COMP_AVOIR" "Suppression pour compensation d’avoirs" => "SUPPR_COMP_AVOIR",
    TransferToCashOffice = "TRANSF_PMNT_REGIE" "Transfert pour paiement en régie" => "TRANSF_PMNT_REGIE",
    VatRate = "TX_TVA_ERR" "Taux de TVA erroné" => "TX_TVA_ERR",
}

impl MotiveCode {
    /// The code at the head of a text: alone, or followed by something that is no part of a code.
    pub fn leading(text: &str) -> Option<Self> {
        let word = text.trim_start().split(|c: char| !c.is_ascii_alphanumeric() && c != '_').next()?;
        MotiveCode::ALL.iter().copied().find(|code| code.as_str() == word)
    }
}

/// A comment as people read it: the words behind a code at its head stand after it, unless they are there already.
pub fn explained(comment: &str) -> String {
    let text = comment.trim();
    match MotiveCode::leading(text) {
        Some(code) if !text.contains(code.label()) => {
            let (head, more) = text.split_at(code.as_str().len());
            format!("{head} ({}){more}", code.label())
        }
        _ => comment.to_owned(),
    }
}
