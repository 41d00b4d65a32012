//! What a refusal means: by the gateway in front of Chorus Pro, or by Chorus Pro itself.

use super::*;

#[tokio::test]
async fn a_refused_account_stops_and_is_not_hammered() {
    let server = Server::start(|_| Act::Answer(401, "", String::new())).await;
    let client = client(&server);
    let first = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&first), (CallOutcome::Stopped, Code::AccountRefused));
    assert_eq!(first.fault().details["login"], "TECH_1_00000@cpro.fr");
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (1, 1), "a token of this very call is not old");
    error(client.connector.call(&deposit()).await);
    assert_eq!((server.count(TOKEN), server.count(DeposerFlux::PATH)), (2, 3), "an older one is replaced once");
}

#[tokio::test]
async fn a_forbidden_service_and_a_missing_one_stop_with_their_name() {
    let server = Server::start(|seen| match seen.path.as_str() {
        DeposerFlux::PATH => Act::Answer(403, "", String::new()),
        _ => Act::Answer(404, "", "<html/>".to_owned()),
    })
    .await;
    let client = client(&server);
    let forbidden = error(client.connector.call(&deposit()).await);
    assert_eq!(kind(&forbidden), (CallOutcome::Stopped, Code::AccessForbidden));
    assert_eq!(forbidden.fault().details["service"], "deposer/flux");
    let missing = error(client.connector.call(&HISTORY).await);
    assert_eq!(kind(&missing), (CallOutcome::Stopped, Code::ServiceMissing));
    assert!(!missing.fault().title(crate::fault::Language::En).contains('?'), "every blank is filled");
}

#[tokio::test]
async fn chorus_pros_own_refusal_comes_by_both_transports() {
    for status in [200, 400] {
        let body = json!({"codeRetour": 20001, "libelle": "GDP_MSG_11.022"});
        let server = Server::start(move |_| Act::Answer(status, "", body.to_string())).await;
        let client = client(&server);
        let said = error(client.connector.call(&deposit()).await);
        let CallError::Refused { code, label, fault } = said else { panic!("{said:?}") };
        assert_eq!((code, label.as_str(), fault.code), (20001, "GDP_MSG_11.022", Code::DepositRefused));
        assert_eq!(client.connector.tally().calls[0], ("deposer/flux", CallOutcome::Refused, 1));
    }
}
