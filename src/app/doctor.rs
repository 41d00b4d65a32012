//! `fluxgate doctor`: each link between this box and Chorus Pro tried, and each failure with what it looks like and its
//! remedy. Reads the configuration and the secrets it names, and nothing else; writes nothing.

use std::io::{self, Write};
use std::process::ExitCode;

use serde_json::{Value, json};

use super::exit::{self, Exit, Failure};
use super::place::Place;
use super::runtime;
use super::words::said;
use crate::config::Config;
use crate::domain::{Environment, EstablishmentId, Realm};
use crate::fault::Language;
use crate::work::doctor::{self, Blame, Diagnosis, Finding, Link, Outcome, Patient};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    place: Place,
    #[arg(long, value_name = said("ENVIRONNEMENT", "ENVIRONMENT"), help = said(
        "Cet environnement seulement : production, qualification ou practice",
        "Only this environment: production, qualification or practice"
    ))]
    environment: Option<Environment>,
    #[arg(long, value_name = said("ÉTABLISSEMENT", "ESTABLISHMENT"), help = said(
        "Cet établissement seulement, par son id",
        "Only this establishment, by its id"
    ))]
    establishment: Option<EstablishmentId>,
    #[arg(long, help = said("Un objet JSON au lieu de lignes", "One JSON object instead of lines"))]
    json: bool,
    #[arg(long, value_parser = language, value_name = said("LANGUE", "LANGUAGE"), help = said(
        "fr ou en [défaut : « language » de [web], ou l'anglais dans une session anglaise]",
        "fr or en [default: `[web] language`, or English in an English session]"
    ))]
    language: Option<Language>,
}

fn language(text: &str) -> Result<Language, String> {
    match text {
        "fr" => Ok(Language::Fr),
        "en" => Ok(Language::En),
        _ => Err("fr, en".to_owned()),
    }
}

pub fn run(arguments: &Arguments) -> ExitCode {
    let config = match configuration(arguments) {
        Ok(config) => config,
        Err(failure) => return failure.tell("doctor"),
    };
    let language = arguments.language.unwrap_or(match config.web.language {
        Language::En => Language::En,
        Language::Fr => exit::language(),
    });
    let patients = patients(&config, arguments);
    if patients.is_empty() {
        return Failure::new(
            exit::CONFIG,
            "aucun établissement n'a de compte technique pour ce qui est demandé. Ajoutez \
             [[establishment.technical_account]] et [chorus.api.<environnement>], ou changez --environment et --establishment",
            "no establishment has a technical account for what was asked. Add [[establishment.technical_account]] and \
             [chorus.api.<environment>], or change --environment and --establishment",
        )
        .tell("doctor");
    }
    runtime::block_on(runtime::processors(), async move {
        let mut diagnoses = Vec::new();
        for patient in &patients {
            let diagnosis = doctor::examine(patient).await;
            if !arguments.json {
                let _ = print(&diagnosis, language);
            }
            diagnoses.push(diagnosis);
        }
        let exit = verdict(&diagnoses);
        if arguments.json {
            println!("{}", document(&diagnoses, exit, language));
        }
        exit.map_or(ExitCode::SUCCESS, ExitCode::from)
    })
}

fn configuration(arguments: &Arguments) -> Result<Config, Failure> {
    let file = arguments.place.anyway();
    let path = file.path().display().to_string();
    let hint = |failure: Failure| {
        failure.hint(
            "Donnez le chemin de la configuration avec --config, et lancez la commande sous l'utilisateur de Fluxgate",
            "Name the configuration with --config, and run the command as Fluxgate's own user",
        )
    };
    let text = file.text().map_err(|error| hint(Failure::io(exit::NO_INPUT, &path, &error)))?;
    Config::parse(&text).map_err(|problems| {
        let first = problems.first().map_or_else(|| crate::fault::Text::same(""), crate::config::Problem::text);
        Failure::new(exit::CONFIG, format!("{path}:{}", first.fr), format!("{path}:{}", first.en)).hint(
            "« fluxgate config check » montre tous les problèmes",
            "\"fluxgate config check\" shows every problem",
        )
    })
}

fn patients<'a>(config: &'a Config, arguments: &Arguments) -> Vec<Patient<'a>> {
    let mut patients = config.patients();
    patients.retain(|patient| {
        let Realm { establishment, environment } = &patient.realm;
        arguments.establishment.as_ref().is_none_or(|wanted| wanted == establishment)
            && arguments.environment.is_none_or(|wanted| wanted == *environment)
    });
    patients
}

/// What a person can repair here outweighs what may pass by itself.
fn verdict(diagnoses: &[Diagnosis]) -> Option<Exit> {
    let blames: Vec<Blame> = diagnoses.iter().filter_map(Diagnosis::blame).collect();
    if blames.contains(&Blame::Configuration) {
        Some(exit::CONFIG)
    } else {
        (!blames.is_empty()).then_some(exit::UNAVAILABLE)
    }
}

fn print(diagnosis: &Diagnosis, language: Language) -> io::Result<()> {
    let say = |fr: &'static str, en: &'static str| if language == Language::Fr { fr } else { en };
    let mut out = io::stdout().lock();
    let Realm { establishment, environment } = &diagnosis.realm;
    let environment = language.environment(*environment);
    writeln!(out, "{} ({establishment}), {environment}", diagnosis.name)?;
    for link in &diagnosis.links {
        writeln!(out, "  {}", line(link, language))?;
    }
    if diagnosis.findings.is_empty() {
        return writeln!(out, "  {}\n", say("Tout est en ordre.", "All is well."));
    }
    let title = if diagnosis.is_sound() {
        say("Tout passe ; à regarder :", "Everything passes; worth a look:")
    } else {
        say("À quoi cela ressemble :", "What it looks like:")
    };
    writeln!(out, "  {title}")?;
    for (place, finding) in diagnosis.findings.iter().enumerate() {
        let (cause, remedy) = (finding.cause.get(language), finding.remedy.get(language));
        let (cause, remedy) = (cause.trim_end_matches('.'), remedy.trim_end_matches('.'));
        writeln!(out, "  {}. {cause}.\n     → {remedy}.", place + 1)?;
    }
    writeln!(out)
}

fn line(link: &Link, language: Language) -> String {
    let mark = match link.outcome {
        Outcome::Good => '✓',
        Outcome::Doubtful => '!',
        Outcome::Broken => '✗',
        Outcome::Untried => '–',
    };
    let (title, said) = (link.kind.title(), link.said.get(language));
    let took = link.took.map_or_else(String::new, |took| format!("  [{} ms]", took.as_millis()));
    format!("{mark} {:<26} {said}{took}", title.get(language))
}

fn document(diagnoses: &[Diagnosis], exit: Option<Exit>, language: Language) -> Value {
    let link = |link: &Link| {
        json!({
            "link": link.kind.as_str(),
            "outcome": link.outcome.as_str(),
            "said": link.said.get(language),
            "ms": link.took.map(|took| u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        })
    };
    let finding = |finding: &Finding| {
        json!({
            "mistake": finding.mistake,
            "breaks": finding.breaks,
            "cause": finding.cause.get(language),
            "remedy": finding.remedy.get(language),
        })
    };
    let realm = |diagnosis: &Diagnosis| {
        json!({
            "establishment": diagnosis.realm.establishment.as_str(),
            "environment": diagnosis.realm.environment.as_str(),
            "sound": diagnosis.is_sound(),
            "links": diagnosis.links.iter().map(link).collect::<Vec<_>>(),
            "findings": diagnosis.findings.iter().map(finding).collect::<Vec<_>>(),
        })
    };
    json!({"exit": exit.map_or(0, |exit| exit.0), "realms": diagnoses.iter().map(realm).collect::<Vec<_>>()})
}
