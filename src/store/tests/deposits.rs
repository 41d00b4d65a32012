//! A dropped file's whole way.

use super::*;

#[test]
fn a_file_goes_its_way_with_a_leaf_and_the_next_work_at_each_step() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = integrated(&store, "F1");
    assert_eq!(
        kinds(&store),
        [
            "journal_key",
            "receive",
            "deposit.check_passed",
            "deposit.sending",
            "deposit.deposit_accepted",
            "deposit.integrated"
        ]
    );
    let reader = store.reader().unwrap();
    let record = reader.flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.is_final), ("integrated", true));
    assert_eq!(record.deposit_number.unwrap().as_str(), "CPP000000001");
    assert_eq!(record.invoice_number.unwrap().as_str(), "F1");
    let attempts = reader.attempts(&flow).unwrap();
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].outcome.as_deref(), Some("deposit_accepted"));
    assert_eq!(reader.document(&record.sha256.unwrap()).unwrap().unwrap(), b"F1");
    let states: Vec<_> = reader.steps(&flow).unwrap().into_iter().filter_map(|s| s.state).collect();
    assert_eq!(states, ["received", "ready", "sending", "deposited", "integrated"]);
    assert_eq!(reader.pending(&"sifac".parse().unwrap()).unwrap(), (0, 0));
    // What is left: the receipt (once, however often it was asked for) and the statuses.
    lease(&store, Job::Receipt, at(10));
    lease(&store, Job::Statuses, at(10));
    for job in [Job::Intake, Job::Deposit, Job::Doubt, Job::Integration] {
        no_lease(&store, job, at(1_000_000));
    }
    let bytes = reader.journal(0..100).unwrap().into_iter().flat_map(|leaf| leaf.bytes).collect::<Vec<_>>();
    for secret in ["facture.xml", "127.0.0.1", "Librairie"] {
        assert!(!String::from_utf8_lossy(&bytes).contains(secret), "{secret} stands in a leaf");
    }
    store.close().unwrap();
}

#[test]
fn the_same_bytes_again_are_a_duplicate_until_the_first_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let first = drop_file(&store, "F1");
    let Received::Duplicate { arrival: receipt, first: named } =
        store.receive(arrival("autre-nom.xml", b"F1")).wait().unwrap()
    else {
        panic!("no duplicate");
    };
    assert_eq!(named, first);
    let record = store.reader().unwrap().arrival(&receipt).unwrap().unwrap();
    assert_eq!((record.flow.as_ref(), record.file.as_str()), (Some(&first), "autre-nom.xml"));
    assert_eq!(record.fault.unwrap().details["first"], first.as_str());
    assert_eq!(lease(&store, Job::Receipt, at(0)).flow, receipt);
    // Another establishment, or another Chorus Pro, is another matter.
    let elsewhere = Arrival { realm: realm("lycee"), ..arrival("facture.xml", b"F1") };
    assert!(matches!(store.receive(elsewhere).wait().unwrap(), Received::Flow(_)));
    let intakes = store.lease(&[Job::Intake], 10, at(0), LEASE).wait().unwrap();
    assert_eq!(intakes.len(), 2);
    let intake = intakes.iter().find(|l| l.flow == first).unwrap();
    let facts = Facts { fault: Some(Fault::new(Code::RulesFailed)), ..Facts::default() };
    store.decide(&first, Event::CheckFailed, facts, Some(intake), at(1)).wait().unwrap();
    assert!(matches!(store.receive(arrival("facture.xml", b"F1")).wait().unwrap(), Received::Flow(_)));
}

#[test]
fn two_identical_drops_at_once_make_one_flow_and_one_duplicate() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for round in 0..20 {
        let content = format!("round {round}").into_bytes();
        let barrier = std::sync::Barrier::new(2);
        let received: Vec<_> = std::thread::scope(|scope| {
            let drops: Vec<_> = (0..2)
                .map(|_| {
                    scope.spawn(|| {
                        barrier.wait();
                        store.receive(arrival("facture.xml", &content)).wait().unwrap()
                    })
                })
                .collect();
            drops.into_iter().map(|d| d.join().unwrap()).collect()
        });
        let flows: Vec<_> = received.iter().filter(|r| matches!(r, Received::Flow(_))).collect();
        assert_eq!(flows.len(), 1, "{received:?}");
    }
    let kinds = kinds(&store);
    assert_eq!(kinds.iter().filter(|k| *k == "receive").count(), 20);
    assert_eq!(kinds.iter().filter(|k| *k == "duplicate").count(), 20);
    assert_eq!(store.lease(&[Job::Receipt], 100, at(0), LEASE).wait().unwrap().len(), 20);
}

#[test]
fn a_lost_lease_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = drop_file(&store, "F1");
    let slow = lease(&store, Job::Intake, at(0));
    no_lease(&store, Job::Intake, at(1));
    let late = at(0).plus(LEASE);
    let quick = lease(&store, Job::Intake, late);
    assert_eq!((quick.tries, quick.flow.clone()), (1, flow.clone()));
    let before = store.metrics().leaves;
    for lost in [
        store.decide(&flow, Event::CheckPassed, Facts::default(), Some(&slow), late).wait().unwrap_err(),
        store.finish(&slow).wait().unwrap_err(),
        store.postpone(&slow, late).wait().unwrap_err(),
        store.published(&slow, late).wait().unwrap_err(),
    ] {
        assert!(matches!(lost, StoreError::LeaseLost), "{lost}");
    }
    assert_eq!((state(&store, &flow).as_str(), store.metrics().leaves), ("received", before));
    store.decide(&flow, Event::CheckPassed, Facts::default(), Some(&quick), late).wait().unwrap();
    let again = store.decide(&flow, Event::CheckPassed, Facts::default(), Some(&quick), late).wait().unwrap_err();
    assert!(matches!(again, StoreError::LeaseLost), "{again}");
}

#[test]
fn a_deposit_whose_lease_ends_without_an_answer_is_doubtful_and_never_leased_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    type End<'a> = (&'a str, &'a dyn Fn(&Lease));
    let ends: [End<'_>; 3] = [
        ("expired", &|_| no_lease(&store, Job::Deposit, at(3).plus(LEASE))),
        ("finished", &|lease| store.finish(lease).wait().unwrap()),
        ("postponed", &|lease| store.postpone(lease, at(4)).wait().unwrap()),
    ];
    for (name, end) in ends {
        let (flow, deposit) = sending(&store, name);
        end(&deposit);
        assert_eq!(state(&store, &flow), "doubtful", "{name}");
        no_lease(&store, Job::Deposit, at(1_000_000_000));
        let attempts = store.reader().unwrap().attempts(&flow).unwrap();
        assert_eq!(attempts[0].outcome.as_deref(), Some("answer_lost"), "{name}");
        let late = store.decide(&flow, Event::DepositAccepted, Facts::default(), Some(&deposit), at(5)).wait();
        assert!(matches!(late, Err(StoreError::LeaseLost)), "{name}");
        // Put right by a search, so that the next case begins with an empty queue.
        let doubt = lease(&store, Job::Doubt, at(1_000_000_000));
        store.decide(&flow, Event::FoundAtChorus, Facts::default(), Some(&doubt), at(6)).wait().unwrap();
        let integration = lease(&store, Job::Integration, at(1_000_000_000));
        store.decide(&flow, Event::Rejected, Facts::default(), Some(&integration), at(7)).wait().unwrap();
    }
}

#[test]
fn an_impossible_event_is_journalled_and_shown_and_changes_no_state() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = drop_file(&store, "F1");
    let decided = store.decide(&flow, Event::Integrated, Facts::default(), None, at(1)).wait().unwrap();
    assert_eq!(decided, Decided::Impossible { state: State::Received });
    let record = store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code), ("received", Code::Impossible));
    let leaf = leaves(&store).pop().unwrap();
    assert_eq!((leaf.kind.as_str(), leaf.objects["event"].as_str()), ("impossible", "integrated"));
    lease(&store, Job::Receipt, at(1));
    lease(&store, Job::Intake, at(1));
}

#[test]
fn an_impossible_event_leaves_its_lease_so_that_what_was_sent_is_not_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, deposit) = sending(&store, "F1");
    let decided = store.decide(&flow, Event::Integrated, Facts::default(), Some(&deposit), at(4)).wait().unwrap();
    assert_eq!(decided, Decided::Impossible { state: State::Sending });
    let record = store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!((record.state.as_str(), record.fault.unwrap().code), ("sending", Code::Impossible));
    no_lease(&store, Job::Deposit, at(5));
    no_lease(&store, Job::Deposit, at(3).plus(LEASE));
    assert_eq!(state(&store, &flow), "doubtful", "the lease ran out, and the doubt is looked up");
    lease(&store, Job::Doubt, at(4).plus(LEASE));
}

#[test]
fn a_refusal_in_doubt_is_the_trys_own_and_a_flux_found_is_that_of_the_try_before() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, deposit) = sending(&store, "F1");
    store.decide(&flow, Event::AnswerLost, Facts::default(), Some(&deposit), at(4)).wait().unwrap();
    store.decide(&flow, Event::ResendByPerson, Facts::default(), None, at(5)).wait().unwrap();
    let again = lease(&store, Job::Deposit, at(6));
    store.intend(&flow, &again, at(7)).wait().unwrap();
    let facts = Facts { detail: Some("20001 trop gros".into()), ..Facts::default() };
    store.decide(&flow, Event::RefusedInDoubt, facts, Some(&again), at(8)).wait().unwrap();
    assert_eq!(state(&store, &flow), "doubtful");
    let doubt = lease(&store, Job::Doubt, at(9));
    let facts = Facts { deposit_number: Some("CPP000000007".parse().unwrap()), ..Facts::default() };
    store.decide(&flow, Event::FoundAtChorus, facts, Some(&doubt), at(10)).wait().unwrap();
    let attempts = store.reader().unwrap().attempts(&flow).unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|a| (a.outcome.as_deref().unwrap(), a.detail.as_deref(), a.deposit_number.as_ref().map(|n| n.as_str())))
        .collect();
    assert_eq!(told, [("answer_lost", None, Some("CPP000000007")), ("deposit_refused", Some("20001 trop gros"), None)]);
}

#[test]
fn what_may_be_of_a_flow_that_was_given_up_is_ours_when_it_is_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (first, deposit) = sending(&store, "F1");
    store.decide(&first, Event::AnswerLost, Facts::default(), Some(&deposit), at(4)).wait().unwrap();
    let facts = store.reader().unwrap().invoices(&first).unwrap().remove(0).facts;
    let by_another = |own: &FlowId| store.reader().unwrap().was_sent_by_another(&realm("univ"), own, &facts).unwrap();
    let elsewhere: FlowId = "01jdmzxk9w0000000000000000".parse().unwrap();
    assert!(by_another(&elsewhere) && !by_another(&first));
    store.decide(&first, Event::AbandonedByPerson, Facts::default(), None, at(5)).wait().unwrap();
    assert!(by_another(&elsewhere), "of other bytes it may be the one that was given up");
    let again = ready(&store, "F1");
    assert_ne!(again, first);
    assert!(!by_another(&again), "it says the same, and nobody else claims it");
}

#[test]
fn a_person_overrules_a_doubt_and_the_search_under_way_counts_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, deposit) = sending(&store, "F1");
    store.decide(&flow, Event::AnswerLost, Facts::default(), Some(&deposit), at(4)).wait().unwrap();
    let search = lease(&store, Job::Doubt, at(5));
    let facts = Facts { person: Some("Marie Durand".into()), ..Facts::default() };
    store.decide(&flow, Event::ResendByPerson, facts, None, at(6)).wait().unwrap();
    let late = store.decide(&flow, Event::StillDoubtful, Facts::default(), Some(&search), at(7)).wait();
    assert!(matches!(late, Err(StoreError::LeaseLost)));
    let again = lease(&store, Job::Deposit, at(8));
    store.intend(&flow, &again, at(9)).wait().unwrap();
    let attempts = store.reader().unwrap().attempts(&flow).unwrap();
    assert_eq!(attempts.iter().map(|a| (a.n, a.outcome.is_some())).collect::<Vec<_>>(), [(1, true), (2, false)]);
    // The name is read from beside the journal, and gone once its salt is erased.
    let actor = |store: &Store| {
        store
            .reader()
            .unwrap()
            .steps(&flow)
            .unwrap()
            .iter()
            .find(|s| s.kind == "deposit.resend_by_person")
            .unwrap()
            .actor
            .clone()
    };
    assert_eq!(actor(&store), "Marie Durand");
    rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap().execute("DELETE FROM salt", []).unwrap();
    assert_eq!(actor(&store), "person");
}

#[test]
fn waits_of_decisions_are_kept_and_not_before_overrides_them() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, deposit) = sending(&store, "F1");
    let facts = Facts { not_before: Some(at(500_000)), ..Facts::default() };
    store.decide(&flow, Event::NotSent, facts, Some(&deposit), at(4)).wait().unwrap();
    assert_eq!(store.reader().unwrap().next_due(&[Job::Deposit]).unwrap(), Some(at(500_000)));
    no_lease(&store, Job::Deposit, at(499_999));
    let deposit = lease(&store, Job::Deposit, at(500_000));
    store.intend(&flow, &deposit, at(500_001)).wait().unwrap();
    let facts = Facts { deposit_number: Some("CPP1".parse().unwrap()), ..Facts::default() };
    store.decide(&flow, Event::DepositAccepted, facts, Some(&deposit), at(500_002)).wait().unwrap();
    let integration = lease(&store, Job::Integration, at(500_002));
    let before = store.metrics().leaves;
    store.trouble(&flow, Some(Fault::new(Code::IntegrationLate)), at(500_003)).wait().unwrap();
    store.trouble(&flow, Some(Fault::new(Code::IntegrationLate)), at(500_004)).wait().unwrap();
    store.decide(&flow, Event::InHand, Facts::default(), Some(&integration), at(500_005)).wait().unwrap();
    assert_eq!(store.metrics().leaves, before + 1, "told once, and a look without news is no leaf");
    let record = store.reader().unwrap().flow(&flow).unwrap().unwrap();
    assert_eq!(record.fault.unwrap().code, Code::IntegrationLate);
    let wait = Policy::default().integration_poll;
    no_lease(&store, Job::Integration, at(500_004).plus(wait));
    lease(&store, Job::Integration, at(500_005).plus(wait));
}

#[test]
fn a_receipt_changed_while_it_is_written_is_due_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = ready(&store, "F1");
    let receipt = lease(&store, Job::Receipt, at(10));
    store.trouble(&flow, Some(Fault::new(Code::UnknownFluxState)), at(11)).wait().unwrap();
    no_lease(&store, Job::Receipt, at(12));
    store.published(&receipt, at(13)).wait().unwrap();
    let newer = lease(&store, Job::Receipt, at(13));
    store.published(&newer, at(14)).wait().unwrap();
    no_lease(&store, Job::Receipt, at(1_000_000));
}

#[test]
fn a_halted_realm_is_left_alone_and_the_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let halted = ready(&store, "F1");
    let fault = || Fault::new(Code::ClientRefused).with("environment", "practice");
    assert!(store.halt(&realm("univ"), fault(), at(5)).wait().unwrap());
    assert!(!store.halt(&realm("univ"), fault(), at(6)).wait().unwrap(), "told once");
    no_lease(&store, Job::Deposit, at(10));
    lease(&store, Job::Receipt, at(10));
    assert_eq!(store.reader().unwrap().overview(at(10)).unwrap().halts.len(), 1);
    let elsewhere = Arrival { realm: realm("lycee"), ..arrival("facture.xml", b"F2") };
    store.receive(elsewhere).wait().unwrap();
    let intake = lease(&store, Job::Intake, at(10));
    store.decide(&intake.flow, Event::CheckPassed, Facts::default(), Some(&intake), at(11)).wait().unwrap();
    assert_eq!(lease(&store, Job::Deposit, at(12)).realm, realm("lycee"));
    assert!(store.resume(&realm("univ"), at(13)).wait().unwrap());
    assert!(!store.resume(&realm("univ"), at(13)).wait().unwrap());
    assert_eq!(lease(&store, Job::Deposit, at(14)).flow, halted);
}

#[test]
fn a_try_after_an_incident_does_not_keep_the_lost_flux_number() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (flow, deposit) = sending(&store, "F1");
    let number = |text: &str| Facts { deposit_number: Some(text.parse().unwrap()), ..Facts::default() };
    store.decide(&flow, Event::DepositAccepted, number("CPP000000001"), Some(&deposit), at(4)).wait().unwrap();
    let integration = lease(&store, Job::Integration, at(5));
    store.decide(&flow, Event::Incident, Facts::default(), Some(&integration), at(6)).wait().unwrap();
    let deposit = lease(&store, Job::Deposit, at(1_000_000));
    store.intend(&flow, &deposit, at(1_000_001)).wait().unwrap();
    store.decide(&flow, Event::AnswerLost, Facts::default(), Some(&deposit), at(1_000_002)).wait().unwrap();
    // Found without a flux number: the former one would lead to the former flux's verdict, an incident.
    let doubt = lease(&store, Job::Doubt, at(1_000_003));
    store.decide(&flow, Event::FoundAtChorus, Facts::default(), Some(&doubt), at(1_000_004)).wait().unwrap();
    let reader = store.reader().unwrap();
    assert_eq!(reader.flow(&flow).unwrap().unwrap().deposit_number, None);
    assert_eq!(reader.attempts(&flow).unwrap()[0].deposit_number.as_ref().unwrap().as_str(), "CPP000000001");
    drop(reader);
    store.close().unwrap();
    let verified = verify::verify(dir.path(), &verify::Options::default()).unwrap();
    assert_eq!(verified.bad, None, "the journal tells that the number is no longer the flow's");
}

#[test]
fn work_due_in_a_far_future_is_due_once_the_clock_is_put_right() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let ahead = at(400 * 24 * 3600 * 1000);
    let flow = {
        let mut arrival = arrival("facture.xml", b"F1");
        arrival.at = ahead;
        let Received::Flow(flow) = store.receive(arrival).wait().unwrap() else { panic!("not taken") };
        flow
    };
    no_lease(&store, Job::Intake, at(1_000));
    store.put_back(at(1_000), ahead.since(at(0))).wait().unwrap();
    assert_eq!(lease(&store, Job::Intake, at(1_000)).flow, flow);
}

#[test]
fn a_clock_put_back_takes_waits_leases_and_wishes_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // Two hours ahead: a clock set to local time.
    let hours = Duration::from_secs(2 * 3600);
    let flow = ready(&store, "F1");
    let deposit = lease(&store, Job::Deposit, at(0).plus(hours));
    store.postpone(&deposit, at(60_000).plus(hours)).wait().unwrap();
    let receipt = lease(&store, Job::Receipt, at(0).plus(hours));
    store.trouble(&flow, Some(Fault::new(Code::UnknownFluxState)), at(1).plus(hours)).wait().unwrap();
    store.put_back(at(2), hours).wait().unwrap();
    no_lease(&store, Job::Deposit, at(59_999));
    no_lease(&store, Job::Receipt, at(59_999));
    assert_eq!(lease(&store, Job::Deposit, at(60_000)).flow, flow, "the wait it had left, not two hours more");
    // The receipt's writer never came back: its lease ends when it would have.
    assert_eq!(lease(&store, Job::Receipt, at(0).plus(LEASE)).id, receipt.id);
}

#[test]
fn only_failures_in_a_row_count_as_tries() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    ready(&store, "F1");
    let mut tries = Vec::new();
    for failed in [false, false, true, true, false, true] {
        let deposit = lease(&store, Job::Deposit, at(10));
        tries.push(deposit.tries);
        let step = if failed { store.retry(&deposit, at(10)) } else { store.postpone(&deposit, at(10)) };
        step.wait().unwrap();
    }
    assert_eq!(tries, [0, 0, 0, 1, 2, 0], "a poll is no failure, however often it was made");
    assert_eq!(lease(&store, Job::Deposit, at(10)).tries, 1);
    assert_eq!(lease(&store, Job::Deposit, at(10).plus(LEASE)).tries, 2, "nor did anybody come back from the last");
}

#[test]
fn what_was_put_off_is_due_when_its_realm_resumes_or_somebody_hurries_it() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let flow = ready(&store, "F1");
    let put_off = |now| {
        let deposit = lease(&store, Job::Deposit, now);
        store.postpone(&deposit, at(900_000)).wait().unwrap();
        no_lease(&store, Job::Deposit, at(899_999));
    };
    put_off(at(10));
    store.published(&lease(&store, Job::Receipt, at(10)), at(10)).wait().unwrap();
    store.halt(&realm("univ"), Fault::new(Code::ClientRefused), at(11)).wait().unwrap();
    let receipt = lease(&store, Job::Receipt, at(11));
    assert_eq!(receipt.flow, flow, "its receipt says what it waits for");
    store.published(&receipt, at(11)).wait().unwrap();
    assert!(store.reader().unwrap().waits_for_chorus(&realm("univ")).unwrap());
    assert!(!store.reader().unwrap().waits_for_chorus(&realm("lycee")).unwrap());
    store.resume(&realm("univ"), at(12)).wait().unwrap();
    assert_eq!(lease(&store, Job::Receipt, at(12)).flow, flow, "and that it waits no more");
    put_off(at(12));
    store.hurry(&realm("lycee"), at(13)).wait().unwrap();
    no_lease(&store, Job::Deposit, at(13));
    store.hurry(&realm("univ"), at(13)).wait().unwrap();
    assert_eq!(lease(&store, Job::Deposit, at(13)).flow, flow);
}
