//! A small SFTP client, for `demo` and the tests: one request at a time, except for the writes of an upload.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use russh::client::{Config, Handle, Handler, Msg};
use russh::keys::{HashAlg, PrivateKey, PrivateKeyWithHashAlg, PublicKeyOrCertificate};
use russh::{Channel, ChannelMsg, Disconnect, SshId};
use tokio::net::TcpStream;

use super::sftp_codec::{
    Attributes, CodecError, DATA_LIMIT, Handle as OpenHandle, OpenFlags, Packets, Request, Response, StatusCode,
    VERSION,
};

/// Bytes of one write or read.
const PIECE: usize = 128 * 1024;
/// Writes on their way without an answer.
const WRITES_AHEAD: usize = 32;
/// An answer that does not come within this time never will.
const ANSWER_TIME: Duration = Duration::from_secs(60);

/// How the client proves who it is.
pub enum Credential {
    Password(String),
    Key(Box<PrivateKey>),
}

/// Why something did not work.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("connection: {0}")]
    Io(#[from] std::io::Error),
    #[error("SSH: {0}")]
    Ssh(#[from] russh::Error),
    #[error("log-in refused")]
    LoginRefused,
    #[error("SFTP: {0}")]
    Codec(#[from] CodecError),
    #[error("the server ended the session")]
    Ended,
    #[error("no answer in time")]
    Late,
    #[error("unexpected answer")]
    Unexpected,
    /// The server's own refusal: its code and message.
    #[error("{message} (SFTP status {code})")]
    Status { code: u32, message: String },
}

/// A line of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub name: String,
    pub folder: bool,
    pub size: u64,
}

/// A connection that is logged in.
pub struct Client {
    session: Handle<Pinned>,
    channel: Channel<Msg>,
    packets: Packets,
    next_id: u32,
}

/// Accepts one host key only.
struct Pinned {
    fingerprint: String,
}

impl Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKeyOrCertificate) -> Result<bool, Self::Error> {
        Ok(match key {
            PublicKeyOrCertificate::PublicKey { key, .. } => {
                key.fingerprint(HashAlg::Sha256).to_string() == self.fingerprint
            }
            _ => false,
        })
    }
}

impl Client {
    /// Connects, checks the host key (`SHA256:…`), logs in and opens SFTP.
    pub async fn connect(
        address: SocketAddr,
        login: &str,
        credential: Credential,
        host_key: &str,
    ) -> Result<Self, ClientError> {
        let config = Config {
            client_id: SshId::Standard(Cow::Borrowed("SSH-2.0-Fluxgate_client")),
            window_size: 8 << 20,
            maximum_packet_size: 65_535,
            nodelay: true,
            ..Config::default()
        };
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let pinned = Pinned { fingerprint: host_key.to_owned() };
        let mut session = russh::client::connect_stream(Arc::new(config), stream, pinned).await?;
        let let_in = match credential {
            Credential::Password(password) => session.authenticate_password(login, password).await?,
            Credential::Key(key) => {
                let hash = session.best_supported_rsa_hash().await?.flatten();
                let key = PrivateKeyWithHashAlg::new(Arc::new(*key), hash);
                session.authenticate_publickey(login, key).await?
            }
        };
        if !let_in.success() {
            return Err(ClientError::LoginRefused);
        }
        let channel = session.channel_open_session().await?;
        channel.request_subsystem(true, "sftp").await?;
        let mut client = Self { session, channel, packets: Packets::default(), next_id: 0 };
        client.send(&Request::Init { version: VERSION }).await?;
        match client.receive().await? {
            Response::Version(VERSION, _) => Ok(client),
            _ => Err(ClientError::Unexpected),
        }
    }

    /// Uploads `content` to `path`; returns when the server has answered the close.
    pub async fn put(&mut self, path: &str, content: &[u8]) -> Result<(), ClientError> {
        let handle = self.create(path).await?;
        let written = self.write(&handle, 0, content).await;
        let closed = self.close(handle).await;
        written.and(closed)
    }

    /// Opens `path` for writing, emptied.
    pub async fn create(&mut self, path: &str) -> Result<OpenHandle, ClientError> {
        let flags = OpenFlags(OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::TRUNCATE);
        self.open(path, flags).await
    }

    async fn open(&mut self, path: &str, flags: OpenFlags) -> Result<OpenHandle, ClientError> {
        let id = self.id();
        let path = Bytes::copy_from_slice(path.as_bytes());
        match self.ask(Request::Open { id, path, flags, attributes: Attributes::default() }).await? {
            Response::Handle { handle, .. } => Ok(handle),
            other => Err(failure(other)),
        }
    }

    /// Writes `content` at `offset`, several pieces ahead of their answers; the first failure is returned.
    pub async fn write(&mut self, handle: &OpenHandle, offset: u64, content: &[u8]) -> Result<(), ClientError> {
        let mut ahead = 0;
        let mut result = Ok(());
        let mut at = offset;
        for piece in content.chunks(PIECE) {
            let id = self.id();
            let data = Bytes::copy_from_slice(piece);
            self.send(&Request::Write { id, handle: handle.clone(), offset: at, data }).await?;
            at += piece.len() as u64;
            ahead += 1;
            if ahead == WRITES_AHEAD {
                result = result.and(done(self.receive().await?));
                ahead -= 1;
                if result.is_err() {
                    break;
                }
            }
        }
        for _ in 0..ahead {
            result = result.and(done(self.receive().await?));
        }
        result
    }

    pub async fn close(&mut self, handle: OpenHandle) -> Result<(), ClientError> {
        let id = self.id();
        done(self.ask(Request::Close { id, handle }).await?)
    }

    /// A whole file.
    pub async fn get(&mut self, path: &str) -> Result<Vec<u8>, ClientError> {
        let handle = self.open(path, OpenFlags(OpenFlags::READ)).await?;
        let mut content = Vec::new();
        loop {
            let id = self.id();
            let length = u32::try_from(DATA_LIMIT).unwrap_or(u32::MAX);
            let request = Request::Read { id, handle: handle.clone(), offset: content.len() as u64, length };
            match self.ask(request).await? {
                Response::Data { data, .. } => content.extend_from_slice(&data),
                Response::Status { code, .. } if code == StatusCode::Eof as u32 => break,
                other => return Err(failure(other)),
            }
        }
        self.close(handle).await?;
        Ok(content)
    }

    /// Everything in a folder, in the server's order.
    pub async fn list(&mut self, path: &str) -> Result<Vec<Listed>, ClientError> {
        let id = self.id();
        let handle = match self.ask(Request::Opendir { id, path: Bytes::copy_from_slice(path.as_bytes()) }).await? {
            Response::Handle { handle, .. } => handle,
            other => return Err(failure(other)),
        };
        let mut listed = Vec::new();
        loop {
            let id = self.id();
            match self.ask(Request::Readdir { id, handle: handle.clone() }).await? {
                Response::Names { names, .. } => listed.extend(names.into_iter().map(|n| Listed {
                    name: String::from_utf8_lossy(&n.name).into_owned(),
                    folder: n.attributes.permissions.is_some_and(|p| p & 0o170_000 == 0o040_000),
                    size: n.attributes.size.unwrap_or(0),
                })),
                Response::Status { code, .. } if code == StatusCode::Eof as u32 => break,
                other => return Err(failure(other)),
            }
        }
        self.close(handle).await?;
        Ok(listed)
    }

    /// The size of a file or folder.
    pub async fn size(&mut self, path: &str) -> Result<u64, ClientError> {
        let id = self.id();
        match self.ask(Request::Stat { id, path: Bytes::copy_from_slice(path.as_bytes()) }).await? {
            Response::Attributes { attributes, .. } => Ok(attributes.size.unwrap_or(0)),
            other => Err(failure(other)),
        }
    }

    pub async fn remove(&mut self, path: &str) -> Result<(), ClientError> {
        let id = self.id();
        done(self.ask(Request::Remove { id, path: Bytes::copy_from_slice(path.as_bytes()) }).await?)
    }

    pub async fn remove_folder(&mut self, path: &str) -> Result<(), ClientError> {
        let id = self.id();
        done(self.ask(Request::Rmdir { id, path: Bytes::copy_from_slice(path.as_bytes()) }).await?)
    }

    pub async fn rename(&mut self, from: &str, to: &str) -> Result<(), ClientError> {
        let id = self.id();
        let path = |text: &str| Bytes::copy_from_slice(text.as_bytes());
        done(self.ask(Request::Rename { id, from: path(from), to: path(to) }).await?)
    }

    /// Says goodbye.
    pub async fn disconnect(self) -> Result<(), ClientError> {
        self.channel.eof().await?;
        Ok(self.session.disconnect(Disconnect::ByApplication, "", "").await?)
    }

    /// Sends bytes as they are, for tests of bad input.
    pub async fn send_raw(&mut self, bytes: Bytes) -> Result<(), ClientError> {
        Ok(self.channel.data_bytes(bytes).await?)
    }

    /// Waits until the server ends the session.
    pub async fn wait_for_end(&mut self) -> Result<(), ClientError> {
        loop {
            match self.receive().await {
                Ok(_) => {}
                Err(ClientError::Ended) => return Ok(()),
                Err(other) => return Err(other),
            }
        }
    }

    fn id(&mut self) -> u32 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    /// One request, one answer. (Writes that were cut short have had all their answers read.)
    async fn ask(&mut self, request: Request) -> Result<Response, ClientError> {
        self.send(&request).await?;
        self.receive().await
    }

    async fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        Ok(self.channel.data_bytes(request.write()).await?)
    }

    async fn receive(&mut self) -> Result<Response, ClientError> {
        loop {
            if let Some((kind, rest)) = self.packets.next_packet()? {
                return Ok(Response::read(kind, rest)?);
            }
            match tokio::time::timeout(ANSWER_TIME, self.channel.wait()).await.map_err(|_| ClientError::Late)? {
                Some(ChannelMsg::Data { data }) => self.packets.push(&data),
                None | Some(ChannelMsg::Eof | ChannelMsg::Close | ChannelMsg::Failure) => {
                    return Err(ClientError::Ended);
                }
                Some(_) => {}
            }
        }
    }
}

fn done(response: Response) -> Result<(), ClientError> {
    match response {
        Response::Status { code, .. } if code == StatusCode::Ok as u32 => Ok(()),
        other => Err(failure(other)),
    }
}

fn failure(response: Response) -> ClientError {
    match response {
        Response::Status { code, message, .. } => {
            ClientError::Status { code, message: String::from_utf8_lossy(&message).into_owned() }
        }
        _ => ClientError::Unexpected,
    }
}
