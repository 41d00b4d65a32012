//! One SFTP channel: packets in, answers out, in order, pipelined, with bounded memory.
//!
//! The SSH connection's own loop stops reading from the network while our inbox is full, and it does not send while it
//! stands still. So a session that waits until its answers can leave must go on emptying its inbox: into a queue with
//! limits, beyond which the client is at fault and the channel ends.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use russh::server::Msg;
use russh::{Channel, ChannelMsg, ChannelReadHalf, ChannelWriteHalf};
use tokio::sync::{Notify, mpsc};

use super::desk::Desk;
use super::sftp_codec::{CodecError, EXTENSIONS, Packets, Request, Response, VERSION};

/// Bytes of answers that may wait for the client's window; beyond it no request is begun.
const ANSWERS_LIMIT: usize = 4 << 20;
/// Requests that may wait while answers cannot leave. (paramiko asks for a whole file at once: 1 GiB is 32,768.)
const QUEUE_REQUESTS: usize = 40_000;
/// Bytes of data in those requests.
const QUEUE_BYTES: usize = 4 << 20;
/// Bytes written to a file at once.
const BATCH_BYTES: usize = 1 << 20;
/// Small answers are sent together up to this many bytes.
const TOGETHER_BYTES: usize = 32 << 10;
/// How long the last answers may take to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("{0}")]
    Codec(#[from] CodecError),
    #[error("the first packet is no greeting")]
    NoGreeting,
    #[error("too many requests wait for answers that nobody reads")]
    Flood,
}

/// The last answers did not leave in time: the client has stopped reading, and the connection is of no more use.
pub struct NobodyReads;

/// Serves the channel until it ends; what was not closed is then discarded, each with a receipt.
pub async fn run(channel: Channel<Msg>, mut desk: Desk) -> Result<(), NobodyReads> {
    let (reader, writer) = channel.split();
    let outbound = Outbound::start(writer);
    let mut session = Session {
        reader,
        outbound,
        packets: Packets::default(),
        queue: VecDeque::new(),
        queued_bytes: 0,
        ended: false,
    };
    if let Err(broken) = session.serve(&mut desk).await {
        log::warn!(account = desk.grant.account.as_str(), peer = desk.peer.to_string().as_str(), error = broken.to_string().as_str(); "SFTP channel closed");
    }
    desk.end().await;
    // Its inbox stays open meanwhile, and is emptied: or the connection's loop would stand still with it.
    let Session { mut reader, outbound, .. } = session;
    let drain = async {
        while reader.wait().await.is_some() {}
        std::future::pending().await
    };
    tokio::select! {
        finished = outbound.finish() => finished,
        never = drain => never,
    }
}

struct Session {
    reader: ChannelReadHalf,
    outbound: Outbound,
    packets: Packets,
    queue: VecDeque<Request>,
    /// Of data in queued writes.
    queued_bytes: usize,
    /// The client sends no more.
    ended: bool,
}

impl Session {
    async fn serve(&mut self, desk: &mut Desk) -> Result<(), Broken> {
        match self.next().await? {
            Some(Request::Init { .. }) => {
                let extensions = EXTENSIONS.map(|(name, data)| (Bytes::from(name), Bytes::from(data))).to_vec();
                self.outbound.push(&Response::Version(VERSION, extensions));
            }
            Some(_) => return Err(Broken::NoGreeting),
            None => return Ok(()),
        }
        while !desk.over {
            self.wait_for_room().await?;
            match self.next().await? {
                Some(Request::Write { id, handle, offset, data }) => {
                    let pieces = self.batch(id, &handle, offset, data);
                    for answer in desk.write(&handle, pieces).await {
                        self.outbound.push(&answer);
                    }
                }
                Some(Request::Init { .. }) => return Err(Broken::NoGreeting),
                Some(request) => {
                    let answer = desk.answer(request).await;
                    self.outbound.push(&answer);
                }
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The next request, from the queue or the network; `None`: the client has ended.
    async fn next(&mut self) -> Result<Option<Request>, Broken> {
        loop {
            if let Some(request) = self.queue.pop_front() {
                if let Request::Write { data, .. } = &request {
                    self.queued_bytes -= data.len();
                }
                return Ok(Some(request));
            }
            if self.ended {
                return Ok(None);
            }
            let message = self.reader.wait().await;
            self.take_in(message)?;
        }
    }

    /// Writes to the same handle that wait behind this one, to be done together.
    fn batch(&mut self, id: u32, handle: &Bytes, offset: u64, data: Bytes) -> Vec<(u32, u64, Bytes)> {
        let mut bytes = data.len();
        let mut pieces = vec![(id, offset, data)];
        while let Some(Request::Write { handle: next, data, .. }) = self.queue.front()
            && next == handle
            && bytes + data.len() <= BATCH_BYTES
        {
            let Some(Request::Write { id, offset, data, .. }) = self.queue.pop_front() else { break };
            bytes += data.len();
            self.queued_bytes -= data.len();
            pieces.push((id, offset, data));
        }
        pieces
    }

    /// Waits until answers may be made, taking requests in meanwhile.
    async fn wait_for_room(&mut self) -> Result<(), Broken> {
        while !self.outbound.has_room() {
            if self.ended {
                // Nothing comes any more; whether the rest leaves is the farewell's matter.
                return Ok(());
            }
            tokio::select! {
                () = self.outbound.room() => {}
                message = self.reader.wait() => self.take_in(message)?,
            }
            if self.queue.len() > QUEUE_REQUESTS || self.queued_bytes > QUEUE_BYTES {
                return Err(Broken::Flood);
            }
        }
        Ok(())
    }

    fn take_in(&mut self, message: Option<ChannelMsg>) -> Result<(), Broken> {
        match message {
            Some(ChannelMsg::Data { data }) => {
                self.packets.push(&data);
                while let Some((kind, rest)) = self.packets.next_packet()? {
                    let request = Request::read(kind, rest)?;
                    if let Request::Write { data, .. } = &request {
                        self.queued_bytes += data.len();
                    }
                    self.queue.push_back(request);
                }
            }
            None | Some(ChannelMsg::Eof | ChannelMsg::Close) => self.ended = true,
            Some(_) => {}
        }
        Ok(())
    }
}

/// Answers on their way to the client, sent by a task of its own.
struct Outbound {
    sender: mpsc::UnboundedSender<Bytes>,
    waiting: Arc<Waiting>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct Waiting {
    bytes: AtomicUsize,
    less: Notify,
}

impl Outbound {
    fn start(writer: ChannelWriteHalf<Msg>) -> Self {
        // Unbounded in form only: `has_room` is asked before each request, and a request has one answer.
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(Waiting::default());
        let task = tokio::spawn(send_all(writer, receiver, Arc::clone(&waiting)));
        Self { sender, waiting, task }
    }

    fn push(&self, answer: &Response) {
        let bytes = answer.write();
        self.waiting.bytes.fetch_add(bytes.len(), Ordering::AcqRel);
        // Fails when the connection is gone: then nobody waits for the answer.
        let _ = self.sender.send(bytes);
    }

    fn has_room(&self) -> bool {
        self.waiting.bytes.load(Ordering::Acquire) < ANSWERS_LIMIT
    }

    async fn room(&self) {
        let notified = self.waiting.less.notified();
        if !self.has_room() {
            notified.await;
        }
    }

    /// Sends what is left for a bounded time, then closes the channel.
    async fn finish(self) -> Result<(), NobodyReads> {
        let Self { sender, mut task, .. } = self;
        drop(sender);
        if tokio::time::timeout(FAREWELL, &mut task).await.is_err() {
            task.abort();
            return Err(NobodyReads);
        }
        Ok(())
    }
}

async fn send_all(writer: ChannelWriteHalf<Msg>, mut receiver: mpsc::UnboundedReceiver<Bytes>, waiting: Arc<Waiting>) {
    while let Some(first) = receiver.recv().await {
        let mut together = first;
        if together.len() < TOGETHER_BYTES
            && let Ok(second) = receiver.try_recv()
        {
            let mut all = BytesMut::from(&together[..]);
            all.extend_from_slice(&second);
            while all.len() < TOGETHER_BYTES
                && let Ok(next) = receiver.try_recv()
            {
                all.extend_from_slice(&next);
            }
            together = all.freeze();
        }
        let size = together.len();
        let sent = writer.data_bytes(together).await;
        waiting.bytes.fetch_sub(size, Ordering::AcqRel);
        waiting.less.notify_one();
        if sent.is_err() {
            return;
        }
    }
    // The order clients expect: end of data, exit status, close.
    let _ = writer.eof().await;
    let _ = writer.exit_status(0).await;
    let _ = writer.close().await;
}
