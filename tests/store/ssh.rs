//! The same over SSH, with a real `sshd`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use kept::error::Explain;
use kept::store::{Access, Credentials, Engine, Error, SshLogin};

use crate::sshd::{Sshd, fingerprint, generate};
use crate::support::*;

const ED25519: &[&str] = &["-t", "ed25519"];

/// A server, a bare repository `r`, and a key that it lets in.
fn server() -> (Scratch, PathBuf, Sshd, String) {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Sshd::start(&["ed25519"]);
    let key = server.only_key(ED25519);
    (scratch, repo, server, key)
}

fn login(server: &Sshd, repo: &Path, key: &str, known_hosts: &str) -> Access {
    let login = SshLogin { private_keys: vec![key.to_owned()], agent: None, known_hosts: known_hosts.to_owned() };
    Access { credentials: Credentials::Ssh(login), ..access(server.repo(repo)) }
}

fn good(server: &Sshd, repo: &Path, key: &str) -> Access {
    login(server, repo, key, &server.known("ed25519"))
}

/// The words of a refusal, in which nothing of the key is to be seen.
#[track_caller]
fn refused(access: Access) -> String {
    let error = Engine::open(access.clone()).and_then(|mut engine| engine.probe()).unwrap_err();
    let Error::Unauthorized(words) = &error else { panic!("{error:?}") };
    let Credentials::Ssh(login) = &access.credentials else { panic!("no key") };
    for line in login.private_keys[0].lines().filter(|line| line.len() > 20 && !line.starts_with("---")) {
        assert!(!format!("{words} {error:?} {access:?}").contains(line), "{words}");
    }
    words.clone()
}

/// Text that does not get much smaller by compression.
fn noise(length: usize) -> String {
    let mut seed = 7_u64;
    let next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        char::from(b'A' + u8::try_from(seed >> 59).unwrap())
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[test]
fn commits_go_to_an_empty_repository_and_on() {
    let (_scratch, repo, server, key) = server();
    let mut engine = Engine::open(good(&server, &repo, &key)).unwrap();
    assert_eq!(engine.refresh().unwrap().commit, None);
    assert_eq!(engine.probe().unwrap().commit, None);
    let receipt = commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    assert_eq!(receipt.commit, head(&repo));
    // More than the server takes in before it says so.
    commit(&mut engine, change("b").owns("b", &[("x", &noise(6_000_000))]));
    assert_eq!(commit(&mut engine, change("a").owns("a", &[("x", "1")])).files_changed, 0);
    assert_eq!(server.connections(), 1, "a connection serves for more than one operation");

    // Somebody else's commit is fetched and built upon, by an engine that has seen nothing as well.
    foreign(&repo, &[put(&repo, "people", "p")]);
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    let mut other = Engine::open(good(&server, &repo, &key)).unwrap();
    assert_eq!(commit(&mut other, change("a").owns("a", &[("x", "2")])).commit, head(&repo));
    commit(&mut other, change("a"));
    commit(&mut engine, change("c").owns("c", &[("x", "1")]));
    assert_eq!(files(&repo), ["b/x", "c/x", "people"]);
    assert_eq!(commits(&repo), 6);
    fsck(&repo);
}

#[test]
fn only_servers_that_are_known_are_talked_to() {
    let (scratch, repo, server, key) = server();
    let (name, shown) = (server.name(), server.host_key("ed25519"));
    let with = |known: &str| login(&server, &repo, &key, known);
    generate(&scratch.path("other"), ED25519);
    let other = crate::sshd::public(&scratch.path("other"));

    for known in ["", "# nobody\n", &format!("[127.0.0.1]:1 {shown}\n"), &format!("@cert-authority {name} {shown}\n")] {
        let words = refused(with(known));
        assert!(words.contains("not among the known hosts"), "{words}");
        assert!(words.contains(&fingerprint(&shown)) && words.contains(&format!("{name} {shown}")), "{words}");
    }
    let words = refused(with(&format!("{name} {other}\n")));
    assert!(words.contains(&fingerprint(&shown)) && words.contains(&fingerprint(&other)), "{words}");
    assert!(words.contains("somebody else answers"), "{words}");
    let words = refused(with(&format!("{name} {shown}\n@revoked * {shown}\n")));
    assert!(words.contains("@revoked"), "{words}");
    refused(with(&format!("[127.0.0.*]:*,!{name} {shown}\n")));
    assert_eq!(git(&repo, &["for-each-ref"]), "");

    let hashed = scratch.path("known_hosts");
    std::fs::write(&hashed, server.known("ed25519")).unwrap();
    let hash = std::process::Command::new("ssh-keygen").args(["-q", "-H", "-f"]).arg(&hashed).output().unwrap();
    let hashed = std::fs::read_to_string(&hashed).unwrap();
    assert!(hash.status.success() && hashed.starts_with("|1|"), "{hashed}");
    let lines = [
        server.known("ed25519"),
        hashed,
        format!("git.example.com,[127.0.0.?]:* {shown} a comment\n"),
        format!("not a line\n{name} {other}\n{name} {shown}\n"),
        format!("127.0.0.1 {shown}\n"),
    ];
    for known in lines {
        Engine::open(with(&known)).unwrap().probe().unwrap_or_else(|error| panic!("{known}: {error}"));
    }
}

#[test]
fn a_server_with_several_keys_is_known_by_any_of_them() {
    let (_scratch, repo) = {
        let scratch = Scratch::new();
        let repo = scratch.bare("r");
        (scratch, repo)
    };
    let server = Sshd::start(&["ed25519", "ecdsa", "rsa"]);
    let key = server.only_key(ED25519);
    for kind in ["rsa", "ecdsa", "ed25519"] {
        Engine::open(login(&server, &repo, &key, &server.known(kind))).unwrap().probe().unwrap();
    }
    let only_ed25519 = Sshd::start(&["ed25519"]);
    let known = format!("{} {}\n", only_ed25519.name(), server.host_key("rsa"));
    let words = refused(login(&only_ed25519, &repo, &key, &known));
    assert!(words.contains("no host key of the kinds") && words.contains("rsa-sha2-512"), "{words}");
}

#[test]
fn keys_come_in_many_forms() {
    let (_scratch, repo, server, _) = server();
    let forms: [&[&str]; 5] = [
        &["-t", "rsa", "-b", "2048"],
        &["-t", "rsa", "-b", "2048", "-m", "PEM"],
        &["-t", "rsa", "-b", "2048", "-m", "PKCS8"],
        &["-t", "ecdsa"],
        &["-t", "ed25519"],
    ];
    for form in forms {
        let key = server.only_key(form);
        let indented = key.replace('\n', "\r\n  ");
        for key in [key, indented] {
            let probed = Engine::open(good(&server, &repo, &key)).unwrap().probe();
            probed.unwrap_or_else(|error| panic!("{form:?}: {error}"));
        }
    }
    for form in [&["-t", "ed25519", "-N", "hunter22"][..], &["-t", "rsa", "-m", "PEM", "-N", "hunter22"]] {
        let words = refused(good(&server, &repo, &server.only_key(form)));
        assert!(words.contains("passphrase") && !words.contains("hunter22"), "{words}");
    }
    let words = refused(good(&server, &repo, "-----BEGIN OPENSSH PRIVATE KEY-----\nbm9uZSBvZiB5b3VyIGJ1c2luZXNz\n"));
    assert!(words.contains("cannot be read"), "{words}");
}

#[test]
fn a_rotated_key_is_used_from_then_on() {
    let (_scratch, repo, server, old) = server();
    let mut engine = Engine::open(good(&server, &repo, &old)).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    let new = server.only_key(ED25519);
    let words = refused(good(&server, &repo, &old));
    assert!(words.contains("does not know the key ssh-ed25519 SHA256:"), "{words}");
    engine.set_access(good(&server, &repo, &new));
    assert_eq!(server.connections(), 2, "one of each so far");
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!(server.connections(), 3, "the connection of the old key is not used again");
    // The right one among several.
    let both = SshLogin { private_keys: vec![old, new], agent: None, known_hosts: server.known("ed25519") };
    let access = Access { credentials: Credentials::Ssh(both), ..access(server.repo(&repo)) };
    Engine::open(access).unwrap().probe().unwrap();
}

#[test]
fn a_hook_that_declines_is_heard() {
    let (_scratch, repo, server, key) = server();
    let mut engine = Engine::open(good(&server, &repo, &key)).unwrap();
    hook(&repo, "pre-receive", "echo 'branch main is protected: ask the platform team' >&2; exit 1");
    let error = engine.commit(&[change("a").owns("a", &[("x", "1")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Rejected(words) if words.contains("ask the platform team")), "{error:?}");
    std::fs::remove_file(repo.join("hooks/pre-receive")).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
}

#[test]
fn a_connection_that_is_cut_is_made_anew() {
    let (scratch, repo, server, key) = server();
    let mut engine = Engine::open(good(&server, &repo, &key)).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    // While it idles.
    assert_eq!(server.cut(), 1);
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!((server.connections(), commits(&repo)), (2, 2));

    // Before a push is carried out: it is sent again. Afterwards: it is found there.
    let mark = scratch.path("mark");
    for (name, text) in [("pre-receive", "3"), ("post-receive", "4")] {
        let wait = format!("if ! test -e '{0}'; then touch '{0}'; sleep 30; exit 1; fi", mark.display());
        hook(&repo, name, &wait);
        let receipt = std::thread::scope(|scope| {
            scope.spawn(|| {
                while !mark.exists() {
                    std::thread::sleep(Duration::from_millis(10));
                }
                server.cut();
            });
            commit(&mut engine, change("a").owns("a", &[("x", text)]))
        });
        assert_eq!((receipt.commit, receipt.files_changed), (head(&repo), 1), "{name}");
        assert_eq!(content(&repo, "a/x"), text);
        std::fs::remove_file(&mark).unwrap();
        std::fs::remove_file(repo.join("hooks").join(name)).unwrap();
    }
    assert_eq!(commits(&repo), 4);
    fsck(&repo);
}

#[test]
fn a_server_that_stalls_times_out() {
    let (scratch, repo, server, key) = server();
    let patient = good(&server, &repo, &key);
    let mut engine = Engine::open(patient.clone()).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    let go = scratch.path("go");
    hook(&repo, "pre-receive", &format!("until test -e '{}'; do sleep 0.1; done", go.display()));
    // The hook waits for the test: without a limit this would not return.
    engine.set_access(Access { timeout: Duration::from_secs(5), ..patient.clone() });
    let error = engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(words) if words.contains("timed out")), "{error:?}");
    std::fs::write(go, "").unwrap();
    engine.set_access(patient.clone());
    commit(&mut engine, change("a").owns("a", &[("x", "3")]));
    assert_eq!(content(&repo, "a/x"), "3");

    // A port that takes connections and says nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("ssh://git@{}/r", silent.local_addr().unwrap());
    let error =
        Engine::open(Access { url, timeout: Duration::from_millis(300), ..patient }).unwrap().probe().unwrap_err();
    assert!(matches!(&error, Error::Unreachable(words) if words.contains("timed out")), "{error:?}");
    assert!(error.is_retryable());
}

#[test]
fn repositories_that_are_none_are_told_apart() {
    let (scratch, repo, server, key) = server();
    let probe = |access: Access| Engine::open(access).and_then(|mut engine| engine.probe()).unwrap_err();
    let error = probe(good(&server, &scratch.path("missing"), &key));
    assert!(matches!(&error, Error::NotFound(words) if words.contains("not appear to be a git repo")), "{error:?}");
    // A path is a word for the server's shell, whatever is in it.
    let odd = scratch.bare("it's a $(touch pwned); repo!");
    let url = server.repo(&odd).replace(' ', "%20");
    Engine::open(Access { url, ..good(&server, &repo, &key) }).unwrap().probe().unwrap();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = probe(Access { url: format!("ssh://git@{closed}/r"), ..good(&server, &repo, &key) });
    assert!(matches!(&error, Error::Unreachable(words) if words.contains(&closed.to_string())), "{error:?}");
    let basic = Access { credentials: Credentials::basic("a", "hunter2"), ..access(server.repo(&repo)) };
    assert!(matches!(probe(basic), Error::Unauthorized(words) if words.contains("authMethod ssh")));
    // It would be an option for the server's program, if not a path.
    let option = Access { url: "git@127.0.0.1:--strict".to_owned(), ..good(&server, &repo, &key) };
    assert!(matches!(probe(option), Error::NotFound(words) if words.contains("a url for SSH reads")));
    let url = server.repo(&repo).replace("ssh://", "ssh://user:hunter2@");
    assert!(!probe(Access { url, ..good(&server, &repo, &key) }).to_string().contains("hunter2"));
}
