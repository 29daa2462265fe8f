//! Whether the repository is what the requests say, for cron and alarms.

use serde_json::Value;

use crate::support::{Desk, Run, documents, team, team_with};

const CATALOG: &str = "resources/default/team/alpha/backstage-team-alpha.yaml";
const TERRAFORM: &str = "resources/default/team/alpha/terraform/org-alpha.tf";

fn two_teams() -> Desk {
    let desk = Desk::new();
    desk.write("in/a.yaml", team("alpha")).write("in/b.yaml", team("beta"));
    desk.kept("apply -f in --store state.git").exits(0);
    desk
}

fn verify(desk: &Desk, more: &str) -> Run {
    desk.kept(&format!("verify -f in --store state.git {more}"))
}

/// `reason namespace/name path` of each finding.
#[track_caller]
fn found(run: &Run) -> Vec<String> {
    let word = |row: &Value, field: &str| row[field].as_str().unwrap_or("-").to_owned();
    let rows = run.json();
    rows.iter().map(|r| format!("{} {} {}", word(r, "reason"), word(r, "name"), word(r, "path"))).collect()
}

#[test]
fn what_is_as_asked_for_is_no_finding() {
    let desk = two_teams();
    let head = desk.head("state.git");
    assert_eq!(verify(&desk, "").exits(0).is_quiet().out, "2 requests in 1 repository: nothing found\n");
    assert_eq!(verify(&desk, "-o json").exits(0).is_quiet().out, "[]\n");
    // Other people's files, and other writers' requests, are nobody's business here.
    desk.by_hand("state.git", |clone| std::fs::write(clone.join("README.md"), "Theirs.\n").expect("written"));
    desk.write("c.yaml", team("gamma"));
    desk.kept("apply -f c.yaml --store state.git --writer other").exits(0);
    verify(&desk, "").exits(0).is_quiet();
    assert_ne!(desk.head("state.git"), head);
}

#[test]
fn files_that_somebody_else_has_touched() {
    let desk = two_teams();
    desk.by_hand("state.git", |clone| {
        std::fs::write(clone.join(CATALOG), "edited: by hand\n").expect("written");
        std::fs::remove_file(clone.join(TERRAFORM)).expect("removed");
        std::fs::write(clone.join("resources/default/team/alpha/stray.txt"), "x").expect("written");
    });
    let head = desk.head("state.git");
    let all = [
        format!("Changed alpha {CATALOG}"),
        "Unrecorded alpha resources/default/team/alpha/stray.txt".to_owned(),
        format!("Missing alpha {TERRAFORM}"),
    ];
    let run = verify(&desk, "-o json");
    assert_eq!(found(run.exits(1).is_quiet()), all);
    assert!(run.json().iter().all(|row| row["branch"] == "main" && row["file"].is_null()), "{}", run.out);
    let run = verify(&desk, "");
    let line = format!("{CATALOG}: error: Team default/alpha: somebody else has changed it [Changed]");
    assert!(run.exits(1).out.contains(&line), "{}", run.out);
    assert!(run.out.ends_with("2 requests in 1 repository: 3 findings\n"), "{}", run.out);
    assert_eq!(desk.head("state.git"), head, "nothing is ever written");
    desk.kept("apply -f in --store state.git").exits(0);
    verify(&desk, "").exits(0);
}

#[test]
fn requests_that_changed_came_or_went() {
    let desk = two_teams();
    desk.write("in/a.yaml", team_with("alpha", "alpha", "  email: new@example.com\n"));
    let both = [CATALOG, TERRAFORM].map(|path| format!("Changed alpha {path}"));
    assert_eq!(found(verify(&desk, "-o json").exits(1)), both);
    assert!(verify(&desk, "").exits(1).out.contains("is not what would be written"));
    desk.write("in/a.yaml", team("alpha")).write("in/c.yaml", team("gamma"));
    let unwritten = ["Unwritten gamma resources/default/team/gamma"];
    assert_eq!(found(verify(&desk, "-o json").exits(1)), unwritten);
    desk.write("in/c.yaml", "").write("in/b.yaml", "");
    let run = verify(&desk, "");
    let line = "resources/default/team/beta: error: Team default/beta: is an orphan: the writer cli has recorded it";
    assert!(run.exits(1).out.starts_with(line), "{}", run.out);
    assert_eq!(found(verify(&desk, "-o json").exits(1)), ["Orphan beta resources/default/team/beta"]);
    desk.kept("apply -f in --store state.git --prune").exits(0);
    verify(&desk, "").exits(0);
}

#[test]
fn records_that_are_gone_or_somebody_elses() {
    let desk = two_teams();
    // Another writer's records are not ours until they are adopted.
    assert_eq!(found(verify(&desk, "-o json --writer other").exits(1)).len(), 2);
    let run = verify(&desk, "-o json --writer other --adopt cli");
    let reasons: Vec<String> = found(run.exits(1)).iter().map(|row| row[..12].to_owned()).collect();
    assert_eq!(reasons, ["Record alpha", "Record alpha", "Record beta ", "Record beta "]);
    desk.by_hand("state.git", |clone| std::fs::remove_dir_all(clone.join(".kept")).expect("removed"));
    let all = ["Unwritten alpha resources/default/team/alpha", "Unwritten beta resources/default/team/beta"];
    assert_eq!(found(verify(&desk, "-o json").exits(1)), all);
}

#[test]
fn what_is_refused_is_a_finding_and_no_orphan() {
    let desk = two_teams();
    desk.write("in/b.yaml", team_with("beta", "beta", "  email: nonsense\n"));
    let run = verify(&desk, "-o json");
    let rows = run.exits(1).json();
    assert_eq!(rows.len(), 1, "{}", run.out);
    assert_eq!((&rows[0]["reason"], &rows[0]["field"]), (&"InvalidRequest".into(), &"spec.email".into()));
    assert!(rows[0]["file"].as_str().is_some_and(|file| file.ends_with("b.yaml")), "{}", run.out);
    assert_eq!(rows[0]["line"], 8);
}

#[test]
fn doubt_is_trouble_and_not_a_finding() {
    let desk = two_teams();
    desk.write("in/b.yaml", "x: [\n");
    let run = verify(&desk, "");
    run.exits(2).says(&["orphans are not looked for"]);
    assert!(!run.out.contains("Orphan"), "{}", run.out);
    desk.write("in/b.yaml", team("beta"));
    verify(&desk, "").exits(0);
    let nowhere = desk.kept("verify -f in --store http://127.0.0.1:9/state.git");
    nowhere.exits(2).says(&["cannot reach"]);
    desk.kept("verify -f nowhere --store state.git").exits(2).says(&["nowhere"]);
    desk.kept("verify --store state.git").exits(2).says(&["-f"]);
    desk.kept("verify -f in --store state.git --context prod").exits(2).says(&["--context"]);
    desk.kept("verify --kubeconfig none").exits(2).says(&["no cluster to talk to", "none"]);
}

#[test]
fn what_kratix_left_is_mentioned_and_no_finding() {
    let desk = two_teams();
    desk.by_hand("state.git", |clone| {
        let left = clone.join("resources/default/team/delta/instance-configure/5058f");
        std::fs::create_dir_all(&left).expect("made");
        std::fs::write(left.join("x.yaml"), "kind: Group\n").expect("written");
    });
    verify(&desk, "").exits(0).says(&["note: left by Kratix", "team default/delta"]);
}

#[test]
fn every_layout_and_every_repository() {
    let desk = Desk::new();
    let store = |name: &str| {
        format!(
            "apiVersion: platform.kratix.io/v1alpha1\nkind: GitStateStore\nmetadata: {{name: {name}}}\nspec: {{url: 'file://./{name}.git'}}\n"
        )
    };
    let destination = |name: &str, mode: &str| {
        format!(
            "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata: {{name: {name}, labels: {{to: {name}}}}}\nspec:\n  path: .\n  stateStoreRef: {{kind: GitStateStore, name: {name}}}\n  filepath: {{mode: {mode}}}\n"
        )
    };
    for name in ["one", "state"] {
        desk.git(".", &format!("init --quiet --bare --initial-branch=main {name}.git"));
    }
    desk.write("in/stores.yaml", documents(&[store("one"), store("state")]));
    desk.write("in/to.yaml", documents(&[destination("one", "aggregatedYAML"), destination("state", "none")]));
    let selectors = "[{matchLabels: {to: one}}, {directory: terraform, matchLabels: {to: state}}]";
    desk.write("settings.yaml", format!("promises: {{team: {{destinationSelectors: {selectors}}}}}\n"));
    desk.write("in/a.yaml", team("alpha")).write("in/b.yaml", team("beta"));
    desk.kept("apply -f in --config settings.yaml").exits(0);
    let verify = || desk.kept("verify -f in --config settings.yaml -o json");
    assert_eq!(found(verify().exits(0)), Vec::<String>::new());
    desk.by_hand("state.git", |clone| {
        std::fs::write(clone.join("terraform/org-alpha.tf"), "# by hand\n").expect("written");
    });
    assert_eq!(found(verify().exits(1)), ["Changed alpha terraform/org-alpha.tf"]);
    desk.kept("apply -f in --config settings.yaml").exits(0);
    desk.write("in/b.yaml", team_with("beta", "beta", "  email: new@example.com\n"));
    let run = verify();
    assert_eq!(found(run.exits(1)), ["Changed beta aggregated.yaml", "Changed beta terraform/org-beta.tf"]);
    assert!(run.json()[0]["repository"].as_str().is_some_and(|url| url.ends_with("/one.git")), "{}", run.out);
}
