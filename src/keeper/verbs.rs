//! What can be asked: one arm per verb. A new verb is an arm here and a variant of [`Request`].

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Keeper, reset, sealer, updates};
use crate::gate::{BODY_LIMIT, Events, KeeperAnswer as Answer, KeeperRequest as Request, KeyAsk, Refusal, SealRefusal};

/// Between the answer and the restart: the answer is still on its way.
const RESTART_DELAY: Duration = Duration::from_millis(700);

/// Does what is asked; what long work comes of it goes on in the background. Blocks until it is durable, where it is something to
/// be kept. What answers in a frame's body is there as the second.
pub(super) fn answer(keeper: &Arc<Keeper>, request: Request, file: Option<OwnedFd>) -> (Answer, Vec<u8>) {
    let answer = match (request, file) {
        (Request::Status, _) => Answer::Status(Box::new(keeper.status())),
        (Request::Show(sight), _) => {
            keeper.told().sight = Some((Instant::now(), sight));
            let (events, lost) = keeper.events().waiting();
            let (updates, on_trial) = (updates::unrecorded(keeper), keeper.updates.is_on_trial());
            let offered = keeper.updates.offered();
            Answer::Events(Events { events, lost, updates, on_trial, offered })
        }
        (Request::Recorded { through, updates }, _) => {
            keeper.events().recorded(through);
            updates::record(keeper, updates);
            Answer::Done
        }
        (Request::RecoveryKey(ask), _) => recovery_key(keeper, ask),
        (Request::Restart, _) => done(restart(keeper)),
        (Request::FactoryReset, _) => done(factory_reset(keeper)),
        (Request::Network(settings), _) => done(keeper.network().propose(settings, Instant::now())),
        (Request::ConfirmNetwork, _) => done(keeper.network().confirm()),
        (Request::Updates, _) => match updates::told_as_json(keeper) {
            Ok(body) if body.len() <= BODY_LIMIT => return (Answer::Updates, body),
            _ => Answer::Refused(Refusal::System { what: "updates".to_owned(), error: "too much to tell".to_owned() }),
        },
        (Request::Offer { from, bytes, known }, Some(file)) => done(updates::offer(keeper, file, from, bytes, known)),
        (Request::Offer { .. }, None) => Answer::Refused(Refusal::Malformed),
        (Request::Install { sha256 }, _) => done(updates::install(keeper, &sha256)),
        (Request::Withdraw, _) => done(updates::withdraw(keeper)),
        (Request::GoBack, _) => done(updates::go_back(keeper)),
    };
    (answer, Vec::new())
}

/// Keeper cannot know who asks core: that an administrator does, core has seen to.
fn recovery_key(keeper: &Keeper, ask: KeyAsk) -> Answer {
    let (machine, now) = (&keeper.machine, Instant::now());
    let seal = sealer::found(machine);
    let mut recovery = keeper.recovery();
    let made = match ask {
        KeyAsk::Take => return recovery.take(machine, now).map_or_else(refused_seal, Answer::RecoveryKey),
        _ if !seal.sealed => Err(SealRefusal::NotSealed),
        KeyAsk::Make if seal.has_recovery_key => Err(SealRefusal::KeyExists),
        KeyAsk::Make | KeyAsk::Renew => recovery.make(machine, now),
    };
    made.map_or_else(refused_seal, |()| Answer::Done)
}

fn refused_seal(refusal: SealRefusal) -> Answer {
    Answer::Refused(Refusal::Seal(refusal))
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

/// Has everything wiped by the restart that follows; without that restart nothing is.
pub(super) fn factory_reset(keeper: &Keeper) -> Result<(), Refusal> {
    can_restart(keeper)?;
    reset::ask(&keeper.machine)?;
    restart(keeper).inspect_err(|_| reset::withdraw(&keeper.machine))
}

/// Restarts the machine, a moment after this returns.
pub(super) fn restart(keeper: &Keeper) -> Result<(), Refusal> {
    can_restart(keeper)?;
    let machine = keeper.machine.clone();
    let restart = move || {
        std::thread::sleep(RESTART_DELAY);
        if let Err(error) = machine.restart() {
            log::error!(error = error.to_string().as_str(); "The machine could not be restarted");
            // Whoever asked for a reset asked for it now, not for some later start.
            reset::withdraw(&machine);
        }
    };
    std::thread::Builder::new().name("restart".to_owned()).spawn(restart).map_err(refused)?;
    keeper.told().restarting = true;
    log::info!("The machine restarts");
    Ok(())
}
