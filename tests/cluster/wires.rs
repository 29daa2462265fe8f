//! Other ways to Gitea than HTTP with a password: SSH, and signed commits.

use std::fs;
use std::process::Command;

use crate::manifests::{destination, team};
use crate::support::World;

/// Makes a key; its private half, and its public one.
fn key(world: &World, name: &str) -> (String, String) {
    let path = world.desk().join(name);
    let made = Command::new("ssh-keygen").args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"]).arg(&path).status();
    assert!(made.expect("these tests need ssh-keygen: apt-get install openssh-client").success());
    let read = |end: &str| fs::read_to_string(format!("{}{end}", path.display())).expect("a key");
    (read(""), read(".pub").trim().to_owned())
}

/// A Secret with these keys.
fn secret(name: &str, data: &[(&str, &str)]) -> String {
    let data: serde_json::Map<_, _> = data.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
    let object = serde_json::json!({
        "apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "default"}, "stringData": data,
    });
    format!("{object}\n---\n")
}

fn over_ssh(world: &World, more: &str) -> String {
    let url = format!("{}/{}/state.git", world.info("giteaSshUrl"), world.info("giteaUser"));
    world.store("state", &format!("authMethod: ssh\n{more}")).replace(&world.url("state"), &url)
}

#[test]
fn over_ssh_signed_and_with_keys_that_change() {
    let mut world = World::new();
    world.repository("state");
    let (old, old_public) = key(&world, "old");
    let (new, new_public) = key(&world, "new");
    let (signer, signer_public) = key(&world, "signer");
    let known = world.info("giteaKnownHosts");
    world.allow_key("old", &old_public);

    // A server that is not known is not talked to.
    world.apply(&secret("git", &[("sshPrivateKey", &old), ("knownHosts", "git.example.com ssh-ed25519 AAAA")]));
    world.apply(&secret("signer", &[("sshPrivateKey", &signer)]));
    world.apply(&over_ssh(&world, "signing: {secretRef: {name: signer, namespace: default}}"));
    world.apply(&destination("host", "state", ".", ""));
    world.start("");
    let message = world.wait_reason("gitstatestore state", "StoreUnauthorized");
    assert!(message.contains(&known), "it says what to add: {message}");
    world.apply(&secret("git", &[("sshPrivateKey", &old), ("knownHosts", &known)]));
    world.wait_ready("gitstatestore/state");
    world.apply(&team("default", "one", "One"));
    world.wait_ready("team one");

    // Every commit is signed, that of the canaries too.
    let allowed = world.desk().join("allowed_signers");
    fs::write(&allowed, format!("* {signer_public}\n")).expect("written");
    let file = format!("gpg.ssh.allowedSignersFile={}", allowed.display());
    let signatures = world.git("state", &["-c", &file, "log", "--format=%G?", "main"]);
    assert!(signatures.lines().count() >= 1 && signatures.lines().all(|line| line == "G"), "{signatures}");

    // A new key, and the old one is not let in any more: it is picked up.
    world.allow_key("new", &new_public);
    world.forbid_keys(&["old"]);
    world.kubectl(&["annotate", "gitstatestore", "state", "look=1"]);
    let message = world.wait_reason("gitstatestore state", "StoreUnauthorized");
    assert!(message.contains("does not know the key"), "{message}");
    world.apply(&secret("git", &[("sshPrivateKey", &new), ("knownHosts", &known)]));
    world.kubectl(&["annotate", "--overwrite", "gitstatestore", "state", "look=2"]);
    world.wait_ready("gitstatestore/state");
    world.apply(&team("default", "two", "Two"));
    world.wait_ready("team two");

    // Without the Secret the key in memory still cleans up.
    world.kubectl(&["delete", "secret", "git"]);
    world.kubectl(&["annotate", "--overwrite", "gitstatestore", "state", "look=3"]);
    world.wait_reason("gitstatestore state", "StoreUnauthorized");
    world.kubectl(&["delete", "team", "one", "two", "--timeout=60s"]);
    assert!(!world.files("state", "main").iter().any(|f| f.contains("backstage-team")));
    let log = world.log();
    for secret in [&old, &new, &signer] {
        assert!(secret.lines().filter(|line| line.len() > 20).all(|line| !log.contains(line)), "a key is in the log");
    }
}
