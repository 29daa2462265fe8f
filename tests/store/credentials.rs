//! What a store's Secret must hold.

use std::collections::HashMap;

use kept::store::{AuthMethod, Credentials, Error, GithubApp, SigningKey, SshLogin};

fn read(method: AuthMethod, data: &[(&str, &str)]) -> Result<Credentials, String> {
    let data: HashMap<_, _> = data.iter().copied().collect();
    let read = |key: &str| data.get(key).map(|value| value.as_bytes().to_vec());
    Credentials::from_secret(method, read, "shop/git").map_err(|error| {
        let Error::Unauthorized(words) = error else { panic!("{error:?}") };
        assert!(words.contains("shop/git") && !words.contains("hunter2"), "{words}");
        words
    })
}

#[test]
fn each_method_has_its_keys() {
    let basic = read(AuthMethod::Basic, &[("username", "jane\n"), ("password", "hunter2\n")]);
    assert_eq!(basic, Ok(Credentials::basic("jane", "hunter2")));
    assert_eq!(read(AuthMethod::Basic, &[("bearerToken", "hunter2\n")]), Ok(Credentials::Bearer("hunter2".to_owned())));
    let login = SshLogin { private_keys: vec!["k\n".to_owned()], agent: None, known_hosts: "h\n".to_owned() };
    let ssh = read(AuthMethod::Ssh, &[("sshPrivateKey", "k\n"), ("knownHosts", "h\n")]);
    assert_eq!(ssh, Ok(Credentials::Ssh(login)));
    let app = GithubApp { app_id: "1".to_owned(), installation_id: "2".to_owned(), private_key: "k\n".to_owned() };
    let github = [("appID", "1\n"), ("installationID", "2\n"), ("privateKey", "k\n")];
    assert_eq!(read(AuthMethod::GithubApp, &github), Ok(Credentials::GithubApp(app)));
}

#[test]
fn what_is_missing_or_odd_is_named() {
    use AuthMethod::{Basic, GithubApp, Ssh};
    let fails = |method, data: &[(&str, &str)], expected: &[&str]| {
        let words = read(method, data).unwrap_err();
        assert!(expected.iter().all(|word| words.contains(word)), "{words}");
    };
    fails(Basic, &[("username", "jane")], &["\"password\"", "basicAuth needs username and password, or bearerToken"]);
    fails(Basic, &[], &["\"username\""]);
    fails(Basic, &[("bearerToken", "hunter2"), ("password", "hunter2")], &["both"]);
    fails(Basic, &[("bearerToken", "\n")], &["empty"]);
    fails(Ssh, &[("sshPrivateKey", "hunter2")], &["\"knownHosts\"", "authMethod ssh"]);
    fails(Ssh, &[("knownHosts", "x")], &["\"sshPrivateKey\""]);
    fails(Ssh, &[("sshPrivateKey", "hunter2"), ("knownHosts", "")], &["\"knownHosts\"", "empty"]);
    fails(GithubApp, &[("appID", "1"), ("installationID", "2")], &["\"privateKey\"", "githubApp"]);
    fails(GithubApp, &[("appID", "1"), ("installationID", "../2"), ("privateKey", "hunter2")], &["not a number"]);
    let error = SigningKey::from_secret(|_| None, "shop/signer").unwrap_err().to_string();
    assert!(error.contains("shop/signer") && error.contains("sshPrivateKey"), "{error}");
}

#[test]
fn debug_shows_none() {
    let login = SshLogin { private_keys: vec!["hunter2".to_owned()], ..SshLogin::default() };
    let app = GithubApp { app_id: "1".to_owned(), installation_id: "2".to_owned(), private_key: "hunter2".to_owned() };
    let all = [
        Credentials::basic("jane", "hunter2"),
        Credentials::Bearer("hunter2".to_owned()),
        Credentials::Ssh(login),
        Credentials::GithubApp(app),
    ];
    let shown = format!("{all:?} {:?}", SigningKey("hunter2".to_owned()));
    assert!(!shown.contains("hunter2") && shown.contains("jane"), "{shown}");
}
