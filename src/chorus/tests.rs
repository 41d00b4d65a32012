//! Against the example exchanges and the official swagger, which are read from the reference folder when present, and against
//! hand-made answers for everything they do not show.

mod batch;
mod directory;
mod services;
mod symptoms;

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::*;
use crate::domain::{ChorusInvoiceId, InvoiceStatus, Timestamp};
use crate::fault::Code;
use crate::reference::reference;

/// What the reference folder holds about Chorus Pro.
fn official(path: &str) -> Option<Vec<u8>> {
    Some(std::fs::read(reference(&format!("chorus-pro/{path}"))?).unwrap())
}

/// Reads an example as the body of an answer.
fn example<S: Service>(status: u16, file: &str) -> Option<Reply<S::Answer>> {
    Some(read_reply::<S>(status, &official(&format!("examples/{file}"))?))
}

fn answer<S: Service>(body: Value) -> S::Answer
where
    S::Answer: std::fmt::Debug,
{
    match read_reply::<S>(200, body.to_string().as_bytes()) {
        Reply::Answer(answer) => answer,
        other => panic!("no answer: {other:?}"),
    }
}

fn unreadable<S: Service>(body: Value) -> String
where
    S::Answer: std::fmt::Debug,
{
    match read_reply::<S>(200, body.to_string().as_bytes()) {
        Reply::Unreadable(unreadable) => unreadable.to_string(),
        other => panic!("should be unreadable: {other:?}"),
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// One of each request, with every optional field filled.
fn requests() -> Vec<(&'static str, Value)> {
    let period = Period { from: at("2026-11-01T00:00:00Z"), to: at("2026-11-23T22:59:59Z") };
    let deposit = DeposerFlux {
        content: b"<Invoice/>".as_slice().into(),
        file_name: FluxFileName::from_dropped("facture.xml", FluxSyntax::E1UblInvoice),
        syntax: FluxSyntax::E1UblInvoice,
        signed: true,
    };
    let sent = RechercherFournisseur {
        number: Some("F-1".parse().unwrap()),
        deposit: Some("CPP0011117000000000000001".parse().unwrap()),
        deposited: Some(period),
        state_changed: Some(period),
        page: Page { number: 2, rows: 999 },
    };
    let received = RechercherRecipiendaire {
        kind: PaymentRequest::WorksInvoice,
        number: Some("F-1".parse().unwrap()),
        deposited: Some(period),
        state_changed: Some(period),
        downloaded: Some(false),
        statuses: vec![InvoiceStatus::MiseADisposition, InvoiceStatus::Unknown("NOUVEAU".into())],
        page: Page::FIRST,
    };
    let history = ConsulterHistorique { invoice: ChorusInvoiceId(9001), page: 1 };
    let download = |format| TelechargerGroupe { invoice: ChorusInvoiceId(9001), format };
    vec![
        (DeposerFlux::PATH, deposit.body()),
        (RechercherFournisseur::PATH, sent.body()),
        (RechercherRecipiendaire::PATH, received.body()),
        (ConsulterHistorique::PATH, history.body()),
        (TelechargerGroupe::PATH, download(DownloadFormat::Pivot).body()),
        (TelechargerGroupe::PATH, download(DownloadFormat::Pdf).body()),
    ]
}

/// The swagger's schema of a path's body, closed: the official one lets misspelt fields pass.
fn body_schema(swagger: &Value, path: &str) -> Value {
    let base = swagger["basePath"].as_str().unwrap();
    let operation = &swagger["paths"][path.strip_prefix(base).unwrap()]["post"];
    let body = operation["parameters"].as_array().unwrap().iter().find(|p| p["in"] == "body").unwrap();
    let mut definitions = swagger["definitions"].clone();
    for definition in definitions.as_object_mut().unwrap().values_mut() {
        if definition.get("properties").is_some() {
            definition["additionalProperties"] = Value::Bool(false);
        }
    }
    json!({
        "$schema": "http://json-schema.org/draft-04/schema#",
        "definitions": definitions,
        "allOf": [body["schema"]],
    })
}

#[test]
fn every_request_body_has_the_shape_of_the_official_swagger() {
    let Some(swagger) = official("swagger/factures.json") else { return };
    let swagger: Value = serde_json::from_slice(&swagger).unwrap();
    for (path, body) in requests() {
        // Formats are not judged: the swagger says date-time, Chorus Pro takes dates without an offset (PROTOCOL §2.2).
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).should_validate_formats(false);
        let validator = options.build(&body_schema(&swagger, path)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&body).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{path}: {body}\n{}", errors.join("\n"));
        let mut misspelt = body.clone();
        misspelt["numeroFactur"] = "x".into();
        assert!(!validator.is_valid(&misspelt), "{path}: the closed schema must find a misspelt field");
    }
}

#[test]
fn request_bodies_say_what_was_asked() {
    let bodies = requests();
    assert_eq!(STANDARD.decode(bodies[0].1["fichierFlux"].as_str().unwrap()).unwrap(), b"<Invoice/>");
    assert_eq!(bodies[0].1["syntaxeFlux"], "IN_DP_E1_UBL_INVOICE");
    assert_eq!(bodies[1].1["periodeDateDepotDu"], "2026-11-01T01:00:00", "Paris time");
    assert_eq!(bodies[1].1["periodeDateDepotAu"], "2026-11-23T23:59:59");
    assert_eq!(bodies[1].1["rechercheFactureParFournisseur"]["nbResultatsParPage"], 200, "the documented maximum");
    assert_eq!(bodies[2].1["statutCourant"], json!(["MISE_A_DISPOSITION"]), "an unknown status cannot be asked for");
    assert_eq!(RecupererTauxTva.body(), json!({}), "never an empty body");
    let report =
        ConsulterCrDetaille { deposit: "CPP1".parse().unwrap(), syntax: Some(FluxSyntax::E2CiiFacturX) }.body();
    assert_eq!(report, json!({"numeroFluxDepot": "CPP1", "syntaxeFlux": "IN_DP_E2_CII_FACTURX"}));
    let bare = RechercherFournisseur {
        number: None,
        deposit: None,
        deposited: None,
        state_changed: None,
        page: Page { number: 0, rows: 0 },
    };
    assert_eq!(bare.body()["rechercheFactureParFournisseur"]["pageResultatDemandee"], 1);
}

/// One that comes to the folder is read too, or this says so.
#[test]
fn every_example_is_read_by_a_test() {
    let Some(first) = crate::reference::reference("chorus-pro/examples/01_token_ok.json") else { return };
    let tests = [
        include_str!("tests.rs"),
        include_str!("tests/services.rs"),
        include_str!("../invoice/tests/status_file.rs"),
        include_str!("../simulator/tests/wire.rs"),
    ]
    .concat();
    let names = std::fs::read_dir(first.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    let examples = names.filter_map(|name| name.into_string().ok()).filter(|name| !name.ends_with(".md"));
    let unread: Vec<String> = examples.filter(|name| !tests.contains(&format!("{name}\""))).collect();
    assert!(unread.is_empty(), "no test reads {unread:?}");
}

#[test]
fn the_example_exchanges_read_as_their_names_say() {
    let Some(token) = official("examples/01_token_ok.json") else { return };
    let TokenReply::Token(token) = read_token(200, &token) else { panic!("example 01") };
    assert_eq!((token.access.expose_secret().len(), token.lifetime), (55, Duration::from_secs(3600)));
    let refused = read_token(400, &official("examples/02_token_ko_400.json").unwrap());
    assert!(matches!(refused, TokenReply::ClientRefused));

    let Some(Reply::Answer(deposited)) = example::<DeposerFlux>(200, "04_deposer_flux_ok.json") else { panic!("04") };
    assert_eq!(deposited.number.as_str(), "CPP0011117000000000000001");
    let waiting = example::<ConsulterCrDetaille>(200, "05_crdetaille_en_attente.json");
    let Some(Reply::Answer(waiting)) = waiting else { panic!("05") };
    assert_eq!((waiting.state.verdict(), waiting.summary()), (Verdict::InHand, None));
    let rejected = example::<ConsulterCrDetaille>(200, "06_crdetaille_rejete.json");
    let Some(Reply::Answer(rejected)) = rejected else { panic!("06") };
    assert_eq!(rejected.state, FluxState::Rejected);
    assert_eq!(rejected.invoices.len(), 1, "one object where a list was promised");
    assert_eq!(rejected.invoices[0].number.as_deref(), Some("F2026-0001"));
    assert_eq!(rejected.state_at.unwrap().instant(), Some(at("2026-11-23T09:20:00Z")));

    let empty = example::<RechercherRecipiendaire>(200, "08_rechercher_recipiendaire_vide.json");
    let Some(Reply::Answer(empty)) = empty else { panic!("08") };
    assert_eq!((empty.rows.len(), empty.total, empty.has_more(Page::FIRST)), (0, Some(0), false));
    let found = example::<RechercherRecipiendaire>(200, "09_rechercher_recipiendaire_ok.json");
    let Some(Reply::Answer(found)) = found else { panic!("09") };
    let row = &found.rows[0];
    assert_eq!((row.id, row.number.as_str()), (ChorusInvoiceId(9001), "F2026-0001"));
    assert_eq!(row.status, InvoiceStatus::MiseADisposition);
    assert_eq!((row.payable.as_deref(), row.downloaded), (Some("120.00 EUR"), Some(false)));

    let refusal = example::<TelechargerGroupe>(200, "13_traiter_recue_20002.json");
    let Some(Reply::Refused { code: 20002, label }) = refusal else { panic!("13") };
    assert!(label.starts_with("Incohérence"));
}

#[test]
fn zero_rows_are_success_by_both_transports_for_searches_only() {
    let body = br#"{"codeRetour":20000,"libelle":"TRA_MSG_00.015"}"#;
    for status in [200, 400] {
        assert!(matches!(read_reply::<RechercherFournisseur>(status, body), Reply::Answer(p) if p.rows.is_empty()));
        assert!(matches!(read_reply::<RechercherRecipiendaire>(status, body), Reply::Answer(p) if p.pages == 0));
        for refused in [
            matches!(read_reply::<ConsulterHistorique>(status, body), Reply::Refused { code: 20000, .. }),
            matches!(read_reply::<DeposerFlux>(status, body), Reply::Refused { code: 20000, .. }),
        ] {
            assert!(refused, "HTTP {status}: 20000 is no success elsewhere");
        }
    }
}

#[test]
fn refusals_come_by_both_transports_and_blame_by_service() {
    let body = br#"{"codeRetour":"20001","libelle":"GDP_MSG_11.022"}"#;
    for status in [200, 400, 500] {
        match (status, read_reply::<DeposerFlux>(status, body)) {
            (500, Reply::Failing { status: 500 }) => {}
            (200 | 400, Reply::Refused { code, label }) => {
                assert_eq!((code, label.as_str()), (20001, "GDP_MSG_11.022"));
                assert_eq!(refusal_fault("deposer/flux", code, &label).code, Code::DepositRefused);
                assert_eq!(refusal_fault("consulter/historique", code, &label).code, Code::CallRefused);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn http_answers_without_a_code_are_weighed_by_their_status() {
    type S = DeposerFlux;
    let page = b"<html>Request Rejected</html>";
    assert_eq!(read_reply::<S>(401, b""), Reply::Unauthorised);
    assert_eq!(read_reply::<S>(400, br#"{"error":"invalid_request"}"#), Reply::Unauthorised);
    assert_eq!(read_reply::<S>(403, b""), Reply::Forbidden);
    assert_eq!(read_reply::<S>(429, b""), Reply::TooFast);
    assert_eq!(read_reply::<S>(404, page), Reply::NotThere { status: 404 });
    assert_eq!(read_reply::<S>(400, page), Reply::Refused { code: 400, label: "HTTP 400".into() });
    assert_eq!(read_reply::<S>(413, b""), Reply::Refused { code: 413, label: "HTTP 413".into() });
    for status in [301, 302, 307, 408, 500, 502, 503, 504] {
        assert_eq!(read_reply::<S>(status, page), Reply::Failing { status }, "whether it was taken is not known");
    }
}

#[test]
fn a_success_that_makes_no_sense_is_unreadable_and_says_where() {
    let reason = |body: &[u8]| match read_reply::<DeposerFlux>(200, body) {
        Reply::Unreadable(u) => u.to_string(),
        other => panic!("{other:?}"),
    };
    assert_eq!(reason(b""), "body: is empty");
    assert!(reason(b"<html>login</html>").contains("no JSON"));
    assert!(reason(br#"{"codeRetour":0,"numeroFl"#).contains("cut or damaged"));
    assert!(reason(b"[]").contains("no object"));
    assert_eq!(reason(b"{}"), "codeRetour: is missing");
    assert_eq!(reason(br#"{"codeRetour":0,"libelle":"OK"}"#), "numeroFluxDepot: is missing");
    assert!(reason(br#"{"codeRetour":0,"numeroFluxDepot":"12345678901234567890123456"}"#).contains("25"));
    assert_eq!(unreadable::<ConsulterCrDetaille>(json!({"codeRetour": 0})), "etatCourantDepotFlux: is missing");
    assert_eq!(unreadable::<TelechargerGroupe>(json!({"codeRetour": 0})), "fichierResultat: is missing");
    assert!(unreadable::<TelechargerGroupe>(json!({"codeRetour": 0, "fichierResultat": "é"})).contains("base64"));
    let rows_without_pages = json!({"codeRetour": 0, "listeFactures": [{"idFacture": 1}]});
    assert_eq!(unreadable::<RechercherRecipiendaire>(rows_without_pages), "pages: is missing");
}

#[test]
fn one_bad_row_does_not_hide_the_others() {
    let row = json!({"identifiantFactureCPP": "77", "numeroFacture": "A/1", "statut": "ENCAISSEE",
        "numeroFluxDepot": "CPP1", "montantAPayer": 1234567.891, "dateDepot": "2026-11-20", "inconnu": {}});
    let body = json!({"codeRetour": 0, "parametresRetour": {"pageCourante": 1, "pages": 3, "total": 202},
        "listeFactures": [row, {"numeroFacture": "A/2", "statut": "DEPOSEE"}, null]});
    let page = answer::<RechercherFournisseur>(body);
    assert_eq!((page.rows.len(), page.pages, page.total, page.has_more(Page::FIRST)), (1, 3, Some(202), true));
    assert_eq!(page.unreadable[0].to_string(), "listeFactures[1].identifiantFactureCPP: is missing");
    assert_eq!(page.rows[0].id, ChorusInvoiceId(77), "a number written as text");
    assert_eq!(page.rows[0].status, InvoiceStatus::Unknown("ENCAISSEE".into()));
    assert_eq!(page.rows[0].deposit.as_ref().unwrap().as_str(), "CPP1");
    assert_eq!(page.rows[0].payable.as_deref(), Some("1234567.891"));
    assert_eq!(Page::FIRST.next(), Page { number: 2, rows: 100 });
}

#[test]
fn a_history_keeps_its_order_its_words_and_its_authors() {
    let history = answer::<ConsulterHistorique>(json!({
        "codeRetour": 0, "libelle": "GCU_MSG_01_000", "numeroFacture": "F-1", "statutCourantCode": "SUSPENDUE",
        "historiquesDesStatuts": {"pageCouranteHistoStatut": 1, "pagesHistoStatut": 2, "histoStatut": [
            {"histoStatutCode": "DEPOSEE", "histoStatutDatePassage": "2016-10-25 17:42"},
            {"histoStatutCode": "SUSPENDUE", "histoStatutDatePassage": "2026-11-23T10:15:00.000+01:00",
             "histoStatutCommentaire": "Pièce manquante, œuvre à 10 €", "histoStatutUtilisateurPrenom": "Zoé",
             "histoStatutUtilisateurNom": "Émile"}]},
        "historiquesDesEvenementsComplementaires": {"evenement": {"evenementLibelle": "Relance"}},
        "historiquesDesActionsUtilisateurs": null,
    }));
    assert_eq!(history.current, Some(InvoiceStatus::Suspendue));
    assert_eq!(history.statuses[0].status, InvoiceStatus::Deposee);
    assert_eq!(history.statuses[0].author, None);
    assert_eq!(history.statuses[1].comment.as_deref(), Some("Pièce manquante, œuvre à 10 €"));
    assert_eq!(history.statuses[1].author.as_deref(), Some("Zoé Émile"));
    assert_eq!(history.events[0].label, "Relance");
    assert!(history.actions.is_empty() && history.has_more(1) && !history.has_more(2));
    let without_date = json!({"codeRetour": 0, "historiquesDesStatuts": {"histoStatut": [{"histoStatutCode": "X"}]}});
    assert!(unreadable::<ConsulterHistorique>(without_date).contains("histoStatut[0].histoStatutDatePassage"));
}

#[test]
fn downloads_are_decoded_with_or_without_padding_and_line_breaks() {
    for text in ["PD94bWw/Pg==", "PD94bWw/Pg", "PD94\nbWw/\r\nPg==\n"] {
        assert_eq!(answer::<TelechargerGroupe>(json!({"codeRetour": 0, "fichierResultat": text})), b"<?xml?>");
    }
}

#[test]
fn flux_states_are_known_running_or_final_and_a_new_one_is_neither() {
    assert_eq!(FluxState::KNOWN.len(), 13);
    for state in FluxState::KNOWN {
        assert_eq!(&FluxState::from(state.as_str()), state);
        assert_ne!(state.verdict(), Verdict::Unknown);
        assert_eq!(state.is_final(), state.verdict() != Verdict::InHand);
    }
    assert_eq!(FluxState::from("IN_INTEGRE").verdict(), Verdict::Integrated);
    assert_eq!(FluxState::from("IN_INTEGRE_PARTIEL").verdict(), Verdict::PartlyIntegrated);
    assert_eq!(FluxState::from("IN_INCIDENTE").verdict(), Verdict::Incident);
    let new = FluxState::from("IN_TOUT_VA_BIEN");
    assert_eq!((new.verdict(), new.is_final(), new.as_str()), (Verdict::Unknown, false, "IN_TOUT_VA_BIEN"));
}

#[test]
fn a_report_sums_up_its_errors_in_one_line() {
    let report = answer::<ConsulterCrDetaille>(json!({
        "codeRetour": 0, "etatCourantDepotFlux": "QP_IRRECEVABLE", "listeErreurDP": [{"libelleErreurDP": "un"}],
        "listeErreurTechnique": [{"codeErreur": "IRR_TAILLE", "libelleErreur": "trop gros"}, {"libelleErreur": "et"}],
    }));
    assert_eq!(report.state.verdict(), Verdict::Rejected);
    assert_eq!(report.summary().as_deref(), Some("un ; IRR_TAILLE trop gros ; et"));
}

#[test]
fn syntaxes_are_the_swaggers_and_follow_the_content() {
    if let Some(swagger) = official("swagger/factures.json") {
        let swagger: Value = serde_json::from_slice(&swagger).unwrap();
        let listed = &swagger["definitions"]["DeposerFluxFactureParam"]["properties"]["syntaxeFlux"]["enum"];
        let mut listed: Vec<&str> = listed.as_array().unwrap().iter().filter_map(Value::as_str).collect();
        let mut ours: Vec<&str> =
            FluxSyntax::ALL.iter().map(|s| s.as_str()).filter(|s| *s != "IN_DP_E3_UBL_INVOICE").collect();
        listed.sort_unstable();
        ours.sort_unstable();
        assert_eq!(ours, listed);
    }
    let chosen = |syntax| FluxSyntax::for_invoice(syntax).map(FluxSyntax::as_str);
    assert_eq!(chosen("ubl-invoice"), Some("IN_DP_E1_UBL_INVOICE"));
    assert_eq!(chosen("ubl-creditnote"), Some("IN_DP_E1_UBL_INVOICE"));
    assert_eq!(chosen("cii"), Some("IN_DP_E1_CII_16B"));
    assert_eq!(chosen("facturx"), Some("IN_DP_E2_CII_FACTURX"));
    assert_eq!(chosen("pivot"), None);
}

#[test]
fn file_names_become_what_chorus_pro_takes() {
    let name = |dropped: &str, syntax| FluxFileName::from_dropped(dropped, syntax).as_str().to_owned();
    let ubl = FluxSyntax::E1UblInvoice;
    assert_eq!(name("facture 12.xml", ubl), "facture 12.xml");
    assert_eq!(name("FACT.XML", ubl), "FACT.xml");
    assert_eq!(name("a%$!&/\\:;«»#@é.xml", ubl), "a_____________.xml");
    assert_eq!(name("facture", ubl), "facture.xml");
    assert_eq!(name("facture.xml", FluxSyntax::E2CiiFacturX), "facture.xml.pdf");
    assert_eq!(name(".xml", ubl), "facture.xml");
    assert_eq!(name("..pdf", FluxSyntax::E2CiiFacturX), "facture.pdf");
    let long = name(&"x".repeat(300), ubl);
    assert!(long.len() == 200 && long.ends_with(".xml"));
}

#[test]
fn dates_are_read_in_every_form_seen_and_kept_as_they_came() {
    for (text, meant) in [
        ("2015-07-22", Some("2015-07-21T22:00:00Z")),
        ("2016-10-25 17:42", Some("2016-10-25T15:42:00Z")),
        ("2026-11-23T10:15:00.000+01:00", Some("2026-11-23T09:15:00Z")),
        ("2026-11-23T10:15:00+0100", Some("2026-11-23T09:15:00Z")),
        ("2026-11-23T10:15:00Z", Some("2026-11-23T10:15:00Z")),
        ("2026-11-23T23:59:59", Some("2026-11-23T22:59:59Z")),
        ("1795428902007", Some("2026-11-23T10:15:02.007Z")),
        ("hier", None),
        ("20261123", Some("2026-11-22T23:00:00Z")),
    ] {
        let date = WireDate::new(text);
        assert_eq!(date.instant(), meant.map(at), "{text}");
        assert_eq!(date.as_str(), text);
    }
    assert_eq!(WireDate::new("2026-06-30T23:30:00Z").paris_day().as_deref(), Some("2026-07-01"));
}

#[test]
fn retry_after_is_seconds_or_a_date() {
    let now = at("2026-11-23T10:00:00Z");
    assert_eq!(retry_after(" 120 ", now), Some(Duration::from_secs(120)));
    assert_eq!(retry_after("Mon, 23 Nov 2026 10:01:30 GMT", now), Some(Duration::from_secs(90)));
    assert_eq!(retry_after("Mon, 23 Nov 2026 09:00:00 GMT", now), Some(Duration::ZERO), "already past");
    assert_eq!(retry_after("soon", now), None);
    assert_eq!(retry_after("-5", now), None);
}

#[test]
fn the_token_request_is_encoded_and_the_account_is_base64_of_utf8() {
    let form = token_form("id-1", &SecretString::from("p&s=w %é+"));
    assert_eq!(
        form.expose_secret(),
        "grant_type=client_credentials&client_id=id-1&client_secret=p%26s%3Dw%20%25%C3%A9%2B&scope=openid"
    );
    let header = account_header("TECH_1_00000@cpro.fr", &SecretString::from("é:€"));
    assert_eq!(STANDARD.decode(header.expose_secret()).unwrap(), "TECH_1_00000@cpro.fr:é:€".as_bytes());
    assert!(!format!("{form:?}{header:?}").contains("p%26s"), "secrets do not print");
}

#[test]
fn token_answers_are_believed_only_when_they_hold_a_token() {
    let ok = read_token(200, br#"{"access_token":"abc","token_type":"Bearer"}"#);
    let TokenReply::Token(token) = ok else { panic!("{ok:?}") };
    assert_eq!(token.lifetime, TOKEN_LIFETIME_DEFAULT);
    let ever = read_token(200, br#"{"access_token":"abc","expires_in":999999999}"#);
    assert!(matches!(ever, TokenReply::Token(t) if t.lifetime == Duration::from_secs(86_400)));
    for garbled in [
        &b""[..],
        b"<html>",
        b"{}",
        br#"{"access_token":""}"#,
        br#"{"access_token":null}"#,
        br#"{"access_token":"a b"}"#,
        br#"{"access_token":"a\r\nX: y"}"#,
        br#"{"access_token":"abc","expires_in":-1}"#,
    ] {
        assert!(matches!(read_token(200, garbled), TokenReply::Unreadable), "{}", String::from_utf8_lossy(garbled));
    }
    assert!(matches!(read_token(401, b""), TokenReply::ClientRefused));
    assert!(matches!(read_token(403, b""), TokenReply::Forbidden));
    assert!(matches!(read_token(429, b""), TokenReply::TooFast));
    assert!(matches!(read_token(503, b""), TokenReply::Failing { status: 503 }));
}
