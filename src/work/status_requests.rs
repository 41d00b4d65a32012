//! A dropped file of statuses: each good line becomes a change of its own, each other one a finding.

use crate::fault::{Code, Fault, Language};
use crate::invoice;
use crate::invoice::status_file::{self, Requests, StatusFileError};
use crate::store::{Facts, FindingRecord, FlowRecord, Parts};
use crate::work::core::{Core, JobError};
use crate::work::split::{FINDINGS_LIMIT, Outcome};
use crate::work::status_subject;

/// How far into a file its kind is looked for.
const HEAD_BYTES: usize = 4096;

/// Whether a file asks for statuses: `CPPStatut` by its root, our own table by its name or its first line.
pub(super) fn are_in(bytes: &[u8], name: &str) -> bool {
    let head = String::from_utf8_lossy(&bytes[..bytes.len().min(HEAD_BYTES)]).replace('\0', "");
    let name = name.to_lowercase();
    if head.trim_start_matches('\u{feff}').trim_start().starts_with('<') {
        return head.contains("CPPStatut");
    }
    let is_table = name.ends_with(".csv") || name.ends_with(".txt");
    let first = head.lines().next().unwrap_or_default().to_lowercase();
    let columns = first.split([';', ',', '\t']).filter(|c| c.trim().trim_matches('"') == "statut").count();
    is_table && (name.starts_with("statut") || columns == 1)
}

/// What can be told of a file without knowing which invoices were received: how many statuses it asks for, and what is
/// wrong with each other line, or with the whole.
pub fn examine(bytes: &[u8], language: Language) -> (usize, Vec<invoice::Finding>, Option<Fault>) {
    let requests = match status_file::read_requests(bytes, Default::default(), language) {
        Ok(requests) => requests,
        Err(error) => return (0, Vec::new(), Some(unreadable(&error, language))),
    };
    let count = requests.problems.len() + requests.further_problems;
    let lines = lines_wrong(&requests, language);
    let findings: Vec<_> = lines
        .iter()
        .map(|(line, fault)| invoice::Finding {
            rule: fault.code.to_string(),
            severity: invoice::Severity::Fatal,
            place: line_text(*line, language),
            message: fault.title(language),
            remedy: fault.remedy(language),
            site: invoice::Site { line: Some(*line), ..invoice::Site::default() },
        })
        .collect();
    let first = findings.first().map_or_else(|| "-".to_owned(), |f| format!("{} : {}", f.place, f.message));
    let fault = match lines.into_iter().next() {
        // The gateway asks for the others all the same.
        Some((_, fault)) if !requests.statuses.is_empty() => Some(fault),
        None if !requests.statuses.is_empty() => None,
        _ => Some(Fault::new(Code::StatusFileWrong).with("count", count).with("first", first)),
    };
    (requests.statuses.len(), findings, fault)
}

/// The lines that cannot be understood.
fn lines_wrong(requests: &Requests, language: Language) -> Vec<(usize, Fault)> {
    let wrong = |why: String| Fault::new(Code::StatusLineWrong).with("why", why);
    requests.problems.iter().map(|problem| (problem.line, wrong(problem.reason(language)))).collect()
}

/// The changes that the file asks for.
pub(super) fn read(core: &Core, flow: &FlowRecord, bytes: &[u8], language: Language) -> Result<Outcome, JobError> {
    match status_file::read_requests(bytes, Default::default(), language) {
        Ok(requests) => asked(core, flow, requests, language),
        Err(error) => Ok(Outcome::Refused(unreadable_statuses(&error, language))),
    }
}

fn unreadable(error: &StatusFileError, language: Language) -> Fault {
    match error {
        StatusFileError::Unreadable(fault) => fault.clone(),
        other => Fault::new(Code::StatusFileWrong).with("count", 1).with("first", other.text(language)),
    }
}

fn unreadable_statuses(error: &StatusFileError, language: Language) -> Facts {
    let fault = unreadable(error, language);
    Facts { fault: Some(fault), syntax: Some("statuses".to_owned()), ..Facts::default() }
}

/// Each good line becomes a change; each other one a finding.
fn asked(core: &Core, flow: &FlowRecord, requests: Requests, language: Language) -> Result<Outcome, JobError> {
    let reader = core.store.reader()?;
    let mut changes = Vec::new();
    let mut wrong = lines_wrong(&requests, language);
    for request in &requests.statuses {
        match status_subject::resolve(&reader, flow, request)? {
            Ok(asked) => changes.push(asked),
            Err(fault) => wrong.push((request.line, fault)),
        }
    }
    // In the order of the file, whoever found what is wrong.
    wrong.sort_by_key(|(line, _)| *line);
    let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    let refused_parts = count(wrong.len()).saturating_add(count(requests.further_problems));
    let findings: Vec<FindingRecord> =
        wrong.iter().take(FINDINGS_LIMIT).map(|(line, fault)| finding(*line, fault, language)).collect();
    let first =
        findings.first().map_or_else(|| "-".to_owned(), |finding| format!("{} : {}", finding.place, finding.message));
    let facts =
        Facts { findings: Some(findings), refused_parts, syntax: Some("statuses".to_owned()), ..Facts::default() };
    if changes.is_empty() {
        let fault = Fault::new(Code::StatusFileWrong).with("count", refused_parts).with("first", first);
        return Ok(Outcome::Refused(Facts { fault: Some(fault), ..facts }));
    }
    Ok(Outcome::Split(Parts::Changes(changes), facts))
}

fn finding(line: usize, fault: &Fault, language: Language) -> FindingRecord {
    FindingRecord {
        rule: fault.code.to_string(),
        severity: "fatal".to_owned(),
        place: line_text(line, language),
        message: fault.title(language),
        remedy: fault.remedy(language),
    }
}

fn line_text(line: usize, language: Language) -> String {
    match language {
        Language::Fr => format!("ligne {line}"),
        Language::En => format!("line {line}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_file_is_known_by_its_root_its_name_or_its_columns() {
        assert!(are_in(b"<?xml version=\"1.0\"?>\n<CPPStatut>", "x.xml"));
        assert!(are_in("\u{feff}<CPPStatut Version=\"V1_19\">".as_bytes(), "x"));
        assert!(are_in(b"id_facture;statut;motif\n7;REJETEE;x\n", "lot.csv"));
        assert!(are_in(b"anything", "Statuts-2026.CSV"));
        assert!(!are_in(b"<Invoice>", "statuts.xml"));
        assert!(!are_in(b"a;b;c\n", "clients.csv"));
        assert!(!are_in(b"\x89PNG", "statuts.png"));
    }
}
