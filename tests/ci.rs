//! The example of a CI job, step by step as a runner would run it, with real repositories behind HTTP.

#[path = "store/server.rs"]
#[allow(dead_code, clippy::unwrap_used, reason = "shared with the tests of the store")]
mod server;
#[path = "cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};
use server::Server;
use support::{Desk, Run, finish, of_repository, team};

/// A runner with the users' repository checked out in `work`, and a server with the state repository.
struct Runner {
    desk: Desk,
    server: Server,
    workflow: Value,
}

impl Runner {
    fn new() -> Self {
        let desk = Desk::new();
        let text = fs::read_to_string(of_repository("examples/ci/workflow.yaml")).expect("a workflow");
        let workflow: Value = serde_saphyr::from_str(&text).expect("YAML");
        assert_eq!(workflow["defaults"]["run"]["shell"], "bash");
        desk.write("work/platform/alpha.yaml", team("alpha")).write("work/platform/beta.yaml", team("beta"));
        desk.write("state.git/.keep", "");
        desk.git("work", "init -q -b main");
        desk.git("state.git", "init -q --bare -b main");
        desk.git("state.git", "config http.receivepack true");
        // There is no Docker here: what it would take out of the image is what these tests are built with.
        let docker = format!(
            "#!/bin/sh\nset -e\ncase $1 in\ncreate) [ \"$2\" = kept@sha256:0 ]; echo box ;;\n\
             cp) [ \"$2\" = box:/kept ]; cp {} \"$3\" ;;\nrm) [ \"$2\" = box ] ;;\nesac\n",
            env!("CARGO_BIN_EXE_kept")
        );
        desk.write("bin/docker", docker);
        fs::set_permissions(desk.path("bin/docker"), fs::Permissions::from_mode(0o755)).expect("executable");
        let server = Server::start(&desk.path("."));
        Self { desk, server, workflow }
    }

    /// Runs the steps of a job up to the first that fails. The server lets in this user alone.
    fn job(&self, name: &str, user: &str) -> Run {
        self.server.set(|faults| faults.only = Some((user.to_owned(), format!("{user}-password"))));
        self.desk.git("work", "add --all");
        let _ = fs::remove_dir_all(self.desk.path("temp"));
        self.desk.write("temp/added-to-path", "");
        let mut said = Run { code: 0, out: String::new(), err: String::new() };
        let job = &self.workflow["jobs"][name];
        for step in job["steps"].as_array().expect("steps").iter().filter(|step| step["run"].is_string()) {
            let done = finish(&self.step(step).output().expect("bash"));
            said = Run { code: done.code, out: said.out + &done.out, err: said.err + &done.err };
            if said.code != 0 {
                break;
            }
        }
        assert!(!format!("{}{}", said.out, said.err).contains("-password"), "{}{}", said.out, said.err);
        said
    }

    fn step(&self, step: &Value) -> Command {
        let script = step["run"].as_str().expect("a script");
        assert!(!script.contains("${{"), "what others write does not become part of a script: {script}");
        let mut command = Command::new("bash");
        command.args(["--noprofile", "--norc", "-eo", "pipefail", "-c", script]).current_dir(self.desk.path("work"));
        let temp = self.desk.path("temp");
        let added = fs::read_to_string(temp.join("added-to-path")).expect("a file").replace('\n', ":");
        let path = std::env::var("PATH").expect("a PATH");
        command.env("PATH", format!("{added}{}:{path}", self.desk.path("bin").display()));
        command.env("HOME", &temp).env("RUNNER_TEMP", &temp).env("GITHUB_PATH", temp.join("added-to-path"));
        for (name, value) in [&self.workflow["env"], &step["env"]].into_iter().filter_map(Value::as_object).flatten() {
            command.env(name, self.value(value.as_str().expect("text")));
        }
        command
    }

    /// A value of `env`, with what README.md says is to be set.
    fn value(&self, text: &str) -> String {
        let settings = json!({
            "vars.KEPT_IMAGE": "kept@sha256:0",
            "vars.STATE_URL": self.server.repo("state.git"),
            "vars.STATE_READ_USERNAME": "reader",
            "vars.STATE_USERNAME": "writer",
            "secrets.STATE_READ_PASSWORD": "reader-password",
            "secrets.STATE_PASSWORD": "writer-password",
        });
        let expression = Regex::new(r"\$\{\{ (\S+) \}\}").expect("a pattern");
        let readme = fs::read_to_string(of_repository("examples/ci/README.md")).expect("a README");
        let set = |found: &regex::Captures<'_>| {
            let name = found[1].split_once('.').map_or("", |(_, name)| name);
            assert!(readme.contains(&format!("`{name}`")), "{name}");
            settings[&found[1]].as_str().unwrap_or_else(|| panic!("{}", &found[1])).to_owned()
        };
        expression.replace_all(text, set).into_owned()
    }
}

#[test]
fn a_pull_request_is_checked_and_main_is_applied() {
    let runner = Runner::new();
    let check = runner.job("check", "reader");
    check.exits(0);
    assert!(check.out.contains("2 files with 2 objects: nothing found"), "{}", check.out);
    assert!(check.out.contains("+++ b/resources/default/team/alpha/"), "{}", check.out);
    assert!(check.out.contains("created (dry run)"), "{}", check.out);
    let pushes = || runner.server.requests().iter().filter(|request| request.contains("receive-pack")).count();
    assert_eq!(pushes(), 0, "who may only read can check");

    runner.job("apply", "writer").exits(0);
    let alpha = "resources/default/team/alpha/backstage-team-alpha.yaml".to_owned();
    assert!(runner.desk.files("state.git").contains(&alpha));

    fs::remove_file(runner.desk.path("work/platform/alpha.yaml")).expect("removed");
    let check = runner.job("check", "reader");
    assert!(check.exits(0).out.contains("pruned (dry run)"), "{}", check.out);
    assert!(runner.desk.files("state.git").contains(&alpha));
    runner.job("apply", "writer").exits(0);
    let left = runner.desk.files("state.git");
    assert!(!left.contains(&alpha) && left.iter().any(|file| file.contains("/beta/")), "{left:?}");
}

#[test]
fn a_secret_or_a_mistake_fails_the_pull_request() {
    let runner = Runner::new();
    runner
        .desk
        .write("work/elsewhere/db.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {a: Yg==}\n");
    let check = runner.job("check", "reader");
    assert!(check.code != 0 && check.out.contains("elsewhere/db.yaml:1:1: error: Secret db"), "{}", check.out);
    fs::remove_file(runner.desk.path("work/elsewhere/db.yaml")).expect("removed");
    runner.desk.write("work/platform/gamma.yaml", team("gamma").replace("id: gamma", "id: no"));
    let check = runner.job("check", "reader");
    assert!(check.code != 0 && check.out.contains("platform/gamma.yaml:6:7: error"), "{}", check.out);
    // A job that cannot read the state says so, and is not taken for one with differences.
    fs::remove_file(runner.desk.path("work/platform/gamma.yaml")).expect("removed");
    let refused = runner.job("check", "somebody-else");
    assert!(refused.code != 0 && refused.err.contains("KEPT_GIT_USERNAME"), "{}", refused.err);
    // Nor is a directory that was moved away taken for one that asks for nothing.
    runner.job("apply", "writer").exits(0);
    fs::rename(runner.desk.path("work/platform"), runner.desk.path("work/moved")).expect("moved");
    assert!(runner.job("apply", "writer").code != 0);
    runner.desk.write("work/platform/readme.md", "");
    assert!(runner.job("apply", "writer").code != 0);
    assert!(!runner.desk.files("state.git").is_empty());
}
