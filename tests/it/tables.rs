//! Tables of the rules from a signed file: the commands around it, and what a running gateway makes of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use fluxgate::invoice::Tables;
use fluxgate::work::Purpose;
use serde_json::Value;

use crate::commands::{code, configuration, program, stderr, stdout};
use crate::gateway::{Gateway, check_document, hurried, invoice, quick_limits};

/// A person's folder: a key, the printed tables under a newer version with one unit more, a number's limit and a message.
struct Desk {
    dir: tempfile::TempDir,
    key: String,
}

impl Desk {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let make =
            || program().current_dir(dir.path()).args(["tables", "key", "univ/tables", "-o", "key"]).output().unwrap();
        let made = make();
        assert_eq!(code(&made), 0, "{made:?}");
        let key = stdout(&made).trim().to_owned();
        assert!(key.starts_with("univ/tables+"), "{key}");
        let again = make();
        assert!(code(&again) == 71 && stderr(&again).contains("never overwritten"), "{again:?}");
        Self { dir, key }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The printed tables, changed.
    fn draft(&self) -> PathBuf {
        let printed = stdout(&program().args(["tables", "print"]).output().unwrap());
        let version = Tables::built_in().version();
        let text = printed
            .replace(&format!("version = \"{version}\""), "version = \"2099-01-01.1\"")
            .replace("units = [\n", "units = [\n    \"PIECE\",\n");
        assert!(text.contains("PIECE") && text.contains("2099"), "{text}");
        let file = self.path("tables.toml");
        fs::write(&file, text).unwrap();
        file
    }

    fn signed(&self) -> PathBuf {
        let output = self.path("tables.signed");
        let mut sign = program();
        sign.args(["tables", "sign"]).arg(self.draft()).arg("--key").arg(self.path("key"));
        let over = program()
            .args(["tables", "sign"])
            .arg(self.draft())
            .arg("--key")
            .arg(self.path("key"))
            .arg("-o")
            .arg(self.path("key"))
            .output()
            .unwrap();
        assert_eq!(code(&over), 64, "the key is not written over: {over:?}");
        let signed = sign.arg("-o").arg(&output).output().unwrap();
        assert_eq!(code(&signed), 0, "{signed:?}");
        assert!(stdout(&signed).contains("tables 2099-01-01.1, signed by univ/tables"), "{signed:?}");
        output
    }
}

/// An invoice whose unit no list of the program has.
fn piece(dir: &Path) -> PathBuf {
    let text = include_str!("../../src/app/samples/facture-ubl.xml").replace("unitCode=\"C62\"", "unitCode=\"PIECE\"");
    let file = dir.join("piece.xml");
    fs::write(&file, text).unwrap();
    file
}

#[test]
fn tables_are_printed_changed_signed_verified_and_used() {
    let desk = Desk::new();
    let signed = desk.signed();
    let invoice = piece(desk.dir.path());
    let check = |words: &[&str]| {
        let mut command = program();
        command.args(["check", "--profile", "en16931", "--environment", "practice"]).arg(&invoice).args(words);
        command.output().unwrap()
    };
    let file = signed.to_str().unwrap();
    let before = check(&[]);
    let version = Tables::built_in().version();
    assert_eq!(code(&before), 65, "{before:?}");
    let line = format!("Rules: EN 16931 1.3.16, tables {version} ({}).", Tables::built_in().hash());
    assert!(stdout(&before).contains(&line) && stdout(&before).contains("BR-CL-23"), "{before:?}");
    let after = check(&["--tables", file, "--tables-key", &desk.key]);
    assert_eq!(code(&after), 0, "{after:?}");
    assert!(stdout(&after).contains("tables 2099-01-01.1 ("), "{after:?}");
    let draft = check(&["--tables", desk.path("tables.toml").to_str().unwrap()]);
    assert!(code(&draft) == 0 && stdout(&draft).contains(") (signature not checked)."), "{draft:?}");
    let json: Value = serde_json::from_str(&stdout(&check(&["--json", "--tables", file]))).unwrap();
    let own = Tables::read(&fs::read_to_string(desk.path("tables.toml")).unwrap()).unwrap();
    let expected = serde_json::json!({
        "en16931": "1.3.16", "br_fr": null, "br_fr_cpro": null, "tables": "2099-01-01.1", "tables_hash": own.hash()
    });
    assert_eq!(json["rules"], expected);

    let verify = |key: &str| program().args(["tables", "verify"]).arg(&signed).args(["--key", key]).output().unwrap();
    assert_eq!(code(&verify(&desk.key)), 0);
    let other = Desk::new();
    let refused = verify(&other.key);
    assert!(code(&refused) == 65 && stderr(&refused).contains("FG-909"), "{refused:?}");
    let refused = check(&["--tables", file, "--tables-key", &other.key]);
    assert!(code(&refused) == 78 && stderr(&refused).contains("FG-909"), "{refused:?}");
    let text = fs::read_to_string(&signed).unwrap();
    fs::write(&signed, text.replace("\"PIECE\"", "\"PIECF\"")).unwrap();
    let altered = verify(&desk.key);
    assert!(stderr(&altered).contains("the file changed since it was signed"), "{altered:?}");
    // What the gateway accepts by a file is converted and drawn by it, too.
    let made = |command: &str, words: &[&str]| {
        let mut program = program();
        program.arg(command).arg(&invoice).args(["-o", "-"]).args(words).output().unwrap()
    };
    let draft = desk.path("tables.toml");
    let by = ["--tables", draft.to_str().unwrap()];
    let refused = made("convert", &["--to", "cii"]);
    assert!(code(&refused) == 65 && stderr(&refused).contains("BR-CL-23"), "{refused:?}");
    let converted = made("convert", &["--to", "cii", by[0], by[1]]);
    assert!(code(&converted) == 0 && stdout(&converted).contains("PIECE"), "{converted:?}");
    let (plain, own) = (made("render", &[]), made("render", &by));
    assert!(code(&plain) == 0 && code(&own) == 0, "{own:?}");
    assert!(plain.stdout.len() > own.stdout.len(), "with a finding there is more to draw");
    let missing = check(&["--tables", "/nowhere/tables"]);
    assert!(code(&missing) == 66 && stderr(&missing).contains("FG-912"), "{missing:?}");
}

#[test]
fn the_configured_file_is_in_force_and_a_refused_one_is_said_plainly() {
    let desk = Desk::new();
    let signed = desk.signed();
    let config = configuration(desk.dir.path());
    let text = fs::read_to_string(&config).unwrap();
    let section = format!("[rules]\ntables = \"{}\"\nkeys = [\"{}\"]\n", signed.display(), desk.key);
    fs::write(&config, format!("{text}{section}")).unwrap();
    let invoice = piece(desk.dir.path());
    let check = || {
        let mut command = program();
        command.args(["check", "--profile", "en16931", "--environment", "practice", "--config"]).arg(&config);
        command.arg(&invoice).output().unwrap()
    };
    let config_check = || program().args(["config", "check"]).arg(&config).output().unwrap();
    assert_eq!((code(&check()), code(&config_check())), (0, 0), "{:?}", config_check());
    // Without keys of its own on the command line, those of the configuration.
    let verified = program().args(["tables", "verify", "--config"]).arg(&config).arg(&signed).output().unwrap();
    assert_eq!(code(&verified), 0, "{verified:?}");

    let note = fs::read_to_string(&signed).unwrap();
    fs::write(&signed, note.replace("\"PIECE\"", "\"PIECF\"")).unwrap();
    let (refused, told) = (check(), config_check());
    // As a gateway that starts would: by its own.
    let by_its_own = |checked: &Output, fault: &str| {
        let warned = format!("warning: rules.tables: {fault} ");
        assert!(stderr(checked).contains(&warned) && stdout(checked).contains("BR-CL-23"), "{checked:?}");
        assert!(code(checked) == 65 && stdout(checked).contains(Tables::built_in().version()), "{checked:?}");
    };
    by_its_own(&refused, "FG-909");
    assert_eq!(code(&told), 78, "{told:?}");
    assert!(stderr(&told).contains("rules.tables: FG-909") && !stderr(&told).contains("warning: rules"), "{told:?}");
    // It may be on another machine.
    fs::remove_file(&signed).unwrap();
    let told = config_check();
    assert!(code(&told) == 0 && stderr(&told).contains("warning: rules.tables: FG-912"), "{told:?}");
    by_its_own(&check(), "FG-912");
    for (section, problem) in [
        ("[rules]\ntables = \"a\"\n", "rules.tables: no key would verify this file"),
        ("[rules]\nkeys = [\"abc\"]\n", "rules.keys: \"abc\" is no public key"),
    ] {
        fs::write(&config, format!("{text}{section}")).unwrap();
        let told = config_check();
        assert!(code(&told) == 78 && stdout(&told).contains(problem), "{told:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_says_by_which_tables_its_file_was_judged() {
    let mut gateway = Gateway::start(hurried(), quick_limits()).await;
    let own = "form = 1\nversion = \"2099-01-01.1\"\n[limits]\nnumber_characters = 5\n[messages.\"CPRO-NUMBER-LENGTH\"]\n\
               remedy_fr = \"Voyez la note de service : {limit} au plus.\"\n";
    gateway.tables = Tables::read(own).unwrap_or_else(|fault| panic!("{fault:?}"));
    gateway.reload();
    gateway.drop_flow("long.xml", invoice("FA-2026-77")).await;
    let refused = gateway.await_state("long.xml.json", "refused").await;
    check_document("receipt", Purpose::Receipt, &refused);
    assert_eq!(refused["rules"]["tables"], "2099-01-01.1");
    assert_eq!((&refused["rules"]["br_fr"], &refused["rules"]["br_fr_cpro"]), (&Value::Null, &"warn".into()));
    assert_eq!(refused["rules"]["tables_hash"], gateway.tables.hash());
    let finding = &refused["findings"][0];
    assert_eq!(
        (&finding["rule"], &finding["remedy"]),
        (&"CPRO-NUMBER-LENGTH".into(), &"Voyez la note de service : 5 au plus.".into())
    );
    // Other tables do not change what was judged by the former ones.
    gateway.tables = Tables::built_in();
    gateway.reload();
    gateway.drop_flow("good.xml", invoice("FA-2026-78")).await;
    let good = gateway.await_state("good.xml.json", "integrated").await;
    assert_eq!(good["rules"]["tables"], Tables::built_in().version());
    assert_eq!(gateway.receipt("long.xml.json").unwrap()["rules"]["tables"], "2099-01-01.1");
    // A file of statuses is held against none of them.
    gateway.drop_flow("statuts.csv", "id_facture;statut;motif;numero_mandat\n999999999;CHANTIER;;\n").await;
    assert_eq!(gateway.await_final("statuts.csv.json").await["rules"], Value::Null);
    gateway.stop().await;
}
