//! Signed commits, as git itself judges them.

use std::path::Path;
use std::process::Command;

use kept::store::{Access, Engine, Error, SigningKey};

use crate::server::Server;
use crate::sshd::{generate, public};
use crate::support::*;

/// What `git verify-commit` says of the head, if only this key may sign; `Err` if that is not well.
fn verify(repo: &Path, key: &Path) -> Result<String, String> {
    let allowed = repo.join("allowed_signers");
    std::fs::write(&allowed, format!("kept@example.com namespaces=\"git\" {}\n", public(key))).unwrap();
    let allowed = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let mut git = Command::new("git");
    git.current_dir(repo).args(["-c", "gpg.format=ssh", "-c", &allowed, "verify-commit", "--verbose", "main"]);
    let output = git.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    if output.status.success() { Ok(said) } else { Err(said) }
}

fn signing(url: impl AsRef<Path>, key: &Path) -> Access {
    Access { signing: Some(SigningKey(std::fs::read_to_string(key).unwrap())), ..access(url) }
}

#[test]
fn git_finds_the_signature_good() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    for (kind, options) in [("ed25519", &["-t", "ed25519"][..]), ("rsa", &["-t", "rsa"]), ("ecdsa", &["-t", "ecdsa"])] {
        let key = scratch.path(kind);
        generate(&key, options);
        let mut engine = Engine::open(signing(&repo, &key)).unwrap();
        commit(&mut engine, change("a").owns("a", &[("x", kind)]));
        let said = verify(&repo, &key).unwrap_or_else(|said| panic!("{kind}: {said}"));
        assert!(said.contains("Good \"git\" signature for kept@example.com"), "{said}");
        assert!(said.contains("Kept-"), "the trailers are part of what is signed: {said}");
    }
    generate(&scratch.path("other"), &["-t", "ed25519"]);
    verify(&repo, &scratch.path("other")).unwrap_err();
    commit(&mut open(&repo), change("a").owns("a", &[("x", "unsigned")]));
    verify(&repo, &scratch.path("ecdsa")).unwrap_err();
    fsck(&repo);
}

#[test]
fn a_commit_that_is_built_anew_is_signed_anew() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let key = scratch.path("key");
    generate(&key, &["-t", "ed25519"]);
    let mut engine = Engine::open(signing(server.repo("r"), &key)).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    server.set(|faults| {
        faults.before_push = Some(|repo| {
            if files(repo).len() < 3 {
                foreign(repo, &[put(repo, &format!("people/{}", files(repo).len()), "p")]);
            }
        });
    });
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "b/x", "people/1", "people/2"]);
    verify(&repo, &key).unwrap();
    // A rotated key.
    let new = scratch.path("new");
    generate(&new, &["-t", "ed25519"]);
    engine.set_access(signing(server.repo("r"), &new));
    commit(&mut engine, change("b").owns("b", &[("x", "2")]));
    verify(&repo, &new).unwrap();
}

#[test]
fn a_key_that_cannot_sign_is_said_before_anything_is_written() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let locked = scratch.path("locked");
    generate(&locked, &["-t", "ed25519", "-N", "a passphrase"]);
    let error = Engine::open(signing(&repo, &locked)).err().unwrap();
    assert!(matches!(&error, Error::Unauthorized(words) if words.contains("signed with has a passphrase")), "{error}");
    let access = Access { signing: Some(SigningKey("hunter2".to_owned())), ..access(&repo) };
    let error = Engine::open(access.clone()).err().unwrap();
    assert!(matches!(&error, Error::Unauthorized(words) if words.contains("cannot be read")), "{error}");
    assert!(!format!("{error} {access:?}").contains("hunter2"));
}
