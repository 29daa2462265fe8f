//! `kept verify` and `kept status` of a cluster, beside its operator and without it.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::manifests::{destination, team};
use crate::support::World;

impl World {
    /// kept, as somebody runs it who has a kubeconfig.
    fn kept(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.args(args.split_whitespace()).env("KUBECONFIG", self.info("kubeconfig")).stdin(Stdio::null());
        command
    }

    /// Runs it; its exit code, and what it says.
    fn look(&self, args: &str) -> (i32, String, String) {
        let output = self.kept(args).output().expect("kept runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code().unwrap_or(-1), text(&output.stdout), text(&output.stderr))
    }

    /// `reason name path` of what `kept verify` finds.
    fn verify(&self, code: i32) -> Vec<String> {
        let (found, out, err) = self.look("verify -o json");
        assert_eq!(found, code, "{out}\n{err}");
        let rows: Vec<Value> = serde_json::from_str(&out).unwrap_or_default();
        let word = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
        rows.iter().map(|r| format!("{} {} {}", word(r, "reason"), word(r, "name"), word(r, "path"))).collect()
    }
}

/// A cluster with three teams, all of them kept.
fn three_teams() -> World {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.apply(&["alpha", "beta", "gamma"].map(|id| team("default", id, "T")).concat());
    world.start("");
    world.wait_teams(3);
    world
}

#[test]
fn verify_finds_what_is_not_as_the_cluster_asks_for() {
    let mut world = three_teams();
    assert_eq!(world.verify(0), Vec::<String>::new(), "beside the operator");
    world.stop();
    let head = world.git("state", &["rev-parse", "main"]);
    let (code, out, err) = world.look("verify");
    assert_eq!((code, out.as_str(), err.as_str()), (0, "3 requests in 1 repository: nothing found\n", ""));

    let file = "resources/default/team/alpha/backstage-team-alpha.yaml";
    world.foreign_commit("state", |clone| std::fs::write(clone.join(file), "edited: by hand\n").unwrap());
    assert_eq!(world.verify(1), [format!("Changed alpha {file}")]);

    // Its finalizer would have the operator remove the files.
    world.kubectl(&["patch", "team", "beta", "--type=merge", "-p", r#"{"metadata":{"finalizers":[]}}"#]);
    world.kubectl(&["delete", "team", "beta"]);
    let orphan = "Orphan beta resources/default/team/beta".to_owned();
    assert_eq!(world.verify(1), [format!("Changed alpha {file}"), orphan]);

    // What waits for the operator to go is no orphan.
    world.kubectl(&["delete", "team", "gamma", "--wait=false"]);
    assert_eq!(world.verify(1).len(), 2);
    world.kubectl(&["delete", "secret", "git"]);
    let (code, _, err) = world.look("verify");
    assert!(code == 2 && err.contains("the Secret default/git"), "{code}: {err}");
    assert_eq!(world.git("state", &["rev-list", "--count", "main", &format!("^{}", head.trim())]).trim(), "1");
}

#[test]
fn status_shows_all_requests_and_what_changes() {
    let mut world = three_teams();
    let rows = |world: &World| {
        let (code, out, err) = world.look("status");
        assert_eq!((code, err.as_str()), (0, ""), "{out}");
        out.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let lines = rows(&world);
    assert_eq!(lines.len(), 5, "{lines:#?}");
    let commit = world.git("state", &["rev-list", "-n1", "main", "--", "resources/default/team/alpha"]);
    assert!(lines[1].starts_with(&format!("Team   default/alpha   True    {}", &commit[..10])), "{lines:#?}");
    assert_eq!(lines[4], "3 requests, 3 ready, 0 not");

    let mut watch = world.kept("status --watch -o json").stdout(Stdio::piped()).spawn().expect("kept runs");
    let mut seen = BufReader::new(watch.stdout.take().expect("piped")).lines().map(|line| {
        let line: Value = serde_json::from_str(&line.expect("a line")).expect("an object");
        line
    });
    let first: Vec<Value> = seen.by_ref().take(3).collect();
    assert!(first.iter().all(|line| line["ready"] == "True"), "{first:?}");

    // Somebody else's id.
    world.apply(&team("default", "delta", "T").replace("id: delta", "id: alpha"));
    let message = world.wait_reason("team/delta", "Conflict");
    let told = seen.by_ref().find(|line| line["reason"] == "Conflict").expect("it is told");
    assert_eq!((told["name"].as_str(), told["message"].as_str()), (Some("delta"), Some(message.as_str())));
    let lines = rows(&world);
    assert!(lines[1].contains("default/delta   False") && lines[1].contains("Conflict: "), "{lines:#?}");
    assert_eq!(lines[5], "4 requests, 3 ready, 1 not");
    world.kubectl(&["delete", "team", "delta"]);
    let told = seen.by_ref().find(|line| line["reason"] == "Deleted").expect("it is told");
    assert_eq!(told["name"], "delta");
    watch.kill().expect("kill");
    watch.wait().expect("it ends");

    world.stop();
    world.apply(&team("default", "alpha", "New"));
    let (_, out, _) = world.look("status -n default -o json");
    let rows: Vec<Value> = serde_json::from_str(&out).expect("JSON");
    assert_eq!((&rows[0]["name"], &rows[0]["reason"]), (&"alpha".into(), &"Pending".into()), "{out}");
    assert_eq!(world.look("status -n shop").1, "0 requests, 0 ready, 0 not\n");
}
