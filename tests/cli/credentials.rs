//! Where credentials come from, and where they never go.

use crate::support::{Desk, Run, team};

fn apply(store: &str, env: &[(&str, &str)]) -> Run {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("password", "hunter-two\n").write("empty", "");
    let mut command = desk.command(&format!("apply -f a.yaml --store {store}"));
    command.envs(env.iter().copied());
    let output = command.stdin(std::process::Stdio::null()).output().expect("kept starts");
    let run = Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    };
    assert!(!format!("{}{}", run.out, run.err).contains("hunter"), "{}", run.err);
    run
}

#[test]
fn a_url_never_holds_any() {
    for url in ["https://jane:hunter-two@git.example.com/a/b.git", "https://hunter-two@git.example.com/a/b.git"] {
        apply(url, &[]).exits(2).says(&["credentials do not belong in a URL", "KEPT_GIT_USERNAME"]);
    }
    apply("ssh://git@git.example.com/a/b.git", &[]).exits(2).says(&["SSH"]);
    apply("git@git.example.com:a/b.git", &[]).exits(2).says(&["SSH"]);
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
