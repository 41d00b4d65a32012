//! What is fuzzed: one target per kind of bytes that come from outside, each with what its readers promise.
//!
//! Used twice: by the fuzzer (`tests/fuzz/run`) and by the replay in the test suite (`tests/it/fuzz.rs`). A target panics
//! when a promise is broken, and does nothing else of note.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::time::Instant;

use fluxgate::audit::{Checkpoint, Leaf, LeafRead, Signer, Verifier};
use fluxgate::bridge::sftp_codec::{self, Packets};
use fluxgate::bridge::tree::{self, Place, Tree};
use fluxgate::chorus::{self, DirectoryReader, Service};
use fluxgate::config::Config;
use fluxgate::door::head::{HeadWatch, Verdict as HeadVerdict};
use fluxgate::fault::{Fault, Language};
use fluxgate::gate::{Entry, Frame, Request, check_name};
use fluxgate::invoice::conversion::{self, Source, Target as Form};
use fluxgate::invoice::csv_table::Records;
use fluxgate::invoice::image::{self, Making};
use fluxgate::invoice::pdf_data::{self, DataOptions};
use fluxgate::invoice::status_code::Reading;
use fluxgate::invoice::{Examined, Limits, Options, Profile, Severity, Verdict, archive, examine, pivot};
use fluxgate::invoice::{pivot_conversion, status_file};
use fluxgate::web::multipart;

/// A kind of bytes from outside.
pub struct Target {
    pub name: &'static str,
    pub run: fn(&[u8]),
    /// Memory that a run may hold: so many MiB, and so many times the input.
    pub memory: (usize, usize),
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "verdict", run: verdict, memory: (16, 64) },
    Target { name: "pdf", run: pdf, memory: (64, 64) },
    Target { name: "pivot", run: pivot, memory: (16, 64) },
    Target { name: "conversion", run: conversion, memory: (32, 128) },
    Target { name: "pages", run: pages, memory: (64, 64) },
    Target { name: "image", run: image, memory: (64, 256) },
    Target { name: "statuses", run: statuses, memory: (16, 64) },
    Target { name: "sidecar", run: sidecar, memory: (16, 64) },
    Target { name: "archive", run: archive, memory: (64, 16) },
    Target { name: "table", run: table, memory: (16, 64) },
    Target { name: "directory", run: directory, memory: (64, 64) },
    Target { name: "answers", run: answers, memory: (16, 256) },
    Target { name: "configuration", run: configuration, memory: (16, 512) },
    Target { name: "doors", run: doors, memory: (16, 16) },
    Target { name: "journal", run: journal, memory: (16, 16) },
];

/// What stands in for a choice: an option of the reader, from the content, so that a seed is a plain file.
fn choice(bytes: &[u8], of: usize) -> usize {
    bytes.iter().fold(bytes.len(), |sum, byte| sum.wrapping_mul(31).wrapping_add(usize::from(*byte))) % of
}

/// The product's limits, the inflations made small: a fuzzer reaches them with small files.
fn limits() -> Limits {
    Limits {
        pdf_attachment_bytes: 1 << 20,
        pdf_attachments_bytes: 4 << 20,
        pdf_object_stream_bytes: 1 << 20,
        archive_member_bytes: 1 << 20,
        archive_bytes: 8 << 20,
        archive_members: 100,
        ..Limits::default()
    }
}

fn options(bytes: &[u8]) -> Options {
    let profile = Profile::ALL[choice(bytes, 3)];
    Options { profile, block: choice(bytes, 4) > 0, sandbox: true, limits: limits(), ..Options::default() }
}

/// A fault says what happened and what to do, in both languages.
fn told(fault: &Fault) {
    for language in [Language::Fr, Language::En] {
        assert!(!fault.title(language).trim().is_empty(), "{}: no title", fault.code);
        assert!(!fault.remedy(language).trim().is_empty(), "{}: no remedy", fault.code);
    }
}

/// What [`Examined`] promises of itself.
fn sound(examined: &Examined, options: &Options) {
    assert_eq!(examined.fault.is_some(), examined.verdict == Verdict::Reject, "a fault is why it is rejected");
    examined.fault.iter().for_each(told);
    let findings = &examined.findings;
    assert!(findings.len() <= options.limits.findings + 2, "{} findings", findings.len());
    assert!(findings.is_sorted_by_key(|finding| finding.severity), "fatal ones first");
    for finding in findings {
        let said = [&finding.rule, &finding.message, &finding.remedy];
        assert!(said.iter().all(|text| !text.trim().is_empty()), "nothing said: {finding:?}");
    }
    let fatal = findings.iter().any(|finding| finding.severity == Severity::Fatal);
    assert!(examined.facts.is_some() || examined.fault.is_some(), "neither read nor refused");
    if options.block && examined.facts.is_some() {
        assert_eq!(fatal, examined.verdict == Verdict::Reject, "what is fatal rejects, and nothing else does");
    }
}

fn verdict(bytes: &[u8]) {
    let options = options(bytes);
    let examined = examine(bytes, &options);
    sound(&examined, &options);
    if choice(bytes, 5) == 0 {
        assert_eq!(examined, examine(bytes, &options), "the same bytes, the same verdict");
    }
}

/// As [`verdict`], of a PDF; what is no PDF becomes the invoice inside one.
fn pdf(bytes: &[u8]) {
    if bytes.starts_with(b"%PDF-") {
        verdict(bytes);
        return;
    }
    let name = ["factur-x.xml", "facture.xml", "zugferd-invoice.xml"][choice(bytes, 3)];
    verdict(&pdf_around(&[(name, bytes)]));
}

/// The plainest PDF with these files attached.
pub fn pdf_around(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut names = String::new();
    let mut objects = vec![Vec::new()];
    for (name, content) in files {
        let spec = objects.len() + 1;
        names += &format!("({name}) {spec} 0 R ");
        let stream = spec + 1;
        objects.push(format!("<</Type/Filespec /F({name}) /UF({name}) /EF<</F {stream} 0 R>>>>").into_bytes());
        let head = format!("<</Type/EmbeddedFile /Length {}>>\nstream\n", content.len());
        objects.push([head.as_bytes(), content, b"\nendstream"].concat());
    }
    objects[0] = format!("<</Type/Catalog /Names<</EmbeddedFiles<</Names[{names}]>>>>>>").into_bytes();
    let mut out = b"%PDF-1.7\n".to_vec();
    let mut table = String::from("0000000000 65535 f \n");
    for (index, object) in objects.iter().enumerate() {
        table += &format!("{:010} 00000 n \n", out.len());
        out.extend(format!("{} 0 obj\n", index + 1).into_bytes());
        out.extend(object);
        out.extend(b"\nendobj\n");
    }
    let (start, size) = (out.len(), objects.len() + 1);
    let end = format!("xref\n0 {size}\n{table}trailer\n<</Size {size} /Root 1 0 R>>\nstartxref\n{start}\n%%EOF");
    out.extend(end.into_bytes());
    out
}

fn pivot(bytes: &[u8]) {
    let bounds = pivot::Limits { pivot_bytes: 4 << 20, attachment_bytes: 1 << 20 };
    let read = pivot::unwrap_download(bytes, &bounds).and_then(|xml| pivot::read(&xml, &bounds));
    if let Ok(read) = &read {
        assert!(!read.invoices.is_empty(), "a pivot without an invoice is none");
        for invoice in &read.invoices {
            assert!(!invoice.number.is_empty(), "an invoice without a number was read");
            let held: usize = invoice.attachments.iter().filter_map(|a| a.content.as_ref()).map(Vec::len).sum();
            assert!(held <= bytes.len().max(1 << 20) * 2, "{held} bytes of attachments");
        }
    }
    match pivot_conversion::convert(bytes, &limits()) {
        Err(fault) => told(&fault),
        Ok(invoices) => {
            assert!(!invoices.is_empty(), "nothing was made, and nothing said");
            for made in invoices {
                match made {
                    Err(incomplete) => told(&incomplete.fault),
                    Ok(made) => assert!(!made.ubl.is_empty() && !made.number.is_empty()),
                }
            }
        }
    }
}

const SOURCE_NAME: &str = "facture.xml";

fn conversion(bytes: &[u8]) {
    let limits = limits();
    let source = Source { name: SOURCE_NAME, bytes };
    for (form, name) in Form::ALL {
        let options = Options { limits, ..Options::default() };
        let converted = match conversion::convert(source, form, "2026-11-26", &options) {
            Err(fault) => {
                told(&fault);
                continue;
            }
            Ok(converted) => converted,
        };
        assert!(!converted.is_empty(), "{name}: nothing was made, and nothing said");
        for one in converted {
            if form == Form::Pivot {
                let bounds = pivot::Limits { pivot_bytes: limits.xml_bytes, attachment_bytes: limits.xml_bytes };
                let read = pivot::read(&one.bytes, &bounds).expect("a pivot of ours is read");
                assert_eq!(read.invoices.len(), 1);
                assert_eq!(read.invoices[0].number, one.number.trim());
            }
            // A pivot is judged by what it is read as: the invoice that Chorus Pro would get.
            let again = match form {
                Form::Pivot => {
                    let mut all = pivot_conversion::convert(&one.bytes, &limits).expect("a pivot of ours is converted");
                    Some(all.remove(0).expect("a pivot of ours lacks nothing").ubl)
                }
                _ => None,
            };
            let is_pivot = again.is_some() || pivot_conversion::is_pivot(bytes);
            let profile = if is_pivot { Profile::Chorus } else { Profile::En16931 };
            let options = Options { profile, sandbox: true, limits, ..Options::default() };
            let examined = examine(again.as_ref().unwrap_or(&one.bytes), &options);
            assert_eq!(examined.verdict, Verdict::Accept, "{name}: {:?} {:?}", examined.fault, examined.findings);
        }
    }
}

/// Given pages, around which an invoice becomes a Factur-X.
fn pages(bytes: &[u8]) {
    const INVOICE: &[u8] = include_bytes!("../../src/app/samples/facture-cii.xml");
    let source = Source { name: SOURCE_NAME, bytes: INVOICE };
    let bounded = Options { limits: limits(), ..Options::default() };
    match conversion::convert_around(source, bytes, "2026-11-26", &bounded) {
        Err(fault) => told(&fault),
        Ok(made) => {
            assert_eq!(made.len(), 1);
            let begin = bytes.windows(5).position(|window| window == b"%PDF-").unwrap_or_default();
            assert!(made[0].bytes.starts_with(&bytes[begin..]), "the given pages stay as they are");
            let options = Options { profile: Profile::En16931, sandbox: true, limits: limits(), ..Options::default() };
            let examined = examine(&made[0].bytes, &options);
            assert_eq!(examined.verdict, Verdict::Accept, "{:?} {:?}", examined.fault, examined.findings);
        }
    }
}

fn image(bytes: &[u8]) {
    let options = options(bytes);
    let making = Making { day: "2026-11-26", maker: "Fluxgate" };
    let source = Source { name: SOURCE_NAME, bytes };
    let images = match image::images(source, making, &options) {
        Err(fault) => return told(&fault),
        Ok(images) => images,
    };
    assert!(!images.is_empty(), "nothing was drawn, and nothing said");
    for drawn in &images {
        match drawn {
            Err(none) => told(&none.fault),
            Ok(image) => assert!(image.pdf.starts_with(b"%PDF-") && image.pdf.trim_ascii_end().ends_with(b"%%EOF")),
        }
    }
    if choice(bytes, 7) == 0 {
        assert_eq!(
            images,
            image::images(source, making, &options).expect("as before"),
            "the same bytes, the same image"
        );
    }
}

fn statuses(bytes: &[u8]) {
    let reading = Reading::ALL[choice(bytes, Reading::ALL.len())];
    match status_file::read_requests(bytes, reading, Language::Fr) {
        Err(error) => assert!(!error.text(Language::En).is_empty() && !error.text(Language::Fr).is_empty()),
        Ok(requests) => {
            assert!(requests.statuses.len() <= status_file::STATUSES_LIMIT);
            assert!(requests.problems.len() <= status_file::PROBLEMS_LIMIT);
            assert!(requests.problems.iter().all(|problem| !problem.message.is_empty()));
        }
    }
    if let Ok(file) = status_file::read_xml(bytes, Language::En) {
        assert!(file.problems.len() <= status_file::PROBLEMS_LIMIT);
    }
}

fn sidecar(bytes: &[u8]) {
    let options = options(bytes);
    let examined = pdf_data::examine(bytes, &options, &|_| fluxgate::invoice::Listing::Silent);
    assert_eq!(examined.fault.is_some(), examined.verdict == Verdict::Reject);
    examined.fault.iter().for_each(told);
    match pdf_data::read(bytes, DataOptions { sandbox: options.sandbox }) {
        Ok(invoice) => assert!(!invoice.payable_text().is_empty()),
        Err(problems) => assert!(!problems.is_empty(), "refused without a reason"),
    }
    pdf_data::is_sidecar("facture.json", bytes);
}

fn archive(bytes: &[u8]) {
    let limits = limits();
    let (mut members, mut size) = (0, 0);
    let read = archive::read(bytes, &limits, &mut |member| {
        members += 1;
        assert!(member.name.chars().count() <= 200 && !member.name.chars().any(char::is_control), "{:?}", member.name);
        match member.content {
            Ok(content) => {
                assert!(content.len() <= limits.archive_member_bytes, "a member of {} bytes", content.len());
                size += content.len();
            }
            Err(fault) => told(&fault),
        }
    });
    assert!(members <= limits.archive_members && size <= limits.archive_bytes, "{members} members, {size} bytes");
    assert!(archive::is_archive(bytes) || read.is_err(), "what is no archive was read as one");
    read.iter().for_each(|()| assert!(archive::is_archive(bytes)));
    if let Err(fault) = read {
        told(&fault);
    }
    archive::holds(bytes, "complement.json", &limits);
    if let Ok(files) = chorus::downloaded_files(bytes, 4 << 20) {
        let held: usize = files.iter().map(|file| file.content.len()).sum();
        assert!(held <= bytes.len().max(4 << 20));
        assert!(files.iter().all(|file| !file.name.contains(['/', '\\'])), "a name is no path");
    }
    let bounds = pivot::Limits { pivot_bytes: 1 << 20, attachment_bytes: 1 << 20 };
    if let Ok(xml) = pivot::unwrap_download(bytes, &bounds) {
        assert!(xml.len() <= 1 << 20);
    }
}

fn table(bytes: &[u8]) {
    let mut line = 0;
    // Each record, good or bad, takes at least one byte of the source.
    for (count, record) in Records::new(bytes).enumerate() {
        assert!(count <= bytes.len(), "the table never ends");
        let now = record.as_ref().map_or_else(|error| error.line(), |record| record.line);
        assert!(now >= line, "line {now} after line {line}");
        line = now;
    }
}

fn directory(bytes: &[u8]) {
    let Ok(reader) = DirectoryReader::open(bytes) else { return };
    for entry in reader {
        if let Err(error) = entry {
            assert!(!error.to_string().is_empty());
        }
    }
}

fn answer<S: Service>(status: u16, body: &[u8]) {
    if let chorus::Reply::Unreadable(unreadable) = chorus::read_reply::<S>(status, body) {
        assert!(!unreadable.field.is_empty() && !unreadable.reason.is_empty());
    }
}

/// The first byte chooses the HTTP status.
fn answers(bytes: &[u8]) {
    let Some((first, body)) = bytes.split_first() else { return };
    let status = [200, 200, 200, 400, 401, 403, 404, 503][usize::from(*first) % 8];
    answer::<chorus::ConsulterCrDetaille>(status, body);
    answer::<chorus::ConsulterFournisseur>(status, body);
    answer::<chorus::ConsulterRecipiendaire>(status, body);
    answer::<chorus::ConsulterValideur>(status, body);
    answer::<chorus::ConsulterHistorique>(status, body);
    answer::<chorus::ConsulterStructure>(status, body);
    answer::<chorus::RechercherFournisseur>(status, body);
    answer::<chorus::RechercherRecipiendaire>(status, body);
    answer::<chorus::RechercherATraiterValideur>(status, body);
    answer::<chorus::RechercherStructure>(status, body);
    answer::<chorus::RechercherServices>(status, body);
    answer::<chorus::RecupererRattachements>(status, body);
    answer::<chorus::RechercherEngagement>(status, body);
    answer::<chorus::TelechargerAnnuaire>(status, body);
    answer::<chorus::TelechargerGroupe>(status, body);
    answer::<chorus::DeposerFlux>(status, body);
    answer::<chorus::DeposerPdf>(status, body);
    answer::<chorus::Soumettre>(status, body);
    answer::<chorus::TraiterRecue>(status, body);
    answer::<chorus::TraiterFactureAValider>(status, body);
    answer::<chorus::RecupererEtatsTraitement>(status, body);
    answer::<chorus::AjouterFichier>(status, body);
    answer::<chorus::Completer>(status, body);
    answer::<chorus::RecupererTauxTva>(status, body);
    chorus::read_token(status, body);
}

fn configuration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Err(problems) = Config::parse(text) {
        assert!(!problems.is_empty(), "refused without a reason");
    }
    Config::paused(text);
}

/// What arrives at the front: packets and paths of SFTP, the head of a request, a form, a message between the processes.
fn doors(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else { return };
    match first % 5 {
        0 => packets(bytes),
        1 => path(bytes),
        2 => head(bytes),
        3 => form(bytes),
        _ => message(bytes),
    }
}

fn packets(bytes: &[u8]) {
    let mut packets = Packets::default();
    packets.push(bytes);
    while let Ok(Some((kind, rest))) = packets.next_packet() {
        assert!(rest.len() < sftp_codec::PACKET_LIMIT);
        if let Ok(request) = sftp_codec::Request::read(kind, rest.clone()) {
            let written = request.write();
            assert!(matches!(request, sftp_codec::Request::Other { .. }) || written.len() <= rest.len() + 5 + 4096);
        }
        let _ = sftp_codec::Response::read(kind, rest);
    }
}

fn path(bytes: &[u8]) {
    let tree = Tree::new(&["depot/paie".to_owned(), "depot/siège/ventes".to_owned()]);
    match tree.resolve(bytes) {
        Place::Drop { folder, name: Ok(name), .. } => {
            assert!(tree.resolve(folder.as_bytes()) == Place::Depot { folder });
            assert!(!name.is_empty() && !name.contains('/') && name != "." && name != "..", "{name:?}");
            assert_eq!(check_name(name.as_bytes()), Ok(name.as_str()));
        }
        Place::Results { path } => {
            assert!(!path.starts_with('/') && path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        }
        Place::Drop { shown, .. } => assert!(!shown.chars().any(char::is_control)),
        Place::Nowhere { folder, name } => assert!(![folder, name].iter().any(|text| text.contains(char::is_control))),
        Place::Root | Place::Depot { .. } => {}
    }
    if let Some(absolute) = tree::absolute(bytes) {
        assert_eq!(tree::absolute(&absolute).as_ref(), Some(&absolute), "absolute once, absolute always");
    }
}

/// However a head is cut, what is made of it is the same.
fn head(bytes: &[u8]) {
    let now = Instant::now();
    let whole = HeadWatch::default().feed(bytes, now);
    let mut watch = HeadWatch::default();
    let mut gravest = HeadVerdict::Fine;
    for byte in bytes {
        gravest = match (gravest, watch.feed(&[*byte], now)) {
            (HeadVerdict::Ambiguous, _) | (_, HeadVerdict::Ambiguous) => HeadVerdict::Ambiguous,
            (HeadVerdict::Last, _) | (_, HeadVerdict::Last) => HeadVerdict::Last,
            (HeadVerdict::Fine, HeadVerdict::Fine) => HeadVerdict::Fine,
        };
    }
    assert_eq!(gravest, whole);
}

fn form(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len());
    let (kind, body) = bytes.split_at(end);
    let Some(boundary) = std::str::from_utf8(kind).ok().and_then(multipart::boundary) else { return };
    for part in multipart::parts(body.get(1..).unwrap_or_default(), boundary).into_iter().flatten() {
        assert!(part.content.len() < body.len());
    }
}

fn message(bytes: &[u8]) {
    let mut rest = bytes;
    while let Ok(Some((_, length))) = Entry::read(rest) {
        rest = &rest[length..];
    }
    let (mut sender, receiver) = UnixStream::pair().expect("a pair of sockets");
    // More than the socket holds would wait for a reader.
    sender.write_all(&bytes[..bytes.len().min(64 << 10)]).expect("the socket takes as much");
    drop(sender);
    while Frame::<Request>::receive(&receiver).is_ok() {}
}

/// Leaves, notes and checkpoints of the journal, as an auditor is given them.
fn journal(bytes: &[u8]) {
    if let Ok(LeafRead::V1(leaf)) = Leaf::read(bytes) {
        assert_eq!(leaf.encode(), bytes, "one leaf, one form");
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(verifier) = Verifier::parse(text) {
        assert_eq!(Verifier::parse(&verifier.text()).as_ref(), Ok(&verifier));
    }
    let signer = Signer::from_seed("fluxgate/essai", &[7; 32]).expect("a fine origin");
    let verifier = signer.verifier();
    let _ = Checkpoint::open(text, &verifier);
    // Signed by the right key, whatever it says: the checkpoint's own reader is behind the signature.
    if let Ok(note) = signer.sign_note(text) {
        assert_eq!(verifier.verify_note(&note), Ok(text));
        let _ = Checkpoint::open(&note, &verifier);
    }
}
