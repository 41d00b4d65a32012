//! The tables of the rules in force in a running gateway.
//!
//! Promises: a file that is refused, cannot be read or is older than the last that was accepted changes nothing, and is
//! said; what comes into force is journalled first. Over a restart the version and the hash of the last accepted file
//! are known, its content is not: while the file itself is gone or refused then, the program's own tables count.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::core::note;
use super::exit;
use crate::config::Config;
use crate::config::signed_tables::SignedTables;
use crate::domain::DocumentHash;
use crate::fault::{Code, Fault, Language, Text};
use crate::invoice::Tables;
use crate::invoice::tables::is_older;
use crate::store::{self, AcceptedTables, Store, StoreError};

/// See the module.
pub struct TablesInForce {
    store: Store,
    /// Shared with the page.
    tables: Arc<ArcSwap<Tables>>,
    /// Whether any came into force by a look.
    entered: bool,
    accepted: Option<AcceptedTables>,
    refused: Option<Fault>,
    seen: Option<Stamp>,
    /// A look that came to no end: it is made again, whether the file changes or not.
    unsettled: bool,
}

/// What tells that a file was written anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    modified: Option<SystemTime>,
    /// Of its permissions too, in seconds and nanoseconds.
    changed: (i64, i64),
    bytes: u64,
    inode: u64,
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let about = fs::metadata(path).ok()?;
        let changed = (about.ctime(), about.ctime_nsec());
        Some(Self { modified: about.modified().ok(), changed, bytes: about.len(), inode: about.ino() })
    }
}

impl TablesInForce {
    /// The program's own, until the first look.
    pub fn new(store: Store) -> Result<Self, StoreError> {
        let accepted = store.reader()?.accepted_tables()?;
        let tables = Arc::new(ArcSwap::from_pointee(Tables::built_in()));
        Ok(Self { store, tables, entered: false, accepted, refused: None, seen: None, unsettled: false })
    }

    /// Those in force, as they change.
    pub fn shared(&self) -> Arc<ArcSwap<Tables>> {
        self.tables.clone()
    }

    pub fn tables(&self) -> Tables {
        **self.tables.load()
    }

    /// Why the configured file is not in force.
    pub fn refused(&self) -> Option<&Fault> {
        self.refused.as_ref()
    }

    /// Whether the configured file was written, came or went since the last look, or that look came to no end.
    pub fn has_changed(&self, config: &Config) -> bool {
        // A file that could not be read may be readable now, and nothing of it tells.
        let is_unread = self.refused.as_ref().is_some_and(|fault| fault.code == Code::TablesUnread);
        let named = config.tables_file();
        self.unsettled || named.is_some_and(|file| (is_unread && file.exists()) || Stamp::of(&file) != self.seen)
    }

    /// Takes what the configuration names into force, or says why not. Whether anything is different now; on an error
    /// everything is as before, and looked at again.
    pub async fn look(&mut self, config: &Config) -> Result<bool, StoreError> {
        let before = (self.tables(), self.refused.clone());
        self.unsettled = true;
        self.judge(config).await?;
        self.unsettled = false;
        Ok(before != (self.tables(), self.refused.clone()))
    }

    async fn judge(&mut self, config: &Config) -> Result<(), StoreError> {
        // Before it is read: what is written meanwhile is seen by the next look.
        self.seen = config.tables_file().and_then(|file| Stamp::of(&file));
        let judged = config.signed_tables().and_then(|signed| match signed {
            Some(signed) => follows(&signed, self.accepted.as_ref()).map(|()| Some(signed)),
            None => Ok(None),
        });
        match judged {
            Ok(signed) => {
                self.enter(signed).await?;
                self.refused = None;
                Ok(())
            }
            Err(fault) => {
                let (told, version) =
                    (format!("{} {}", fault.code, fault.title(Language::En)), self.tables().version());
                if self.refused.as_ref() != Some(&fault) {
                    log::error!(fault = told.as_str(), in_force = version; "The configured file of tables is refused; the tables in force stay so");
                }
                self.refused = Some(fault);
                // The program's own, at a start: those are in force now.
                if self.entered { Ok(()) } else { self.tell(self.tables(), self.accepted.clone(), None).await }
            }
        }
    }

    async fn enter(&mut self, signed: Option<SignedTables>) -> Result<(), StoreError> {
        let tables = signed.as_ref().map_or_else(Tables::built_in, |signed| signed.tables);
        let accepted = signed
            .as_ref()
            .map(|signed| AcceptedTables { version: signed.tables.version().to_owned(), sha256: signed.sha256 });
        if self.entered && accepted == self.accepted && tables == self.tables() {
            return Ok(());
        }
        self.tell(tables, accepted.clone(), signed.as_ref()).await?;
        self.tables.store(Arc::new(tables));
        self.accepted = accepted;
        Ok(())
    }

    /// Journals what comes into force, before it does: nothing is judged by tables that the journal does not tell.
    async fn tell(
        &mut self,
        tables: Tables,
        accepted: Option<AcceptedTables>,
        signed: Option<&SignedTables>,
    ) -> Result<(), StoreError> {
        let mut told = note("tables");
        told.objects.insert("version".to_owned(), tables.version().to_owned());
        told.hashes.insert("tables".to_owned(), DocumentHash(tables.sha256()));
        if let Some(signed) = signed {
            told.objects.insert("signer".to_owned(), signed.signer.clone());
            told.hashes.insert("file".to_owned(), signed.sha256);
        }
        self.store.tables_in_force(accepted, told).await?;
        self.entered = true;
        log::info!(version = tables.version(), hash = tables.hash().as_str(), signer = signed.map_or("-", |s| s.signer.as_str());
            "Tables of the rules in force");
        Ok(())
    }
}

/// Whether a gateway of this configuration would take the file into force after the last one it accepted; read beside it. Where
/// its database cannot be read, only the file itself counts; that is said on standard error.
pub fn would_follow(signed: &SignedTables, config: &Config) -> Result<(), Fault> {
    let accepted = store::accepted_tables_in(&config.store.dir).unwrap_or_else(|error| {
        let told = Text::technical(
            "avertissement : sans la dernière version acceptée par cette passerelle, dont la base ne se lit pas",
            "warning: without the last version that this gateway accepted, whose database cannot be read",
            error,
        );
        eprintln!("{}", told.get(exit::language()));
        None
    });
    follows(signed, accepted.as_ref())
}

/// Whether a file may follow the last one that was accepted: neither an older one, nor another of the same version.
fn follows(signed: &SignedTables, accepted: Option<&AcceptedTables>) -> Result<(), Fault> {
    let Some(accepted) = accepted else { return Ok(()) };
    let version = signed.tables.version();
    if is_older(version, &accepted.version) {
        return Err(Fault::new(Code::TablesOlder).with("version", version).with("in_force", &accepted.version));
    }
    if version == accepted.version && signed.sha256 != accepted.sha256 {
        let why = Text::new(
            format!("version : un autre contenu a déjà été accepté sous {version}, donnez une version plus récente"),
            format!("version: another content was accepted as {version} before, give it a newer version"),
        );
        return Err(Fault::new(Code::TablesWrong).with_text("why", &why));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::{Leaf, LeafRead, Signer};
    use crate::store::Settings;

    struct House {
        dir: tempfile::TempDir,
        signer: Signer,
        config: Config,
    }

    impl House {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let signer = Signer::from_seed("univ/tables", &[7; 32]).unwrap();
            let mut config = Config::default();
            config.store.dir = dir.path().to_owned();
            config.rules.tables = Some("tables.signed".into());
            config.rules.keys = vec![signer.verifier().text()];
            Self { dir, signer, config }
        }

        fn store(&self) -> Store {
            Store::open(Settings::new(self.dir.path()), Signer::from_seed("fluxgate/test", &[3; 32]).unwrap()).unwrap()
        }

        fn write(&self, text: &str) {
            fs::write(self.dir.path().join("tables.signed"), text).unwrap();
        }

        /// Puts a signed file of this version there.
        fn publish(&self, version: &str, number: usize) {
            let text = format!("form = 1\nversion = \"{version}\"\n[limits]\nnumber_characters = {number}\n");
            self.write(&self.signer.sign_note(&text).unwrap());
        }

        /// What a look makes of the file: the version in force, and the fault's code.
        async fn look(&self, tables: &mut TablesInForce) -> (&'static str, Option<Code>) {
            tables.look(&self.config).await.unwrap();
            (tables.tables().version(), tables.refused().map(|fault| fault.code))
        }
    }

    fn told(store: &Store) -> Vec<Leaf> {
        let records = store.reader().unwrap().journal(0..100).unwrap();
        let leaves = records.iter().filter_map(|record| match Leaf::read(&record.bytes).unwrap() {
            LeafRead::V1(leaf) => Some(leaf),
            LeafRead::Unknown(_) => None,
        });
        leaves.filter(|leaf| leaf.kind == "tables").collect()
    }

    #[tokio::test]
    async fn what_cannot_be_read_keeps_nobody_waiting_and_is_looked_at_again() {
        let house = House::new();
        let mut tables = TablesInForce::new(house.store()).unwrap();
        let path = house.dir.path().join("tables.signed");
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRUSR).unwrap();
        assert_eq!(house.look(&mut tables).await.1, Some(Code::TablesUnread));
        assert!(tables.has_changed(&house.config), "it may be readable by now, and nothing of it tells");
        fs::remove_file(&path).unwrap();
        house.publish("2099-06-01.1", 5);
        assert!(tables.look(&house.config).await.unwrap());
        assert!(!tables.look(&house.config).await.unwrap(), "nothing is different");
    }

    #[tokio::test]
    async fn what_is_refused_older_or_gone_leaves_the_tables_in_force_also_over_a_restart() {
        let house = House::new();
        let own = Tables::built_in().version();
        let store = house.store();
        let mut tables = TablesInForce::new(store.clone()).unwrap();
        let page = tables.shared();
        assert_eq!(house.look(&mut tables).await, (own, Some(Code::TablesUnread)));
        house.publish("2099-06-01.1", 5);
        assert!(tables.has_changed(&house.config));
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", None));
        assert!(!tables.has_changed(&house.config));
        assert_eq!(page.load().version(), "2099-06-01.1");
        house.write("half a fi");
        assert!(tables.has_changed(&house.config));
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", Some(Code::TablesUnsigned)));
        house.publish("2099-02-01.1", 5);
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", Some(Code::TablesOlder)));
        house.publish("2099-06-01.1", 6);
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", Some(Code::TablesWrong)));
        house.publish("2099-06-01.1", 5);
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", None));
        fs::remove_file(house.dir.path().join("tables.signed")).unwrap();
        assert!(tables.has_changed(&house.config));
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", Some(Code::TablesUnread)));
        let before = told(&store);
        assert_eq!(before.len(), 2, "each set that came into force, once: {before:?}");
        assert_eq!((&before[0].objects["version"], before[0].objects.get("signer")), (&own.to_owned(), None));
        assert_eq!(
            (&before[1].objects["version"], &before[1].objects["signer"]),
            (&"2099-06-01.1".to_owned(), &"univ/tables".to_owned())
        );
        assert_eq!(before[1].hashes["tables"], tables.tables().sha256());
        drop((tables, store));

        let store = house.store();
        let mut tables = TablesInForce::new(store.clone()).unwrap();
        house.publish("2099-02-01.1", 5);
        assert_eq!(house.look(&mut tables).await, (own, Some(Code::TablesOlder)));
        house.publish("2099-06-01.1", 5);
        assert_eq!(house.look(&mut tables).await, ("2099-06-01.1", None));
        // Who may write the configuration may go back.
        let without = Config { rules: crate::config::RulesSection::default(), ..house.config.clone() };
        tables.look(&without).await.unwrap();
        assert_eq!((tables.tables().version(), tables.refused()), (own, None));
        house.publish("2099-02-01.1", 5);
        assert_eq!(house.look(&mut tables).await, ("2099-02-01.1", None));
        assert_eq!(told(&store).len(), 6);
        // A command beside the gateway knows it too.
        let code = |number| {
            house.publish("2099-02-01.1", number);
            let signed = house.config.signed_tables().unwrap().unwrap();
            would_follow(&signed, &house.config).err().map(|fault| fault.code)
        };
        assert_eq!((code(5), code(6)), (None, Some(Code::TablesWrong)));
        house.publish("2099-01-01.1", 5);
        let signed = house.config.signed_tables().unwrap().unwrap();
        assert_eq!(would_follow(&signed, &house.config).unwrap_err().code, Code::TablesOlder);
        let mut elsewhere = house.config.clone();
        elsewhere.store.dir = house.dir.path().join("elsewhere");
        assert!(would_follow(&signed, &elsewhere).is_ok(), "no gateway has accepted any there");
    }
}
