//! The page's languages: labels of states, jobs and statuses, dates in Paris time, sizes and waits for people.

use std::time::Duration;

use crate::domain::{Environment, InvoiceStatus, Role, Timestamp};
use crate::fault::{Actor, Language, Retry};
use crate::flow::{FlowKind, Job};
use crate::store::Subset;

/// The kind of a step that says that a trouble is over.
pub const TROUBLE_OVER: &str = "trouble_over";

/// Speaks to one person, in the language that person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tongue(pub Language);

/// How a state looks: the colour is never the only sign, the label says the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    Good,
    Busy,
    Warn,
    Bad,
    Quiet,
}

impl Tone {
    /// The style sheet's class.
    pub fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Busy => "busy",
            Tone::Warn => "warn",
            Tone::Bad => "bad",
            Tone::Quiet => "quiet",
        }
    }
}

impl Tongue {
    /// Of two texts, the one in this language.
    pub fn say<'a>(&self, french: &'a str, english: &'a str) -> &'a str {
        match self.0 {
            Language::Fr => french,
            Language::En => english,
        }
    }

    /// The language's code, for `lang`.
    pub fn code(&self) -> &'static str {
        match self.0 {
            Language::Fr => "fr",
            Language::En => "en",
        }
    }

    /// French spaces that must not break: inside guillemets, before double punctuation.
    pub fn typeset(&self, text: &str) -> String {
        if self.0 == Language::En {
            return text.to_owned();
        }
        let mut set = text.replace("« ", "«\u{a0}").replace(" »", "\u{a0}»");
        for mark in [" :", " ;", " ?", " !"] {
            set = set.replace(mark, &mark.replace(' ', "\u{a0}"));
        }
        set
    }

    /// The word for one or for many; French counts zero as one, English does not.
    pub fn plural<'a>(&self, n: u64, one: [&'a str; 2], many: [&'a str; 2]) -> &'a str {
        let single = match self.0 {
            Language::Fr => n < 2,
            Language::En => n == 1,
        };
        let [french, english] = if single { one } else { many };
        self.say(french, english)
    }

    /// `12 345`: thousands apart, as each language does.
    pub fn number(&self, n: u64) -> String {
        let digits = n.to_string();
        let apart = self.say("\u{202f}", ",");
        let head = digits.len() % 3;
        let mut text = digits[..head].to_owned();
        for group in digits.as_bytes()[head..].chunks(3) {
            if !text.is_empty() {
                text.push_str(apart);
            }
            text.push_str(&String::from_utf8_lossy(group));
        }
        text
    }

    /// A size in bytes as people read it.
    pub fn size(&self, bytes: u64) -> String {
        let (unit, one) = if bytes >= 1 << 20 {
            (self.say("Mio", "MiB"), 1 << 20)
        } else if bytes >= 1 << 10 {
            (self.say("Kio", "KiB"), 1 << 10)
        } else {
            return format!("{bytes} {}", self.plural(bytes, ["octet", "byte"], ["octets", "bytes"]));
        };
        let tenths = bytes.saturating_mul(10) / one;
        let comma = self.say(",", ".");
        format!("{}{comma}{}\u{a0}{unit}", self.number(tenths / 10), tenths % 10)
    }

    /// An amount and its currency as an invoice writes them (`1234.50 EUR`), as people do; as it is when it is none.
    pub fn amount(&self, written: &str) -> String {
        let (amount, currency) = written.split_once(' ').unwrap_or((written, ""));
        let (sign, digits) = amount.strip_prefix('-').map_or(("", amount), |digits| ("−", digits));
        let (whole, cents) = digits.split_once('.').unwrap_or((digits, ""));
        let Ok(number) = whole.parse().map(|whole| self.number(whole)) else { return written.to_owned() };
        if !cents.bytes().all(|b| b.is_ascii_digit()) {
            return written.to_owned();
        }
        let point = if cents.is_empty() { "" } else { self.say(",", ".") };
        let currency = if currency == "EUR" { self.say("€", "EUR") } else { currency };
        format!("{sign}{number}{point}{cents}\u{a0}{currency}").trim_end().to_owned()
    }

    /// A day as an invoice writes it (`2026-11-23`), as the page writes its instants; as it is when it is none.
    pub fn day(&self, written: &str) -> String {
        match written.split('-').collect::<Vec<_>>()[..] {
            [year, month, day] if year.len() == 4 && month.len() == 2 && day.len() == 2 => {
                format!("{day}/{month}/{year}")
            }
            _ => written.to_owned(),
        }
    }

    /// What a file is written in.
    pub fn syntax<'a>(&self, syntax: &'a str) -> &'a str {
        match syntax {
            "ubl-invoice" => self.say("Facture UBL", "UBL invoice"),
            "ubl-creditnote" => self.say("Avoir UBL", "UBL credit note"),
            "cii" => self.say("Facture CII", "CII invoice"),
            "facturx" => "Factur-X (PDF)",
            "pdf" => self.say("PDF simple", "Plain PDF"),
            "pdf-data" => self.say("Données d’un PDF", "Data of a PDF"),
            "ubl-min" => self.say("UBL mixte (en-tête et PDF)", "Mixed UBL (head and PDF)"),
            "cii-min" => self.say("CII mixte (en-tête et PDF)", "Mixed CII (head and PDF)"),
            "pdf-ubl" => self.say("PDF contenant une facture UBL", "PDF with a UBL invoice"),
            "xcbl" => self.say("Facture xCBL", "xCBL invoice"),
            "pes" => self.say("Facture PES", "PES invoice"),
            "cpp-mixed" => self.say("Facture mixte de Chorus Pro", "Chorus Pro’s mixed invoice"),
            "pivot" => self.say("Pivot de Chorus Pro", "Chorus Pro’s pivot"),
            "complement" => self.say("Complément de facture", "Complement of an invoice"),
            "archive" => self.say("Archive de factures", "Archive of invoices"),
            "statuses" => self.say("Fichier de statuts", "Status file"),
            other => other,
        }
    }

    /// What a step's record says besides, which is a technical text but where a person wrote it.
    pub fn detail(&self, kind: &str, detail: &str) -> String {
        let by_person = ["deposit.rejection_stands", "deposit.taken_before"];
        let label = if kind.ends_with("_by_person") || by_person.contains(&kind) {
            self.say("Remarque : ", "Remark: ")
        } else if let Some(id) = detail.strip_prefix("found at Chorus Pro as ") {
            return format!("{} {id}", self.say("Identifiant Chorus Pro :", "Chorus Pro’s number:"));
        } else {
            self.say("Détail technique : ", "Technical detail: ")
        };
        if detail.is_empty() { String::new() } else { self.typeset(&format!("{label}{detail}")) }
    }

    /// A span in its largest unit: `3 min`, `2 h`, `5 jours`.
    pub fn span(&self, span: Duration) -> String {
        let s = span.as_secs();
        match s {
            0..60 => format!("{s}\u{a0}s"),
            60..3600 => format!("{}\u{a0}min", s / 60),
            3600..172_800 => format!("{}\u{a0}h", s / 3600),
            _ => format!("{}\u{a0}{}", s / 86_400, self.say("jours", "days")),
        }
    }

    /// `il y a 3 min`.
    pub fn ago(&self, at: Timestamp, now: Timestamp) -> String {
        let span = now.since(at);
        if span < Duration::from_secs(5) {
            return self.say("à l’instant", "just now").to_owned();
        }
        match self.0 {
            Language::Fr => format!("il y a {}", self.span(span)),
            Language::En => format!("{} ago", self.span(span)),
        }
    }

    pub fn kind(&self, kind: FlowKind) -> &'static str {
        match kind {
            FlowKind::Deposit => self.say("Envoi", "Sent"),
            FlowKind::Reception => self.say("Réception", "Received"),
            FlowKind::StatusChange => self.say("Changement de statut", "Status change"),
        }
    }

    /// A flow's kind, where what is to be validated must not look like what is to be paid.
    pub fn kind_in(&self, kind: FlowKind, role: Role) -> &'static str {
        match (kind, role) {
            (FlowKind::Reception, Role::Validator) => self.say("À valider", "To validate"),
            (kind, _) => self.kind(kind),
        }
    }

    pub fn environment(&self, environment: Environment) -> &'static str {
        self.0.environment(environment)
    }

    pub fn actor(&self, actor: Actor) -> &'static str {
        match actor {
            // In Chorus Pro's words, who issues an invoice is its supplier, be it the establishment itself.
            Actor::Supplier => self.say("Le fournisseur (émetteur)", "The supplier (issuer)"),
            Actor::Establishment => self.say("L’établissement", "The establishment"),
            Actor::Chorus => self.say("Chorus Pro", "Chorus Pro"),
            Actor::Network => self.say("Le service réseau", "The network team"),
            Actor::Appliance => self.say("L’administrateur de la machine", "The box’s administrator"),
        }
    }

    pub fn retry(&self, retry: Retry) -> &'static str {
        match retry {
            Retry::Never => self.say("Pas de nouvel essai automatique.", "Not tried again by itself."),
            Retry::Later => self.say("Nouvel essai automatique.", "Tried again by itself."),
            Retry::AfterAction => {
                self.say("Reprend automatiquement une fois l’action faite.", "Resumes by itself once this is done.")
            }
        }
    }

    pub fn job(&self, job: Job) -> &'static str {
        match job {
            Job::Intake => self.say("Contrôles de fichiers", "File checks"),
            Job::Reading => self.say("PDF à faire lire", "PDFs to have read"),
            Job::Deposit => self.say("Dépôts à Chorus Pro", "Deposits at Chorus Pro"),
            Job::Doubt => self.say("Recherches de dépôts douteux", "Look-ups of doubtful deposits"),
            Job::Integration => self.say("Comptes rendus à demander", "Reports to ask for"),
            Job::Statuses => self.say("Statuts à suivre", "Statuses to follow"),
            Job::Receipt => self.say("Accusés à écrire", "Receipts to write"),
            Job::Fetch => self.say("Factures à télécharger", "Invoices to download"),
            Job::Deliver => self.say("Factures à livrer", "Invoices to deliver"),
            Job::Change => self.say("Statuts à transmettre", "Statuses to pass on"),
            Job::ChangeDoubt => self.say("Recherches de statuts douteux", "Look-ups of doubtful statuses"),
        }
    }

    /// A subset of flows, as the list's choice and the first screen's numbers call it.
    pub fn subset(&self, subset: Subset) -> &'static str {
        match subset {
            Subset::Stuck => self.say("En attente d’une action", "Waiting for action"),
            Subset::Faulty => self.say("Avec une difficulté", "With a trouble"),
            Subset::Waiting => self.say("En attente d’envoi", "Waiting to be sent"),
            Subset::Incomplete => self.say("PDF sans leurs données", "PDFs without their data"),
            Subset::Doubtful => self.say("Douteuses", "Doubtful"),
            Subset::Deposited => self.say("Déposées", "Deposited"),
            Subset::Integrated => self.say("Intégrées", "Integrated"),
            Subset::Refused => self.say("Refusées ou rejetées", "Refused or rejected"),
            Subset::ToValidate => self.say("À valider", "To validate"),
            Subset::Found => self.say("À télécharger", "To download"),
            Subset::Fetched => self.say("À livrer", "To deliver"),
            Subset::Delivered => self.say("Livrées", "Delivered"),
            Subset::Taken => self.say("Prises par l’application", "Taken by the application"),
        }
    }

    /// A flow's state as a label and a tone. A state this version does not know is shown as it is, and warns.
    pub fn state(&self, kind: FlowKind, state: &str) -> (String, Tone) {
        let (french, english, tone) = match (kind, state) {
            (FlowKind::Deposit, "received") => ("Reçu", "Received", Tone::Busy),
            (FlowKind::Deposit, "incomplete") => ("Données attendues", "Awaits its data", Tone::Warn),
            (FlowKind::Deposit, "unmatched") => ("PDF attendu", "Awaits its PDF", Tone::Busy),
            (FlowKind::Deposit, "joined") => ("Réuni à son PDF", "Joined to its PDF", Tone::Good),
            (FlowKind::Deposit, "ready") => ("Prêt à déposer", "Ready", Tone::Busy),
            (_, "sending") => ("Envoi en cours", "Sending", Tone::Busy),
            (_, "doubtful") => ("Douteux", "Doubtful", Tone::Warn),
            (FlowKind::Deposit, "deposited") => ("Déposé", "Deposited", Tone::Busy),
            (FlowKind::Deposit, "split") => ("Ventilé", "Split", Tone::Busy),
            (FlowKind::Deposit, "integrated") => ("Intégré", "Integrated", Tone::Good),
            (FlowKind::Deposit, "partly_integrated") => ("Intégré en partie", "Partly integrated", Tone::Warn),
            (FlowKind::Deposit, "rejected") => ("Rejeté", "Rejected", Tone::Bad),
            (FlowKind::Deposit | FlowKind::StatusChange, "refused") => ("Refusé", "Refused", Tone::Bad),
            (FlowKind::Deposit, "abandoned") => ("Abandonné", "Abandoned", Tone::Quiet),
            (FlowKind::Reception, "found") => ("Trouvée", "Found", Tone::Busy),
            (FlowKind::Reception, "fetched") => ("Téléchargée", "Downloaded", Tone::Busy),
            (FlowKind::Reception, "delivered") => ("Livrée", "Delivered", Tone::Good),
            (FlowKind::Reception, "taken") => ("Prise par l’application", "Taken", Tone::Good),
            (FlowKind::StatusChange, "asked") => ("Demandé", "Asked", Tone::Busy),
            (FlowKind::StatusChange, "done") => ("Fait", "Done", Tone::Good),
            _ => return (state.to_owned(), Tone::Warn),
        };
        (self.say(french, english).to_owned(), tone)
    }

    /// A journal leaf's kind, for a timeline.
    pub fn step(&self, kind: &str) -> String {
        let (french, english) = match kind {
            "receive" => ("Fichier reçu, enregistré et journalisé", "File received, kept and journalled"),
            "duplicate" => ("Second envoi du même fichier", "Same file sent again"),
            "refuse" => ("Fichier refusé avant d’être pris", "File refused before it was taken"),
            "find" => ("Facture trouvée chez Chorus Pro", "Invoice found at Chorus Pro"),
            "identify" => ("Identifiant Chorus Pro connu", "Chorus Pro’s number known"),
            "status" => ("Statut relevé chez Chorus Pro", "Status read at Chorus Pro"),
            "copy" => ("Copie lisible demandée à Chorus Pro", "Readable copy asked of Chorus Pro"),
            "told_out" => (
                "Suivi terminé : le destinataire ne déclare pas ses paiements",
                "Followed to its end: the recipient reports no payment",
            ),
            "not_taken" => {
                ("Facture absente de Chorus Pro : non prise", "Invoice that is not at Chorus Pro: not taken")
            }
            "trouble" => ("Difficulté signalée", "Trouble noted"),
            TROUBLE_OVER => ("Difficulté levée", "Trouble over"),
            "complement" => ("Complément donné sur la page", "Complement given on the page"),
            "validator" => ("Autre valideur nommé sur la page", "Another validator named on the page"),
            "impossible" => ("Événement impossible, ignoré", "Impossible event, ignored"),
            "download" => ("Téléchargement sur la page", "Downloaded on the page"),
            "deposit.check_passed" => ("Contrôles réussis", "Checks passed"),
            "deposit.check_failed" => ("Contrôles en échec", "Checks failed"),
            "deposit.split" => ("Ventilé : chaque partie suit son chemin", "Split: each part goes its own way"),
            "deposit.data_awaited" => {
                ("PDF sans facture à l’intérieur : données attendues", "PDF without an invoice inside: data awaited")
            }
            "deposit.pdf_awaited" => ("Données valables, PDF attendu", "Data sound, PDF awaited"),
            "deposit.completed" => ("Données réunies au PDF", "Data joined to the PDF"),
            "deposit.joined" => ("Réunies à leur PDF", "Joined to their PDF"),
            "deposit.upload_refused" => {
                ("Refusé avant tout envoi de la facture", "Refused before the invoice was submitted")
            }
            "deposit.submitted" => ("Facture créée chez Chorus Pro", "Invoice made at Chorus Pro"),
            "seen" => ("Vu par une personne", "Seen by a person"),
            "propose" => ("PDF lu par Chorus Pro : données proposées", "PDF read by Chorus Pro: data proposed"),
            "part" => ("Partie d’un fichier, prête à déposer", "Part of a file, ready to be deposited"),
            "ask" => ("Statut demandé", "Status asked for"),
            "status_change.sending" => {
                ("Intention journalisée, envoi du statut en cours", "Intent journalled, status being sent")
            }
            "status_change.not_sent" => ("Statut non parti, nouvel essai prévu", "Status not sent, to be tried again"),
            "status_change.accepted" => ("Statut accepté par Chorus Pro", "Status accepted by Chorus Pro"),
            "status_change.refused" => ("Statut refusé par Chorus Pro", "Status refused by Chorus Pro"),
            "status_change.not_allowed" => {
                ("Statut impossible, rien n’est parti", "Status impossible, nothing was sent")
            }
            "status_change.answer_lost" => {
                ("Réponse perdue : le changement est douteux", "Answer lost: the change is doubtful")
            }
            "status_change.found_at_chorus" => {
                ("La facture a ce statut chez Chorus Pro", "The invoice has this status at Chorus Pro")
            }
            "status_change.absent_at_chorus" => {
                ("Statut absent chez Chorus Pro : sera renvoyé", "Status absent at Chorus Pro: to be sent again")
            }
            "status_change.still_doubtful" => ("Recherche sans conclusion", "Look-up without conclusion"),
            "status_change.abandoned_by_person" => ("Abandonné par une personne", "Abandoned by a person"),
            "deposit.sending" => {
                ("Intention de dépôt journalisée, appel en cours", "Intent to deposit journalled, call under way")
            }
            "deposit.not_sent" => ("Dépôt non parti, nouvel essai prévu", "Not sent, to be tried again"),
            "deposit.deposit_accepted" => ("Dépôt accepté par Chorus Pro", "Deposit accepted by Chorus Pro"),
            "deposit.deposit_refused" => ("Dépôt refusé par Chorus Pro", "Deposit refused by Chorus Pro"),
            "deposit.answer_lost" => ("Réponse perdue : le dépôt est douteux", "Answer lost: the deposit is doubtful"),
            "deposit.refused_in_doubt" => (
                "Dépôt refusé, mais un essai précédent a pu être pris",
                "Deposit refused, but an earlier try may have been taken",
            ),
            "deposit.found_at_chorus" => ("Retrouvé chez Chorus Pro", "Found at Chorus Pro"),
            "deposit.absent_at_chorus" => {
                ("Absent chez Chorus Pro : sera déposé de nouveau", "Absent at Chorus Pro: to be deposited again")
            }
            "deposit.still_doubtful" => ("Recherche sans conclusion", "Look-up without conclusion"),
            "deposit.in_hand" => ("En cours d’intégration chez Chorus Pro", "In hand at Chorus Pro"),
            "deposit.integrated" => ("Intégré par Chorus Pro", "Integrated by Chorus Pro"),
            "deposit.duplicate_of_ours" => (
                "Rejeté comme doublon de notre propre envoi : déjà pris",
                "Rejected as a duplicate of our own try: taken already",
            ),
            "deposit.partly_integrated" => ("Intégré en partie par Chorus Pro", "Partly integrated by Chorus Pro"),
            "deposit.rejected" => ("Rejeté par Chorus Pro", "Rejected by Chorus Pro"),
            "deposit.rejection_stands" => {
                ("Rejet confirmé définitif par une personne", "Rejection confirmed final by a person")
            }
            "deposit.taken_before" => {
                ("Retrouvé par une personne, d’un essai précédent", "Found by a person, of an earlier try")
            }
            "deposit.incident" => ("Incident chez Chorus Pro", "Incident at Chorus Pro"),
            "deposit.flux_unknown" => {
                ("Numéro de flux inconnu de Chorus Pro", "Number of the flux unknown to Chorus Pro")
            }
            "deposit.confirmed_by_person" => ("Confirmé par une personne", "Confirmed by a person"),
            "deposit.resend_by_person" => ("Renvoi demandé par une personne", "Sent again on a person’s word"),
            "deposit.abandoned_by_person" => ("Abandonné par une personne", "Abandoned by a person"),
            "reception.downloaded" => ("Téléchargée et enregistrée", "Downloaded and kept"),
            "reception.download_failed" => {
                ("Téléchargement en échec, nouvel essai prévu", "Download failed, to be tried again")
            }
            "reception.placed" => ("Livrée dans le dossier du compte", "Delivered into the account’s folder"),
            "reception.placing_failed" => {
                ("Livraison en échec, nouvel essai prévu", "Delivery failed, to be tried again")
            }
            "reception.taken" => ("Prise par l’application", "Taken by the application"),
            "reception.completed" => ("Complétée par le fournisseur", "Completed by the supplier"),
            "reception.complement_downloaded" => {
                ("Complément téléchargé et enregistré", "Complement downloaded and kept")
            }
            "reception.complement_placed" => ("Nouvelles pièces livrées", "New pieces delivered"),
            "reception.complement_taken" => {
                ("Nouvelles pièces prises par l’application", "New pieces taken by the application")
            }
            other => return other.replace(['_', '.'], " "),
        };
        self.say(french, english).to_owned()
    }

    /// An invoice's status at Chorus Pro.
    pub fn status(&self, status: &InvoiceStatus) -> (String, Tone) {
        use InvoiceStatus as I;
        let Some((french, english)) = status.labels() else { return (status.as_str().to_owned(), Tone::Warn) };
        let tone = match status {
            I::ARecycler | I::Suspendue | I::ACompleter | I::AValider1 | I::AValider2 => Tone::Warn,
            I::ErreurFournisseurSurValideur | I::ErreurCotraitantSurValideur => Tone::Warn,
            I::Rejetee | I::Refusee1 | I::Refusee2 => Tone::Bad,
            I::MiseEnPaiement => Tone::Good,
            I::Abandonnee | I::Supprimee => Tone::Quiet,
            _ => Tone::Busy,
        };
        (self.say(french, english).to_owned(), tone)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::{deposit, reception, status_change};

    const FR: Tongue = Tongue(Language::Fr);
    const EN: Tongue = Tongue(Language::En);

    #[test]
    fn every_state_has_a_label_in_both_languages() {
        let states = deposit::State::ALL
            .iter()
            .map(|s| (FlowKind::Deposit, s.as_str()))
            .chain(reception::State::ALL.iter().map(|s| (FlowKind::Reception, s.as_str())))
            .chain(status_change::State::ALL.iter().map(|s| (FlowKind::StatusChange, s.as_str())));
        for (kind, state) in states {
            for tongue in [FR, EN] {
                assert_ne!(tongue.state(kind, state).0, state, "{kind:?} {state} has no label");
            }
        }
        let events = deposit::Event::ALL
            .iter()
            .map(|e| format!("deposit.{e}"))
            .chain(reception::Event::ALL.iter().map(|e| format!("reception.{e}")))
            .chain(status_change::Event::ALL.iter().map(|e| format!("status_change.{e}")));
        for kind in events {
            assert_ne!(FR.step(&kind), kind.replace(['_', '.'], " "), "{kind} has no label");
        }
        assert_eq!(FR.state(FlowKind::Deposit, "new_one"), ("new_one".to_owned(), Tone::Warn));
    }

    #[test]
    fn numbers_sizes_and_spans_as_people_write_them() {
        assert_eq!(
            (FR.number(1_234_567), EN.number(1_234_567)),
            ("1\u{202f}234\u{202f}567".into(), "1,234,567".into())
        );
        assert_eq!((FR.number(0), EN.number(999)), ("0".into(), "999".into()));
        assert_eq!((FR.size(12_700), EN.size(3 << 20)), ("12,4\u{a0}Kio".into(), "3.0\u{a0}MiB".into()));
        assert_eq!(FR.size(1), "1 octet");
        assert_eq!(FR.typeset("dites : « oui » ?"), "dites\u{a0}: «\u{a0}oui\u{a0}»\u{a0}?");
        let at = Timestamp::from_millis(0);
        assert_eq!(FR.ago(at, at.plus(Duration::from_secs(185))), "il y a 3\u{a0}min");
        assert_eq!(EN.ago(at, at.plus(Duration::from_secs(3 * 86_400))), "3\u{a0}days ago");
        assert_eq!(FR.plural(0, ["flux", ""], ["fluxes", ""]), "flux");
        assert_eq!(FR.amount("1234.50 EUR"), "1\u{202f}234,50\u{a0}€");
        assert_eq!(
            (EN.amount("-1234567 EUR"), EN.amount("3.0 USD")),
            ("−1,234,567\u{a0}EUR".into(), "3.0\u{a0}USD".into())
        );
        assert_eq!((FR.amount("3420,00"), FR.amount("")), ("3420,00".into(), String::new()), "as written");
        assert_eq!((FR.day("2026-11-23"), FR.day("bientôt")), ("23/11/2026".into(), "bientôt".into()));
    }

    #[test]
    fn a_records_own_words_are_named_as_what_they_are() {
        assert_eq!(FR.detail("deposit.confirmed_by_person", "vu à 9 h"), "Remarque\u{a0}: vu à 9 h");
        assert_eq!(FR.detail("deposit.answer_lost", "timed out"), "Détail technique\u{a0}: timed out");
        assert_eq!(EN.detail("identify", "found at Chorus Pro as 12"), "Chorus Pro’s number: 12");
        assert_eq!(FR.detail("deposit.sending", ""), "");
    }

    #[test]
    fn statuses_read_as_french_not_as_codes() {
        assert_eq!(FR.status(&InvoiceStatus::MiseEnPaiement), ("Mise en paiement".into(), Tone::Good));
        assert_eq!(FR.status(&InvoiceStatus::AValider1).0, "À valider par le premier valideur");
        assert_eq!(FR.status(&InvoiceStatus::Unknown("ENCAISSEE".into())).1, Tone::Warn);
    }
}
