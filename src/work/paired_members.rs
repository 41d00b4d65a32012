//! Plain PDFs in an archive: each with its data (`facture.pdf.json`) and the files that the data say go with it.
//!
//! Promise: a member that data name is looked at for what they say it is; data that are wrong, or whose PDF or attachments
//! are not there, are refused by name and take nothing else with them.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::chorus::{AjouterFichier, PDF_LIMIT};
use crate::domain::DocumentHash;
use crate::fault::{Code, Fault, Text};
use crate::invoice::archive::{self, Member};
use crate::invoice::pdf_data::{self, DataOptions, DataProblem, Expected, PdfInvoice};
use crate::invoice::{self};
use crate::work::pairing::{self, findings};
use crate::work::split::Gathered;
use crate::work::submission::unfit;

/// A plain PDF with all that it is submitted with.
pub(super) struct Pair {
    /// The PDF's member.
    pub pdf: String,
    /// Among the archive's members.
    pub place: usize,
    pub content: Vec<u8>,
    pub invoice: PdfInvoice,
    pub json: String,
    /// By the names the data give them.
    pub enclosures: Vec<(String, Vec<u8>)>,
}

/// Data among the members.
struct Data {
    member: String,
    /// Among the archive's members.
    place: usize,
    read: Result<PdfInvoice, Vec<DataProblem>>,
    json: String,
}

impl Data {
    /// The member that is its PDF.
    fn pdf(&self) -> Option<String> {
        let invoice = self.read.as_ref().ok()?;
        let own = || pdf_data::pdf_named_by(&self.member).map(str::to_owned);
        invoice.file.as_deref().map_or_else(own, |file| Some(pdf_data::beside(&self.member, file)))
    }
}

/// A member that data name, once it was seen: its place and its content.
type Seen = Option<(usize, Vec<u8>)>;

/// The members that data speak of.
#[derive(Default)]
pub(super) struct PairedMembers {
    data: Vec<Data>,
    /// The contents of PDFs and attachments that data name, as far as they were seen.
    seen: BTreeMap<String, Seen>,
}

impl PairedMembers {
    /// Looks through the archive for data. What is wrong with the archive itself is told when its members are taken.
    pub fn find(bytes: &[u8], options: &invoice::Options) -> Self {
        let mut found = Self::default();
        let data_options = DataOptions { sandbox: options.sandbox };
        let _ = archive::read(bytes, &options.limits, &mut |member| {
            let Ok(content) = member.content else { return };
            if pdf_data::is_sidecar(&member.name, &content) {
                let read = pdf_data::read(&content, data_options);
                let json = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
                let json = String::from_utf8_lossy(json).into_owned();
                found.data.push(Data { member: member.name, place: 0, read, json });
            }
        });
        for data in &found.data {
            found.seen.extend(data.pdf().map(|pdf| (pdf, None)));
            for enclosure in data.read.iter().flat_map(|invoice| &invoice.attachments) {
                found.seen.insert(pdf_data::beside(&data.member, &enclosure.file), None);
            }
        }
        found
    }

    /// Keeps a member that data name, or that is data; gives back any other. `at`: its place among the members.
    pub fn take(&mut self, member: Member, at: usize, options: &invoice::Options) -> Option<Member> {
        if let Some(data) = self.data.iter_mut().find(|data| data.member == member.name) {
            data.place = at;
            return None;
        }
        let is_pdf = self.data.iter().any(|data| data.pdf().as_ref() == Some(&member.name));
        let (Some(place), Ok(content)) = (self.seen.get_mut(&member.name), &member.content) else {
            return Some(member);
        };
        // A PDF with an invoice inside is that invoice, whatever lies beside it.
        if is_pdf && (content.len() > PDF_LIMIT || !pairing::is_plain_pdf(&invoice::examine(content, options))) {
            return Some(member);
        }
        *place = member.content.ok().map(|content| (at, content));
        None
    }

    /// What is complete; all else is refused by name.
    pub fn settle(mut self, gathered: &mut Gathered) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for data in std::mem::take(&mut self.data) {
            let pdf = data.pdf();
            let (member, place) = (data.member.clone(), data.place);
            match self.pair(data, pdf) {
                Ok(pair) => pairs.push(pair),
                Err((fault, problems)) => {
                    let findings = findings(&problems, gathered.language);
                    gathered.refuse_at(place, &member, &fault, None, findings);
                }
            }
        }
        pairs
    }

    fn pair(&mut self, data: Data, pdf: Option<String>) -> Result<Pair, (Fault, Vec<DataProblem>)> {
        let wrong = |problems: Vec<DataProblem>| (pdf_data::fault_of(&problems), problems);
        let invoice = data.read.map_err(wrong)?;
        let alone = |why: Text| (Fault::new(Code::PdfDataUnmatched).with_text("why", &why), Vec::new());
        let Some(pdf) = pdf else {
            let expected =
                Text::new("le nom du PDF, facture.pdf par exemple", "the PDF's name, facture.pdf for instance");
            return Err(wrong(vec![DataProblem {
                path: "file".to_owned(),
                found: None,
                expected: Expected::OfFiles(expected),
            }]));
        };
        let mut problems = Vec::new();
        let mut enclosures = Vec::new();
        for (place, enclosure) in invoice.attachments.iter().enumerate() {
            let Some(Some((_, content))) = self.seen.get(&pdf_data::beside(&data.member, &enclosure.file)) else {
                let expected = Text::new("un fichier de l'archive", "a file of the archive");
                let found = Some(enclosure.file.clone());
                problems.push(DataProblem {
                    path: format!("attachments[{place}]"),
                    found,
                    expected: Expected::OfFiles(expected),
                });
                continue;
            };
            let name = enclosure.file.rsplit(['/', '\\']).next().unwrap_or_default();
            if let Err(error) = AjouterFichier::new(name, content.clone().into()) {
                return Err((unfit(&enclosure.file, &error), Vec::new()));
            }
            enclosures.push((enclosure.file.clone(), content.clone()));
        }
        if !problems.is_empty() {
            return Err(wrong(problems));
        }
        let Some((place, content)) = self.seen.get_mut(&pdf).and_then(Option::take) else {
            return Err(alone(Text::new(
                format!("« {pdf} » n'est pas, dans l'archive, un PDF sans facture à l'intérieur"),
                format!("\"{pdf}\" is, in the archive, no PDF without an invoice inside"),
            )));
        };
        let hash = DocumentHash(Sha256::digest(&content).into());
        if invoice.sha256.is_some_and(|named| named != hash) {
            let expected = Text::same(format!("{hash} ({pdf})"));
            let found = invoice.sha256.map(|named| named.to_string());
            return Err(wrong(vec![DataProblem {
                path: "sha256".to_owned(),
                found,
                expected: Expected::OfFiles(expected),
            }]));
        }
        Ok(Pair { pdf, place, content, invoice, json: data.json, enclosures })
    }
}
