//! What is absent goes, and nothing that is not ours.

use crate::support::{Desk, team, team_with};

fn two_teams() -> Desk {
    let desk = Desk::new();
    desk.write("in/a.yaml", team("alpha")).write("in/b.yaml", team("beta"));
    desk.kept("apply -f in --store state.git").exits(0);
    desk
}

#[test]
fn absence_removes_only_with_prune() {
    let desk = two_teams();
    desk.write("in/b.yaml", "");
    let head = desk.head("state.git");
    let without = desk.kept("apply -f in --store state.git");
    assert_eq!(without.exits(0).results(), ["default/alpha unchanged"]);
    assert_eq!(desk.head("state.git"), head);

    let dry = desk.kept("apply -f in --store state.git --prune --dry-run");
    assert_eq!(dry.exits(0).results(), ["default/alpha unchanged (dry run)", "default/beta pruned (dry run)"]);
    assert_eq!(desk.head("state.git"), head);

    let with = desk.kept("apply -f in --store state.git --prune");
    assert_eq!(with.exits(0).results(), ["default/alpha unchanged", "default/beta pruned"]);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("beta")));
    let again = desk.kept("apply -f in --store state.git --prune");
    assert_eq!(again.exits(0).results(), ["default/alpha unchanged"]);
}

#[test]
fn an_empty_input_prunes_only_if_that_is_said() {
    let desk = two_teams();
    desk.write("nothing/x.yaml", "# nothing\n");
    desk.kept("apply -f nothing --store state.git --prune").exits(2).says(&["--allow-empty"]);
    assert!(desk.files("state.git").iter().any(|f| f.contains("beta")));
    let run = desk.kept("apply -f nothing --store state.git --prune --allow-empty");
    assert_eq!(run.exits(0).results(), ["default/alpha pruned", "default/beta pruned"]);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("/team/")));
    assert!(desk.files("state.git").iter().any(|f| f.ends_with("kratix-canary-configmap.yaml")));
}

#[test]
fn doubt_prunes_nothing() {
    for unclear in [
        "x: [\n",
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Taem\nmetadata: {name: beta}\n",
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata: {}\n",
        "kind: Team\n",
        "- 1\n",
    ] {
        let desk = two_teams();
        desk.write("in/b.yaml", unclear);
        let run = desk.kept("apply -f in --store state.git --prune");
        run.exits(1).says(&["nothing is pruned"]);
        assert!(desk.files("state.git").iter().any(|f| f.contains("beta")), "{unclear}");
        // What is clear is done all the same.
        assert!(run.results().contains(&"default/alpha unchanged".to_owned()), "{}", run.out);
    }
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_is_doubt() {
    let desk = two_teams();
    std::fs::remove_file(desk.path("in/b.yaml")).expect("removed");
    std::os::unix::fs::symlink("gone", desk.path("in/b.yaml")).expect("linked");
    desk.kept("apply -f in --store state.git --prune").exits(1).says(&["in/b.yaml", "nothing is pruned"]);
    assert!(desk.files("state.git").iter().any(|f| f.contains("beta")));

    // Nor does what might have been a directory of requests, and is not there, mean that they are to go.
    std::fs::remove_file(desk.path("in/b.yaml")).expect("removed");
    std::os::unix::fs::symlink("gone", desk.path("in/more")).expect("linked");
    desk.kept("apply -f in --store state.git --prune").exits(1).says(&["in/more", "nothing is pruned"]);
    assert!(desk.files("state.git").iter().any(|f| f.contains("beta")));
}

#[test]
fn others_keep_what_is_theirs() {
    let desk = two_teams();
    desk.write("other.yaml", team("gamma"));
    desk.kept("apply -f other.yaml --store state.git --writer other").exits(0);
    // Somebody's own files, one of them in a place where kept could write.
    desk.git(".", "clone --quiet state.git people");
    desk.write("people/README.md", "ours").write("people/resources/by-hand/x.yaml", "a: 1\n");
    desk.git("people", "add --all");
    desk.git("people", "commit --quiet --message=ours");
    desk.git("people", "push --quiet origin HEAD:main");
    desk.write("in/b.yaml", "");
    let run = desk.kept("apply -f in --store state.git --prune");
    assert_eq!(run.exits(0).results(), ["default/alpha unchanged", "default/beta pruned"]);
    let files = desk.files("state.git");
    for file in ["README.md", "resources/by-hand/x.yaml", "resources/default/team/gamma/backstage-team-gamma.yaml"] {
        assert!(files.iter().any(|f| f == file), "{file} is missing in {files:#?}");
    }
}

#[test]
fn another_writers_requests_are_taken_over_only_by_adoption() {
    let desk = two_teams();
    let foreign = desk.kept("apply -f in --store state.git --writer operator");
    foreign.exits(1).says(&["alpha"]);
    assert!(foreign.results().iter().all(|line| line.ends_with(" failed")), "{}", foreign.out);

    let head = desk.head("state.git");
    let adopting = "-f in --store state.git --writer operator --adopt cli";
    let diff = desk.kept(&format!("diff {adopting}"));
    diff.exits(1);
    assert!(diff.out.contains("+  \"writer\": \"operator\""), "what changes are the records alone: {}", diff.out);
    desk.kept(&format!("apply {adopting}")).exits(0);
    desk.kept(&format!("diff {adopting}")).exits(0);
    assert_ne!(desk.head("state.git"), head, "the records have changed hands");
    let before = desk.kept("apply -f in --store state.git");
    before.exits(1);

    desk.write("in/b.yaml", "");
    let pruned = desk.kept("apply -f in --store state.git --writer next --adopt operator --prune");
    assert!(pruned.exits(0).results().contains(&"default/beta pruned".to_owned()), "{}", pruned.out);
    assert!(desk.files("state.git").iter().any(|f| f.contains("alpha")));
    assert!(!desk.files("state.git").iter().any(|f| f.contains("beta")));
}

#[test]
fn adoption_can_be_a_setting() {
    let desk = two_teams();
    desk.write("settings.yaml", "adopt: [cli]\n");
    desk.kept("apply -f in --store state.git --writer operator --config settings.yaml").exits(0);
    desk.kept("delete -f in --store state.git --writer operator").exits(0);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("/team/")));
}

#[test]
fn a_foreign_kind_is_no_doubt_if_it_is_expected() {
    let desk = two_teams();
    desk.write("in/b.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: x}\n");
    desk.kept("apply -f in --store state.git --prune").exits(1).says(&["Namespace", "nothing is pruned"]);
    let run = desk.kept("apply -f in --store state.git --prune --ignore-foreign");
    assert_eq!(run.exits(0).results(), ["default/alpha unchanged", "default/beta pruned"]);
}

#[test]
fn delete_of_another_incarnation_is_the_same_request() {
    let desk = two_teams();
    let exported = team_with("alpha", "alpha", "").replace("  name: alpha\nspec", "  name: alpha\n  uid: 123\nspec");
    desk.write("x.yaml", exported.replace("uid: 123", "uid: \"123\""));
    desk.kept("delete -f x.yaml --store state.git").exits(0);
    assert!(!desk.files("state.git").iter().any(|f| f.contains("alpha")));
}
