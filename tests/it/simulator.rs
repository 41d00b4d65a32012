//! The connector and the simulator, written apart from the same facts, understand each other over real TLS.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fluxgate::app::samples::{Expect, SAMPLES};
use fluxgate::chorus::{
    ConsulterCrDetaille, ConsulterHistorique, DeposerFlux, DownloadFormat, FluxFileName, FluxSyntax, MotiveCode, Page,
    PaymentRequest, RechercherRecipiendaire, TelechargerGroupe,
};
use fluxgate::domain::{Environment, InvoiceStatus, Realm};
use fluxgate::simulator::{
    Answered, Effect, ErrorList, ErrorTransport, FaultRule, Options, PivotForm, Scenario, Simulator,
};
use fluxgate::work::connector::{ApiSection, CallError, Connector, ConnectorSettings, TechnicalAccountSection};

use crate::sent;

async fn pair(scenario: Scenario, dir: &Path) -> (Simulator, Connector) {
    let simulator = Simulator::start(Options { speed: 0.0, scenario, ..Options::default() }).await.unwrap();
    let credentials = simulator.credentials();
    std::fs::write(dir.join("client"), &credentials.client_secret).unwrap();
    std::fs::write(dir.join("account"), &credentials.account_password).unwrap();
    let api = format!(
        "token_url = \"{url}/api/oauth/token\"\nbase_url = \"{url}\"\nclient_id = \"{}\"\nclient_secret_file = \"client\"\n\
         ca_file = \"{}\"\ncalls_per_second = 1000\ntimeout = \"10s\"",
        credentials.client_id,
        credentials.ca_file,
        url = credentials.url,
    );
    let api: ApiSection = toml::from_str(&api).unwrap();
    let account = TechnicalAccountSection {
        environment: Environment::Practice,
        login: credentials.account_login.clone(),
        password_file: "account".into(),
    };
    let realm = Realm { establishment: "univ-exemple".parse().unwrap(), environment: Environment::Practice };
    let connector = Connector::new(ConnectorSettings { realm, api, account, dir: dir.to_owned() }).unwrap();
    (simulator, connector)
}

fn syntax_of(name: &str) -> FluxSyntax {
    let syntax = match name {
        "facture-facturx.pdf" => "facturx",
        "facture-cii.xml" => "cii",
        _ => "ubl-invoice",
    };
    FluxSyntax::for_invoice(syntax).unwrap()
}

fn deposit_of(name: &str, bytes: &'static [u8]) -> DeposerFlux {
    let syntax = syntax_of(name);
    DeposerFlux {
        content: Bytes::from_static(bytes),
        file_name: FluxFileName::from_dropped(name, syntax),
        syntax,
        signed: false,
    }
}

#[tokio::test]
async fn every_sample_ends_as_it_says() {
    for (errors, error_list) in
        [(ErrorTransport::Http200, ErrorList::Array), (ErrorTransport::Http400, ErrorList::Object)]
    {
        let dir = tempfile::tempdir().unwrap();
        let (simulator, connector) = pair(Scenario { errors, error_list, ..Scenario::default() }, dir.path()).await;
        simulator
            .control()
            .add_fault(FaultRule::new("deposer/flux", Effect::LoseAnswer).invoice("FA-PERDUE-*"))
            .unwrap();
        connector.probe().await.unwrap();
        for sample in SAMPLES.iter().filter(|sample| sample.expect != Expect::RefusedByCheck) {
            let before = simulator.ledger().deposits.len();
            let result = connector.call(&deposit_of(sample.name, sample.bytes)).await;
            let ledger = simulator.ledger();
            assert_eq!(ledger.deposits.len(), before + 1, "{}: deposited once", sample.name);
            let deposit = &ledger.deposits[before];
            assert_eq!(deposit.invoices.len(), 1, "{}: the simulator reads it", sample.name);
            let number = match (sample.expect, result) {
                (Expect::AnswerLost, Err(CallError::Lost(_))) => deposit.deposit_number.parse().unwrap(),
                (Expect::AnswerLost, other) => panic!("{}: {other:?}", sample.name),
                (_, answer) => answer.unwrap().number,
            };
            assert_eq!(deposit.answer == Answered::Lost, sample.expect == Expect::AnswerLost);
            let search = sent(&deposit.invoices[0].number);
            assert!(connector.call(&search).await.unwrap().rows.is_empty(), "{}: not yet", sample.name);
            simulator.control().advance(Duration::from_secs(120));

            let report = connector.call(&ConsulterCrDetaille { deposit: number, syntax: None }).await.unwrap();
            let found = connector.call(&search).await.unwrap();
            if sample.expect == Expect::RejectedByChorus {
                assert_eq!(report.state.as_str(), "IN_REJETE");
                assert!(report.summary().unwrap().contains("99999999999999"), "{:?}", report.summary());
                assert!(found.rows.is_empty());
                continue;
            }
            assert_eq!(report.state.as_str(), "IN_INTEGRE", "{}: {:?}", sample.name, report.summary());
            let row = &found.rows[0];
            assert_eq!(row.deposit.as_ref().unwrap().as_str(), deposit.deposit_number);
            assert_eq!(row.supplier.as_deref(), Some(deposit.invoices[0].supplier.as_str()));
            simulator.control().advance(Duration::from_secs(7 * 600));
            let history = connector.call(&ConsulterHistorique { invoice: row.id, page: 1 }).await.unwrap();
            assert_eq!(history.current, Some(InvoiceStatus::MiseEnPaiement));
            assert_eq!(history.statuses.len(), 8);
        }
    }
}

#[tokio::test]
async fn received_invoices_are_found_page_by_page_and_downloaded() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Scenario { received: 7, pivot: PivotForm::Alternate, ..Scenario::default() };
    let (simulator, connector) = pair(scenario, dir.path()).await;
    let mut search = RechercherRecipiendaire {
        kind: PaymentRequest::Invoice,
        number: None,
        deposited: None,
        state_changed: None,
        downloaded: Some(false),
        statuses: Vec::new(),
        page: Page { number: 1, rows: 3 },
    };
    let mut found = Vec::new();
    loop {
        let page = connector.call(&search).await.unwrap();
        assert!(page.unreadable.is_empty(), "{:?}", page.unreadable);
        found.extend(page.rows.iter().map(|row| row.id));
        if !page.has_more(search.page) {
            break;
        }
        search.page = search.page.next();
    }
    assert_eq!(found.len(), 7);
    let mut zipped = 0;
    for id in found {
        let order = TelechargerGroupe { invoice: id, format: DownloadFormat::Pivot };
        let pivot = connector.call(&order).await.unwrap();
        zipped += usize::from(pivot.starts_with(b"PK"));
        assert!(pivot.starts_with(b"PK") || pivot.starts_with(b"<?xml"));
    }
    assert!((3..=4).contains(&zipped));
    search.page = Page::FIRST;
    assert!(connector.call(&search).await.unwrap().rows.is_empty(), "all are flagged as downloaded");
    assert!(simulator.ledger().invoices.iter().all(|invoice| invoice.downloads.len() == 1));
}

#[tokio::test]
async fn faults_mean_to_the_connector_what_they_are() {
    let dir = tempfile::tempdir().unwrap();
    let (simulator, connector) = pair(Scenario::default(), dir.path()).await;
    let deposit = deposit_of(SAMPLES[0].name, SAMPLES[0].bytes);
    let kind = |error: &CallError| match error {
        CallError::NotSent(_) => "not sent",
        CallError::Stopped(_) => "stopped",
        CallError::SlowDown { .. } => "slow down",
        CallError::Lost(_) => "lost",
        CallError::Refused { .. } => "refused",
    };
    for (effect, expected) in [
        (Effect::LoseAnswer, "lost"),
        (Effect::Cut, "lost"),
        (Effect::Garbage200, "lost"),
        (Effect::Empty200, "lost"),
        (Effect::Status500, "lost"),
        (Effect::Status503, "lost"),
        (Effect::CloseBefore, "lost"),
        (Effect::Status401, "stopped"),
        (Effect::Status403Empty, "stopped"),
        (Effect::Refuse, "refused"),
        (Effect::Status429, "slow down"), // last: the connector then waits by itself
    ] {
        let mut rule = FaultRule::new("deposer/flux", effect).always();
        if effect == Effect::Refuse {
            rule = rule.refusal(20001, "GDP_MSG_11.022");
        }
        let id = simulator.control().add_fault(rule).unwrap();
        let error = connector.call(&deposit).await.unwrap_err();
        assert_eq!(kind(&error), expected, "{effect:?}: {error}");
        simulator.control().remove_fault(id);
    }
}

/// Seen: a practice Chorus Pro that called HONORER_LA_COMMANDE "to honour the order", which is its contrary.
#[test]
fn the_practice_lists_the_motif_codes_with_the_words_the_gateway_shows() {
    let ours: Vec<_> = MotiveCode::ALL.iter().map(|code| (code.as_str(), code.label())).collect();
    assert_eq!(fluxgate::simulator::MOTIFS, ours);
    let table = include_str!("../../config/schema/statuts.csv.md");
    for code in MotiveCode::ALL {
        let row = format!("| `{}` | {} | `{}`", code.as_str(), code.label(), code.afnor());
        assert_eq!(table.matches(&row).count(), 1, "{row}");
    }
    let (_, rows) = table.split_once("| code | words | AFNOR |\n|---|---|---|\n").unwrap();
    assert_eq!(rows.lines().take_while(|line| line.starts_with("| `")).count(), MotiveCode::ALL.len());
}
