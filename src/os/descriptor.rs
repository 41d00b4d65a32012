//! Descriptors: one passed along with bytes on a Unix socket (SCM_RIGHTS), and files that can't leave their folder.
//!
//! Promises that a received descriptor is owned at once (never leaked, never left open across `exec`), that a peer
//! that attaches more than one is refused with all of them closed, and that a path opened *beneath* a folder follows
//! no symbolic link and climbs nowhere. Refuses to know what the bytes mean.

use std::ffi::CStr;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixStream;
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, OpenHow, RenameFlags, ResolveFlag, openat2, renameat2};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::unistd::{UnlinkatFlags, unlinkat};

/// The kernel's own limit of descriptors in one message (SCM_MAX_FD): with room for all of them none is ever
/// truncated away into a leak.
const MOST_DESCRIPTORS: usize = 253;

/// Writes all of `bytes`, with `descriptor` attached to the first of them.
pub fn send(stream: &UnixStream, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let raw: [RawFd; 1] = [descriptor.map_or(-1, |d| d.as_raw_fd())];
    let rights = [ControlMessage::ScmRights(&raw)];
    let control: &[ControlMessage<'_>] = if descriptor.is_some() { &rights } else { &[] };
    let sent = loop {
        match sendmsg::<()>(stream.as_raw_fd(), &[IoSlice::new(bytes)], control, MsgFlags::MSG_NOSIGNAL, None) {
            Err(Errno::EINTR) => {}
            other => break other?,
        }
    };
    let mut stream = stream;
    stream.write_all(&bytes[sent..])
}

/// Reads at least one byte into `buffer` (0: the peer has ended), with the descriptor attached to it, if any.
pub fn receive(stream: &UnixStream, buffer: &mut [u8]) -> io::Result<(usize, Option<OwnedFd>)> {
    let mut control = nix::cmsg_space!([RawFd; MOST_DESCRIPTORS]);
    let mut slices = [IoSliceMut::new(buffer)];
    let message = loop {
        match recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC) {
            Err(Errno::EINTR) => control.clear(),
            other => break other?,
        }
    };
    let mut received: Vec<OwnedFd> = Vec::new();
    for part in message.cmsgs()? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel has just installed these descriptors for us and nobody else knows their numbers.
            #[expect(unsafe_code, reason = "taking ownership of descriptors the kernel handed over")]
            received.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        }
    }
    if received.len() > 1 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "more than one descriptor in a message"));
    }
    Ok((message.bytes, received.pop()))
}

/// Whether the peer of an idle connection has gone (or sent something nobody asked for): not to be used any more.
pub fn is_stale(stream: &UnixStream) -> bool {
    let mut byte = [0u8; 1];
    let flags = MsgFlags::MSG_PEEK | MsgFlags::MSG_DONTWAIT;
    !matches!(nix::sys::socket::recv(stream.as_raw_fd(), &mut byte, flags), Err(Errno::EAGAIN))
}

/// How a path beneath a folder is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beneath {
    /// A file to read. Never waits for a FIFO's other end.
    File,
    /// A folder, to list it or to name things in it.
    Folder,
}

/// Opens `path` (relative) beneath `folder`: no symbolic link, no `..` that leaves, no other file system's magic.
pub fn open_beneath(folder: impl AsFd, path: &Path, what: Beneath) -> io::Result<OwnedFd> {
    let flags = OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
    let flags = if what == Beneath::Folder { flags | OFlag::O_DIRECTORY } else { flags };
    let how = OpenHow::new().flags(flags).resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    // RESOLVE_BENEATH answers EAGAIN when a rename raced with it: a few tries, as openat2(2) advises.
    const TRIES: usize = 8;
    let mut last = Errno::EAGAIN;
    for _ in 0..TRIES {
        match openat2(folder.as_fd(), path, how) {
            Ok(fd) => return Ok(fd),
            Err(Errno::EAGAIN | Errno::EINTR) => last = Errno::EAGAIN,
            Err(other) => return Err(other.into()),
        }
    }
    Err(last.into())
}

/// Removes the file `name` (or the empty folder, if `is_folder`) directly inside `folder`.
pub fn remove_at(folder: impl AsFd, name: &str, is_folder: bool) -> io::Result<()> {
    let flag = if is_folder { UnlinkatFlags::RemoveDir } else { UnlinkatFlags::NoRemoveDir };
    Ok(unlinkat(folder, name, flag)?)
}

/// Renames `name` inside `folder` to `new_name` inside `new_folder`; fails when that exists.
pub fn rename_at(folder: impl AsFd, name: &str, new_folder: impl AsFd, new_name: &str) -> io::Result<()> {
    Ok(renameat2(folder, name, new_folder, new_name, RenameFlags::RENAME_NOREPLACE)?)
}

/// An anonymous file in memory, to hand a long answer over as a descriptor.
pub fn memory_file(name: &CStr) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MFdFlags::MFD_CLOEXEC)?))
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom};

    use super::*;

    #[test]
    fn a_descriptor_travels_with_its_bytes() {
        let (left, right) = UnixStream::pair().unwrap();
        let mut file = memory_file(c"test").unwrap();
        file.write_all(b"content").unwrap();
        send(&left, b"hello", Some(file.as_fd())).unwrap();
        let mut buffer = [0; 16];
        let (size, descriptor) = receive(&right, &mut buffer).unwrap();
        assert_eq!(&buffer[..size], b"hello");
        let mut copy = File::from(descriptor.unwrap());
        copy.seek(SeekFrom::Start(0)).unwrap();
        let mut text = String::new();
        copy.read_to_string(&mut text).unwrap();
        assert_eq!(text, "content");
    }

    #[test]
    fn several_descriptors_are_refused_and_none_leaks() {
        let (left, right) = UnixStream::pair().unwrap();
        let file = memory_file(c"test").unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        let raw = [file.as_raw_fd(); 200];
        let mut buffer = [0; 16];
        let mut fewest = usize::MAX;
        let before = open();
        for _ in 0..20 {
            sendmsg::<()>(
                left.as_raw_fd(),
                &[IoSlice::new(b"x")],
                &[ControlMessage::ScmRights(&raw)],
                MsgFlags::empty(),
                None,
            )
            .unwrap();
            assert_eq!(receive(&right, &mut buffer).unwrap_err().kind(), io::ErrorKind::InvalidData);
            fewest = fewest.min(open());
        }
        // Other tests open files meanwhile; a leak would leave 4,000.
        assert!(fewest < before + 150, "{fewest} descriptors open, {before} before");
    }

    #[test]
    fn nothing_escapes_from_beneath_a_folder() {
        let outside = tempfile::tempdir().unwrap();
        std::fs::write(outside.path().join("secret"), "s").unwrap();
        let inside = outside.path().join("inside");
        std::fs::create_dir_all(inside.join("sub")).unwrap();
        std::fs::write(inside.join("sub/file"), "f").unwrap();
        std::os::unix::fs::symlink("../secret", inside.join("link")).unwrap();
        std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
        let folder = File::open(&inside).unwrap();
        assert!(open_beneath(&folder, Path::new("sub/file"), Beneath::File).is_ok());
        assert!(open_beneath(&folder, Path::new("sub"), Beneath::Folder).is_ok());
        for bad in ["../secret", "sub/../../secret", "/etc/passwd", "link", "up/secret", "sub/file/x", "missing"] {
            assert!(open_beneath(&folder, Path::new(bad), Beneath::File).is_err(), "{bad}");
        }
        assert!(open_beneath(&folder, Path::new("sub/file"), Beneath::Folder).is_err());
    }

    #[test]
    fn a_closed_peer_is_stale() {
        let (left, right) = UnixStream::pair().unwrap();
        assert!(!is_stale(&left));
        drop(right);
        assert!(is_stale(&left));
    }
}
