//! Agreement with the official verdicts over the mini corpus, which lies outside the repository.

use std::collections::BTreeMap;
use std::io::Read as _;

use crate::invoice::{Options, Profile, Verdict, examine};
use crate::reference::reference;

/// What a set of official rules said of a document.
#[derive(Debug, serde::Deserialize)]
pub(super) struct Verdicts {
    pub(super) fatal: Vec<String>,
    /// Why its engine stopped.
    #[serde(default)]
    pub(super) error: Option<String>,
}

#[derive(serde::Deserialize)]
pub(super) struct Official {
    pub(super) file: String,
    pub(super) syntax: String,
    pub(super) kind: String,
    #[serde(flatten)]
    pub(super) european: Verdicts,
    pub(super) brfr: Verdicts,
    #[serde(default)]
    pub(super) change: String,
}

pub(super) fn mini() -> Option<BTreeMap<String, Vec<u8>>> {
    let archive = std::fs::read(reference("invoices/mini.tgz")?).unwrap();
    let mut tar = Vec::new();
    flate2::read::GzDecoder::new(&archive[..]).read_to_end(&mut tar).unwrap();
    let mut files = BTreeMap::new();
    let mut at = 0;
    while at + 512 <= tar.len() && tar[at] != 0 {
        let header = &tar[at..at + 512];
        let text = |range: std::ops::Range<usize>| {
            let field = &header[range];
            String::from_utf8_lossy(field.split(|b| *b == 0).next().unwrap()).trim().to_owned()
        };
        let size = usize::from_str_radix(&text(124..136), 8).unwrap();
        let name = text(0..100);
        if header[156] == b'0' {
            let name = name.rsplit('/').next().unwrap().to_owned();
            files.insert(name, tar[at + 512..at + 512 + size].to_vec());
        }
        at += 512 + size.div_ceil(512) * 512;
    }
    Some(files)
}

/// The whole way from bytes to verdict, by the European rules and by both.
#[test]
fn a_file_is_accepted_or_rejected_as_the_official_rules_have_it() {
    let Some(files) = mini() else { return };
    // Of each syntax: files; rejected by the official engine and by us, by EN 16931, and by EN 16931 or BR-FR.
    let mut table: BTreeMap<String, [usize; 5]> = BTreeMap::new();
    for line in String::from_utf8(files["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        let options = Options { profile: Profile::En16931, ..Options::default() };
        let ours = examine(&files[&official.file], &options).verdict == Verdict::Reject;
        let rejects = |verdicts: &Verdicts| !verdicts.fatal.is_empty() || verdicts.error.is_some();
        let reject = rejects(&official.european);
        assert_eq!(ours, reject, "{}: official {:?}; {}", official.file, official.european, official.change);
        // Towards firms both sets count; what Chorus Pro itself demands is only told.
        let firms = Options { profile: Profile::G2b, ..Options::default() };
        let refused = examine(&files[&official.file], &firms);
        let either = reject || rejects(&official.brfr);
        assert_eq!(
            refused.verdict == Verdict::Reject,
            either,
            "{}: official {:?}, ours {:?}",
            official.file,
            official.brfr,
            refused.findings
        );
        let row = table.entry(official.syntax.clone()).or_default();
        let counts = [true, reject, ours, either, refused.verdict == Verdict::Reject];
        for (sum, counts) in row.iter_mut().zip(counts) {
            *sum += usize::from(counts);
        }
    }
    println!("{:16} {:>6} {:>30} {:>30}", "", "files", "rejected by EN 16931, by us", "by EN 16931 or BR-FR, by us");
    for (syntax, [all, theirs, ours, both, refused]) in table {
        println!("{syntax:16} {all:>6} {theirs:>22} {ours:>7} {both:>22} {refused:>7}");
    }
}
