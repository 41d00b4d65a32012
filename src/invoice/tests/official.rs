//! The official verdicts over the mini corpus, which lies outside the repository: rule by rule, of both sets of rules.

use std::collections::BTreeSet;

use super::corpus::{Official, Verdicts, mini};
use crate::invoice::official::document::Document;
use crate::invoice::official::{self, Sheet};
use crate::invoice::{Limits, Severity, Tables, encoding, guard};

/// What a set of rules says of a document.
fn judged(bytes: &[u8], rules: fn(&Document<'_>) -> Sheet) -> Sheet {
    let decoded = encoding::decode(bytes).unwrap();
    let outline = guard::outline(&decoded.text, &Limits::default()).unwrap();
    rules(&Document::new(&outline, Tables::built_in()))
}

/// Documents, those with the official verdict, and those with the very same fatal rules.
#[derive(Debug, Default, PartialEq, Eq)]
struct Rates {
    all: usize,
    verdicts: usize,
    rules: usize,
}

fn compare(rates: &mut Rates, file: &str, official: &Verdicts, sheet: &Sheet, change: &str) {
    let fatal: BTreeSet<&str> = sheet.broken.iter().filter(|b| b.severity == Severity::Fatal).map(|b| b.rule).collect();
    // Where the official engine stops, it names no rule: nothing can be compared but that it does.
    let stops = official.error.is_some();
    let same_verdict = (stops || !official.fatal.is_empty()) == (!fatal.is_empty() || !sheet.stops.is_empty());
    let same_rules = if stops {
        !sheet.stops.is_empty()
    } else {
        sheet.stops.is_empty() && fatal == official.fatal.iter().map(String::as_str).collect()
    };
    rates.all += 1;
    rates.verdicts += usize::from(same_verdict);
    rates.rules += usize::from(same_rules);
    if !same_rules {
        println!("{file} ({change}): official {official:?}, ours {fatal:?} {:?}", sheet.stops);
    }
}

#[test]
fn both_sets_of_rules_judge_as_the_official_ones() {
    let Some(files) = mini() else { return };
    let (mut european, mut french) = (Rates::default(), Rates::default());
    for line in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        let bytes = &files[&official.file];
        let (file, change) = (&official.file, &official.change);
        compare(&mut european, file, &official.european, &judged(bytes, official::european), change);
        compare(&mut french, file, &official.brfr, &judged(bytes, official::french), change);
    }
    for (name, rates) in [("EN 16931", &european), ("BR-FR", &french)] {
        let Rates { all, verdicts, rules } = rates;
        println!("{name}: the official verdict on {verdicts} of {all}, the very same fatal rules on {rules}");
        assert_eq!(verdicts, all, "{name}");
        assert!(rules * 100 >= all * 98, "{name}: {rules} of {all}");
    }
}
