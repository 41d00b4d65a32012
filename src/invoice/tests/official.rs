//! The official verdicts over the mini corpus, which lies outside the repository: rule by rule.

use std::collections::BTreeSet;

use super::corpus::{Official, mini};
use crate::invoice::official::document::Document;
use crate::invoice::official::{self, Sheet};
use crate::invoice::{Limits, Severity, encoding, guard};

fn judged(bytes: &[u8]) -> Option<Sheet> {
    let decoded = encoding::decode(bytes).ok()?;
    let outline = guard::outline(&decoded.text, &Limits::default()).ok()?;
    let document = Document::new(&outline);
    Some(official::judge(&document))
}

#[test]
fn the_european_rules_judge_as_the_official_ones() {
    let Some(files) = mini() else { return };
    let show = std::env::var_os("FLUXGATE_SHOW").is_some();
    let (mut all, mut verdicts, mut same) = (0, 0, 0);
    for line in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        let Some(sheet) = judged(&files[&official.file]) else { continue };
        all += 1;
        let fatal: BTreeSet<&str> =
            sheet.broken.iter().filter(|b| b.severity == Severity::Fatal).map(|b| b.rule).collect();
        let reject = !official.fatal.is_empty() || official.error.is_some();
        let ours = !fatal.is_empty() || !sheet.stops.is_empty();
        verdicts += usize::from(reject == ours);
        let stopped = official.error.is_some() && !sheet.stops.is_empty();
        let is_same = stopped || fatal == official.fatal.iter().map(String::as_str).collect();
        same += usize::from(is_same);
        if show && !(is_same && reject == ours) {
            let (fatal, stops) = (&fatal, &sheet.stops);
            println!("{}: official {:?} {:?}; ours {fatal:?} {stops:?}; {}", official.file, official.fatal, official.error, official.change);
        }
    }
    println!("official verdicts: {verdicts}/{all} the same, {same}/{all} with the same fatal rules");
}
