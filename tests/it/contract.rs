//! Every body that a gateway of these tests sends, and every answer of the simulator to it, has the shape of its description: the official swagger of the API
//! "Factures", closed against misspelt fields, and for the others the fields of a client that works (`endpoints.json`).
//!
//! The simulator tells each body as it came, and its own answers; at the end of a test all different ones are compared.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fluxgate::simulator::Witness;
use serde_json::{Value, json};

use crate::reference::{reference, strange_in_answer};

/// Bodies kept of one test, and of how many bytes at most: a larger one differs in its file only.
const KEPT: usize = 3_000;
const KEPT_BYTES: usize = 256 << 10;

/// Services of which neither tells: their fields as PROTOCOL §2.1 and §2.2 have them.
const ELSEWHERE: [(&str, &[&str]); 1] = [(
    "/cpro/engagementsJuridiques/v1/rechercher",
    &["structureReceptriceEngagementJuridique", "numeroEngagementJuridique", "etatCourantEngagementJuridique"],
)];

/// Paths and bodies, each different one once.
type Bodies = BTreeSet<(String, Vec<u8>)>;

/// What was heard: bodies, and answers.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Bodies>>, Arc<Mutex<Bodies>>);

/// Adds one, as long as there is room.
fn keep(kept: &Mutex<Bodies>, path: &str, body: &[u8]) {
    let mut kept = kept.lock().unwrap();
    if kept.len() < KEPT && body.len() <= KEPT_BYTES {
        kept.insert((path.to_owned(), body.to_vec()));
    }
}

impl Heard {
    pub fn witness(&self) -> Witness {
        let (calls, answers) = (self.0.clone(), self.1.clone());
        Witness::new(
            move |path, body| keep(&calls, path, body),
            move |path, answer| keep(&answers, path, answer.to_string().as_bytes()),
        )
    }

    pub fn paths(&self) -> BTreeSet<String> {
        self.0.lock().unwrap().iter().map(|(path, _)| path.clone()).collect()
    }

    /// Fails with every body and answer that differs from its description.
    pub fn judge(&self) {
        let mut wrong = wrong(&self.0.lock().unwrap());
        wrong.extend(strange(&self.1.lock().unwrap()));
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

fn wrong(bodies: &Bodies) -> Vec<String> {
    let read = |file: &str| -> Option<Value> {
        reference(file).map(|path| serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap())
    };
    let (Some(swagger), Some(endpoints)) =
        (read("chorus-pro/swagger/factures.json"), read("chorus-pro/endpoints.json"))
    else {
        return Vec::new();
    };
    let mut wrong = Vec::new();
    let mut validator = None;
    for (path, body) in bodies {
        if body.is_empty() && path.ends_with("/health-check") {
            continue;
        }
        let Ok(mut body) = serde_json::from_slice::<Value>(body) else {
            wrong.push(format!("{path}: no JSON"));
            continue;
        };
        // The swagger types it as an object, working clients send a list (PROTOCOL §2.2): both are sent, one after the other.
        if let Some([one]) = body["pieceJointePrincipale"].as_array().map(Vec::as_slice) {
            body["pieceJointePrincipale"] = one.clone();
        }
        if path.starts_with("/cpro/factures/") {
            // They come in the order of their paths: one is made for each.
            let known = validator.take().filter(|(of, _): &(String, _)| of == path);
            let (_, judge) = validator.insert(known.unwrap_or_else(|| (path.clone(), validator_of(&swagger, path))));
            wrong.extend(judge.iter_errors(&body).map(|e| format!("{path}: {}: {e}", e.instance_path())));
        } else {
            fields(&endpoints, path, &body, &mut wrong);
        }
    }
    wrong
}

/// The field that a scenario adds on purpose (`new_fields`), which no description has.
const OF_THE_SCENARIO: &str = "nouveauChamp";

fn without(answer: &mut Value, field: &str) {
    match answer {
        Value::Object(fields) => {
            fields.remove(field);
            fields.values_mut().for_each(|value| without(value, field));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| without(value, field)),
        _ => {}
    }
}

/// Answers of one shape are compared once: what differs in values alone is as right as the first.
fn strange(answers: &Bodies) -> Vec<String> {
    let mut shapes = BTreeSet::new();
    let mut wrong = Vec::new();
    for (path, answer) in answers {
        let mut answer: Value = serde_json::from_slice(answer).unwrap();
        without(&mut answer, OF_THE_SCENARIO);
        if shapes.insert((path, shape(&answer))) {
            wrong.extend(
                strange_in_answer(path, &answer).unwrap_or_default().into_iter().map(|w| format!("answer of {w}")),
            );
        }
    }
    wrong
}

fn shape(value: &Value) -> String {
    match value {
        Value::Object(fields) => fields.iter().map(|(key, value)| format!("{key}:{},", shape(value))).collect(),
        Value::Array(items) => {
            let shapes: BTreeSet<String> = items.iter().map(shape).collect();
            format!("[{}]", shapes.into_iter().collect::<String>())
        }
        Value::Null => "null".to_owned(),
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(_) => "number".to_owned(),
        Value::String(_) => "text".to_owned(),
    }
}

fn validator_of(swagger: &Value, path: &str) -> jsonschema::Validator {
    let base = swagger["basePath"].as_str().unwrap();
    let operation = &swagger["paths"][path.strip_prefix(base).unwrap()]["post"];
    let body = operation["parameters"].as_array().unwrap().iter().find(|p| p["in"] == "body").unwrap();
    let mut definitions = swagger["definitions"].clone();
    for definition in definitions.as_object_mut().unwrap().values_mut() {
        if definition.get("properties").is_some() {
            definition["additionalProperties"] = Value::Bool(false);
        }
    }
    let schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#", "definitions": definitions, "allOf": [body["schema"]],
    });
    // Formats are not judged: the swagger says date-time, Chorus Pro takes dates without an offset (PROTOCOL §2.2).
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).should_validate_formats(false);
    options.build(&schema).unwrap()
}

fn fields(endpoints: &Value, path: &str, body: &Value, wrong: &mut Vec<String>) {
    if let Some((_, known)) = ELSEWHERE.iter().find(|(one, _)| *one == path) {
        let strange = body.as_object().unwrap().keys().filter(|key| !known.contains(&key.as_str()));
        wrong.extend(strange.map(|key| format!("{path}: {key} is in no list")));
        return;
    }
    let listed = endpoints["endpoints"].as_array().unwrap().iter().find(|e| e["path"] == path);
    let Some(listed) = listed else {
        wrong.push(format!("{path} is in no list"));
        return;
    };
    match listed["request"].as_str().filter(|name| endpoints["structs"][*name].is_array()) {
        Some(name) => known_fields(&endpoints["structs"], name, body, path, wrong),
        None if *body == json!({}) => {}
        None => wrong.push(format!("{path}: {body} where nothing is asked")),
    }
}

fn known_fields(structs: &Value, name: &str, body: &Value, place: &str, wrong: &mut Vec<String>) {
    for (key, value) in body.as_object().unwrap() {
        // Of these two names the documents do not say which is right (PROTOCOL §8): both are sent, one after the other.
        let known = if key == "idStructureCPP" { "idStructure" } else { key };
        let fields = structs[name].as_array().unwrap();
        let Some(field) = fields.iter().find(|f| f["json"] == known) else {
            wrong.push(format!("{place}: {key} is not in {name}"));
            continue;
        };
        let kind = field["go"].as_str().unwrap().trim_matches(['*', '[', ']']);
        let below = format!("{place}.{key}");
        match value {
            Value::Object(_) => known_fields(structs, kind, value, &below, wrong),
            Value::Array(items) => items.iter().for_each(|item| known_fields(structs, kind, item, &below, wrong)),
            Value::String(_) if kind.starts_with("int") => wrong.push(format!("{below}: a text for {kind}")),
            Value::Number(_) if !kind.starts_with("int") => wrong.push(format!("{below}: a number for {kind}")),
            _ => {}
        }
    }
}

#[test]
fn a_body_that_differs_from_its_description_is_found() {
    let Some(_) = reference("chorus-pro/endpoints.json") else { return };
    let judged = |path: &str, body: Value| {
        let heard = Heard::default();
        heard.0.lock().unwrap().insert((path.to_owned(), body.to_string().into_bytes()));
        wrong(&heard.0.lock().unwrap()).len()
    };
    let report = "/cpro/transverses/v1/consulterCRDetaille";
    assert_eq!(judged(report, json!({"numeroFluxDepot": "CPP1"})), 0);
    assert_eq!(judged(report, json!({"numeroFluxDepot": 1})), 1);
    assert_eq!(judged(report, json!({"numeroFlux": "CPP1"})), 1);
    assert_eq!(judged("/cpro/transverses/v1/recuperer/tauxtva", json!({})), 0);
    assert_eq!(judged("/cpro/transverses/v1/recuperer/tauxtva", json!({"codeLangue": "fr"})), 1);
    assert_eq!(judged("/cpro/factures/v1/traiter/recue", json!({"idFacture": 1, "nouveauStatu": "x"})), 1);
}

#[test]
fn an_answer_that_differs_from_its_description_is_found() {
    let Some(_) = reference("chorus-pro/endpoints.json") else { return };
    let judged = |path: &str, answer: Value| strange_in_answer(path, &answer).unwrap().len();
    let report = "/cpro/transverses/v1/consulterCRDetaille";
    assert_eq!(judged(report, json!({"codeRetour": 0, "libelle": "x", "etatCourantDepotFlux": "IN_INTEGRE"})), 0);
    assert_eq!(judged(report, json!({"codeRetour": "0", "etatCourantFlux": "x"})), 2);
    assert_eq!(judged(report, json!({"listeErreurDP": [{"identifiantFournisseu": "x"}]})), 1);
    let history = "/cpro/factures/v1/consulter/historique";
    assert_eq!(judged(history, json!({"codeRetour": 0, "libelle": "x", "idFacture": null})), 0);
    assert!(judged(history, json!({"codeRetour": 0, "libelle": "x", "libele": "x"})) > 0);
    assert_eq!(strange_in_answer("/cpro/engagementsJuridiques/v1/rechercher", &json!({})), None, "nobody describes it");
}
