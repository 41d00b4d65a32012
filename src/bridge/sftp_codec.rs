//! SFTP version 3 on the wire (draft-ietf-secsh-filexfer-02) with the OpenSSH extensions we speak: packets to and from
//! bytes, both directions, because the server and our own client share it.
//!
//! Promises that no packet makes it allocate more than [`PACKET_LIMIT`], and that a packet that is not exactly what
//! its type says is an error: the channel is then closed. Refuses to know files and folders.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Bytes of one packet after its length, at most (as OpenSSH).
pub const PACKET_LIMIT: usize = 256 * 1024;
/// Bytes of one read or write, at most: what fits a packet with its header.
pub const DATA_LIMIT: usize = PACKET_LIMIT - 1024;
/// The version we speak.
pub const VERSION: u32 = 3;

/// Why a stream of bytes is no SFTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    #[error("packet of {0} bytes")]
    Length(u32),
    #[error("packet of type {0} ends too early")]
    Short(u8),
    #[error("packet of type {0} is longer than its fields")]
    Long(u8),
}

/// Result codes of version 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusCode {
    Ok = 0,
    Eof = 1,
    NoSuchFile = 2,
    PermissionDenied = 3,
    Failure = 4,
    OpUnsupported = 8,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OpenFlags(pub u32);

impl OpenFlags {
    pub const READ: u32 = 1;
    pub const WRITE: u32 = 2;
    pub const APPEND: u32 = 4;
    pub const CREATE: u32 = 8;
    pub const TRUNCATE: u32 = 16;
    pub const EXCLUSIVE: u32 = 32;

    /// Whether this flag is set.
    pub fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

/// Attributes; extended ones are read over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// In bytes.
    pub size: Option<u64>,
    /// User and group, as numbers.
    pub owner: Option<(u32, u32)>,
    /// POSIX mode, the kind of file in its high bits.
    pub permissions: Option<u32>,
    /// Access and modification, seconds since 1970.
    pub times: Option<(u32, u32)>,
}

const ATTR_SIZE: u32 = 1;
const ATTR_OWNER: u32 = 2;
const ATTR_PERMISSIONS: u32 = 4;
const ATTR_TIMES: u32 = 8;
const ATTR_EXTENDED: u32 = 0x8000_0000;

/// A path as it came: bytes, not yet believed to be text.
pub type RawPath = Bytes;
/// The server's name for an open file or folder.
pub type Handle = Bytes;

/// What a client asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Request {
    Init {
        version: u32,
    },
    Open {
        id: u32,
        path: RawPath,
        flags: OpenFlags,
        attributes: Attributes,
    },
    Close {
        id: u32,
        handle: Handle,
    },
    Read {
        id: u32,
        handle: Handle,
        offset: u64,
        length: u32,
    },
    Write {
        id: u32,
        handle: Handle,
        offset: u64,
        data: Bytes,
    },
    Lstat {
        id: u32,
        path: RawPath,
    },
    Fstat {
        id: u32,
        handle: Handle,
    },
    Setstat {
        id: u32,
        path: RawPath,
        attributes: Attributes,
    },
    Fsetstat {
        id: u32,
        handle: Handle,
        attributes: Attributes,
    },
    Opendir {
        id: u32,
        path: RawPath,
    },
    Readdir {
        id: u32,
        handle: Handle,
    },
    Remove {
        id: u32,
        path: RawPath,
    },
    Mkdir {
        id: u32,
        path: RawPath,
    },
    Rmdir {
        id: u32,
        path: RawPath,
    },
    Realpath {
        id: u32,
        path: RawPath,
    },
    Stat {
        id: u32,
        path: RawPath,
    },
    Rename {
        id: u32,
        from: RawPath,
        to: RawPath,
    },
    PosixRename {
        id: u32,
        from: RawPath,
        to: RawPath,
    },
    Statvfs {
        id: u32,
        path: RawPath,
    },
    Fsync {
        id: u32,
        handle: Handle,
    },
    Limits {
        id: u32,
    },
    /// Readlink, symlink, and whatever else: answered with `OpUnsupported`.
    Other {
        id: u32,
    },
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// Without its folder.
    pub name: Bytes,
    /// The line `ls -l` would show, for people.
    pub long_name: Bytes,
    pub attributes: Attributes,
}

/// What a server answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Response {
    /// Version, and the extensions as (name, data).
    Version(u32, Vec<(Bytes, Bytes)>),
    Status {
        id: u32,
        code: u32,
        message: Bytes,
    },
    Handle {
        id: u32,
        handle: Handle,
    },
    Data {
        id: u32,
        data: Bytes,
    },
    Names {
        id: u32,
        names: Vec<Name>,
    },
    Attributes {
        id: u32,
        attributes: Attributes,
    },
    /// `limits@openssh.com`, `statvfs@openssh.com`: numbers in the extension's own order.
    Numbers {
        id: u32,
        numbers: Vec<u64>,
    },
}

mod kind {
    pub const INIT: u8 = 1;
    pub const VERSION: u8 = 2;
    pub const OPEN: u8 = 3;
    pub const CLOSE: u8 = 4;
    pub const READ: u8 = 5;
    pub const WRITE: u8 = 6;
    pub const LSTAT: u8 = 7;
    pub const FSTAT: u8 = 8;
    pub const SETSTAT: u8 = 9;
    pub const FSETSTAT: u8 = 10;
    pub const OPENDIR: u8 = 11;
    pub const READDIR: u8 = 12;
    pub const REMOVE: u8 = 13;
    pub const MKDIR: u8 = 14;
    pub const RMDIR: u8 = 15;
    pub const REALPATH: u8 = 16;
    pub const STAT: u8 = 17;
    pub const RENAME: u8 = 18;
    pub const STATUS: u8 = 101;
    pub const HANDLE: u8 = 102;
    pub const DATA: u8 = 103;
    pub const NAME: u8 = 104;
    pub const ATTRS: u8 = 105;
    pub const EXTENDED: u8 = 200;
    pub const EXTENDED_REPLY: u8 = 201;
}

/// Names of the extensions, with the data we announce for each.
pub const EXTENSIONS: [(&str, &str); 4] = [
    ("posix-rename@openssh.com", "1"),
    ("statvfs@openssh.com", "2"),
    ("fsync@openssh.com", "1"),
    ("limits@openssh.com", "1"),
];

/// Cuts a stream of bytes into packets.
#[derive(Debug, Default)]
pub struct Packets {
    buffer: BytesMut,
}

impl Packets {
    /// Adds what came from the client.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole packet: its type and what follows.
    pub fn next_packet(&mut self) -> Result<Option<(u8, Bytes)>, CodecError> {
        let Some(length) = self.buffer.first_chunk::<4>() else { return Ok(None) };
        let length = u32::from_be_bytes(*length);
        let size = usize::try_from(length).unwrap_or(usize::MAX);
        if size == 0 || size > PACKET_LIMIT {
            return Err(CodecError::Length(length));
        }
        if self.buffer.len() < 4 + size {
            self.buffer.reserve(4 + size - self.buffer.len());
            return Ok(None);
        }
        self.buffer.advance(4);
        let mut packet = self.buffer.split_to(size).freeze();
        let kind = packet.get_u8();
        Ok(Some((kind, packet)))
    }
}

/// Reads a packet's fields; every miss is [`CodecError::Short`].
struct Fields {
    kind: u8,
    rest: Bytes,
}

impl Fields {
    fn u32(&mut self) -> Result<u32, CodecError> {
        self.rest.try_get_u32().map_err(|_| CodecError::Short(self.kind))
    }

    fn u64(&mut self) -> Result<u64, CodecError> {
        self.rest.try_get_u64().map_err(|_| CodecError::Short(self.kind))
    }

    fn string(&mut self) -> Result<Bytes, CodecError> {
        let length = usize::try_from(self.u32()?).unwrap_or(usize::MAX);
        if length > self.rest.len() {
            return Err(CodecError::Short(self.kind));
        }
        Ok(self.rest.split_to(length))
    }

    fn attributes(&mut self) -> Result<Attributes, CodecError> {
        let flags = self.u32()?;
        let mut attributes = Attributes::default();
        if flags & ATTR_SIZE != 0 {
            attributes.size = Some(self.u64()?);
        }
        if flags & ATTR_OWNER != 0 {
            attributes.owner = Some((self.u32()?, self.u32()?));
        }
        if flags & ATTR_PERMISSIONS != 0 {
            attributes.permissions = Some(self.u32()?);
        }
        if flags & ATTR_TIMES != 0 {
            attributes.times = Some((self.u32()?, self.u32()?));
        }
        if flags & ATTR_EXTENDED != 0 {
            // Each pair takes at least eight bytes: the packet's own length bounds the loop.
            for _ in 0..self.u32()? {
                self.string()?;
                self.string()?;
            }
        }
        Ok(attributes)
    }

    fn end(self) -> Result<(), CodecError> {
        if self.rest.is_empty() { Ok(()) } else { Err(CodecError::Long(self.kind)) }
    }
}

impl Request {
    /// Reads a request of type `kind`.
    pub fn read(kind: u8, rest: Bytes) -> Result<Self, CodecError> {
        let mut f = Fields { kind, rest };
        if kind == kind::INIT {
            // Extension pairs may follow; no client's matter to us.
            return Ok(Request::Init { version: f.u32()? });
        }
        let id = f.u32()?;
        let request = match kind {
            kind::OPEN => {
                Request::Open { id, path: f.string()?, flags: OpenFlags(f.u32()?), attributes: f.attributes()? }
            }
            kind::CLOSE => Request::Close { id, handle: f.string()? },
            kind::READ => Request::Read { id, handle: f.string()?, offset: f.u64()?, length: f.u32()? },
            kind::WRITE => Request::Write { id, handle: f.string()?, offset: f.u64()?, data: f.string()? },
            kind::LSTAT => Request::Lstat { id, path: f.string()? },
            kind::FSTAT => Request::Fstat { id, handle: f.string()? },
            kind::SETSTAT => Request::Setstat { id, path: f.string()?, attributes: f.attributes()? },
            kind::FSETSTAT => Request::Fsetstat { id, handle: f.string()?, attributes: f.attributes()? },
            kind::OPENDIR => Request::Opendir { id, path: f.string()? },
            kind::READDIR => Request::Readdir { id, handle: f.string()? },
            kind::REMOVE => Request::Remove { id, path: f.string()? },
            kind::MKDIR => {
                let path = f.string()?;
                f.attributes()?;
                Request::Mkdir { id, path }
            }
            kind::RMDIR => Request::Rmdir { id, path: f.string()? },
            kind::REALPATH => Request::Realpath { id, path: f.string()? },
            kind::STAT => Request::Stat { id, path: f.string()? },
            kind::RENAME => Request::Rename { id, from: f.string()?, to: f.string()? },
            kind::EXTENDED => return Self::read_extended(id, f),
            _ => return Ok(Request::Other { id }),
        };
        f.end()?;
        Ok(request)
    }

    fn read_extended(id: u32, mut f: Fields) -> Result<Self, CodecError> {
        let request = match &*f.string()? {
            b"posix-rename@openssh.com" => Request::PosixRename { id, from: f.string()?, to: f.string()? },
            b"statvfs@openssh.com" => Request::Statvfs { id, path: f.string()? },
            b"fsync@openssh.com" => Request::Fsync { id, handle: f.string()? },
            b"limits@openssh.com" => Request::Limits { id },
            _ => return Ok(Request::Other { id }),
        };
        f.end()?;
        Ok(request)
    }

    /// The whole packet, length first. (The client's half; `Other` has no form of its own and becomes a readlink.)
    pub fn write(&self) -> Bytes {
        let mut w = Writer::new();
        match self {
            Request::Init { version } => w.kind(kind::INIT).u32(*version),
            Request::Open { id, path, flags, attributes } => {
                w.kind(kind::OPEN).u32(*id).string(path).u32(flags.0).attributes(attributes)
            }
            Request::Close { id, handle } => w.kind(kind::CLOSE).u32(*id).string(handle),
            Request::Read { id, handle, offset, length } => {
                w.kind(kind::READ).u32(*id).string(handle).u64(*offset).u32(*length)
            }
            Request::Write { id, handle, offset, data } => {
                w.kind(kind::WRITE).u32(*id).string(handle).u64(*offset).string(data)
            }
            Request::Lstat { id, path } => w.kind(kind::LSTAT).u32(*id).string(path),
            Request::Fstat { id, handle } => w.kind(kind::FSTAT).u32(*id).string(handle),
            Request::Setstat { id, path, attributes } => {
                w.kind(kind::SETSTAT).u32(*id).string(path).attributes(attributes)
            }
            Request::Fsetstat { id, handle, attributes } => {
                w.kind(kind::FSETSTAT).u32(*id).string(handle).attributes(attributes)
            }
            Request::Opendir { id, path } => w.kind(kind::OPENDIR).u32(*id).string(path),
            Request::Readdir { id, handle } => w.kind(kind::READDIR).u32(*id).string(handle),
            Request::Remove { id, path } => w.kind(kind::REMOVE).u32(*id).string(path),
            Request::Mkdir { id, path } => w.kind(kind::MKDIR).u32(*id).string(path).attributes(&Attributes::default()),
            Request::Rmdir { id, path } => w.kind(kind::RMDIR).u32(*id).string(path),
            Request::Realpath { id, path } => w.kind(kind::REALPATH).u32(*id).string(path),
            Request::Stat { id, path } => w.kind(kind::STAT).u32(*id).string(path),
            Request::Rename { id, from, to } => w.kind(kind::RENAME).u32(*id).string(from).string(to),
            Request::PosixRename { id, from, to } => {
                w.kind(kind::EXTENDED).u32(*id).string(b"posix-rename@openssh.com").string(from).string(to)
            }
            Request::Statvfs { id, path } => {
                w.kind(kind::EXTENDED).u32(*id).string(b"statvfs@openssh.com").string(path)
            }
            Request::Fsync { id, handle } => {
                w.kind(kind::EXTENDED).u32(*id).string(b"fsync@openssh.com").string(handle)
            }
            Request::Limits { id } => w.kind(kind::EXTENDED).u32(*id).string(b"limits@openssh.com"),
            Request::Other { id } => w.kind(19).u32(*id).string(b"/"),
        };
        w.finish()
    }
}

impl Response {
    /// The whole packet, length first.
    pub fn write(&self) -> Bytes {
        let mut w = Writer::new();
        match self {
            Response::Version(version, extensions) => {
                w.kind(kind::VERSION).u32(*version);
                for (name, data) in extensions {
                    w.string(name).string(data);
                }
                &mut w
            }
            Response::Status { id, code, message } => {
                w.kind(kind::STATUS).u32(*id).u32(*code).string(message).string(b"")
            }
            Response::Handle { id, handle } => w.kind(kind::HANDLE).u32(*id).string(handle),
            Response::Data { id, data } => w.kind(kind::DATA).u32(*id).string(data),
            Response::Names { id, names } => {
                w.kind(kind::NAME).u32(*id).u32(u32::try_from(names.len()).unwrap_or(u32::MAX));
                for name in names {
                    w.string(&name.name).string(&name.long_name).attributes(&name.attributes);
                }
                &mut w
            }
            Response::Attributes { id, attributes } => w.kind(kind::ATTRS).u32(*id).attributes(attributes),
            Response::Numbers { id, numbers } => {
                w.kind(kind::EXTENDED_REPLY).u32(*id);
                for number in numbers {
                    w.u64(*number);
                }
                &mut w
            }
        };
        w.finish()
    }

    /// Reads an answer of type `kind`.
    pub fn read(kind: u8, rest: Bytes) -> Result<Self, CodecError> {
        let mut f = Fields { kind, rest };
        if kind == kind::VERSION {
            let version = f.u32()?;
            let mut extensions = Vec::new();
            while !f.rest.is_empty() {
                extensions.push((f.string()?, f.string()?));
            }
            return Ok(Response::Version(version, extensions));
        }
        let id = f.u32()?;
        let response = match kind {
            kind::STATUS => {
                let (code, message) = (f.u32()?, f.string()?);
                f.string()?;
                Response::Status { id, code, message }
            }
            kind::HANDLE => Response::Handle { id, handle: f.string()? },
            kind::DATA => Response::Data { id, data: f.string()? },
            kind::NAME => {
                let mut names = Vec::new();
                for _ in 0..f.u32()? {
                    names.push(Name { name: f.string()?, long_name: f.string()?, attributes: f.attributes()? });
                }
                Response::Names { id, names }
            }
            kind::ATTRS => Response::Attributes { id, attributes: f.attributes()? },
            kind::EXTENDED_REPLY => {
                let mut numbers = Vec::new();
                while !f.rest.is_empty() {
                    numbers.push(f.u64()?);
                }
                Response::Numbers { id, numbers }
            }
            other => return Err(CodecError::Long(other)),
        };
        f.end()?;
        Ok(response)
    }
}

struct Writer(BytesMut);

impl Writer {
    fn new() -> Self {
        let mut bytes = BytesMut::with_capacity(64);
        bytes.put_u32(0);
        Self(bytes)
    }

    fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.put_u8(kind);
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.0.put_u32(value);
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.0.put_u64(value);
        self
    }

    fn string(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.put_u32(u32::try_from(bytes.len()).expect("a packet is far below 4 GiB"));
        self.0.extend_from_slice(bytes);
        self
    }

    fn attributes(&mut self, attributes: &Attributes) -> &mut Self {
        let flag = |present: bool, flag: u32| if present { flag } else { 0 };
        self.u32(
            flag(attributes.size.is_some(), ATTR_SIZE)
                | flag(attributes.owner.is_some(), ATTR_OWNER)
                | flag(attributes.permissions.is_some(), ATTR_PERMISSIONS)
                | flag(attributes.times.is_some(), ATTR_TIMES),
        );
        if let Some(size) = attributes.size {
            self.u64(size);
        }
        if let Some((user, group)) = attributes.owner {
            self.u32(user).u32(group);
        }
        if let Some(permissions) = attributes.permissions {
            self.u32(permissions);
        }
        if let Some((accessed, modified)) = attributes.times {
            self.u32(accessed).u32(modified);
        }
        self
    }

    fn finish(mut self) -> Bytes {
        let length = u32::try_from(self.0.len() - 4).expect("a packet is far below 4 GiB");
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0.freeze()
    }
}

#[cfg(test)]
#[path = "sftp_codec_tests.rs"]
mod tests;
