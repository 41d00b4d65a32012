//! A gateway's core for tests: a real store, real connectors over HTTPS, a real simulator; files are dropped as the gate
//! drops them. Dropping it without `stop` is a crash.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use fluxgate::audit::Signer;
use fluxgate::domain::{ByteSize, Environment, FlowId, Realm, Timestamp};
use fluxgate::fault::Language;
use fluxgate::invoice::Tables;
use fluxgate::simulator::{self, Scenario, Simulator, Timing};
use fluxgate::store::{Arrival, Content, Received, Settings, Store, StoreError};
use fluxgate::work::connector::{ApiSection, Connectors, TechnicalAccountSection};
use fluxgate::work::{self, Clock, LimitsSection, Options, Parts, RouteSection, Workshop};
use serde_json::Value;

use crate::contract::Heard;

/// How long a test waits for something that should happen at once.
const PATIENCE: Duration = Duration::from_secs(30);

/// A simulated minute is a few milliseconds: everything happens within a second.
pub fn hurried() -> Scenario {
    let millis = fluxgate::domain::Duration::from_millis;
    Scenario {
        timing: Timing {
            received_after: millis(20),
            processed_after: millis(40),
            verdict_after: millis(150),
            status_step: millis(60),
        },
        ..Scenario::default()
    }
}

/// Waits of a hurried gateway; a doubt is never settled by absence within a test that does not ask for it.
pub fn quick_limits() -> LimitsSection {
    let millis = fluxgate::domain::Duration::from_millis;
    LimitsSection {
        integration_poll: millis(100),
        status_poll: millis(100),
        doubt_poll: millis(200),
        deposit_retry: millis(100),
        reception_poll: millis(200),
        file: ByteSize::from_bytes(1 << 20),
        // Only where a test asks for it: its calls would be counted among the others.
        directory_refresh: fluxgate::domain::Duration::from_secs(0),
        ..LimitsSection::default()
    }
}

pub struct Gateway {
    pub dir: tempfile::TempDir,
    pub simulator: Simulator,
    pub store: Option<Store>,
    workshop: Option<Workshop>,
    pub limits: LimitsSection,
    /// `block` or `warn`.
    pub check: &'static str,
    /// Further keys of the route.
    pub route_keys: String,
    /// Of a connector that is to fail at once.
    timeout: fluxgate::domain::Duration,
    /// Whether the configuration connects the realm.
    pub connected: bool,
    /// Whether a route names the realm.
    pub routed: bool,
    /// What the jobs take for now.
    pub clock: Clock,
    /// What the watch knows; nobody is told of anything unless a test says so.
    pub watch: fluxgate::work::watch::WatchOptions,
    /// `chorus.recycling_until`.
    pub recycling_until: Option<String>,
    /// Code lists, limits and messages of the rules.
    pub tables: Tables,
    /// What Chorus Pro was asked, compared with its descriptions at the end.
    pub heard: Heard,
    /// The SIRET of a second establishment, `iut-exemple` with the account `iut`, which has the same technical account.
    pub second: Option<&'static str>,
}

impl Gateway {
    pub async fn start(scenario: Scenario, limits: LimitsSection) -> Self {
        let _ = rustls_provider();
        let dir = tempfile::tempdir().unwrap();
        let heard = Heard::default();
        let options = simulator::Options {
            scenario,
            dir: Some(dir.path().join("ca")),
            witness: Some(heard.witness()),
            ..simulator::Options::default()
        };
        std::fs::create_dir(dir.path().join("ca")).unwrap();
        let simulator = Simulator::start(options).await.unwrap();
        let credentials = simulator.credentials();
        std::fs::create_dir(dir.path().join("secrets")).unwrap();
        write_secret(&dir.path().join("secrets/client"), &credentials.client_secret);
        write_secret(&dir.path().join("secrets/account"), &credentials.account_password);
        let timeout = fluxgate::domain::Duration::from_millis(2_000);
        let mut gateway = Self {
            dir,
            simulator,
            store: None,
            workshop: None,
            limits,
            check: "block",
            route_keys: String::new(),
            timeout,
            connected: true,
            routed: true,
            clock: Arc::new(Timestamp::now),
            watch: fluxgate::work::watch::WatchOptions::default(),
            recycling_until: None,
            tables: Tables::default(),
            heard,
            second: None,
        };
        gateway.boot();
        gateway
    }

    /// Puts the configuration as it is now in force, as a reload does.
    pub fn reload(&self) {
        self.workshop.as_ref().unwrap().reconfigure(self.options(), self.connectors()).unwrap();
    }

    /// Opens the store and starts the jobs, as a process does that starts.
    pub fn boot(&mut self) {
        let signer = signer();
        let settings = Settings { policy: self.limits.policy(), ..Settings::new(self.dir.path()) };
        let until = Instant::now() + PATIENCE;
        let store = loop {
            match Store::open(settings.clone(), signer.clone()) {
                // A crash in one process: an aborted job holds the former store a moment longer than a dead one would.
                Err(StoreError::InUse(_)) if Instant::now() < until => std::thread::sleep(Duration::from_millis(20)),
                opened => break opened.unwrap(),
            }
        };
        self.workshop = Some(
            Workshop::start(Parts {
                front: Default::default(),
                store: store.clone(),
                connectors: self.connectors(),
                folders: self.dir.path().join("folders"),
                signer,
                options: self.options(),
                clock: self.clock.clone(),
            })
            .unwrap(),
        );
        self.store = Some(store);
    }

    /// Ends as a killed process does: nothing is finished, nothing is said.
    pub async fn crash(&mut self) {
        if let Some(workshop) = self.workshop.take() {
            workshop.stop(Duration::ZERO).await;
        }
        self.store.take();
    }

    pub async fn stop(mut self) {
        if let Some(workshop) = self.workshop.take() {
            workshop.stop(Duration::from_secs(10)).await;
        }
        self.store.take().unwrap().close().unwrap();
        self.simulator.stop().await;
        self.heard.judge();
    }

    fn options(&self) -> Options {
        let route = format!(
            "account = \"sifac\"\nestablishment = \"univ-exemple\"\nenvironment = \"practice\"\ncheck = \"{}\"\nreceive = true\n{}",
            self.check, self.route_keys
        );
        let route: RouteSection = toml::from_str(&route).unwrap();
        let mut routes = if self.routed { vec![route] } else { Vec::new() };
        let mut sirets = vec![(realm().establishment, "12345678200051".parse().unwrap())];
        if let Some(siret) = self.second {
            let Realm { establishment, environment } = second_realm();
            let route = format!(
                "account = \"iut\"\nestablishment = \"{establishment}\"\nenvironment = \"{environment}\"\nreceive = true"
            );
            routes.push(toml::from_str(&route).unwrap());
            sirets.push((establishment, siret.parse().unwrap()));
        }
        Options {
            routes,
            sirets,
            limits: self.limits.clone(),
            language: Language::Fr,
            watch: self.watch.clone(),
            recycling_until: self.recycling_until.clone(),
            motive_codes: false,
            tables: self.tables,
            tables_refused: None,
        }
    }

    fn connectors(&self) -> Connectors {
        if !self.connected {
            return Connectors::default();
        }
        let credentials = self.simulator.credentials();
        let api = ApiSection {
            token_url: format!("{}/api/oauth/token", credentials.url),
            base_url: credentials.url.clone(),
            client_id: credentials.client_id.clone(),
            client_secret_file: "secrets/client".into(),
            ca_file: Some(credentials.ca_file.clone().into()),
            calls_per_second: 1000,
            calls_in_flight: 16,
            timeout: self.timeout,
            token_margin: fluxgate::domain::Duration::from_secs(1),
        };
        let account = TechnicalAccountSection {
            environment: Environment::Practice,
            login: credentials.account_login.clone(),
            password_file: "secrets/account".into(),
        };
        let apis = BTreeMap::from([(Environment::Practice, api)]);
        let mut accounts = vec![(realm().establishment, account.clone())];
        accounts.extend(self.second.map(|_| (second_realm().establishment, account)));
        Connectors::new(self.dir.path(), &apis, accounts.iter().map(|(of, account)| (of, account)))
    }

    pub fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    /// Drops a file as the gate does.
    pub async fn drop_file(&self, name: &str, bytes: impl Into<Vec<u8>>) -> Received {
        let arrival = Arrival {
            account: "sifac".parse().unwrap(),
            realm: realm(),
            folder: "depot".to_owned(),
            name: name.to_owned(),
            peer: "127.0.0.1:5022".to_owned(),
            at: (self.clock)(),
            content: Content::Inline(bytes.into()),
            staged: None,
        };
        self.store().receive(arrival).await.unwrap()
    }

    pub async fn drop_flow(&self, name: &str, bytes: impl Into<Vec<u8>>) -> FlowId {
        match self.drop_file(name, bytes).await {
            Received::Flow(flow) => flow,
            other => panic!("{name} should have made a flow: {other:?}"),
        }
    }

    pub fn folder(&self, shelf: &str) -> PathBuf {
        self.dir.path().join("folders/sifac").join(shelf)
    }

    /// The receipt as the application reads it, checked against its schema and signature at every look.
    pub fn receipt(&self, name: &str) -> Option<Value> {
        let path = self.folder("accuses").join(name);
        let bytes = std::fs::read(path).ok()?;
        let receipt: Value = serde_json::from_slice(&bytes).expect("a receipt is never half-written");
        check_document("receipt", work::Purpose::Receipt, &receipt);
        Some(receipt)
    }

    /// Waits until the receipt says what is wanted.
    pub async fn await_receipt(&self, name: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let receipt = self.receipt(name);
            if let Some(receipt) = receipt.as_ref().filter(|r| wanted(r)) {
                return receipt.clone();
            }
            if Instant::now() > until {
                panic!(
                    "the receipt {name} never came to be as wanted: {receipt:#?}\nledger: {:#?}",
                    self.simulator.ledger()
                );
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub async fn await_state(&self, name: &str, state: &str) -> Value {
        self.await_receipt(name, |receipt| receipt["state"] == state).await
    }

    pub async fn await_final(&self, name: &str) -> Value {
        self.await_receipt(name, |receipt| receipt["final"] == true).await
    }

    pub async fn await_until(&self, what: &str, mut done: impl FnMut() -> bool) {
        let until = Instant::now() + PATIENCE;
        while !done() {
            assert!(Instant::now() < until, "{what} never happened; ledger: {:#?}", self.simulator.ledger());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

pub fn second_realm() -> Realm {
    Realm { establishment: "iut-exemple".parse().unwrap(), ..realm() }
}

pub fn realm() -> Realm {
    Realm { establishment: "univ-exemple".parse().unwrap(), environment: Environment::Practice }
}

pub fn signer() -> Signer {
    Signer::from_seed("fluxgate/test", &[42; 32]).unwrap()
}

pub fn write_secret(path: &Path, secret: &str) {
    std::fs::write(path, secret).unwrap();
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
}

/// Tests run in one process; the first installs the provider.
fn rustls_provider() -> Result<(), std::sync::Arc<rustls::crypto::CryptoProvider>> {
    rustls::crypto::aws_lc_rs::default_provider().install_default()
}

/// Checks a document for the application against its schema and the journal's key.
pub fn check_document(schema: &str, purpose: work::Purpose, document: &Value) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("config/schema/{schema}.schema.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(document).map(|e| format!("{}: {e}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
    work::verify(&signer().verifier(), purpose, document).expect("the signature counts");
}

/// A valid UBL invoice of the establishment to the State; `engagement` is BT-13.
pub fn invoice(number: &str) -> Vec<u8> {
    invoice_to(number, "11000201100044")
}

pub fn invoice_to(number: &str, recipient: &str) -> Vec<u8> {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="urn:oasis:names:specification:ubl:schema:xsd:Invoice-2"
 xmlns:cac="urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2"
 xmlns:cbc="urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2">
<cbc:CustomizationID>urn:cen.eu:en16931:2017</cbc:CustomizationID><cbc:ProfileID>A1</cbc:ProfileID>
<cbc:ID>{number}</cbc:ID><cbc:IssueDate>2026-11-20</cbc:IssueDate><cbc:DueDate>2026-12-20</cbc:DueDate>
<cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode><cbc:DocumentCurrencyCode>EUR</cbc:DocumentCurrencyCode>
<cac:AccountingSupplierParty><cac:Party><cbc:EndpointID schemeID="0009">12345678200051</cbc:EndpointID>
<cac:PartyIdentification><cbc:ID schemeID="0009">12345678200051</cbc:ID></cac:PartyIdentification>
<cac:PostalAddress><cbc:CityName>Lyon</cbc:CityName><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyTaxScheme><cbc:CompanyID>FR32123456782</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
<cac:PartyLegalEntity><cbc:RegistrationName>Université Exemple</cbc:RegistrationName><cbc:CompanyID schemeID="0002">123456782</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:AccountingSupplierParty>
<cac:AccountingCustomerParty><cac:Party><cbc:EndpointID schemeID="0009">{recipient}</cbc:EndpointID>
<cac:PartyIdentification><cbc:ID schemeID="0009">{recipient}</cbc:ID></cac:PartyIdentification>
<cac:PostalAddress><cbc:CityName>Paris</cbc:CityName><cac:Country><cbc:IdentificationCode>FR</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
<cac:PartyLegalEntity><cbc:RegistrationName>Service de l'État</cbc:RegistrationName><cbc:CompanyID schemeID="0002">110002011</cbc:CompanyID></cac:PartyLegalEntity>
</cac:Party></cac:AccountingCustomerParty>
<cac:PaymentMeans><cbc:PaymentMeansCode>30</cbc:PaymentMeansCode><cac:PayeeFinancialAccount><cbc:ID>FR7630006000011234567890189</cbc:ID></cac:PayeeFinancialAccount></cac:PaymentMeans>
<cac:TaxTotal><cbc:TaxAmount currencyID="EUR">20.00</cbc:TaxAmount><cac:TaxSubtotal><cbc:TaxableAmount currencyID="EUR">100.00</cbc:TaxableAmount>
<cbc:TaxAmount currencyID="EUR">20.00</cbc:TaxAmount><cac:TaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent>
<cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:TaxCategory></cac:TaxSubtotal></cac:TaxTotal>
<cac:LegalMonetaryTotal><cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount>
<cbc:TaxExclusiveAmount currencyID="EUR">100.00</cbc:TaxExclusiveAmount><cbc:TaxInclusiveAmount currencyID="EUR">120.00</cbc:TaxInclusiveAmount>
<cbc:PayableAmount currencyID="EUR">120.00</cbc:PayableAmount></cac:LegalMonetaryTotal>
<cac:InvoiceLine><cbc:ID>1</cbc:ID><cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>
<cbc:LineExtensionAmount currencyID="EUR">100.00</cbc:LineExtensionAmount><cac:Item><cbc:Name>Prestation</cbc:Name>
<cac:ClassifiedTaxCategory><cbc:ID>S</cbc:ID><cbc:Percent>20</cbc:Percent><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:ClassifiedTaxCategory></cac:Item>
<cac:Price><cbc:PriceAmount currencyID="EUR">100.00</cbc:PriceAmount></cac:Price></cac:InvoiceLine>
</Invoice>"#
    )
    .into_bytes()
}
