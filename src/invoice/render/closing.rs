//! What closes the image: the notes, the documents that came with the invoice, what the check found, and what the original
//! says that the model has no place for.

use std::iter;

use en16931::Invoice;
use en16931::invoice::{Code, InvoiceNote, SupportingDocument};

use super::figures;
use super::letters::{Ink, UNKNOWN, Weight};
use super::phrases::{bold, close, columns, labelled, one, plain, said, section, small, table};
use super::sheet::{BODY, Cell, Look, Paragraph, SMALL, Sheet};
use super::{Extra, Outside, Remark, Severity, labels};

pub fn lay(sheet: &mut Sheet, invoice: &Invoice, extra: &Extra<'_>) {
    notes(sheet, invoice);
    attachments(sheet, &invoice.attachments);
    remarks(sheet, extra);
    outside(sheet, extra.outside);
    if sheet.is_replaced {
        let words = format!("{UNKNOWN} tient la place d'un caractère de l'original qui ne peut être dessiné.");
        let words = small(sheet, &words);
        let branch = sheet.paragraph(words, Look::PLAIN);
        sheet.push(branch);
    }
}

fn notes(sheet: &mut Sheet, invoice: &Invoice) {
    if invoice.notes.is_empty() {
        return;
    }
    section(sheet, "Notes et mentions", |sheet| {
        let mut branches = Vec::new();
        for note in &invoice.notes {
            let note = self::note(sheet, note);
            branches.push(sheet.paragraph(note, Look::PLAIN));
        }
        branches
    });
}

fn note(sheet: &mut Sheet, note: &InvoiceNote) -> Paragraph {
    let text = said(note.note.as_deref()).unwrap_or("(sans texte)");
    match note.subject_code.as_ref().map(Code::as_str) {
        None => plain(sheet, text),
        Some(code) => {
            let label = labels::subject(code).map_or(code.to_owned(), |label| format!("{label} ({code})"));
            labelled(sheet, &label, text)
        }
    }
}

fn attachments(sheet: &mut Sheet, documents: &[SupportingDocument]) {
    if documents.is_empty() {
        return;
    }
    let columns = columns(&[110.0, 150.0, 251.0], &[]);
    let rows = documents.iter().map(|document| |sheet: &mut Sheet| attachment(sheet, document));
    let head = ["Référence", "Description", "Fichier ou adresse"];
    let mut parts = table(sheet, "Pièces jointes", &columns, &head, rows);
    sheet.space(3.0);
    if documents.iter().any(|document| document.attachment.is_some()) {
        let words = small(sheet, "Les fichiers sont dans l'original joint à ce document.");
        parts.push(sheet.paragraph(words, Look::PLAIN));
    }
    close(sheet, parts);
}

fn attachment(sheet: &mut Sheet, document: &SupportingDocument) -> Vec<Cell> {
    let reference = plain(sheet, document.reference.as_str());
    let description = plain(sheet, said(document.description.as_deref()).unwrap_or_default());
    let mut place = Vec::new();
    if let Some(file) = &document.attachment {
        let size = figures::size(file.content().len());
        place.push(plain(sheet, &format!("{} ({}, {size})", file.filename(), file.mime_code())));
    }
    if let Some(uri) = said(document.uri.as_deref()) {
        place.push(plain(sheet, uri));
    }
    if place.is_empty() {
        place.push(one(sheet, "simple référence", Weight::Regular, BODY, Ink::Muted));
    }
    vec![vec![reference], vec![description], place]
}

fn remarks(sheet: &mut Sheet, extra: &Extra<'_>) {
    let Extra { remarks, checked, rules, .. } = *extra;
    if remarks.is_empty() {
        // The pages of a Factur-X are the invoice's own: they tell faults only.
        if extra.original.carried_as.is_none() {
            let title = format!("Contrôle {} : aucune anomalie", checked.unwrap_or("de l'original"));
            section(sheet, &title, |sheet| {
                let versions = small(sheet, rules);
                vec![sheet.paragraph(versions, Look::PLAIN)]
            });
        }
        return;
    }
    let fatal = remarks.iter().filter(|remark| remark.severity == Severity::Fatal).count();
    let warnings = remarks.len() - fatal;
    let checked = checked.unwrap_or("de l'original");
    let title = match (fatal, warnings) {
        (0, _) => format!("Contrôle {checked} : {}", counted(warnings, "avertissement")),
        (_, 0) => format!("Contrôle {checked} : {}", counted(fatal, "anomalie")),
        _ => format!("Contrôle {checked} : {}, {}", counted(fatal, "anomalie"), counted(warnings, "avertissement")),
    };
    let columns = columns(&[108.0, 403.0], &[]);
    // First of all by which rules.
    let rows = iter::once(None).chain(remarks.iter().map(Some)).map(|row| {
        move |sheet: &mut Sheet| match row {
            None => vec![vec![bold(sheet, "Versions")], vec![plain(sheet, rules)]],
            Some(remark) => self::remark(sheet, remark),
        }
    });
    let parts = table(sheet, &title, &columns, &["Règle", "Constat et remède"], rows);
    close(sheet, parts);
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count > 1 { "s" } else { "" })
}

fn remark(sheet: &mut Sheet, remark: &Remark<'_>) -> Vec<Cell> {
    let (word, ink) = match remark.severity {
        Severity::Fatal => ("anomalie", Ink::Alert),
        Severity::Warning => ("avertissement", Ink::Muted),
    };
    let rule = bold(sheet, remark.rule);
    let severity = one(sheet, word, Weight::Regular, SMALL, ink);
    let mut found = vec![plain(sheet, remark.message)];
    if let Some(place) = said(Some(remark.place)) {
        found.push(super::phrases::remark(sheet, "Où", place));
    }
    if let Some(remedy) = said(Some(remark.remedy)) {
        found.push(labelled(sheet, "Que faire", remedy));
    }
    vec![vec![rule, severity], found]
}

/// Rows of what the model has no place for; the rest is counted.
const OUTSIDE: usize = 500;

fn outside(sheet: &mut Sheet, outside: &[Outside<'_>]) {
    if outside.is_empty() {
        return;
    }
    let columns = columns(&[300.0, 211.0], &[]);
    let more = format!("et {} autres : voir l'original joint", outside.len().saturating_sub(OUTSIDE));
    let mut shown: Vec<Outside<'_>> =
        outside.iter().take(OUTSIDE).map(|term| Outside { path: term.path, value: term.value }).collect();
    if outside.len() > OUTSIDE {
        shown.push(Outside { path: "…", value: &more });
    }
    let rows = shown
        .iter()
        .map(|term| |sheet: &mut Sheet| vec![vec![small(sheet, term.path)], vec![plain(sheet, term.value)]]);
    let title = "Dans l'original, hors du modèle de facture";
    let parts = table(sheet, title, &columns, &["Élément", "Valeur"], rows);
    close(sheet, parts);
}
