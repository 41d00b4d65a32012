//! A person enters the data of a plain PDF on the page.

use std::time::Duration;

use fluxgate::domain::{FlowId, StructureEntry, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::flow::Job;
use fluxgate::flow::deposit::Event;
use fluxgate::store::{Facts, PDF};

use super::{House, PERSON, realm};

/// A PDF that waits for its data; Chorus Pro has read of it what `proposal` says.
pub fn waiting(house: &House, name: &str, proposal: Option<&str>) -> FlowId {
    let flow = house.receive(name, name.as_bytes());
    let lease = |job, at| {
        let leases = house.store.lease(&[job], 100, at, Duration::from_secs(60)).wait().unwrap();
        leases.into_iter().find(|lease| lease.flow == flow).unwrap()
    };
    let now = Timestamp::now();
    let fault = Fault::new(Code::PdfAwaitsData).with("sidecar", format!("{name}.json"));
    let facts = Facts { fault: Some(fault), syntax: Some(PDF.to_owned()), ..Facts::default() };
    house.store.await_data(&flow, facts, &lease(Job::Intake, now), now).wait().unwrap();
    if let Some(proposal) = proposal {
        let reading = lease(Job::Reading, now.plus(Duration::from_secs(3600)));
        house.store.propose(&flow, proposal, &reading, now).wait().unwrap();
    }
    flow
}

fn form(number: &str) -> Vec<(&'static str, String)> {
    let fields = [
        ("date", "2026-11-20"),
        ("type", "invoice"),
        ("currency", "EUR"),
        ("supplier.siret", "123 456 782 00051"),
        ("recipient.siret", "11000201100044"),
        ("frame", "A9"),
        ("validator.structure", "12345678200036"),
        ("vat_kind", "on_debit"),
        ("payment", "transfer"),
        ("totals.without_tax", "1 100,00"),
        ("totals.tax", "115,50"),
        ("totals.with_tax", "1 215,50"),
        ("totals.payable", "1215.50"),
        ("vat[0].rate", "20"),
        ("vat[0].base", "400"),
        ("vat[0].tax", "80"),
        ("vat[2].rate", "5,5"),
        ("vat[2].base", "700"),
        ("vat[2].tax", "35,50"),
        ("comment", "<b>Merci</b>"),
    ];
    let mut form: Vec<_> = fields.into_iter().map(|(name, value)| (name, value.to_owned())).collect();
    form.push(("number", number.to_owned()));
    form
}

#[test]
fn a_waiting_pdf_is_completed_by_a_person_who_is_journalled() {
    let house = House::open();
    let proposal = r#"{"number": "LUE-1", "date": "2026-11-20", "supplier": {"siret": "12345678200051"},
        "recipient": {"siret": "11000201100044", "service": null},
        "totals": {"without_tax": "0", "tax": "0.0", "with_tax": "120.00", "payable": "120.00"}}"#;
    let flow = waiting(&house, "facture.pdf", Some(proposal));
    let mut browser = house.inside();
    let page = browser.get(&format!("/flux/{flow}"));
    for said in ["FG-212", "Saisir les données", "Données attendues", "facture.pdf.json", "Abandonner"] {
        page.says(said);
    }
    page.hides("Elle y est");
    let path = format!("/flux/{flow}/donnees");
    let page = browser.get(&path);
    for said in [
        "Chorus Pro a lu ce PDF",
        "name=\"number\" value=\"LUE-1\"",
        "name=\"supplier.siret\" value=\"12345678200051\"",
        "name=\"totals.payable\" value=\"120,00\"",
        "name=\"totals.tax\" value=\"\"",
    ] {
        page.says(said);
    }

    // Each problem stands at its field, in the row it was typed into, and what was typed comes back.
    let mut wrong = form("LUE-1");
    wrong.iter_mut().find(|(name, _)| *name == "vat[2].base").unwrap().1 = "sept".to_owned();
    wrong.iter_mut().find(|(name, _)| *name == "recipient.siret").unwrap().1 = String::new();
    let page = browser.post(&path, &wrong);
    assert_eq!(page.status, 422);
    for said in [
        "id=\"vat-2--base-problem\"",
        "id=\"recipient-siret-problem\"",
        "value=\"sept\"",
        "value=\"1 100,00\"",
        "&#60;b&#62;Merci",
    ] {
        page.says(said);
    }
    page.hides("id=\"number-problem\"");
    page.hides("id=\"vat-1--base-problem\"");
    page.hides("<b>Merci");
    assert_eq!(house.store.reader().unwrap().flow(&flow).unwrap().unwrap().state, "incomplete");

    let done = browser.post(&path, &form("LUE-1"));
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=donnees").as_str()), "{}", done.text());
    let reader = house.store.reader().unwrap();
    let record = reader.flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault), ("ready", None));
    let kept: serde_json::Value =
        serde_json::from_str(&reader.pdf_data(&flow).unwrap().unwrap().data.unwrap()).unwrap();
    assert_eq!((&kept["totals"]["with_tax"], &kept["vat"][1]["rate"]), (&"1215.50".into(), &"5.5".into()), "{kept}");
    let page = browser.get(&format!("/flux/{flow}?fait=donnees"));
    for said in ["Données confirmées", "Données réunies au PDF", PERSON, "LUE-1", "Prêt à déposer"] {
        page.says(said);
    }
    page.hides("Saisir les données");
    assert!(!String::from_utf8_lossy(&house.journal_bytes()).contains(PERSON), "a name is a commitment");
    // Once: then the form is gone.
    assert_eq!(browser.get(&path).status, 404);
    let again = browser.post(&path, &form("LUE-1"));
    assert_eq!(again.header("location"), Some(format!("/flux/{flow}?fait=impossible").as_str()));

    // A submission in doubt is an invoice when a person has found it: there is no flux number to ask for.
    let now = Timestamp::now();
    let lease = house.store.lease(&[Job::Deposit], 1, now, Duration::from_secs(60)).wait().unwrap().remove(0);
    house.store.intend(&flow, &lease, now).wait().unwrap();
    let lost = Facts { fault: Some(Fault::new(Code::DoubtNeedsPerson).with("number", "LUE-1")), ..Facts::default() };
    house.store.decide(&flow, Event::AnswerLost, lost, Some(&lease), now).wait().unwrap();
    browser.get(&format!("/flux/{flow}/decision?choix=confirme")).hides("Numéro de flux lu");
    browser.post(&format!("/flux/{flow}/decision"), &[("choix", "confirme".to_owned())]);
    assert_eq!(house.store.reader().unwrap().flow(&flow).unwrap().unwrap().state, "integrated");

    // The number is taken: said, and the other PDF goes on waiting.
    let other = waiting(&house, "autre.pdf", None);
    let path = format!("/flux/{other}/donnees");
    browser.get(&path).hides("Chorus Pro a lu");
    let page = browser.post(&path, &form("LUE-1"));
    assert_eq!(page.status, 422);
    page.says("FG-110");
    assert!(at_field(&page.text(), "number").contains("Numéro déjà utilisé"), "at its field");
    assert_eq!(house.store.reader().unwrap().flow(&other).unwrap().unwrap().state, "incomplete");
}

/// What the page says at a field, and nothing else.
fn at_field(page: &str, id: &str) -> String {
    let begin = format!("<p class=\"at-field\" id=\"{id}-problem\">");
    let said = page.split_once(&begin).unwrap_or_else(|| panic!("nothing is said at {id}")).1;
    said.split_once("</p>").unwrap().0.replace('\u{a0}', " ").trim().to_owned()
}

#[test]
fn an_empty_form_says_at_each_field_what_belongs_there_and_leads_to_the_first() {
    let house = House::open();
    let flow = waiting(&house, "facture.pdf", None);
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/donnees");
    browser.get(&path);
    let chosen = [("type", "invoice"), ("frame", "A9"), ("vat_kind", "exempt"), ("payment", "transfer")];
    let page = browser.post(&path, &chosen.map(|(name, word)| (name, word.to_owned())));
    assert_eq!(page.status, 422);
    let text = page.text();
    for (id, said) in [
        ("number", "À remplir : le numéro de la facture, tel que sur le PDF."),
        ("date", "À remplir : la date de la facture."),
        ("currency", "À remplir : le code de la devise en trois lettres, EUR pour l’euro."),
        ("supplier-siret", "À remplir : les 14 chiffres du SIRET."),
        ("recipient-siret", "À remplir : les 14 chiffres du SIRET."),
        ("validator-structure", "À remplir : les 14 chiffres du SIRET."),
        ("exemption", "À remplir : le régime « Exonération » demande le code de son motif."),
        ("totals-without_tax", "À remplir : un montant, tel que 1 234,56."),
        ("totals-tax", "À remplir : le total de la TVA, tel que 1 234,56, ou 0 s’il n’y en a pas."),
        ("totals-with_tax", "À remplir : un montant, tel que 1 234,56."),
        ("totals-payable", "À remplir : un montant, tel que 1 234,56."),
    ] {
        assert_eq!(at_field(&text, id), said, "{id}");
        assert!(text.contains(&format!("<li><a href=\"#{id}\">")), "the list leads to {id}");
    }
    // The first of them has the focus, and no other.
    assert_eq!(text.matches(" autofocus").count(), 1);
    assert!(text.contains("aria-describedby=\"number-problem\" autofocus"), "{text}");
    for foreign in ["JSON", "guillemets", "objet avec", "supplier :", "totals :", "with_tax :", "Attendu"] {
        assert!(!text.contains(foreign), "{foreign}");
    }
    // In English too.
    browser.cookies.insert("langue".to_owned(), "en".to_owned());
    let page = browser.post(&path, &chosen.map(|(name, word)| (name, word.to_owned())));
    assert_eq!(at_field(&page.text(), "totals-payable"), "To be filled in: an amount, such as 1234.56.");
    page.hides("À remplir");
}

#[test]
fn a_french_person_types_amounts_and_rates_as_on_paper() {
    let house = House::open();
    let flow = waiting(&house, "facture.pdf", None);
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/donnees");
    browser.get(&path);
    let with = |fields: &[(&'static str, &str)]| {
        let mut form = form("TAPE-1");
        for (name, value) in fields {
            form.retain(|(had, _)| had != name);
            form.push((name, (*value).to_owned()));
        }
        form
    };
    for (id, fields, said) in [
        (
            "vat-0--rate",
            &[("vat[0].rate", "")][..],
            "À remplir : le taux de TVA en pour cent, tel que 20 ou 5,5 (0 pour ce qui n’est pas taxé).",
        ),
        (
            "vat-0--rate",
            &[("vat[0].rate", "0.2")],
            "Le taux s’écrit en pour cent : 20 et non 0.2, puisque la TVA de cette ligne fait 20 % de sa base.",
        ),
        (
            "vat-0--rate",
            &[("vat[0].rate", "normal")],
            "« normal » n’est pas un taux de TVA : écrivez un pourcentage de 0 à 100, tel que 20 ou 5,5.",
        ),
        (
            "vat-2--rate",
            &[("vat[2].rate", "550")],
            "« 550 » n’est pas un taux de TVA : écrivez un pourcentage de 0 à 100, tel que 20 ou 5,5.",
        ),
        ("totals-payable", &[("totals.payable", "1,215")], "« 1,215 » a deux lectures : écrivez 1215, ou 1,2150."),
        ("totals-payable", &[("totals.payable", "1.215")], "« 1.215 » a deux lectures : écrivez 1215, ou 1,2150."),
        (
            "totals-with_tax",
            &[("totals.with_tax", "1 216,00")],
            "Total HT et Total TVA font ensemble 1\u{202f}215,50 : corrigez celui des trois qui diffère du PDF.",
        ),
        (
            "totals-tax",
            &[("vat[0].tax", "79")],
            "Les TVA par taux, plus bas, font 114,50 en tout : corrigez ce qui diffère du PDF.",
        ),
        (
            "totals-tax",
            &[("vat_kind", "none")],
            "Le régime de TVA choisi est sans TVA : mettez 0, ou choisissez un autre régime.",
        ),
        ("supplier-siret", &[("supplier.siret", "123 456 789")], "Un SIRET a 14 chiffres ; celui-ci en a 9."),
        (
            "validator-structure",
            &[("frame", "A1")],
            "Laissez vides le SIRET et le service du valideur : seuls les cadres A9 et A12 en ont un.",
        ),
        ("totals-discount_reason", &[("totals.discount", "5")], "À remplir : une remise demande son motif."),
    ] {
        let page = browser.post(&path, &with(fields));
        assert_eq!(page.status, 422, "{fields:?}");
        assert_eq!(at_field(&page.text(), id), said, "{fields:?}");
        for (name, typed) in fields.iter().filter(|(name, _)| name.contains('.')) {
            page.says(&format!("name=\"{name}\" value=\"{typed}\""));
        }
        page.hides("JSON");
    }
    // No row of VAT at all: said at the first.
    let none: Vec<_> = form("TAPE-1").into_iter().filter(|(name, _)| !name.starts_with("vat[")).collect();
    let page = browser.post(&path, &none);
    assert!(at_field(&page.text(), "vat-0--rate").starts_with("À remplir : une ligne pour chaque taux"));
    // As on paper.
    let paper = with(&[
        ("currency", "eur"),
        ("totals.without_tax", "1\u{202f}100,00 €"),
        ("totals.tax", "115,50€"),
        ("totals.with_tax", "1.215,50"),
        ("totals.payable", "1 215,5 EUR"),
        ("vat[0].rate", "20 %"),
        ("vat[2].rate", "5,50%"),
    ]);
    let done = browser.post(&path, &paper);
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=donnees").as_str()), "{}", done.text());
    let data = house.store.reader().unwrap().pdf_data(&flow).unwrap().unwrap().data.unwrap();
    let kept: serde_json::Value = serde_json::from_str(&data).unwrap();
    assert_eq!((&kept["totals"]["without_tax"], &kept["currency"]), (&"1100.00".into(), &"EUR".into()), "{kept}");
    assert_eq!((&kept["vat"][0]["rate"], &kept["vat"][1]["rate"]), (&"20".into(), &"5.50".into()), "{kept}");
}

#[test]
fn what_the_recipient_demands_is_said_before_a_person_completes_a_pdf() {
    let house = House::open();
    let (store, now) = (house.store.clone(), Timestamp::now());
    let practice = realm().environment;
    store.directory_downloaded(practice, now).wait().unwrap();
    let edition = store.begin_edition(practice).wait().unwrap();
    let demanding = StructureEntry {
        siret: "11000201100044".to_owned(),
        service_required: Some(true),
        ..StructureEntry::default()
    };
    store.enter_structures(practice, edition, vec![demanding], now).wait().unwrap();
    store.conclude_edition(practice, 1, now).wait().unwrap();
    let flow = waiting(&house, "facture.pdf", None);
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/donnees");
    browser.get(&path);
    let page = browser.post(&path, &form("EXIGE-1"));
    assert_eq!(page.status, 422);
    page.says("FLUX-DIR-03");
    assert!(at_field(&page.text(), "recipient-service").contains("exige un code service"), "at its field");
    page.hides("BT-10");
    assert_eq!(store.reader().unwrap().flow(&flow).unwrap().unwrap().state, "incomplete");
    let mut right = form("EXIGE-1");
    right.extend([("recipient.service", "SRV1".to_owned()), ("preceding", "EXIGE-0".to_owned())]);
    let done = browser.post(&path, &right);
    assert_eq!(done.header("location"), Some(format!("/flux/{flow}?fait=donnees").as_str()), "{}", done.text());
    let invoices = store.reader().unwrap().invoices(&flow).unwrap();
    assert_eq!(invoices[0].facts.preceding, ["EXIGE-0".parse().unwrap()]);
}

#[test]
fn nobody_completes_a_pdf_without_a_session_or_a_form_of_ours() {
    let house = House::open();
    let flow = waiting(&house, "facture.pdf", None);
    let mut browser = house.inside();
    let path = format!("/flux/{flow}/donnees");
    browser.get(&path);
    assert_eq!(browser.post_raw(&path, &form("X-1"), "forged", &[]).status, 403);
    browser.cookies.clear();
    assert_eq!(browser.get(&path).status, 303);
    assert_eq!(house.store.reader().unwrap().flow(&flow).unwrap().unwrap().state, "incomplete");
}
