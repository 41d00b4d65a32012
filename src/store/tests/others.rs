//! Refusals, receptions, statuses, people, notes, lists.

use std::io::Read;

use super::*;
use crate::flow::reception;

#[test]
fn a_refusal_without_a_route_gets_its_receipt() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refusal = Refusal {
        account: "sifac".parse().unwrap(),
        realm: None,
        folder: "ailleurs".into(),
        name: "facture.xml".into(),
        peer: "127.0.0.1".into(),
        happened: None,
        at: at(0),
        fault: Fault::new(Code::UnknownFolder).with("folder", "ailleurs"),
    };
    let id = store.refuse(refusal).wait().unwrap();
    let receipt = lease(&store, Job::Receipt, at(0));
    assert_eq!(receipt.flow, id);
    let record = store.reader().unwrap().arrival(&id).unwrap().unwrap();
    assert_eq!((record.realm, record.flow, record.fault.unwrap().code), (None, None, Code::UnknownFolder));
}

/// A received invoice as a search shows it.
fn found() -> FoundInvoice {
    FoundInvoice {
        chorus_id: ChorusInvoiceId(77),
        number: "AB-1".parse().unwrap(),
        supplier: "12345678200051".into(),
        supplier_name: "Papeterie".into(),
        recipient: "11000201100044".into(),
        recipient_name: "Université".into(),
        status: InvoiceStatus::MiseADisposition,
        status_at: "2026-11-20T10:00:00.000+01:00".into(),
        issued_on: None,
        payable: Some("12.00 EUR".into()),
        type_code: "380".into(),
        account: "sifac".parse().unwrap(),
    }
}

#[test]
fn a_received_invoice_goes_its_way_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let found = found();
    let Found::New(flow) = store.find(&realm("univ"), found.clone(), at(0)).wait().unwrap() else { panic!() };
    let before = store.metrics().leaves;
    assert_eq!(store.find(&realm("univ"), found.clone(), at(1)).wait().unwrap(), Found::Known(flow.clone()));
    assert_eq!(store.metrics().leaves, before);
    let mandated = FoundInvoice {
        status: InvoiceStatus::Mandatee,
        status_at: "2026-11-21T10:00:00.000+01:00".into(),
        ..found.clone()
    };
    store.find(&realm("univ"), mandated, at(2)).wait().unwrap();
    assert!(matches!(store.find(&realm("lycee"), found, at(2)).wait().unwrap(), Found::New(_)));

    let fetches = store.lease(&[Job::Fetch], 10, at(2), LEASE).wait().unwrap();
    let fetch = fetches.iter().find(|l| l.flow == flow).unwrap();
    let nothing =
        store.advance(&flow, reception::Event::Downloaded, ReceptionFacts::default(), Some(fetch), at(3)).wait();
    assert!(matches!(nothing, Err(StoreError::Misuse(_))));
    // Larger than the inline limit: kept as a file on the way.
    let pivot = vec![b'x'; 200_000];
    let facts = ReceptionFacts { document: Some(Content::Inline(pivot.clone())), ..ReceptionFacts::default() };
    store.advance(&flow, reception::Event::Downloaded, facts, Some(fetch), at(3)).wait().unwrap();
    let deliver = lease(&store, Job::Deliver, at(3));
    let facts = ReceptionFacts { folder: Some("2026-11-23_AB-1".into()), ..ReceptionFacts::default() };
    store.advance(&flow, reception::Event::Placed, facts, Some(&deliver), at(4)).wait().unwrap();
    let reader = store.reader().unwrap();
    let account: AccountName = "sifac".parse().unwrap();
    let standing = reader.delivered(&account).unwrap().remove(0);
    assert_eq!((standing.flow, standing.folder.as_str(), standing.complement), (flow.clone(), "2026-11-23_AB-1", 0));
    let record = reader.flow(&flow).unwrap().unwrap();
    assert_eq!(record.invoice_status, Some(InvoiceStatus::Mandatee));
    let mut bytes = Vec::new();
    reader.open_document(&record.sha256.unwrap()).unwrap().unwrap().read_to_end(&mut bytes).unwrap();
    assert_eq!(bytes, pivot);
    store.advance(&flow, reception::Event::Taken, ReceptionFacts::default(), None, at(5)).wait().unwrap();
    assert_eq!(reader.delivered(&account).unwrap(), []);
    no_lease(&store, Job::Receipt, at(10));
    assert!(reader.flows(&FlowQuery { text: Some("papeterie".into()), ..FlowQuery::default() }).unwrap().len() == 2);
}

/// Delivers a reception's invoice.
fn delivered(store: &Store, flow: &FlowId, folder: &str) {
    let facts = ReceptionFacts { document: Some(Content::Inline(b"pivot".to_vec())), ..ReceptionFacts::default() };
    store.advance(flow, reception::Event::Downloaded, facts, None, at(1)).wait().unwrap();
    let facts = ReceptionFacts { folder: Some(folder.into()), ..ReceptionFacts::default() };
    store.advance(flow, reception::Event::Placed, facts, None, at(1)).wait().unwrap();
    let read = store.lease(&[Job::Statuses], 10, at(1), LEASE).wait().unwrap();
    read.iter().for_each(|lease| store.finish(lease).wait().unwrap());
}

#[test]
fn an_invoice_comes_once_in_each_role_and_what_is_listed_no_more_is_read_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let place = realm("univ");
    let asked = FoundInvoice {
        chorus_id: ChorusInvoiceId(77),
        number: "AB-1".parse().unwrap(),
        supplier: "12345678200051".into(),
        supplier_name: "Maçonnerie".into(),
        recipient: "11000201100044".into(),
        recipient_name: "État".into(),
        status: InvoiceStatus::AValider2,
        status_at: String::new(),
        issued_on: None,
        payable: None,
        type_code: "380".into(),
        account: "sifac".parse().unwrap(),
    };
    let new = |found| match found {
        Found::New(flow) => flow,
        Found::Known(flow) => panic!("{flow} is known"),
    };
    let validated = new(store.find_to_validate(&place, asked.clone(), at(0)).wait().unwrap());
    let received =
        FoundInvoice { status: InvoiceStatus::MiseADisposition, status_at: "2026-11-20".into(), ..asked.clone() };
    let paid = new(store.find(&place, received, at(0)).wait().unwrap());
    assert_eq!(store.find_to_validate(&place, asked.clone(), at(0)).wait().unwrap(), Found::Known(validated.clone()));
    let reader = store.reader().unwrap();
    let roles = [&validated, &paid].map(|flow| reader.flow(flow).unwrap().unwrap().role);
    assert_eq!(roles, [Role::Validator, Role::Recipient]);
    let (id, number) = (Some(ChorusInvoiceId(77)), "AB-1".parse().unwrap());
    let found = reader.to_validate(&place, None, Some(&number)).unwrap();
    assert_eq!((found.len(), &found[0].2), (1, &Some(InvoiceStatus::AValider2)));
    assert_eq!(reader.received(&place, id, None).unwrap().len(), 1);

    // What is not delivered yet is not missed; what is listed is not either.
    let miss = |listed: &[i64]| {
        let listed = listed.iter().map(|id| ChorusInvoiceId(*id)).collect();
        store.miss_to_validate(&place, listed, at(2)).wait().unwrap()
    };
    assert_eq!(miss(&[]), 0);
    delivered(&store, &validated, "a");
    delivered(&store, &paid, "b");
    assert_eq!((miss(&[77]), miss(&[78]), miss(&[])), (0, 1, 0), "missed once");
    assert_eq!(lease(&store, Job::Statuses, at(2)).flow, validated);
    // Completed for its recipient: who only validated has nothing to fetch.
    let history = vec![status(InvoiceStatus::Completee, "2026-11-21T10:00:00.000+01:00")];
    for flow in [&validated, &paid] {
        store.record_statuses(flow, 0, history.clone(), at(3)).wait().unwrap();
    }
    assert_eq!(lease(&store, Job::Fetch, at(3)).flow, paid);
    no_lease(&store, Job::Fetch, at(3));
    // Asked once more, it is news again.
    let again = FoundInvoice { status: InvoiceStatus::AValider1, ..asked };
    store.find_to_validate(&place, again, at(4)).wait().unwrap();
    assert_eq!(reader.to_validate(&place, id, None).unwrap()[0].2, Some(InvoiceStatus::AValider1));
}

#[test]
fn a_completion_that_comes_while_the_download_for_another_is_under_way_gets_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let Found::New(flow) = store.find(&realm("univ"), found(), at(0)).wait().unwrap() else { panic!() };
    let download = |text: &str| ReceptionFacts {
        document: Some(Content::Inline(text.as_bytes().to_vec())),
        ..ReceptionFacts::default()
    };
    let fetch = lease(&store, Job::Fetch, at(1));
    store.advance(&flow, reception::Event::Downloaded, download("pivot"), Some(&fetch), at(1)).wait().unwrap();
    let deliver = lease(&store, Job::Deliver, at(2));
    let facts = ReceptionFacts { folder: Some("AB-1".into()), ..ReceptionFacts::default() };
    store.advance(&flow, reception::Event::Placed, facts, Some(&deliver), at(2)).wait().unwrap();
    let complete = |day: u32| {
        let completed = status(InvoiceStatus::Completee, &format!("2026-11-{day}T10:00:00Z"));
        store.record_statuses(&flow, 0, vec![completed], at(3)).wait().unwrap();
        store.reader().unwrap().complements(&flow).unwrap().len()
    };
    assert_eq!((complete(21), complete(22)), (1, 1), "one download that is still to come holds both");
    let fetch = lease(&store, Job::Fetch, at(4));
    assert_eq!(complete(23), 2, "what is under way may not hold it");
    let event = reception::Event::ComplementDownloaded;
    store.advance(&flow, event, download("first"), Some(&fetch), at(5)).wait().unwrap();
    let fetch = lease(&store, Job::Fetch, at(6));
    store.advance(&flow, event, download("second"), Some(&fetch), at(6)).wait().unwrap();
    // Both wait for the one work of delivering.
    for n in 0..2 {
        let deliver = lease(&store, Job::Deliver, at(7 + n));
        let event = reception::Event::ComplementPlaced;
        store.advance(&flow, event, ReceptionFacts::default(), Some(&deliver), at(7 + n)).wait().unwrap();
    }
    assert!(store.reader().unwrap().complements(&flow).unwrap().iter().all(|complement| complement.placed));
}

#[test]
fn statuses_are_kept_once_each_and_the_latest_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = integrated(&store, "F1");
    store.identify(&flow, 0, ChorusInvoiceId(4711), at(10)).wait().unwrap();
    store.identify(&flow, 0, ChorusInvoiceId(4711), at(10)).wait().unwrap();
    // Newest first, as Chorus Pro may give them, and across the change of the clock.
    let history = vec![
        status(InvoiceStatus::Mandatee, "2026-10-25T02:30:00.000+01:00"),
        status(InvoiceStatus::MiseADisposition, "2026-10-25T02:45:00.000+02:00"),
    ];
    assert_eq!(store.record_statuses(&flow, 0, history.clone(), at(11)).wait().unwrap(), 2);
    assert_eq!(store.record_statuses(&flow, 0, history, at(12)).wait().unwrap(), 0);
    let reader = store.reader().unwrap();
    let invoice = &reader.invoices(&flow).unwrap()[0];
    assert_eq!(
        (invoice.status.as_ref(), invoice.chorus_id),
        (Some(&InvoiceStatus::Mandatee), Some(ChorusInvoiceId(4711)))
    );
    assert_eq!(reader.statuses(&flow).unwrap().len(), 2);
    let kinds = kinds(&store);
    assert_eq!(kinds.iter().filter(|k| *k == "status").count(), 2);
    assert_eq!(kinds.iter().filter(|k| *k == "identify").count(), 1);
    let missing = store.record_statuses(&flow, 1, vec![], at(13)).wait();
    assert!(matches!(missing, Err(StoreError::UnknownInvoice { ordinal: 1, .. })));
}

#[test]
fn what_a_file_was_held_against_is_read_or_an_error_and_never_silence() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = drop_file(&store, "F1");
    assert_eq!(store.reader().unwrap().rules(&flow).unwrap(), None);
    let write = |text: &str| {
        let db = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
        db.execute("UPDATE flow SET rules = ?1", [text]).unwrap();
    };
    write(r#"{"en16931":"1.3.16","br_fr":"1.4.0.03","tables":"2026-11-26.1"}"#);
    assert_eq!(store.reader().unwrap().rules(&flow).unwrap().unwrap().tables, "2026-11-26.1");
    write("{}");
    assert!(matches!(store.reader().unwrap().rules(&flow), Err(StoreError::Sqlite(_))));
}

#[test]
fn people_notes_and_memory() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    store.enrol("marie", "$argon2id$1", "console", at(0)).wait().unwrap();
    store.enrol("marie", "$argon2id$2", "marie", at(1)).wait().unwrap();
    assert!(matches!(store.enrol("system", "x", "console", at(1)).wait(), Err(StoreError::Misuse(_))));
    store.remember(&realm("univ"), "cursor", "12").wait().unwrap();
    store.remember(&realm("univ"), "cursor", "13").wait().unwrap();
    let note = Note {
        kind: "login",
        actor: "marie".into(),
        realm: None,
        objects: BTreeMap::from([("way".into(), "password".into())]),
        hashes: BTreeMap::new(),
        private: BTreeMap::from([("peer".into(), "10.0.0.9".into())]),
        at: at(2),
    };
    store.note(note).wait().unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.person("marie").unwrap().as_deref(), Some("$argon2id$2"));
    assert_eq!(reader.people().unwrap(), ["marie"]);
    assert_eq!(reader.remembered(&realm("univ"), "cursor").unwrap().as_deref(), Some("13"));
    assert_eq!(reader.remembered(&realm("lycee"), "cursor").unwrap(), None);
    let leaves = leaves(&store);
    let said: Vec<_> = leaves.iter().map(|l| (l.kind.as_str(), l.actor.as_str())).collect();
    assert_eq!(said, [("journal_key", "system"), ("enrol", "console"), ("password", "person"), ("login", "person")]);
    assert_eq!(leaves[3].establishment_seq, 3);
    assert!(leaves[3].commitments.contains_key("actor") && leaves[3].commitments.contains_key("peer"));
}

#[test]
fn lists_search_and_first_screen() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let done = integrated(&store, "F1");
    let refused = drop_file(&store, "F2");
    let intake = lease(&store, Job::Intake, at(20));
    let findings = vec![FindingRecord {
        rule: "BR-01".into(),
        severity: "fatal".into(),
        place: "/Invoice".into(),
        message: "missing".into(),
        remedy: "write it".into(),
    }];
    let facts = Facts {
        fault: Some(Fault::new(Code::RulesFailed).with("count", 1)),
        findings: Some(findings.clone()),
        // Letters that no flow id has.
        invoices: Some(vec![invoice("LOULOU-2")]),
        ..Facts::default()
    };
    store.decide(&refused, Event::CheckFailed, facts, Some(&intake), at(21)).wait().unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.findings(&refused).unwrap(), findings);
    let ids = |query: FlowQuery| reader.flows(&query).unwrap().into_iter().map(|f| f.id).collect::<Vec<_>>();
    assert_eq!(ids(FlowQuery::default()), [refused.clone(), done.clone()]);
    assert_eq!(ids(FlowQuery { before: Some(refused.clone()), ..FlowQuery::default() }), std::slice::from_ref(&done));
    assert_eq!(ids(FlowQuery { most: 1, ..FlowQuery::default() }), std::slice::from_ref(&refused));
    let text = |text: &str| ids(FlowQuery { text: Some(text.into()), ..FlowQuery::default() });
    assert_eq!(text("GÉNÉRALE").len(), 2);
    assert_eq!(text("cpp000000001"), std::slice::from_ref(&done));
    assert_eq!(text("loulou-2"), std::slice::from_ref(&refused));
    assert_eq!(text("%"), []);
    assert_eq!(ids(FlowQuery { subset: Some(Subset::Faulty), ..FlowQuery::default() }), std::slice::from_ref(&refused));
    assert_eq!(ids(FlowQuery { kind: Some(crate::flow::FlowKind::Reception), ..FlowQuery::default() }), []);

    let overview = reader.overview(at(22)).unwrap();
    assert_eq!((overview.stuck_total, overview.drops_today), (1, 2));
    assert_eq!(overview.stuck[0].id, refused);
    assert_eq!(overview.counts.iter().map(|c| c.1).sum::<u64>(), 2);
    assert_eq!(overview.leaves, store.metrics().leaves);
    assert!(overview.work.iter().any(|(job, n, _)| *job == Job::Receipt && *n == 2), "{:?}", overview.work);
    // Dropped anew with the same number: nobody waits for the refused one any more.
    ready(&store, "LOULOU-2");
    assert_eq!(reader.overview(at(23)).unwrap().stuck_total, 0);
}

/// Whatever it waits for, a network that is down or a queue that is long: the first screen and the metrics say so.
#[test]
fn what_has_not_left_the_box_in_time_is_stuck() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let unread = drop_file(&store, "F0");
    lease(&store, Job::Intake, at(0));
    let waiting = ready(&store, "F1");
    let found = FoundInvoice {
        chorus_id: ChorusInvoiceId(1),
        number: "R1".parse().unwrap(),
        supplier: String::new(),
        supplier_name: String::new(),
        recipient: String::new(),
        recipient_name: String::new(),
        status: InvoiceStatus::MiseADisposition,
        status_at: "2026-11-23".into(),
        issued_on: None,
        payable: None,
        type_code: "380".into(),
        account: "sifac".parse().unwrap(),
    };
    let Found::New(reception) = store.find(&realm("univ"), found, at(0)).wait().unwrap() else { panic!("new") };
    // A try that came to nothing begins the state anew: it does not begin the wait anew.
    let deadline = Policy::default().integration_deadline;
    let try_again = at(0).plus(deadline).minus(Duration::from_secs(1));
    let deposit = lease(&store, Job::Deposit, try_again);
    store.intend(&waiting, &deposit, try_again).wait().unwrap();
    store.decide(&waiting, Event::NotSent, Facts::default(), Some(&deposit), try_again).wait().unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.overview(at(0).plus(deadline)).unwrap().stuck_total, 0);
    let late = at(1).plus(deadline);
    let overview = reader.overview(late).unwrap();
    let mut stuck: Vec<FlowId> = overview.stuck.into_iter().map(|f| f.id).collect();
    stuck.sort();
    assert_eq!(stuck, [unread, waiting, reception]);
    assert_eq!(reader.census(late).unwrap().stuck, [(realm("univ"), 3)]);
}

#[test]
fn a_driver_is_woken_by_new_work() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let quiet = tokio::time::timeout(Duration::from_millis(50), store.work_added()).await;
        assert!(quiet.is_err());
        store.receive(arrival("facture.xml", b"F1")).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), store.work_added()).await.unwrap();
    });
}
