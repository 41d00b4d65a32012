//! The scenarios: what the integrator makes the client do, and what is expected of it.

use super::judgement::{self, Finding, View};

/// One scenario; texts in French and English.
pub struct Entry {
    pub id: &'static str,
    /// Whether the report fails without it.
    pub required: bool,
    pub title: (&'static str, &'static str),
    /// What the integrator makes the client do.
    pub play: (&'static str, &'static str),
    /// What the client is to do then.
    pub expected: (&'static str, &'static str),
    /// Looks at what happened, and says how it stands.
    pub judge: fn(&View<'_>) -> Finding,
}

/// In the order a client meets them.
pub const ALL: &[Entry] = &[
    Entry {
        id: "token-reused",
        required: true,
        title: ("Jeton obtenu et réutilisé", "Token got and used again"),
        play: ("Faire au moins cinq appels.", "Make five calls or more."),
        expected: (
            "Un jeton sert à plusieurs appels : au plus un jeton pour deux appels.",
            "A token serves several calls: at most one token for two calls.",
        ),
        judge: judgement::token_reused,
    },
    Entry {
        id: "token-renewed",
        required: true,
        title: ("Jeton renouvelé", "Token renewed"),
        play: (
            "Continuer : après douze appels, tous les jetons sont oubliés une fois.",
            "Go on: after twelve calls, all tokens are forgotten once.",
        ),
        expected: (
            "Sur un 401 invalid_token, un nouveau jeton est demandé et l'appel est refait.",
            "On a 401 invalid_token, a new token is asked for and the call is made again.",
        ),
        judge: judgement::token_renewed,
    },
    Entry {
        id: "deposit-ubl",
        required: false,
        title: ("Facture UBL intégrée", "UBL invoice integrated"),
        play: ("Déposer une facture UBL pour 11000201100044.", "Deposit a UBL invoice for 11000201100044."),
        expected: ("IN_INTEGRE est lu par consulterCRDetaille.", "IN_INTEGRE is read by consulterCRDetaille."),
        judge: judgement::deposit_ubl,
    },
    Entry {
        id: "deposit-cii",
        required: false,
        title: ("Facture CII intégrée", "CII invoice integrated"),
        play: ("Déposer une facture CII pour 11000201100044.", "Deposit a CII invoice for 11000201100044."),
        expected: ("IN_INTEGRE est lu par consulterCRDetaille.", "IN_INTEGRE is read by consulterCRDetaille."),
        judge: judgement::deposit_cii,
    },
    Entry {
        id: "deposit-facturx",
        required: false,
        title: ("Facture Factur-X intégrée", "Factur-X invoice integrated"),
        play: ("Déposer un Factur-X pour 11000201100044.", "Deposit a Factur-X for 11000201100044."),
        expected: ("IN_INTEGRE est lu par consulterCRDetaille.", "IN_INTEGRE is read by consulterCRDetaille."),
        judge: judgement::deposit_facturx,
    },
    Entry {
        id: "deposit-mixed",
        required: false,
        title: ("Facture au format mixte intégrée", "Mixed-format invoice integrated"),
        play: (
            "Déposer une CPPFactureMixte (IN_DP_E2_CPP_FACTURE_MIN) pour 11000201100044.",
            "Deposit a CPPFactureMixte (IN_DP_E2_CPP_FACTURE_MIN) for 11000201100044.",
        ),
        expected: ("IN_INTEGRE est lu par consulterCRDetaille.", "IN_INTEGRE is read by consulterCRDetaille."),
        judge: judgement::deposit_mixed,
    },
    Entry {
        id: "deposit-pdf",
        required: false,
        title: ("PDF reconnu puis soumis", "PDF read, then submitted"),
        play: (
            "Déposer un PDF par deposer/pdf, confirmer les données par soumettre.",
            "Deposit a PDF by deposer/pdf, confirm its data by soumettre.",
        ),
        expected: ("La facture est soumise.", "The invoice is submitted."),
        judge: judgement::deposit_pdf,
    },
    Entry {
        id: "archive-partly",
        required: false,
        title: ("Lot intégré en partie", "Batch partly integrated"),
        play: (
            "Déposer un tar.gz de deux factures, dont une pour 99999999999999.",
            "Deposit a tar.gz of two invoices, one of them for 99999999999999.",
        ),
        expected: (
            "listeErreurDP est lue, objet ou tableau ; la facture intégrée n'est pas redéposée.",
            "listeErreurDP is read, object or array; the integrated invoice is not deposited again.",
        ),
        judge: judgement::archive_partly,
    },
    Entry {
        id: "rejection-noticed",
        required: true,
        title: ("Rejet remarqué", "Rejection noticed"),
        play: (
            "Déposer une facture pour le destinataire inconnu 99999999999999.",
            "Deposit an invoice for the unknown recipient 99999999999999.",
        ),
        expected: (
            "IN_REJETE est lu par consulterCRDetaille ; le fichier n'est pas redéposé tel quel.",
            "IN_REJETE is read by consulterCRDetaille; the file is not deposited again unchanged.",
        ),
        judge: judgement::rejection_noticed,
    },
    Entry {
        id: "duplicate-stopped",
        required: true,
        title: ("Doublon refusé, non renvoyé", "Duplicate refused and not sent again"),
        play: (
            "Déposer deux fois une facture CAT-DOUBLE… Si le client arrête la seconde de lui-même, le déclarer sur la page.",
            "Deposit an invoice CAT-DOUBLE… twice. If the client stops the second by itself, declare it on the page.",
        ),
        expected: (
            "Le rejet du second dépôt est lu et il n'y a pas de troisième ; ou le second est arrêté avant l'envoi et IN_INTEGRE du premier est lu.",
            "The rejection of the second deposit is read and there is no third; or the second is stopped before it is sent and IN_INTEGRE of the first is read.",
        ),
        judge: judgement::duplicate_stopped,
    },
    Entry {
        id: "answer-lost",
        required: true,
        title: ("Réponse perdue", "Answer lost"),
        play: (
            "Déposer une facture CAT-PERDUE… : acceptée, la connexion est coupée sans réponse.",
            "Deposit an invoice CAT-PERDUE…: accepted, the connection closes without an answer.",
        ),
        expected: (
            "Elle est recherchée par numéro jusqu'à être trouvée ; jamais redéposée.",
            "It is looked up by its number until found; never deposited again.",
        ),
        judge: judgement::answer_lost,
    },
    Entry {
        id: "answer-cut",
        required: true,
        title: ("Réponse tronquée", "Answer cut"),
        play: (
            "Déposer une facture CAT-COUPEE… : acceptée, la moitié de la réponse arrive.",
            "Deposit an invoice CAT-COUPEE…: accepted, half of the answer arrives.",
        ),
        expected: (
            "Comme une réponse perdue : recherchée, jamais redéposée.",
            "As with a lost answer: looked up, never deposited again.",
        ),
        judge: judgement::answer_cut,
    },
    Entry {
        id: "error-401",
        required: true,
        title: ("401 : on s'arrête", "401: stop"),
        play: ("Déposer une facture CAT-401…", "Deposit an invoice CAT-401…"),
        expected: (
            "Au plus un nouvel essai ; pas trois essais en cinq secondes.",
            "At most one more try; not three tries within five seconds.",
        ),
        judge: judgement::error_401,
    },
    Entry {
        id: "error-403",
        required: true,
        title: ("403 : on s'arrête", "403: stop"),
        play: ("Déposer une facture CAT-403…", "Deposit an invoice CAT-403…"),
        expected: (
            "Au plus un nouvel essai ; pas trois essais en cinq secondes.",
            "At most one more try; not three tries within five seconds.",
        ),
        judge: judgement::error_403,
    },
    Entry {
        id: "error-429",
        required: true,
        title: ("429 : on attend", "429: wait"),
        play: ("Déposer une facture CAT-429…", "Deposit an invoice CAT-429…"),
        expected: (
            "Le dépôt est refait, pas avant les trois secondes de Retry-After.",
            "The deposit is made again, not before the three seconds of Retry-After.",
        ),
        judge: judgement::error_429,
    },
    Entry {
        id: "error-500",
        required: true,
        title: ("500 : on vérifie", "500: look first"),
        play: ("Déposer une facture CAT-500…", "Deposit an invoice CAT-500…"),
        expected: (
            "Avant tout nouveau dépôt, la facture est recherchée ; une seconde au moins sépare deux essais.",
            "Before any other deposit the invoice is looked up; two tries are a second apart or more.",
        ),
        judge: judgement::error_500,
    },
    Entry {
        id: "incident-repeated",
        required: true,
        title: ("Flux incidenté, redéposé", "Flux with an incident, deposited again"),
        play: ("Déposer une facture CAT-INCIDENT…", "Deposit an invoice CAT-INCIDENT…"),
        expected: (
            "IN_INCIDENTE est lu, le flux entier redéposé, IN_INTEGRE lu.",
            "IN_INCIDENTE is read, the whole flux deposited again, IN_INTEGRE read.",
        ),
        judge: judgement::incident_repeated,
    },
    Entry {
        id: "search-paged",
        required: true,
        title: ("Toutes les pages", "Every page"),
        play: ("Rechercher les factures reçues.", "Search the received invoices."),
        expected: (
            "Toutes les pages annoncées par « pages » sont demandées, quelle que soit la taille voulue.",
            "Every page that `pages` tells of is asked for, whatever size was wanted.",
        ),
        judge: judgement::search_paged,
    },
    Entry {
        id: "pivot-once",
        required: true,
        title: ("Chaque pivot une fois", "Each pivot once"),
        play: ("Télécharger le pivot de chaque facture reçue.", "Download the pivot of each received invoice."),
        expected: (
            "Chaque pivot est téléchargé exactement une fois, XML ou ZIP, puis une seule fois de plus après chaque COMPLETEE lu.",
            "Each pivot is downloaded exactly once, XML or ZIP, then only once more after each COMPLETEE that was read.",
        ),
        judge: judgement::pivot_once,
    },
    Entry {
        id: "status-motif",
        required: true,
        title: ("Statut avec motif", "Status with its motif"),
        play: (
            "Suspendre CAT-R-SUSPENDRE par traiter/recue, avec un motif accentué.",
            "Suspend CAT-R-SUSPENDRE by traiter/recue, with a motif that has accents.",
        ),
        expected: ("Le motif arrive entier, accents compris.", "The motif arrives whole, accents included."),
        judge: judgement::status_motif,
    },
    Entry {
        id: "status-refused",
        required: true,
        title: ("20002 traité", "20002 handled"),
        play: (
            "Mettre CAT-R-20002 en SERVICE_FAIT : un autre poste l'a déjà mise en paiement.",
            "Set CAT-R-20002 to SERVICE_FAIT: another desk has paid it already.",
        ),
        expected: (
            "Après 20002, le statut est relu et la demande n'est pas répétée telle quelle.",
            "After 20002, the status is read again and the request not repeated as it is.",
        ),
        judge: judgement::status_refused,
    },
    Entry {
        id: "suspension-received",
        required: true,
        title: ("Suspension complétée par le fournisseur", "Suspension completed by the supplier"),
        play: (
            "Suivre CAT-R-SUSPENDRE : le fournisseur la complète ; la traiter de nouveau.",
            "Follow CAT-R-SUSPENDRE: its supplier completes it; treat it again.",
        ),
        expected: (
            "COMPLETEE est lu, puis un statut donné de nouveau.",
            "COMPLETEE is read, then a status is set again.",
        ),
        judge: judgement::suspension_received,
    },
    Entry {
        id: "suspension-sent",
        required: false,
        title: ("Facture émise suspendue, complétée", "Sent invoice suspended, completed"),
        play: (
            "Déposer une facture CAT-SUSPENDUE… ; une fois suspendue, la compléter avec une pièce jointe.",
            "Deposit an invoice CAT-SUSPENDUE…; once suspended, complete it with a file.",
        ),
        expected: ("completer est accepté.", "completer is accepted."),
        judge: judgement::suspension_sent,
    },
    Entry {
        id: "status-unknown",
        required: true,
        title: ("Statut inconnu supporté", "Unknown status tolerated"),
        play: (
            "Déposer une facture CAT-INCONNU… et suivre ses statuts.",
            "Deposit an invoice CAT-INCONNU… and follow its statuses.",
        ),
        expected: (
            "Le statut STATUT_DE_DEMAIN est lu et le suivi continue jusqu'à MISE_EN_PAIEMENT.",
            "The status STATUT_DE_DEMAIN is read and following goes on to MISE_EN_PAIEMENT.",
        ),
        judge: judgement::status_unknown,
    },
    Entry {
        id: "password-read",
        required: true,
        title: ("Expiration du mot de passe lue", "Password expiry read"),
        play: (
            "Lire structures/consulter de sa propre structure.",
            "Read structures/consulter of one's own structure.",
        ),
        expected: ("dateExpirationMotPasseCompteTech est demandée.", "dateExpirationMotPasseCompteTech is asked for."),
        judge: judgement::password_read,
    },
    Entry {
        id: "directory-read",
        required: false,
        title: ("Annuaire téléchargé", "Directory downloaded"),
        play: ("Appeler telecharger/annuaire/destinataire.", "Call telecharger/annuaire/destinataire."),
        expected: ("L'annuaire est reçu.", "The directory is received."),
        judge: judgement::directory_read,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_has_a_name_of_its_own_and_both_languages() {
        let mut ids: Vec<&str> = ALL.iter().map(|entry| entry.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), ALL.len());
        for entry in ALL {
            for (fr, en) in [entry.title, entry.play, entry.expected] {
                assert!(!fr.is_empty() && !en.is_empty(), "{}", entry.id);
            }
        }
    }
}
