//! Which configuration makes a connector.

use super::*;

#[test]
fn the_sample_configuration_holds_these_sections_and_every_key_of_them() {
    let sample = include_str!("../../../../config/fluxgate.toml");
    let sample: toml::Table = sample.replacen("# ca_file", "ca_file", 1).parse().unwrap();
    let api = sample["chorus"]["api"]["qualification"].clone();
    let section: ApiSection = api.clone().try_into().unwrap();
    assert_eq!(section.problems(), []);
    assert_eq!(toml::Value::try_from(&section).unwrap(), api_as_written(&api), "every key is documented");
    let account = sample["establishment"][0]["technical_account"][0].clone();
    let account: TechnicalAccountSection = account.try_into().unwrap();
    assert_eq!((account.environment, account.problems()), (Environment::Qualification, vec![]));

    let mut misspelt = api.as_table().unwrap().clone();
    misspelt.insert("calls_per_minute".into(), 1.into());
    assert!(misspelt.try_into::<ApiSection>().unwrap_err().to_string().contains("calls_per_minute"));
}

/// Durations read back in their largest unit.
fn api_as_written(api: &toml::Value) -> toml::Value {
    let mut api = api.clone();
    for key in ["timeout", "token_margin"] {
        let duration: crate::domain::Duration = api[key].as_str().unwrap().parse().unwrap();
        api[key] = duration.to_string().into();
    }
    api
}

#[test]
fn settings_that_cannot_work_are_named() {
    let sound = section("127.0.0.1:1".parse().unwrap());
    let problems = |section: ApiSection| section.problems().iter().map(|p| p.key).collect::<Vec<_>>();
    for url in ["http://api.piste.gouv.fr", "api.piste.gouv.fr", "https://u:p@x/", "https://x/?a=b", "ftp://x", ""] {
        assert_eq!(problems(ApiSection { base_url: url.into(), ..sound.clone() }), ["base_url"], "{url}");
    }
    for url in ["http://127.0.0.1:8080", "http://[::1]:1", "http://localhost/x", "https://api.piste.gouv.fr"] {
        assert!(problems(ApiSection { token_url: url.into(), ..sound.clone() }).is_empty(), "{url}");
    }
    let many = ApiSection {
        client_id: " ".into(),
        calls_per_second: 0,
        calls_in_flight: 65,
        timeout: crate::domain::Duration::ZERO,
        ..sound
    };
    assert_eq!(problems(many), ["client_id", "calls_per_second", "calls_in_flight", "timeout"]);
    let account = TechnicalAccountSection { login: "a:b".into(), ..account(Environment::Practice) };
    assert_eq!(account.problems().len(), 1);
}
