//! What if front or core dies in the middle of a drop? Nothing is lost, nothing is silent, and nobody is told of a
//! duplicate who made none.

use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use fluxgate::domain::{DocumentHash, Realm, Timestamp};
use fluxgate::fault::{Code, Fault};
use fluxgate::flow::deposit::Event;
use fluxgate::gate::{Answer, Frame, FrameError, Request};
use fluxgate::store::{Arrival, Content, Facts, Received, StagedDrop};

use super::place::{Place, Scene, content, soon};
use super::status;

/// Stands between front and core, and loses the answer to a file that was handed over: as a process loses it that dies
/// right then.
struct Between {
    losing: Arc<AtomicBool>,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

impl Between {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self { losing: Arc::default(), socket: folder.path().join("between.sock"), _folder: folder }
    }

    /// Passes frames on to `core`, descriptors too.
    fn start(&self, core: &Path) {
        let listener = UnixListener::bind(&self.socket).unwrap();
        let (losing, core) = (Arc::clone(&self.losing), core.to_owned());
        std::thread::spawn(move || {
            while let Ok((front, _)) = listener.accept() {
                let (losing, core) = (Arc::clone(&losing), core.clone());
                std::thread::spawn(move || {
                    let Ok(core) = UnixStream::connect(core) else { return };
                    loop {
                        let asked = match Frame::<Request>::receive(&front) {
                            Ok(asked) => asked,
                            Err(FrameError::Idle) => continue,
                            Err(_) => return,
                        };
                        let is_drop = matches!(asked.header, Request::Receive { .. });
                        asked.send(&core).unwrap();
                        let Ok(answer) = Frame::<Answer>::receive(&core) else { return };
                        if is_drop && losing.swap(false, Ordering::SeqCst) {
                            return;
                        }
                        let _ = answer.send(&front);
                    }
                });
            }
        });
    }
}

/// A bridge whose answers can be lost.
async fn place(scene: Scene) -> (Place, Between) {
    let between = Between::new();
    let place = Place::open(Scene { gate: Some(between.socket.clone()), ..scene }).await;
    between.start(place.gate_socket().as_path());
    (place, between)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_tried_again_after_its_answer_was_lost_is_the_same_drop() {
    // The file of the first try fills the quota: nothing may stand against the second.
    let (mut place, between) = place(Scene { pending_files: 1, ..Scene::default() }).await;
    for (n, size) in [10usize, 200_000].into_iter().enumerate() {
        let mut client = place.client().await;
        let sent = content(size, u8::try_from(n).unwrap());
        client.put("/depot/a.tmp", &sent).await.unwrap();
        between.losing.store(true, Ordering::SeqCst);
        let (_, message) = status(client.rename("/depot/a.tmp", "/depot/a.xml").await);
        assert!(message.starts_with("FG-904"), "{message}");
        let flow = soon(|| place.flows().into_iter().find(|f| !f.is_final)).await;
        assert_eq!(place.staging_files(), ["a.tmp"], "front does not know that it was taken");
        if n == 0 {
            place.restart_bridge().await;
            client = place.client().await;
        } else {
            // Read, refused and free again by now: still the same drop.
            let facts = Facts { fault: Some(Fault::new(Code::EmptyFile)), ..Facts::default() };
            place.store().decide(&flow.id, Event::CheckFailed, facts, None, Timestamp::now()).await.unwrap();
        }
        let before = place.flows().len();
        place.receipts();
        client.rename("/depot/a.tmp", "/depot/a.xml").await.unwrap();
        assert_eq!((place.flows().len(), place.codes()), (before, vec![]), "no second flow, no duplicate");
        assert_eq!(place.staging_files(), Vec::<String>::new());
        let facts = Facts { person: Some("Camille".into()), ..Facts::default() };
        if n == 0 {
            let abandoned = Event::AbandonedByPerson;
            place.store().decide(&flow.id, abandoned, facts, None, Timestamp::now()).await.unwrap();
        }
    }
    assert!(!place.journal_kinds().iter().any(|kind| kind == "duplicate" || kind == "refuse"));
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_drop_of_the_same_bytes_is_a_duplicate_however_it_is_made() {
    let (place, between) = place(Scene::default()).await;
    let mut client = place.client().await;
    client.put("/depot/a.tmp", b"<same/>").await.unwrap();
    client.rename("/depot/a.tmp", "/depot/a.xml").await.unwrap();
    for _ in 0..2 {
        client.put("/depot/a.tmp", b"<same/>").await.unwrap();
        client.rename("/depot/a.tmp", "/depot/a.xml").await.unwrap();
        assert_eq!(place.codes(), [Code::Duplicate], "another file under the same names");
    }
    // And the duplicate's own rename, tried again, is the same duplicate.
    client.put("/depot/a.tmp", b"<same/>").await.unwrap();
    between.losing.store(true, Ordering::SeqCst);
    status(client.rename("/depot/a.tmp", "/depot/a.xml").await);
    assert_eq!(place.codes(), [Code::Duplicate]);
    client.rename("/depot/a.tmp", "/depot/a.xml").await.unwrap();
    assert_eq!(place.codes(), []);
    // Under another name it is another drop.
    client.put("/depot/b.tmp", b"<other/>").await.unwrap();
    between.losing.store(true, Ordering::SeqCst);
    status(client.rename("/depot/b.tmp", "/depot/b.xml").await);
    client.rename("/depot/b.tmp", "/depot/c.xml").await.unwrap();
    assert_eq!(place.codes(), [Code::Duplicate]);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_staged_file_that_was_taken_and_stayed_behind_is_not_called_forgotten() {
    let (mut place, between) = place(Scene::default()).await;
    let mut client = place.client().await;
    client.put("/depot/a.tmp", b"<a/>").await.unwrap();
    client.put("/depot/b.tmp", b"<b/>").await.unwrap();
    for name in ["a.tmp", "b.tmp"] {
        place.age_staged(name, Duration::from_secs(25 * 3600));
    }
    between.losing.store(true, Ordering::SeqCst);
    status(client.rename("/depot/a.tmp", "/depot/a.xml").await);
    assert_eq!(place.staging_files(), ["a.tmp", "b.tmp"]);
    place.restart_bridge().await;
    soon(|| place.staging_files().is_empty().then_some(())).await;
    let receipts = place.receipts();
    let told: Vec<_> = receipts.iter().map(|r| (r.file.as_str(), r.fault.as_ref().unwrap().code)).collect();
    assert_eq!(told, [("b.tmp", Code::NeverRenamed)]);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_that_fronts_death_interrupted_ends_in_a_receipt_unless_it_was_taken() {
    let mut place = Place::open(Scene::default()).await;
    let mut client = place.client().await;
    let whole = content(200_000, 1);
    client.put("/depot/prod/whole.xml", &whole).await.unwrap();
    // As a process leaves them that is killed: one right after core had taken it, one half-way.
    let minute_ago = SystemTime::now() - Duration::from_secs(60);
    for (folder, name, bytes) in [("depot%2Fprod", "whole.xml", &whole[..]), ("depot", "cut.xml", &whole[..150_000])] {
        let folder = place.dir.path().join("staging/.uploads/sifac").join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(format!("00112233445566778899aabbccddeeff.{name}"));
        std::fs::write(&path, bytes).unwrap();
        if name == "cut.xml" {
            std::fs::File::options().write(true).open(&path).unwrap().set_modified(minute_ago).unwrap();
        }
    }
    // Core is away at first: nothing is forgotten over that.
    place.stop_core();
    place.restart_bridge().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(place.staging_files().len(), 2);
    place.start_core();
    let mut client = place.client().await;
    client.put("/depot/cut.xml", b"<whole-now/>").await.unwrap();
    let receipt = soon(|| place.receipts().pop()).await;
    let fault = receipt.fault.unwrap();
    assert_eq!((fault.code, fault.details["received"].as_str()), (Code::UploadInterrupted, "146.4 KiB"));
    assert_eq!((receipt.file.as_str(), receipt.folder.as_str()), ("cut.xml", "depot"));
    assert!(receipt.realm.is_some());
    assert!(receipt.id < place.flow_named("cut.xml").id, "older than the drop that came since");
    soon(|| place.staging_files().is_empty().then_some(())).await;
    assert_eq!(place.codes(), [], "and nothing about the one that was taken");
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_ends_while_core_is_away_has_its_receipt_once_core_is_back() {
    let mut place = Place::open(Scene::default()).await;
    let mut client = place.client().await;
    let closed = client.create("/depot/closed.xml").await.unwrap();
    client.write(&closed, 0, b"<closed/>").await.unwrap();
    let staged = client.create("/depot/staged.tmp").await.unwrap();
    client.write(&staged, 0, b"<staged/>").await.unwrap();
    let cut = client.create("/depot/cut.xml").await.unwrap();
    client.write(&cut, 0, b"<cut").await.unwrap();
    place.stop_core();
    for handle in [closed, staged] {
        assert!(status(client.close(handle).await).1.starts_with("FG-904"));
    }
    drop(client);
    tokio::time::sleep(Duration::from_millis(300)).await;
    place.start_core();
    let mut again = place.client().await;
    again.put("/depot/closed.xml", b"<closed/>").await.unwrap();
    let mut told = Vec::new();
    soon(|| {
        told.extend(place.receipts().into_iter().map(|r| (r.file, r.fault.unwrap().code, r.id)));
        (told.len() == 3).then_some(())
    })
    .await;
    let taken = place.flow_named("closed.xml").id;
    assert!(told.iter().all(|(_, _, id)| *id < taken), "older than what was taken since");
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let told: Vec<_> = told.iter().map(|(file, code, _)| (file.as_str(), *code)).collect();
    let away = Code::CoreUnavailable;
    assert_eq!(told, [("closed.xml", away), ("cut.xml", Code::UploadInterrupted), ("staged.tmp", away)]);
    place.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tries_of_one_staged_file_at_the_same_time_are_one_drop() {
    let place = Place::open(Scene::default()).await;
    let arrival = || Arrival {
        account: "sifac".parse().unwrap(),
        realm: Realm { establishment: "univ".parse().unwrap(), environment: "qualification".parse().unwrap() },
        folder: "depot".into(),
        name: "a.xml".into(),
        peer: "127.0.0.1".into(),
        at: Timestamp::now(),
        content: Content::Inline(b"<a/>".to_vec()),
        staged: Some("7.8.9".into()),
    };
    // A large file may still be copied for a front that died when the next front hands it over again.
    let (first, second) = (place.store().receive(arrival()), place.store().receive(arrival()));
    let (first, second) = (first.await.unwrap(), second.await.unwrap());
    assert!(matches!(first, Received::Flow(_)));
    assert_eq!(first, second);
    let account = "sifac".parse().unwrap();
    let known = |file: &str, sha256: DocumentHash| {
        let drop = StagedDrop { account: &account, folder: "depot", file, sha256, staged: "7.8.9" };
        place.store().reader().unwrap().known_drop(&drop).unwrap()
    };
    let sha256 = place.flow_named("a.xml").sha256.unwrap();
    assert_eq!(known("a.xml", sha256), Some(first));
    assert_eq!(known("b.xml", sha256), None);
    assert_eq!(known("a.xml", DocumentHash([0; 32])), None);
    place.close().await;
}
