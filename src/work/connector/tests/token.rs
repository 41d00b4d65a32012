//! Which token and which account a call carries, and when a new token is asked for.

use super::*;

#[tokio::test]
async fn a_call_carries_token_account_and_body_and_the_token_is_kept() {
    let server = Server::start(|_| Act::Answer(200, "", deposited())).await;
    let client = client(&server);
    let Deposited { number, .. } = client.connector.call(&deposit()).await.unwrap();
    assert_eq!(number.as_str(), "CPP0011117000000000000001");
    client.connector.call(&deposit()).await.unwrap();
    let tokens = server.arrived(TOKEN);
    assert_eq!(tokens.len(), 1, "the second call uses the same token");
    let form = String::from_utf8(tokens[0].body.clone()).unwrap();
    assert_eq!(form, "grant_type=client_credentials&client_id=client-1&client_secret=s3cret&scope=openid");
    assert_eq!(tokens[0].headers["content-type"], "application/x-www-form-urlencoded");
    for call in server.arrived(DeposerFlux::PATH) {
        assert_eq!(call.headers["authorization"], "Bearer token-1");
        let account = STANDARD.decode(&call.headers["cpro-account"]).unwrap();
        assert_eq!(account, "TECH_1_00000@cpro.fr:mot de passé".as_bytes());
        assert_eq!(call.headers["content-type"], "application/json;charset=utf-8");
        let body: Value = serde_json::from_slice(&call.body).unwrap();
        assert_eq!(body, deposit().body());
    }
    let tally = client.connector.tally();
    assert_eq!((tally.in_flight, tally.waiting), (0, 0));
    assert!(tally.calls.contains(&("deposer/flux", CallOutcome::Answered, 2)), "{:?}", tally.calls);
    assert!(tally.calls.contains(&("oauth/token", CallOutcome::Answered, 1)));
}

#[tokio::test]
async fn fifty_calls_at_once_ask_for_one_token() {
    let server = Server::start_scripted(Box::new(|seen| match seen.path.as_str() {
        TOKEN => Act::Late(Duration::from_millis(150), json!({"access_token": "t", "expires_in": 3600}).to_string()),
        _ => history_ok(),
    }))
    .await;
    let client = client(&server);
    let calls = (0..50).map(|_| client.connector.call(&HISTORY));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok));
    assert_eq!((server.count(TOKEN), server.count(ConsulterHistorique::PATH)), (1, 50));
}

#[tokio::test]
async fn fifty_calls_at_once_share_one_refusal_of_the_client() {
    let server = Server::start_scripted(Box::new(|_| {
        std::thread::sleep(Duration::from_millis(100));
        Act::Answer(400, "", json!({"error": "invalid_client"}).to_string())
    }))
    .await;
    let client = client(&server);
    let deposit = deposit();
    let calls = (0..50).map(|_| client.connector.call(&deposit));
    for result in futures_util::future::join_all(calls).await {
        assert_eq!(kind(&error(result)), (CallOutcome::Stopped, Code::ClientRefused));
    }
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (1, 0));
    error(client.connector.call(&deposit).await);
    assert_eq!(server.count(TOKEN), 2, "a later call asks again");
}

#[tokio::test]
async fn a_token_is_renewed_before_its_end_but_used_at_least_half_its_life() {
    let mut tokens = 0;
    let server = Server::start_scripted(Box::new(move |seen| match seen.path.as_str() {
        TOKEN => {
            tokens += 1;
            token_answer(tokens, 1)
        }
        _ => history_ok(),
    }))
    .await;
    let client = client(&server);
    for _ in 0..3 {
        client.connector.call(&HISTORY).await.unwrap();
    }
    assert_eq!(server.count(TOKEN), 1, "a margin longer than the token's life does not make it useless");
    tokio::time::sleep(Duration::from_millis(600)).await;
    client.connector.call(&HISTORY).await.unwrap();
    assert_eq!(server.arrived(ConsulterHistorique::PATH)[3].headers["authorization"], "Bearer token-2");
}

#[tokio::test]
async fn a_revoked_token_is_replaced_once_and_the_call_goes_through() {
    let revoked = Arc::new(Mutex::new("Bearer none".to_owned()));
    let refused = revoked.clone();
    let server = Server::start(move |seen| {
        if seen.headers["authorization"] == *refused.lock().unwrap() {
            return Act::Answer(401, "", String::new());
        }
        Act::Answer(200, "", deposited())
    })
    .await;
    let client = client(&server);
    client.connector.call(&deposit()).await.unwrap();
    "Bearer token-1".clone_into(&mut revoked.lock().unwrap());
    let deposit = deposit();
    let calls = (0..10).map(|_| client.connector.call(&deposit));
    let results = futures_util::future::join_all(calls).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    assert_eq!(server.count(TOKEN), 2, "one new token for all of them");
    let accepted = server.arrived(DeposerFlux::PATH);
    let accepted = accepted.iter().filter(|s| s.headers["authorization"] == "Bearer token-2").count();
    assert_eq!(accepted, 10, "each deposit was accepted once");
}

#[tokio::test]
async fn a_token_service_in_trouble_means_that_nothing_was_sent() {
    type Case = (&'static str, fn() -> Act, CallOutcome, Code);
    let cases: &[Case] = &[
        ("empty 200", || Act::Answer(200, "", String::new()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("page 200", || Act::Answer(200, "", "<html>".into()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("cut", || Act::Cut(200, "{\"access_token\":\"t\"}".into()), CallOutcome::NotSent, Code::TokenUnreadable),
        ("closed", || Act::Close, CallOutcome::NotSent, Code::ChorusFailing),
        ("500", || Act::Answer(500, "", String::new()), CallOutcome::NotSent, Code::ChorusFailing),
        ("429", || Act::Answer(429, "", String::new()), CallOutcome::SlowDown, Code::Throttled),
        ("403", || Act::Answer(403, "", String::new()), CallOutcome::Stopped, Code::AccessForbidden),
    ];
    for (name, act, outcome, code) in cases {
        let act = *act;
        let server = Server::start_scripted(Box::new(move |_| act())).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        assert_eq!(kind(&said), (*outcome, *code), "{name}: {said}");
        assert_eq!(server.count(DeposerFlux::PATH), 0, "{name}");
    }
}
