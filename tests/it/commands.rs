//! The commands that do one thing and end, as a user types them: what they say, what they leave, how they end.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use fluxgate::app::samples::{Expect, SAMPLES};
use fluxgate::simulator::Credentials;
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

/// Everything below a folder.
pub fn listing(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(listing(&entry.path()));
        }
        found.insert(entry.path());
    }
    found
}

fn run(words: &[&str]) -> Output {
    program().args(words).output().unwrap()
}

/// A sound configuration of a gateway that was never started.
pub fn configuration(dir: &Path) -> PathBuf {
    let file = dir.join("fluxgate.toml");
    let text = format!(
        "version = 1\n[door]\nlisten = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n[sftp]\nlisten = \
         \"127.0.0.1:0\"\n[store]\ndir = \"{0}/data\"\nrun_dir = \"{0}/run\"\n",
        dir.display()
    );
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn every_command_explains_itself_and_wrong_words_end_with_64() {
    for help in [
        &["--help"][..],
        &["serve", "--help"],
        &["demo", "--help"],
        &["simulate", "--help"],
        &["check", "--help"],
        &["convert", "--help"],
        &["render", "--help"],
        &["audit", "--help"],
        &["audit", "verify", "--help"],
        &["config", "--help"],
        &["config", "check", "--help"],
        &["user", "--help"],
        &["user", "list", "--help"],
        &["user", "hash", "--help"],
        &["notify", "test", "--help"],
        &["tables", "--help"],
        &["tables", "sign", "--help"],
        &["--version"],
    ] {
        assert_eq!(code(&run(help)), 0, "{help:?}");
    }
    for command in ["add", "passwd"] {
        let help = stdout(&run(&["user", command, "--help"]));
        assert!(help.contains("12 to 256 characters"), "{help}");
    }
    assert!(stdout(&run(&["user", "add", "--help"])).contains("1 to 64 characters"));
    // French where the session does not say otherwise, subcommands and wrong words too.
    let french = |words: &[&str]| program().env_remove("LANG").args(words).output().unwrap();
    for (words, expected) in [
        (
            &["--help"][..],
            &["Fluxgate : la passerelle", "Utilisation : fluxgate", "Commandes :", "Afficher la version"][..],
        ),
        (
            &["check", "--help"],
            &["tels qu'ils seraient déposés", "[défaut : chorus]", "Afficher cette aide", "<FICHIER>"],
        ),
        (&["convert", "--help"], &["ubl, cii, pivot ou facturx", "les pages à utiliser, un PDF/A-3"]),
        (&["render", "--help"], &["UBL, CII, Factur-X ou pivot, juste ou non", "[défaut : chorus]", "<SORTIE>"]),
        (&["audit", "verify", "--help"], &["La clé publique du journal", "Arguments :", "Options :"]),
        (&["simulate", "--help"], &["[valeurs possibles : list, run]"]),
        (&["user", "add", "--help"], &["12 à 256 caractères", "1 à 64 caractères"]),
    ] {
        let said = french(words);
        let told = stdout(&said);
        assert_eq!(code(&said), 0, "{said:?}");
        for expected in expected {
            assert!(told.contains(expected), "{expected}: {told}");
        }
        for english in ["Usage:", "Print ", "Options:", "default:", "possible values"] {
            assert!(!told.contains(english), "{english}: {told}");
        }
    }
    for (words, expected) in [
        (&["chek"][..], "commande inconnue « chek » ; vouliez-vous dire « check » ?"),
        (&["check"], "il manque : <FICHIER>..."),
        (
            &["check", "--profile", "test", "f.xml"],
            "valeur refusée « test » pour « --profile <PROFIL> » : en16931, chorus ou g2b",
        ),
        (&["check", "--jsno", "f.xml"], "argument inconnu « --jsno » ; vouliez-vous dire « --json » ?"),
        (&["serve", "--role", "nobody"], "[valeurs possibles : front, core, keeper]"),
        (&["audit", "verify", "/tmp", "--config", "f.toml"], "ne va pas avec"),
    ] {
        let said = french(words);
        let told = stderr(&said);
        assert_eq!(code(&said), 64, "{said:?}");
        assert!(told.starts_with("erreur : ") && told.contains(expected), "{expected}: {told}");
        assert!(!told.contains("Usage:") && !told.contains("For more"), "{told}");
    }
    for wrong in [
        &["nonsense"][..],
        &["serve", "--role", "nobody"],
        &["check"],
        &["check", "--environment", "test", "f.xml"],
        &["check", "--profile", "test", "f.xml"],
        &["convert", "f.xml", "--to", "pdf", "-o", "g.xml"],
        &["render", "f.xml"],
        &["render", "f.xml", "-o", "g.pdf", "--profile", "test"],
        &["user", "add"],
        &["audit", "verify", "/tmp", "--config", "f.toml"],
    ] {
        let said = run(wrong);
        assert_eq!(code(&said), 64, "{wrong:?}: {said:?}");
    }
}

#[test]
fn an_invoice_is_converted_and_what_has_no_place_is_refused_unless_it_may_be_lost() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for sample in SAMPLES {
        fs::write(at(sample.name), sample.bytes).unwrap();
    }
    let done = run(&["convert", &at("facture-ubl.xml"), "--to", "cii", "-o", &at("facture.cii.xml")]);
    assert_eq!(code(&done), 0, "{done:?}");
    assert!(said_written(&done, &at("facture.cii.xml")), "{done:?}");
    assert_eq!(code(&run(&["check", &at("facture.cii.xml"), "--profile", "en16931"])), 0);
    let there = run(&["convert", &at("facture-facturx.pdf"), "--to", "ubl", "-o", "-"]);
    assert_eq!((code(&there), stderr(&there)), (0, String::new()));
    assert!(stdout(&there).contains("<Invoice xmlns=\"urn:oasis"), "{there:?}");

    // A pivot says less: nothing is written until that may be.
    let pivot = at("facture.pivot.xml");
    let refused = run(&["convert", &at("facture-ubl.xml"), "--to", "pivot", "-o", &pivot]);
    assert_eq!(code(&refused), 65, "{refused:?}");
    let told = stderr(&refused);
    assert!(told.contains("no place for: BT-37") && told.contains("FG-227") && told.contains("--lossy"), "{told}");
    assert!(!Path::new(&pivot).exists());
    assert_eq!(code(&run(&["convert", &at("facture-ubl.xml"), "--to", "pivot", "-o", &pivot, "--lossy"])), 0);
    // What is of the transport is no loss.
    let back = run(&["convert", &pivot, "--to", "ubl", "-o", &at(".")]);
    assert_eq!(code(&back), 0, "{back:?}");
    let told = stderr(&back);
    assert!(told.contains("left out, without loss: Fournisseur/ModeEmission = \"flux\""), "{told}");
    let made = listing(dir.path()).into_iter().filter(|path| path.display().to_string().ends_with(".ubl.xml")).count();
    assert_eq!(made, 1, "named after its number: {:?}", listing(dir.path()));

    // Two of one number stand side by side, and the invoice itself is never overwritten.
    let one = fs::read_to_string(&pivot).unwrap();
    let (start, end) = (one.find("<CPPFacturePivotUnitaire").unwrap(), one.find("</CPPFactures>").unwrap());
    fs::write(at("two.xml"), format!("{}{}{}", &one[..end], &one[start..end], &one[end..])).unwrap();
    fs::create_dir(at("two")).unwrap();
    let two = run(&["convert", &at("two.xml"), "--to", "ubl", "-o", &at("two"), "--lossy"]);
    assert_eq!((code(&two), listing(&dir.path().join("two")).len()), (0, 2), "{two:?}");
    assert_eq!(stderr(&two).matches("written: ").count(), 2, "{two:?}");
    let itself = run(&["convert", &at("facture-ubl.xml"), "--to", "cii", "-o", &at("facture-ubl.xml")]);
    assert!(code(&itself) == 64 && stderr(&itself).contains("name another file"), "{itself:?}");
    let several = run(&["convert", &at("two.xml"), "--to", "ubl", "-o", &at("never.xml"), "--lossy"]);
    assert!(code(&several) == 64 && stderr(&several).contains("holds 2 invoices"), "{several:?}");

    let wrong = run(&["convert", &at("facture-totaux-faux.xml"), "--to", "cii", "-o", &at("never.xml")]);
    assert_eq!(code(&wrong), 65, "{wrong:?}");
    assert!(stderr(&wrong).contains("FG-209"), "{wrong:?}");
    assert_eq!(code(&run(&["convert", &at("absent.xml"), "--to", "cii", "-o", &at("never.xml")])), 66);
    assert!(!dir.path().join("never.xml").exists());
}

/// Whether that file is told, with its size, and nothing else.
fn said_written(done: &Output, file: &str) -> bool {
    let told = stderr(done);
    let begins = ["written", "replaced"].iter().any(|word| told.starts_with(&format!("{word}: {file} (")));
    told.lines().count() == 1 && begins && told.ends_with(" KB)\n")
}

#[test]
fn a_file_that_was_there_is_replaced_and_that_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let sample = SAMPLES.iter().find(|sample| sample.name == "facture-ubl.xml").unwrap();
    fs::write(at("facture.xml"), sample.bytes).unwrap();
    for words in [["convert", "--to=cii"], ["render", "--profile=en16931"]] {
        for wanted in ["written: ", "replaced: "] {
            let made = run(&[words[0], &at("facture.xml"), words[1], "-o", &at(words[0])]);
            assert!(code(&made) == 0 && stderr(&made).starts_with(wanted), "{made:?}");
        }
        assert!(fs::read(at(words[0])).unwrap().len() > 1000);
    }
}

#[test]
fn an_invoice_becomes_factur_x_on_pages_of_ours_or_given_ones() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for sample in SAMPLES {
        fs::write(at(sample.name), sample.bytes).unwrap();
    }
    // A folder that is named as one is made; the image of the same invoice stands beside it.
    let ubl = at("facture-ubl.xml");
    let made = run(&["convert", &ubl, "--to", "facturx", "-o", &at("made/")]);
    assert!(code(&made) == 0 && said_written(&made, &at("made/FA-2026-0101.facturx.pdf")), "{made:?}");
    assert_eq!(code(&run(&["render", &ubl, "-o", &at("made")])), 0);
    assert_eq!(listing(&dir.path().join("made")).len(), 2);
    let pdf = at("made/FA-2026-0101.facturx.pdf");
    assert!(read_pdf(&pdf).contains("FA-2026-0101"), "named after its number");
    let checked = run(&["check", &pdf, "--profile", "en16931", "--json"]);
    let checked = stdout(&checked);
    assert!(checked.contains("\"syntax\":\"facturx\"") && checked.contains("\"verdict\":\"accept\""), "{checked}");
    assert!(!checked.contains("FG-PDF"), "{checked}");

    assert_eq!(code(&run(&["render", &ubl, "-o", &at("pages.pdf")])), 0);
    let around = |to: &str, pages: &str, out: &str| run(&["convert", &ubl, "--to", to, "--pdf", pages, "-o", out]);
    let given = around("facturx", &at("pages.pdf"), &at("given.pdf"));
    assert!(code(&given) == 0 && said_written(&given, &at("given.pdf")), "{given:?}");
    assert!(fs::read(at("given.pdf")).unwrap().starts_with(&fs::read(at("pages.pdf")).unwrap()));
    let twice = around("facturx", &at("given.pdf"), &at("never.pdf"));
    assert_eq!(code(&twice), 65, "{twice:?}");
    assert!(stderr(&twice).contains("FG-240") && stderr(&twice).contains("factur-x.xml"), "{twice:?}");
    // Nor does the image of another invoice, which has that with it.
    fs::write(at("other.xml"), fs::read_to_string(&ubl).unwrap().replace("FA-2026-0101", "FA-2026-0102")).unwrap();
    assert_eq!(code(&run(&["render", &at("other.xml"), "-o", &at("other.pdf")])), 0);
    let other = around("facturx", &at("other.pdf"), &at("never.pdf"));
    assert!(code(&other) == 65 && stderr(&other).contains("another invoice (no. FA-2026-0102)"), "{other:?}");
    assert_eq!(code(&around("facturx", &at("absent.pdf"), &at("never.pdf"))), 66);
    let elsewhere = around("cii", &at("pages.pdf"), &at("never.pdf"));
    assert!(code(&elsewhere) == 64 && stderr(&elsewhere).contains("add --to facturx"), "{elsewhere:?}");
    let over = around("facturx", &at("pages.pdf"), &at("pages.pdf"));
    assert!(code(&over) == 64 && stderr(&over).contains("name another file"), "{over:?}");

    let pivot = at("pivot.xml");
    assert_eq!(code(&run(&["convert", &ubl, "--to", "pivot", "-o", &pivot, "--lossy"])), 0);
    let one = fs::read_to_string(&pivot).unwrap();
    let (start, end) = (one.find("<CPPFacturePivotUnitaire").unwrap(), one.find("</CPPFactures>").unwrap());
    fs::write(&pivot, format!("{}{}{}", &one[..end], &one[start..end], &one[end..])).unwrap();
    fs::create_dir(at("two")).unwrap();
    let two = run(&["convert", &pivot, "--to", "facturx", "--lossy", "-o", &at("two")]);
    assert_eq!((code(&two), listing(&dir.path().join("two")).len()), (0, 2), "{two:?}");
    let pages = at("pages.pdf");
    let several = run(&["convert", &pivot, "--to", "facturx", "--pdf", &pages, "--lossy", "-o", &at("two")]);
    assert!(code(&several) == 64 && stderr(&several).contains("holds 2 invoices"), "{several:?}");
    assert!(!dir.path().join("never.pdf").exists());
}

/// What poppler reads on the pages, in one line.
fn read_pdf(file: &str) -> String {
    let read = Command::new("pdftotext").args(["-enc", "UTF-8", file, "-"]).output().unwrap();
    assert!(read.status.success(), "{read:?}");
    stdout(&read).split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn any_invoice_is_drawn_with_its_findings_and_its_original() {
    const WORDS: &str = "Image reconstituée, l'original fait foi";
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    for sample in SAMPLES {
        fs::write(at(sample.name), sample.bytes).unwrap();
    }
    for (name, said) in [
        ("facture-ubl.xml", "FA-2026-0101"),
        ("facture-cii.xml", WORDS),
        ("facture-facturx.pdf", WORDS),
        ("facture-totaux-faux.xml", "BR-CO-15"),
    ] {
        let done = run(&["render", &at(name), "-o", &at("image.pdf")]);
        assert!(code(&done) == 0 && said_written(&done, &at("image.pdf")), "{name}: {done:?}");
        let read = read_pdf(&at("image.pdf"));
        assert!(read.contains(WORDS) && read.contains(said), "{name}: {read}");
        let out = at(&format!("out-{name}"));
        let detached = Command::new("pdfdetach").args(["-save", "1", "-o", &out, &at("image.pdf")]).output().unwrap();
        assert!(detached.status.success(), "{detached:?}");
        assert!(fs::read(out).unwrap() == fs::read(at(name)).unwrap(), "{name}: the original is inside");
    }
    let piped = run(&["render", &at("facture-ubl.xml"), "-o", "-", "--profile", "g2b"]);
    assert!(code(&piped) == 0 && piped.stdout.starts_with(b"%PDF-"), "{}", stderr(&piped));
    assert_eq!(stderr(&piped), "");

    // The invoice itself is never overwritten.
    let itself = run(&["render", &at("facture-facturx.pdf"), "-o", &at("facture-facturx.pdf")]);
    assert!(code(&itself) == 64 && stderr(&itself).contains("name another file"), "{itself:?}");
    let facturx = SAMPLES.iter().find(|sample| sample.name == "facture-facturx.pdf").unwrap().bytes;
    assert!(fs::read(at("facture-facturx.pdf")).unwrap() == facturx);

    fs::write(at("texte.xml"), "rien").unwrap();
    let none = run(&["render", &at("texte.xml"), "-o", &at("never.pdf")]);
    assert!(code(&none) == 65 && stderr(&none).contains("FG-2"), "{none:?}");
    assert_eq!(code(&run(&["render", &at("absent.xml"), "-o", &at("never.pdf")])), 66);
    assert!(!dir.path().join("never.pdf").exists());
}

#[test]
fn the_invoices_of_a_pivot_are_drawn_side_by_side_also_one_that_lacks_something() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name).display().to_string();
    let sample = SAMPLES.iter().find(|sample| sample.name == "facture-ubl.xml").unwrap();
    fs::write(at("facture.xml"), sample.bytes).unwrap();
    let made = run(&["convert", &at("facture.xml"), "--to", "pivot", "-o", &at("one.xml"), "--lossy"]);
    assert_eq!(code(&made), 0, "{made:?}");
    let one = fs::read_to_string(at("one.xml")).unwrap();
    let start = one.find("<CPPFacturePivotUnitaire").unwrap();
    let end = one.find("</CPPFacturePivotUnitaire>").unwrap() + "</CPPFacturePivotUnitaire>".len();
    let unit = &one[start..end];
    // The same number twice, and one without a currency.
    let bare = unit.replace("FA-2026-0101", "FA-2026-0103").replace("<Devise>EUR</Devise>", "<Devise></Devise>");
    fs::write(at("three.xml"), format!("{}{unit}{bare}{}", &one[..end], &one[end..])).unwrap();
    fs::create_dir(at("images")).unwrap();
    let drawn = run(&["render", &at("three.xml"), "-o", &at("images")]);
    assert_eq!((code(&drawn), stderr(&drawn).matches("written: ").count()), (0, 3), "{drawn:?}");
    let names: Vec<PathBuf> = ["FA-2026-0101.pdf", "FA-2026-0101-2.pdf", "FA-2026-0103.pdf"]
        .map(|name| dir.path().join("images").join(name))
        .into();
    let read = read_pdf(names[2].to_str().unwrap());
    assert!(read.contains("FG-218") && read.contains("DonneesFacture/Devise"), "{read}");
    assert_eq!(listing(&dir.path().join("images")), names.iter().cloned().collect());
    assert!(read_pdf(names[1].to_str().unwrap()).contains("FA-2026-0101"));
    let one_file = run(&["render", &at("three.xml"), "-o", &at("image.pdf")]);
    assert!(code(&one_file) == 64 && stderr(&one_file).contains("holds 3 invoices"), "{one_file:?}");
    assert!(!dir.path().join("image.pdf").exists());
}

#[test]
fn a_configuration_that_was_named_and_is_not_there_starts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("config")).unwrap();
    let before = listing(dir.path());
    let missing = dir.path().join("config/fluxgate.tolm");
    let folder = dir.path().join("config");
    let beside_a_file = dir.path().join("config/x/fluxgate.toml");
    for path in [&missing, &folder, &beside_a_file] {
        for words in [
            &["serve"][..],
            &["serve", "--role", "core"],
            &["serve", "--role", "front"],
            &["user", "list"],
            &["user", "add", "claire"],
            &["user", "passwd", "claire"],
            &["audit", "verify"],
        ] {
            let ended = program().args(words).arg("--config").arg(path).output().unwrap();
            let said = stderr(&ended);
            assert_eq!(code(&ended), 66, "{words:?}: {ended:?}");
            assert!(said.contains(path.to_str().unwrap()) && said.contains("config/fluxgate.toml"), "{said}");
        }
        let checked = program().args(["config", "check"]).arg(path).output().unwrap();
        assert_eq!(code(&checked), 66, "{checked:?}");
        assert!(stderr(&checked).contains(path.to_str().unwrap()), "{checked:?}");
    }
    assert_eq!(listing(dir.path()), before);
    let mut french = program();
    let said = french.env("LANG", "fr_FR.UTF-8").args(["user", "list", "--config"]).arg(&missing).output().unwrap();
    assert!(stderr(&said).contains("introuvable") && stderr(&said).contains("Corrigez le chemin"), "{said:?}");
}

#[test]
fn asking_who_is_there_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = configuration(dir.path());
    let before = listing(dir.path());
    let config = file.to_str().unwrap();
    let listed = run(&["user", "list", "--config", config]);
    assert_eq!((code(&listed), stdout(&listed).as_str()), (0, ""));
    assert!(stderr(&listed).contains("nobody yet"), "{listed:?}");
    let mut passwd = program().args(["user", "passwd", "x", "--config", config]).stdin(Stdio::piped()).spawn().unwrap();
    passwd.stdin.take().unwrap().write_all(b"une phrase assez longue\n").unwrap();
    assert_eq!(passwd.wait().unwrap().code(), Some(65), "nobody is called x");
    assert_eq!(listing(dir.path()), before);

    // A file that nothing can be made of, and no store: nothing is made where the defaults point.
    fs::write(&file, format!("[store]\ndir = \"{0}/data\"\nrun_dir = \"{0}/run\"\n", dir.path().display())).unwrap();
    for words in [["user", "list"], ["user", "passwd"], ["user", "add"]] {
        let name = if words[1] == "list" { &[][..] } else { &["claire"] };
        let ended = program().args(words).args(name).args(["--config", config]).output().unwrap();
        assert_eq!(code(&ended), 66, "{words:?}: {ended:?}");
        assert!(stderr(&ended).contains("config check"), "{ended:?}");
    }
    assert_eq!(listing(dir.path()), before);

    let verified = run(&["audit", "verify", dir.path().to_str().unwrap()]);
    assert_eq!(code(&verified), 66);
    assert!(stderr(&verified).contains("no journal in"), "{verified:?}");
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
    assert_eq!(keys, ["file", "syntax", "profile", "verdict", "findings", "number", "fault", "kind", "rules"]);
    assert_eq!((line["fault"].as_str(), line["number"].is_string()), (Some("FG-209"), true), "{line}");
    let keys: Vec<&String> = line["findings"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["rule", "severity", "where", "message", "remedy", "terms", "path", "line", "value"]);
    assert_eq!(line["findings"][0]["terms"], serde_json::json!(["BT-46"]), "{line}");

    // What a finding is about stands by itself, whatever the language of its words.
    let ubl = SAMPLES.iter().find(|sample| sample.name == "facture-ubl.xml").unwrap();
    let wrong = String::from_utf8(ubl.bytes.to_vec()).unwrap().replace("unitCode=\"C62\"", "unitCode=\"PIECE\"");
    let path = dir.path().join("unite.xml");
    fs::write(&path, wrong).unwrap();
    for language in ["fr_FR.UTF-8", "en_GB.UTF-8"] {
        let checked = ["check", path.to_str().unwrap(), "--json", "--profile", "en16931"];
        let ended = program().env("LC_ALL", language).args(checked).output().unwrap();
        let line: Value = serde_json::from_str(stdout(&ended).trim_end()).unwrap();
        let finding = &line["findings"][0];
        let told = ["rule", "terms", "path", "line", "value"].map(|key| finding[key].clone());
        let path = "Invoice/InvoiceLine/InvoicedQuantity/@unitCode";
        let expected = serde_json::json!(["BR-CL-23", ["BG-25", "BT-130"], path, 103, "PIECE"]);
        assert_eq!(Value::from(told.to_vec()), expected, "{line}");
    }
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
    assert_eq!([&lines[0]["findings"][0]["line"], &lines[2]["findings"][0]["line"]], [&Value::Null, &Value::from(1)]);
    assert_eq!((&lines[0]["fault"], lines[2]["fault"].as_str()), (&Value::Null, Some("FG-203")));

    let ended = program().args(["check"]).args(names).output().unwrap();
    assert_eq!(code(&ended), 66);
    let (out, err) = (stdout(&ended), stderr(&ended));
    assert!(err.contains(&format!("{}: NOT READ (not found)", names[0])), "{err}");
    assert_eq!(out.matches("REJECTED").count(), 1, "only what was read is rejected: {out}");
    assert!(out.contains("REJECTED FG-203"), "{out}");
}

#[test]
fn config_check_says_everything_at_once_and_by_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    let file = configuration(dir.path());
    let check = || run(&["config", "check", file.to_str().unwrap()]);
    let sound = check();
    assert_eq!((code(&sound), stderr(&sound).as_str()), (0, ""));
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("[sftp]", "[sftq]") + "[[route]]\naccount = \"sifac\"\nestablishment = \"univ\"\nprofile = 3\n",
    )
    .unwrap();
    let bad = check();
    assert_eq!(code(&bad), 78);
    let said = stdout(&bad);
    let lines: Vec<&str> = said.lines().collect();
    let at = |line: u32, key: &str| {
        lines.iter().any(|l| l.starts_with(&format!("{}:{line}:", file.display())) && l.contains(key))
    };
    assert!(at(5, "sftq: unknown key. Did you mean `sftp`?"), "{said}");
    assert!(at(11, "route[1].account: no [[account]] is called \"sifac\""), "{said}");
    assert!(at(12, "route[1].establishment: no [[establishment]] is called \"univ\""), "{said}");
    assert!(at(13, "route[1].profile: value refused"), "{said}");
    assert!(at(10, "route[1].environment: this key is required. Add it: see config/fluxgate.toml"), "{said}");
}

#[test]
fn files_that_a_configuration_names_and_that_are_of_no_use_are_said() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fluxgate.toml");
    let sample = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("config/fluxgate.toml")).unwrap();
    let text = sample
        .replace("dir = \"/var/lib/fluxgate\"", &format!("dir = \"{}\"", dir.path().display()))
        .replacen("# ca_file =", "ca_file =", 1)
        .replace("# certificate_file =", "certificate_file =")
        .replace("# key_file = \"secrets/door.key\"", "key_file = \"secrets/door.key\"");
    fs::write(&file, &text).unwrap();
    let check = || run(&["config", "check", file.to_str().unwrap()]);
    let said = check();
    assert_eq!(code(&said), 0, "files may come later: {said:?}");
    let told = stderr(&said);
    for (key, path) in [
        ("establishment[1].technical_account[1].password_file", "secrets/univ-exemple.qualification.password"),
        ("chorus.api.qualification.client_secret_file", "secrets/piste.qualification.secret"),
        ("chorus.api.qualification.ca_file", "secrets/proxy-ca.pem"),
        ("door.certificate_file", "secrets/door.pem"),
        ("door.key_file", "secrets/door.key"),
    ] {
        let path = dir.path().join(path);
        let line = told.lines().find(|line| line.contains(&format!("warning: {key}: {}: not found. ", path.display())));
        let line = line.unwrap_or_else(|| panic!("{key}: {told}"));
        let number: usize = line[file.to_str().unwrap().len() + 1..].split(':').next().unwrap().parse().unwrap();
        assert!(text.lines().nth(number - 1).unwrap().contains(key.rsplit('.').next().unwrap()), "{line}");
    }

    // There, and of no use.
    fs::create_dir(dir.path().join("secrets")).unwrap();
    for name in
        ["univ-exemple.qualification.password", "piste.qualification.secret", "proxy-ca.pem", "door.pem", "door.key"]
    {
        let path = dir.path().join("secrets").join(name);
        fs::write(&path, "no PEM").unwrap();
        let mode = if name.starts_with("piste") { 0o640 } else { 0o600 };
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    }
    let said = check();
    let told = stderr(&said);
    assert_eq!((code(&said), told.lines().count()), (0, 3), "{told}");
    for part in
        ["others can read it (mode 0640). chmod 600 ", "ca_file: ", "certificate_file: ", "holds no certificate"]
    {
        assert!(told.contains(part), "{part}: {told}");
    }
}

#[test]
fn a_test_of_the_alarms_says_for_each_channel_what_became_of_it() {
    let dir = tempfile::tempdir().unwrap();
    let file = configuration(dir.path());
    let test = || run(&["notify", "test", "--config", file.to_str().unwrap()]);
    let nobody = test();
    assert_eq!(code(&nobody), 78, "{nobody:?}");
    assert!(stderr(&nobody).contains("nobody is told"), "{nobody:?}");
    // Nobody listens there: taken and given back at once.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let channels = format!(
        "[notify.mail]\nserver = \"{closed}\"\nsecurity = \"none\"\nfrom = \"a@univ.fr\"\nto = [\"b@univ.fr\"]\n\
         [notify.webhook]\nurl = \"http://{closed}/x?token=jeton\"\n"
    );
    fs::write(&file, fs::read_to_string(&file).unwrap() + &channels).unwrap();
    let said = test();
    assert_eq!(code(&said), 69, "{said:?}");
    let told = stdout(&said);
    assert!(told.contains("e-mail: not sent (technical detail): ") && told.contains("webhook: not sent"), "{told}");
    assert!(!told.contains("jeton"), "an address may hold a secret: {told}");
    // Each language is whole: what is ours in it is no technical English.
    let secret = fs::read_to_string(&file).unwrap() + "secret_file = \"nulle-part\"\n";
    fs::write(&file, secret).unwrap();
    for (language, words) in [("fr_FR.UTF-8", "nulle-part : introuvable"), ("en_GB.UTF-8", "nulle-part: not found")] {
        let said = program().env("LANG", language).args(["notify", "test", "--config"]).arg(&file).output().unwrap();
        let told = stdout(&said);
        assert!(told.contains(words) && !told.contains("No such file"), "{told}");
    }
    assert!(!dir.path().join("data").exists(), "a test makes nothing");
}

/// A running simulator.
struct Simulator(Child);

impl Simulator {
    fn start(words: &[&str]) -> (Self, Credentials) {
        let mut child = program().arg("simulate").args(words).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        (Self(child), serde_json::from_str(&line).unwrap())
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The status of one GET by a client that trusts `ca` and nothing else.
fn ask(credentials: &Credentials, ca: &[u8]) -> Result<String, std::io::Error> {
    let config = fluxgate::net::tls::client_config(Some(ca)).unwrap();
    let address: std::net::SocketAddr = credentials.url.strip_prefix("https://").unwrap().parse().unwrap();
    let name = rustls::pki_types::ServerName::from(address.ip());
    let session = rustls::ClientConnection::new(std::sync::Arc::new(config), name).unwrap();
    let stream = std::net::TcpStream::connect(address)?;
    let mut stream = rustls::StreamOwned::new(session, stream);
    write!(stream, "GET /simulator/ledger HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line)?;
    Ok(line)
}

#[test]
fn a_simulator_s_folder_keeps_what_its_clients_know() {
    let dir = tempfile::tempdir().unwrap();
    let kept = dir.path().join("simulator");
    let words = ["--dir", kept.to_str().unwrap()];
    let (first, before) = Simulator::start(&words);
    let ca = fs::read(kept.join("ca.pem")).unwrap();
    assert_eq!(Path::new(&before.ca_file), kept.join("ca.pem").canonicalize().unwrap());
    assert!(ask(&before, &ca).unwrap().starts_with("HTTP/1.1 200 "));
    let mode = |name: &str| fs::metadata(kept.join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["ca.key", "server.key", "client.secret", "account.password"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(fs::read_to_string(kept.join("client.secret")).unwrap().trim(), before.client_secret);
    assert_eq!(fs::read_to_string(kept.join("account.password")).unwrap().trim(), before.account_password);
    let server = fs::read(kept.join("server.pem")).unwrap();
    drop(first);

    let (second, after) = Simulator::start(&words);
    assert_eq!((&after.client_id, &after.client_secret), (&before.client_id, &before.client_secret));
    assert_eq!((&after.account_login, &after.account_password), (&before.account_login, &before.account_password));
    assert!(ask(&after, &ca).unwrap().starts_with("HTTP/1.1 200 "), "the former authority is still good");
    assert_eq!(fs::read(kept.join("server.pem")).unwrap(), server);
    drop(second);

    // Another address: another certificate, of the same authority.
    let (third, elsewhere) = Simulator::start(&[&words[..], &["--listen", "127.0.0.2:0"]].concat());
    assert_ne!(fs::read(kept.join("server.pem")).unwrap(), server);
    assert!(ask(&elsewhere, &ca).unwrap().starts_with("HTTP/1.1 200 "));
    drop(third);

    // Without the folder everything is new, and the former authority vouches for nothing.
    let (_fourth, stranger) = Simulator::start(&[]);
    assert_ne!(stranger.client_secret, before.client_secret);
    assert!(ask(&stranger, &ca).is_err());

    fs::set_permissions(kept.join("ca.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let damaged = run(&["simulate", "--dir", kept.to_str().unwrap()]);
    assert_eq!(code(&damaged), 78, "{damaged:?}");
    assert!(stderr(&damaged).contains("ca.key") && stderr(&damaged).contains("remove the folder"), "{damaged:?}");
    let absent = run(&["simulate", "--scenario", "/nonexistent.toml"]);
    assert_eq!((code(&absent), stderr(&absent).contains("/nonexistent.toml: not found")), (66, true), "{absent:?}");
}

#[test]
fn an_account_s_hash_is_made_of_a_line_on_standard_input() {
    let hash = |input: &[u8]| {
        let mut command = program();
        let mut child = command.args(["user", "hash"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    };
    let made = hash(b"une phrase assez longue");
    assert!(made.status.success() && stdout(&made).starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made:?}");
    assert_eq!(code(&hash(b"court\n")), 65);
    assert_eq!(code(&hash(b"")), 66);
}

/// The first of the three that is set decides; `C` names no language.
#[test]
fn the_session_speaks_english_where_its_locale_is_english_and_french_elsewhere() {
    for (all, messages, lang, is_french) in [
        ("", "", "en_GB.UTF-8", false),
        ("", "", "fr_FR.UTF-8", true),
        ("C", "", "en_GB.UTF-8", true),
        ("C.UTF-8", "", "en_GB.UTF-8", true),
        ("en_US.UTF-8", "fr_FR.UTF-8", "fr_FR.UTF-8", false),
        ("", "fr_FR.UTF-8", "en_GB.UTF-8", true),
        ("", "", "", true),
    ] {
        let mut command = program();
        command.env("LC_ALL", all).env("LC_MESSAGES", messages).env("LANG", lang);
        let told = stderr(&command.args(["config", "check", "/nowhere.toml"]).output().unwrap());
        assert_eq!(told.contains("introuvable"), is_french, "{all} {messages} {lang}: {told}");
    }
}

#[test]
fn a_misspelt_service_of_a_scenario_names_the_nearest_one() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("scenario.toml");
    for (service, said) in [
        ("deposer/flus", "there is no service \"deposer/flus\": did you mean \"deposer/flux\"?"),
        ("vendre", "there is no service \"vendre\": they are listed in src/simulator/PRACTICE.md"),
    ] {
        std::fs::write(&file, format!("[[fault]]\nservice = \"{service}\"\neffect = \"cut\"\n")).unwrap();
        let mut command = program();
        command.env("LANG", "fr_FR.UTF-8").args(["simulate", "--scenario"]).arg(&file);
        let output = command.output().unwrap();
        let told = stderr(&output);
        assert_eq!(code(&output), 78, "{told}");
        assert!(told.contains("le simulateur ne démarre pas (détail technique : ") && told.contains(said), "{told}");
        assert!(told.len() < 500, "{told}");
    }
}
