//! Tables of the rules from a signed file: the commands around it, and what a running gateway makes of it.

use std::fs;
use std::path::{Path, PathBuf};

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
    let line = format!("Rules: EN 16931 1.3.16, BR-FR 1.4.0.03, tables {version}.");
    assert!(stdout(&before).contains(&line) && stdout(&before).contains("BR-CL-23"), "{before:?}");
    let after = check(&["--tables", file, "--tables-key", &desk.key]);
    assert_eq!(code(&after), 0, "{after:?}");
    assert!(stdout(&after).contains("tables 2099-01-01.1."), "{after:?}");
    let draft = check(&["--tables", desk.path("tables.toml").to_str().unwrap()]);
    assert!(code(&draft) == 0 && stdout(&draft).contains("2099-01-01.1 (signature not checked)."), "{draft:?}");
    let json: Value = serde_json::from_str(&stdout(&check(&["--json", "--tables", file]))).unwrap();
    let expected = serde_json::json!({"en16931": "1.3.16", "br_fr": "1.4.0.03", "tables": "2099-01-01.1"});
    assert_eq!(json["rules"], expected);

    let verify = |key: &str| program().args(["tables", "verify"]).arg(&signed).args(["--key", key]).output().unwrap();
    assert_eq!(code(&verify(&desk.key)), 0);
    let other = Desk::new();
    let refused = verify(&other.key);
    assert!(code(&refused) == 65 && stderr(&refused).contains("FG-909"), "{refused:?}");
    let refused = check(&["--tables", file, "--tables-key", &other.key]);
    assert!(code(&refused) == 65 && stderr(&refused).contains("FG-909"), "{refused:?}");
    let text = fs::read_to_string(&signed).unwrap();
    fs::write(&signed, text.replace("\"PIECE\"", "\"PIECF\"")).unwrap();
    let altered = verify(&desk.key);
    assert!(stderr(&altered).contains("the file changed since it was signed"), "{altered:?}");
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
    assert!(code(&refused) == 78 && stderr(&refused).contains("FG-909"), "{refused:?}");
    assert_eq!(code(&told), 78, "{told:?}");
    assert!(stderr(&told).contains("rules.tables: FG-909") && !stderr(&told).contains("warning: rules"), "{told:?}");
    // It may be on another machine.
    fs::remove_file(&signed).unwrap();
    let told = config_check();
    assert!(code(&told) == 0 && stderr(&told).contains("warning: rules.tables: FG-912"), "{told:?}");
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
    gateway.stop().await;
}
