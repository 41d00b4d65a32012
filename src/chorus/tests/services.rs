//! The services beyond deposit, search and download: what is sent has the documented shape, what comes back is read.

use super::super::batch::BATCH_LIMIT;
use super::*;
use crate::domain::Siret;
use crate::invoice::pdf_data::{Frame, Line, Party, Payment, Totals, Vat, VatKind};

fn siret(text: &str) -> Siret {
    text.parse().unwrap()
}

fn references() -> References {
    References {
        currency: "EUR".into(),
        credit_note: true,
        vat: VatKind::Exempt("ARTICLE_261".into()),
        payment: Payment::Transfer,
        market: Some("M1".into()),
        order: Some("4500001".into()),
        origin: Some("F-0".parse().unwrap()),
    }
}

pub(super) fn submission() -> Submission {
    let decimal = |text: &str| text.parse().unwrap();
    Submission {
        signed: false,
        number: "F2026-0001".parse().unwrap(),
        issued_on: "2026-11-19".into(),
        recipient: Party { siret: siret("12345678200051"), service: Some("COMPTA".into()) },
        supplier: StructureId(77),
        supplier_service: Some(1),
        bank_details: Some(2),
        frame: Frame::A9(Party { siret: siret("12345678200036"), service: Some("S".into()) }),
        references: references(),
        lines: vec![Line {
            reference: Some("R-1".into()),
            name: "Ramettes".into(),
            quantity: decimal("10"),
            unit: Some("LOT".into()),
            price: decimal("10.01"),
            discount: Some(decimal("0")),
            vat_rate: Some(decimal("5.5")),
        }],
        vat: vec![Vat { rate: decimal("5.5"), base: decimal("100.10"), tax: decimal("5.51") }],
        totals: Totals {
            without_tax: decimal("100.10"),
            tax: decimal("5.51"),
            with_tax: decimal("105.61"),
            discount: None,
            payable: decimal("105.61"),
        },
        principal: AttachmentId(10),
        principal_name: "facture.pdf".into(),
        attachments: vec![AttachmentReference {
            id: AttachmentId(11),
            designation: "Bon de livraison".into(),
            kind: Some("01".into()),
            line: Some(1),
        }],
        comment: "œuvre à 10 €".into(),
    }
}

/// Whose body no list describes; its fields are compared by the tests against the simulator (`tests/it/contract.rs`).
const JUDGED_ELSEWHERE: [&str; 1] = ["/cpro/engagementsJuridiques/v1/rechercher"];

/// One of each request, with every optional field filled.
fn all_requests() -> Vec<(&'static str, Value)> {
    let id = ChorusInvoiceId(9001);
    let page = Page { number: 2, rows: 50_000 };
    let treat = TraiterRecue::new(id, InvoiceStatus::Mandatee, Motive::new("é"), Some("M-1")).unwrap();
    let refuse = ValidatorAction::Refuse { motive: "ERR_VALIDEUR".into(), more: "non".into() };
    let mut object = Soumettre::new(submission()).unwrap();
    object.principal_shape = object.principal_shape.fallback().unwrap();
    let attachment = AjouterFichier::new("bon de livraison.pdf", b"%PDF-1".as_slice().into()).unwrap();
    let pdf = DeposerPdf {
        content: b"%PDF-1".as_slice().into(),
        file_name: DeposerPdf::file_name("f.pdf"),
        signature: PdfSignature::Pades,
    };
    let validator = TraiterFactureAValider { invoice: id, action: refuse, role: Some("1".into()), validator: Some(7) };
    let complete = Completer { invoice: id, attachments: submission().attachments, comment: "voici".into() };
    let correct = CorrigerValideur { invoice: id, validator: siret("12345678200036") };
    let structure = Some(StructureId(77));
    vec![
        (TraiterRecue::PATH, treat.body()),
        (TraiterFactureAValider::PATH, validator.body()),
        (CorrigerValideur::PATH, correct.body()),
        (DeposerPdf::PATH, pdf.body()),
        (Soumettre::PATH, object.body()),
        (Completer::PATH, complete.body()),
        (ConsulterRecipiendaire::PATH, ConsulterRecipiendaire { invoice: id, page: 2 }.body()),
        (ConsulterFournisseur::PATH, ConsulterFournisseur { invoice: id, page: 2 }.body()),
        (ConsulterValideur::PATH, ConsulterValideur { invoice: id, page: 2 }.body()),
        (RechercherATraiterValideur::PATH, RechercherATraiterValideur { structure, page }.body()),
        (AjouterFichier::PATH, attachment.body()),
        (TelechargerAnnuaire::PATH, TelechargerAnnuaire.body()),
        (RecupererEtatsTraitement::PATH, RecupererEtatsTraitement { current: InvoiceStatus::Suspendue }.body()),
        (RecupererTauxTva::PATH, RecupererTauxTva.body()),
        (
            ConsulterCrDetaille::PATH,
            ConsulterCrDetaille { deposit: "CPP1".parse().unwrap(), syntax: Some(FluxSyntax::E2CiiFacturX) }.body(),
        ),
        (RechercherStructure::PATH, RechercherStructure { siret: "1".into(), page }.body()),
        (
            ConsulterStructure::PATH,
            ConsulterStructure { structure: StructureId(77), id_name: IdName::IdStructure }.body(),
        ),
        (RechercherServices::PATH, RechercherServices { structure: StructureId(77), page }.body()),
        (RecupererRattachements::PATH, RecupererRattachements { page }.body()),
    ]
}

/// Every service that is called at all is among those whose bodies are compared.
#[test]
fn every_path_of_the_connector_is_judged() {
    let mut judged: std::collections::BTreeSet<&str> = all_requests().iter().map(|(path, _)| *path).collect();
    judged.extend(super::requests().iter().map(|(path, _)| *path));
    judged.extend(JUDGED_ELSEWHERE);
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/chorus");
    let mut paths = 0;
    for file in std::fs::read_dir(here).unwrap().map(|entry| entry.unwrap().path()) {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        for (_, after) in text.match_indices("const PATH: &'static str = ").map(|(at, _)| text.split_at(at)) {
            let path = after.split('"').nth(1).unwrap();
            paths += 1;
            // A macro's is the beginning of several.
            let is_judged =
                judged.iter().any(|one| if path.ends_with('/') { one.starts_with(path) } else { *one == path });
            assert!(is_judged, "no test compares the body of {path} ({})", file.display());
        }
    }
    assert!(paths > 20, "{paths}");
}

#[test]
fn every_request_of_the_factures_api_has_the_shape_of_the_swagger() {
    let Some(swagger) = official("swagger/factures.json") else { return };
    let swagger: Value = serde_json::from_slice(&swagger).unwrap();
    for (path, body) in all_requests().into_iter().filter(|(path, _)| path.starts_with("/cpro/factures/")) {
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).should_validate_formats(false);
        let validator = options.build(&body_schema(&swagger, path)).unwrap();
        let errors: Vec<String> = validator.iter_errors(&body).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{path}: {body}\n{}", errors.join("\n"));
    }
}

/// The other APIs' official swaggers were not found: their shapes are those of a client that works.
#[test]
fn every_other_request_has_the_fields_of_a_client_that_works() {
    let Some(endpoints) = official("endpoints.json") else { return };
    let endpoints: Value = serde_json::from_slice(&endpoints).unwrap();
    for (path, body) in all_requests().into_iter().filter(|(path, _)| !path.starts_with("/cpro/factures/")) {
        let listed = endpoints["endpoints"].as_array().unwrap().iter().find(|e| e["path"] == path);
        let request = &listed.unwrap_or_else(|| panic!("{path} is in no list"))["request"];
        match request.as_str() {
            Some(name) => known_fields(&endpoints["structs"], name, &body, path),
            None => assert_eq!(body, json!({}), "{path}"),
        }
    }
}

fn known_fields(structs: &Value, name: &str, body: &Value, place: &str) {
    for (key, value) in body.as_object().unwrap() {
        let fields = structs[name].as_array().unwrap();
        let field =
            fields.iter().find(|f| f["json"] == *key).unwrap_or_else(|| panic!("{place}: {key} is not in {name}"));
        let kind = field["go"].as_str().unwrap().trim_matches(['*', '[', ']']);
        match value {
            Value::Object(_) => known_fields(structs, kind, value, &format!("{place}.{key}")),
            Value::Array(items) => {
                items.iter().for_each(|item| known_fields(structs, kind, item, &format!("{place}.{key}")));
            }
            Value::String(_) => assert!(!kind.starts_with("int"), "{place}.{key}: a text for {kind}"),
            Value::Number(_) => assert!(kind.starts_with("int"), "{place}.{key}: a number for {kind}"),
            _ => {}
        }
    }
}

#[test]
fn the_calls_that_change_something_say_so() {
    fn changes<S: Service>(_: &S) -> bool {
        S::CHANGES
    }
    let treat = TraiterRecue::new(ChorusInvoiceId(1), InvoiceStatus::ServiceFait, Motive::default(), None).unwrap();
    let validate = ValidatorAction::Validate;
    let validate = TraiterFactureAValider { invoice: treat.invoice(), action: validate, role: None, validator: None };
    assert_eq!(validate.body(), json!({"idFacture": 1, "action": "VALIDATION"}));
    let pdf =
        DeposerPdf { content: Bytes::new(), file_name: DeposerPdf::file_name("f"), signature: PdfSignature::None };
    assert_eq!(pdf.body()["nomFichier"], "f.pdf");
    let complete = Completer { invoice: treat.invoice(), attachments: Vec::new(), comment: String::new() };
    assert!(changes(&treat) && changes(&validate));
    let correct = CorrigerValideur { invoice: treat.invoice(), validator: siret("12345678200036") };
    assert!(changes(&correct));
    let sent = json!({"idFacture": 1, "typeIdentifiantStructure": "SIRET", "identifiantStructure": "12345678200036"});
    assert_eq!(correct.body(), sent);
    let read = read_reply::<CorrigerValideur>(200, br#"{"codeRetour": 0, "libelle": "", "idFacture": 1}"#);
    let Reply::Answer(named) = read else { panic!("{read:?}") };
    assert_eq!((named.invoice, named.status), (Some(treat.invoice()), None), "the invoice alone is told");
    assert!(changes(&pdf) && changes(&complete) && changes(&Soumettre::new(submission()).unwrap()));
    assert!(changes(&AjouterFichier::new("a.pdf", b"x".as_slice().into()).unwrap()));
    assert!(!changes(&TelechargerAnnuaire) && !changes(&RecupererTauxTva));
    assert_eq!(RechercherATraiterValideur::PATH, "/cpro/factures/v1/rechercher/aTraiter/valideur", "capital T here");
    assert_eq!(BATCH_LIMIT, 500);
}

#[test]
fn a_refusal_of_a_validator_has_its_code_and_the_text_behind_it() {
    let id = ChorusInvoiceId(1);
    let refuse = |target: InvoiceStatus, motive: &str| {
        TraiterFactureAValider::new(id, &target, &Motive::new(motive)).map(|service| service.body())
    };
    let sent =
        |code: &str, more: &str| json!({"idFacture": 1, "action": "REFUS", "motifRefus": code, "complementInfo": more});
    for (motive, code, more) in [
        ("montant faux", "AUT_MOTIF_ERR_VALIDEUR", "montant faux"),
        ("ERR_VALIDEUR", "ERR_VALIDEUR", ""),
        ("ERR_VALIDEUR - voir l’œuvre", "ERR_VALIDEUR", "voir l’œuvre"),
        ("ST_CT_NON_DECLAR : inconnu", "ST_CT_NON_DECLAR", "inconnu"),
        ("ERREUR de lot", "AUT_MOTIF_ERR_VALIDEUR", "ERREUR de lot"),
    ] {
        assert_eq!(refuse(InvoiceStatus::Refusee1, motive), Ok(sent(code, more)), "{motive}");
    }
    let long = refuse(InvoiceStatus::Refusee2, &"é".repeat(300)).unwrap();
    assert_eq!(long["complementInfo"].as_str().unwrap().chars().count(), MOTIVE_LIMIT);
    assert_eq!(refuse(InvoiceStatus::Refusee2, " "), Err(TreatmentError::MotiveMissing(InvoiceStatus::Refusee2)));
    assert_eq!(refuse(InvoiceStatus::Validee2, ""), Ok(json!({"idFacture": 1, "action": "VALIDATION"})));
    assert!(matches!(refuse(InvoiceStatus::Mandatee, "x"), Err(TreatmentError::NoTarget(_))));
    for target in VALIDATOR_TARGETS {
        let waits = awaited(&target).unwrap();
        assert_eq!(decision(target.clone(), Some(&waits)), target);
        assert!(outcomes(&target).contains(&target) && !outcomes(&target).contains(&waits));
    }
    assert_eq!(decision(InvoiceStatus::Refusee1, Some(&InvoiceStatus::AValider2)), InvoiceStatus::Refusee2);
    assert_eq!(awaited(&InvoiceStatus::Rejetee), None, "a recipient's");
}

#[test]
fn example_11_is_what_we_send_and_12_and_13_are_read() {
    let Some(wanted) = official("examples/11_traiter_recue_req.json") else { return };
    let motive = Motive::new("Piece justificative manquante");
    let request = TraiterRecue::new(ChorusInvoiceId(9001), InvoiceStatus::Suspendue, motive, None).unwrap();
    assert_eq!(request.body(), serde_json::from_slice::<Value>(&wanted).unwrap());
    let Some(Reply::Answer(done)) = example::<TraiterRecue>(200, "12_traiter_recue_ok.json") else { panic!("12") };
    assert_eq!((done.invoice, done.status), (Some(ChorusInvoiceId(9001)), Some(InvoiceStatus::Suspendue)));
    for status in [200, 400] {
        let refused = example::<TraiterRecue>(status, "13_traiter_recue_20002.json");
        let Some(Reply::Refused { code: 20002, label }) = refused else { panic!("13") };
        let fault = refusal_fault(TraiterRecue::NAME, 20002, &label);
        assert!(fault.title(crate::fault::Language::Fr).contains("Ce statut ne peut pas suivre"));
    }
}

#[test]
fn the_requests_among_the_examples_are_what_we_send() {
    let Some(wanted) = official("examples/03_deposer_flux_req.json") else { return };
    let deposit = DeposerFlux {
        content: b"<?xml version=\"1.0\"?>".as_slice().into(),
        file_name: FluxFileName::from_dropped("F2026-0001.pdf", FluxSyntax::E2CiiFacturX),
        syntax: FluxSyntax::E2CiiFacturX,
        signed: false,
    };
    let parse = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).unwrap();
    assert_eq!(deposit.body(), parse(&wanted));
    let download = TelechargerGroupe { invoice: ChorusInvoiceId(9001), format: DownloadFormat::Pivot };
    assert_eq!(download.body(), parse(&official("examples/10_telecharger_groupe_req.json").unwrap()));
    let search = RechercherRecipiendaire {
        kind: PaymentRequest::Invoice,
        number: None,
        deposited: None,
        state_changed: Some(Period { from: at("2026-11-01T00:00:00Z"), to: at("2026-11-23T00:00:00Z") }),
        downloaded: Some(false),
        statuses: Vec::new(),
        page: Page::FIRST,
    };
    let example = parse(&official("examples/07_rechercher_recipiendaire_req.json").unwrap());
    let keys = |v: &Value| v.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>();
    assert_eq!(keys(&search.body()), keys(&example));
}

#[test]
fn the_example_pivot_comes_out_of_a_download_bare_or_zipped() {
    use crate::invoice::pivot;
    let Some(xml) = official("examples/pivot_min.xml") else { return };
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file("9001/pivot.xml", zip::write::SimpleFileOptions::default()).unwrap();
    std::io::Write::write_all(&mut zip, &xml).unwrap();
    for bytes in [xml.clone(), zip.finish().unwrap().into_inner()] {
        let body = json!({"codeRetour": 0, "fichierResultat": STANDARD.encode(&bytes)});
        let downloaded = answer::<TelechargerGroupe>(body);
        let limits = pivot::Limits::default();
        let read = pivot::read(&pivot::unwrap_download(&downloaded, &limits).unwrap(), &limits).unwrap();
        assert_eq!(read.invoices[0].number, "F2026-0001");
    }
}

#[test]
fn an_impossible_status_is_refused_before_anything_is_sent() {
    let too_long = "9".repeat(101);
    let new =
        |target, motive: &str, mandate| TraiterRecue::new(ChorusInvoiceId(1), target, Motive::new(motive), mandate);
    assert_eq!(new(InvoiceStatus::Deposee, "", None), Err(TreatmentError::NoTarget(InvoiceStatus::Deposee)));
    for status in [InvoiceStatus::Rejetee, InvoiceStatus::Suspendue] {
        let error = new(status.clone(), "  ", None).unwrap_err();
        assert_eq!(error, TreatmentError::MotiveMissing(status));
        assert!(error.remedy().contains("exige un motif"), "{}", error.remedy());
    }
    assert_eq!(
        new(InvoiceStatus::Mandatee, "", Some(" ")),
        Err(TreatmentError::MandateMissing(InvoiceStatus::Mandatee))
    );
    assert!(new(InvoiceStatus::Mandatee, "", Some(&too_long)).is_err());
    for target in RECIPIENT_TARGETS {
        let made = new(target.clone(), "m", Some("M-1")).unwrap().body();
        let mandate = if target == InvoiceStatus::Mandatee { "M-1" } else { "" };
        assert_eq!((&made["numeroDPMandat"], &made["nouveauStatut"]), (&json!(mandate), &json!(target.as_str())));
    }
}

#[test]
fn allowed_transitions_are_asked_and_an_empty_list_is_not_a_missing_one() {
    const LIST: &str = "listeStatutsPossiblesPourTraitement";
    let read = |list: Value| answer::<RecupererEtatsTraitement>(json!({"codeRetour": 0, LIST: list}));
    assert_eq!(
        read(json!([{"statutPossiblePourTraitement": "MANDATEE"}, "REJETEE"])),
        [InvoiceStatus::Mandatee, InvoiceStatus::Rejetee]
    );
    assert_eq!(read(json!({"statutPossiblePourTraitement": "MANDATEE"})), [InvoiceStatus::Mandatee]);
    assert_eq!(read(json!([])), []);
    assert_eq!(answer::<RecupererEtatsTraitement>(json!({"codeRetour": 20000})), []);
    assert!(unreadable::<RecupererEtatsTraitement>(json!({"codeRetour": 0})).contains(LIST));
}

#[test]
fn a_pdf_is_read_without_a_code_and_submitted_with_exact_amounts() {
    let read = answer::<DeposerPdf>(json!({"pieceJointeId": 10, "numeroFacture": "F-1", "montantAPayer": 105.61}));
    assert_eq!((read.attachment, read.payable.as_deref()), (AttachmentId(10), Some("105.61")));
    assert_eq!(unreadable::<DeposerPdf>(json!({"numeroFacture": "F-1"})), "pieceJointeId: is missing");
    assert!(matches!(read_reply::<DeposerPdf>(200, br#"{"codeRetour":20001}"#), Reply::Refused { code: 20001, .. }));
    assert_eq!(unreadable::<DeposerFlux>(json!({"numeroFluxDepot": "CPP1"})), "codeRetour: is missing");

    let body = Soumettre::new(submission()).unwrap().body();
    assert_eq!(body["pieceJointePrincipale"][0]["pieceJointePrincipaleId"], 10, "a list, as working clients send it");
    assert_eq!(body["montantTotal"]["montantTtcTotal"].to_string(), "105.61");
    assert_eq!(body["ligneTva"][0]["ligneTvaTauxManuel"].to_string(), "5.5");
    assert_eq!(body["cadreDeFacturation"]["codeStructureValideur"], "12345678200036");
    assert_eq!(body["references"]["motifExonerationTva"], "ARTICLE_261");
    assert_eq!(body["commentaire"], "œuvre à 10 €");
    let done = answer::<Soumettre>(json!({"codeRetour": 0, "identifiantFactureCPP": 5, "statutFacture": "DEPOSEE"}));
    assert_eq!((done.invoice, done.status), (ChorusInvoiceId(5), Some(InvoiceStatus::Deposee)));

    type Change = fn(&mut Submission);
    let cases: [(&str, Change); 6] = [
        ("number", |s| s.number = "F2026-0001-TROP-LONGUE".parse().unwrap()),
        ("number", |s| s.number = "Facturé".parse().unwrap()),
        ("issue date", |s| s.issued_on = "19/11/2026".into()),
        ("totals", |s| s.totals.tax = "5.52".parse().unwrap()),
        ("base", |s| s.vat[0].base = "0.1234567".parse().unwrap()),
        ("net à payer", |s| s.totals.payable = "10000000000000".parse().unwrap()),
    ];
    for (what, change) in cases {
        let mut wrong = submission();
        change(&mut wrong);
        let error = Soumettre::new(wrong).unwrap_err();
        assert!(error.to_string().starts_with(what), "{what}: {error}");
        assert!(!error.remedy().is_empty());
    }
}

#[test]
fn attachments_are_named_typed_and_bounded() {
    let file = |name: &str| AjouterFichier::new(name, b"x".as_slice().into());
    let body = file("Bon de livraison n° 12 / été, signé par la cheffe de service.PDF").unwrap().body();
    let name = body["pieceJointeNom"].as_str().unwrap();
    assert_eq!(name.chars().count(), 50, "{name}");
    assert!(name.ends_with(".pdf") && name.starts_with("Bon de livraison n_ 12 _ été_ sign"));
    assert_eq!(
        (&body["pieceJointeTypeMime"], &body["pieceJointeExtension"]),
        (&json!("application/pdf"), &json!("PDF"))
    );
    assert_eq!(file("..pdf").unwrap().name(), "piece.pdf");
    assert_eq!(file("virus.exe"), Err(AttachmentError::Extension("exe".into())));
    assert!(file("sans").unwrap_err().remedy().contains("PDF"));
    assert_eq!(AjouterFichier::new("a.pdf", Bytes::new()), Err(AttachmentError::Empty));
    let large = vec![0; ATTACHMENT_LIMIT + 1];
    assert!(matches!(AjouterFichier::new("a.pdf", large.into()), Err(AttachmentError::TooLarge { .. })));
    assert_eq!(answer::<AjouterFichier>(json!({"codeRetour": 0, "pieceJointeId": "12"})), AttachmentId(12));
}

#[test]
fn a_pdf_download_is_one_file_or_an_archive_of_them() {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in [("F-1/", ""), ("F-1/Facture.pdf", "%PDF-1"), ("F-1\\..\\bon.txt", "reçu")] {
        let options = zip::write::SimpleFileOptions::default();
        if name.ends_with('/') {
            zip.add_directory(name, options).unwrap()
        } else {
            zip.start_file(name, options).unwrap()
        }
        std::io::Write::write_all(&mut zip, content.as_bytes())
            .or_else(|e| if content.is_empty() { Ok(()) } else { Err(e) })
            .unwrap();
    }
    let zip = zip.finish().unwrap().into_inner();
    let files = downloaded_files(&zip, 1_000).unwrap();
    let names: Vec<_> = files.iter().map(|f| f.name.as_str()).collect();
    assert_eq!(names, ["Facture.pdf", "bon.txt"]);
    assert_eq!(files[1].content, "reçu".as_bytes());
    assert!(downloaded_files(&zip, 8).unwrap_err().to_string().contains("more than 8 bytes"));
    assert!(downloaded_files(b"PK\x03\x04x", 8).is_err());
    assert_eq!(downloaded_files(b"%PDF-1", 8).unwrap()[0].content, b"%PDF-1");
}

#[test]
fn an_invoice_in_full_is_read_and_its_original_kept() {
    let full = json!({"codeRetour": 0, "facture": {
        "identifiantFactureCPP": 9001, "numeroFacture": "F-1", "statutFacture": "SUSPENDUE", "rejetTraite": "false",
        "modeDepot": "UPLOAD_API", "commentaire": "Œuvre à 10 €", "champNouveau": {"a": 1},
        "destinataire": {"codeDestinataire": "12345678200051", "designationDestinataire": "U", "codeServiceExecutant": "S"},
        "fournisseur": {"codeFournisseur": "33254021516357", "raisonSocialeFournisseur": "F"},
        "cadreDeFacturation": {"codeCadreFacturation": "A9_FACTURE_SOUSTRAITANT", "idValideur1": 3, "codeValideur1": "V"},
        "references": {"dateFacture": "2026-11-19", "numeroDpMandat": "M-1", "numeroBonCommande": "45"},
        "montantTotal": {"montantAPayer": 12.5},
        "listeDesPiecesJointes": {"pagesListePiecesJointe": 3, "pieceJointe": {"pieceJointeId": 4, "pieceJointeExtension": "PDF"}},
    }});
    let read = answer::<ConsulterValideur>(full);
    assert_eq!((read.id, read.status.clone()), (ChorusInvoiceId(9001), InvoiceStatus::Suspendue));
    assert_eq!((read.mandate.as_deref(), read.order.as_deref()), (Some("M-1"), Some("45")));
    assert_eq!((read.rejection_acknowledged, read.validators.iter().flatten().count()), (Some(false), 1));
    assert_eq!((read.attachments[0].id, read.has_more(1), read.has_more(3)), (Some(4), true, false));
    assert_eq!(read.original["champNouveau"]["a"], 1, "fields that are not known are kept");
    assert_eq!(unreadable::<ConsulterValideur>(json!({"codeRetour": 0})), "facture: is missing");
    let history = answer::<ConsulterHistorique>(json!({"codeRetour": 0, "historiquesDesStatuts": {"histoStatut": [
        {"histoStatutCode": "DEPOSEE", "histoStatutDatePassage": "2026-11-23", "champNouveau": 7}]},
        "historiquesDesActionsUtilisateurs": {"histoAction": [{"histoActionCode": "TRAITEMENT_REJET",
        "histoActionUtilisateurNom": "Émile"}]}}));
    assert_eq!(history.statuses[0].original["champNouveau"], 7);
    assert_eq!(history.actions[0].author.as_deref(), Some("Émile"));
}

#[test]
fn lists_of_what_waits_read_both_ways_of_naming_parties() {
    let row = |supplier: &str, recipient: &str| {
        json!({"idFacture": 1, "numeroFacture": "F-1", "statut": "COMPLETEE", supplier: "33254021516357",
            recipient: "12345678200051", "montantAPayer": 12})
    };
    let figures = json!({"pageCourante": 1, "pages": 1, "total": 1});
    let body = |row: Value| json!({"codeRetour": 0, "parametresRetour": figures, "listeFactures": row});
    let received = answer::<RechercherATraiterValideur>(body(row("codeFournisseur", "codeDestinataire")));
    let validated =
        answer::<RechercherATraiterValideur>(body(json!([row("identifiantFournisseur", "identifiantDestinataire")])));
    assert_eq!(received, validated);
    assert_eq!(received.rows[0].supplier.as_deref(), Some("33254021516357"));
    assert_eq!(answer::<RechercherATraiterValideur>(json!({"codeRetour": 20000})).total, Some(0));
}

#[test]
fn structures_services_and_rights_are_read() {
    let one = json!({"idStructureCPP": 7, "identifiantStructure": "12345678200036", "statut": "ACTIF"});
    let found = answer::<RechercherStructure>(json!({"codeRetour": 0, "listeStructures": one,
        "parametresRetour": {"pageCourante": 1, "pages": 1, "total": 1}}));
    assert_eq!(
        (found.rows[0].id, found.rows[0].is_active()),
        (StructureId(7), Some(true)),
        "an object for a list of one"
    );
    let services = answer::<RechercherServices>(json!({"codeRetour": 0, "parametresRetour": {"pages": 1, "total": 2},
        "listeServices": [{"idService": 1, "codeService": "FACTURES_PUBLIQUES"}, {"idService": 2, "codeService": "COMPTA", "estActif": true}]}));
    assert!(services.rows[0].is_placeholder() && !services.rows[1].is_placeholder());
    let rights = answer::<RecupererRattachements>(json!({"codeRetour": 0, "parametresRetour": {"pages": 1},
        "listeStructureRattachement": [{"idStructure": 7, "listeServicesRattache": {"idService": 3, "codeService": "C"}}]}));
    assert_eq!((rights.rows[0].structure, rights.rows[0].services.len()), (Some(StructureId(7)), 1));
    let commitments =
        |list: Value| answer::<RechercherEngagement>(json!({"codeRetour": 0, "listeEngagementJuridique": list}));
    assert_eq!(
        (commitments(json!([{"numeroEngagementJuridique": "45"}])).len(), commitments(Value::Null).len()),
        (1, 0)
    );
    assert!(unreadable::<RechercherEngagement>(json!({"codeRetour": 0})).contains("is missing"));
    let asked = RechercherEngagement { recipient_siret: "12345678200036".into(), number: "45".into() }.body();
    assert_eq!(asked["etatCourantEngagementJuridique"], "COMMANDE");
    let archive =
        answer::<TelechargerAnnuaire>(json!({"codeRetour": 0, "fichierResultat": STANDARD.encode("SIRET;Nom\n1;A")}));
    assert_eq!(DirectoryReader::open(&archive).unwrap().count(), 1);
}
