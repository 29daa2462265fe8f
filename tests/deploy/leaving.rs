//! Uninstalling with requests left over: nothing is lost, and nothing hangs without a way out.

use crate::helm::NAMESPACE;
use crate::installing::{prepared, values};
use crate::manifests::team;
use crate::support::World;

/// The commands that the notes print below a line that ends so.
fn printed(notes: &str, line: &str) -> String {
    let (_, rest) = notes.split_once(line).unwrap_or_else(|| panic!("the notes do not say {line:?}:\n{notes}"));
    let block = rest.trim_start_matches('\n').lines().take_while(|line| line.starts_with("    "));
    let block: String = block.map(|line| format!("{}\n", &line[4..])).collect();
    assert!(block.contains("kubectl"), "{notes}");
    block
}

/// kept, installed and running, with a few teams that are Ready.
fn running() -> (World, String) {
    let mut world = prepared();
    let values = values(&world, "state").to_string();
    world.helm("install", &values);
    world.established();
    world.helm("upgrade", &values);
    world.start_installed();
    world.kubectl(&["create", "namespace", "shop"]);
    world.apply(&(team("default", "payments", "P") + &team("shop", "checkout", "C") + &team("shop", "search", "S")));
    world.wait_teams(3);
    (world, values)
}

fn team_files(world: &World) -> usize {
    world.files("state", "main").iter().filter(|file| file.contains("/team/")).count()
}

#[test]
fn after_an_uninstall_all_is_as_it_was_and_deletions_wait_for_the_next_install() {
    let (mut world, values) = running();
    let files = team_files(&world);
    let notes = world.try_helm(&["get", "notes", "kept", "-n", NAMESPACE], "").expect("notes");
    let said = world.try_helm(&["uninstall", "kept", "-n", NAMESPACE], "").expect("uninstalled");
    assert!(said.contains("kept due to the resource policy") && said.contains("teams.platform.kratix.io"), "{said}");
    // The cluster ends the pod.
    world.stop();
    let own = format!("deployment,configmap,serviceaccount,role -n {NAMESPACE} -l app.kubernetes.io/name=kept");
    let left = world.get(&own);
    assert!(left["items"].as_array().is_none_or(Vec::is_empty), "{left}");
    assert!(world.get("clusterrole kept-system:kept").is_null());
    for left in ["gitstatestore/state", "destination/host", "team/payments", "team/search -n shop"] {
        assert!(world.get(left)["metadata"]["deletionTimestamp"].is_null(), "{left}");
    }
    assert_eq!(team_files(&world), files);

    // A deletion waits, and so does a namespace, which says for what.
    world.kubectl(&["delete", "team/payments", "namespace/shop", "--wait=false"]);
    world.eventually("the reason why the namespace stays", || {
        let conditions = world.get("namespace shop")["status"]["conditions"].to_string();
        conditions.contains("kept.integratn.tech/cleanup").then_some(())
    });
    assert!(world.get("team/payments")["metadata"]["deletionTimestamp"].is_string());

    // Installed again, kept finishes the work.
    world.helm("install", &values);
    world.start_installed();
    world.kubectl(&["wait", "--for=delete", "team/payments", "namespace/shop", "--timeout=100s"]);
    assert_eq!(team_files(&world), 0);

    // Without it, everything can be let go, and the files stay.
    world.apply(&team("default", "last", "L"));
    world.wait_ready("team/last");
    let files = team_files(&world);
    world.try_helm(&["uninstall", "kept", "-n", NAMESPACE], "").expect("uninstalled");
    world.stop();
    world.kubectl(&["delete", "team/last", "destination/host", "gitstatestore/state", "--wait=false"]);
    world.shell(&printed(&notes, "leaves their files in Git:"));
    world.kubectl(&["wait", "--for=delete", "team/last", "destination/host", "gitstatestore/state", "--timeout=60s"]);
    assert!(files > 0 && team_files(&world) == files);
}

#[test]
fn everything_can_be_removed_from_git_and_cluster_by_the_printed_commands() {
    let (world, _) = running();
    let notes = world.try_helm(&["get", "notes", "kept", "-n", NAMESPACE], "").expect("notes");
    world.shell(&printed(&notes, "the requests first:"));
    assert_eq!(world.files("state", "main"), [] as [&str; 0], "the Destination's files went with it");
    assert_eq!(world.kubectl(&["api-resources", "--categories=kept", "-o", "name"]), "");
    let all = world.kubectl(&["get", "clusterrole,clusterrolebinding,crd", "-A", "-o", "name"]);
    assert!(!all.contains("kept") && !all.contains("kratix"), "{all}");
}
