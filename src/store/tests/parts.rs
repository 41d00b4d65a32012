//! Split files, their parts, and status changes.

use super::*;
use crate::flow::status_change;

fn flux(name: &str, numbers: &[&str]) -> FluxPart {
    FluxPart {
        file: format!("lot.zip ({name})"),
        content: Content::Inline(name.as_bytes().to_vec()),
        syntax: "ubl-invoice".into(),
        announced: None,
        conversion: None,
        invoices: numbers.iter().map(|number| invoice(number)).collect(),
        repeatable: false,
        pdf: None,
    }
}

fn asked(number: &str, target: InvoiceStatus) -> AskedChange {
    AskedChange {
        chorus_id: ChorusInvoiceId(7),
        number: number.parse().unwrap(),
        supplier: "12345678200051".into(),
        target,
        motif: "Bon de commande absent".into(),
        mandate: None,
    }
}

fn split(store: &Store, content: &str, parts: Parts, facts: Facts) -> FlowId {
    let file = drop_file(store, content);
    let intake = lease(store, Job::Intake, at(0));
    store.split(&file, parts, facts, &intake, at(1)).wait().unwrap();
    file
}

/// Takes the flow's deposit as far as `event` says Chorus Pro took it.
fn end_deposit(store: &Store, deposit: &Lease, number: &str, event: Event) {
    store.intend(&deposit.flow, deposit, at(3)).wait().unwrap();
    let facts = Facts { deposit_number: Some(number.parse().unwrap()), ..Facts::default() };
    store.decide(&deposit.flow, Event::DepositAccepted, facts, Some(deposit), at(4)).wait().unwrap();
    let integration = lease(store, Job::Integration, at(5));
    store.decide(&deposit.flow, event, Facts::default(), Some(&integration), at(6)).wait().unwrap();
}

fn whole(store: Store, dir: &Path) {
    store.close().unwrap();
    let options = verify::Options { documents: true, ..verify::Options::default() };
    assert_eq!(verify::verify(dir, &options).unwrap().bad, None);
}

#[test]
fn a_split_file_ends_with_its_last_part_and_its_receipt_is_written_for_each() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let file =
        split(&store, "zip", Parts::Fluxes(vec![flux("a", &["A1", "A2"]), flux("b", &["B1"])]), Facts::default());
    assert_eq!(state(&store, &file), "split");
    let parts = store.reader().unwrap().parts(&file).unwrap();
    assert_eq!(parts.iter().map(|p| p.state.as_str()).collect::<Vec<_>>(), ["ready", "ready"]);
    assert_eq!(store.reader().unwrap().invoices(&parts[0].id).unwrap().len(), 2);

    let receipt = lease(&store, Job::Receipt, at(2));
    assert_eq!(receipt.flow, file);
    store.published(&receipt, at(2)).wait().unwrap();
    let deposits = store.lease(&[Job::Deposit], 10, at(2), LEASE).wait().unwrap();
    end_deposit(&store, &deposits[0], "CPP1", Event::Integrated);
    assert_eq!(state(&store, &file), "split");
    let receipt = lease(&store, Job::Receipt, at(7));
    assert_eq!(receipt.flow, file, "a part's receipt is its file's");
    store.published(&receipt, at(7)).wait().unwrap();
    end_deposit(&store, &deposits[1], "CPP2", Event::Rejected);
    assert_eq!(state(&store, &file), "partly_integrated");
    assert_eq!(store.reader().unwrap().flow(&file).unwrap().unwrap().fault.unwrap().code, Code::PartsNotTaken);
    whole(store, dir.path());
}

#[test]
fn what_a_split_file_refuses_itself_counts() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let facts = Facts {
        invoices: Some(vec![invoice("X1")]),
        refused_invoices: vec![(0, "BR-CO-10".into())],
        refused_parts: 1,
        ..Facts::default()
    };
    let file = split(&store, "zip", Parts::Fluxes(vec![flux("a", &["A1"])]), facts);
    end_deposit(&store, &lease(&store, Job::Deposit, at(2)), "CPP1", Event::Integrated);
    assert_eq!(state(&store, &file), "partly_integrated");
    // The bytes are taken: dropped again they are a duplicate.
    assert!(matches!(
        store.receive(arrival("lot.zip", b"zip")).wait().unwrap(),
        Received::Duplicate { first, .. } if first == file
    ));
    whole(store, dir.path());
}

#[test]
fn what_is_on_its_way_by_another_file_waits_for_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let refusing = |labels: &[(&str, &str)], refused_parts: u32| Facts {
        invoices: Some(labels.iter().map(|(number, _)| invoice(number)).collect()),
        refused_invoices: (0..).zip(labels.iter().map(|(_, label)| (*label).to_owned())).collect(),
        refused_parts,
        ..Facts::default()
    };
    let shown = |file: &FlowId| {
        let flow = store.reader().unwrap().flow(file).unwrap().unwrap();
        assert_eq!(flow.state, "partly_integrated");
        (flow.fault.unwrap().code, flow.waits)
    };
    // One is elsewhere, another is dropped again.
    let labels = [("X1", "FG-106 Déjà reçu"), ("X2", "FG-209 La facture ne respecte pas ...")];
    let file = split(&store, "one", Parts::Fluxes(vec![flux("a", &["A1"])]), refusing(&labels, 2));
    end_deposit(&store, &lease(&store, Job::Deposit, at(2)), "CPP1", Event::Integrated);
    assert_eq!(shown(&file), (Code::PartsNotTaken, true));
    ready(&store, "X2");
    assert_eq!(shown(&file), (Code::PartsNotTaken, false), "still to be read, and nobody's");
    let deposit = lease(&store, Job::Deposit, Timestamp::now());
    end_deposit(&store, &deposit, "CPP2", Event::Integrated);
    // All that is missing is elsewhere.
    let labels = [("Y1", "FG-106 Déjà reçu")];
    let file = split(&store, "two", Parts::Fluxes(vec![flux("b", &["B1"])]), refusing(&labels, 1));
    end_deposit(&store, &lease(&store, Job::Deposit, at(2)), "CPP3", Event::Integrated);
    assert_eq!(shown(&file), (Code::PartsNotTaken, false));
    // Its number is taken, and nothing on its way is this invoice.
    let labels = [("W1", "FG-110 Numéro déjà pris")];
    let file = split(&store, "four", Parts::Fluxes(vec![flux("d", &["D1"])]), refusing(&labels, 1));
    end_deposit(&store, &lease(&store, Job::Deposit, at(2)), "CPP5", Event::Integrated);
    assert_eq!(shown(&file), (Code::PartsNotTaken, true));
    // Something that could not be read at all lies beside it.
    let labels = [("Z1", "FG-106 Déjà reçu")];
    let file = split(&store, "three", Parts::Fluxes(vec![flux("c", &["C1"])]), refusing(&labels, 2));
    end_deposit(&store, &lease(&store, Job::Deposit, at(2)), "CPP4", Event::Integrated);
    assert_eq!(shown(&file), (Code::PartsNotTaken, true));
    store.trouble(&file, None, at(9)).wait().unwrap();
    assert_eq!(shown(&file), (Code::PartsNotTaken, true));
    whole(store, dir.path());
}

#[test]
fn an_invoice_is_on_its_way_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = ready(&store, "FA-1");
    let file = drop_file(&store, "zip");
    let intake = lease(&store, Job::Intake, at(2));
    let parts = || Parts::Fluxes(vec![flux("a", &["FA-2", "FA-1"])]);
    match store.split(&file, parts(), Facts::default(), &intake, at(2)).wait() {
        Err(StoreError::AlreadyOnItsWay { what, flow }) => assert_eq!((what.as_str(), flow), ("FA-1", first.clone())),
        other => panic!("{other:?}"),
    }
    assert_eq!(state(&store, &file), "received", "nothing of a refused step counts");
    assert!(store.reader().unwrap().parts(&file).unwrap().is_empty());

    // A single file with the same number: refused before it is sent, in the check's own step.
    let second = drop_file(&store, "FA-1 with other bytes");
    let leases = store.lease(&[Job::Intake], 10, at(3), LEASE).wait().unwrap();
    let facts = |year: &str| Facts {
        invoices: Some(vec![InvoiceFacts {
            // Another establishment of the same firm: Chorus Pro's key is the SIREN.
            supplier: "12345678200036".into(),
            issued_on: Some(format!("{year}-01-02")),
            ..invoice("FA-1")
        }]),
        ..Facts::default()
    };
    store.decide(&second, Event::CheckPassed, facts("2026"), Some(&leases[0]), at(4)).wait().unwrap();
    let refused = store.reader().unwrap().flow(&second).unwrap().unwrap();
    assert_eq!((refused.state.as_str(), refused.fault.unwrap().code), ("refused", Code::NumberTaken));

    // Of another year, or of a kind that Chorus Pro takes more than once, it is another invoice.
    let other_year = drop_file(&store, "FA-1 of last year");
    let intake = lease(&store, Job::Intake, at(5));
    store.decide(&other_year, Event::CheckPassed, facts("2025"), Some(&intake), at(5)).wait().unwrap();
    assert_eq!(state(&store, &other_year), "ready");
    let repeatable = drop_file(&store, "FA-1, direct payment");
    let intake = lease(&store, Job::Intake, at(6));
    let direct = Facts { repeatable: true, ..facts("2026") };
    store.decide(&repeatable, Event::CheckPassed, direct, Some(&intake), at(6)).wait().unwrap();
    assert_eq!(state(&store, &repeatable), "ready");
    whole(store, dir.path());
}

#[test]
fn an_impossible_event_of_a_change_leaves_its_lease() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    split(&store, "CPPStatut", Parts::Changes(vec![asked("FA-1", InvoiceStatus::ServiceFait)]), Facts::default());
    let change = lease(&store, Job::Change, at(2));
    store.intend_change(&change.flow, &change, 0, at(3)).wait().unwrap();
    let event = status_change::Event::NotAllowed;
    let decided =
        store.decide_change(&change.flow, event, ChangeFacts::default(), Some(&change), at(4)).wait().unwrap();
    assert_eq!(decided, Decided::Impossible { state: status_change::State::Sending });
    no_lease(&store, Job::Change, at(5));
    no_lease(&store, Job::Change, at(2).plus(LEASE));
    assert_eq!(state(&store, &change.flow), "doubtful", "the lease ran out, and the doubt is looked up");
    lease(&store, Job::ChangeDoubt, at(4).plus(LEASE));
}

#[test]
fn changes_of_one_invoice_go_one_after_the_other_and_a_doubt_is_no_second_send() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let changes = vec![asked("FA-1", InvoiceStatus::ServiceFait), asked("FA-1", InvoiceStatus::Mandatee)];
    let file = split(&store, "CPPStatut", Parts::Changes(changes), Facts::default());
    let leases = store.lease(&[Job::Change], 10, at(2), LEASE).wait().unwrap();
    let reader = store.reader().unwrap();
    let waits = |lease: &Lease| reader.change(&lease.flow).unwrap().unwrap().waits_for_earlier;
    assert_eq!((waits(&leases[0]), waits(&leases[1])), (false, true));
    store.postpone(&leases[1], at(60_000)).wait().unwrap();

    // The process dies while the call is under way.
    store.intend_change(&leases[0].flow, &leases[0], 0, at(3)).wait().unwrap();
    drop(reader);
    store.close().unwrap();
    let store = open(dir.path());
    assert_eq!(state(&store, &leases[0].flow), "doubtful");
    // What the start found is due by the real clock.
    let now = Timestamp::now();
    no_lease(&store, Job::Change, at(10));
    let doubt = lease(&store, Job::ChangeDoubt, now);
    assert_eq!(store.reader().unwrap().change(&doubt.flow).unwrap().unwrap().had, Some(0));
    let found = status_change::Event::FoundAtChorus;
    store.decide_change(&doubt.flow, found, ChangeFacts::default(), Some(&doubt), at(11)).wait().unwrap();

    // Its end is the other's turn, without waiting.
    let next = lease(&store, Job::Change, at(12));
    assert_eq!(next.flow, leases[1].flow);
    store.intend_change(&next.flow, &next, 0, at(13)).wait().unwrap();
    let refused = status_change::Event::Refused;
    let facts = ChangeFacts { fault: Some(Fault::new(Code::ChangeRefused)), ..ChangeFacts::default() };
    store.decide_change(&next.flow, refused, facts, Some(&next), at(14)).wait().unwrap();
    assert_eq!(state(&store, &file), "partly_integrated");
    whole(store, dir.path());
}

#[test]
fn a_person_asks_for_a_status_too() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let wanted = asked("FA-1", InvoiceStatus::Suspendue);
    let account = "sifac".parse().unwrap();
    let ask = || store.ask_change(&realm("univ"), &account, wanted.clone(), "Marie Durand", at(0)).wait().unwrap();
    let Asked::New(flow) = ask() else { panic!("the first") };
    assert_eq!(ask(), Asked::UnderWay(flow.clone()));
    assert_eq!(store.reader().unwrap().change(&flow).unwrap().unwrap().asked, wanted);
    assert_eq!(store.reader().unwrap().steps(&flow).unwrap()[0].actor, "Marie Durand");
    assert_eq!(lease(&store, Job::Change, at(1)).flow, flow);
    no_lease(&store, Job::Receipt, at(1));
    whole(store, dir.path());
}
