//! Leases due work and runs it: so many jobs at once, each in its own task, each with a bound on its time.
//!
//! Promise: a job that fails, hangs or panics delays no other; its lease ends and it is tried again. Kinds of work stand in
//! lanes of their own, so that a slow Chorus Pro never delays reading a file or writing a receipt, and following old invoices
//! never delays new deposits, their verdicts or a download. A stop finishes what is under way, within a bound.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use futures_util::FutureExt;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use crate::domain::AccountName;
use crate::fault::{Code, Fault};
use crate::flow::Job;
use crate::invoice::Tables;
use crate::store::{Lease, StoreError};
use crate::work::connector::Connectors;
use crate::work::core::{Core, JobError, Parts};
use crate::work::settings::Options;
use crate::work::watch::{self as alarms, Readings};
use crate::work::{
    change, deliver, deposit, directory, doubt, fetch, halts, intake, integration, overdue, reading, receipts,
    reception, statuses,
};

/// How long a job has its work to itself.
pub(super) const LEASE_LENGTH: Duration = Duration::from_secs(15 * 60);
/// A job that takes longer is broken off, before its lease runs out.
const JOB_LIMIT: Duration = Duration::from_secs(12 * 60);
/// Between two looks for due work when nothing says that there is some: what was put off becomes due by the clock.
const TICK: Duration = Duration::from_millis(200);
/// Receipts written together.
const RECEIPTS_AT_ONCE: usize = 64;
/// Before a job that failed is tried again; doubled each time.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// Between two looks at the clock when nothing else happens, and how far back is a step.
const CLOCK_LOOK: Duration = Duration::from_secs(10);
const CLOCK_STEP: Duration = Duration::from_secs(60);
/// So many failures in a row, and the flow says so.
const TRIES_BEFORE_FAULT: u32 = 4;
const RETRY_LONGEST: Duration = Duration::from_secs(5 * 60);

/// A kind of work and how much of it goes on at once.
#[derive(Clone, Copy)]
struct Lane {
    name: &'static str,
    jobs: &'static [Job],
}

/// Work on files alone: it never waits for anybody.
const LOCAL: Lane = Lane { name: "local", jobs: &[Job::Intake] };
/// Deliveries: files too, but one may ask Chorus Pro for its readable copy.
const DELIVERING: Lane = Lane { name: "delivering", jobs: &[Job::Deliver] };
/// Deposits and status changes, and doubts about them.
const SENDING: Lane = Lane { name: "sending", jobs: &[Job::Deposit, Job::Doubt, Job::Change, Job::ChangeDoubt] };
/// Verdicts on what was sent, downloads, and readings for a person: each file's next step hangs on them.
const AWAITED: Lane = Lane { name: "awaited", jobs: &[Job::Integration, Job::Fetch, Job::Reading] };
/// Statuses of what is integrated: many, and none of them urgent.
const FOLLOWING: Lane = Lane { name: "following", jobs: &[Job::Statuses] };

/// Core's jobs at work, until [`Workshop::stop`].
pub struct Workshop {
    core: Arc<Core>,
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Workshop {
    /// Makes the accounts' folders and starts every lane, the watch for received invoices, the probe of halted realms and the
    /// keeping of the local directory.
    /// Must be called inside the runtime.
    pub fn start(parts: Parts) -> std::io::Result<Self> {
        let core = Arc::new(Core::new(parts));
        core.folders.prepare(&accounts(&core.options.load()))?;
        alarms::recall(&core);
        let (stop, stopped) = watch::channel(false);
        let (added, woken) = watch::channel(());
        let running = lanes(&core, Arc::new(added), &woken, &stopped);
        Ok(Self { core, stop, running })
    }

    /// Puts a changed configuration in force; jobs under way end with the former one. Whatever waited is tried at once.
    pub fn reconfigure(&self, options: Options, connectors: Connectors) -> std::io::Result<()> {
        self.core.folders.make(&accounts(&options))?;
        self.core.options.store(Arc::new(options));
        self.core.connectors.store(Arc::new(connectors));
        alarms::recall(&self.core);
        self.core.configured.send_replace(self.core.now());
        Ok(())
    }

    /// Puts other tables of the rules in force, or says why those that are configured are not. Nothing else is touched: what
    /// waits goes on waiting.
    pub fn judge_by(&self, tables: Tables, refused: Option<Fault>) {
        let now = Options { tables, tables_refused: refused, ..Options::clone(&self.core.options.load()) };
        self.core.options.store(Arc::new(now));
    }

    /// What the watch read last, for metrics.
    pub fn readings(&self) -> Arc<ArcSwap<Readings>> {
        Arc::clone(&self.core.watch.readings)
    }

    /// Takes no more work, waits for what is under way at most `bound`, then breaks it off: a deposit without its answer is
    /// doubtful at the next start, everything else is done again.
    pub async fn stop(self, bound: Duration) {
        self.stop.send_replace(true);
        let deadline = tokio::time::Instant::now() + bound;
        for mut task in self.running {
            if tokio::time::timeout_at(deadline, &mut task).await.is_err() {
                log::warn!("Work under way at the stop is broken off");
                task.abort();
                let _ = task.await;
            }
        }
    }
}

/// Everything that goes on at once.
fn lanes(
    core: &Arc<Core>,
    added: Arc<watch::Sender<()>>,
    woken: &watch::Receiver<()>,
    stopped: &watch::Receiver<bool>,
) -> Vec<JoinHandle<()>> {
    let parts = || (Arc::clone(core), woken.clone(), stopped.clone());
    let mut running = Vec::new();
    let (own, _, stop) = parts();
    running.push(steady("wake-ups", move || spread(Arc::clone(&own), Arc::clone(&added), stop.clone())));
    let (own, woken_, stop) = parts();
    running.push(steady("receipts", move || receipts_lane(Arc::clone(&own), woken_.clone(), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("reception", move || reception::watch_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("halts", move || halts::watch_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("watch", move || alarms::look_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("notices", move || alarms::send_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("expiry", move || alarms::ask_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("overdue deliveries", move || overdue::watch_over(Arc::clone(&own), stop.clone())));
    let (own, _, stop) = parts();
    running.push(steady("directory", move || directory::watch_over(Arc::clone(&own), stop.clone())));
    for lane in [LOCAL, DELIVERING, SENDING, AWAITED, FOLLOWING] {
        let (own, woken_, stop) = parts();
        running.push(steady(lane.name, move || {
            let (own, woken_, stop) = (Arc::clone(&own), woken_.clone(), stop.clone());
            async move {
                if lane.jobs.contains(&Job::Deliver) {
                    deliver::settle_former(&own).await;
                }
                drive(own, lane, woken_, stop).await;
            }
        }));
    }
    running
}

/// Runs a lane until it ends by itself. One that breaks off is begun anew: nothing here may stand still unseen.
fn steady<F>(name: &'static str, mut lane: impl FnMut() -> F + Send + 'static) -> JoinHandle<()>
where
    F: Future<Output = ()> + Send + 'static,
{
    tokio::spawn(async move {
        while AssertUnwindSafe(async { lane().await }).catch_unwind().await.is_err() {
            log::error!(lane = name; "A lane of work broke off; it is begun anew");
            tokio::time::sleep(RETRY_FIRST).await;
        }
    })
}

/// The accounts that routes name, each once.
fn accounts(options: &Options) -> BTreeSet<AccountName> {
    options.routes.iter().map(|route| route.account.clone()).collect()
}

/// Wakes every lane when the store has new work; the store wakes one waiter only. Notices a clock that was put back.
async fn spread(core: Arc<Core>, added: Arc<watch::Sender<()>>, mut stop: watch::Receiver<bool>) {
    let mut clock = (core.now(), Instant::now());
    loop {
        tokio::select! {
            _ = stop.changed() => return,
            () = core.store.work_added() => added.send_replace(()),
            () = tokio::time::sleep(CLOCK_LOOK) => {}
        }
        let now = (core.now(), Instant::now());
        let by = clock.0.plus(now.1 - clock.1).since(now.0);
        if by > CLOCK_STEP {
            log::warn!(seconds = by.as_secs(); "The clock was put back");
            if let Err(error) = core.store.put_back(now.0, by).await {
                log::error!(error = error.to_string().as_str(); "Work stays due by the former clock");
                continue;
            }
        }
        clock = now;
    }
}

/// Leases and runs a lane's work until `stop` is set, then waits for what is under way.
async fn drive(core: Arc<Core>, lane: Lane, mut woken: watch::Receiver<()>, mut stop: watch::Receiver<bool>) {
    let mut running = JoinSet::new();
    while !*stop.borrow() {
        while running.try_join_next().is_some() {}
        let width = core.options.load().limits.jobs.max(1);
        let free = width.saturating_sub(running.len());
        woken.mark_unchanged();
        let leases = if free == 0 { Vec::new() } else { lease(&core, lane.jobs, free).await };
        let full = leases.len() == free;
        for lease in leases {
            running.spawn(work(Arc::clone(&core), lease));
        }
        if full && running.len() < width {
            continue;
        }
        tokio::select! {
            _ = stop.changed() => {}
            _ = woken.changed(), if running.len() < width => {}
            _ = running.join_next(), if !running.is_empty() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
    log::debug!(lane = lane.name, under_way = running.len(); "A lane of work stops");
    while running.join_next().await.is_some() {}
}

/// Receipts are written many at a time.
async fn receipts_lane(core: Arc<Core>, mut woken: watch::Receiver<()>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        woken.mark_unchanged();
        let leases = lease(&core, &[Job::Receipt], RECEIPTS_AT_ONCE).await;
        if !leases.is_empty() {
            receipts::run(Arc::clone(&core), leases).await;
            continue;
        }
        tokio::select! {
            _ = stop.changed() => {}
            _ = woken.changed() => {}
            () = tokio::time::sleep(TICK) => {}
        }
    }
}

async fn lease(core: &Core, jobs: &[Job], most: usize) -> Vec<Lease> {
    match core.store.lease(jobs, most, core.now(), LEASE_LENGTH).await {
        Ok(leases) => leases,
        Err(error) => {
            log::error!(error = error.to_string().as_str(); "Work cannot be leased");
            tokio::time::sleep(RETRY_FIRST).await;
            Vec::new()
        }
    }
}

/// One job from its lease to its end.
async fn work(core: Arc<Core>, lease: Lease) {
    let job = AssertUnwindSafe(tokio::time::timeout(JOB_LIMIT, run(&core, &lease))).catch_unwind();
    let error = match job.await {
        Ok(Ok(Ok(()))) => return,
        Ok(Ok(Err(JobError::Store(StoreError::LeaseLost)))) => {
            log::info!(flow = lease.flow.as_str(), job = lease.job.as_str(); "A job's work was taken over meanwhile");
            return;
        }
        Ok(Ok(Err(error))) => error.to_string(),
        Ok(Err(_)) => "it took too long".to_owned(),
        Err(_) => {
            // The lease runs out by itself: whatever broke the job is not tried again at once.
            log::error!(flow = lease.flow.as_str(), job = lease.job.as_str(); "A job broke off; it is tried again when its lease ends");
            return;
        }
    };
    log::warn!(flow = lease.flow.as_str(), job = lease.job.as_str(), tries = lease.tries, error = error.as_str(); "A job failed; it is tried again");
    let wait = RETRY_FIRST.saturating_mul(1 << lease.tries.min(16)).min(RETRY_LONGEST);
    if lease.tries + 1 >= TRIES_BEFORE_FAULT && lease.job != Job::Receipt {
        let fault = Fault::new(Code::JobFails).with("detail", &error);
        if let Err(error) = core.hindered(&lease.flow, fault).await {
            log::error!(flow = lease.flow.as_str(), error = error.to_string().as_str(); "A job that keeps failing cannot be shown");
        }
    }
    match core.store.retry(&lease, core.now().plus(wait)).await {
        Ok(()) | Err(StoreError::LeaseLost) => {}
        Err(error) => {
            log::error!(flow = lease.flow.as_str(), error = error.to_string().as_str(); "A failed job cannot be put off; its lease runs out")
        }
    }
}

pub(super) async fn run(core: &Arc<Core>, lease: &Lease) -> Result<(), JobError> {
    match lease.job {
        Job::Intake => intake::run(core, lease).await,
        Job::Reading => reading::run(core, lease).await,
        Job::Deposit => deposit::run(core, lease).await,
        Job::Doubt => doubt::run(core, lease).await,
        Job::Integration => integration::run(core, lease).await,
        Job::Statuses => statuses::run(core, lease).await,
        Job::Fetch => fetch::run(core, lease).await,
        Job::Deliver => deliver::run(core, lease).await,
        Job::Change => change::run(core, lease).await,
        Job::ChangeDoubt => change::doubt(core, lease).await,
        Job::Receipt => {
            receipts::run(Arc::clone(core), vec![lease.clone()]).await;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_lane_that_breaks_off_is_begun_anew_and_one_that_ends_is_not() {
        let begun = Arc::new(AtomicU32::new(0));
        let counted = Arc::clone(&begun);
        let lane = steady("test", move || {
            let n = counted.fetch_add(1, Ordering::SeqCst);
            // The first one breaks before it is a future at all.
            assert!(n > 0, "broken");
            async move {
                tokio::task::yield_now().await;
                assert!(n > 1, "broken");
            }
        });
        lane.await.unwrap();
        assert_eq!(begun.load(Ordering::SeqCst), 3);
    }
}
