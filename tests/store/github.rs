//! GitHub Apps, against a server that gives tokens to whoever signs as the app, and lets in nobody else.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use kept::store::{Access, Credentials, Engine, Error, GithubApp};
use kept::values::Timestamp;
use serde_json::{Value, json};

use crate::server::Server;
use crate::sshd::generate;
use crate::support::*;

const APP: &str = "Iv1.app";
const INSTALLATION: &str = "4711";

/// What GitHub does with tokens.
#[derive(Default)]
struct Github {
    given: usize,
    /// For how many seconds the next token is good.
    lifetime: i64,
}

struct World {
    _scratch: Scratch,
    repo: PathBuf,
    server: Server,
    github: Arc<Mutex<Github>>,
    key: String,
}

/// The public key in the form that ring reads.
fn public_key(key: &Path) -> Vec<u8> {
    let pem = Command::new("ssh-keygen").args(["-e", "-m", "PEM", "-f"]).arg(key).output().unwrap().stdout;
    let pem = String::from_utf8(pem).unwrap();
    STANDARD.decode(pem.lines().filter(|line| !line.starts_with("---")).collect::<String>()).unwrap()
}

/// Whether a claim is the app's, by GitHub's rules.
fn is_good(claim: &str, public: &[u8]) -> bool {
    let Some((signed, signature)) = claim.rsplit_once('.') else { return false };
    let key = ring::signature::UnparsedPublicKey::new(&ring::signature::RSA_PKCS1_2048_8192_SHA256, public);
    if key.verify(signed.as_bytes(), &URL_SAFE_NO_PAD.decode(signature).unwrap()).is_err() {
        return false;
    }
    let parts: Vec<Value> =
        signed.split('.').map(|part| serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()).collect();
    let now = Timestamp::now().as_second();
    let (from, until) = (parts[1]["iat"].as_i64().unwrap(), parts[1]["exp"].as_i64().unwrap());
    assert_eq!(parts[0], json!({"alg": "RS256", "typ": "JWT"}));
    assert!(from <= now && until > now && until <= now + 600, "{parts:?}");
    parts[1]["iss"] == APP
}

fn world() -> World {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let path = scratch.path("app");
    generate(&path, &["-t", "rsa", "-b", "2048", "-m", "PEM"]);
    let server = Server::start(&scratch.path(""));
    let github = Arc::new(Mutex::new(Github { given: 0, lifetime: 3600 }));
    let (public, shared) = (public_key(&path), github.clone());
    server.set(|faults| faults.only = Some(("x-access-token".to_owned(), "none was given yet".to_owned())));
    server.also("/api/v3/", move |faults, path: &str, headers: &HashMap<String, String>| {
        let claim = headers.get("authorization").and_then(|text| text.strip_prefix("Bearer ")).unwrap_or_default();
        if !is_good(claim, &public) {
            return ("401 Unauthorized", json!({"message": format!("no such app: {claim}")}).to_string());
        }
        if path != format!("/api/v3/app/installations/{INSTALLATION}/access_tokens") {
            return ("404 Not Found", json!({"message": "Not Found"}).to_string());
        }
        let mut github = shared.lock().unwrap();
        github.given += 1;
        let token = format!("ghs_t0ken{}", github.given);
        faults.only = Some(("x-access-token".to_owned(), token.clone()));
        let until = Timestamp::now().as_second() + github.lifetime;
        let until = Timestamp::from_second(until).unwrap().to_string();
        ("201 Created", json!({"token": token, "expires_at": until}).to_string())
    });
    World { _scratch: scratch, repo, server, github, key: std::fs::read_to_string(path).unwrap() }
}

impl World {
    fn access(&self, change: impl FnOnce(&mut GithubApp)) -> Access {
        let mut app = GithubApp {
            app_id: APP.to_owned(),
            installation_id: INSTALLATION.to_owned(),
            private_key: self.key.clone(),
        };
        change(&mut app);
        Access { credentials: Credentials::GithubApp(app), ..access(self.server.repo("r")) }
    }

    fn given(&self) -> usize {
        self.github.lock().unwrap().given
    }
}

fn shows_no_secret(text: &str) {
    for secret in ["ghs_", "PRIVATE KEY", "eyJ", "eC1hY2Nlc3MtdG9rZW46"] {
        assert!(!text.contains(secret), "{secret} is in: {text}");
    }
}

#[test]
fn one_token_serves_all_for_an_hour() {
    let world = world();
    let mut engine = Engine::open(world.access(|_| {})).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    // Whoever asks next, such as the look at the store every minute.
    let mut other = Engine::open(world.access(|_| {})).unwrap();
    other.probe().unwrap();
    assert_eq!(commit(&mut other, change("a").owns("a", &[("x", "2")])).files_changed, 0);
    assert_eq!(world.given(), 1);
    assert_eq!(commits(&world.repo), 2);

    // A hook that prints what it should not.
    hook(&world.repo, "pre-receive", "echo 'no ghs_t0ken1 for you' >&2; exit 1");
    let error = engine.commit(&[change("a").owns("a", &[("x", "3")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Rejected(words) if words.contains("no *** for you")), "{error}");
}

#[test]
fn a_token_that_is_refused_or_ends_is_renewed() {
    let world = world();
    let mut engine = Engine::open(world.access(|_| {})).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    world.server.set(|faults| faults.only = Some(("x-access-token".to_owned(), "another".to_owned())));
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!((world.given(), commits(&world.repo)), (2, 2));
    world.server.set(|faults| faults.only = Some(("x-access-token".to_owned(), "another".to_owned())));
    world.github.lock().unwrap().lifetime = 200;
    commit(&mut engine, change("a").owns("a", &[("x", "3")]));
    assert_eq!(world.given(), 3);
    // Its end is near: the next request is made with a new one.
    commit(&mut engine, change("a").owns("a", &[("x", "4")]));
    assert!(world.given() > 3);
    assert_eq!(content(&world.repo, "a/x"), "4");
}

#[test]
fn what_is_wrong_is_said_and_nothing_secret() {
    let world = world();
    let fails = |access: Access| {
        let error = Engine::open(access.clone()).and_then(|mut engine| engine.probe()).unwrap_err();
        shows_no_secret(&format!("{error} {error:?} {access:?}"));
        let Error::Unauthorized(words) = error else { panic!("{error:?}") };
        words
    };
    let words = fails(world.access(|app| app.app_id = "another".to_owned()));
    assert!(words.contains("does not know the app") && words.contains("no such app: ***"), "{words}");
    let words = fails(world.access(|app| app.installation_id = "1".to_owned()));
    assert!(words.contains("HTTP 404: Not Found") && words.contains("installationID"), "{words}");
    let words = fails(world.access(|app| app.private_key = app.private_key.replace("RSA ", "OPENSSH ")));
    assert!(words.contains("privateKey cannot be used"), "{words}");
    fails(world.access(|app| app.private_key.truncate(200)));
    assert_eq!(world.given(), 0);

    // A repository that does not take the token which GitHub gives.
    world.server.set(|faults| faults.status = Some(403));
    let words = fails(world.access(|_| {}));
    assert!(words.contains("403"), "{words}");
}

#[test]
fn the_key_may_have_been_rewritten_by_openssl() {
    let scratch = Scratch::new();
    let path = scratch.path("app");
    let world = world();
    std::fs::write(&path, &world.key).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let rewrite = ["-q", "-p", "-N", "", "-m", "PKCS8", "-f"];
    assert!(Command::new("ssh-keygen").args(rewrite).arg(&path).status().unwrap().success());
    let key = std::fs::read_to_string(&path).unwrap();
    assert!(key.starts_with("-----BEGIN PRIVATE KEY"));
    Engine::open(world.access(|app| app.private_key = key)).unwrap().probe().unwrap();
}
