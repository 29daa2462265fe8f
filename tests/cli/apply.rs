//! The main job, and its way back.

use crate::support::{Desk, documents, of_repository, team, team_with};

#[test]
fn the_first_apply_creates_and_the_second_changes_nothing() {
    let desk = Desk::new();
    let teams = of_repository("examples/teams");
    let command = format!("apply -f {} --store ./state.git", teams.display());
    let first = desk.kept(&command);
    first.exits(0).is_quiet();
    assert_eq!(
        first.results(),
        [
            "default/engineering created",
            "default/payments created",
            "shop/catalogue created",
            "shop/checkout created",
            "shop/delivery created"
        ]
    );
    let head = desk.head("state.git");
    assert!(first.out.contains(&head[..7]), "{}", first.out);
    let files = desk.files("state.git");
    for file in [
        "resources/default/team/payments/backstage-team-payments.yaml",
        "resources/default/team/payments/terraform/org-payments.tf",
        "resources/shop/team/delivery/backstage-team-1e3.yaml",
        "resources/kratix-canary-configmap.yaml",
        "dependencies/kratix-canary-namespace.yaml",
    ] {
        assert!(files.iter().any(|f| f == file), "{file} is missing in {files:#?}");
    }
    desk.git("state.git", "fsck --strict");

    let second = desk.kept(&command);
    second.exits(0).is_quiet();
    assert!(second.results().iter().all(|line| line.ends_with(" unchanged")), "{}", second.out);
    assert_eq!(desk.head("state.git"), head);
}

#[test]
fn an_edit_changes_only_its_own_files() {
    let desk = Desk::new();
    desk.write("teams/a.yaml", team("alpha")).write("teams/b.yaml", team("beta"));
    desk.kept("apply -f teams --store state.git").exits(0);
    desk.write("teams/a.yaml", team_with("alpha", "alpha", "  email: alpha@example.org\n"));
    let edited = desk.kept("apply -f teams --store state.git");
    assert_eq!(edited.exits(0).results(), ["default/alpha changed", "default/beta unchanged"]);
    let text = desk.content("state.git", "resources/default/team/alpha/backstage-team-alpha.yaml");
    assert!(text.contains("alpha@example.org"), "{text}");
    let touched = desk.git("state.git", "diff --name-only main~1 main");
    assert!(touched.lines().all(|l| l.starts_with(".kept/") || l.contains("/alpha/")), "{touched}");
}

#[test]
fn branch_and_path_are_where_it_goes() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    desk.kept("apply -f a.yaml --store state.git --branch live --path clusters/prod").exits(0);
    let files = desk.git("state.git", "ls-tree -r --name-only live");
    assert!(files.contains("clusters/prod/resources/default/team/alpha/backstage-team-alpha.yaml"), "{files}");
    assert!(files.lines().all(|l| l.starts_with("clusters/prod/")), "{files}");
}

#[test]
fn diff_says_with_its_exit_code_whether_there_is_anything() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    let before = desk.kept("diff -f a.yaml --store state.git");
    before.exits(1).is_quiet();
    assert!(before.out.contains("+++ b/resources/default/team/alpha/backstage-team-alpha.yaml"), "{}", before.out);
    assert!(!before.out.contains('\x1b'), "no colour in a pipe");
    assert!(!desk.path("state.git").exists(), "a diff leaves nothing behind");

    desk.kept("apply -f a.yaml --store state.git").exits(0);
    let same = desk.kept("diff -f a.yaml --store state.git");
    assert_eq!(same.exits(0).is_quiet().out, "");

    let head = desk.head("state.git");
    desk.write("a.yaml", team_with("alpha", "alpha", "  email: alpha@example.org\n"));
    let after = desk.kept("diff -f a.yaml --store state.git");
    after.exits(1);
    assert!(after.out.contains("+    email: alpha@example.org"), "{}", after.out);
    assert!(!after.out.contains(".kept/"), "records are not for people:\n{}", after.out);
    assert_eq!(desk.head("state.git"), head);

    desk.write("b.yaml", team_with("beta", "b/b", ""));
    let broken = desk.kept("diff -f a.yaml -f b.yaml --store state.git");
    broken.exits(2).says(&["b.yaml:6:7", "spec.id"]);
    assert!(broken.out.contains("alpha@example.org"), "what can be shown is shown:\n{}", broken.out);
}

#[test]
fn delete_removes_what_requests_own_and_nothing_else() {
    let desk = Desk::new();
    desk.write("teams/a.yaml", team("alpha")).write("teams/b.yaml", team("beta"));
    desk.kept("apply -f teams --store state.git").exits(0);
    let gone = desk.kept("delete -f teams/a.yaml --store state.git");
    assert_eq!(gone.exits(0).is_quiet().results(), ["default/alpha removed"]);
    let files = desk.files("state.git");
    assert!(!files.iter().any(|f| f.contains("alpha")), "{files:#?}");
    assert!(files.iter().any(|f| f.contains("/beta/")), "{files:#?}");
    assert!(files.iter().any(|f| f.ends_with("kratix-canary-configmap.yaml")), "canaries outlive requests");

    let head = desk.head("state.git");
    let again = desk.kept("delete -f teams/a.yaml --store state.git");
    assert_eq!(again.exits(0).results(), ["default/alpha unchanged"]);
    assert_eq!(desk.head("state.git"), head);

    // Only the name counts: what a request has become does not keep it.
    desk.write("teams/b.yaml", team_with("beta", "not/an/id", "  nonsense: 1\n"));
    let broken = desk.kept("delete -f teams/b.yaml --store state.git");
    assert_eq!(broken.exits(0).results(), ["default/beta removed"]);
    desk.kept("delete -f teams --store nowhere.git").exits(2);
    assert!(!desk.path("nowhere.git").exists());
}

#[test]
fn two_runs_at_once_lose_nothing() {
    let desk = Desk::new();
    // Each of them may be the one that makes the repository.
    let runs: Vec<_> = (0..4)
        .map(|i| {
            let all: Vec<String> = (0..5).map(|j| team(&format!("t{i}-{j}"))).collect();
            desk.write(&format!("run-{i}.yaml"), documents(&all));
            let mut command = desk.command(&format!("apply -f run-{i}.yaml --store state.git"));
            command.stdout(std::process::Stdio::null()).spawn().expect("kept starts")
        })
        .collect();
    for mut run in runs {
        assert!(run.wait().expect("kept ends").success());
    }
    let files = desk.files("state.git");
    let teams = files.iter().filter(|f| f.contains("/backstage-team-")).count();
    assert_eq!(teams, 20, "{files:#?}");
    desk.git("state.git", "fsck --strict");
}

#[test]
fn a_dry_run_tells_and_writes_nothing() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    let first = desk.kept("apply -f a.yaml --store state.git --dry-run");
    assert_eq!(first.exits(0).results(), ["default/alpha created (dry run)"]);
    assert!(!desk.path("state.git").exists());
    desk.kept("apply -f a.yaml --store state.git").exits(0);
    let head = desk.head("state.git");
    desk.write("a.yaml", team_with("alpha", "alpha", "  description: new\n"));
    let second = desk.kept("apply -f a.yaml --store state.git --dry-run");
    assert_eq!(second.exits(0).results(), ["default/alpha changed (dry run)"]);
    assert_eq!(desk.head("state.git"), head);
}
