//! Bytes that are no SFTP, no SSH, no gate frame; clients that ask for much and read nothing.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use bytes::{BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::place::{Place, Scene, content, soon};

/// An SFTP packet by hand: type, id and what follows.
fn packet(kind: u8, id: u32, rest: &[&[u8]]) -> Bytes {
    let rest = rest.concat();
    let mut bytes = BytesMut::new();
    bytes.put_u32(u32::try_from(rest.len()).unwrap() + 5);
    bytes.put_u8(kind);
    bytes.put_u32(id);
    bytes.extend_from_slice(&rest);
    bytes.freeze()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_ends_one_session_and_nothing_else() {
    let place = Place::open(Scene { connections_per_address: 100, ..Scene::default() }).await;
    let mut bystander = place.client().await;
    for seed in 0..12 {
        let mut client = place.client().await;
        let noise = match seed {
            0 => vec![0; 4],
            1 => vec![0xff; 64],
            2 => packet(3, 1, &[&[0xff; 40]]).to_vec(),
            3 => packet(6, 1, &[]).to_vec(),
            4 => [&[0, 0, 0, 1, 5][..]].concat(),
            // A second greeting.
            5 => vec![0, 0, 0, 5, 1, 0, 0, 0, 3],
            _ => [content(200, seed), vec![0xff; 8]].concat(),
        };
        client.send_raw(noise.into()).await.unwrap();
        tokio::time::timeout(Duration::from_secs(5), client.wait_for_end()).await.expect("the session ends").unwrap();
        bystander.put(&format!("/depot/{seed}.xml"), &content(100, seed)).await.unwrap();
    }
    assert_eq!(place.flows().len(), 12);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unknown_requests_are_answered_and_the_session_goes_on() {
    let place = Place::open(Scene::default()).await;
    let mut client = place.client().await;
    // readlink, symlink, link by extension, an extension of the future, a handle that never was
    for (kind, rest) in [
        (19u8, vec![0u8, 0, 0, 1, b'/']),
        (20, vec![0, 0, 0, 1, b'/', 0, 0, 0, 1, b'x']),
        (200, [&[0u8, 0, 0, 20][..], b"hardlink@openssh.com", &[0, 0, 0, 1, b'a', 0, 0, 0, 1, b'b']].concat()),
        (200, [&[0u8, 0, 0, 6][..], b"x@y.zz"].concat()),
        (4, vec![0, 0, 0, 4, 9, 9, 9, 9]),
        (5, [&[0u8, 0, 0, 1, 9][..], &[0; 12]].concat()),
    ] {
        client.send_raw(packet(kind, 7, &[&rest])).await.unwrap();
        let (code, _) = super::status(client.remove("/recues/none").await);
        // The answer read is the raw request's: a failure of one kind or another.
        assert!(matches!(code, 2 | 4 | 8), "type {kind}: {code}");
        // And its own answer comes next.
        assert_eq!(super::status(client.remove("/recues/none").await).0, 2);
        client = place.client().await;
    }
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_asks_for_a_whole_file_at_once_gets_it() {
    const PIECE: usize = 32 * 1024;
    let place = Place::open(Scene::default()).await;
    let sent = content(40 << 20, 5);
    std::fs::write(place.results().join("accuses/big"), &sent).unwrap();
    let (address, key) = (place.address(), place.key());
    // paramiko's prefetch: every read request before the first answer is looked at.
    let got = tokio::time::timeout(Duration::from_secs(60), async move {
        let mut session = raw_session(address, key).await;
        session.send(packet(3, 1, &[&string(b"/accuses/big"), &1u32.to_be_bytes(), &0u32.to_be_bytes()])).await;
        let (kind, handle) = session.receive().await;
        assert_eq!(kind, 102);
        let handle = handle.slice(4..);
        for (n, _) in sent.chunks(PIECE).enumerate() {
            let offset = (n * PIECE) as u64;
            let length = u32::try_from(PIECE).unwrap();
            let id = u32::try_from(n).unwrap();
            session.send(packet(5, id, &[&handle, &offset.to_be_bytes(), &length.to_be_bytes()])).await;
        }
        let mut got = Vec::new();
        for n in 0..sent.len().div_ceil(PIECE) {
            let (kind, data) = session.receive().await;
            assert_eq!((kind, &data[..4]), (103, &u32::try_from(n).unwrap().to_be_bytes()[..]), "in order");
            got.extend_from_slice(&data[8..]);
        }
        assert!(got == sent);
        got.len()
    })
    .await
    .expect("no deadlock");
    assert_eq!(got, 40 << 20);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_reads_is_cut_and_holds_up_nobody() {
    let place = Place::open(Scene::default()).await;
    std::fs::write(place.results().join("accuses/big"), content(1 << 20, 5)).unwrap();
    // A window of nothing: no answer can ever leave. The first handle's name is known all the same.
    let (channel, _handle) = raw_channel(place.address(), place.key(), 0).await;
    channel.data_bytes(vec![0u8, 0, 0, 5, 1, 0, 0, 0, 3]).await.unwrap();
    let open = packet(3, 1, &[&string(b"/accuses/big"), &1u32.to_be_bytes(), &0u32.to_be_bytes()]);
    channel.data_bytes(open).await.unwrap();
    let read = packet(5, 9, &[&string(&[0; 4]), &0u64.to_be_bytes(), &u32::MAX.to_be_bytes()]);
    let many: Bytes = std::iter::repeat_n(&read[..], 500).flatten().copied().collect::<Vec<u8>>().into();
    let flood = tokio::spawn(async move { while channel.data_bytes(many.clone()).await.is_ok() {} });
    let begun = Instant::now();
    let mut other = place.client().await;
    for n in 0..20u8 {
        other.put(&format!("/depot/{n}.xml"), &[n]).await.unwrap();
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "others are not held up");
    // Once it is cut, only the other's connection is left. (The flood itself may wait for ever for a window.)
    soon(|| place.metrics().contains("fluxgate_sftp_open_connections 1\n").then_some(())).await;
    flood.abort();
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strangers_are_few_and_have_little_time() {
    let scene = Scene { connections_per_address: 4, login_timeout: 1, ..Scene::default() };
    let place = Place::open(scene).await;
    let mut strangers = Vec::new();
    for n in 0..4 {
        let mut stream = tokio::net::TcpStream::connect(place.address()).await.unwrap();
        let mut greeting = [0; 16];
        stream.read_exact(&mut greeting).await.unwrap();
        assert_eq!(&greeting, b"SSH-2.0-Fluxgate");
        match n {
            // Silent; greets and stalls in the key exchange; sends noise slowly; half a greeting.
            0 => {}
            1 => stream.write_all(b"SSH-2.0-slow\r\n").await.unwrap(),
            2 => stream.write_all(b"SSH-2.0-slow\r\n\0\0\0\x20").await.unwrap(),
            _ => stream.write_all(b"SSH-2").await.unwrap(),
        }
        strangers.push(stream);
    }
    let mut fifth = tokio::net::TcpStream::connect(place.address()).await.unwrap();
    let mut nothing = Vec::new();
    assert!(fifth.read_to_end(&mut nothing).await.is_err() || nothing.is_empty(), "turned away without a greeting");
    for mut stream in strangers {
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(4), stream.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "a stranger is cut off in time");
    }
    soon(|| place.metrics().contains("fluxgate_sftp_open_connections 0\n").then_some(())).await;
    let mut client = place.client().await;
    client.put("/depot/fine.xml", b"<fine/>").await.unwrap();
    // Logged in, the log-in's deadline no longer counts.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    client.put("/depot/fine2.xml", b"<fine2/>").await.unwrap();
    assert!(place.metrics().contains("fluxgate_sftp_turned_away_total 1\n"));
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_at_the_gate_ends_one_connection_and_nothing_else() {
    let place = Place::open(Scene::default()).await;
    let gate = place.gate();
    for seed in 0..60u8 {
        let mut stream = UnixStream::connect(place.gate_socket()).unwrap();
        let mut noise = content(usize::from(seed) + 1, seed);
        if seed % 2 == 0 && noise.len() > 8 {
            let header = u32::try_from(noise.len() - 8).unwrap();
            noise[..4].copy_from_slice(&header.to_be_bytes());
            noise[4..8].copy_from_slice(&0u32.to_be_bytes());
        }
        stream.write_all(&noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        let mut answer = Vec::new();
        // An end, with or without "malformed" before it; never a silence.
        match stream.read_to_end(&mut answer) {
            Ok(_) => {}
            Err(e) => assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset, "{e}"),
        }
        gate.health().await.unwrap();
    }
    assert_eq!(gate.metrics().await.unwrap(), "fluxgate_test 1\n");
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_front_that_was_taken_over_cannot_act_for_accounts_that_did_not_come() {
    use fluxgate::gate::{Answer, Frame, Pass, Request};
    let place = Place::open(Scene::default()).await;
    let ask = |request: Request, body: Vec<u8>| {
        let stream = UnixStream::connect(place.gate_socket()).unwrap();
        Frame { header: request, body, descriptor: None }.send(&stream).unwrap();
        Frame::<Answer>::receive(&stream).unwrap().header
    };
    for pass in ["", "sifac", "sifac.0.00", "sifac.9999999999999.deadbeef"] {
        let list = Request::List { pass: Pass(pass.into()), path: "accuses".into() };
        assert_eq!(ask(list, Vec::new()), Answer::PassRefused, "{pass:?}");
    }
    // What front says about a file is checked: name, size, hash.
    let grant = place
        .gate()
        .authenticate("sifac", fluxgate::gate::Proof::Password, super::place::PASSWORD.into(), [127, 0, 0, 1].into())
        .await
        .unwrap()
        .unwrap();
    let receive = |name: &str, size: u64| Request::Receive {
        pass: grant.pass.clone(),
        folder: "depot".into(),
        name: name.into(),
        peer: "127.0.0.1".into(),
        sha256: fluxgate::domain::DocumentHash([0; 32]),
        size,
        staged: None,
    };
    assert_eq!(ask(receive("x.xml", 1), b"x".to_vec()), Answer::Malformed, "wrong hash");
    assert_eq!(ask(receive("x.xml", 2), b"x".to_vec()), Answer::Malformed, "wrong size");
    assert!(matches!(ask(receive("../x.xml", 1), b"x".to_vec()), Answer::Refused { .. }));
    let open = |path: &str| Request::Open { pass: grant.pass.clone(), path: path.into() };
    for path in ["../keys-only/accuses", "accuses/../../..", "/etc/passwd", "secrets/gate.key", "", "accuses//x"] {
        assert_eq!(ask(open(path), Vec::new()), Answer::NotFound, "{path:?}");
    }
    assert_eq!(place.flows().len(), 0);
    place.close().await;
}

fn string(bytes: &[u8]) -> Vec<u8> {
    [&u32::try_from(bytes.len()).unwrap().to_be_bytes()[..], bytes].concat()
}

/// An SFTP session without a client's manners.
struct RawSession {
    channel: russh::ChannelWriteHalf<russh::client::Msg>,
    messages: tokio::sync::mpsc::UnboundedReceiver<Bytes>,
    buffer: BytesMut,
    _handle: russh::client::Handle<AnyHost>,
}

struct AnyHost;

impl russh::client::Handler for AnyHost {
    type Error = russh::Error;
    async fn check_server_key(&mut self, _: &russh::keys::PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

impl RawSession {
    async fn send(&mut self, bytes: Bytes) {
        self.channel.data_bytes(bytes).await.unwrap();
    }

    async fn receive(&mut self) -> (u8, Bytes) {
        loop {
            if let Some(length) = self.buffer.first_chunk::<4>() {
                let length = usize::try_from(u32::from_be_bytes(*length)).unwrap();
                if self.buffer.len() >= 4 + length {
                    let packet = self.buffer.split_to(4 + length).freeze();
                    // Without the type, with the id.
                    return (packet[4], packet.slice(5..));
                }
            }
            let more = self.messages.recv().await.expect("the session goes on");
            self.buffer.extend_from_slice(&more);
        }
    }
}

type RawChannel = russh::ChannelWriteHalf<russh::client::Msg>;
type RawHandle = (russh::ChannelReadHalf, russh::client::Handle<AnyHost>);

async fn raw_channel(
    address: std::net::SocketAddr,
    key: russh::keys::PrivateKey,
    window_size: u32,
) -> (RawChannel, RawHandle) {
    let config = russh::client::Config { window_size, ..russh::client::Config::default() };
    let mut handle = russh::client::connect(std::sync::Arc::new(config), address, AnyHost).await.unwrap();
    let key = russh::keys::PrivateKeyWithHashAlg::new(std::sync::Arc::new(key), None);
    assert!(handle.authenticate_publickey("sifac", key).await.unwrap().success());
    let channel = handle.channel_open_session().await.unwrap();
    channel.request_subsystem(true, "sftp").await.unwrap();
    let (reader, channel) = channel.split();
    (channel, (reader, handle))
}

async fn raw_session(address: std::net::SocketAddr, key: russh::keys::PrivateKey) -> RawSession {
    let (channel, (mut reader, handle)) = raw_channel(address, key, 1 << 20).await;
    let (sender, messages) = tokio::sync::mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Some(message) = reader.wait().await {
            if let russh::ChannelMsg::Data { data } = message {
                let _ = sender.send(data);
            }
        }
    });
    let mut session = RawSession { channel, messages, buffer: BytesMut::new(), _handle: handle };
    session.send(vec![0u8, 0, 0, 5, 1, 0, 0, 0, 3].into()).await;
    assert_eq!(session.receive().await.0, 2);
    session
}
