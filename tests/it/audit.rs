//! What `fluxgate audit verify` tells an auditor: in the auditor's language, what is wrong, where, and what it means.

use std::path::Path;
use std::process::Command;

use fluxgate::audit::Signer;
use fluxgate::domain::{Realm, Timestamp};
use fluxgate::store::{self, Arrival, Content, DATABASE_FILE, Store};

fn signer() -> Signer {
    Signer::from_seed("fluxgate/test", &[7; 32]).unwrap()
}

/// Three dropped files, sealed by a checkpoint, whose text it answers; the last one's document is a file.
fn journal(dir: &Path) -> String {
    let store = Store::open(store::Settings::new(dir), signer()).unwrap();
    for (name, content) in [("a.xml", vec![b'a'; 10]), ("b.xml", vec![b'b'; 10]), ("c.pdf", vec![b'%'; 100_000])] {
        let arrival = Arrival {
            account: "sifac".parse().unwrap(),
            realm: Realm { establishment: "univ".parse().unwrap(), environment: "practice".parse().unwrap() },
            folder: "depot".into(),
            name: name.into(),
            peer: "127.0.0.1".into(),
            at: Timestamp::now(),
            content: Content::Inline(content),
            staged: None,
        };
        store.receive(arrival).wait().unwrap();
    }
    let checkpoint = store.checkpoint(Timestamp::now()).wait().unwrap();
    store.close().unwrap();
    checkpoint
}

/// The exit code and what is said, in a French and in an English session.
fn verify(dir: &Path, words: &[&str]) -> (Option<i32>, String, String) {
    let run = |locale: &str| {
        let program = env!("CARGO_BIN_EXE_fluxgate");
        let mut command = Command::new(program);
        let done = command.args(["audit", "verify"]).arg(dir).args(words).env("LC_ALL", locale).output().unwrap();
        let told = String::from_utf8(done.stdout).unwrap() + &String::from_utf8(done.stderr).unwrap();
        (done.status.code(), told)
    };
    let ((code, french), (also, english)) = (run("fr_FR.UTF-8"), run("en_GB.UTF-8"));
    assert_eq!(code, also);
    (code, french, english)
}

/// After a change to the database's file.
fn after(sql: &str) -> (Option<i32>, String, String) {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path());
    let db = rusqlite::Connection::open(dir.path().join(DATABASE_FILE)).unwrap();
    db.execute_batch(&format!("PRAGMA foreign_keys = OFF; {sql}")).unwrap();
    verify(dir.path(), &[])
}

#[test]
fn a_whole_journal_is_told_with_its_key_and_root() {
    let dir = tempfile::tempdir().unwrap();
    let checkpoint = journal(dir.path());
    let (code, french, english) = verify(dir.path(), &[]);
    assert_eq!(code, Some(0), "{french}");
    assert!(french.ends_with("Le journal est intact\n") && english.ends_with("The journal is whole\n"), "{french}");
    assert!(french.contains("points de contrôle  1 (0 enregistrements depuis le dernier)"), "{french}");
    assert!(french.contains("La clé vient de la base elle-même"), "{french}");

    // With what was given apart, nothing is taken on the database's word.
    let seen = dir.path().join("seen.txt");
    std::fs::write(&seen, &checkpoint).unwrap();
    let words = ["--key", &signer().verifier().text(), "--seen", seen.to_str().unwrap()];
    let (code, french, _) = verify(dir.path(), &words);
    assert!(code == Some(0) && !french.contains("La clé vient de la base"), "{french}");
}

#[test]
fn a_changed_row_is_named_in_plain_words() {
    let (code, french, english) = after("UPDATE leaf SET bytes = zeroblob(length(bytes)) WHERE seq = 2");
    assert_eq!(code, Some(65));
    assert!(
        french.starts_with("Examiné avant l'anomalie :\n") && french.contains("\nenregistrements     2 "),
        "{french}"
    );
    assert!(french.contains("Le journal est ALTÉRÉ. Enregistrement n° 2 : son contenu a été changé"), "{french}");
    assert!(french.contains("Ce qui précède est intact ; ce qui suit n'a pas été examiné."), "{french}");
    assert!(english.contains("The journal is NOT whole. Record 2: its content was changed"), "{english}");
    assert!(english.contains("What stands before is whole"), "{english}");

    let (code, french, english) = after("DELETE FROM leaf WHERE seq = 1");
    assert!(code == Some(65) && french.contains("Enregistrement n° 1 : il manque."), "{french}");
    assert!(english.contains("Record 1: it is missing."), "{english}");

    let (code, french, english) = after("UPDATE flow SET state = 'ready' WHERE rowid = 1");
    assert_eq!(code, Some(65), "{french}");
    assert!(french.contains("la base dit « ready » et le journal « received »"), "{french}");
    assert!(french.contains("Le journal lui-même est intact"), "{french}");
    assert!(english.contains("the database says \"ready\" and the journal \"received\""), "{english}");

    let (code, french, _) = after("UPDATE checkpoint SET note = replace(note, 'fluxgate/test', 'fluxgate/tesT')");
    assert!(code == Some(65) && french.contains("Le point de contrôle n° 1 ne prouve rien"), "{french}");
    assert!(french.contains("(--seen)"), "{french}");
}

#[test]
fn a_missing_document_is_told_from_a_damaged_journal() {
    let dir = tempfile::tempdir().unwrap();
    journal(dir.path());
    let folders = std::fs::read_dir(dir.path().join("documents")).unwrap();
    let folder = folders.map(|entry| entry.unwrap().path()).find(|path| std::fs::read_dir(path).unwrap().count() > 0);
    std::fs::remove_dir_all(folder.unwrap()).unwrap();
    let (code, french, english) = verify(dir.path(), &[]);
    assert_eq!(code, Some(65), "{french}");
    assert!(
        french.contains("le document d'empreinte SHA-256 ") && french.contains("d'après une sauvegarde"),
        "{french}"
    );
    assert!(english.contains("the document of SHA-256 ") && english.contains("is missing"), "{english}");
}

#[test]
fn what_cannot_be_verified_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (code, french, english) = verify(dir.path(), &[]);
    assert_eq!(code, Some(66));
    assert!(french.contains("pas de journal dans ") && french.contains("donnez le dossier de données"), "{french}");
    assert!(english.contains("no journal in ") && english.contains("name the gateway's data folder"), "{english}");
    std::fs::write(dir.path().join("fluxgate.db"), "no database").unwrap();
    let (code, french, english) = verify(dir.path(), &[]);
    assert_eq!(code, Some(66));
    assert!(french.contains("pas de journal lisible dans ") && french.contains("(détail technique : "), "{french}");
    assert!(english.contains("no journal that can be read in "), "{english}");
    std::fs::remove_file(dir.path().join("fluxgate.db")).unwrap();
    journal(dir.path());
    let (code, french, _) = verify(dir.path(), &["--key", "autre+clé"]);
    assert!(code == Some(65) && french.contains("« autre+clé » n'est pas une clé publique"), "{french}");
}
