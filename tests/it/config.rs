//! Is the configuration file what its commented example says, and does every slip get its line and its remedy?

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use fluxgate::config::{self, AcceptError, Config, ConfigFile, Problem, Source};
use fluxgate::door::{DoorSection, SiteSection};
use fluxgate::fault::{Code, Language};

const SAMPLE: &str = "config/fluxgate.toml";

fn sample() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(SAMPLE)).unwrap()
}

/// The sample with its commented keys and tables in force.
fn sample_in_full() -> String {
    sample()
        .lines()
        .map(|line| {
            let bare = line.strip_prefix("# ").unwrap_or(line);
            // The sample's hash is cut short; this one is of nobody's password.
            let bare =
                &bare.replace("p=1$...", "p=1$c2FsdHNhbHRzYWx0c2FsdA$MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE");
            let word = bare.split(" = ").next().unwrap_or("");
            let is_key = bare.contains(" = ") && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            if is_key || bare.starts_with('[') { format!("{bare}\n") } else { format!("{line}\n") }
        })
        .collect()
}

/// A deserialiser that only listens to which fields a struct asks for.
struct Asks<'f>(&'f mut Option<&'static [&'static str]>);

impl<'de> serde::Deserializer<'de> for Asks<'_> {
    type Error = serde::de::value::Error;
    fn deserialize_any<V: serde::de::Visitor<'de>>(self, _: V) -> Result<V::Value, Self::Error> {
        Err(serde::de::Error::custom("only structs"))
    }
    fn deserialize_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Self::Error> {
        *self.0 = Some(fields);
        Err(serde::de::Error::custom("heard"))
    }
    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

fn fields<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let mut heard = None;
    let _ = T::deserialize(Asks(&mut heard));
    heard.expect("a section is a struct").iter().map(|field| (*field).to_owned()).collect()
}

fn keys(table: &toml::Value) -> BTreeSet<String> {
    table.as_table().unwrap().keys().cloned().collect()
}

#[test]
fn every_file_in_config_is_accepted() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let mut read = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if !name.ends_with(".toml") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        if name.starts_with("simulate") {
            fluxgate::simulator::Scenario::from_toml(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        } else if name == "provisioning.toml" {
            let read = fluxgate::installer::provisioning::Provisioning::parse(text.as_bytes());
            read.unwrap_or_else(|error| panic!("{name}: {error}"));
        } else if let Err(problems) = Config::parse(&text) {
            panic!("{name}: {}", told(&problems));
        }
        read += 1;
    }
    assert!(read >= 1);
}

#[test]
fn the_sample_shows_every_key_and_no_other() {
    let text = sample_in_full();
    let all: toml::Value = toml::from_str(&text).unwrap_or_else(|error| panic!("{error}"));
    let same = |shown: &toml::Value, known: BTreeSet<String>, name: &str| assert_eq!(keys(shown), known, "{name}");
    same(&all["establishment"][0], fields::<config::EstablishmentSection>(), "establishment");
    let account = &all["establishment"][0]["technical_account"][0];
    same(account, fields::<fluxgate::work::connector::TechnicalAccountSection>(), "technical_account");
    same(&all["chorus"]["api"]["qualification"], fields::<fluxgate::work::connector::ApiSection>(), "chorus.api");
    same(&all["proxy"], fields::<fluxgate::net::proxy::ProxySection>(), "proxy");
    same(&all["account"][0], fields::<fluxgate::gate::AccountSection>(), "account");
    same(&all["route"][0], fields::<fluxgate::work::RouteSection>(), "route");
    same(&all["door"], fields::<DoorSection>(), "door");
    same(&all["door"]["site"][0], fields::<SiteSection>(), "door.site");
    same(&all["sftp"], fields::<fluxgate::bridge::Section>(), "sftp");
    same(&all["web"], fields::<config::WebSection>(), "web");
    same(&all["journal"], fields::<config::JournalSection>(), "journal");
    same(&all["store"], fields::<config::StoreSection>(), "store");
    same(&all["rules"], fields::<config::RulesSection>(), "rules");
    same(&all["limits"], fields::<fluxgate::work::LimitsSection>(), "limits");
    let mut notify = fields::<fluxgate::work::watch::NotifySection>();
    assert!(notify.remove("untaken_after"), "retired: read and not shown");
    same(&all["notify"], notify, "notify");
    same(&all["notify"]["mail"], fields::<fluxgate::work::watch::MailSection>(), "notify.mail");
    same(&all["notify"]["webhook"], fields::<fluxgate::work::watch::WebhookSection>(), "notify.webhook");
    same(&all["log"], fields::<config::LogSection>(), "log");
    same(&all["syslog"], fields::<fluxgate::work::remote_log::SyslogSection>(), "syslog");
    same(&all["update"], fields::<fluxgate::work::releases::UpdateSection>(), "update");
    assert_eq!(keys(&all).len(), 17, "a table of the sample is compared with nothing");
    if let Err(problems) = Config::parse(&text) {
        panic!("{}", told(&problems));
    }
}

#[test]
fn the_values_shown_are_the_defaults() {
    let mut shown = Config::parse(&sample()).unwrap();
    let plain = Config::default();
    shown.journal.origin = None;
    assert_eq!(
        (
            shown.door,
            shown.sftp,
            shown.web,
            shown.journal,
            shown.store,
            shown.limits,
            shown.notify,
            shown.log,
            shown.proxy,
            shown.update
        ),
        (
            plain.door,
            plain.sftp,
            plain.web,
            plain.journal,
            plain.store,
            plain.limits,
            plain.notify,
            plain.log,
            plain.proxy,
            plain.update
        )
    );
}

#[test]
fn the_end_of_recycling_is_a_day() {
    let dated =
        |value: &str| sample().replace("# recycling_until = \"2027-08-31\"", &format!("recycling_until = {value}"));
    let config = Config::parse(&dated("\"2027-08-31\"")).unwrap();
    assert_eq!(config.chorus.recycling_until.unwrap().as_str(), "2027-08-31");
    assert_eq!(
        Config::parse(&sample()).unwrap().chorus.recycling_until,
        None,
        "recycling has ended unless a day is given"
    );
    for wrong in ["\"31/08/2027\"", "\"2027-02-30\"", "\"soon\"", "true", "\"\""] {
        let found = problems(&dated(wrong));
        assert_eq!((found.len(), found[0].key.as_str()), (1, "chorus.recycling_until"), "{wrong}: {}", told(&found));
    }
    let found = problems(&sample().replace("# recycling_until", "recycling_til"));
    assert_eq!(found[0].key, "chorus.recycling_til", "{}", told(&found));
}

fn told(problems: &[Problem]) -> String {
    problems.iter().map(|problem| format!("\n  {problem}")).collect()
}

fn problems(text: &str) -> Vec<Problem> {
    Config::parse(text).expect_err("has problems")
}

/// The sample with one passage replaced, and the 1-based line where the replacement begins.
fn altered(from: &str, to: &str) -> (String, usize) {
    let text = sample();
    let at = text.find(from).unwrap_or_else(|| panic!("{from:?} is in the sample"));
    (text.replacen(from, to, 1), text[..at].matches('\n').count() + 1)
}

#[test]
fn a_slip_is_told_with_line_and_nearest_key() {
    for (from, to, key, near) in [
        ("body_limit", "body_limits", "door.body_limits", "`body_limit`"),
        ("login_timeout", "logon_timeout", "sftp.logon_timeout", "`login_timeout`"),
        ("password_file", "pasword_file", "establishment[1].technical_account[1].pasword_file", "`password_file`"),
        ("[limits]", "[limit]", "limit", "`limits`"),
        ("[log]", "[logs]", "logs", "`log`"),
        ("level = \"warning\"", "levels = \"warning\"", "notify.levels", "`level`"),
        ("calls_in_flight", "calls_inflight", "chorus.api.qualification.calls_inflight", "`calls_in_flight`"),
        ("receive = true", "recieve = true", "route[1].recieve", "`receive`"),
    ] {
        let (text, line) = altered(from, to);
        let problems = problems(&text);
        let problem = problems.iter().find(|p| p.key == key).unwrap_or_else(|| panic!("{key}: {}", told(&problems)));
        assert_eq!((problem.line, problem.message.en.as_str()), (line, "unknown key"));
        assert!(problem.remedy.en.contains(near), "{problem}");
        assert!(problem.remedy.get(Language::Fr).contains(near.trim_matches('`')), "{problem}");
    }
}

#[test]
fn every_problem_is_told_and_not_only_the_first() {
    let text = sample()
        .replacen("siret = \"12345678200051\"", "siret = \"123\"", 1)
        .replacen("header_timeout = \"10s\"", "header_timeout = 10", 1)
        .replacen("connections = 1024", "conections = \"many\"", 1)
        .replacen("idle_timeout = \"15min\"", "idle_timeout = \"15m\"", 1)
        .replacen("level = \"info\"", "level = \"loud\"\ncolour = true", 1)
        .replacen("profile = \"chorus\"", "profile = \"chourus\"", 1);
    let problems = problems(&text);
    let found: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(
        found,
        [
            "establishment[1].siret",
            "route[1].profile",
            "door.header_timeout",
            "door.conections",
            "sftp.idle_timeout",
            "log.level",
            "log.colour",
        ],
        "{}",
        told(&problems)
    );
    let lines: Vec<usize> = problems.iter().map(|problem| problem.line).collect();
    assert!(lines.is_sorted() && lines[0] > 10);
    assert!(problems[0].message.en.contains("14 digits"), "{}", problems[0]);
}

#[test]
fn names_must_exist_and_differ() {
    for (from, to, key, what) in [
        ("account = \"sifac\"", "account = \"sifak\"", "route[1].account", "Did you mean \"sifac\"?"),
        ("establishment = \"univ-exemple\"", "establishment = \"other\"", "route[1].establishment", "Add such an"),
        (
            "environment = \"qualification\"\nprofile",
            "environment = \"production\"\nprofile",
            "route[1].environment",
            "technical",
        ),
        (
            "[chorus.api.qualification]",
            "[chorus.api.practice]",
            "establishment[1].technical_account[1].environment",
            "Add [chorus.api.qualification]",
        ),
        ("[chorus.api.qualification]", "[chorus.api.test]", "chorus.api.test", "production, qualification or practice"),
        ("folder = \"depot\"", "folder = \"depot/../x\"", "route[1].folder", "drop folder"),
        ("[[account]]", "[[account]]\nname = \"sifac\"\n[[account]]", "account[2].name", "already the name"),
        ("[sftp]\nlisten = \"0.0.0.0:22\"", "[sftp]\nlisten = \"0.0.0.0:443\"", "sftp.listen", "already door.listen"),
        ("metrics_listen", "key_file = \"k\"\nmetrics_listen", "door.key_file", "Give both"),
        ("header_limit = \"64KiB\"", "header_limit = \"1KiB\"", "door.header_limit", "8KiB"),
        ("origin = \"fluxgate/univ-exemple\"", "origin = \"my box\"", "journal.origin", "no space"),
        ("jobs = 8", "jobs = 0", "limits.jobs", "at least one"),
        ("version = 1", "version = 2", "version", "reads version 1"),
        ("version = 1", "", "version", "Write `version = 1`"),
        ("[[account]]", "[account]", "account", "Write [[account]]"),
    ] {
        let (text, _) = altered(from, to);
        let problems = problems(&text);
        let problem = problems.iter().find(|p| p.key == key).unwrap_or_else(|| panic!("{key}: {}", told(&problems)));
        assert!(problem.to_string().contains(what), "{problem}");
    }
}

/// A table with a slip in it is checked against the others all the same.
#[test]
fn contradictions_are_told_together_with_slips() {
    let slips = [
        ("siret = \"12345678200051\"", "siret = \"123\""),
        ("environment = \"qualification\"             #", "environment = \"practice\" #"),
        ("login = \"TECH_1_00000@cpro.fr\"", "login = \"a:b\""),
        ("timeout = \"60s\"  ", "timeout = 60"),
        ("base_url = \"https://sandbox-api.piste.gouv.fr\"", "base_url = \"no address\""),
        ("account = \"sifac\"", "account = \"sifak\""),
        (
            "environment = \"qualification\"\nprofile = \"chorus\"",
            "environment = \"qualification\"\nprofile = \"corus\"",
        ),
        ("header_timeout = \"10s\"", "header_timeout = 10"),
        ("header_limit = \"64KiB\"", "header_limit = \"1KiB\""),
        ("jobs = 8", "jobs = 0"),
        ("level = \"info\"", "level = \"info"),
    ];
    let mut text = sample();
    for (from, to) in slips {
        assert!(text.contains(from), "{from:?} is in the sample");
        text = text.replacen(from, to, 1);
    }
    let problems = problems(&text);
    for key in [
        "establishment[1].siret",
        "establishment[1].technical_account[1].environment",
        "establishment[1].technical_account[1].login",
        "chorus.api.qualification.timeout",
        "chorus.api.qualification.base_url",
        "route[1].account",
        "route[1].environment",
        "route[1].profile",
        "door.header_timeout",
        "door.header_limit",
        "limits.jobs",
        "",
    ] {
        assert_eq!(problems.iter().filter(|p| p.key == key).count(), 1, "{key}: {}", told(&problems));
    }
}

/// What a slip has made unknown is not held against the rest.
#[test]
fn one_slip_is_one_problem() {
    for (from, to, key) in [
        (
            "environment = \"qualification\"             #",
            "environment = \"qualif\" #",
            "establishment[1].technical_account[1].environment",
        ),
        ("id = \"univ-exemple\"", "id = \"Univ Exemple\"", "establishment[1].id"),
        ("folder = \"depot\"", "folder = 3", "route[1].folder"),
        ("receive = true", "receive = \"yes\"", "route[1].receive"),
        ("[sftp]\nlisten = \"0.0.0.0:22\"", "[sftp]\nlisten = 22", "sftp.listen"),
        ("siret = \"12345678200051\"", "siret = 12345678200051", "establishment[1].siret"),
    ] {
        let (mut text, _) = altered(from, to);
        if key.ends_with(".id") {
            text = text.replace("establishment = \"univ-exemple\"", "establishment = \"Univ Exemple\"");
        }
        let mut problems = problems(&text);
        // A name that no table may have is refused wherever it stands.
        problems.retain(|problem| problem.key != "route[1].establishment");
        assert_eq!((problems.len(), problems[0].key.as_str()), (1, key), "{}", told(&problems));
    }
}

#[test]
fn a_siret_with_a_wrong_check_digit_is_a_problem_in_production_and_a_remark_elsewhere() {
    let (mistyped, line) = altered("siret = \"12345678200051\"", "siret = \"12345678200052\"");
    assert!(Config::parse(&mistyped).is_ok(), "the qualification platform's fail it on purpose");
    let siret = |problem: &&Problem| problem.key == "establishment[1].siret";
    let remarks = Config::remarks(&mistyped);
    let remark = remarks.iter().find(siret).unwrap_or_else(|| panic!("{}", told(&remarks)));
    assert_eq!(remark.line, line);
    assert!(remark.message.fr.contains("clé de contrôle") && remark.message.en.contains("check digit"), "{remark}");
    assert!(!Config::remarks(&sample()).iter().any(|remark| siret(&remark)));

    let in_production = mistyped.replace("qualification", "production");
    let problems = problems(&in_production);
    assert_eq!(problems.len(), 1, "{}", told(&problems));
    assert!(siret(&&problems[0]) && problems[0].message.en.contains("route[1] is in production"), "{}", problems[0]);
    assert!(!Config::remarks(&in_production).iter().any(|remark| siret(&remark)), "said once");
    assert!(Config::parse(&sample().replace("qualification", "production")).is_ok());
}

/// Seen: a key that the sample had was taken away, and every configuration made from the sample was refused.
#[test]
fn a_key_of_a_former_sample_is_still_taken_and_remarked() {
    let (former, line) = altered(
        "level = \"warning\"",
        "untaken_after = \"7d\"                      # an alarm after\nlevel = \"warning\"",
    );
    let now = Config::parse(&sample()).unwrap();
    assert_eq!(Config::parse(&former).unwrap_or_else(|problems| panic!("{}", told(&problems))), now, "and ignored");
    let remarks = Config::remarks(&former);
    let remark = remarks.iter().find(|remark| remark.key == "notify.untaken_after");
    let remark = remark.unwrap_or_else(|| panic!("{}", told(&remarks)));
    assert_eq!(remark.line, line);
    assert!(remark.to_string().contains("limits.delivery_deadline"), "{remark}");
    assert!(!Config::remarks(&sample()).iter().any(|remark| remark.key.starts_with("notify.untaken")));
}

#[test]
fn hints_name_the_commented_example() {
    let text = sample().replacen("login = \"TECH_1_00000@cpro.fr\"\n", "", 1).replacen("\"block\"", "\"blok\"", 1);
    let text = text.replacen("client_id = \"0", "client_id = \"\" # \"0", 1);
    let problems = problems(&text);
    assert_eq!(problems.len(), 3, "{}", told(&problems));
    for problem in problems {
        for language in [Language::Fr, Language::En] {
            assert!(problem.remedy.get(language).contains(SAMPLE), "{problem}");
        }
    }
}

#[test]
fn two_receivers_of_one_establishment_are_a_contradiction() {
    let more = "\n[[account]]\nname = \"erp\"\n[[route]]\naccount = \"erp\"\nestablishment = \"univ-exemple\"\n\
                environment = \"qualification\"\nreceive = true\n";
    let problems = problems(&(sample() + more));
    assert_eq!(problems.len(), 1, "{}", told(&problems));
    assert_eq!(problems[0].key, "route[2].receive");
}

#[test]
fn two_establishments_with_one_technical_account_each_receive_for_their_own_siret() {
    let more = |siret: &str| {
        let second = format!(
            "\n[[establishment]]\nid = \"iut\"\nname = \"IUT\"\nsiret = \"{siret}\"\n[[establishment.technical_account]]\n\
             environment = \"qualification\"\nlogin = \"TECH_1_00000@cpro.fr\"\npassword_file = \"secrets/iut\"\n\
             [[route]]\naccount = \"sifac\"\nfolder = \"depot/iut\"\nestablishment = \"iut\"\n\
             environment = \"qualification\"\nreceive = true\n"
        );
        sample() + &second
    };
    assert!(Config::parse(&more("12345678200036")).is_ok());
    let problems = problems(&more("12345678200051"));
    assert_eq!(problems.len(), 1, "{}", told(&problems));
    assert_eq!(problems[0].key, "route[2].receive");
    assert!(told(&problems).contains("12345678200051"), "{}", told(&problems));
}

#[test]
fn broken_syntax_and_hostile_sizes_are_problems_and_not_panics() {
    assert!(problems("version = 1\n[door\nlisten = 3").iter().any(|p| p.line == 2));
    assert!(!problems("\u{0}\u{1}[[[").is_empty());
    assert_eq!(problems(&"#".repeat(config::TEXT_LIMIT + 1)).len(), 2, "too long, and therefore no version");
    let many: String = (0..500).map(|n| format!("key{n} = 1\n")).collect();
    assert_eq!(problems(&many).len(), config::PROBLEM_LIMIT);
    let deep = format!("version = 1\ndoor = {}1{}", "[".repeat(5000), "]".repeat(5000));
    assert!(!problems(&deep).is_empty());
}

#[test]
fn accepted_texts_are_kept_and_bad_ones_change_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let file = ConfigFile::new(dir.path().join("config/fluxgate.toml"));
    fs::create_dir(dir.path().join("config")).unwrap();
    let first = file.accept(&sample()).unwrap();
    assert_eq!((first.version, first.before), (1, None));
    assert_eq!(file.accept(&sample()).unwrap().version, 1, "the same text is the same version");
    let (changed, _) = altered("level = \"info\"", "level = \"debug\"");
    let second = file.accept(&changed).unwrap();
    assert_eq!((second.version, second.before), (2, Some(first.sha256)));
    assert!(matches!(file.accept("version = 7"), Err(AcceptError::Problems(problems)) if problems.len() == 1));
    assert_eq!(file.text().unwrap(), changed);
    let numbers: Vec<u32> = file.versions().unwrap().iter().map(|version| version.number).collect();
    assert_eq!(numbers, [2, 1]);
    assert_eq!(file.version_text(1).unwrap(), sample());
    assert!(file.version_text(3).is_err());
}

#[test]
fn a_bad_file_at_boot_gives_the_last_accepted_version() {
    let dir = tempfile::tempdir().unwrap();
    let file = ConfigFile::new(dir.path().join("fluxgate.toml"));
    fs::write(file.path(), sample()).unwrap();
    let boot = file.boot(true);
    assert_eq!((boot.source, boot.fault), (Source::File, None));
    assert_eq!(file.versions().unwrap().len(), 1, "a sound file of a person's own making becomes a version");

    let broken = sample().replace("[door]", "[dor]");
    fs::write(file.path(), &broken).unwrap();
    let boot = file.boot(true);
    assert_eq!(boot.source, Source::Version(1));
    assert_eq!(boot.config, Config::parse(&sample()).unwrap());
    let fault = boot.fault.unwrap();
    assert_eq!(fault.code, Code::ConfigurationRestored);
    assert!(fault.title(Language::En).contains("dor"), "{fault}");
    assert_eq!(boot.problems.len(), 1);
    assert_eq!(file.text().unwrap(), broken, "the person's file stays, to be corrected");

    fs::remove_file(file.path()).unwrap();
    assert_eq!(file.boot(true).source, Source::Version(1));
}

#[test]
fn without_any_usable_version_the_page_is_up_and_flows_are_paused() {
    let dir = tempfile::tempdir().unwrap();
    let file = ConfigFile::new(dir.path().join("fluxgate.toml"));
    let boot = file.boot(true);
    assert_eq!((boot.source, boot.fault.unwrap().code), (Source::Nothing, Code::ConfigurationMissing));
    assert_eq!(boot.config, Config::default());

    let own = sample()
        .replace("listen = \"0.0.0.0:443\"", "listen = \"127.0.0.1:8443\"")
        .replace("dir = \"/var/lib/fluxgate\"", "dir = \"/srv/box\"")
        .replace("header_timeout = \"10s\"", "header_timeout = 10")
        .replace("siret = \"12345678200051\"", "siret = \"1\"");
    fs::write(file.path(), own).unwrap();
    let boot = file.boot(true);
    assert_eq!(boot.source, Source::Nothing);
    assert_eq!(boot.config.door.listen.port(), 8443, "what can be read of the door is in force");
    assert_eq!(boot.config.door.header_timeout, DoorSection::default().header_timeout);
    assert_eq!(boot.config.path(Path::new("secrets/x")), Path::new("/srv/box/secrets/x"));
    assert!(boot.config.establishments.is_empty() && boot.config.routes.is_empty() && boot.config.accounts.is_empty());
}
