//! The guided configuration: five small forms that write into the one file, comments and order kept.
//!
//! Each form becomes an edited text and goes the way of every other edit. Passwords are hashed here, secrets go into
//! their files; neither enters the configuration.

use std::path::Path;

use askama::Template;
use toml_edit::{Array, ArrayOfTables, DocumentMut, Item, Table, value};
use zeroize::Zeroizing;

use crate::config::Config;
use crate::domain::{AccountName, Environment, EstablishmentId, Siret};
use crate::web::answer::Answer;
use crate::web::ask::{Ask, Fields, Method};
use crate::web::configuration::{self, ProblemView};
use crate::web::error::Trouble;
use crate::web::page::{Chrome, Visit};
use crate::web::site::Site;
use crate::web::words::Tongue;
use crate::web::{password, secrets};

/// A step of the set-up, and whether it is done.
struct StepView {
    label: &'static str,
    anchor: &'static str,
    done: bool,
    facts: Vec<String>,
}

/// What a list lets choose.
struct Entry {
    value: String,
    label: String,
}

#[derive(Template)]
#[template(path = "guide.html", config = "src/web/askama.toml")]
struct GuidePage<'a> {
    c: &'a Chrome,
    tab: &'static str,
    steps: Vec<StepView>,
    establishments: Vec<Entry>,
    accounts: Vec<Entry>,
    environments: Vec<Entry>,
    missing: Vec<String>,
    /// The form that was sent, and what is wrong with it.
    sent: &'a str,
    form: &'a Fields,
    problem: Option<&'a str>,
    problems: Vec<ProblemView>,
    /// The file cannot be read: its own page first.
    broken: bool,
    shortest: usize,
}

impl GuidePage<'_> {
    /// What was typed into a form that came back.
    fn typed(&self, form: &str, field: &str) -> &str {
        if self.sent == form { self.form.trimmed(field) } else { "" }
    }

    fn chosen(&self, form: &str, field: &str, option: &Entry) -> bool {
        self.typed(form, field) == option.value
    }
}

/// What a form could not make into an edit.
type Said<'t> = &'t str;

pub fn show(site: &Site, ask: &Ask, visit: &Visit) -> Result<Answer, Trouble> {
    page(site, ask, visit, "", None, Vec::new())
}

fn page(
    site: &Site,
    ask: &Ask,
    visit: &Visit,
    sent: &str,
    problem: Option<&str>,
    problems: Vec<ProblemView>,
) -> Result<Answer, Trouble> {
    let t = visit.t;
    let text = configuration::text(site)?.unwrap_or_default();
    let read = Config::parse(&text);
    let broken = !text.is_empty() && text.parse::<DocumentMut>().is_err();
    let config = read.unwrap_or_default();
    let c = visit.chrome(site, ask, "configuration", t.say("Assistant", "Assistant"));
    let refused = problem.is_some() || !problems.is_empty();
    let page = GuidePage {
        c: &c,
        tab: "guide",
        steps: steps(site, t, &config),
        establishments: config
            .establishments
            .iter()
            .map(|e| Entry { value: e.id.to_string(), label: format!("{} ({})", e.name, e.id) })
            .collect(),
        accounts: config
            .accounts
            .iter()
            .map(|a| Entry { value: a.name.to_string(), label: a.name.to_string() })
            .collect(),
        environments: [Environment::Qualification, Environment::Production, Environment::Practice]
            .into_iter()
            .map(|e| Entry { value: e.to_string(), label: t.environment(e).to_owned() })
            .collect(),
        missing: secrets::named(&text).into_keys().filter(|name| !secrets::is_there(site, name)).collect(),
        sent,
        form: &ask.form,
        problem,
        problems,
        broken,
        shortest: password::SHORTEST,
    };
    let answer = Answer::html(page.render()?);
    Ok(if refused && ask.method == Method::Post { answer.status(422) } else { answer })
}

fn steps(site: &Site, t: Tongue, config: &Config) -> Vec<StepView> {
    let secret = |path: &Path| config.path(path).is_file() || site.settings.data_dir.join(path).is_file();
    let technical = || config.establishments.iter().flat_map(|e| e.technical_account.iter().map(move |a| (e, a)));
    let lacking = |there: bool| if there { "" } else { t.say(" — secret à fournir", " — secret missing") };
    vec![
        StepView {
            label: t.say("Établissement", "Establishment"),
            anchor: "etablissement",
            done: !config.establishments.is_empty(),
            facts: config.establishments.iter().map(|e| format!("{} · SIRET {}", e.name, e.siret)).collect(),
        },
        StepView {
            label: t.say("Raccordement à l’API", "API connection"),
            anchor: "api",
            done: !config.chorus.api.is_empty() && config.chorus.api.values().all(|a| secret(&a.client_secret_file)),
            facts: config
                .chorus
                .api
                .iter()
                .map(|(e, a)| {
                    format!("{} · {}{}", t.environment(*e), a.base_url, lacking(secret(&a.client_secret_file)))
                })
                .collect(),
        },
        StepView {
            label: t.say("Compte technique", "Technical account"),
            anchor: "technique",
            done: technical().next().is_some() && technical().all(|(_, a)| secret(&a.password_file)),
            facts: technical()
                .map(|(e, a)| {
                    format!(
                        "{} · {} · {}{}",
                        e.id,
                        t.environment(a.environment),
                        a.login,
                        lacking(secret(&a.password_file))
                    )
                })
                .collect(),
        },
        StepView {
            label: t.say("Compte SFTP", "SFTP account"),
            anchor: "compte",
            done: !config.accounts.is_empty(),
            facts: config.accounts.iter().map(|a| a.name.to_string()).collect(),
        },
        StepView {
            label: t.say("Route", "Route"),
            anchor: "route",
            done: !config.routes.is_empty(),
            facts: config
                .routes
                .iter()
                .map(|r| {
                    format!("{} /{} → {} · {}", r.account, r.folder, r.establishment, t.environment(r.environment))
                })
                .collect(),
        },
    ]
}

/// Applies one of the forms.
pub fn apply(site: &Site, ask: &Ask, visit: &Visit, form: &str) -> Result<Answer, Trouble> {
    let t = visit.t;
    let text = configuration::text(site)?.unwrap_or_else(|| "version = 1\n".to_owned());
    let Ok(mut document) = text.parse::<DocumentMut>() else {
        return Ok(Answer::see_other("/configuration"));
    };
    let mut secret = None;
    let edited = match form {
        "etablissement" => establishment(t, &mut document, &ask.form),
        "api" => api(t, &mut document, &ask.form).map(|name| secret = name),
        "technique" => technical_account(t, &mut document, &ask.form).map(|name| secret = name),
        "compte" => account(t, &mut document, &ask.form)?,
        "route" => route(t, &mut document, &ask.form),
        _ => return Err(Trouble::NotFound),
    };
    if let Err(problem) = edited {
        return page(site, ask, visit, form, Some(problem), Vec::new());
    }
    let new = document.to_string();
    if let Err(problems) = Config::parse(&new) {
        let problems = ProblemView::all(&problems, &new, t);
        return page(site, ask, visit, form, None, problems);
    }
    let given = Zeroizing::new(ask.form.get("secret").to_owned());
    let put = secret.filter(|_| !given.trim().is_empty());
    if let Some(name) = &put {
        secrets::keep(site, visit, name, &given)?;
    }
    match configuration::accept(site, visit, &new)? {
        Ok(said) => {
            if put.is_some() && said == "inchange" {
                (site.reload)();
            }
            let said = if put.is_some() && said == "inchange" { "secret" } else { said };
            Ok(Answer::see_other(&format!("/configuration/assistant?fait={said}")))
        }
        Err(problems) => page(site, ask, visit, form, None, ProblemView::all(&problems, &new, t)),
    }
}

/// The tables of `[[key]]` in `table`, made when there is none.
fn tables<'d>(table: &'d mut Table, key: &str) -> Option<&'d mut ArrayOfTables> {
    table.entry(key).or_insert(Item::ArrayOfTables(ArrayOfTables::new())).as_array_of_tables_mut()
}

fn misshapen<'t>(t: Tongue) -> Said<'t> {
    t.say(
        "Le fichier a ici une autre forme : modifiez-le directement.",
        "The file has another shape here: edit it directly.",
    )
}

/// The table among `list` whose `key` says `is`, or a new one at the end.
fn table_where<'l>(list: &'l mut ArrayOfTables, key: &str, is: &str) -> Option<&'l mut Table> {
    let place = list.iter().position(|t| t.get(key).and_then(Item::as_str) == Some(is));
    let place = place.unwrap_or_else(|| {
        let mut new = Table::new();
        new.insert(key, value(is));
        list.push(new);
        list.len() - 1
    });
    list.get_mut(place)
}

fn establishment(t: Tongue, document: &mut DocumentMut, form: &Fields) -> Result<(), Said<'static>> {
    let (id, name) = (form.trimmed("id"), form.trimmed("name"));
    let siret: String = form.trimmed("siret").chars().filter(|c| !c.is_whitespace()).collect();
    if id.parse::<EstablishmentId>().is_err() {
        return Err(t.say(
            "Identifiant refusé : 1 à 32 caractères parmi a-z 0-9 - _.",
            "Identifier refused: 1 to 32 characters of a-z 0-9 - _.",
        ));
    }
    if name.is_empty() {
        return Err(t.say("Indiquez le nom de l’établissement.", "Give the establishment’s name."));
    }
    if siret.parse::<Siret>().is_err() {
        return Err(t.say("Un SIRET a 14 chiffres.", "A SIRET has 14 digits."));
    }
    let list = tables(document, "establishment").ok_or_else(|| misshapen(t))?;
    let table = table_where(list, "id", id).ok_or_else(|| misshapen(t))?;
    table["name"] = value(name);
    table["siret"] = value(siret);
    Ok(())
}

/// PISTE's addresses (PROTOCOL §1): token, API.
fn addresses(environment: Environment) -> Option<(&'static str, &'static str)> {
    match environment {
        Environment::Production => Some(("https://oauth.piste.gouv.fr/api/oauth/token", "https://api.piste.gouv.fr")),
        Environment::Qualification => {
            Some(("https://sandbox-oauth.piste.gouv.fr/api/oauth/token", "https://sandbox-api.piste.gouv.fr"))
        }
        Environment::Practice => None,
    }
}

fn api(t: Tongue, document: &mut DocumentMut, form: &Fields) -> Result<Option<String>, Said<'static>> {
    let environment: Environment = form
        .trimmed("environment")
        .parse()
        .map_err(|_| t.say("Choisissez un environnement.", "Choose an environment."))?;
    let client_id = form.trimmed("client_id");
    if client_id.is_empty() {
        return Err(t.say(
            "Indiquez le client_id de PISTE (panneau « OAuth Credentials »).",
            "Give PISTE’s client_id (panel \"OAuth Credentials\").",
        ));
    }
    let chorus = document.entry("chorus").or_insert_with(implicit).as_table_mut().ok_or_else(|| misshapen(t))?;
    let api = chorus.entry("api").or_insert_with(implicit).as_table_mut().ok_or_else(|| misshapen(t))?;
    let table = api
        .entry(environment.as_str())
        .or_insert_with(|| Item::Table(Table::new()))
        .as_table_mut()
        .ok_or_else(|| misshapen(t))?;
    let usual = addresses(environment);
    for (key, typed, usual) in [
        ("token_url", form.trimmed("token_url"), usual.map(|u| u.0)),
        ("base_url", form.trimmed("base_url"), usual.map(|u| u.1)),
    ] {
        if !typed.is_empty() {
            table[key] = value(typed);
        } else if !table.contains_key(key) {
            table[key] = value(usual.ok_or_else(|| {
                t.say("Indiquez les deux adresses de ce service.", "Give the two addresses of this service.")
            })?);
        }
    }
    table["client_id"] = value(client_id);
    Ok(secret_file(table, "client_secret_file", &format!("piste.{environment}.secret")))
}

fn implicit() -> Item {
    let mut table = Table::new();
    table.set_implicit(true);
    Item::Table(table)
}

/// The secret that `key` names, named now if it was not; its file's name when the page can write it.
fn secret_file(table: &mut Table, key: &str, usual: &str) -> Option<String> {
    if !table.contains_key(key) {
        table[key] = value(format!("{}/{usual}", secrets::FOLDER));
    }
    let named = table.get(key).and_then(Item::as_str)?.strip_prefix("secrets/")?;
    secrets::is_name(named).then(|| named.to_owned())
}

fn technical_account(t: Tongue, document: &mut DocumentMut, form: &Fields) -> Result<Option<String>, Said<'static>> {
    let (id, login) = (form.trimmed("establishment"), form.trimmed("login"));
    let environment: Environment = form
        .trimmed("environment")
        .parse()
        .map_err(|_| t.say("Choisissez un environnement.", "Choose an environment."))?;
    if login.is_empty() {
        return Err(
            t.say("Indiquez le compte technique (TECH_…@cpro.fr).", "Give the technical account (TECH_…@cpro.fr).")
        );
    }
    let list = tables(document, "establishment").ok_or_else(|| misshapen(t))?;
    let owner = list
        .iter_mut()
        .find(|e| e.get("id").and_then(Item::as_str) == Some(id))
        .ok_or_else(|| t.say("Choisissez un établissement.", "Choose an establishment."))?;
    let accounts = tables(owner, "technical_account").ok_or_else(|| misshapen(t))?;
    let table = table_where(accounts, "environment", environment.as_str()).ok_or_else(|| misshapen(t))?;
    table["login"] = value(login);
    Ok(secret_file(table, "password_file", &format!("{id}.{environment}.password")))
}

/// The outer error: hashing failed. The inner one: what the person should correct.
fn account(
    t: Tongue,
    document: &mut DocumentMut,
    form: &Fields,
) -> Result<Result<(), Said<'static>>, password::HashError> {
    let (name, key) = (form.trimmed("name"), form.trimmed("key"));
    let typed = Zeroizing::new(form.get("password").to_owned());
    let length = typed.chars().count();
    let problem = if name.parse::<AccountName>().is_err() {
        t.say("Nom refusé : 1 à 32 caractères parmi a-z 0-9 - _.", "Name refused: 1 to 32 characters of a-z 0-9 - _.")
    } else if typed.is_empty() && key.is_empty() {
        t.say("Donnez un mot de passe ou une clé publique.", "Give a password or a public key.")
    } else if !typed.is_empty() && !(password::SHORTEST..=password::LONGEST).contains(&length) {
        t.say("Le mot de passe doit avoir de 12 à 256 caractères.", "The password must have 12 to 256 characters.")
    } else if *typed != form.get("repeat") {
        t.say("Les deux mots de passe diffèrent.", "The two passwords differ.")
    } else {
        ""
    };
    if !problem.is_empty() {
        return Ok(Err(problem));
    }
    let Some(table) = tables(document, "account").and_then(|list| table_where(list, "name", name)) else {
        return Ok(Err(misshapen(t)));
    };
    if !typed.is_empty() {
        table["password_hash"] = value(password::hash(&typed)?);
    }
    if !key.is_empty() {
        let keys = table.entry("authorized_keys").or_insert(value(Array::new()));
        let Some(keys) = keys.as_array_mut() else { return Ok(Err(misshapen(t))) };
        if !keys.iter().any(|k| k.as_str() == Some(key)) {
            keys.push(key);
        }
    }
    Ok(Ok(()))
}

fn route(t: Tongue, document: &mut DocumentMut, form: &Fields) -> Result<(), Said<'static>> {
    let folder = form.trimmed("folder").trim_matches('/');
    let folder = if folder.is_empty() { "depot" } else { folder };
    let account = form.trimmed("account");
    let list = tables(document, "route").ok_or_else(|| misshapen(t))?;
    let place = list.iter().position(|r| {
        r.get("account").and_then(Item::as_str) == Some(account)
            && r.get("folder").and_then(Item::as_str).unwrap_or("depot") == folder
    });
    let place = place.unwrap_or_else(|| {
        list.push(Table::new());
        list.len() - 1
    });
    let table = list.get_mut(place).ok_or_else(|| misshapen(t))?;
    for (key, text) in [
        ("account", account),
        ("folder", folder),
        ("establishment", form.trimmed("establishment")),
        ("environment", form.trimmed("environment")),
        ("profile", form.trimmed("profile")),
        ("check", form.trimmed("check")),
    ] {
        if !text.is_empty() {
            table[key] = value(text);
        }
    }
    table["receive"] = value(form.has("receive"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fault::Language;

    const T: Tongue = Tongue(Language::En);

    fn fields(text: &str) -> Fields {
        Fields::of(text)
    }

    #[test]
    fn from_nothing_to_a_whole_configuration() {
        let mut document: DocumentMut = "version = 1\n".parse().unwrap();
        let d = &mut document;
        establishment(T, d, &fields("id=univ-exemple&name=Universit%C3%A9&siret=123 456 782 00051")).unwrap();
        let secret = api(T, d, &fields("environment=qualification&client_id=abc")).unwrap();
        assert_eq!(secret.as_deref(), Some("piste.qualification.secret"));
        let form = fields("establishment=univ-exemple&environment=qualification&login=TECH_1_1@cpro.fr");
        assert_eq!(technical_account(T, d, &form).unwrap().as_deref(), Some("univ-exemple.qualification.password"));
        let form = fields("name=sifac&password=une longue phrase&repeat=une longue phrase");
        account(T, d, &form).unwrap().unwrap();
        let form = fields("account=sifac&establishment=univ-exemple&environment=qualification&check=block&receive=1");
        route(T, d, &form).unwrap();
        let text = document.to_string();
        let config = Config::parse(&text).unwrap_or_else(|problems| panic!("{problems:?}\n{text}"));
        assert_eq!(config.establishments[0].technical_account[0].login, "TECH_1_1@cpro.fr");
        assert!(config.accounts[0].password_hash.as_ref().unwrap().as_str().starts_with("$argon2id$"));
        assert!(config.routes[0].receive && !text.contains("longue phrase"));
    }

    #[test]
    fn comments_and_the_other_tables_stay() {
        let text = include_str!("../../config/fluxgate.toml");
        let mut document: DocumentMut = text.parse().unwrap();
        let d = &mut document;
        establishment(T, d, &fields("id=univ-exemple&name=Autre nom&siret=12345678200051")).unwrap();
        account(T, d, &fields("name=cocktail&key=ssh-ed25519 AAAA")).unwrap().unwrap();
        let new = document.to_string();
        for line in text.lines().filter(|l| l.trim_start().starts_with('#')) {
            assert!(new.contains(line), "{line}");
        }
        assert!(new.contains("Autre nom") && new.contains("\"cocktail\"") && new.contains("\"sifac\""));
        assert_eq!(new.matches("[[establishment]]").count(), 1);
    }

    #[test]
    fn forms_say_what_is_wrong() {
        let mut document: DocumentMut = "version = 1\n".parse().unwrap();
        let d = &mut document;
        assert!(establishment(T, d, &fields("id=Univ&name=x&siret=1")).unwrap_err().contains("a-z"));
        assert!(establishment(T, d, &fields("id=u&name=x&siret=1")).unwrap_err().contains("14"));
        assert!(api(T, d, &fields("environment=practice&client_id=a")).unwrap_err().contains("addresses"));
        assert!(account(T, d, &fields("name=a&password=short&repeat=short")).unwrap().unwrap_err().contains("12"));
        assert!(account(T, d, &fields("name=a")).unwrap().unwrap_err().contains("key"));
    }
}
