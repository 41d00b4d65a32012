//! `fluxgate notify test`: does a notice reach people? Sends one by each channel that the configuration has.

use std::process::ExitCode;

use super::exit::{self, Failure};
use super::place::Place;
use super::runtime;
use super::words::said;
use crate::config::Source;
use crate::fault::{Language, Text};
use crate::work::watch::{self, ChannelError};

#[derive(Debug, clap::Subcommand)]
pub enum Command {
    #[command(about = said(
        "Envoyer un essai par chaque voie de [notify]. Code 0 : toutes l'ont pris, 69 : une ne l'a pas pris, 78 : aucune \
         n'est configurée",
        "Send a test by each channel of [notify]. Exit 0: all took it, 69: one did not, 78: none is configured"
    ))]
    Test {
        #[command(flatten)]
        place: Place,
    },
}

pub fn run(command: &Command) -> ExitCode {
    let Command::Test { place } = command;
    match test(place) {
        Ok(code) => code,
        Err(failure) => failure.tell("notify"),
    }
}

fn test(place: &Place) -> Result<ExitCode, Failure> {
    let boot = place.file()?.boot(false);
    if boot.source == Source::Nothing {
        let said = |language| boot.fault.as_ref().map_or_else(String::new, |fault| fault.title(language));
        return Err(Failure::new(exit::CONFIG, said(Language::Fr), said(Language::En))
            .hint("Voyez « fluxgate config check »", "See `fluxgate config check`"));
    }
    let options = boot.config.watched();
    if options.notify.mail.is_none() && options.notify.webhook.is_none() {
        return Err(Failure::new(
            exit::CONFIG,
            "ni [notify.mail] ni [notify.webhook] dans la configuration : personne n'est prévenu",
            "neither [notify.mail] nor [notify.webhook] is in the configuration: nobody is told",
        ));
    }
    Ok(runtime::block_on(runtime::processors(), async move { tell(watch::test(&options).await) }))
}

/// One line for each channel.
fn tell(outcomes: Vec<(&'static str, Result<Vec<Text>, ChannelError>)>) -> ExitCode {
    let language = exit::language();
    let french = language == Language::Fr;
    let say = |fr: &'static str, en: &'static str| if french { fr } else { en };
    let mut all = true;
    for (channel, outcome) in outcomes {
        let name = if channel == "mail" { say("courriel", "e-mail") } else { channel };
        let colon = say(" : ", ": ");
        match outcome {
            Ok(refused) if refused.is_empty() => println!("{name}{colon}{}", say("parti", "sent")),
            Ok(refused) => {
                all = false;
                let some = say("parti, sauf pour (détail technique)", "sent, but for (technical detail)");
                let refused: Vec<&str> = refused.iter().map(|said| said.get(language)).collect();
                println!("{name}{colon}{some}{colon}{}", refused.join("; "));
            }
            Err(error) => {
                all = false;
                let why = error.text().get(language);
                println!(
                    "{name}{colon}{}{colon}{why}",
                    say("non parti (détail technique)", "not sent (technical detail)")
                );
            }
        }
    }
    if all { ExitCode::SUCCESS } else { exit::UNAVAILABLE.into() }
}
