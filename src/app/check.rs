//! `fluxgate check FILE...`: what the gateway would say of these files, without dropping them.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::exit::{self, Exit, Failure};
use super::tables_used::TablesUsed;
use super::words::said;
use crate::config::Config;
use crate::domain::{Environment, Timestamp};
use crate::fault::{Code, Fault, Language, Text};
use crate::invoice::pdf_data::DataOptions;
use crate::invoice::report::Read;
use crate::invoice::{
    Examined, Finding, Options, Preflight, Profile, Tables, Verdict, archive, examine, examine_with, pdf_data,
    pivot_conversion, report,
};
use crate::store::DirectoryBook;
use crate::work::{Dropped, Recipients, examine_complement, examine_statuses};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[arg(required = true, value_name = said("FICHIER", "FILE"), help = said(
        "Les fichiers, tels qu'ils seraient déposés",
        "The files, as they would be dropped"
    ))]
    files: Vec<PathBuf>,
    #[command(flatten)]
    by: JudgedBy,
    #[command(flatten)]
    tables: TablesUsed,
    #[arg(long, help = said("Un objet JSON par ligne", "One JSON object a line"))]
    json: bool,
}

/// What an invoice is held against, as it is typed.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct JudgedBy {
    #[arg(long, default_value = "chorus", value_parser = profile, value_name = said("PROFIL", "PROFILE"), help = said(
        "Les règles : en16931, chorus ou g2b",
        "The rules: en16931, chorus or g2b"
    ))]
    pub profile: Profile,
    #[arg(long, default_value = "warn", value_parser = preflight, value_name = said("EFFET", "EFFECT"), help = said(
        "Les règles BR-FR-CPRO de l'AFNOR (profil chorus) : off, warn ou block",
        "AFNOR's rules BR-FR-CPRO (profile chorus): off, warn or block"
    ))]
    pub preflight: Preflight,
    #[arg(
        long,
        default_value = "production",
        value_parser = environment,
        value_name = said("ENVIRONNEMENT", "ENVIRONMENT"),
        help = said(
            "Où iraient les factures : production, qualification ou practice. Hors production, un SIRET dont la clé est \
             fausse n'est qu'un avertissement, car la plateforme de test en a",
            "Where the invoices would go: production, qualification or practice. Outside production a SIRET with a \
             wrong check digit only warns, since the test platform has such ones"
        )
    )]
    pub environment: Environment,
}

impl JudgedBy {
    pub fn options(self, tables: Tables, language: Language) -> Options {
        let Self { profile, preflight, environment } = self;
        let sandbox = environment != Environment::Production;
        Options { profile, preflight, sandbox, language, tables, ..Options::default() }
    }
}

/// A profile as it is typed.
fn profile(text: &str) -> Result<Profile, String> {
    text.parse().map_err(|_| said("en16931, chorus ou g2b", "en16931, chorus or g2b").to_owned())
}

fn preflight(text: &str) -> Result<Preflight, String> {
    text.parse().map_err(|_| said("off, warn ou block", "off, warn or block").to_owned())
}

fn environment(text: &str) -> Result<Environment, String> {
    text.parse()
        .map_err(|_| said("production, qualification ou practice", "production, qualification or practice").to_owned())
}

/// Examines each file as a blocking route of that profile and environment would; prints a line (`--json`) or a
/// paragraph for each. Ends with 0 when all are accepted, 65 when one is rejected, 66 when one cannot be read.
pub fn run(arguments: &Arguments) -> ExitCode {
    let text = arguments.tables.configuration();
    let used = text.and_then(|text| arguments.tables.tables(text.as_deref()).map(|tables| (text, tables)));
    let (text, tables) = match used {
        Ok(used) => used,
        Err(failure) => return failure.tell("check"),
    };
    let options = arguments.by.options(tables, exit::language());
    let (book, basis) = match book(text.as_deref(), &options, arguments.by.environment) {
        Ok((book, basis)) => (Some(book), basis),
        Err(basis) => (None, basis),
    };
    let recipients = match &book {
        Some(book) => Recipients::new(book.directory(), arguments.by.environment, Timestamp::now()),
        None => Recipients::unknown(arguments.by.environment, Timestamp::now()),
    };
    let mut out = io::stdout().lock();
    let assumption = report::assumption(arguments.by.profile, arguments.by.environment, options.language);
    let basis = basis.get(options.language);
    let said = if arguments.json {
        // Standard output is for machines, which read one object a line.
        writeln!(io::stderr(), "{basis}")
    } else {
        let rules = report::rules(&options, arguments.tables.is_draft());
        writeln!(out, "{assumption} {basis}\n{rules}")
    };
    match said.and_then(|()| print_all(&arguments.files, &options, &recipients, arguments.json, &mut out)) {
        Ok(None) => ExitCode::SUCCESS,
        Ok(Some(code)) => code.into(),
        // Nobody reads any more (`| head`): no reason to complain.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => exit::IO.into(),
        Err(error) => Failure::io(exit::IO, "stdout", &error).tell("check"),
    }
}

/// The local directory of the box that this configuration is of, with what is said of it; or why there is none. Read
/// beside whoever has the store open, and nobody is called.
fn book(
    configuration: Option<&str>,
    options: &Options,
    environment: Environment,
) -> Result<(DirectoryBook, Text), Text> {
    let without = |fr: &str, en: &str| {
        Text::new(
            format!("Sans l'annuaire local ({fr}) : ce que le destinataire exige n'est pas contrôlé."),
            format!("Without the local directory ({en}): what the recipient demands is not checked."),
        )
    };
    if options.profile != Profile::Chorus {
        return Err(without("ce profil n'en a pas l'usage", "this profile has no use for it"));
    }
    let Some(text) = configuration else { return Err(without("pas de configuration ici", "no configuration here")) };
    let config = Config::parse(text).unwrap_or_else(|_| Config::paused(text));
    if config.limits.directory_refresh.get().is_zero() {
        return Err(without("il est désactivé", "it is switched off"));
    }
    let opened = DirectoryBook::open(&config.store.dir)
        .and_then(|book| book.map(|book| book.directory().state(environment).map(|state| (book, state))).transpose());
    match opened {
        Err(error) => {
            let Text { fr, en } = Text::technical("la base ne se lit pas", "the database cannot be read", error);
            Err(without(&fr, &en))
        }
        Ok(None) => Err(without("pas de base ici", "no database here")),
        Ok(Some((book, state))) => {
            let text = match state.and_then(|state| state.fetched_at) {
                Some(at) => Text::new(
                    format!("Avec l'annuaire local du {}.", at.paris_text()),
                    format!("With the local directory of {}.", at.paris_text()),
                ),
                None => Text::new(
                    "Avec les seuls destinataires déjà consultés : l'annuaire local n'est pas encore téléchargé.",
                    "With the recipients consulted so far only: the local directory is not downloaded yet.",
                ),
            };
            Ok((book, text))
        }
    }
}

/// The worst exit code; `None` when every file is accepted.
fn print_all(
    files: &[PathBuf],
    options: &Options,
    recipients: &Recipients<'_>,
    json: bool,
    out: &mut impl io::Write,
) -> io::Result<Option<Exit>> {
    let mut worst = None;
    for path in files {
        let name = path.display().to_string();
        match read(path, options.limits.file_bytes) {
            Ok(bytes) => {
                for Judged { name, read, examined } in examine_each(&name, &bytes, options, recipients) {
                    if examined.verdict == Verdict::Reject {
                        worst = worst.or(Some(exit::DATA));
                    }
                    if json {
                        writeln!(out, "{}", report::json(&name, read, &examined, options))?;
                    } else {
                        write!(out, "{}", report::human(&name, read, &examined, options))?;
                    }
                }
            }
            Err(error) => {
                worst = Some(exit::NO_INPUT);
                let why = Text::from(&error);
                let why = why.get(options.language);
                if json {
                    writeln!(out, "{}", report::unopened_json(&name, why, options))?;
                } else {
                    write!(io::stderr(), "{}", report::unopened(&name, why, options.language))?;
                }
            }
        }
    }
    out.flush()?;
    Ok(worst)
}

/// What is said of one file, or of a part of it.
struct Judged {
    name: String,
    read: Read,
    examined: Examined,
}

impl Judged {
    fn invoice(name: impl Into<String>, examined: Examined) -> Self {
        Self { name: name.into(), read: Read::Invoice, examined }
    }

    fn unread(name: impl Into<String>, fault: Fault) -> Self {
        Self::invoice(name, Examined::unread(None, fault))
    }
}

/// The file as the door would read it: of an archive each member as `archive!member`. What an archive cannot give is a
/// verdict of its own.
fn examine_each(name: &str, bytes: &[u8], options: &Options, recipients: &Recipients<'_>) -> Vec<Judged> {
    if bytes.len() > options.limits.file_bytes {
        return examine_as(Dropped::Invoice, name, bytes, options, recipients);
    }
    let dropped = Dropped::of(bytes, name, &options.limits);
    if dropped != Dropped::Archive {
        return examine_as(dropped, name, bytes, options, recipients);
    }
    let mut judged = Vec::new();
    let spoken_for = spoken_for(bytes, options);
    let whole = archive::read(bytes, &options.limits, &mut |member| {
        if spoken_for.contains(&member.name) {
            return;
        }
        let shown = format!("{name}!{}", member.name);
        let read = member.content.and_then(|content| Ok((Dropped::of_member(&content, &member.name)?, content)));
        match read {
            Ok((dropped, content)) => judged.extend(examine_as(dropped, &shown, &content, options, recipients)),
            Err(fault) => judged.push(Judged::unread(shown, fault)),
        }
    });
    let broken = whole.err().or_else(|| judged.is_empty().then(archive::empty));
    judged.extend(broken.map(|fault| Judged::unread(name, fault)));
    judged
}

/// The members that the data of a plain PDF speak for, good data only: the PDF, if it has no invoice inside, and what goes
/// with it.
fn spoken_for(bytes: &[u8], options: &Options) -> BTreeSet<String> {
    let (mut named, mut pdfs) = (BTreeSet::new(), BTreeSet::new());
    let mut plain = BTreeSet::new();
    // What is wrong with the archive is told when its members are examined.
    let _ = archive::read(bytes, &options.limits, &mut |member| {
        let Ok(content) = member.content else { return };
        if pdf_data::is_sidecar(&member.name, &content) {
            let read = pdf_data::read(&content, DataOptions { sandbox: options.sandbox });
            for invoice in read.iter() {
                let own = pdf_data::pdf_named_by(&member.name).map(str::to_owned);
                pdfs.extend(invoice.file.as_deref().map(|file| pdf_data::beside(&member.name, file)).or(own));
                named.extend(invoice.attachments.iter().map(|e| pdf_data::beside(&member.name, &e.file)));
            }
        } else if content.starts_with(b"%PDF-") {
            let fault = examine(&content, options).fault;
            plain.extend(fault.filter(|fault| fault.code == Code::PdfWithoutInvoice).map(|_| member.name));
        }
    });
    named.extend(pdfs.intersection(&plain).cloned());
    named
}

/// Read by the code that reads a drop. Of a pivot, which is never sent as it is, what would be made of each of its invoices
/// (`pivot!number`).
fn examine_as(
    dropped: Dropped,
    name: &str,
    bytes: &[u8],
    options: &Options,
    recipients: &Recipients<'_>,
) -> Vec<Judged> {
    let examine = |bytes: &[u8]| examine_with(bytes, options, &|facts| recipients.listing(facts));
    let one = |read, examined| vec![Judged { name: name.to_owned(), read, examined }];
    match dropped {
        Dropped::PdfData => one(Read::PdfData, pdf_data::examine(bytes, options, &|facts| recipients.listing(facts))),
        Dropped::Statuses => {
            let (good, findings, fault) = examine_statuses(bytes, options.language);
            one(Read::Statuses(good), Examined::other(findings, fault))
        }
        Dropped::Complement => {
            one(Read::Complement, Examined::other(Vec::new(), examine_complement(bytes, &options.limits)))
        }
        Dropped::Pivot => match pivot_conversion::convert(bytes, &options.limits) {
            Err(fault) => vec![Judged::unread(name, fault)],
            Ok(all) => {
                let each = all.into_iter().map(|one| match one {
                    Ok(made) => {
                        let mut examined = examine(&made.ubl);
                        examined.findings.iter_mut().for_each(Finding::forget_line);
                        // Of one that is refused nothing is converted.
                        let taken = examined.syntax.filter(|_| examined.verdict == Verdict::Accept);
                        let told = taken.map_or_else(Vec::new, |syntax| made.told(syntax));
                        let name = format!("{name}!{}", made.number);
                        Judged::invoice(name, examined.with_told(&told, &made.number, options.language))
                    }
                    Err(incomplete) => Judged::unread(format!("{name}!{}", incomplete.number), incomplete.fault),
                });
                each.collect()
            }
        },
        Dropped::Archive | Dropped::Invoice => one(Read::Invoice, examine(bytes).of_name(name, options)),
    }
}

/// At most one byte more than the limit: `examine` then says that the file is too large.
fn read(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::samples::{Expect, SAMPLES};
    use crate::invoice::examine;

    const KEYS: [&str; 9] = ["file", "syntax", "profile", "verdict", "findings", "number", "fault", "kind", "rules"];

    #[test]
    fn a_line_a_file_and_the_worst_code() {
        let dir = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for sample in SAMPLES {
            files.push(dir.path().join(sample.name));
            std::fs::write(files.last().unwrap(), sample.bytes).unwrap();
        }
        let options = Options { sandbox: true, ..Options::default() };
        let run = |files: &[PathBuf]| {
            let mut out = Vec::new();
            let recipients = Recipients::unknown(Environment::Practice, Timestamp::EPOCH);
            let code = print_all(files, &options, &recipients, true, &mut out).unwrap();
            let lines: Vec<serde_json::Value> =
                String::from_utf8(out).unwrap().lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            (code, lines)
        };
        let (code, lines) = run(&files);
        assert_eq!((code, lines.len()), (Some(exit::DATA), SAMPLES.len()));
        for (line, sample) in lines.iter().zip(SAMPLES) {
            let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, KEYS);
            let refused = sample.expect == Expect::RefusedByCheck;
            assert_eq!(line["verdict"], if refused { "reject" } else { "accept" }, "{line}");
            assert_eq!(line["fault"], if refused { "FG-209".into() } else { serde_json::Value::Null }, "{line}");
            assert!(line["number"].as_str().is_some_and(|number| number.len() > 3), "{line}");
            for finding in line["findings"].as_array().unwrap() {
                let keys: Vec<&String> = finding.as_object().unwrap().keys().collect();
                assert_eq!(keys, ["rule", "severity", "where", "message", "remedy", "terms", "path", "line", "value"]);
            }
        }
        // A plain PDF is told what it needs; its data are read as those of a drop.
        let plain = dir.path().join("plain.pdf");
        std::fs::write(&plain, b"%PDF-1.4\n1 0 obj\n<</Type/Catalog>>\nendobj\nxref\n0 2\n0000000000 65535 f \n0000000009 00000 n \ntrailer\n<</Size 2/Root 1 0 R>>\nstartxref\n42\n%%EOF\n").unwrap();
        let data = dir.path().join("plain.pdf.json");
        std::fs::write(
            &data,
            r#"{"number": "P-1", "date": "2026-11-20", "supplier": {"siret": "12345678200051"},
            "recipient": {"siret": "11000201100044"}, "frame": "A1", "type": "invoice", "currency": "EUR",
            "vat_kind": "none", "payment": "transfer",
            "totals": {"without_tax": 100, "tax": 0, "with_tax": 100, "payable": 100}}"#,
        )
        .unwrap();
        let wrong = dir.path().join("wrong.pdf.json");
        std::fs::write(&wrong, r#"{"number": "P-1", "date": "hier"}"#).unwrap();
        let mut lot = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, path) in [("m/plain.pdf", &plain), ("m/plain.pdf.json", &data)] {
            lot.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            lot.write_all(&std::fs::read(path).unwrap()).unwrap();
        }
        let pair = dir.path().join("paire.zip");
        std::fs::write(&pair, lot.finish().unwrap().into_inner()).unwrap();
        let (code, lines) = run(&[pair]);
        assert_eq!((code, lines.len()), (None, 1), "the data speak for their PDF: {lines:?}");
        let (code, lines) = run(&[plain, data, wrong]);
        assert_eq!((code, &lines[0]["fault"]), (Some(exit::DATA), &"FG-207".into()));
        assert!(lines[0]["findings"][0]["remedy"].as_str().unwrap().contains(".pdf.json"), "{}", lines[0]);
        let told = [&lines[1]["verdict"], &lines[1]["number"], &lines[1]["syntax"]];
        assert_eq!(told, [&"accept".into(), &"P-1".into(), &serde_json::Value::Null]);
        assert_eq!((&lines[2]["verdict"], &lines[2]["fault"]), (&"reject".into(), &"FG-214".into()));
        let places: Vec<_> = lines[2]["findings"].as_array().unwrap().iter().map(|f| f["where"].clone()).collect();
        assert_eq!(places[..2], ["date", "supplier"]);
        // An archive: a line for each member.
        let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        for (name, content) in [("a/1.xml", SAMPLES[0].bytes), ("notes.txt", b"hello".as_slice())] {
            zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        let archive = dir.path().join("lot.zip");
        std::fs::write(&archive, zip.finish().unwrap().into_inner()).unwrap();
        let (code, lines) = run(std::slice::from_ref(&archive));
        assert_eq!((code, lines.len()), (Some(exit::DATA), 2));
        assert_eq!(lines[0]["file"], format!("{}!a/1.xml", archive.display()));
        assert_eq!((&lines[0]["verdict"], &lines[1]["fault"]), (&"accept".into(), &"FG-202".into()));

        // A pivot: a line for each of its invoices, as the UBL that would be sent.
        let pivot = dir.path().join("pivot.xml");
        let unit = "<CPPFacturePivotUnitaire><DonneesFacture><Id>P-1</Id></DonneesFacture></CPPFacturePivotUnitaire>";
        std::fs::write(&pivot, format!("<CPPFacturePivot><CPPFactures>{unit}</CPPFactures></CPPFacturePivot>"))
            .unwrap();
        let (code, lines) = run(std::slice::from_ref(&pivot));
        assert_eq!((code, lines.len()), (Some(exit::DATA), 1));
        assert_eq!(
            (&lines[0]["file"], &lines[0]["fault"]),
            (&format!("{}!P-1", pivot.display()).into(), &"FG-218".into())
        );

        // Statuses and complements are read as such, each line with its fault.
        let statuses = dir.path().join("statuts-mai.csv");
        std::fs::write(&statuses, "id_facture;statut;motif\n7;SERVICE_FAIT;\n8;PAS_UN_STATUT;\n").unwrap();
        let xml = dir.path().join("vide.xml");
        std::fs::write(&xml, "<CPPStatut/>").unwrap();
        let mut lot = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
        lot.start_file("complement.json", zip::write::SimpleFileOptions::default()).unwrap();
        lot.write_all(b"{\"invoice\": \"F-1\", \"files\": [{\"name\": \"absent.pdf\"}]}").unwrap();
        let complement = dir.path().join("complement.zip");
        std::fs::write(&complement, lot.finish().unwrap().into_inner()).unwrap();
        let (code, lines) = run(&[statuses.clone(), xml, complement]);
        assert_eq!((code, lines.len()), (Some(exit::DATA), 3), "{lines:?}");
        assert_eq!((&lines[0]["kind"], &lines[0]["fault"]), (&"statuses".into(), &"FG-222".into()), "{}", lines[0]);
        assert_eq!(lines[0]["findings"].as_array().unwrap().len(), 1, "{}", lines[0]);
        assert!(lines[0]["findings"][0]["where"].as_str().unwrap().ends_with(" 3"), "{}", lines[0]);
        assert_eq!((&lines[1]["kind"], &lines[1]["fault"]), (&"statuses".into(), &"FG-211".into()), "{}", lines[1]);
        assert_eq!((&lines[2]["kind"], &lines[2]["fault"]), (&"complement".into(), &"FG-425".into()), "{}", lines[2]);
        std::fs::write(&statuses, "id_facture;statut;motif\n7;SERVICE_FAIT;\n").unwrap();
        assert_eq!(run(std::slice::from_ref(&statuses)).0, None);

        let good: Vec<PathBuf> = files[..1].to_vec();
        assert_eq!(run(&good).0, None);

        std::fs::write(dir.path().join("cut.xml"), "<Invoice><a>").unwrap();
        let (code, lines) = run(&[dir.path().join("cut.xml")]);
        assert_eq!(code, Some(exit::DATA));
        assert_eq!(lines[0]["syntax"], serde_json::Value::Null);
        assert_eq!((&lines[0]["number"], &lines[0]["fault"]), (&serde_json::Value::Null, &"FG-203".into()));
        assert_eq!(lines[0]["findings"][0]["rule"], "SYNTAX");
        assert_eq!(lines[0]["findings"].as_array().unwrap().len(), 1);

        let (code, lines) = run(&[dir.path().join("cut.xml"), dir.path().join("absent.xml"), dir.path().to_owned()]);
        assert_eq!((code, lines.len()), (Some(exit::NO_INPUT), 3));
        assert_eq!(lines[0]["findings"][0]["rule"], "SYNTAX");
        for line in &lines[1..] {
            let keys: Vec<&String> = line.as_object().unwrap().keys().collect();
            assert_eq!(keys, KEYS);
            assert_eq!((&line["verdict"], &line["fault"]), (&"reject".into(), &serde_json::Value::Null));
            assert_eq!(line["findings"].as_array().unwrap().len(), 1);
            assert_eq!(line["findings"][0]["rule"], "OPEN", "no invoice was seen: {line}");
        }
    }

    #[test]
    fn people_read_what_to_do() {
        let sample = SAMPLES.iter().find(|s| s.expect == Expect::RefusedByCheck).unwrap();
        let options = Options { sandbox: true, ..Options::default() };
        let page = report::human("a\u{1b}[31m.xml", Read::Invoice, &examine(sample.bytes, &options), &options);
        assert!(page.contains("REFUSÉE FG-209") && page.contains("CPRO-NUMBER-LENGTH"), "{page}");
        assert!(page.contains("->"), "{page}");
        assert!(!page.contains('\u{1b}'), "a file's name must not drive the terminal");
    }
}
