//! Coming from Kratix: what it left in each layout becomes kept's in one commit, and nothing that is applied
//! vanishes on the way.

#[path = "cli/support.rs"]
#[allow(dead_code, reason = "shared with the tests of the command line")]
mod support;

#[path = "migration/v1.rs"]
mod v1;

use std::collections::BTreeMap;

use serde_json::Value;
use support::Desk;

/// The store and the destination, in one of Kratix's layouts.
fn stores(mode: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: GitStateStore\nmetadata:\n  name: state\nspec:\n  url: file://./state.git\n---\n\
         apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata:\n  name: host\n  labels: {{capability.vcluster: 'true'}}\n\
         spec:\n  path: host\n  stateStoreRef: {{kind: GitStateStore, name: state}}\n  filepath: {{mode: {mode}}}\n---\n"
    )
}

/// Makes the state repository of a tree.
fn commit(desk: &Desk, tree: &v1::Tree) {
    for (path, text) in tree {
        desk.write(&format!("tree/{path}"), text);
    }
    desk.git("tree", "init -q -b main");
    desk.git("tree", "add -A");
    desk.git("tree", "commit -q -m kratix");
    desk.git("tree", "clone -q --bare . ../state.git");
}

/// A request that leaves open what the repository tells.
fn vcluster(name: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: VClusterOrchestrator\nmetadata: {{name: {name}, namespace: {}}}\n\
         spec:\n  name: {name}\n  vcluster: {{preset: dev}}\n  exposure: {{subnet: 10.0.4.0/24{more}}}\n---\n",
        v1::HOME
    )
}

/// Every object that a GitOps tool finds below `host`, with how often, by kind, namespace and name.
fn objects(desk: &Desk) -> BTreeMap<String, usize> {
    let mut found = BTreeMap::new();
    for path in desk.files("state.git").iter().filter(|path| path.ends_with(".yaml") && !path.contains(".kratix/")) {
        for text in desk.content("state.git", path).split("---\n") {
            let Some(object) = read(text) else { continue };
            let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
            let name = format!("{} {}/{}", text("/kind"), text("/metadata/namespace"), text("/metadata/name"));
            *found.entry(name).or_default() += 1;
        }
    }
    found
}

/// Keys may stand twice, as in what v1 wrote.
fn read(text: &str) -> Option<Value> {
    let options = serde_saphyr::options! { duplicate_keys: serde_saphyr::options::DuplicateKeyPolicy::LastWins };
    let object: Value = serde_saphyr::from_str_with_options(text, options).ok()?;
    object.is_object().then_some(object)
}

/// The manifest of a kind and name.
fn manifest(desk: &Desk, kind: &str, name: &str) -> Value {
    let files = desk.files("state.git");
    let texts = files.iter().filter(|path| path.ends_with(".yaml")).map(|path| desk.content("state.git", path));
    let objects: Vec<Value> = texts.flat_map(|text| text.split("---\n").filter_map(read).collect::<Vec<_>>()).collect();
    let found = objects.into_iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name);
    found.unwrap_or_else(|| panic!("no {kind} {name} in {files:?}"))
}

/// What is kept for `media` as it was.
fn is_as_before(desk: &Desk) {
    let application = manifest(desk, "Application", "vcluster-media");
    let control_plane = &application["spec"]["source"]["helm"]["valuesObject"]["controlPlane"];
    assert_eq!(control_plane["service"]["spec"]["loadBalancerIP"], "10.0.4.77");
    assert_eq!(control_plane["service"]["spec"]["ports"][0]["port"], 8443);
    let volume = &control_plane["statefulSet"]["persistence"]["volumeClaim"];
    assert_eq!((&volume["enabled"], &volume["size"]), (&true.into(), &"7Gi".into()));
    let coredns = manifest(desk, "ConfigMap", "coredns-x-kube-system-x-media");
    assert_eq!(coredns["metadata"]["annotations"]["argocd.argoproj.io/sync-options"], "Prune=false");
}

/// What v1 had and kept replaces by something else: it goes.
fn is_replaced(object: &str) -> bool {
    ["Job ", "VCluster", "ArgoCD"].iter().any(|kind| object.starts_with(kind))
}

fn takes_over(desk: &Desk, before: &BTreeMap<String, usize>) {
    let commits = desk.git("state.git", "rev-list --count main");
    // Nothing is written by looking, and what would change is told.
    let diff = desk.kept("diff -f stores.yaml -f requests.yaml");
    diff.exits(1);
    for change in ["+    argocd.argoproj.io/sync-options: Prune=false", "-kind: VClusterCore\n", "+kind: PushSecret\n"]
    {
        assert!(diff.out.contains(change), "{change}:\n{}", diff.out);
    }
    let preview = desk.kept("apply -f stores.yaml -f requests.yaml --dry-run");
    preview.exits(0);
    assert!(preview.out.contains("platform-requests/media"), "{}", preview.out);
    assert_eq!(desk.git("state.git", "rev-list --count main"), commits);

    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    assert_eq!(desk.git("state.git", "rev-list --count main").trim(), "2", "one commit");
    let after = objects(desk);
    let lost: Vec<&String> = before.keys().filter(|object| !after.contains_key(*object)).collect();
    assert!(lost.iter().all(|object| is_replaced(object)), "{lost:?}");
    assert!(before.keys().filter(|object| is_replaced(object)).all(|object| !after.contains_key(object)), "{after:?}");
    let twice: Vec<_> = after.iter().filter(|(name, times)| **times > 1 && before.contains_key(*name)).collect();
    assert!(twice.is_empty(), "an object that stands twice is applied twice: {twice:?}");
    assert_eq!(
        desk.content("state.git", "host/people.yaml"),
        std::fs::read_to_string(desk.path("tree/host/people.yaml")).expect("a file")
    );
    is_as_before(desk);

    // And it stays so.
    let again = desk.kept("apply -f stores.yaml -f requests.yaml");
    assert!(again.exits(0).out.contains("unchanged"), "{}", again.out);
    is_as_before(desk);
}

#[test]
fn a_nested_repository_becomes_kepts_in_one_commit() {
    let desk = Desk::new();
    let mut files = v1::vcluster("media", "10.0.4.77");
    files.extend(v1::team("shop"));
    commit(&desk, &v1::nested(&files));
    desk.write("stores.yaml", stores("nestedByMetadata")).write("requests.yaml", vcluster("media", ""));
    let before = objects(&desk);
    takes_over(&desk, &before);
    let team = "host/resources/platform-requests/team/shop/configure/5058f/backstage-team.yaml";
    assert!(desk.files("state.git").contains(&team.to_owned()), "what nobody has asked kept for stays Kratix's");

    // What the request says goes before what was.
    desk.write("requests.yaml", vcluster("media", ", apiPort: 443, vip: 10.0.4.9"));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    let application = manifest(&desk, "Application", "vcluster-media");
    let service = &application["spec"]["source"]["helm"]["valuesObject"]["controlPlane"]["service"]["spec"];
    assert_eq!((&service["loadBalancerIP"], &service["ports"][0]["port"]), (&"10.0.4.9".into(), &443.into()));
}

#[test]
fn the_way_back_is_a_revert() {
    let desk = Desk::new();
    commit(&desk, &v1::nested(&v1::vcluster("media", "10.0.4.77")));
    let tree = desk.git("state.git", "rev-parse main^{tree}");
    desk.write("stores.yaml", stores("nestedByMetadata")).write("requests.yaml", vcluster("media", ""));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    desk.git("tree", "pull -q ../state.git main");
    desk.git("tree", "revert --no-edit HEAD");
    desk.git("tree", "push -q ../state.git main");
    assert_eq!(desk.git("state.git", "rev-parse main^{tree}"), tree);
    // And forth again.
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    is_as_before(&desk);
}

#[test]
fn a_flat_repository_becomes_kepts_in_one_commit() {
    let desk = Desk::new();
    commit(&desk, &v1::flat(&v1::vcluster("media", "10.0.4.77")));
    desk.write("stores.yaml", stores("none")).write("requests.yaml", vcluster("media", ""));
    let before = objects(&desk);
    takes_over(&desk, &before);
}

#[test]
fn an_aggregated_file_becomes_kepts_piece_by_piece() {
    let desk = Desk::new();
    let mut files = v1::vcluster("media", "10.0.4.77");
    files.extend(v1::vcluster("other", "10.0.4.78"));
    commit(&desk, &v1::aggregated(&files));
    desk.write("stores.yaml", stores("aggregatedYAML")).write("requests.yaml", vcluster("media", ""));
    let before: BTreeMap<String, usize> =
        objects(&desk).into_iter().filter(|(name, _)| !name.contains("other")).collect();
    let others = |desk: &Desk| -> Vec<String> {
        objects(desk).into_keys().filter(|name| name.contains("other") && !name.contains("vc-other")).collect()
    };
    let of_other = others(&desk);
    takes_over(&desk, &before);
    assert_eq!(others(&desk), of_other, "what nobody has asked kept for yet is applied on");

    desk.write("requests.yaml", vcluster("media", "") + &vcluster("other", ""));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    assert_eq!(desk.git("state.git", "rev-list --count main").trim(), "3");
    let after = objects(&desk);
    assert!(after.keys().all(|object| !is_replaced(object)), "{after:?}");
    assert!(after.values().all(|times| *times == 1), "{after:?}");
    is_as_before(&desk);
    let application = manifest(&desk, "Application", "vcluster-other");
    let values = &application["spec"]["source"]["helm"]["valuesObject"];
    assert_eq!(values["controlPlane"]["service"]["spec"]["loadBalancerIP"], "10.0.4.78");
}
