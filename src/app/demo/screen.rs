//! What the demo shows: a live table of what becomes of each sample, and a summary at the end, in the session's language.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::Value;

use super::RECEIVED;
use crate::app::samples::{Expect, Sample};
use crate::domain::InvoiceStatus;
use crate::fault::{Language, Text};
use crate::flow::FlowKind;
use crate::store::StoreError;
use crate::store::verify::Report;
use crate::web::{Tongue, damage};

/// Characters of what is told about a file: the line stays one line.
const TOLD_CHARACTERS: usize = 70;

/// A sample and the receipt it has by now.
pub struct Row {
    pub sample: &'static Sample,
    pub receipt: Option<Value>,
}

impl Row {
    fn text(&self, key: &str) -> &str {
        self.receipt.as_ref().and_then(|receipt| receipt[key].as_str()).unwrap_or_default()
    }

    pub fn is_settled(&self) -> bool {
        self.receipt.as_ref().is_some_and(|receipt| receipt["final"] == true)
    }

    /// Whether the receipt tells the way the sample was made for.
    pub fn is_as_expected(&self) -> bool {
        let doubted = self.receipt.as_ref().is_some_and(|receipt| {
            receipt["history"].as_array().is_some_and(|steps| steps.iter().any(|step| step["state"] == "doubtful"))
        });
        match self.sample.expect {
            Expect::Integrated => self.text("state") == "integrated" && !doubted,
            Expect::AnswerLost => self.text("state") == "integrated" && doubted,
            Expect::RefusedByCheck => self.text("state") == "refused",
            Expect::RejectedByChorus => self.text("state") == "rejected",
        }
    }

    /// A line of the table. Faults are in the receipts' language, which is that of the session: see the configuration.
    fn line(&self, t: Tongue) -> String {
        let told = self.receipt.as_ref().map(|receipt| told(receipt, t)).unwrap_or_default();
        let mark = if self.is_settled() { "*" } else { " " };
        format!("{mark} {:<33} {:<16} {:<26} {told}", self.sample.name, self.state(t), self.text("deposit_number"))
            .trim_end()
            .to_owned()
    }

    fn state(&self, t: Tongue) -> String {
        match self.text("state") {
            "" => t.say("en attente", "waiting").to_owned(),
            state => t.state(FlowKind::Deposit, state).0,
        }
    }
}

/// What is wrong with the file, or its invoice's status.
fn told(receipt: &Value, t: Tongue) -> String {
    let fault = &receipt["fault"];
    let text = match (fault["code"].as_str(), fault["title"].as_str(), receipt["invoices"][0]["status"].as_str()) {
        (Some(code), Some(title), _) => format!("{code} {title}"),
        (_, _, Some(status)) => t.status(&InvoiceStatus::from(status.to_owned())).0,
        _ => String::new(),
    };
    match text.char_indices().nth(TOLD_CHARACTERS) {
        Some((cut, _)) => format!("{}…", text[..cut].trim_end()),
        None => text,
    }
}

/// The table: drawn over itself on a terminal, a line per change elsewhere.
pub struct Screen {
    tongue: Tongue,
    on_terminal: bool,
    drawn: Vec<String>,
}

impl Screen {
    pub fn new(language: Language) -> Self {
        Self { tongue: Tongue(language), on_terminal: std::io::stdout().is_terminal(), drawn: Vec::new() }
    }

    pub fn show(&mut self, rows: &[Row], received: usize) {
        let mut lines = vec![header(self.tongue)];
        lines.extend(rows.iter().map(|row| row.line(self.tongue)));
        lines.push(match self.tongue.0 {
            Language::Fr => format!("  reçues des fournisseurs, dans /recues : {received} sur {RECEIVED}"),
            Language::En => format!("  received from suppliers, in /recues: {received} of {RECEIVED}"),
        });
        let mut out = std::io::stdout().lock();
        if self.on_terminal {
            if !self.drawn.is_empty() {
                let _ = write!(out, "\x1b[{}A", self.drawn.len());
            }
            for line in &lines {
                let _ = writeln!(out, "\x1b[2K{line}");
            }
        } else {
            for line in lines.iter().filter(|line| !self.drawn.contains(line)) {
                let _ = writeln!(out, "{line}");
            }
        }
        let _ = out.flush();
        self.drawn = lines;
    }
}

fn header(t: Tongue) -> String {
    format!(
        "{} {:<33} {:<16} {:<26} {}",
        "*",
        t.say("= terminé ; fichier", "= settled; file"),
        t.say("état", "state"),
        t.say("dépôt chez Chorus Pro", "deposit at Chorus Pro"),
        t.say("statut ou difficulté", "status or trouble")
    )
}

/// The last lines: what is not as expected, how much settled, and whether the journal is whole.
pub fn summary(rows: &[Row], received: usize, verified: &Result<Report, StoreError>, took: Duration) -> Vec<Text> {
    let mut lines: Vec<Text> = rows.iter().filter(|row| !row.is_as_expected()).map(unexpected).collect();
    let (settled, all) = (rows.iter().filter(|row| row.is_settled()).count(), rows.len());
    let took = took.as_secs_f32();
    lines.push(Text::new(
        format!("{settled} fichiers terminés sur {all}, {received} factures reçues, en {took:.1} s")
            .replacen('.', ",", 1),
        format!("{settled} of {all} files settled, {received} invoices received, in {took:.1} s"),
    ));
    lines.push(match verified {
        Ok(Report { bad: Some(bad), .. }) => {
            let Text { fr, en } = damage::told(bad);
            Text::new(format!("Le journal est altéré. {fr}"), format!("The journal is damaged. {en}"))
        }
        Ok(Report { leaves, checkpoints, .. }) => Text::new(
            format!("Le journal est intact : {leaves} enregistrements, {checkpoints} points de contrôle"),
            format!("The journal is whole: {leaves} records, {checkpoints} checkpoints"),
        ),
        Err(error) => Text::technical("Le journal n'a pas pu être vérifié", "The journal could not be verified", error),
    });
    lines
}

fn unexpected(row: &Row) -> Text {
    let wanted = match row.sample.expect {
        Expect::Integrated => ("intégrée", "integrated"),
        Expect::RefusedByCheck => ("refusée par le contrôle", "refused by the check"),
        Expect::RejectedByChorus => ("rejetée par Chorus Pro", "rejected by Chorus Pro"),
        Expect::AnswerLost => {
            ("retrouvée après une réponse perdue, puis intégrée", "found after a lost answer, then integrated")
        }
    };
    let (name, state) = (row.sample.name, |language| row.state(Tongue(language)));
    Text::new(
        format!("Inattendu : {name} est dans l'état « {} », elle devait être {}", state(Language::Fr), wanted.0),
        format!("Not as expected: {name} is \"{}\", it should be {}", state(Language::En), wanted.1),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::app::samples::SAMPLES;

    fn row(expect: Expect, receipt: Value) -> Row {
        let sample = SAMPLES.iter().find(|sample| sample.expect == expect).unwrap();
        Row { sample, receipt: (!receipt.is_null()).then_some(receipt) }
    }

    #[test]
    fn a_line_is_in_one_language() {
        let rejected = row(
            Expect::RejectedByChorus,
            json!({"state": "rejected", "final": true, "deposit_number": "CPP-1", "invoices": [],
                "fault": {"code": "FG-402", "title": format!("Chorus Pro a rejeté le flux CPP-1 : « {} »", "x".repeat(90))}}),
        );
        let line = rejected.line(Tongue(Language::Fr));
        assert!(line.starts_with("* facture-destinataire-inconnu.xml"), "{line}");
        assert!(
            line.contains(" Rejeté ")
                && line.contains("FG-402 Chorus Pro a rejeté le flux CPP-1")
                && line.ends_with('…'),
            "{line}"
        );
        let paid = row(
            Expect::Integrated,
            json!({"state": "integrated", "final": true, "deposit_number": "CPP-2", "fault": null,
                "invoices": [{"status": "MISE_EN_PAIEMENT"}]}),
        );
        assert!(paid.line(Tongue(Language::Fr)).ends_with("Mise en paiement"));
        assert!(paid.line(Tongue(Language::En)).contains(" Integrated "));
        assert!(!paid.line(Tongue(Language::En)).contains("MISE_EN_PAIEMENT"));
        assert!(row(Expect::Integrated, Value::Null).line(Tongue(Language::Fr)).ends_with("en attente"));
    }

    #[test]
    fn the_summary_says_what_is_not_as_expected() {
        let rows = [
            row(Expect::Integrated, json!({"state": "refused", "final": true})),
            row(Expect::RefusedByCheck, json!({"state": "refused", "final": true})),
        ];
        let verified = Ok(Report { leaves: 12, checkpoints: 3, ..Report::default() });
        let lines = summary(&rows, 3, &verified, Duration::from_millis(12_340));
        let french: Vec<&str> = lines.iter().map(|line| line.get(Language::Fr)).collect();
        assert_eq!(
            french,
            [
                "Inattendu : facture-ubl.xml est dans l'état « Refusé », elle devait être intégrée",
                "2 fichiers terminés sur 2, 3 factures reçues, en 12,3 s",
                "Le journal est intact : 12 enregistrements, 3 points de contrôle",
            ]
        );
        assert_eq!(lines[0].en, "Not as expected: facture-ubl.xml is \"Refused\", it should be integrated");
        assert_eq!(lines[2].en, "The journal is whole: 12 records, 3 checkpoints");
    }
}
