//! Keeper's socket: one connection at a time, one request on each. Who asks is told by the kernel.

use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use nix::sys::socket::{getsockopt, sockopt::PeerCredentials};

use super::{Keeper, KeeperError, verbs};
use crate::gate::{Frame, FrameError, KEEPER_SOCKET, KeeperAnswer as Answer, KeeperRequest, Refusal};

/// A request must be whole, and an answer be read, within this time per read or write.
const FRAME_TIME: Duration = Duration::from_secs(2);
/// Reads of what made no sense, at most, before the answer.
const DRAINED_READS: usize = 16;
/// Pause after a failed accept: not a busy loop.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Answers on the socket in `run_dir`, on a thread of its own. The folder belongs to root and to core's group; who
/// asks must be root or have that group as its own.
pub(super) fn start(run_dir: &Path, keeper: Arc<Keeper>) -> Result<(), KeeperError> {
    let path = run_dir.join(KEEPER_SOCKET);
    let failed = |cause| KeeperError::Socket { path: path.clone(), cause };
    let group = std::fs::metadata(run_dir).map_err(failed)?.gid();
    match std::fs::remove_file(&path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(failed(cause)),
        _ => {}
    }
    let listener = UnixListener::bind(&path).map_err(failed)?;
    // The folder hands its group on (setgid), which needs no right; where it does not, root gives it.
    if std::fs::metadata(&path).map_err(failed)?.gid() != group {
        std::os::unix::fs::chown(&path, None, Some(group)).map_err(failed)?;
    }
    // The umask was 077: until now nobody but root could open it.
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o660)).map_err(failed)?;
    let serve = move || {
        loop {
            let exchanged = match listener.accept() {
                Ok((stream, _)) => exchange(&stream, group, &keeper),
                Err(error) => {
                    std::thread::sleep(ACCEPT_PAUSE);
                    Err(error.into())
                }
            };
            if let Err(error) = exchanged {
                log::warn!(error = error.to_string().as_str(); "A request to keeper broke off");
            }
        }
    };
    std::thread::Builder::new().name("verbs".to_owned()).spawn(serve).map(drop).map_err(KeeperError::Threads)
}

fn exchange(stream: &UnixStream, group: u32, keeper: &Arc<Keeper>) -> Result<(), FrameError> {
    stream.set_read_timeout(Some(FRAME_TIME))?;
    stream.set_write_timeout(Some(FRAME_TIME))?;
    let peer = getsockopt(stream, PeerCredentials).map_err(io::Error::from)?;
    // Read whoever sent it: an answer that overtakes its question is lost.
    let received = Frame::<KeeperRequest>::receive(stream);
    let (answer, body) = if peer.uid() != 0 && peer.gid() != group {
        log::warn!(uid = peer.uid(), pid = peer.pid(); "A process that is not core asked keeper for something");
        drain(stream)?;
        (Answer::Refused(Refusal::NotYou), Vec::new())
    } else {
        match received {
            Ok(frame) if is_sound(&frame) => verbs::answer(keeper, frame.header, frame.descriptor),
            Ok(_) | Err(FrameError::Header(_) | FrameError::TooLarge { .. }) => {
                log::warn!("A request to keeper made no sense");
                drain(stream)?;
                (Answer::Refused(Refusal::Malformed), Vec::new())
            }
            Err(FrameError::Ended) => return Ok(()),
            Err(error) => return Err(error),
        }
    };
    Frame { header: answer, body, descriptor: None }.send(stream)
}

/// Whether a request is within its limits, and a file comes along only where one belongs.
fn is_sound(frame: &Frame<KeeperRequest>) -> bool {
    let brings = frame.header.brings_file();
    frame.body.is_empty() && frame.descriptor.is_some() == brings && frame.header.is_bounded()
}

/// Throws away what is there and was not read: with it unread, the end of the connection would take the answer along.
fn drain(mut stream: &UnixStream) -> io::Result<()> {
    stream.set_nonblocking(true)?;
    let mut thrown = [0; 16 * 1024];
    for _ in 0..DRAINED_READS {
        if !matches!(stream.read(&mut thrown), Ok(1..)) {
            break;
        }
    }
    stream.set_nonblocking(false)
}
