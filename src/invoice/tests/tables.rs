//! Tables from a file: what they change, and what is refused in them.

use std::collections::BTreeSet;

use super::corpus::{Official, mini};
use super::{SAMPLES, sample};
use crate::fault::{Code, Language};
use crate::invoice::official::ids::IDS;
use crate::invoice::tables::{VERSION, Versions, is_version};
use crate::invoice::texts::is_rule;
use crate::invoice::{Examined, Listing, Options, Preflight, Profile, Severity, Tables, Verdict, examine, pdf_data};

const NEWER: &str = "2099-01-01.1";

/// A file of these entries.
fn file(entries: &str) -> String {
    format!("form = 1\nversion = \"{NEWER}\"\n{entries}\n")
}

fn tables(entries: &str) -> Tables {
    let text = file(entries);
    Tables::read(&text).unwrap_or_else(|fault| panic!("{}: {text}", fault.title(Language::En)))
}

/// The UBL sample with `from` replaced, by these tables.
fn changed(from: &str, to: &str, profile: Profile, tables: Tables) -> Examined {
    let text = String::from_utf8(sample("facture-ubl.xml").to_vec()).unwrap();
    assert!(text.contains(from), "{from}");
    let options = Options { profile, sandbox: true, language: Language::En, tables, ..Options::default() };
    examine(text.replace(from, to).as_bytes(), &options)
}

fn severity(examined: &Examined, rule: &str) -> Option<Severity> {
    examined.findings.iter().find(|f| f.rule == rule).map(|f| f.severity)
}

#[test]
fn the_printed_tables_carry_everything_the_program_has() {
    let printed = Tables::built_in().print();
    assert_eq!(Tables::read(&printed).unwrap(), Tables::built_in());
    assert!(printed.is_ascii() || !printed.chars().any(|c| c.is_control() && c != '\n'), "a signed note has no tabs");
    // Under another version they are another set, and each entry in it is in force.
    let own = Tables::read(&printed.replace(VERSION, NEWER)).unwrap();
    assert_ne!(own, Tables::built_in());
    assert_eq!((own.version(), own.print()), (NEWER, printed.replace(VERSION, NEWER)));
    let mini = mini().unwrap_or_default();
    let mini =
        mini.iter().filter(|(name, _)| !name.ends_with(".jsonl")).map(|(name, bytes)| (name.as_str(), &bytes[..]));
    let mut fatal = 0;
    for (name, bytes) in SAMPLES.into_iter().chain(mini) {
        for profile in Profile::ALL {
            let of = |tables| examine(bytes, &Options { profile, sandbox: true, tables, ..Options::default() });
            let (built_in, printed) = (of(Tables::built_in()), of(own));
            assert_eq!(built_in, printed, "{name}, {profile}");
            fatal += usize::from(printed.verdict == Verdict::Reject);
        }
    }
    assert!(fatal > 0);
}

#[test]
fn a_code_that_a_file_adds_is_known_and_one_it_leaves_out_is_not() {
    let unit = |to, tables| severity(&changed("unitCode=\"C62\"", to, Profile::En16931, tables), "BR-CL-23");
    assert_eq!(unit("unitCode=\"PIECE\"", Tables::built_in()), Some(Severity::Fatal));
    let own = tables("[lists]\nunits = [\"PIECE\", \"DAY\"]");
    assert_eq!(unit("unitCode=\"PIECE\"", own), None);
    assert_eq!(unit("unitCode=\"H87\"", own), Some(Severity::Fatal));
    let printed = Tables::built_in().print().replace(VERSION, NEWER);
    let one_more = Tables::read(&printed.replace("units = [\n", "units = [\n    \"PIECE\",\n")).unwrap();
    let examined = changed("unitCode=\"C62\"", "unitCode=\"PIECE\"", Profile::En16931, one_more);
    assert_eq!((examined.verdict, examined.findings), (Verdict::Accept, Vec::new()));
    let frame = |tables| severity(&changed(">A1<", ">A26<", Profile::Chorus, tables), "CPRO-FRAME");
    assert_eq!(frame(Tables::built_in()), Some(Severity::Fatal));
    assert_eq!(frame(tables("[lists]\nchorus_frames = [\"A26\"]")), None);
}

#[test]
fn a_rate_that_a_file_leaves_out_is_refused_towards_firms() {
    let of = |tables| severity(&changed("EUR", "EUR", Profile::G2b, tables), "BR-FR-16_BT-152");
    assert_eq!(of(Tables::built_in()), None);
    assert_eq!(of(tables("[rates]\nfr_vat = [\"5.5\"]")), Some(Severity::Fatal));
}

#[test]
fn a_limit_of_a_file_refuses_and_is_named() {
    let own = tables("[limits]\nnumber_characters = 5");
    let examined = changed("EUR", "EUR", Profile::Chorus, own);
    let finding = examined.findings.iter().find(|f| f.rule == "CPRO-NUMBER-LENGTH").unwrap();
    assert!(finding.severity == Severity::Fatal && finding.message.contains('5'), "{}", finding.message);
    assert_eq!(changed("EUR", "EUR", Profile::Chorus, Tables::built_in()).verdict, Verdict::Accept);
}

#[test]
fn a_message_of_a_file_is_what_people_read() {
    let own = tables(
        "[messages.\"BR-CL-23\"]\nmessage_en = \"Our unit.\"\n[messages.\"BR-DEC-*\"]\nremedy_en = \"Ask us.\"\n\
         [messages.\"BR-S-05\"]\nremedy_en = \"Ask the tax office.\"",
    );
    let told = |from, to, rule: &str, tables| {
        let findings = changed(from, to, Profile::En16931, tables).findings;
        let finding = findings.into_iter().find(|f| f.rule == rule);
        finding.map(|f| (f.message, f.remedy)).unwrap_or_else(|| panic!("{rule}"))
    };
    let unit = ("unitCode=\"C62\"", "unitCode=\"PIECE\"");
    let (before, now) = (told(unit.0, unit.1, "BR-CL-23", Tables::built_in()), told(unit.0, unit.1, "BR-CL-23", own));
    assert!(now.0.starts_with("Our unit.") && now.1 == before.1, "{now:?}");
    // A rule that a row stands for, and one whose words are made.
    assert_eq!(told(">300.00<", ">300.001<", "BR-DEC-23", own).1, "Ask us.");
    let (_, remedy) = told("<cbc:Percent>20<", "<cbc:Percent>0<", "BR-S-05", own);
    assert_eq!(remedy, "Ask the tax office.");
}

#[test]
fn a_severity_and_what_blocks_are_data() {
    let unit = |profile, tables| changed("unitCode=\"C62\"", "unitCode=\"PIECE\"", profile, tables);
    let softer = unit(Profile::En16931, tables("[severities]\nBR-CL-23 = \"warning\""));
    assert_eq!((softer.verdict, severity(&softer, "BR-CL-23")), (Verdict::Accept, Some(Severity::Warning)));
    let before = unit(Profile::Chorus, Tables::built_in());
    assert_eq!((before.verdict, severity(&before, "BR-CL-23")), (Verdict::Accept, Some(Severity::Warning)));
    // A VAT category's rules have made words; a pattern names them all the same.
    for family in ["S", "Z", "E", "AE", "IC", "G", "O", "AF", "AG"] {
        tables(&format!("[blocking]\nchorus = [\"BR-{family}-*\"]"));
    }
    let stricter = unit(Profile::Chorus, tables("[blocking]\nchorus = [\"BR-CL-*\"]"));
    assert_eq!((stricter.verdict, severity(&stricter, "BR-CL-23")), (Verdict::Reject, Some(Severity::Fatal)));
}

#[test]
fn what_reading_itself_refuses_goes_on_blocking_whatever_a_row_names() {
    let decimal = |tables| changed(">3420.00<", ">3420,00<", Profile::G2b, tables);
    assert_eq!(severity(&decimal(Tables::built_in()), "FG-DECIMAL"), Some(Severity::Fatal));
    let own = decimal(tables("[blocking]\ng2b = [\"BR-02\"]"));
    assert_eq!((own.verdict, severity(&own, "FG-DECIMAL")), (Verdict::Reject, Some(Severity::Fatal)));
    let own = decimal(tables("[blocking]\nchorus = [\"BR-02\"]"));
    assert_eq!(own.verdict, Verdict::Reject);
}

/// The list that a file's entries are held against is that of the rules the program asks.
#[test]
fn every_rule_that_is_asked_may_be_named_and_no_other() {
    let sources = [
        include_str!("../official/cii_codes.rs"),
        include_str!("../official/cii_model.rs"),
        include_str!("../official/cii_syntax.rs"),
        include_str!("../official/cii_vat.rs"),
        include_str!("../official/french.rs"),
        include_str!("../official/french_cii.rs"),
        include_str!("../official/french_cii_groups.rs"),
        include_str!("../official/french_ubl.rs"),
        include_str!("../official/french_ubl_groups.rs"),
        include_str!("../official/mod.rs"),
        include_str!("../official/ubl_codes.rs"),
        include_str!("../official/ubl_model.rs"),
        include_str!("../official/ubl_syntax.rs"),
        include_str!("../official/ubl_vat.rs"),
    ];
    let is_id = |text: &str| {
        ["BR-", "UBL-", "CII-"].iter().any(|begin| text.starts_with(begin))
            && !text.ends_with(['-', '_'])
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
    };
    let written: BTreeSet<&str> = sources.iter().flat_map(|text| text.split('"')).filter(|text| is_id(text)).collect();
    assert!(IDS.is_sorted() && written.len() > 500, "{}", written.len());
    let unlisted: Vec<_> = written.iter().filter(|id| !IDS.contains(id)).collect();
    assert!(unlisted.is_empty(), "{unlisted:?}");
    // Some are put together of their beginning and the term of a party.
    let made = |id: &str| id.starts_with("BR-FR-09_") || id.starts_with("BR-FR-CO-10_");
    let unasked: Vec<_> = IDS.iter().filter(|id| !written.contains(*id) && !made(id)).collect();
    assert!(unasked.is_empty(), "{unasked:?}");
    let Some(mini) = mini() else { return };
    for line in String::from_utf8(mini["verdicts.jsonl"].clone()).unwrap().lines() {
        let official: Official = serde_json::from_str(line).unwrap();
        for rule in official.european.fatal.iter().chain(&official.brfr.fatal) {
            assert!(is_rule(rule), "{}: {rule}", official.file);
        }
    }
}

#[test]
fn versions_tell_only_what_was_asked() {
    let of = |profile, preflight| Options { profile, preflight, ..Options::default() }.versions();
    let hash = Tables::built_in().hash();
    let told = |versions: Versions| versions.told(Language::Fr);
    let tables = format!("tables {VERSION} ({hash})");
    assert_eq!(told(of(Profile::En16931, Preflight::Block)), format!("EN 16931 1.3.16, {tables}"));
    assert_eq!(told(of(Profile::G2b, Preflight::Warn)), format!("EN 16931 1.3.16, BR-FR 1.4.0.03, {tables}"));
    assert_eq!(told(of(Profile::Chorus, Preflight::Warn)), format!("EN 16931 1.3.16, BR-FR-CPRO (avertit), {tables}"));
    assert_eq!(told(of(Profile::Chorus, Preflight::Off)), format!("EN 16931 1.3.16, {tables}"));
    let options = Options { sandbox: true, ..Options::default() };
    let rules = |bytes: &[u8]| examine(bytes, &options).rules(&options).map(told);
    assert_eq!(rules(sample("facture-ubl.xml")), Some(format!("EN 16931 1.3.16, BR-FR-CPRO (avertit), {tables}")));
    assert_eq!(rules(b"\x89PNG\r\n\x1a\n"), None);
    let data = pdf_data::examine(b"{}", &options, &|_| Listing::Silent);
    assert_eq!(data.rules(&options).map(told), Some(tables));
    // As an earlier program stored them.
    let stored = r#"{"en16931":"1.3.16","br_fr":"1.4.0.03","tables":"2026-11-26.1"}"#;
    let read: Versions = serde_json::from_str(stored).unwrap();
    assert_eq!(told(read), "EN 16931 1.3.16, BR-FR 1.4.0.03, tables 2026-11-26.1");
}

/// Whoever changes a table of the program gives the tables a new version, and pins it here.
#[test]
fn the_built_in_tables_have_the_content_that_their_version_stands_for() {
    assert_eq!((VERSION, Tables::built_in().hash().as_str()), ("2026-11-27.1", "aac4d73c38a5"));
    let (one, other) = (tables("[limits]\nfile_bytes = 5"), tables("[limits]\nfile_bytes = 6"));
    assert!(one.version() == other.version() && one.hash() != other.hash() && one.hash().len() == 12);
}

#[test]
fn whatever_is_wrong_in_a_file_is_refused_with_its_place() {
    for (entries, place) in [
        ("[list]\nunits = [\"A\"]", "list: unknown"),
        ("[lists]\nunit = [\"A\"]", "lists.unit: unknown; known are: invoice_types"),
        ("[lists]\nfr_vat = [\"5.5\"]", "lists.fr_vat: unknown"),
        ("[lists]\nunits = []", "lists.units: empty"),
        ("[lists]\nunits = \"A\"", "lists.units: write a list"),
        ("[lists]\nunits = [1]", "lists.units: write a list"),
        ("[lists]\nunits = [\"A B\"]", "lists.units: \"A B\" is no code"),
        ("[lists]\nunits = [\"\"]", "lists.units: \"\" is no code"),
        ("[lists]\nunits = [\"A\", \"A\"]", "lists.units: \"A\" is there twice"),
        ("[lists]\nchorus_extensions = [\"PDF\"]", "lists.chorus_extensions: \"PDF\""),
        ("lists = 3", "lists: write a table"),
        ("[rates]\nfr_vat = [\"20 %\"]", "rates.fr_vat: \"20 %\" is no code"),
        ("[rates]\nfr_vat = [\"20%\"]", "rates.fr_vat: \"20%\""),
        ("[limits]\nnumbers = 5", "limits.numbers: unknown"),
        ("[limits]\nnumber_characters = 0", "limits.number_characters: a whole number from 1"),
        ("[limits]\nfile_bytes = 999999999999", "limits.file_bytes: a whole number from 1 to 125829120"),
        ("[limits]\nfile_bytes = \"10MB\"", "limits.file_bytes: a whole number"),
        ("[severities]\n\"BR-99\" = \"fatal\"", "severities.BR-99: no rule"),
        ("[severities]\n\"BR-*\" = \"fatal\"", "severities.BR-*: no rule"),
        // Rules that a row of words would stand for, if there were any.
        ("[severities]\n\"BR-CL-2\" = \"fatal\"", "severities.BR-CL-2: no rule"),
        ("[severities]\n\"UBL-SR-999\" = \"fatal\"", "severities.UBL-SR-999: no rule"),
        ("[severities]\n\"CII-SR-x\" = \"fatal\"", "severities.CII-SR-x: no rule"),
        ("[blocking]\nchorus = [\"BR-FR-99_BT-1\"]", "blocking.chorus BR-FR-99_BT-1: no rule"),
        (
            "[blocking]\nchorus = [\"BR-FR-CPRO-*\"]",
            "blocking.chorus BR-FR-CPRO-*: what these rules do is said by the route's key preflight",
        ),
        ("[blocking]\nchorus = [\"BR-02\", \"BR-FR-CPRO-03\"]", "blocking.chorus BR-FR-CPRO-03: what these rules do"),
        ("[messages.\"UBL-SR-999\"]\nmessage_en = \"a\"", "messages.UBL-SR-999: no rule"),
        ("[severities]\n\"BR-02\" = \"off\"", "severities.BR-02: unknown; known are: fatal, warning"),
        ("[severities]\n\"FG-DECIMAL\" = \"warning\"", "severities.FG-DECIMAL: reading itself"),
        (
            "[lists]\nchorus_forbidden_in_names = [\"%$!\"]",
            "lists.chorus_forbidden_in_names: \"%$!\" cannot be written so",
        ),
        ("[lists]\nchorus_extensions = [\".pdf\"]", "lists.chorus_extensions: \".pdf\" cannot be written so"),
        ("[blocking]\nb2g = [\"BR-*\"]", "blocking.b2g: unknown; known are: en16931, chorus, g2b"),
        ("[blocking]\nchorus = [\"XX-*\"]", "blocking.chorus XX-*: no rule"),
        ("[blocking]\nchorus = []", "blocking.chorus: empty"),
        ("[messages.\"BR-99\"]\nmessage_en = \"a\"", "messages.BR-99: no rule"),
        ("[messages.\"BR-02\"]\ntitle = \"a\"", "messages.BR-02.title: unknown"),
        ("[messages.\"BR-02\"]\nmessage_en = \"\"", "messages.BR-02.message_en: a text of one line"),
        ("[messages.\"BR-02\"]\nmessage_en = \"{value}\"", "messages.BR-02.message_en: write no blank"),
        (
            "[messages.\"FG-VALUE\"]\nmessage_fr = \"rien\"",
            "messages.FG-VALUE.message_fr: the blanks between braces are not the program's: {value}",
        ),
        ("[messages.\"FG-VALUE\"]\nmessage_fr = \"{value\"", "messages.FG-VALUE.message_fr: the blanks"),
        ("[lists", "3: this is not TOML"),
    ] {
        let fault = Tables::read(&file(entries)).expect_err(entries);
        let told = fault.title(Language::En);
        assert_eq!(fault.code, Code::TablesWrong, "{entries}");
        assert!(told.starts_with(&format!("File of tables refused: {place}")), "{entries}: {told}");
        assert!(fault.title(Language::Fr).starts_with("Fichier de tables refusé"), "{entries}");
    }
    for (text, place) in [
        ("version = \"2099-01-01.1\"", "form:"),
        ("form = 2\nversion = \"2099-01-01.1\"", "form: this program reads form 1"),
        ("form = 1", "version: a version reads"),
        ("form = 1\nversion = \"1.2\"", "version: a version reads"),
    ] {
        let told = Tables::read(text).expect_err(text).title(Language::En);
        assert!(told.starts_with(&format!("File of tables refused: {place}")), "{text}: {told}");
    }
}

#[test]
fn an_older_file_is_refused_and_another_content_of_the_same_version_too() {
    let older = Tables::read("form = 1\nversion = \"2026-11-25.9\"").unwrap_err();
    assert_eq!(older.code, Code::TablesOlder);
    assert!(older.title(Language::En).contains("2026-11-25.9") && older.title(Language::En).contains(VERSION));
    let same = |entries: &str| Tables::read(&format!("form = 1\nversion = \"{VERSION}\"\n{entries}"));
    assert_eq!(same("").unwrap(), Tables::built_in());
    let told = same("[limits]\nfile_bytes = 5").unwrap_err().title(Language::En);
    assert!(told.contains("version: ") && told.contains("give it a newer"), "{told}");
    assert!(Tables::read("form = 1\nversion = \"2026-11-27.10\"").is_ok(), "numbers are not compared as texts");
    for bad in ["2026-13-01.1", "2026-11-26", "2026-11-26.0", "2026-11-26.01", "26-11-26.1", "2026-11-26-1.1", "x"] {
        assert!(!is_version(bad), "{bad}");
    }
}
