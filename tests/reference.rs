//! The reference folder beside the checkout: examples, swagger and schemas of Chorus Pro, the corpus of invoices. None of
//! it is copied into the repository; what is compared with it says aloud when it is not there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// A file of the reference folder: `../shared`, or wherever `FLUXGATE_SHARED` says. `None` when it is absent.
pub fn reference(file: &str) -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared");
    let path = std::env::var_os("FLUXGATE_SHARED").map_or_else(beside, PathBuf::from).join(file);
    if path.is_file() {
        return Some(path);
    }
    eprintln!("SKIPPED: {} is absent (FLUXGATE_SHARED names the reference folder)", path.display());
    None
}

/// What an answer says otherwise than its description: the official swagger of the API "Factures", closed against fields it
/// does not name, and for the other APIs the fields of a client that works (`endpoints.json`). `None`: nothing describes it,
/// or the descriptions are not here.
pub fn strange_in_answer(path: &str, answer: &Value) -> Option<Vec<String>> {
    let answer = without_nulls(answer);
    if path.starts_with("/cpro/factures/") {
        let judge = judge_of(path)?;
        return Some(judge.iter_errors(&answer).map(|e| format!("{path}: {}: {e}", e.instance_path())).collect());
    }
    let endpoints = read("chorus-pro/endpoints.json")?;
    let listed = endpoints["endpoints"].as_array()?.iter().find(|e| e["path"] == path)?;
    let mut wrong = Vec::new();
    strange_fields(&endpoints["structs"], listed["response"].as_str()?, &answer, path, &mut wrong);
    Some(wrong)
}

fn read(file: &str) -> Option<Value> {
    Some(serde_json::from_slice(&std::fs::read(reference(file)?).unwrap()).unwrap())
}

/// Made once for each path.
fn judge_of(path: &str) -> Option<Arc<jsonschema::Validator>> {
    static JUDGES: Mutex<BTreeMap<String, Arc<jsonschema::Validator>>> = Mutex::new(BTreeMap::new());
    if let Some(known) = JUDGES.lock().unwrap().get(path) {
        return Some(known.clone());
    }
    let swagger = read("chorus-pro/swagger/factures.json")?;
    let operation = &swagger["paths"][path.strip_prefix(swagger["basePath"].as_str()?)?]["post"];
    let mut definitions = swagger["definitions"].clone();
    for definition in definitions.as_object_mut()?.values_mut() {
        definition["additionalProperties"] = json!(false);
        // Codes to come are played too; that the others are in the lists is compared by the simulator's own tests.
        let properties = definition.get_mut("properties").and_then(Value::as_object_mut);
        for property in properties.into_iter().flat_map(|all| all.values_mut()).filter_map(Value::as_object_mut) {
            property.remove("enum");
        }
    }
    let answer = &operation["responses"]["200"]["schema"];
    let name = answer["$ref"].as_str()?.rsplit('/').next()?.to_owned();
    // Every answer has these two (PROTOCOL §2), whether or not its description says so.
    definitions[&name]["properties"]["codeRetour"] = json!({"type": "integer"});
    definitions[&name]["properties"]["libelle"] = json!({"type": "string"});
    let schema = json!({
        "$schema": "http://json-schema.org/draft-04/schema#", "definitions": definitions,
        "allOf": [answer],
    });
    // Formats are not judged: the swagger says date-time where the service gives `yyyy-mm-dd` (PROTOCOL §2.2).
    let options = jsonschema::options().with_draft(jsonschema::Draft::Draft4).should_validate_formats(false);
    let judge = Arc::new(options.build(&schema).unwrap());
    JUDGES.lock().unwrap().insert(path.to_owned(), judge.clone());
    Some(judge)
}

fn strange_fields(structs: &Value, name: &str, value: &Value, place: &str, wrong: &mut Vec<String>) {
    for (key, value) in value.as_object().into_iter().flatten() {
        let field = structs[name].as_array().and_then(|fields| fields.iter().find(|f| f["json"] == *key));
        let Some(field) = field else {
            // Every answer has these two (PROTOCOL §2), whether or not its description says so.
            if ["codeRetour", "libelle"].contains(&key.as_str()) {
                continue;
            }
            wrong.push(format!("{place}: {key} is not in {name}"));
            continue;
        };
        let go = field["go"].as_str().unwrap();
        let kind = go.trim_matches(['*', '[', ']']);
        let below = format!("{place}.{key}");
        let items = match value {
            Value::Array(items) if go.starts_with('[') => items.iter().collect(),
            // A single one was seen as itself (PROTOCOL §2.2).
            other => vec![other],
        };
        for item in items {
            let is_right = match kind {
                "Date" | "Datetime" => item.is_string(),
                kind if structs[kind].is_array() => item.is_object(),
                "bool" => item.is_boolean(),
                "float32" | "float64" => item.is_number(),
                kind if kind.starts_with("int") => item.is_i64(),
                // Texts, codes and dates.
                _ => item.is_string(),
            };
            if is_right {
                strange_fields(structs, kind, item, &below, wrong);
            } else {
                wrong.push(format!("{below}: {item} for {go}"));
            }
        }
    }
}

/// Absent instead of null, which descriptions do not foresee.
fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v))).collect()
        }
        Value::Array(list) => list.iter().map(without_nulls).collect(),
        other => other.clone(),
    }
}
