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

/// What a run must leave as it is.
fn is_refused(desk: &Desk, words: &str, path: &str) {
    let before = desk.content("state.git", path);
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(1).says(&[words]);
    // Canaries may have come meanwhile: a file is no more Kratix's for that.
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(1).says(&[words]);
    assert_eq!(desk.content("state.git", path), before);
}

#[test]
fn a_file_that_holds_anything_else_is_not_taken_for_kratixs() {
    let people = "# mine\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: mine, namespace: apps}\n";
    let list = "apiVersion: v1\nkind: ConfigMapList\nitems: []\n";
    let of_v1: Vec<String> = v1::vcluster("media", "10.0.4.77").into_iter().map(|file| file.text).collect();
    let of_v1 = of_v1.join("---\n");
    for text in [
        people.to_owned(),
        format!("{of_v1}--- # more\n{people}"),
        format!("{of_v1}---\n{list}"),
        format!("{of_v1}---\na: [\n"),
    ] {
        let desk = Desk::new();
        commit(&desk, &[("host/aggregated.yaml".to_owned(), text)].into());
        desk.write("stores.yaml", stores("aggregatedYAML")).write("requests.yaml", vcluster("media", ""));
        is_refused(&desk, "nobody recorded it", "host/aggregated.yaml");
    }
}

#[test]
fn what_people_added_to_a_listed_file_stays() {
    let desk = Desk::new();
    let mut tree = v1::flat(&v1::vcluster("media", "10.0.4.77"));
    let list = "---\napiVersion: v1\nkind: ConfigMapList\nitems: []\n";
    let other = "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: values, namespace: apps, labels: \
                 {kratix.io/promise-name: vcluster-core, kratix.io/resource-name: media}}\n";
    for (file, more) in [("host/argocd-project.yaml", list), ("host/coredns-configmap.yaml", other)] {
        tree.get_mut(file).expect("a file").push_str(more);
    }
    // Listed as it stands beside the state files, and not as it stands elsewhere.
    tree.insert("namespace.yaml".into(), tree["host/namespace.yaml"].clone());
    tree.insert("host/.kratix/older.yaml".into(), "files: [namespace.yaml]\n".into());
    let kept = ["host/argocd-project.yaml", "host/coredns-configmap.yaml", "namespace.yaml"];
    let before = kept.map(|path| tree[path].clone());
    commit(&desk, &tree);
    desk.write("stores.yaml", stores("none")).write("requests.yaml", vcluster("media", ""));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    assert_eq!(kept.map(|path| desk.content("state.git", path)), before);
    assert!(!desk.files("state.git").contains(&"host/namespace.yaml".to_owned()));
}

#[test]
fn work_of_a_request_with_the_same_name_elsewhere_stays() {
    let mut files = v1::vcluster("media", "10.0.4.77");
    files.push(v1::File {
        promise: "vcluster-core",
        resource: "media".into(),
        name: "other.yaml",
        text: "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: other\n  namespace: apps\n  labels:\n    \
               kratix.io/promise-name: vcluster-core\n    kratix.io/resource-name: media\n"
            .into(),
    });
    files.push(v1::File {
        promise: "vcluster-core",
        resource: "media".into(),
        name: "role.yaml",
        text: "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata:\n  name: other\n  labels:\n    \
               kratix.io/promise-name: vcluster-core\n    kratix.io/resource-name: media\n"
            .into(),
    });
    for (mode, tree) in [("none", v1::flat(&files)), ("aggregatedYAML", v1::aggregated(&files))] {
        let desk = Desk::new();
        commit(&desk, &tree);
        desk.write("stores.yaml", stores(mode)).write("requests.yaml", vcluster("media", ""));
        desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
        let after = objects(&desk);
        assert!(
            ["ConfigMap apps/other", "ClusterRole /other"].iter().all(|it| after.contains_key(*it)),
            "{mode}: {after:?}"
        );
    }
}

#[test]
fn the_rest_is_pruned_only_when_all_requests_are_written() {
    let desk = Desk::new();
    let mut files = v1::vcluster("media", "10.0.4.77");
    files.extend(v1::vcluster("other", "10.0.4.78"));
    files.extend(v1::vcluster("gone", "10.0.4.79"));
    commit(&desk, &v1::aggregated(&files));
    let other = |preset: &str| vcluster("other", "").replace("preset: dev", &format!("preset: {preset}"));
    desk.write("stores.yaml", stores("aggregatedYAML"))
        .write("requests.yaml", vcluster("media", "") + &other("nonsense"));
    let prune = "apply -f stores.yaml -f requests.yaml --adopt kratix --prune";
    desk.kept(prune).exits(1);
    assert!(objects(&desk).contains_key("Application argocd/vcluster-other"));
    desk.write("requests.yaml", vcluster("media", "") + &other("dev"));
    desk.kept(prune).exits(0).says(&["not pruned"]);
    assert!(objects(&desk).contains_key("Application argocd/vcluster-gone"));
    desk.kept(prune).exits(0);
    let after = objects(&desk);
    assert!(!after.contains_key("Application argocd/vcluster-gone"), "{after:?}");
    assert!(after.contains_key("Application argocd/vcluster-other"), "{after:?}");
}

#[test]
fn what_is_taken_from_the_repository_is_what_a_request_could_say() {
    let desk = Desk::new();
    let odd = v1::vcluster("media", "10.0.4.77").into_iter().map(|mut file| {
        file.text = file.text.replace("size: 7Gi", "size: volume=false/size=1Gi");
        file
    });
    commit(&desk, &v1::nested(&odd.collect::<Vec<_>>()));
    desk.write("stores.yaml", stores("nestedByMetadata")).write("requests.yaml", vcluster("media", ""));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    desk.kept("diff -f stores.yaml -f requests.yaml").exits(0);
    let application = manifest(&desk, "Application", "vcluster-media");
    let values = &application["spec"]["source"]["helm"]["valuesObject"]["controlPlane"];
    assert_eq!(values["statefulSet"]["persistence"]["volumeClaim"]["size"], "5Gi");
}

#[test]
fn what_kratix_wrote_stays_at_its_destination() {
    let desk = Desk::new();
    commit(&desk, &v1::nested(&v1::vcluster("media", "10.0.4.77")));
    let more: String = (0..8)
        .map(|at| {
            format!(
                "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata:\n  name: other{at}\n  labels: {{capability.vcluster: 'true'}}\n\
                 spec:\n  path: other{at}\n  stateStoreRef: {{kind: GitStateStore, name: state}}\n---\n"
            )
        })
        .collect();
    desk.write("stores.yaml", stores("nestedByMetadata") + &more).write("requests.yaml", vcluster("media", ""));
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    assert_eq!(objects(&desk)["Application argocd/vcluster-media"], 1);
    assert!(
        desk.files("state.git").iter().any(|path| path.starts_with("host/resources/platform-requests/vcluster-orch"))
    );
    is_as_before(&desk);
}

#[test]
fn nobody_takes_over_the_vcluster_of_another_namespace() {
    let desk = Desk::new();
    commit(&desk, &v1::nested(&v1::vcluster("media", "10.0.4.77")));
    let tenant = vcluster("media", "").replace(v1::HOME, "vcluster-media");
    desk.write("stores.yaml", stores("nestedByMetadata")).write("requests.yaml", tenant);
    desk.kept("apply -f stores.yaml -f requests.yaml");
    let files = desk.files("state.git");
    let theirs =
        "host/resources/platform-requests/argocd-application/vcluster-media/configure/5058f/argocd-application.yaml";
    assert!(files.contains(&theirs.to_owned()), "{files:?}");
    let texts = files.iter().filter(|path| path.contains("/vcluster-media/vcluster-orchestrator/"));
    assert!(texts.map(|path| desk.content("state.git", path)).all(|text| !text.contains("10.0.4.77")));
}

#[test]
fn what_only_kratix_wrote_is_not_said_to_be_removed() {
    let desk = Desk::new();
    commit(&desk, &v1::nested(&v1::vcluster("media", "10.0.4.77")));
    desk.write("stores.yaml", stores("nestedByMetadata")).write("requests.yaml", vcluster("media", ""));
    let delete = "delete -f stores.yaml -f requests.yaml";
    desk.kept(delete).exits(1).says(&["Kratix wrote its files"]);
    desk.kept("apply -f stores.yaml -f requests.yaml").exits(0);
    desk.kept(delete).exits(0);
    let after = objects(&desk);
    assert!(after.keys().all(|object| !object.contains("media")), "{after:?}");
}
