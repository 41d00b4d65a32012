//! Do the connector and the simulator, written apart from the same page, understand each other? Over real HTTPS.

use std::fs;
use std::time::Duration;

use fluxgate::chorus::{
    ConsulterCrDetaille, ConsulterHistorique, DeposerFlux, DownloadFormat, FluxFileName, FluxSyntax, Page,
    PaymentRequest, Period, RechercherRecipiendaire, TelechargerGroupe, Verdict,
};
use fluxgate::domain::{Environment, InvoiceStatus, Realm, Timestamp};
use fluxgate::fault::Code;
use fluxgate::simulator::{Effect, ErrorList, ErrorTransport, FaultRule, Options, PivotForm, Simulator};
use fluxgate::work::connector::{ApiSection, CallError, Connector, ConnectorSettings, TechnicalAccountSection};

use crate::sent;

const KNOWN_RECIPIENT: &str = "11000201100044";

struct Bench {
    simulator: Simulator,
    connector: Connector,
    folder: tempfile::TempDir,
}

impl Bench {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let options = Options { dir: Some(folder.path().to_owned()), speed: 0.0, ..Options::default() };
        let simulator = Simulator::start(options).await.unwrap();
        let credentials = simulator.credentials();
        fs::write(folder.path().join("secret"), &credentials.client_secret).unwrap();
        fs::write(folder.path().join("password"), &credentials.account_password).unwrap();
        let api: ApiSection = toml::from_str(&format!(
            "token_url = \"{url}/api/oauth/token\"\nbase_url = \"{url}\"\nclient_id = \"{id}\"\n\
             client_secret_file = \"secret\"\nca_file = \"ca.pem\"\ncalls_per_second = 1000\ntimeout = \"5s\"",
            url = credentials.url,
            id = credentials.client_id
        ))
        .unwrap();
        let account = TechnicalAccountSection {
            environment: Environment::Practice,
            login: credentials.account_login.clone(),
            password_file: "password".into(),
        };
        let realm = Realm { establishment: "univ-exemple".parse().unwrap(), environment: Environment::Practice };
        let dir = folder.path().to_owned();
        let connector = Connector::new(ConnectorSettings { realm, api, account, dir }).unwrap();
        Self { simulator, connector, folder }
    }

    /// Lets simulated time pass.
    fn wait(&self, seconds: u64) {
        self.simulator.control().advance(Duration::from_secs(seconds));
    }

    async fn verdict(&self, deposit: &fluxgate::chorus::Deposited) -> fluxgate::chorus::Report {
        let syntax = Some(FluxSyntax::E1UblInvoice);
        self.connector.call(&ConsulterCrDetaille { deposit: deposit.number.clone(), syntax }).await.unwrap()
    }
}

fn deposit(number: &str, recipient: &str) -> DeposerFlux {
    let content = format!(
        r#"<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2" xmlns:cac="urn:c:cac" xmlns:cbc="urn:c:cbc">
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-11-20</cbc:IssueDate>
<cac:AccountingSupplierParty><cac:Party><cac:PartyLegalEntity><cbc:CompanyID schemeID="0002">33254021516357</cbc:CompanyID>
</cac:PartyLegalEntity></cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cac:PartyIdentification><cbc:ID schemeID="0009">{recipient}</cbc:ID>
</cac:PartyIdentification></cac:Party></cac:AccountingCustomerParty>
<cac:LegalMonetaryTotal><cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount>
<cbc:TaxInclusiveAmount currencyID="EUR">120.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">120.00</cbc:PayableAmount></cac:LegalMonetaryTotal></Invoice>"#
    );
    let syntax = FluxSyntax::E1UblInvoice;
    DeposerFlux {
        content: content.into(),
        file_name: FluxFileName::from_dropped(&format!("{number}.xml"), syntax),
        syntax,
        signed: false,
    }
}

fn received(page: Page) -> RechercherRecipiendaire {
    let now = Timestamp::now();
    let day = Duration::from_secs(86_400);
    RechercherRecipiendaire {
        kind: PaymentRequest::Invoice,
        number: None,
        deposited: None,
        state_changed: Some(Period { from: now.minus(day * 30), to: now.plus(day * 30) }),
        downloaded: None,
        statuses: Vec::new(),
        page,
    }
}

#[tokio::test]
async fn an_invoice_is_deposited_integrated_found_and_followed() {
    let bench = Bench::start().await;
    bench.connector.probe().await.unwrap();
    let deposited = bench.connector.call(&deposit("FA-1", KNOWN_RECIPIENT)).await.unwrap();
    assert_eq!(bench.verdict(&deposited).await.state.verdict(), Verdict::InHand);
    let early = bench.connector.call(&sent("FA-1")).await.unwrap();
    assert_eq!((early.rows.len(), early.total), (0, Some(0)), "zero rows are no error");

    bench.wait(200);
    assert_eq!(bench.verdict(&deposited).await.state.verdict(), Verdict::Integrated);
    let found = bench.connector.call(&sent("FA-1")).await.unwrap();
    assert_eq!((found.rows.len(), found.unreadable.len(), found.has_more(Page::FIRST)), (1, 0, false));
    let row = &found.rows[0];
    assert_eq!((row.number.as_str(), row.deposit.as_ref()), ("FA-1", Some(&deposited.number)));
    assert_eq!(row.supplier.as_deref(), Some("33254021516357"));
    assert!(row.deposited_on.as_ref().unwrap().instant().is_some(), "{row:?}");

    bench.wait(100_000);
    let history = bench.connector.call(&ConsulterHistorique { invoice: row.id, page: 1 }).await.unwrap();
    assert_eq!(history.current, Some(InvoiceStatus::MiseEnPaiement));
    assert_eq!(history.statuses.first().map(|s| &s.status), Some(&InvoiceStatus::Deposee));
    assert!(history.statuses.len() >= 8 && history.statuses.iter().all(|s| s.at.instant().is_some()));
    assert_eq!(bench.simulator.ledger().deposits_of("FA-1").len(), 1);
}

#[tokio::test]
async fn a_rejection_tells_its_reason_whether_one_object_or_a_list() {
    let bench = Bench::start().await;
    for (number, list) in [("FA-1", ErrorList::Object), ("FA-2", ErrorList::Array)] {
        bench.simulator.control().set_error_list(list);
        let deposited = bench.connector.call(&deposit(number, "99999999999999")).await.unwrap();
        bench.wait(200);
        let report = bench.verdict(&deposited).await;
        assert_eq!(report.state.verdict(), Verdict::Rejected);
        assert_eq!(report.invoices[0].number.as_deref(), Some(number));
        assert!(report.summary().is_some_and(|s| !s.is_empty()));
    }
}

#[tokio::test]
async fn received_invoices_are_found_page_by_page_and_downloaded_in_both_forms() {
    let bench = Bench::start().await;
    let empty = bench.connector.call(&received(Page::FIRST)).await.unwrap();
    assert_eq!((empty.rows.len(), empty.total), (0, Some(0)));
    let ids = bench.simulator.control().send_samples(5);
    bench.wait(5);
    let mut page = Page { number: 1, rows: 2 };
    let mut found = Vec::new();
    loop {
        let result = bench.connector.call(&received(page)).await.unwrap();
        assert_eq!((result.total, result.unreadable.len()), (Some(5), 0));
        let more = result.has_more(page);
        found.extend(result.rows);
        if !more {
            break;
        }
        page = page.next();
    }
    let mut seen: Vec<_> = found.iter().map(|row| row.id).collect();
    seen.sort();
    assert_eq!(seen, ids);
    assert!(found.iter().all(|row| row.downloaded == Some(false) && row.payable.is_some()), "{found:?}");

    for (form, start) in [(PivotForm::Xml, &b"<?xml"[..]), (PivotForm::Zip, b"PK")] {
        bench.simulator.control().set_pivot(form);
        let download = TelechargerGroupe { invoice: ids[0], format: DownloadFormat::Pivot };
        let bytes = bench.connector.call(&download).await.unwrap();
        assert!(bytes.starts_with(start), "{form:?}: {:?}", &bytes[..8]);
    }
    let flagged = bench.connector.call(&received(Page::FIRST)).await.unwrap();
    let flagged: Vec<_> = flagged.rows.iter().filter(|row| row.downloaded == Some(true)).map(|row| row.id).collect();
    assert_eq!(flagged, [ids[0]]);
}

#[tokio::test]
async fn each_scripted_trouble_is_told_for_what_it_is() {
    let bench = Bench::start().await;
    bench.connector.probe().await.unwrap();
    let troubles = [
        (Effect::LoseAnswer, Code::AnswerLost, 1),
        (Effect::Cut, Code::AnswerLost, 1),
        (Effect::CloseBefore, Code::AnswerLost, 0),
        (Effect::Status500, Code::ChorusFailing, 0),
        (Effect::Garbage200, Code::AnswerUnreadable, 0),
        (Effect::Empty200, Code::AnswerUnreadable, 0),
    ];
    for (n, (effect, code, taken)) in troubles.into_iter().enumerate() {
        let number = format!("FA-{n}");
        bench.simulator.control().add_fault(FaultRule::new("deposer/flux", effect)).unwrap();
        let error = bench.connector.call(&deposit(&number, KNOWN_RECIPIENT)).await.unwrap_err();
        assert!(matches!(&error, CallError::Lost(fault) if fault.code == code), "{effect:?}: {error}");
        assert_eq!(bench.simulator.ledger().deposits_of(&number).len(), taken, "{effect:?}: never sent twice");
    }
    bench.simulator.control().add_fault(FaultRule::new("deposer/flux", Effect::Status403Empty)).unwrap();
    let error = bench.connector.call(&deposit("FB-1", KNOWN_RECIPIENT)).await.unwrap_err();
    assert!(matches!(&error, CallError::Stopped(fault) if fault.code == Code::AccessForbidden), "{error}");

    for transport in [ErrorTransport::Http200, ErrorTransport::Http400] {
        bench.simulator.control().set_errors(transport);
        let rule = FaultRule { code: Some(20_001), ..FaultRule::new("deposer/flux", Effect::Refuse) };
        bench.simulator.control().add_fault(rule).unwrap();
        let error = bench.connector.call(&deposit("FB-2", KNOWN_RECIPIENT)).await.unwrap_err();
        assert!(matches!(&error, CallError::Refused { code: 20_001, .. }), "{transport:?}: {error}");
        assert!(bench.connector.call(&sent("FB-2")).await.unwrap().rows.is_empty(), "{transport:?}: zero rows");
    }

    bench.simulator.control().add_fault(FaultRule::new("deposer/flux", Effect::Status429).retry_after(30)).unwrap();
    let error = bench.connector.call(&deposit("FB-3", KNOWN_RECIPIENT)).await.unwrap_err();
    let CallError::SlowDown { until, .. } = error else { panic!("{error}") };
    assert!((28..=30).contains(&until.since(Timestamp::now()).as_secs()));
}

#[tokio::test]
async fn expired_tokens_are_renewed_and_refused_secrets_repaired_without_a_restart() {
    let bench = Bench::start().await;
    bench.connector.probe().await.unwrap();
    bench.simulator.control().expire_tokens();
    bench.connector.probe().await.unwrap();

    bench.simulator.control().set_account_password("autre");
    let error = bench.connector.probe().await.unwrap_err();
    assert!(matches!(&error, CallError::Stopped(fault) if fault.code == Code::AccountRefused), "{error}");
    let before = bench.connector.secrets_version();
    fs::write(bench.folder.path().join("password"), "autre\n").unwrap();
    assert_ne!(bench.connector.secrets_version(), before);
    bench.connector.probe().await.unwrap();

    bench.simulator.control().set_client_secret("neuf");
    bench.simulator.control().expire_tokens();
    let error = bench.connector.probe().await.unwrap_err();
    assert!(matches!(&error, CallError::Stopped(fault) if fault.code == Code::ClientRefused), "{error}");
    fs::write(bench.folder.path().join("secret"), "neuf").unwrap();
    bench.connector.probe().await.unwrap();
}
