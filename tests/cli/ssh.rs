//! `--store` over SSH, and the keys that ssh would find.

use std::path::Path;
use std::process::Command;

use crate::sshd::{Sshd, generate};
use crate::support::{Desk, Run, finish, team};

/// A desk with a repository `r` that a server serves, and a key that it lets in.
fn desk() -> (Desk, Sshd, String) {
    let desk = Desk::new();
    desk.git(".", "init --quiet --bare --initial-branch=main r");
    desk.write("a.yaml", team("alpha"));
    let server = Sshd::start(&["ed25519"]);
    let key = server.only_key(&["-t", "ed25519"]);
    (desk, server, key)
}

fn kept(desk: &Desk, args: &str, env: &[(&str, &Path)]) -> Run {
    let mut command = desk.command(args);
    command.envs(env.iter().copied());
    let run = finish(&command.output().expect("kept starts"));
    assert!(!format!("{}{}", run.out, run.err).contains("PRIVATE KEY"), "{}", run.err);
    run
}

#[test]
fn keys_and_hosts_are_found_where_ssh_has_them() {
    let (desk, server, key) = desk();
    let apply = format!("apply -f a.yaml --store {}", server.repo(&desk.path("r")));
    kept(&desk, &apply, &[]).exits(2).says(&["not among the known hosts", "~/.ssh/known_hosts"]);
    desk.write(".ssh/known_hosts", server.known("ed25519"));
    kept(&desk, &apply, &[]).exits(2).says(&["no private key", "KEPT_GIT_SSH_KEY_FILE"]);
    desk.write(".ssh/id_ed25519", &key);
    let run = kept(&desk, &apply, &[]);
    assert_eq!(run.exits(0).is_quiet().results(), ["default/alpha created"]);
    assert_eq!(kept(&desk, &apply, &[]).exits(0).results(), ["default/alpha unchanged"]);
    assert!(desk.files("r").iter().any(|f| f.contains("backstage-team-alpha")));
}

#[test]
fn files_that_are_named_go_before_those() {
    let (desk, server, key) = desk();
    generate(&desk.path("stranger"), &["-t", "ed25519"]);
    desk.write("key", &key).write("known", server.known("ed25519"));
    desk.write(".ssh/id_ed25519", &key).write(".ssh/known_hosts", "");
    let apply = format!("apply -f a.yaml --store {}", server.repo(&desk.path("r")));
    let (key, known) = (desk.path("key"), desk.path("known"));
    let (key, known) = (("KEPT_GIT_SSH_KEY_FILE", &*key), ("KEPT_GIT_KNOWN_HOSTS_FILE", &*known));
    kept(&desk, &apply, &[("KEPT_GIT_SSH_KEY_FILE", &desk.path("stranger")), known]).exits(2).says(&["does not know"]);
    kept(&desk, &apply, &[("KEPT_GIT_SSH_KEY_FILE", &desk.path("none")), known]).exits(2).says(&["SSH_KEY_FILE names"]);
    kept(&desk, &apply, &[key]).exits(2).says(&["not among the known hosts"]);
    kept(&desk, &apply, &[key, known]).exits(0).is_quiet();
}

#[test]
fn an_agent_holds_keys() {
    let (desk, server, key) = desk();
    let file = desk.path("key");
    desk.write("key", &key).write(".ssh/known_hosts", server.known("ed25519"));
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    generate(&desk.path("stranger"), &["-t", "ed25519"]);
    let socket = desk.path("agent");
    let mut agent = Command::new("ssh-agent").arg("-D").arg("-a").arg(&socket).spawn().expect("ssh-agent");
    while !socket.exists() {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    for file in [desk.path("stranger"), file] {
        let added = Command::new("ssh-add").arg("-q").arg(file).env("SSH_AUTH_SOCK", &socket).status();
        assert!(added.expect("ssh-add").success());
    }
    let apply = format!("apply -f a.yaml --store {}", server.repo(&desk.path("r")));
    let run = kept(&desk, &apply, &[("SSH_AUTH_SOCK", &socket)]);
    agent.kill().and_then(|()| agent.wait()).expect("the agent ends");
    run.exits(0).is_quiet();
}

#[test]
fn a_store_in_the_input_brings_its_own() {
    let (desk, server, key) = desk();
    generate(&desk.path("signer"), &["-t", "ed25519"]);
    let signer = std::fs::read_to_string(desk.path("signer")).expect("a key");
    let block = |text: &str| text.lines().map(|line| format!("    {line}\n")).collect::<String>();
    let secret = |name: &str, keys: &str| {
        format!("---\napiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData:\n{keys}")
    };
    let login = format!("  sshPrivateKey: |\n{}  knownHosts: |\n{}", block(&key), block(&server.known("ed25519")));
    let object = |kind: &str, spec: &str| {
        format!("---\napiVersion: platform.kratix.io/v1alpha1\nkind: {kind}\nmetadata: {{name: s}}\nspec: {spec}\n")
    };
    let url = server.repo(&desk.path("r"));
    let store = format!(
        "{{url: '{url}', authMethod: ssh, secretRef: {{name: git}}, signing: {{secretRef: {{name: signer}}}}}}"
    );
    let stores = object("GitStateStore", &store)
        + &object("Destination", "{path: ., stateStoreRef: {kind: GitStateStore, name: s}}");
    let signing = secret("signer", &format!("  sshPrivateKey: |\n{}", block(&signer)));
    desk.write("stores.yaml", &stores).write("secrets.yaml", secret("git", &login) + &signing);
    kept(&desk, "apply -f stores.yaml -f secrets.yaml -f a.yaml", &[]).exits(0).is_quiet();
    assert!(desk.git("r", "cat-file commit main").contains("gpgsig -----BEGIN SSH SIGNATURE-----"));
    // Not those of whoever runs it.
    desk.write("secrets.yaml", secret("git", "  sshPrivateKey: x\n") + &signing);
    desk.write(".ssh/id_ed25519", &key).write(".ssh/known_hosts", server.known("ed25519"));
    let run = kept(&desk, "apply -f stores.yaml -f secrets.yaml -f a.yaml", &[]);
    run.exits(2).says(&["default/git", "lacks the key \"knownHosts\"", "authMethod ssh"]);
}

#[test]
fn commits_are_signed_with_the_key_that_is_named() {
    let (desk, _server, _key) = desk();
    generate(&desk.path("signer"), &["-t", "ed25519"]);
    kept(&desk, "apply -f a.yaml --store r", &[("KEPT_GIT_SIGNING_KEY_FILE", &desk.path("signer"))])
        .exits(0)
        .is_quiet();
    assert!(desk.git("r", "cat-file commit main").contains("gpgsig -----BEGIN SSH SIGNATURE-----"));
    // One that cannot sign is not to be found out by the first change.
    generate(&desk.path("locked"), &["-t", "ed25519", "-N", "secret"]);
    kept(&desk, "apply -f a.yaml --store r", &[("KEPT_GIT_SIGNING_KEY_FILE", &desk.path("locked"))])
        .exits(2)
        .says(&["passphrase"]);
}
