//! What can be asked: one arm per verb. A new verb is an arm here and a variant of [`Request`].

use std::time::{Duration, Instant};

use super::{Keeper, reset};
use crate::gate::{KeeperAnswer as Answer, KeeperRequest as Request, Refusal};

/// Between the answer and the restart: the answer is still on its way.
const RESTART_DELAY: Duration = Duration::from_millis(700);

/// Does what is asked. Blocks until it is durable, where it is something to be kept.
pub(super) fn answer(keeper: &Keeper, request: Request) -> Answer {
    match request {
        Request::Status => Answer::Status(keeper.machine.status(reset::is_asked(&keeper.machine))),
        Request::Show(sight) => {
            keeper.told().sight = Some((Instant::now(), sight));
            let (events, lost) = keeper.events().waiting();
            Answer::Events { events, lost }
        }
        Request::Recorded { through } => {
            keeper.events().recorded(through);
            Answer::Done
        }
        Request::Restart => done(restart(keeper)),
        Request::FactoryReset => done(reset::ask(&keeper.machine)),
    }
}

fn done(result: Result<(), Refusal>) -> Answer {
    result.map_or_else(Answer::Refused, |()| Answer::Done)
}

fn refused(error: std::io::Error) -> Refusal {
    Refusal::System { what: "restart".to_owned(), error: error.to_string() }
}

/// Whether there is somebody to restart it.
pub(super) fn can_restart(keeper: &Keeper) -> Result<(), Refusal> {
    keeper.machine.can_restart().map_err(refused)
}

/// Restarts the machine, a moment after this returns.
pub(super) fn restart(keeper: &Keeper) -> Result<(), Refusal> {
    can_restart(keeper)?;
    let machine = keeper.machine.clone();
    let restart = move || {
        std::thread::sleep(RESTART_DELAY);
        if let Err(error) = machine.restart() {
            log::error!(error = error.to_string().as_str(); "The machine could not be restarted");
        }
    };
    std::thread::Builder::new().name("restart".to_owned()).spawn(restart).map_err(refused)?;
    keeper.told().restarting = true;
    log::info!("The machine restarts");
    Ok(())
}
