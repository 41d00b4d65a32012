//! Was it sent? What breaks on the way is a doubt only where something may have been changed.

use super::*;

/// A trouble's name, how the server makes it, and the fault a deposit gets, and a read (`None`: it is no trouble for
/// one).
type Trouble = (&'static str, fn() -> Act, Code, Option<Code>);

#[tokio::test]
async fn an_answer_that_cannot_be_trusted_is_lost_and_the_deposit_arrived_once() {
    const LOST: (Code, Option<Code>) = (Code::AnswerLost, Some(Code::ChorusFailing));
    const FAILING: (Code, Option<Code>) = (Code::ChorusFailing, Some(Code::ChorusFailing));
    const UNREADABLE: (Code, Option<Code>) = (Code::AnswerUnreadable, Some(Code::AnswerUnreadable));
    let late = || Act::Late(Duration::from_millis(3_000), deposited());
    let troubles: &[Trouble] = &[
        ("closed", || Act::Close, LOST.0, LOST.1),
        ("cut in the body", || Act::Cut(200, deposited()), LOST.0, LOST.1),
        ("cut in the head", || Act::Bytes(b"HTTP/1.1 200 O"), LOST.0, LOST.1),
        ("no HTTP", || Act::Bytes(b"SSH-2.0-x\r\n\r\n"), LOST.0, LOST.1),
        ("late", late, LOST.0, LOST.1),
        ("500", || Act::Answer(500, "", deposited()), FAILING.0, FAILING.1),
        ("503 cut", || Act::Cut(503, "<html>down</html>".into()), FAILING.0, FAILING.1),
        ("408", || Act::Answer(408, "", String::new()), FAILING.0, FAILING.1),
        ("redirected", || Act::Answer(307, "location: /elsewhere\r\n", String::new()), FAILING.0, FAILING.1),
        ("garbage", || Act::Answer(200, "", "<html>ok</html>".into()), UNREADABLE.0, UNREADABLE.1),
        ("empty", || Act::Answer(200, "", String::new()), UNREADABLE.0, UNREADABLE.1),
        ("no number", || ok(json!({"codeRetour": 0, "libelle": "OK"})), Code::AnswerUnreadable, None),
        ("too long", || Act::Answer(200, "", " ".repeat(DeposerFlux::ANSWER_LIMIT + 1)), LOST.0, UNREADABLE.1),
    ];
    for (name, act, of_deposit, of_read) in troubles {
        let act = *act;
        let server = Server::start(move |_| act()).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&said), (CallOutcome::Lost, *of_deposit), "{name}: {said}");
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert_eq!(server.count(DeposerFlux::PATH), 1, "{name}: the deposit arrived once");
        assert_eq!(server.count("/elsewhere"), 0, "{name}: a redirection is not followed");
        let read = client.connector.call(&HISTORY).await.err().map(|e| kind(&e));
        assert_eq!(read, of_read.map(|code| (CallOutcome::Lost, code)), "{name}: a read speaks of no invoice");
    }
}

#[tokio::test]
async fn a_stale_connection_never_makes_a_deposit_arrive_twice() {
    // The server closes every connection after its first answer, without saying so, and any that carries a deposit.
    let server = Server::start(|seen| match seen.path.as_str() {
        DeposerFlux::PATH => Act::Close,
        _ => Act::AnswerAndClose(json!({"codeRetour": 0}).to_string()),
    })
    .await;
    let client = client(&server);
    for n in 1..=5 {
        client.connector.call(&HISTORY).await.unwrap();
        let error = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&error), (CallOutcome::Lost, Code::AnswerLost));
        assert_eq!(server.count(DeposerFlux::PATH), n);
    }
    let seen = server.seen.lock().unwrap().clone();
    for deposit in seen.iter().filter(|s| s.path == DeposerFlux::PATH) {
        let shared = seen.iter().filter(|s| s.connection == deposit.connection).count();
        assert_eq!(shared, 1, "a deposit has a connection of its own");
    }
}

#[tokio::test]
async fn reads_share_connections_and_survive_one_that_went_stale() {
    let server = Server::start(|_| history_ok()).await;
    let client = client(&server);
    for _ in 0..4 {
        client.connector.call(&HISTORY).await.unwrap();
    }
    let deposit = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&deposit), (CallOutcome::Lost, Code::AnswerUnreadable));
    client.connector.call(&HISTORY).await.unwrap();
    let connections = |path| server.arrived(path).iter().map(|s| s.connection).collect::<Vec<_>>();
    assert_eq!(connections(ConsulterHistorique::PATH), [1; 5], "token and reads share one connection");
    assert_eq!(connections(DeposerFlux::PATH), [2], "a deposit has one of its own even while another stands idle");

    let closing = Server::start(|_| Act::AnswerAndClose(json!({"codeRetour": 0}).to_string())).await;
    let client = self::client(&closing);
    for n in 1..=4 {
        client.connector.call(&HISTORY).await.unwrap();
        tokio::time::sleep(Duration::from_millis(20)).await;
        assert_eq!(closing.count(ConsulterHistorique::PATH), n);
    }
}

#[tokio::test]
async fn what_fails_before_the_request_is_not_sent() {
    let server = Server::start(|_| history_ok()).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        listener.local_addr().unwrap()
    };
    let refused = client_with(&section(nobody), &server.ca_pem);
    let error_of = async |client: &Client| error(client.connector.call(&deposit()).await);
    let said = error_of(&refused).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");
    assert_eq!(said.fault().details["host"], "127.0.0.1");
    assert!(said.fault().details["detail"].contains("refused"), "{said}");

    let mut unnamed = section(server.address);
    unnamed.token_url = format!("https://piste.example{TOKEN}");
    let said = error_of(&client_with(&unnamed, &server.ca_pem)).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");
    assert!(said.fault().details["detail"].contains("/nonexistent/resolv.conf"), "{said}");

    let other = tls::self_signed(&["127.0.0.1".to_owned()]).unwrap();
    let said = error_of(&client_with(&section(server.address), &other.cert_pem)).await;
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::TlsFailed), "{said}");
    assert!(said.fault().details["detail"].contains("certificate"), "{said}");
    assert!(server.seen.lock().unwrap().is_empty(), "nothing arrived");
}

#[tokio::test]
async fn a_service_that_cannot_be_reached_after_a_token_is_not_sent() {
    let tokens = Server::start(|_| history_ok()).await;
    // Accepts connections and never says a word: the handshake's own time-out ends it, not the call's.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut section = section(tokens.address);
    section.base_url = format!("https://{}", silent.local_addr().unwrap());
    let client = client_with(&section, &tokens.ca_pem);
    let said = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::Unreachable), "{said}");

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    section.base_url = format!("https://{}", plain.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    let client = client_with(&section, &tokens.ca_pem);
    let said = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&said), (CallOutcome::NotSent, Code::TlsFailed), "{said}");
    assert_eq!(tokens.count(TOKEN), 2);
}
