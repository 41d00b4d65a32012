//! The commands that do one thing and end, as a user types them: what they say, what they leave, how they end.

use std::fs;
use std::process::{Command, Output, Stdio};

use fluxgate::app::samples::{Expect, SAMPLES};
use serde_json::Value;

/// The binary, in a session whose language is English.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fluxgate"));
    command.env("LANG", "en_GB.UTF-8").env_remove("LC_ALL").env_remove("LC_MESSAGES").stdin(Stdio::null());
    command
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn run(words: &[&str]) -> Output {
    program().args(words).output().unwrap()
}

#[test]
fn check_names_what_it_assumes_and_softens_what_the_test_platform_does() {
    let dir = tempfile::tempdir().unwrap();
    let sample = SAMPLES.iter().find(|sample| sample.expect == Expect::RejectedByChorus).unwrap();
    let invoice = dir.path().join(sample.name);
    fs::write(&invoice, sample.bytes).unwrap();
    let invoice = invoice.to_str().unwrap();

    let production = run(&["check", invoice, invoice]);
    assert_eq!(code(&production), 65, "{production:?}");
    let said = stdout(&production);
    assert_eq!(said.matches("profile chorus").count(), 1, "{said}");
    assert_eq!(said.matches("environment production").count(), 1, "{said}");
    assert_eq!(said.matches("REJECTED FG-209").count(), 2, "{said}");
    for environment in ["qualification", "practice"] {
        let softer = run(&["check", invoice, "--environment", environment]);
        assert_eq!(code(&softer), 0, "{softer:?}");
        let said = stdout(&softer);
        assert!(
            said.contains(&format!("environment {environment}")) && said.contains("CPRO-BUYER-SIRET-KEY"),
            "{said}"
        );
    }

    let json = stdout(&run(&["check", invoice, "--json"]));
    let line: Value = serde_json::from_str(json.trim_end()).unwrap();
    let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
    assert_eq!(keys, ["file", "syntax", "profile", "verdict", "findings", "number", "fault"]);
    assert_eq!((line["fault"].as_str(), line["number"].is_string()), (Some("FG-209"), true), "{line}");
}

#[test]
fn a_file_that_cannot_be_opened_does_not_look_like_a_rejected_invoice() {
    let dir = tempfile::tempdir().unwrap();
    let (absent, cut) = (dir.path().join("absente.xml"), dir.path().join("coupée.xml"));
    fs::write(&cut, "<Invoice><a>").unwrap();
    let names = [absent.to_str().unwrap(), dir.path().to_str().unwrap(), cut.to_str().unwrap()];
    let ended = program().args(["check", "--json"]).args(names).output().unwrap();
    assert_eq!(code(&ended), 66, "{ended:?}");
    let lines: Vec<Value> = stdout(&ended).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (line, name) in lines.iter().zip(names) {
        assert_eq!((line["file"].as_str(), line["verdict"].as_str()), (Some(name), Some("reject")));
        assert_eq!(line["findings"].as_array().unwrap().len(), 1, "{line}");
    }
    let rules: Vec<&str> = lines.iter().map(|line| line["findings"][0]["rule"].as_str().unwrap()).collect();
    assert_eq!(rules, ["OPEN", "OPEN", "SYNTAX"]);
    assert_eq!((&lines[0]["fault"], lines[2]["fault"].as_str()), (&Value::Null, Some("FG-203")));

    let ended = program().args(["check"]).args(names).output().unwrap();
    assert_eq!(code(&ended), 66);
    let (out, err) = (stdout(&ended), stderr(&ended));
    assert!(err.contains(&format!("{}: NOT READ (not found)", names[0])), "{err}");
    assert_eq!(out.matches("REJECTED").count(), 1, "only what was read is rejected: {out}");
    assert!(out.contains("REJECTED FG-203"), "{out}");
}
