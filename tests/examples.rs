//! The examples, run as their READMEs say.

#[path = "cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

use std::fs;
use std::path::Path;

use support::{Desk, of_repository};

#[test]
fn teams() {
    let desk = Desk::new();
    copy(&of_repository("examples/teams"), &desk.path("examples/teams"));
    let run = desk.kept("apply -f examples/teams --store ./state.git");
    run.exits(0).is_quiet();
    // The table in the README is what is printed, but for the commit.
    let shown = fs::read_to_string(of_repository("examples/teams/README.md")).expect("a README");
    let shown: Vec<&str> = shown.lines().skip_while(|l| !l.starts_with("KIND")).take_while(|l| *l != "```").collect();
    let commit = &desk.head("state.git")[..7];
    let printed: Vec<String> = run.out.lines().map(|l| l.replace(commit, "1c5a2f0")).collect();
    assert_eq!(shown, printed);
    desk.kept("diff -f examples/teams --store ./state.git").exits(0);
}

#[test]
fn two_repositories() {
    let desk = Desk::new();
    copy(&of_repository("examples/two-repositories"), &desk.path("two"));
    let readme = fs::read_to_string(desk.path("two/README.md")).expect("a README");
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    let mut printed = Vec::new();
    for line in block.lines().filter(|l| !l.is_empty() && !l.starts_with("cp ")) {
        printed.push((line, shell(&desk, line)));
    }
    let printed_by = |start: &str| &printed.iter().find(|(line, _)| line.starts_with(start)).expect("a command").1;
    assert!(printed_by("kept diff").contains("+++ b/terraform/org-payments.tf"));
    assert_eq!(printed_by("kept apply").matches(" created ").count(), 2, "{}", printed_by("kept apply"));
    let catalog = printed_by("git -C catalog.git ls-tree");
    assert!(catalog.contains("teams/resources/default/team/payments/backstage-team-payments.yaml"), "{catalog}");
    assert!(!catalog.contains(".tf"), "{catalog}");
    let infrastructure = printed_by("git -C infrastructure.git ls-tree");
    assert!(!infrastructure.contains("backstage"), "{infrastructure}");
    for file in ["terraform/org-payments.tf", "terraform/org-checkout.tf", "terraform/provider.tf"] {
        assert!(infrastructure.lines().any(|l| l == file), "{file} is missing in {infrastructure}");
    }

    // What was there before is there still, byte for byte, also when a team goes.
    let own = ["README.md", "terraform/provider.tf", "terraform/variables.tf", ".gitea/workflows/terraform.yaml"];
    let untouched = || {
        for file in own {
            let before = fs::read_to_string(desk.path("two/infrastructure-repository").join(file)).expect("there");
            assert_eq!(desk.content("two/infrastructure.git", file), before, "{file}");
        }
    };
    untouched();
    let only_one = fs::read_to_string(desk.path("two/requests/teams.yaml")).expect("there");
    let only_one = only_one.split("---\n").next().expect("a document");
    desk.write("two/requests/teams.yaml", only_one);
    shell(&desk, "kept apply -f stores.yaml -f requests --config settings.yaml --prune");
    assert!(!desk.files("two/infrastructure.git").iter().any(|f| f.contains("checkout")));
    assert!(!desk.files("two/catalog.git").iter().any(|f| f.contains("checkout")));
    untouched();
}

#[test]
fn vclusters() {
    let desk = Desk::new();
    copy(&of_repository("examples/vclusters"), &desk.path("two/examples/vclusters"));
    let readme = fs::read_to_string(desk.path("two/examples/vclusters/README.md")).expect("a README");
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    let printed: Vec<String> = block.lines().map(|line| shell(&desk, line)).collect();
    assert_eq!(printed[0].matches(" created ").count(), 11, "{}", printed[0]);
    assert_eq!(printed[1], "", "nothing is left to change");
    let orchestrators =
        ["lab", "media", "sandbox"].map(|name| format!("platform-requests/vcluster-orchestrator/{name}"));
    for request in
        orchestrators.iter().map(String::as_str).chain(["vcluster-payments/vcluster-orchestrator/payments-cluster"])
    {
        assert_eq!(printed[2].matches(&format!("\nresources/{request}/")).count(), 12, "{request}: {}", printed[2]);
    }
}

/// Runs a line of a README in the example's directory.
#[track_caller]
fn shell(desk: &Desk, line: &str) -> String {
    let kept = Path::new(env!("CARGO_BIN_EXE_kept")).parent().expect("a directory");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = std::process::Command::new("sh");
    command.args(["-c", line]).current_dir(desk.path("two")).env("PATH", format!("{}:{path}", kept.display()));
    command.env("HOME", desk.path(".")).env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "somebody").env(format!("GIT_{who}_EMAIL"), "some@body");
    }
    let output = command.output().expect("a shell");
    // A diff exits 1 when there is one.
    assert!(
        output.status.success() || line.starts_with("kept diff") && output.status.code() == Some(1),
        "{line}:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.file_type().expect("a type").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("copied");
        }
    }
}
