//! The words of `--help` and of wrong arguments, in the session's language: each stands beside its other language where it
//! is declared ([`said`]). clap has its own words in English only; the French ones are here.

use clap::builder::{PossibleValue, StyledStr};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Command};

use super::exit;
use crate::fault::Language;

/// The words of the session's language.
pub fn said(fr: &'static str, en: &'static str) -> &'static str {
    match exit::language() {
        Language::Fr => fr,
        Language::En => en,
    }
}

const TEMPLATE: &str = "{before-help}{about-with-newline}\nUtilisation : {usage}\n\n{all-args}{after-help}";
// clap puts the colon behind a heading: French has a space before it.
const COMMANDS: &str = "Commandes ";
const ARGUMENTS: &str = "Arguments ";
const OPTIONS: &str = "Options ";

/// The command with clap's own words in the session's language.
pub fn in_its_language(command: Command) -> Command {
    match exit::language() {
        Language::Fr => in_french(command),
        Language::En => command,
    }
}

fn in_french(command: Command) -> Command {
    let help = Arg::new("help").short('h').long("help").action(ArgAction::Help).help("Afficher cette aide");
    let version = Arg::new("version").short('V').long("version").action(ArgAction::Version).help("Afficher la version");
    let has_version = command.get_version().is_some();
    let mut command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading(COMMANDS)
        .subcommand_value_name("COMMANDE")
        .disable_help_flag(true)
        .disable_help_subcommand(true)
        .disable_version_flag(true)
        .arg(help);
    if has_version {
        command = command.arg(version);
    }
    command.mut_args(french_argument).mut_subcommands(in_french)
}

/// Its values stand in the help, as clap would have them.
fn french_argument(argument: Arg) -> Arg {
    let heading = if argument.is_positional() { ARGUMENTS } else { OPTIONS };
    let mut help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let takes = argument.get_action().takes_values();
    let default: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes && !default.is_empty() {
        help = format!("{help} [défaut : {}]", default.join(", "));
    }
    let possible: Vec<_> =
        argument.get_possible_values().iter().map(|v| PossibleValue::get_name(v).to_owned()).collect();
    if takes && !possible.is_empty() {
        help = format!("{help} [valeurs possibles : {}]", possible.join(", "));
    }
    let argument = argument.help_heading(heading).help(help);
    if takes { argument.hide_default_value(true).hide_possible_values(true) } else { argument }
}

/// Help and version go to standard output and are no error; what is wrong with the arguments goes to standard error.
pub fn tell(error: &clap::Error) {
    if !error.use_stderr()
        || exit::language() == Language::En
        || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    {
        // Nobody is left to tell when printing fails.
        let _ = error.print();
        return;
    }
    eprintln!("erreur : {}", wrong(error));
    if let Some(usage) = text(error, ContextKind::Usage) {
        eprintln!("\n{}", usage.replacen("Usage:", "Utilisation :", 1));
    }
    eprintln!("\nPour en savoir plus, essayez « --help ».");
}

/// What is wrong, in French.
fn wrong(error: &clap::Error) -> String {
    let of = |kind| text(error, kind).unwrap_or_else(|| "?".to_owned());
    let argument = || of(ContextKind::InvalidArg);
    let mut said = match error.kind() {
        ErrorKind::UnknownArgument => format!("argument inconnu « {} »", argument()),
        ErrorKind::InvalidSubcommand => format!("commande inconnue « {} »", of(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if of(ContextKind::InvalidValue).is_empty() => {
            format!("« {} » demande une valeur", argument())
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("valeur refusée « {} » pour « {} »", of(ContextKind::InvalidValue), argument())
        }
        ErrorKind::MissingRequiredArgument => format!("il manque : {}", argument()),
        ErrorKind::MissingSubcommand => "il manque une commande".to_owned(),
        ErrorKind::ArgumentConflict => {
            format!("« {} » ne va pas avec « {} »", argument(), of(ContextKind::PriorArg))
        }
        ErrorKind::TooManyValues | ErrorKind::TooFewValues | ErrorKind::WrongNumberOfValues => {
            format!("« {} » n'a pas le bon nombre de valeurs", argument())
        }
        ErrorKind::NoEquals => format!("« {} » demande le signe égal", argument()),
        ErrorKind::InvalidUtf8 => "un argument n'est pas en UTF-8".to_owned(),
        kind => format!("arguments inutilisables (détail technique : {kind})"),
    };
    if let Some(values) = text(error, ContextKind::ValidValue) {
        said = format!("{said} [valeurs possibles : {values}]");
    } else if let Some(why) = std::error::Error::source(error) {
        said = format!("{said} : {why}");
    }
    for kind in [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand] {
        if let Some(near) = text(error, kind) {
            said = format!("{said} ; vouliez-vous dire « {near} » ?");
        }
    }
    said
}

fn text(error: &clap::Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(all) => Some(all.join(", ")),
        ContextValue::StyledStr(text) => Some(StyledStr::to_string(text)),
        ContextValue::Number(number) => Some(number.to_string()),
        _ => None,
    }
}
