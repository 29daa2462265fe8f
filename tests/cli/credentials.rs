//! Where credentials come from, and where they never go.

use crate::server::Server;
use crate::support::{Desk, Run, finish, team};

fn apply(store: &str, env: &[(&str, &str)]) -> Run {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("password", "hunter-two\n").write("empty", "");
    let mut command = desk.command(&format!("apply -f a.yaml --store {store}"));
    command.envs(env.iter().copied());
    let run = finish(&command.stdin(std::process::Stdio::null()).output().expect("kept starts"));
    assert!(!format!("{}{}", run.out, run.err).contains("hunter"), "{}", run.err);
    run
}

#[test]
fn a_url_never_holds_any() {
    for url in ["https://jane:hunter-two@git.example.com/a/b.git", "https://hunter-two@git.example.com/a/b.git"] {
        apply(url, &[]).exits(2).says(&["credentials do not belong in a URL", "KEPT_GIT_USERNAME"]);
    }
    // A slash in a password makes it something else than credentials, and still nothing to be shown.
    apply("https://jane:hunter/two@git.example.com/a/b.git", &[]).exits(2).says(&["--store: is not complete"]);
    apply("ssh://jane:hunter-two@git.example.com/a/b.git", &[]).exits(2).says(&["do not belong in a URL", "SSH"]);
    // No path either, by Git's own rule: nothing of that name is made.
    for url in ["git.example.com:a/b.git", "jane:hunter-two@git.example.com:a/b.git"] {
        apply(url, &[]).exits(2).says(&["a URL for SSH reads git@host:path"]);
    }
    apply("ftp://git.example.com/a/b.git", &[]).exits(2).says(&["--store"]);
}

#[test]
fn the_environment_has_to_be_whole() {
    let https = "https://127.0.0.1:1/a/b.git";
    let (user, password) = (("KEPT_GIT_USERNAME", "jane"), ("KEPT_GIT_PASSWORD", "hunter-two"));
    apply(https, &[user]).exits(2).says(&["KEPT_GIT_PASSWORD"]);
    apply(https, &[password]).exits(2).says(&["KEPT_GIT_USERNAME"]);
    apply(https, &[user, password, ("KEPT_GIT_PASSWORD_FILE", "password")]).exits(2).says(&["both set"]);
    apply(https, &[user, ("KEPT_GIT_PASSWORD_FILE", "missing")]).exits(2).says(&["KEPT_GIT_PASSWORD_FILE", "missing"]);
    apply(https, &[user, ("KEPT_GIT_PASSWORD_FILE", "empty")]).exits(2).says(&["empty"]);
}

#[test]
fn plain_http_carries_none_to_strangers() {
    let env = [("KEPT_GIT_USERNAME", "jane"), ("KEPT_GIT_PASSWORD", "hunter-two")];
    apply("http://git.invalid/a/b.git", &env).exits(2).says(&["plain http", "https"]);
}

/// A server that lets jane in, and a desk whose git knows a password for her.
fn server_and_helper(desk: &Desk, password: &str) -> Server {
    desk.git(".", "init --quiet --bare --initial-branch=main r");
    desk.git("r", "config http.receivepack true");
    let helper = format!(
        "[credential]\n  helper = \"!f() {{ echo \\\"$1\\\" >> asked; test \\\"$1\\\" != get || printf 'username=jane\\\\npassword={password}\\\\n'; }}; f\"\n"
    );
    desk.write(".gitconfig", helper).write("a.yaml", team("alpha"));
    let server = Server::start(&desk.path("."));
    server.set(|faults| faults.only = Some(("jane".into(), "hunter-two".into())));
    server
}

fn asked(desk: &Desk) -> Vec<String> {
    let text = std::fs::read_to_string(desk.path("asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn gits_helpers_are_asked_and_told_how_it_went() {
    let desk = Desk::new();
    let server = server_and_helper(&desk, "hunter-two");
    let run = desk.kept(&format!("apply -f a.yaml --store {}", server.repo("r")));
    assert_eq!(run.exits(0).is_quiet().results(), ["default/alpha created"]);
    assert_eq!(asked(&desk), ["get", "store"]);
    assert!(desk.files("r").iter().any(|f| f.contains("backstage-team-alpha")));

    let desk = Desk::new();
    let server = server_and_helper(&desk, "forgotten");
    let run = desk.kept(&format!("apply -f a.yaml --store {}", server.repo("r")));
    run.exits(2).says(&["refuses the credentials"]);
    assert!(!run.err.contains("forgotten"), "{}", run.err);
    assert_eq!(asked(&desk), ["get", "erase"]);
    assert_eq!(desk.git("r", "for-each-ref"), "");
}

#[test]
fn they_are_asked_for_a_store_without_a_secret() {
    let desk = Desk::new();
    let server = server_and_helper(&desk, "hunter-two");
    let kind = |kind: &str, spec: &str| {
        format!("---\napiVersion: platform.kratix.io/v1alpha1\nkind: {kind}\nmetadata: {{name: s}}\nspec: {spec}\n")
    };
    let store = kind("GitStateStore", &format!("{{url: {}}}", server.repo("r")));
    let destination = kind("Destination", "{path: ., stateStoreRef: {kind: GitStateStore, name: s}}");
    desk.write("stores.yaml", store + &destination);
    desk.kept("apply -f stores.yaml -f a.yaml").exits(0).is_quiet();
    assert_eq!(asked(&desk), ["get", "store"]);
    desk.write(".gitconfig", "");
    desk.kept("apply -f stores.yaml -f a.yaml").exits(2).says(&["spec.secretRef", "credential helper"]);
    // The environment's are for --store: whoever adds a store to the input does not get them.
    let mut command = desk.command("apply -f stores.yaml -f a.yaml");
    command.env("KEPT_GIT_USERNAME", "jane").env("KEPT_GIT_PASSWORD", "hunter-two");
    finish(&command.output().expect("kept starts")).exits(2);
}

#[test]
fn no_proxy_sees_those_for_this_machine() {
    let desk = Desk::new();
    let server = server_and_helper(&desk, "hunter-two");
    let mut command = desk.command(&format!("apply -f a.yaml --store {}", server.repo("r")));
    command.env("http_proxy", "http://127.0.0.1:1").env_remove("no_proxy").env_remove("NO_PROXY");
    finish(&command.output().expect("kept starts")).exits(0);
}

#[test]
fn helpers_are_not_asked_where_nobody_needs_them() {
    let desk = Desk::new();
    let server = server_and_helper(&desk, "hunter-two");
    let store = server.repo("r");
    let mut command = desk.command(&format!("apply -f a.yaml --store {store}"));
    command.env("KEPT_GIT_USERNAME", "jane").env("KEPT_GIT_PASSWORD", "hunter-two");
    finish(&command.output().expect("kept starts")).exits(0);
    desk.write("password", "hunter-two\n");
    let mut command = desk.command(&format!("diff -f a.yaml --store {store}"));
    command.env("KEPT_GIT_USERNAME", "jane").env("KEPT_GIT_PASSWORD_FILE", "password");
    finish(&command.output().expect("kept starts")).exits(0);
    let mut command = desk.command(&format!("apply -f a.yaml --store {store}"));
    command.env("KEPT_GIT_USERNAME", "jane").env("KEPT_GIT_PASSWORD", "wrong");
    finish(&command.output().expect("kept starts")).exits(2).says(&["KEPT_GIT_USERNAME"]);
    server.set(|faults| faults.only = None);
    desk.kept(&format!("apply -f a.yaml --store {store}")).exits(0);
    assert!(asked(&desk).is_empty());
}

#[test]
fn without_any_the_advice_is_how_to_give_some() {
    let desk = Desk::new();
    let server = server_and_helper(&desk, "hunter-two");
    desk.write(".gitconfig", "");
    let run = desk.kept(&format!("apply -f a.yaml --store {}", server.repo("r")));
    run.exits(2).says(&["KEPT_GIT_USERNAME", "credential"]);
}

#[test]
fn nobody_answers() {
    apply("http://127.0.0.1:1/a/b.git", &[]).exits(2).says(&["127.0.0.1:1"]);
}
