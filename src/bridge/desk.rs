//! What one SFTP session may do: each request of an account answered, handles kept. Dropping files is in `drops`.

use std::collections::HashMap;
use std::fs::File;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;

use super::drops::Incoming;
use super::listing::{self, Listing};
use super::server::Bridge;
use super::sftp_codec::{Attributes, DATA_LIMIT, Name, OpenFlags, PACKET_LIMIT, Request, Response, StatusCode};
use super::staging::Staged;
use super::tree::{self, Place, Tree};
use crate::fault::{Fault, Language};
use crate::gate::{Answer, Dropped, Entry, GateError, Grant};

/// Open files and folders of one session, at most.
pub const HANDLES: usize = 64;

/// Something this session has open.
enum Open {
    Incoming(Box<Incoming>),
    /// A result, or a staged file, to read.
    Readable {
        file: Arc<File>,
        entry: Entry,
    },
    Folder(Listing),
}

/// Why a request fails, for the client.
#[derive(Debug, Clone)]
pub struct Problem {
    pub code: StatusCode,
    pub message: String,
}

impl Problem {
    pub fn new(code: StatusCode, message: &str) -> Self {
        Self { code, message: message.to_owned() }
    }

    pub fn missing() -> Self {
        Self::new(StatusCode::NoSuchFile, "Fichier inconnu / No such file")
    }

    pub fn forbidden() -> Self {
        Self::new(StatusCode::PermissionDenied, "Non autorisé ici / Not allowed here")
    }

    /// A fault in both languages: many clients show the text to a person.
    pub fn fault(code: StatusCode, fault: &Fault) -> Self {
        let message = format!("{} {} / {}", fault.code, fault.title(Language::Fr), fault.title(Language::En));
        Self { code, message }
    }
}

impl From<std::io::Error> for Problem {
    fn from(error: std::io::Error) -> Self {
        log::warn!(error = error.to_string().as_str(); "A file operation of the SFTP bridge failed");
        Self::new(StatusCode::Failure, "Erreur interne, recommencez / Internal error, try again")
    }
}

pub type Outcome<T> = Result<T, Problem>;

/// Runs file work off the async workers.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)
}

/// One session of an account that is logged in.
pub struct Desk {
    pub(super) bridge: Arc<Bridge>,
    pub(super) grant: Grant,
    pub(super) peer: IpAddr,
    pub(super) tree: Tree,
    open: HashMap<u32, Open>,
    next_handle: u32,
    /// Core no longer knows the log-in: the session must end, so that the client logs in again.
    pub over: bool,
}

impl Desk {
    pub fn new(bridge: Arc<Bridge>, grant: Grant, peer: IpAddr) -> Self {
        let tree = Tree::new(&grant.folders);
        Self { bridge, grant, peer, tree, open: HashMap::new(), next_handle: 0, over: false }
    }

    /// Answers one request.
    pub async fn answer(&mut self, request: Request) -> Response {
        let id = id_of(&request);
        let answered = self.perform(request).await;
        answered.unwrap_or_else(|problem| problem_status(id, problem))
    }

    async fn perform(&mut self, request: Request) -> Outcome<Response> {
        match request {
            Request::Open { id, path, flags, attributes } => self.open(id, &path, flags, &attributes).await,
            Request::Close { id, handle } => self.close(id, &handle).await,
            Request::Read { id, handle, offset, length } => self.read(id, &handle, offset, length).await,
            Request::Write { id, handle, offset, data } => {
                let mut answers = self.write(&handle, vec![(id, offset, data)]).await;
                Ok(answers.pop().unwrap_or_else(|| ok(id)))
            }
            Request::Lstat { id, path } | Request::Stat { id, path } => {
                let entry = self.stat(&path).await?;
                Ok(Response::Attributes { id, attributes: listing::attributes(&entry) })
            }
            Request::Fstat { id, handle } => {
                let attributes = listing::attributes(&self.fstat(&handle)?);
                Ok(Response::Attributes { id, attributes })
            }
            // Times and modes mean nothing here: accepted, so that clients that keep them do not fail.
            Request::Setstat { id, path, .. } => self.stat(&path).await.map(|_| ok(id)),
            Request::Fsetstat { id, handle, attributes } => self.fsetstat(id, &handle, &attributes).await,
            Request::Opendir { id, path } => self.opendir(id, &path).await,
            Request::Readdir { id, handle } => self.readdir(id, &handle),
            Request::Remove { id, path } => self.remove(id, &path, false).await,
            Request::Rmdir { id, path } => self.remove(id, &path, true).await,
            Request::Mkdir { path, .. } => Err(match self.tree.resolve(&path) {
                Place::Root | Place::Depot { .. } => Problem::new(StatusCode::Failure, "Il existe déjà / It exists"),
                _ => Problem::forbidden(),
            }),
            Request::Realpath { id, path } => {
                let path = tree::absolute(&path).ok_or_else(Problem::missing)?;
                let name =
                    Name { name: path.clone().into(), long_name: path.into(), attributes: Attributes::default() };
                Ok(Response::Names { id, names: vec![name] })
            }
            Request::Rename { id, from, to } => self.rename(id, &from, &to, false).await,
            Request::PosixRename { id, from, to } => self.rename(id, &from, &to, true).await,
            Request::Statvfs { id, .. } => Ok(Response::Numbers { id, numbers: self.statvfs()?.to_vec() }),
            Request::Fsync { id, handle } => self.fsync(id, &handle).await,
            Request::Limits { id } => {
                let numbers = [PACKET_LIMIT, DATA_LIMIT, DATA_LIMIT, HANDLES].map(|n| n as u64).to_vec();
                Ok(Response::Numbers { id, numbers })
            }
            Request::Init { .. } | Request::Other { .. } => {
                Err(Problem::new(StatusCode::OpUnsupported, "Non pris en charge / Not supported"))
            }
        }
    }

    async fn open(&mut self, id: u32, path: &[u8], flags: OpenFlags, attributes: &Attributes) -> Outcome<Response> {
        if self.open.len() >= HANDLES {
            return Err(Problem::new(StatusCode::Failure, "Trop de fichiers ouverts / Too many open files"));
        }
        let writing = OpenFlags::WRITE | OpenFlags::APPEND | OpenFlags::CREATE | OpenFlags::TRUNCATE;
        let open = if flags.has(writing) {
            Open::Incoming(Box::new(self.begin_drop(path, flags, attributes).await?))
        } else {
            let (file, entry) = self.open_to_read(path).await?;
            Open::Readable { file: Arc::new(file), entry }
        };
        Ok(self.handle(id, open))
    }

    async fn open_to_read(&mut self, path: &[u8]) -> Outcome<(File, Entry)> {
        match self.tree.resolve(path) {
            Place::Drop { folder, name: Ok(name), .. } => {
                let (bridge, staged) = (Arc::clone(&self.bridge), self.staged(folder, name));
                let found = blocking(move || -> std::io::Result<_> {
                    Ok((bridge.staging.read(&staged)?, bridge.staging.stat(&staged)?))
                })
                .await??;
                match found {
                    (Some(file), Some(entry)) => Ok((file, entry)),
                    _ => Err(Problem::missing()),
                }
            }
            Place::Results { path } => {
                let found = self.bridge.gate.open(self.grant.pass.clone(), path).await;
                let (entry, descriptor) = self.through(found)?.ok_or_else(Problem::missing)?;
                Ok((File::from(descriptor), entry))
            }
            Place::Root | Place::Depot { .. } => Err(Problem::new(StatusCode::Failure, "Un dossier / A folder")),
            Place::Drop { .. } | Place::Nowhere { .. } => Err(Problem::missing()),
        }
    }

    async fn close(&mut self, id: u32, handle: &[u8]) -> Outcome<Response> {
        let open = number(handle).and_then(|n| self.open.remove(&n)).ok_or_else(bad_handle)?;
        if let Open::Incoming(incoming) = open {
            self.finish_drop(*incoming).await?;
        }
        Ok(ok(id))
    }

    async fn read(&mut self, id: u32, handle: &[u8], offset: u64, length: u32) -> Outcome<Response> {
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(DATA_LIMIT);
        let data = match self.find(handle)? {
            Open::Readable { file, .. } => {
                let file = Arc::clone(file);
                blocking(move || -> std::io::Result<Vec<u8>> {
                    let mut data = vec![0; length];
                    let mut filled = 0;
                    while filled < length {
                        match file.read_at(&mut data[filled..], offset + filled as u64)? {
                            0 => break,
                            n => filled += n,
                        }
                    }
                    data.truncate(filled);
                    Ok(data)
                })
                .await??
            }
            Open::Incoming(incoming) => incoming.read(offset, length)?,
            Open::Folder(_) => return Err(bad_handle()),
        };
        if data.is_empty() && length > 0 {
            return Err(Problem::new(StatusCode::Eof, "Fin du fichier / End of file"));
        }
        Ok(Response::Data { id, data: data.into() })
    }

    /// Several writes to one handle, answered in their order.
    pub async fn write(&mut self, handle: &[u8], pieces: Vec<(u32, u64, Bytes)>) -> Vec<Response> {
        let ids: Vec<u32> = pieces.iter().map(|piece| piece.0).collect();
        let found = number(handle).filter(|n| matches!(self.open.get(n), Some(Open::Incoming(_))));
        let Some(number) = found else {
            return ids.into_iter().map(|id| problem_status(id, bad_handle())).collect();
        };
        let Some(Open::Incoming(mut incoming)) = self.open.remove(&number) else { return Vec::new() };
        let pieces = pieces.into_iter().map(|(_, offset, data)| (offset, data)).collect();
        let (passed, problem) = self.write_drop(&mut incoming, pieces).await;
        self.open.insert(number, Open::Incoming(incoming));
        let problem = problem.unwrap_or_else(bad_handle);
        let answer = |(at, id)| if at < passed { ok(id) } else { problem_status(id, problem.clone()) };
        ids.into_iter().enumerate().map(answer).collect()
    }

    async fn stat(&mut self, path: &[u8]) -> Outcome<Entry> {
        match self.tree.resolve(path) {
            Place::Root => Ok(listing::folder("/")),
            Place::Depot { folder } => Ok(listing::folder(&folder)),
            Place::Drop { folder, name: Ok(name), .. } => {
                let (bridge, staged) = (Arc::clone(&self.bridge), self.staged(folder, name));
                let found = blocking(move || -> std::io::Result<_> {
                    let staged_entry = bridge.staging.stat(&staged)?;
                    Ok(staged_entry.or_else(|| bridge.taken.find(&staged, Instant::now())))
                })
                .await??;
                found.ok_or_else(Problem::missing)
            }
            Place::Results { path } => {
                let found = self.bridge.gate.stat(self.grant.pass.clone(), path).await;
                self.through(found)?.ok_or_else(Problem::missing)
            }
            Place::Drop { .. } | Place::Nowhere { .. } => Err(Problem::missing()),
        }
    }

    fn fstat(&mut self, handle: &[u8]) -> Outcome<Entry> {
        Ok(match self.find(handle)? {
            Open::Readable { entry, .. } => entry.clone(),
            Open::Incoming(incoming) => incoming.entry(),
            Open::Folder(_) => listing::folder(""),
        })
    }

    async fn fsetstat(&mut self, id: u32, handle: &[u8], attributes: &Attributes) -> Outcome<Response> {
        let number = number(handle).ok_or_else(bad_handle)?;
        match (self.open.remove(&number), attributes.size) {
            (Some(Open::Incoming(mut incoming)), Some(size)) => {
                let resized = self.resize_drop(&mut incoming, size).await;
                self.open.insert(number, Open::Incoming(incoming));
                resized?;
            }
            (Some(other), size) => {
                self.open.insert(number, other);
                if size.is_some() {
                    return Err(Problem::forbidden());
                }
            }
            (None, _) => return Err(bad_handle()),
        }
        Ok(ok(id))
    }

    async fn fsync(&mut self, id: u32, handle: &[u8]) -> Outcome<Response> {
        let number = number(handle).ok_or_else(bad_handle)?;
        match self.open.remove(&number) {
            Some(Open::Incoming(mut incoming)) => {
                let synced = self.sync_drop(&mut incoming).await;
                self.open.insert(number, Open::Incoming(incoming));
                synced?;
            }
            Some(other) => drop(self.open.insert(number, other)),
            None => return Err(bad_handle()),
        }
        Ok(ok(id))
    }

    async fn opendir(&mut self, id: u32, path: &[u8]) -> Outcome<Response> {
        if self.open.len() >= HANDLES {
            return Err(Problem::new(StatusCode::Failure, "Trop de fichiers ouverts / Too many open files"));
        }
        let listing = match self.tree.resolve(path) {
            Place::Root => Listing::few(self.tree.root().map(listing::folder).collect()),
            Place::Depot { folder } => {
                let mut entries: Vec<Entry> = self.tree.inside(&folder).map(listing::folder).collect();
                let (bridge, account) = (Arc::clone(&self.bridge), self.grant.account.clone());
                entries.extend(blocking(move || bridge.staging.list(&account, &folder)).await??);
                Listing::few(entries)
            }
            Place::Results { path } => {
                let found = self.bridge.gate.list(self.grant.pass.clone(), path).await;
                let (_, descriptor) = self.through(found)?.ok_or_else(Problem::missing)?;
                Listing::Records { file: File::from(descriptor), offset: 0 }
            }
            Place::Drop { .. } | Place::Nowhere { .. } => return Err(Problem::missing()),
        };
        Ok(self.handle(id, Open::Folder(listing)))
    }

    fn readdir(&mut self, id: u32, handle: &[u8]) -> Outcome<Response> {
        let Open::Folder(listing) = self.find(handle)? else { return Err(bad_handle()) };
        let entries = listing.next_entries()?;
        if entries.is_empty() {
            return Err(Problem::new(StatusCode::Eof, "Fin du dossier / End of folder"));
        }
        Ok(Response::Names { id, names: entries.iter().map(listing::line).collect() })
    }

    async fn remove(&mut self, id: u32, path: &[u8], folder: bool) -> Outcome<Response> {
        match self.tree.resolve(path) {
            Place::Results { path } => {
                let done = self.bridge.gate.remove(self.grant.pass.clone(), path, folder).await;
                self.done(id, done)
            }
            Place::Drop { folder: depot, name: Ok(name), .. } if !folder => {
                let (bridge, staged) = (Arc::clone(&self.bridge), self.staged(depot, name));
                let removed = blocking(move || bridge.staging.remove(&staged)).await??;
                if removed { Ok(ok(id)) } else { Err(Problem::missing()) }
            }
            Place::Root | Place::Depot { .. } => Err(Problem::forbidden()),
            Place::Drop { .. } | Place::Nowhere { .. } => Err(Problem::missing()),
        }
    }

    async fn rename(&mut self, id: u32, from: &[u8], to: &[u8], replace: bool) -> Outcome<Response> {
        match (self.tree.resolve(from), self.tree.resolve(to)) {
            (Place::Results { path: from }, Place::Results { path: to }) => {
                let done = self.bridge.gate.rename(self.grant.pass.clone(), from, to).await;
                self.done(id, done)
            }
            (Place::Drop { folder, name: Ok(name), .. }, to) => {
                let from = self.staged(folder, name);
                self.rename_drop(from, to, replace).await.map(|()| ok(id))
            }
            (Place::Drop { .. } | Place::Nowhere { .. }, _) => Err(Problem::missing()),
            (Place::Root | Place::Depot { .. } | Place::Results { .. }, _) => Err(Problem::forbidden()),
        }
    }

    /// The eleven numbers of `statvfs@openssh.com`: what is free is what may still be dropped.
    fn statvfs(&self) -> Outcome<[u64; 11]> {
        const BLOCK: u64 = 4096;
        const NAME_MAX: u64 = 200;
        let free = self.bridge.staging.free_space()?.saturating_sub(self.grant.disk_reserve) / BLOCK;
        Ok([BLOCK, BLOCK, free, free, free, 1 << 20, 1 << 20, 1 << 20, 0, 0, NAME_MAX])
    }

    /// The connection has ended: what was not closed is discarded, each with a receipt.
    pub async fn end(&mut self) {
        for (_, open) in std::mem::take(&mut self.open) {
            if let Open::Incoming(incoming) = open {
                self.interrupt_drop(*incoming).await;
            }
        }
    }

    fn done(&mut self, id: u32, answer: Result<Answer, GateError>) -> Outcome<Response> {
        match self.through(answer)? {
            Answer::Done => Ok(ok(id)),
            Answer::NotFound => Err(Problem::missing()),
            _ => Err(Problem::forbidden()),
        }
    }

    /// A gate error as the client's problem.
    pub(super) fn through<T>(&mut self, result: Result<T, GateError>) -> Outcome<T> {
        result.map_err(|error| {
            log::warn!(account = self.grant.account.as_str(), error = error.to_string().as_str(); "A request could not be passed to core");
            self.over |= matches!(error, GateError::PassRefused);
            Problem::fault(StatusCode::Failure, &error.fault())
        })
    }

    pub(super) fn staged(&self, folder: String, name: String) -> Staged {
        Staged { account: self.grant.account.clone(), folder, name }
    }

    pub(super) fn dropped(&self, folder: String, name: String) -> Dropped {
        Dropped { pass: self.grant.pass.clone(), folder, name, peer: self.peer }
    }

    fn handle(&mut self, id: u32, open: Open) -> Response {
        // Wraps after four billion handles; one that is still open then is not overwritten.
        while self.open.contains_key(&self.next_handle) {
            self.next_handle = self.next_handle.wrapping_add(1);
        }
        let number = self.next_handle;
        self.next_handle = self.next_handle.wrapping_add(1);
        self.open.insert(number, open);
        Response::Handle { id, handle: Bytes::copy_from_slice(&number.to_be_bytes()) }
    }

    fn find(&mut self, handle: &[u8]) -> Outcome<&mut Open> {
        number(handle).and_then(|n| self.open.get_mut(&n)).ok_or_else(bad_handle)
    }
}

fn number(handle: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(handle.try_into().ok()?))
}

fn bad_handle() -> Problem {
    Problem::new(StatusCode::Failure, "Descripteur inconnu / Unknown handle")
}

pub fn ok(id: u32) -> Response {
    Response::Status { id, code: StatusCode::Ok as u32, message: Bytes::from_static(b"OK") }
}

fn problem_status(id: u32, problem: Problem) -> Response {
    Response::Status { id, code: problem.code as u32, message: problem.message.into() }
}

fn id_of(request: &Request) -> u32 {
    match request {
        Request::Init { .. } => 0,
        Request::Open { id, .. }
        | Request::Close { id, .. }
        | Request::Read { id, .. }
        | Request::Write { id, .. }
        | Request::Lstat { id, .. }
        | Request::Fstat { id, .. }
        | Request::Setstat { id, .. }
        | Request::Fsetstat { id, .. }
        | Request::Opendir { id, .. }
        | Request::Readdir { id, .. }
        | Request::Remove { id, .. }
        | Request::Mkdir { id, .. }
        | Request::Rmdir { id, .. }
        | Request::Realpath { id, .. }
        | Request::Stat { id, .. }
        | Request::Rename { id, .. }
        | Request::PosixRename { id, .. }
        | Request::Statvfs { id, .. }
        | Request::Fsync { id, .. }
        | Request::Limits { id }
        | Request::Other { id } => *id,
    }
}
