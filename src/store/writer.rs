//! The one thread that writes. It takes steps from a bounded queue, commits many of them in one transaction (one
//! fsync), and answers each only then. A step that fails spoils no other: each has a savepoint. A group that does not
//! become durable fails as a whole, in memory too, and the next one starts from what is on disk.

use std::fs::File;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, OptionalExtension, Params, Row};
use tokio::sync::{Notify, mpsc, oneshot};

use super::{DATABASE_FILE, Metrics, Settings, StoreError, documents, journal, queue, schema};
use crate::audit::{Frontier, Signer};
use crate::domain::{Clock, Timestamp};
use crate::flow::Policy;
use crate::os::lock::{Lock, LockError};

/// Steps that may wait for the writer; the next caller waits.
const QUEUE_STEPS: usize = 4096;

/// Steps in one transaction, at most.
const GROUP_STEPS: usize = 1024;

/// A transaction takes no further step after this long.
const GROUP_TIME: Duration = Duration::from_millis(20);

/// The file whose lock says that a process has the store open.
const LOCK_FILE: &str = "fluxgate.lock";

/// Read connections kept for later readers.
const READERS_KEPT: usize = 8;

/// What a step works with: the open transaction and the tree as it stands inside it.
pub struct Writing<'a> {
    db: &'a Connection,
    pub tree: &'a mut Frontier,
    pub policy: &'a Policy,
    pub signer: &'a Signer,
    clock: &'a Clock,
    /// The token of the last lease given.
    pub token: &'a mut i64,
    /// Whether work may have become due.
    pub woke: bool,
}

impl Writing<'_> {
    /// What the store takes for now.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Runs a statement; answers how many rows it changed.
    pub fn run(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        Ok(self.db.prepare_cached(sql)?.execute(params)?)
    }

    /// The first row of a query.
    pub fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_row(params, read).optional()?)
    }

    /// Every row of a query.
    pub fn all<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        Ok(self.db.prepare_cached(sql)?.query_map(params, read)?.collect::<Result<_, _>>()?)
    }
}

/// Whether a step's changes are to be kept.
enum Verdict {
    Keep,
    Undo { full: bool },
}

/// A step in the queue, whatever it answers.
trait Queued: Send {
    fn run(&mut self, w: &mut Writing<'_>) -> Verdict;
    /// Gives the answer; `lost` when the group did not become durable.
    fn answer(self: Box<Self>, lost: Option<&GroupLost>);
}

struct Task<T, F> {
    work: Option<F>,
    outcome: Option<Result<T, StoreError>>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T: Send, F: FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send> Queued for Task<T, F> {
    fn run(&mut self, w: &mut Writing<'_>) -> Verdict {
        let Some(work) = self.work.take() else { return Verdict::Undo { full: false } };
        let outcome = catch_unwind(AssertUnwindSafe(|| work(w))).unwrap_or(Err(StoreError::Panicked));
        let verdict = match &outcome {
            Ok(_) => Verdict::Keep,
            Err(StoreError::Sqlite(error)) => Verdict::Undo { full: is_full(error) },
            Err(_) => Verdict::Undo { full: false },
        };
        self.outcome = Some(outcome);
        verdict
    }

    fn answer(self: Box<Self>, lost: Option<&GroupLost>) {
        let outcome = match (lost, self.outcome) {
            (Some(lost), _) => Err(lost.error()),
            (None, Some(Err(StoreError::Sqlite(error)))) if is_full(&error) => Err(StoreError::DiskFull),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::WriterGone),
        };
        // Nobody may be waiting any more: the step counts all the same.
        let _ = self.reply.send(outcome);
    }
}

/// Why a whole group does not count.
struct GroupLost {
    full: bool,
    said: String,
}

impl GroupLost {
    fn error(&self) -> StoreError {
        if self.full { StoreError::DiskFull } else { StoreError::NotCommitted(self.said.clone()) }
    }
}

impl From<StoreError> for GroupLost {
    fn from(error: StoreError) -> Self {
        let full = match &error {
            StoreError::Sqlite(error) => is_full(error),
            StoreError::DiskFull => true,
            _ => false,
        };
        Self { full, said: error.to_string() }
    }
}

fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
}

enum Message {
    Step(Box<dyn Queued>),
    Close(Closer),
}

/// Who waits for the writer's end.
type Closer = std::sync::mpsc::SyncSender<Result<(), StoreError>>;

/// A step on its way, for whoever awaits it.
pub struct Ticket<T> {
    answer: oneshot::Receiver<Result<T, StoreError>>,
    /// Set while the queue was full.
    unsent: Option<(mpsc::WeakSender<Message>, Message)>,
}

impl<T> Ticket<T> {
    /// A step that failed before it was queued.
    pub fn failed(error: StoreError) -> Self {
        let (reply, answer) = oneshot::channel();
        let _ = reply.send(Err(error));
        Self { answer, unsent: None }
    }

    pub fn wait(mut self) -> Result<T, StoreError> {
        if let Some((queue, message)) = self.unsent.take() {
            queue
                .upgrade()
                .ok_or(StoreError::WriterGone)?
                .blocking_send(message)
                .map_err(|_| StoreError::WriterGone)?;
        }
        self.answer.blocking_recv().unwrap_or(Err(StoreError::WriterGone))
    }

    pub async fn answer(mut self) -> Result<T, StoreError> {
        if let Some((queue, message)) = self.unsent.take() {
            let queue = queue.upgrade().ok_or(StoreError::WriterGone)?;
            queue.send(message).await.map_err(|_| StoreError::WriterGone)?;
        }
        self.answer.await.unwrap_or(Err(StoreError::WriterGone))
    }
}

#[derive(Default)]
struct Shared {
    work_added: Notify,
    steps: AtomicU64,
    steps_failed: AtomicU64,
    groups: AtomicU64,
    groups_failed: AtomicU64,
    leaves: AtomicU64,
}

/// The queue's end that callers hold, with what readers share.
pub struct Writer {
    settings: Settings,
    queue: Option<mpsc::Sender<Message>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    shared: Arc<Shared>,
    readers: Mutex<Vec<Connection>>,
    _lock: Lock,
}

impl Writer {
    pub fn open(settings: Settings, signer: Signer) -> Result<Self, StoreError> {
        let dir = &settings.dir;
        if !dir.is_dir() {
            std::fs::create_dir_all(dir).map_err(StoreError::io(dir))?;
            if let Some(above) = dir.parent().filter(|above| !above.as_os_str().is_empty()) {
                File::open(above).and_then(|f| f.sync_all()).map_err(StoreError::io(above))?;
            }
        }
        let lock = lock(dir)?;
        documents::open(dir)?;
        let db = schema::open_writer(&dir.join(DATABASE_FILE))?;
        // The database's own name is durable before anything is acknowledged.
        File::open(dir).and_then(|f| f.sync_all()).map_err(StoreError::io(dir))?;
        let tree = journal::load(&db)?;
        let shared = Arc::new(Shared::default());
        let mut thread = Thread {
            db,
            tree,
            signer,
            policy: settings.policy,
            clock: Arc::clone(&settings.clock),
            checkpoint_every: settings.checkpoint_every,
            // Leases of a former process end at open, so only this process's tokens count.
            token: 0,
            unsigned_since: None,
            shared: Arc::clone(&shared),
        };
        thread.recover((settings.clock)())?;
        let (queue, steps) = mpsc::channel(QUEUE_STEPS);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || thread.serve(steps))
            .map_err(StoreError::io(dir))?;
        Ok(Self {
            settings,
            queue: Some(queue),
            thread: Mutex::new(Some(thread)),
            shared,
            readers: Mutex::default(),
            _lock: lock,
        })
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn queue<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Writing<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Ticket<T> {
        let (reply, answer) = oneshot::channel();
        let message = Message::Step(Box::new(Task { work: Some(work), outcome: None, reply }));
        let unsent = self.queue.as_ref().and_then(|queue| match queue.try_send(message) {
            Ok(()) => None,
            Err(mpsc::error::TrySendError::Full(message)) => Some((queue.downgrade(), message)),
            // The message is dropped with its reply: the ticket answers that the writer is gone.
            Err(mpsc::error::TrySendError::Closed(_)) => None,
        });
        Ticket { answer, unsent }
    }

    pub fn work_added(&self) -> impl Future<Output = ()> + '_ {
        self.shared.work_added.notified()
    }

    pub fn metrics(&self) -> Metrics {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let queued = self.queue.as_ref().map_or(0, |q| q.max_capacity() - q.capacity());
        Metrics {
            steps: read(&self.shared.steps),
            steps_failed: read(&self.shared.steps_failed),
            groups: read(&self.shared.groups),
            groups_failed: read(&self.shared.groups_failed),
            leaves: read(&self.shared.leaves),
            queued: queued as u64,
        }
    }

    /// A read connection: a kept one, or a new one.
    pub fn connection(&self) -> Result<Connection, StoreError> {
        let kept = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        kept.map_or_else(|| schema::open_reader(&self.settings.dir.join(DATABASE_FILE)), Ok)
    }

    /// Takes back a connection that no statement runs on.
    pub fn put_back(&self, connection: Connection) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.len() < READERS_KEPT && connection.is_autocommit() {
            readers.push(connection);
        }
    }

    /// Works on an async worker too, where it blocks for as long as the last group takes.
    pub fn close(&self) -> Result<(), StoreError> {
        let queue = self.queue.as_ref().ok_or(StoreError::WriterGone)?;
        self.readers.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        let mut message = Message::Close(reply);
        loop {
            match queue.try_send(message) {
                Ok(()) => break,
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(StoreError::WriterGone),
                Err(mpsc::error::TrySendError::Full(back)) => message = back,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        let closed = answer.recv().unwrap_or(Err(StoreError::WriterGone));
        self.join();
        closed
    }

    fn join(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            log::error!("The store's writer ended with a panic");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        self.join();
    }
}

fn lock(dir: &Path) -> Result<Lock, StoreError> {
    Lock::take(&dir.join(LOCK_FILE)).map_err(|error| match error {
        LockError::Io { path, cause } => StoreError::io(&path)(cause),
        held @ LockError::Held { .. } => StoreError::InUse(held),
    })
}

/// What the thread owns.
struct Thread {
    db: Connection,
    tree: Frontier,
    signer: Signer,
    policy: Policy,
    clock: Clock,
    checkpoint_every: Duration,
    token: i64,
    /// When the first leaf came that no checkpoint covers.
    unsigned_since: Option<Instant>,
    shared: Arc<Shared>,
}

impl Thread {
    /// Puts right what a former process left, before any step.
    fn recover(&mut self, now: Timestamp) -> Result<(), StoreError> {
        let before = self.tree.size();
        self.db.execute_batch("BEGIN IMMEDIATE")?;
        let mut w = writing(&self.db, &mut self.tree, (&self.policy, &self.clock), &self.signer, &mut self.token);
        journal::enter_key(&mut w, now)?;
        queue::recover(&mut w, now)?;
        journal::close_group(&w, before)?;
        self.db.execute_batch("COMMIT")?;
        self.shared.leaves.store(self.tree.size(), Ordering::Relaxed);
        if journal::unsigned(&self.db, self.tree.size())? {
            self.unsigned_since = Some(Instant::now());
        }
        Ok(())
    }

    fn serve(mut self, mut steps: mpsc::Receiver<Message>) {
        let runtime = match tokio::runtime::Builder::new_current_thread().enable_time().build() {
            Ok(runtime) => runtime,
            Err(error) => {
                log::error!(error:% = error; "The store's writer cannot start");
                return;
            }
        };
        loop {
            let first = match steps.try_recv() {
                Ok(message) => Some(message),
                Err(mpsc::error::TryRecvError::Disconnected) => return,
                Err(mpsc::error::TryRecvError::Empty) => match self.checkpoint_wait() {
                    None => match runtime.block_on(steps.recv()) {
                        Some(message) => Some(message),
                        None => return,
                    },
                    Some(wait) => match runtime.block_on(async { tokio::time::timeout(wait, steps.recv()).await }) {
                        Ok(Some(message)) => Some(message),
                        Ok(None) => return,
                        Err(_) => None,
                    },
                },
            };
            if let (Some(reply), group) = self.group(first, &mut steps) {
                steps.close();
                self.finish();
                let _ = reply.send(group);
                return;
            }
        }
    }

    /// How long until a checkpoint is due; `None` when every leaf is covered.
    fn checkpoint_wait(&self) -> Option<Duration> {
        self.unsigned_since.map(|since| self.checkpoint_every.saturating_sub(since.elapsed()))
    }

    /// One transaction: `first` and whatever else waits. Answers the closer when it met one, and how the group ended.
    fn group(
        &mut self,
        first: Option<Message>,
        steps: &mut mpsc::Receiver<Message>,
    ) -> (Option<Closer>, Result<(), StoreError>) {
        let before = self.tree.clone();
        let begun = Instant::now();
        let mut done = Vec::new();
        let mut close = None;
        let mut woke = false;
        let mut lost = self.db.execute_batch("BEGIN IMMEDIATE").err().map(|e| GroupLost::from(StoreError::from(e)));
        let mut next = first;
        while let Some(message) = next.take() {
            match message {
                Message::Close(reply) => {
                    close = Some(reply);
                    break;
                }
                Message::Step(mut step) => {
                    if lost.is_none() {
                        lost = self.step(step.as_mut(), &mut woke).err();
                    }
                    done.push(step);
                }
            }
            if lost.is_some() || done.len() >= GROUP_STEPS || begun.elapsed() >= GROUP_TIME {
                break;
            }
            next = steps.try_recv().ok();
        }
        if lost.is_none() {
            lost = self.commit(before.size(), close.is_some()).err().map(GroupLost::from);
        }
        let ended = lost.as_ref().map_or(Ok(()), |lost| Err(lost.error()));
        self.settle(before, lost, done, woke);
        (close, ended)
    }

    /// Runs one step between its savepoints. An error is the whole group's.
    fn step(&mut self, step: &mut dyn Queued, woke: &mut bool) -> Result<(), GroupLost> {
        let before = self.tree.clone();
        self.sql("SAVEPOINT step")?;
        let mut w = writing(&self.db, &mut self.tree, (&self.policy, &self.clock), &self.signer, &mut self.token);
        let verdict = step.run(&mut w);
        *woke |= w.woke;
        let Verdict::Undo { full } = verdict else { return self.sql("RELEASE step") };
        self.shared.steps_failed.fetch_add(1, Ordering::Relaxed);
        self.tree = before;
        if self.db.is_autocommit() {
            // SQLite ended the transaction by itself (no space, no memory, input or output error).
            return Err(GroupLost { full, said: "the database rolled the transaction back".to_owned() });
        }
        self.sql("ROLLBACK TO step")?;
        self.sql("RELEASE step")
    }

    fn sql(&self, sql: &str) -> Result<(), GroupLost> {
        let run = || self.db.prepare_cached(sql)?.execute([]);
        run().map(drop).map_err(|e| GroupLost::from(StoreError::from(e)))
    }

    fn commit(&mut self, leaves_before: u64, last: bool) -> Result<(), StoreError> {
        if self.tree.size() > leaves_before && self.unsigned_since.is_none() {
            self.unsigned_since = Some(Instant::now());
        }
        let due = self.unsigned_since.is_some() && (last || self.checkpoint_wait() == Some(Duration::ZERO));
        let mut w = writing(&self.db, &mut self.tree, (&self.policy, &self.clock), &self.signer, &mut self.token);
        if due {
            let now = w.now();
            journal::checkpoint(&mut w, now)?;
        }
        journal::close_group(&w, leaves_before)?;
        self.db.prepare_cached("COMMIT")?.execute([])?;
        if !journal::unsigned(&self.db, self.tree.size())? {
            self.unsigned_since = None;
        }
        Ok(())
    }

    /// Answers everybody, and forgets what did not become durable.
    fn settle(&mut self, before: Frontier, lost: Option<GroupLost>, done: Vec<Box<dyn Queued>>, woke: bool) {
        if let Some(lost) = &lost {
            if !self.db.is_autocommit()
                && let Err(error) = self.db.execute_batch("ROLLBACK")
            {
                log::error!(error:% = error; "A lost group of steps could not be rolled back");
            }
            self.tree = before;
            self.shared.groups_failed.fetch_add(1, Ordering::Relaxed);
            log::error!(steps = done.len(), reason = lost.said.as_str(); "A group of steps could not be made durable");
            if self.unsigned_since.is_some() {
                // Tried again after the full interval, not at once: the disk may stay full.
                self.unsigned_since = Some(Instant::now());
            }
        } else {
            self.shared.groups.fetch_add(1, Ordering::Relaxed);
            self.shared.leaves.store(self.tree.size(), Ordering::Relaxed);
        }
        let counter = if lost.is_some() { &self.shared.steps_failed } else { &self.shared.steps };
        counter.fetch_add(done.len() as u64, Ordering::Relaxed);
        for step in done {
            step.answer(lost.as_ref());
        }
        if woke {
            self.shared.work_added.notify_one();
        }
    }

    /// After the last group: the log is copied into the database, so that one file holds everything.
    fn finish(&self) {
        if let Err(error) = self.db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(())) {
            // Every step is durable in the log, which the next start reads.
            log::warn!(error:% = error; "The database's log could not be copied at the end and stays beside it");
        }
    }
}

fn writing<'a>(
    db: &'a Connection,
    tree: &'a mut Frontier,
    (policy, clock): (&'a Policy, &'a Clock),
    signer: &'a Signer,
    token: &'a mut i64,
) -> Writing<'a> {
    Writing { db, tree, policy, clock, signer, token, woke: false }
}
