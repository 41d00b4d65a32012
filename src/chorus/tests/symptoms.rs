//! What integrators suffer (PROTOCOL §7), each row that concerns the wire by the name of its symptom; and arbitrary JSON.

use proptest::prelude::*;

use super::*;
use crate::fault::Language;

fn sent_motive(text: &str) -> String {
    let motive = Motive::new(text);
    let request = TraiterRecue::new(ChorusInvoiceId(1), InvoiceStatus::ServiceFait, motive, None).unwrap();
    let body = request.body();
    assert_eq!(request.motive().full(), text.trim(), "nothing is lost for the journal");
    body["motif"].as_str().expect("always a text").to_owned()
}

#[test]
fn motif_is_always_a_string_and_cut_on_a_character() {
    assert_eq!(sent_motive(""), "", "never null");
    assert_eq!(sent_motive("é".repeat(255).as_str()), "é".repeat(255));
    let long = "é€œ😀".repeat(100);
    assert_eq!(sent_motive(&long).chars().count(), 255);
    assert!(long.starts_with(&sent_motive(&long)));
    assert!(Motive::new(&long).is_cut() && !Motive::new("court").is_cut());
    // An e with its accent as a character of its own: cut before both, never between.
    let combined = format!("{}e\u{301}", "x".repeat(254));
    assert_eq!(sent_motive(&combined), "x".repeat(254));
    assert_eq!(sent_motive(&"\u{301}".repeat(300)).chars().count(), 255, "nothing but accents ends too");
}

#[test]
fn motif_codes_have_labels_and_answer_to_afnors() {
    assert_eq!(MotiveCode::ALL.len(), 21);
    for code in MotiveCode::ALL {
        assert_eq!(MotiveCode::leading(code.as_str()), Some(*code));
        assert!(!code.label().is_empty() && !code.afnor().is_empty());
    }
    assert_eq!((MotiveCode::ManualTreatment.afnor(), MotiveCode::Commitment.afnor()), ("AUTRE", "CMD_ERR"));
    assert_eq!(MotiveCode::leading(" LIVR_INCOMP - 2 cartons"), Some(MotiveCode::IncompleteDelivery));
    assert_eq!(MotiveCode::leading("Livraison incomplète"), None);
    for (comment, read) in [
        ("LIVR_INCOMP", "LIVR_INCOMP (Livraison incomplète ou non effectuée)"),
        ("TX_TVA_ERR - 20 % au lieu de 5,5 %", "TX_TVA_ERR (Taux de TVA erroné) - 20 % au lieu de 5,5 %"),
        ("TX_TVA_ERR - Taux de TVA erroné", "TX_TVA_ERR - Taux de TVA erroné"),
        ("Il manque 2 cartons", "Il manque 2 cartons"),
    ] {
        assert_eq!(explained(comment), read);
    }
    assert_eq!(Motive::with_code(MotiveCode::VatRate, "").sent(), "TX_TVA_ERR - Taux de TVA erroné");
    assert_eq!(
        Motive::with_code(MotiveCode::VatRate, "20 % au lieu de 5,5 %").sent(),
        "TX_TVA_ERR - 20 % au lieu de 5,5 %"
    );
}

#[test]
fn a_motif_code_goes_in_its_own_words_unless_the_configuration_wants_codes() {
    let sent = |text: &str, codes| Motive::coded(text, codes).sent().to_owned();
    assert_eq!(sent("TX_TVA_ERR - 20 %", false), "Taux de TVA erroné : 20 %");
    assert_eq!(sent("TX_TVA_ERR", false), "Taux de TVA erroné");
    assert_eq!(sent("TX_TVA_ERR – 20 %", true), "TX_TVA_ERR - 20 %");
    assert_eq!(sent("TX_TVA_ERR", true), "TX_TVA_ERR - Taux de TVA erroné");
    assert_eq!((sent("Taux faux", true), sent("Taux faux", false)), ("Taux faux".to_owned(), "Taux faux".to_owned()));
}

#[test]
fn accents_survive_comments() {
    let text = "é œ € — « pièce n° 3 »";
    assert_eq!(sent_motive(text), text);
    let row = json!({"idFacture": 1, "numeroFacture": "F", "statut": "REJETEE", "commentaireEtatCourant": text});
    let page = json!({"codeRetour": 0, "pages": 1, "listeFactures": [row]});
    assert_eq!(answer::<RechercherRecipiendaire>(page).rows[0].comment.as_deref(), Some(text));
    let escaped = br#"{"codeRetour":20002,"libelle":"Incoh\u00e9rence \u20ac"}"#;
    assert!(
        matches!(read_reply::<TraiterRecue>(200, escaped), Reply::Refused { label, .. } if label == "Incohérence €")
    );
}

#[test]
fn two_names_for_one_id() {
    let received = json!({"codeRetour": 0, "pages": 1, "listeFactures": [{"idFacture": 9001, "numeroFacture": "F", "statut": "X"}]});
    let sent = json!({"codeRetour": 0, "parametresRetour": {"pages": 1},
        "listeFactures": [{"identifiantFactureCPP": 9001, "numeroFacture": "F", "statut": "X"}]});
    let id = answer::<RechercherRecipiendaire>(received).rows[0].id;
    assert_eq!(answer::<RechercherFournisseur>(sent).rows[0].id, id);
    let treated = TraiterRecue::new(id, InvoiceStatus::ServiceFait, Motive::default(), None).unwrap().body();
    let consulted = ConsulterValideur { invoice: id, page: 1 }.body();
    assert_eq!((&treated["idFacture"], &consulted["identifiantFactureCPP"]), (&json!(9001), &json!(9001)));
    assert_eq!(treated.get("identifiantFactureCPP"), None);
    // A structure's number has two names as well, and of those the documents do not say which is right.
    let structure = |id_name| ConsulterStructure { structure: StructureId(7), id_name }.body();
    let first = IdName::default();
    assert_eq!(structure(first), json!({"idStructureCPP": 7, "codeLangue": "fr"}));
    assert_eq!(structure(first.fallback().unwrap()), json!({"idStructure": 7, "codeLangue": "fr"}));
    assert_eq!(first.fallback().unwrap().fallback(), None);
}

#[test]
fn password_expiry_at_424_days_is_read_from_the_structure() {
    let read = answer::<ConsulterStructure>(json!({"codeRetour": 0,
        "parametres": {"numeroEJDoitEtreRenseigne": true, "codeServiceDoitEtreRenseigne": false, "statutMiseEnPaiementNestPasRemonte": null},
        "informationGenerales": {"idStructureCPP": 7, "dateExpirationMotPasseCompteTech": "2027-01-20T00:00:00.000+01:00"}}));
    assert_eq!(read.technical_account_expires.unwrap().paris_day().as_deref(), Some("2027-01-20"));
    assert_eq!(
        (read.commitment_required, read.service_required, read.payment_not_reported),
        (Some(true), Some(false), None)
    );
    assert!(unreadable::<ConsulterStructure>(json!({"codeRetour": 0, "libelle": "x"})).contains("parametres"));
}

#[test]
fn forbidden_with_no_text_is_not_a_refusal() {
    assert_eq!(read_reply::<ConsulterStructure>(403, b""), Reply::Forbidden);
    assert_eq!(read_reply::<DeposerPdf>(403, b"<html></html>"), Reply::Forbidden);
    assert_eq!(read_reply::<TraiterRecue>(401, b""), Reply::Unauthorised);
}

#[test]
fn the_wrong_piste_panel_is_an_invalid_client() {
    let body = br#"{"error":"invalid_client","error_description":"The given client credentials were not valid"}"#;
    assert!(matches!(read_token(400, body), TokenReply::ClientRefused));
}

#[test]
fn lists_cut_short_are_noticed() {
    let rows = json!([{"idFacture": 1, "numeroFacture": "F", "statut": "X"}]);
    let list = |more: Value| {
        let mut body = json!({"codeRetour": 0, "listeFactures": rows});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let page = answer::<RechercherATraiterValideur>(list(json!({"pageCourante": 1, "pages": 4, "total": 301})));
    assert!(page.has_more(Page::FIRST) && page.total == Some(301));
    // Which page an answer takes itself for is not what was asked: a list that says "1" for ever would have no end.
    assert!(!page.has_more(Page { number: 4, rows: 100 }));
    assert_eq!(unreadable::<RechercherATraiterValideur>(list(json!({}))), "pages: is missing");
    assert_eq!(unreadable::<RechercherATraiterValideur>(list(json!({"total": 2}))), "pages: is missing");
    let whole = answer::<RechercherATraiterValideur>(list(json!({"total": 1})));
    assert!(!whole.has_more(Page::FIRST), "the total itself says that nothing is missing");
    assert!(unreadable::<RechercherStructure>(json!({"codeRetour": 0})).contains("listeStructures"));
}

#[test]
fn accepted_then_refused_later() {
    let accepted = answer::<DeposerFlux>(json!({"codeRetour": 0, "numeroFluxDepot": "CPP1"}));
    let report = |state: &str| answer::<ConsulterCrDetaille>(json!({"codeRetour": 0, "etatCourantDepotFlux": state}));
    assert_eq!(accepted.number.as_str(), "CPP1");
    assert!(!report("IN_EN_COURS_TRAITEMENT_CPP").state.is_final());
    assert_eq!(report("IN_REJETE").state.verdict(), Verdict::Rejected);
}

#[test]
fn an_unknown_status_is_told_and_never_final() {
    let read = answer::<TraiterRecue>(json!({"codeRetour": 0, "nouveauStatut": "ENCAISSEE"})).status.unwrap();
    assert!(!read.is_known() && !read.is_final() && read.labels().is_none());
    assert_eq!(read.as_str(), "ENCAISSEE");
}

#[test]
fn a_code_means_what_its_service_says() {
    let meaning = |service, code, label| refusal_meaning(service, code, label, Language::Fr);
    assert!(meaning("completer", 20000, "").unwrap().contains("inconnue"));
    assert_eq!(meaning("soumettre", 20000, ""), None, "a code is never explained by another service's meaning");
    assert!(
        meaning("recycler", 20999, "GDP_MSG_11.008").unwrap().contains("inconnue"),
        "a known label says the same everywhere"
    );
    assert_eq!(meaning("recycler", 20004, "x"), None);
    let fault = refusal_fault("completer", 20002, "GDP_MSG_11.033");
    assert_eq!(fault.code, Code::CallRefused);
    let title = fault.title(Language::Fr);
    assert!(title.contains("GDP_MSG_11.033") && title.contains("n’est pas suspendue"), "{title}");
    assert_eq!(refusal_fault("soumettre", 20303, "x").code, Code::DepositRefused);
    assert_eq!(refusal_fault("recycler", 20004, "libellé").details["label"], "libellé");
    assert_eq!(refusal("deposer/pdf", 413).unwrap().fault, Code::DepositRefused);
    assert!(refusal("completer", 20000).unwrap().meaning(Language::En).contains("does not know"));
}

/// Names that answers hold: arbitrary JSON over them reaches every reader's inside.
const NAMES: &[&str] = &[
    "codeRetour",
    "libelle",
    "parametresRetour",
    "pages",
    "pageCourante",
    "total",
    "listeFactures",
    "idFacture",
    "identifiantFactureCPP",
    "numeroFacture",
    "statut",
    "facture",
    "statutFacture",
    "listeDesPiecesJointes",
    "pieceJointe",
    "fichierResultat",
    "pieceJointeId",
    "listeStructures",
    "idStructureCPP",
    "idStructure",
    "listeServices",
    "idService",
    "codeService",
    "parametres",
    "informationGenerales",
    "listeDestinataires",
    "siret",
    "listeEngagementJuridique",
    "listeFormatFlux",
    "formatFlux",
    "listeStatutsPossiblesPourTraitement",
    "statutPossiblePourTraitement",
    "listeFacturesTravaux",
    "idFactureTravaux",
    "historiquesDesStatuts",
    "histoStatut",
    "histoStatutCode",
    "histoStatutDatePassage",
    "numeroFluxDepot",
    "etatCourantDepotFlux",
    "listeErreurDP",
    "listeStructureRattachement",
    "listeServicesRattache",
    "montantAPayer",
    "dateDepot",
    "access_token",
    "expires_in",
];

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        prop_oneof![Just(0_i64), Just(20_000), any::<i64>()].prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~é€]{0,12}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 48, 6, |inner| {
        let key = proptest::sample::select(NAMES).prop_map(str::to_owned);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::vec((key, inner), 0..6).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

macro_rules! read_all {
    ($status:expr, $body:expr, $($service:ty),* $(,)?) => {
        $(let _ = read_reply::<$service>($status, $body);)*
    };
}

proptest! {
    #[test]
    fn no_answer_makes_a_reader_panic(mut json in any_json(), code in proptest::option::of(0_i64..2), status in 200_u16..503) {
        if let (Some(code), Value::Object(object)) = (code, &mut json) {
            object.insert("codeRetour".to_owned(), code.into());
        }
        let text = json.to_string();
        for body in [text.as_bytes(), &text.as_bytes()[..text.len() / 2]] {
            for status in [200, 400, status] {
                read_all!(
                    status, body, DeposerFlux, DeposerPdf, Soumettre, Completer, AjouterFichier,
                    TelechargerGroupe, TelechargerAnnuaire, TraiterRecue, TraiterFactureAValider, CorrigerValideur,
                    RecupererEtatsTraitement,
                    RechercherEngagement, RechercherStructure, ConsulterStructure, RechercherServices,
                    RecupererRattachements,
                    RechercherATraiterValideur,
                    ConsulterRecipiendaire, ConsulterFournisseur, ConsulterValideur, ConsulterHistorique, ConsulterCrDetaille,
                    RechercherFournisseur, RechercherRecipiendaire, RecupererTauxTva,
                );
            }
            let _ = read_token(status, body);
        }
    }

    #[test]
    fn a_motif_is_a_beginning_of_the_text_and_never_too_long(text in "[a-zé\u{301}\u{200D}😀 ]{0,400}") {
        let motive = Motive::new(&text);
        prop_assert!(motive.full().starts_with(motive.sent()));
        prop_assert!(motive.sent().chars().count() <= MOTIVE_LIMIT);
        prop_assert_eq!(motive.is_cut(), motive.sent().len() < motive.full().len());
    }
}
