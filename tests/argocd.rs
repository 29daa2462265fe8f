//! What `deploy/argocd` tells Argo CD fits what kept serves and renders.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use kept::api;
use kept::manifest::write::to_yaml;
use serde_json::{Value, json};

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Argo CD wants the script once for each kind. `KEPT_BLESS=1` writes them.
#[test]
fn the_health_of_every_kind_is_told_by_the_one_script() {
    let home = repository().join("deploy/argocd");
    let script = read(&home.join("health.lua"));
    let keys = api::crds().into_iter().map(|crd| {
        let key = format!("resource.customizations.health.{}_{}", crd.spec.group, crd.spec.names.kind);
        (key, json!(script))
    });
    let config = json!({
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "argocd-cm", "namespace": "argocd"},
        "data": keys.collect::<serde_json::Map<_, _>>(),
    });
    let text = format!("# Made of health.lua by `make generate`.\n{}", to_yaml(&config));
    let file = home.join("argocd-cm.yaml");
    if std::env::var_os("KEPT_BLESS").is_some() {
        fs::write(&file, text).expect("write the file");
    } else {
        assert_eq!(read(&file), text, "`make generate` rewrites {}", file.display());
    }
}

/// The kinds of what lies in the golden trees below a folder.
fn kinds(dir: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            kinds(&path, found);
        } else {
            let object: Value = serde_saphyr::from_str(&read(&path)).expect("readable YAML");
            let text = |key: &str| object[key].as_str().expect("text").to_owned();
            let group = text("apiVersion").rsplit_once('/').map_or(String::new(), |(group, _)| group.to_owned());
            found.insert((group, text("kind")));
        }
    }
}

#[test]
fn argocd_may_apply_the_kinds_that_are_rendered_and_no_others() {
    let project: Value = serde_saphyr::from_str(&read(&repository().join("deploy/argocd/project.yaml"))).expect("YAML");
    let lists = ["clusterResourceWhitelist", "namespaceResourceWhitelist"];
    let allowed = lists.iter().flat_map(|list| project["spec"][list].as_array().expect("a list")).map(|allowed| {
        let text = |key: &str| allowed[key].as_str().expect("text").to_owned();
        (text("group"), text("kind"))
    });
    let mut rendered = BTreeSet::new();
    for promise in fs::read_dir(repository().join("promises")).expect("promises") {
        let promise = promise.expect("an entry").path();
        // What teams become is for others.
        if !promise.ends_with("team") {
            kinds(&promise.join("expected"), &mut rendered);
        }
    }
    assert_eq!(allowed.collect::<BTreeSet<_>>(), rendered);
}

#[test]
fn the_commands_of_the_readme_leave_nothing_of_the_examples_addresses() {
    let home = repository().join("deploy/argocd");
    let readme = read(&home.join("README.md"));
    let block = readme.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).expect("commands");
    // Only what would be applied is of interest here.
    let script = format!("kubectl() {{ if [ $1 = apply ]; then cat; fi; }}\n{block}");
    let shell =
        std::process::Command::new("sh").args(["-euc", &script]).current_dir(repository()).output().expect("sh");
    let applied = String::from_utf8(shell.stdout).expect("UTF-8");
    assert_eq!(applied.matches("\n  name: kept-").count(), 4, "{applied}");
    for ours in ["gitea.example.com", "keeper", "clusters/host"] {
        assert!(!applied.contains(ours), "{ours}: {applied}");
    }
    // The same for a Destination at the root.
    let root = readme.split("`s|clusters/host/||`").nth(1).is_some();
    let set = read(&home.join("applicationset.yaml")).replace("clusters/host/", "");
    assert!(root && set.contains("- path: resources/*/*/*\n"), "{set}");
}
