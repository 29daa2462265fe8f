//! Stores and destinations from files: requests are routed as in a cluster.

use crate::support::{Desk, Run, documents, team};

fn store(name: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: GitStateStore\nmetadata:\n  name: {name}\nspec:\n  url: file://./{name}.git\n{more}"
    )
}

fn destination(name: &str, store: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata:\n  name: {name}\n  labels: {{to: {name}}}\nspec:\n  stateStoreRef: {{kind: GitStateStore, name: {store}}}\n{more}"
    )
}

const ROUTED: &str = "promises:
  team:
    destinationSelectors:
      - matchLabels: {to: one}
      - directory: terraform
        matchLabels: {to: two}
";

/// Two repositories, a destination in each.
fn two() -> Desk {
    let desk = Desk::new();
    for name in ["one", "two"] {
        desk.git(".", &format!("init --quiet --bare --initial-branch=main {name}.git"));
    }
    // Two authors, so that not even commits of the same second and content are the same.
    desk.write("stores.yaml", documents(&[store("one", ""), store("two", "  gitAuthor: {name: two}\n")]));
    desk.write(
        "destinations.yaml",
        documents(&[destination("one", "one", "  path: .\n"), destination("two", "two", "  path: .\n")]),
    );
    desk.write("settings.yaml", ROUTED).write("a.yaml", team("alpha"));
    desk
}

fn apply(desk: &Desk, more: &str) -> Run {
    desk.kept(&format!("apply -f stores.yaml -f destinations.yaml -f a.yaml --config settings.yaml {more}"))
}

const CATALOG: &str = "resources/default/team/alpha/backstage-team-alpha.yaml";
const TERRAFORM: &str = "resources/default/team/alpha/terraform/org-alpha.tf";

#[test]
fn one_run_writes_several_repositories() {
    let desk = two();
    let run = apply(&desk, "-o json");
    run.exits(0).is_quiet();
    assert!(desk.files("one.git").contains(&CATALOG.to_owned()));
    assert!(!desk.files("one.git").contains(&TERRAFORM.to_owned()));
    assert!(desk.files("two.git").contains(&TERRAFORM.to_owned()));
    assert!(!desk.files("two.git").contains(&CATALOG.to_owned()));
    let results = run.json();
    let places = results[0]["places"].as_array().expect("places");
    assert_eq!(places.len(), 2);
    assert!(places[1]["repository"].as_str().is_some_and(|r| r.ends_with("/two.git")), "{}", run.out);
    assert_eq!(apply(&desk, "").exits(0).results(), ["default/alpha unchanged"]);
    let diff = desk.kept("diff -f stores.yaml -f destinations.yaml -f a.yaml --config settings.yaml");
    assert_eq!(diff.exits(0).out, "");
    // A directory for each store, when there is no repository to show which is which.
    let rendered = desk.kept("render -f stores.yaml -f destinations.yaml -f a.yaml --config settings.yaml --out out");
    assert_eq!(rendered.exits(0).out, format!("out/one/{CATALOG}\nout/two/{TERRAFORM}\n"));
    let gone = desk.kept("delete -f stores.yaml -f destinations.yaml -f a.yaml");
    assert_eq!(gone.exits(0).results(), ["default/alpha removed"]);
    assert!(!desk.files("one.git").contains(&CATALOG.to_owned()));
    assert!(!desk.files("two.git").contains(&TERRAFORM.to_owned()));
}

#[test]
fn prune_reaches_every_repository() {
    let desk = two();
    apply(&desk, "").exits(0);
    desk.write("a.yaml", team("beta"));
    assert_eq!(apply(&desk, "--prune").exits(0).results(), ["default/alpha pruned", "default/beta created"]);
    for repository in ["one.git", "two.git"] {
        assert!(!desk.files(repository).iter().any(|f| f.contains("alpha")), "{repository}");
        assert!(desk.files(repository).iter().any(|f| f.contains("beta")), "{repository}");
    }
}

#[test]
fn a_store_is_given_one_way_or_the_other() {
    let desk = two();
    apply(&desk, "--store x.git").exits(2).says(&["--store", "GitStateStores"]);
    desk.kept("apply -f destinations.yaml -f a.yaml").exits(2).says(&["GitStateStore"]);
    desk.kept("apply -f stores.yaml -f a.yaml").exits(2).says(&["Destination"]);
}

#[test]
fn a_destination_that_names_no_store() {
    let desk = two();
    desk.write("settings.yaml", "{}\n");
    desk.write("stores.yaml", store("one", ""));
    let all: Vec<String> = (0..12).map(|i| team(&format!("t{i}"))).collect();
    desk.write("a.yaml", documents(&all));
    let run = apply(&desk, "");
    run.exits(1).says(&["destinations.yaml:16:46: error: Destination two: spec.stateStoreRef.name", "\"two\""]);
    let results = run.results();
    let count = |end: &str| results.iter().filter(|l| l.starts_with("default/") && l.ends_with(end)).count();
    assert_eq!(count(" created") + count(" failed"), 12, "{}", run.out);
    assert!(count(" created") > 0 && count(" failed") > 0, "{}", run.out);
    let teams = desk.files("one.git").iter().filter(|f| f.contains("/backstage-team-")).count();
    assert_eq!(teams, count(" created"));
}

#[test]
fn a_store_that_cannot_be_used_fails_only_its_requests() {
    let desk = two();
    std::fs::remove_dir_all(desk.path("two.git")).expect("removed");
    let run = apply(&desk, "");
    // The part that has its repository is there; the request as a whole is not done.
    run.exits(1).says(&["two", "Team default/alpha"]);
    assert_eq!(run.results(), ["default/alpha failed"]);
    assert!(desk.files("one.git").contains(&CATALOG.to_owned()));
    assert!(!desk.path("two.git").exists(), "a store from a file is not made up");

    desk.write("two.git", "no repository");
    apply(&desk, "").exits(1).says(&["two"]);
    std::fs::remove_dir_all(desk.path("one.git")).expect("removed");
    apply(&desk, "").exits(2).says(&["one", "two"]);
}

#[test]
fn nothing_is_placed_a_second_time_while_a_store_cannot_be_read() {
    let desk = two();
    desk.write("settings.yaml", "{}\n");
    let teams: Vec<String> = (0..8).map(|i| team(&format!("t{i}"))).collect();
    desk.write("a.yaml", documents(&teams));
    desk.write("destinations.yaml", destination("one", "one", "  path: .\n"));
    apply(&desk, "").exits(0);
    // A destination more, to which some of the teams would go, were they new.
    desk.write(
        "destinations.yaml",
        documents(&[destination("one", "one", "  path: .\n"), destination("two", "two", "  path: .\n")]),
    );
    std::fs::rename(desk.path("one.git"), desk.path("away")).expect("moved");
    apply(&desk, "").exits(1).says(&["destination one may hold it already", "one.git"]);
    assert_eq!(desk.git("two.git", "for-each-ref"), "");
    std::fs::rename(desk.path("away"), desk.path("one.git")).expect("moved");
    assert!(apply(&desk, "").exits(0).results().iter().all(|line| line.ends_with(" unchanged")));
}

#[test]
fn a_removal_is_not_done_where_a_store_cannot_be_read() {
    let desk = two();
    apply(&desk, "").exits(0);
    std::fs::rename(desk.path("two.git"), desk.path("away")).expect("moved");
    let gone = desk.kept("delete -f stores.yaml -f destinations.yaml -f a.yaml");
    assert_eq!(gone.exits(1).says(&["two.git", "(not done: Team default/alpha)"]).results(), ["default/alpha failed"]);
    std::fs::rename(desk.path("away"), desk.path("two.git")).expect("moved");
    let gone = desk.kept("delete -f stores.yaml -f destinations.yaml -f a.yaml");
    assert_eq!(gone.exits(0).results(), ["default/alpha removed"]);
}

#[test]
fn a_store_on_the_command_line_that_is_none() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("file.git", "x").write("folder/x", "x");
    desk.kept("apply -f a.yaml --store file.git").exits(2).says(&["file.git"]);
    desk.kept("apply -f a.yaml --store folder").exits(2).says(&["folder"]);
    assert_eq!(std::fs::read_dir(desk.path("folder")).expect("there").count(), 1, "nothing is put there");
    desk.kept("delete -f a.yaml --store nowhere.git").exits(2).says(&["nowhere.git"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_repository_that_cannot_be_written() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    desk.git(".", "init --quiet --bare --initial-branch=main state.git");
    // Where nobody can write, not even root.
    std::fs::remove_dir_all(desk.path("state.git/objects")).expect("removed");
    std::os::unix::fs::symlink("/sys", desk.path("state.git/objects")).expect("linked");
    desk.kept("apply -f a.yaml --store state.git").exits(2).says(&["cannot write to", "state.git/objects"]);
}

#[test]
fn labels_decide_and_must_match() {
    let desk = two();
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: three}}]}}\n");
    apply(&desk, "").exits(1).says(&["a.yaml:1:1: error: Team default/alpha: no destination matches to=three"]);
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: two}}]}}\n");
    apply(&desk, "").exits(0);
    assert!(desk.files("two.git").contains(&CATALOG.to_owned()));
    // A change of labels is told and moves nothing.
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: one}}]}}\n");
    let run = apply(&desk, "");
    assert_eq!(run.exits(0).says(&["warning:", "two", "to=one"]).results(), ["default/alpha unchanged"]);
}

#[test]
fn a_mistake_in_a_destination_stops_all_routing() {
    let desk = two();
    let fine = destination("one", "one", "  path: .\n");
    for (bad, place) in [
        (destination("two", "two", "  path: ../x\n"), "destinations.yaml:17:9"),
        (destination("two", "two", "  path: .\n  paht: x\n"), "destinations.yaml:18:9"),
        (destination("one", "two", "  path: .\n"), "destinations.yaml:10:1"),
        (destination("two", "one", "  path: sub\n"), "destinations.yaml:17:9"),
    ] {
        desk.write("destinations.yaml", documents(&[fine.clone(), bad]));
        apply(&desk, "").exits(2).says(&[place, "no request is routed"]);
    }
    desk.write("destinations.yaml", format!("{fine}---\nkind: Destination\nx: [\n"));
    apply(&desk, "").exits(2).says(&["no request is routed"]);
    desk.write("destinations.yaml", fine).write("stores.yaml", store("one", "  pth: x\n"));
    apply(&desk, "").exits(2).says(&["stores.yaml:7:8", "no request is routed"]);
    assert_eq!(desk.git("one.git", "for-each-ref"), "");
}

#[test]
fn secrets_are_used_and_never_shown() {
    let desk = two();
    let secret =
        |data: &str| format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: git\n  namespace: platform\n{data}");
    let named = "  secretRef: {name: git, namespace: platform}\n";
    desk.write("stores.yaml", documents(&[store("one", ""), store("two", named)]));
    apply(&desk, "").exits(1).says(&["platform/git", "-f"]);
    desk.write("secret.yaml", secret("stringData: {username: jane}\n"));
    apply(&desk, "-f secret.yaml").exits(1).says(&["platform/git", "\"password\""]);
    desk.write("secret.yaml", secret("data: {username: amFuZQ==, password: hunter-two}\n"));
    let malformed = apply(&desk, "-f secret.yaml");
    malformed.exits(1).says(&["secret.yaml:1:1", "base64"]);
    assert!(!malformed.err.contains("hunter"), "{}", malformed.err);
    desk.write("secret.yaml", secret("data: {username: amFuZQ==}\nstringData: {password: hunter-two}\n"));
    let good = apply(&desk, "-f secret.yaml");
    good.exits(0);
    assert!(!format!("{}{}", good.out, good.err).contains("hunter"));
    // Nobody's Secret is not passed over in silence.
    desk.write("stores.yaml", documents(&[store("one", ""), store("two", "")]));
    apply(&desk, "-f secret.yaml").exits(1).says(&["secret.yaml:2:7", "platform/git", "--ignore-foreign"]);
    apply(&desk, "-f secret.yaml --ignore-foreign").exits(0);
}

#[test]
fn namespaces_on_cluster_scoped_kinds_mean_nothing() {
    let desk = two();
    for name in ["stores.yaml", "destinations.yaml"] {
        let text = std::fs::read_to_string(desk.path(name)).expect("there");
        desk.write(name, text.replace("metadata:\n", "metadata:\n  namespace: kratix-platform-system\n"));
    }
    apply(&desk, "").exits(0);
}

#[test]
fn a_changed_path_moves_in_one_commit() {
    let desk = two();
    apply(&desk, "").exits(0);
    let destinations =
        documents(&[destination("one", "one", "  path: new/place\n"), destination("two", "two", "  path: .\n")]);
    desk.write("destinations.yaml", destinations);
    assert_eq!(apply(&desk, "").exits(0).results(), ["default/alpha changed"]);
    let files = desk.files("one.git");
    assert!(files.contains(&format!("new/place/{CATALOG}")) && !files.contains(&CATALOG.to_owned()), "{files:#?}");
    assert_eq!(desk.git("one.git", "rev-list --count main").trim(), "2");
}

#[test]
fn a_changed_store_moves_to_the_other_repository() {
    let desk = two();
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: one}}]}}\n");
    apply(&desk, "").exits(0);
    desk.write("destinations.yaml", destination("one", "two", "  path: .\n"));
    assert_eq!(apply(&desk, "").exits(0).results(), ["default/alpha changed"]);
    assert!(desk.files("two.git").contains(&CATALOG.to_owned()));
    assert!(!desk.files("one.git").contains(&CATALOG.to_owned()));
    assert_eq!(apply(&desk, "").exits(0).results(), ["default/alpha unchanged"]);
}

#[cfg(unix)]
#[test]
fn a_move_to_the_same_repository_by_another_name_removes_nothing() {
    let desk = two();
    desk.write("settings.yaml", "promises: {team: {destinationSelectors: [{matchLabels: {to: one}}]}}\n");
    apply(&desk, "").exits(0);
    std::fs::remove_dir_all(desk.path("two.git")).expect("removed");
    std::os::unix::fs::symlink("one.git", desk.path("two.git")).expect("linked");
    desk.write("destinations.yaml", destination("one", "two", "  path: .\n"));
    apply(&desk, "").exits(0);
    assert!(desk.files("one.git").contains(&CATALOG.to_owned()));
}

#[test]
fn the_other_layouts() {
    let desk = two();
    let flat = destination("two", "two", "  path: .\n  filepath: {mode: none}\n");
    desk.write("destinations.yaml", documents(&[destination("one", "one", "  path: .\n"), flat]));
    apply(&desk, "").exits(0);
    assert!(desk.files("two.git").contains(&"terraform/org-alpha.tf".to_owned()), "{:#?}", desk.files("two.git"));
    let aggregated = destination("one", "one", "  path: all\n  filepath: {mode: aggregatedYAML}\n");
    desk.write("destinations.yaml", documents(&[aggregated.clone(), destination("two", "two", "  path: .\n")]));
    desk.write("a.yaml", documents(&[team("alpha"), team("beta")]));
    apply(&desk, "").exits(0);
    let text = desk.content("one.git", "all/aggregated.yaml");
    assert!(text.contains("name: alpha") && text.contains("---\n") && text.contains("name: beta"), "{text}");
    let rendered = desk.kept("render -f stores.yaml -f destinations.yaml -f a.yaml --config settings.yaml --out out");
    rendered.exits(0);
    assert_eq!(std::fs::read_to_string(desk.path("out/one/all/aggregated.yaml")).expect("there"), text);
    // HCL cannot be part of a YAML file.
    desk.write("settings.yaml", "{}\n").write("stores.yaml", store("one", "")).write("destinations.yaml", aggregated);
    apply(&desk, "").exits(1).says(&["a.yaml:1:1", "terraform/org-alpha.tf", "aggregated"]);
}

#[test]
fn what_is_wrong_with_a_store_is_said_once_with_what_to_do() {
    let desk = Desk::new();
    let all: Vec<String> = (0..20).map(|i| team(&format!("t{i}"))).collect();
    desk.write("a.yaml", documents(&all));
    // Nobody listens there.
    let nowhere = "http://127.0.0.1:9/state.git";
    for command in ["apply", "diff", "delete"] {
        let run = desk.kept(&format!("{command} -f a.yaml --store {nowhere}"));
        run.exits(2).says(&[
            "error: store default",
            "cannot reach",
            "check its address, the network and the proxy",
            "(not done: Team default/t0, Team default/t1, Team default/t10 and 17 more)",
        ]);
        assert_eq!(run.err.lines().count(), 1, "{}", run.err);
    }
    // Scripts find it with each request.
    let rows = desk.kept(&format!("apply -f a.yaml --store {nowhere} -o json")).json();
    assert_eq!(rows.iter().filter(|row| row["error"]["reason"] == "StoreUnreachable").count(), 20);
}
