//! A frame: `u32` header length, `u32` body length (big-endian), the header as JSON, the body as raw bytes, and at
//! most one descriptor that travels with the first byte.

use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::os::descriptor;

/// Bytes of a frame's JSON header, at most.
pub const HEADER_LIMIT: usize = 16 * 1024;
/// Bytes of a frame's raw body, at most.
pub const BODY_LIMIT: usize = 64 * 1024;

const PREFIX: usize = 8;

/// What came in one frame.
#[derive(Debug)]
pub struct Frame<T> {
    pub header: T,
    pub body: Vec<u8>,
    pub descriptor: Option<OwnedFd>,
}

impl<T> Frame<T> {
    /// Whether it is a header and nothing else.
    pub fn is_bare(&self) -> bool {
        self.body.is_empty() && self.descriptor.is_none()
    }
}

/// Why a frame did not pass.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The peer ended the connection between two frames.
    #[error("the connection ended")]
    Ended,
    /// Nothing came within the socket's time limit, between two frames.
    #[error("nothing came in time")]
    Idle,
    #[error("gate socket: {0}")]
    Io(#[from] io::Error),
    #[error("frame too large: header of {header} bytes, body of {body} bytes")]
    TooLarge { header: usize, body: usize },
    #[error("header is not understood: {0}")]
    Header(#[from] serde_json::Error),
}

impl<T: Serialize> Frame<T> {
    /// Sends the frame.
    pub fn send(&self, stream: &UnixStream) -> Result<(), FrameError> {
        // The body may be a password: it is written once, into memory that is wiped.
        let mut bytes = zeroize::Zeroizing::new(vec![0; PREFIX]);
        serde_json::to_writer(&mut *bytes, &self.header)?;
        let (header, body) = (bytes.len() - PREFIX, self.body.len());
        if header > HEADER_LIMIT || body > BODY_LIMIT {
            return Err(FrameError::TooLarge { header, body });
        }
        let length = |n: usize| u32::try_from(n).expect("limits fit 32 bits").to_be_bytes();
        bytes[..4].copy_from_slice(&length(header));
        bytes[4..PREFIX].copy_from_slice(&length(body));
        bytes.reserve_exact(body);
        bytes.extend_from_slice(&self.body);
        descriptor::send(stream, &bytes, self.descriptor.as_ref().map(AsFd::as_fd))?;
        Ok(())
    }
}

impl<T: DeserializeOwned> Frame<T> {
    /// Receives a frame. Waits between frames as long as the socket's read limit says ([`FrameError::Idle`]); a frame
    /// that has begun must be whole within it.
    pub fn receive(mut stream: &UnixStream) -> Result<Self, FrameError> {
        let mut prefix = [0; PREFIX];
        let (mut filled, descriptor) = match descriptor::receive(stream, &mut prefix) {
            Ok((0, _)) => return Err(FrameError::Ended),
            Ok(first) => first,
            Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                return Err(FrameError::Idle);
            }
            Err(e) => return Err(e.into()),
        };
        while filled < PREFIX {
            // Plain reads: a descriptor attached to any later byte is closed by the kernel.
            match stream.read(&mut prefix[filled..])? {
                0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
                n => filled += n,
            }
        }
        let length = |at: usize| {
            let bytes: [u8; 4] = prefix[at..at + 4].try_into().expect("four bytes");
            usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX)
        };
        let (header, body) = (length(0), length(4));
        if header > HEADER_LIMIT || body > BODY_LIMIT {
            return Err(FrameError::TooLarge { header, body });
        }
        let mut header_bytes = vec![0; header];
        stream.read_exact(&mut header_bytes)?;
        let mut body_bytes = vec![0; body];
        stream.read_exact(&mut body_bytes)?;
        Ok(Self { header: serde_json::from_slice(&header_bytes)?, body: body_bytes, descriptor })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use proptest::prelude::*;

    use super::super::message::Request;
    use super::*;

    #[test]
    fn a_frame_arrives_as_it_was_sent() {
        let (left, right) = UnixStream::pair().unwrap();
        let sent = Frame { header: Request::Hello { version: 1 }, body: vec![7; BODY_LIMIT], descriptor: None };
        let sender = std::thread::spawn(move || sent.send(&left));
        let got: Frame<Request> = Frame::receive(&right).unwrap();
        sender.join().unwrap().unwrap();
        assert_eq!(got.header, Request::Hello { version: 1 });
        assert_eq!(got.body, vec![7; BODY_LIMIT]);
        assert!(matches!(Frame::<Request>::receive(&right), Err(FrameError::Ended)));
    }

    #[test]
    fn what_is_too_large_is_neither_sent_nor_read() {
        let (left, right) = UnixStream::pair().unwrap();
        let frame = Frame { header: Request::Health, body: vec![0; BODY_LIMIT + 1], descriptor: None };
        assert!(matches!(frame.send(&left), Err(FrameError::TooLarge { .. })));
        (&left).write_all(&[0xff; 8]).unwrap();
        assert!(matches!(Frame::<Request>::receive(&right), Err(FrameError::TooLarge { .. })));
    }

    proptest! {
        #[test]
        fn noise_is_an_error_and_never_a_panic_or_a_wait(mut bytes in proptest::collection::vec(any::<u8>(), 1..64),
                                                         small: bool) {
            if small && bytes.len() >= 8 {
                // Lengths that fit, so that the header is reached.
                bytes[..8].copy_from_slice(&[0, 0, 0, 3, 0, 0, 0, 1]);
            }
            let (left, right) = UnixStream::pair().unwrap();
            right.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            (&left).write_all(&bytes).unwrap();
            drop(left);
            let got = Frame::<Request>::receive(&right);
            prop_assert!(!matches!(got, Err(FrameError::Idle)));
        }
    }
}
