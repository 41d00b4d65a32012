//! Through the door a client uses: real sockets, real TLS. This file has the client; the tests are beside it.

mod catalogue;
mod fault;
mod form;
mod life;
mod manual;
mod page;
mod readings;
mod received;
mod structures;
mod treat;
mod weather;
mod wire;

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::reference::{reference, strange_in_answer};

/// A simulator with a frozen clock.
async fn start(scenario: Scenario) -> Simulator {
    Simulator::start(Options { speed: 0.0, scenario, ..Options::default() }).await.unwrap()
}

/// A client of a simulator, with a token.
struct Client {
    http: reqwest::Client,
    credentials: Credentials,
    token: String,
}

/// Status, headers, body.
#[derive(Debug)]
struct Answer {
    status: u16,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }
}

fn http(credentials: &Credentials) -> reqwest::Client {
    let mut roots = rustls::RootCertStore::empty();
    if !credentials.ca_file.is_empty() {
        let pem = std::fs::read(&credentials.ca_file).unwrap();
        for certificate in x509_parser::pem::Pem::iter_from_buffer(&pem) {
            roots.add(rustls::pki_types::CertificateDer::from(certificate.unwrap().contents)).unwrap();
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(20));
    builder.tls_backend_preconfigured(config).build().unwrap()
}

impl Client {
    async fn of(simulator: &Simulator) -> Client {
        let credentials = simulator.credentials().clone();
        let mut client = Client { http: http(&credentials), credentials, token: String::new() };
        let answer = client.ask_token(None).await;
        assert_eq!(answer.status, 200);
        client.token = answer.json()["access_token"].as_str().unwrap().to_owned();
        client
    }

    async fn ask_token(&self, secret: Option<&str>) -> Answer {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.credentials.client_id),
            ("client_secret", secret.unwrap_or(&self.credentials.client_secret)),
            ("scope", "openid"),
        ];
        let request = self.http.post(format!("{}/api/oauth/token", self.credentials.url)).form(&form);
        answer(request).await.unwrap()
    }

    fn account(&self) -> String {
        STANDARD.encode(format!("{}:{}", self.credentials.account_login, self.credentials.account_password))
    }

    fn request(&self, service: &str) -> reqwest::RequestBuilder {
        let known = service::paths().find(|(name, ..)| *name == service);
        let (_, path, method) = known.unwrap_or_else(|| panic!("{service} is not served"));
        let url = format!("{}{path}", self.credentials.url);
        let request = if method == hyper::Method::GET { self.http.get(url) } else { self.http.post(url) };
        request.bearer_auth(&self.token).header("cpro-account", self.account())
    }

    async fn try_call(&self, service: &str, body: &Value) -> Result<Answer, reqwest::Error> {
        answer(self.request(service).header("content-type", "application/json;charset=utf-8").body(body.to_string()))
            .await
    }

    async fn call(&self, service: &str, body: Value) -> Answer {
        self.try_call(service, &body).await.unwrap()
    }

    /// The JSON of an answer that must be HTTP 200 with codeRetour 0.
    async fn good(&self, service: &str, body: Value) -> Value {
        let answer = self.call(service, body).await;
        let value = answer.json();
        assert_eq!((answer.status, &value["codeRetour"]), (200, &json!(0)), "{value}");
        value
    }

    /// codeRetour of an answer.
    async fn code(&self, service: &str, body: Value) -> i64 {
        self.call(service, body).await.json()["codeRetour"].as_i64().unwrap()
    }

    /// An order to the simulator, as another process gives it.
    async fn order(&self, body: Value) -> Answer {
        answer(self.http.post(format!("{}/simulator/control", self.credentials.url)).json(&body)).await.unwrap()
    }

    /// Deposits a UBL invoice (or whatever it is); the flux number.
    async fn deposit(&self, name: &str, bytes: &[u8]) -> String {
        let answer = self.good("deposer/flux", flux(name, bytes)).await;
        answer["numeroFluxDepot"].as_str().unwrap().to_owned()
    }

    async fn report(&self, flux: &str) -> Value {
        self.good("consulterCRDetaille", json!({"numeroFluxDepot": flux})).await
    }
}

/// The body of a deposit.
fn flux(name: &str, bytes: &[u8]) -> Value {
    let syntax = if bytes.starts_with(b"%PDF") { "IN_DP_E2_CII_FACTURX" } else { "IN_DP_E1_UBL_INVOICE" };
    json!({"fichierFlux": STANDARD.encode(bytes), "nomFichier": name, "syntaxeFlux": syntax, "avecSignature": false})
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, body: response.bytes().await?.to_vec() })
}

/// Two minutes, the default time to a verdict.
const VERDICT: Duration = Duration::from_secs(120);
/// The State: known, without demands.
const STATE: &str = "11000201100044";

fn ubl(number: &str) -> Vec<u8> {
    content::tests::ubl(number, STATE, "")
}

/// The official definition of an answer, made strict: every field must be one it names.
fn definition(name: &str) -> Option<&'static jsonschema::Validator> {
    static KNOWN: OnceLock<Option<std::collections::HashMap<String, jsonschema::Validator>>> = OnceLock::new();
    let known = KNOWN.get_or_init(|| {
        let swagger = std::fs::read(reference("chorus-pro/swagger/factures.json")?).unwrap();
        let swagger: Value = serde_json::from_slice(&swagger).unwrap();
        let mut definitions = swagger["definitions"].clone();
        for definition in definitions.as_object_mut().unwrap().values_mut() {
            definition["additionalProperties"] = json!(false);
        }
        let names = definitions.as_object().unwrap().keys().filter(|name| name.starts_with("WsRetour"));
        let compiled = names.map(|name| {
            let schema = json!({"$ref": format!("#/definitions/{name}"), "definitions": definitions});
            // Formats are left out: the swagger says date-time where the service gives `yyyy-mm-dd` (PROTOCOL §2.2).
            let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).should_validate_formats(false);
            (name.clone(), options.build(&schema).unwrap())
        });
        Some(compiled.collect())
    });
    known.as_ref().map(|known| &known[name])
}

/// Checks an answer against the official definition, when that is at hand.
fn conforms(name: &str, value: &Value) {
    if let Some(validator) = definition(name) {
        let errors: Vec<String> = validator.iter_errors(value).map(|e| format!("{}: {e}", e.instance_path())).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{value:#}");
    }
}
