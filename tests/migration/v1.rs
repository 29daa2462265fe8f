//! Repositories as Kratix and the first version's pipelines left them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A file of a pipeline's output: whose, its name and content.
pub(crate) struct File {
    pub(crate) promise: &'static str,
    pub(crate) resource: String,
    pub(crate) name: &'static str,
    pub(crate) text: String,
}

/// Where the requests live.
pub(crate) const HOME: &str = "platform-requests";

/// What there is in the repository of a vcluster of this name: the address and the volume are none that anybody
/// would get by default, and labels stand twice where the pipelines wrote them so.
pub(crate) fn vcluster(name: &str, vip: &str) -> Vec<File> {
    let space = format!("vcluster-{name}");
    let (core, project, application) = ("vcluster-core", "argocd-project", "argocd-application");
    let values = values(name, vip);
    let twice = indented(&format!("{values}controlPlane: {{}}\n"), 4);
    let job = "spec: {template: {spec: {restartPolicy: Never, containers: [{name: sync, image: busybox}]}}}\n";
    let mut files = vec![
        file("vcluster-orchestrator", name, "vcluster-namespace.yaml", "v1 Namespace", ("", &space), ""),
        file(core, name, "namespace.yaml", "v1 Namespace", ("", &space), ""),
        file(
            core,
            name,
            "helm-values.yaml",
            "v1 ConfigMap",
            (&space, &format!("{name}-vcluster-values")),
            &format!("data:\n  values.yaml: |\n{twice}"),
        ),
        file(
            "vcluster-coredns",
            name,
            "coredns-configmap.yaml",
            "v1 ConfigMap",
            (&space, &format!("coredns-x-kube-system-x-{name}")),
            "data:\n  Corefile: |\n    .:1053 {\n    }\n",
        ),
        file(
            "vcluster-kubeconfig-sync",
            name,
            "kubeconfig-sync-job.yaml",
            "batch/v1 Job",
            (&space, &format!("vcluster-{name}-kubeconfig-sync")),
            job,
        ),
        file(project, &space, "argocd-project.yaml", "argoproj.io/v1alpha1 AppProject", ("argocd", &space), ""),
        file(
            application,
            &space,
            "argocd-application.yaml",
            "argoproj.io/v1alpha1 Application",
            ("argocd", &space),
            &format!("spec:\n  source:\n    helm:\n      valuesObject:\n{}", indented(&values, 8)),
        ),
    ];
    for (kind, part, request) in [
        ("VClusterCore", name, "vcluster-core-request.yaml"),
        ("VClusterCoredns", name, "vcluster-coredns-request.yaml"),
        ("VClusterKubeconfigSync", name, "vcluster-kubeconfig-sync-request.yaml"),
        ("ArgoCDProject", &space, "argocd-project-request.yaml"),
        ("ArgoCDApplication", &space, "argocd-application-request.yaml"),
    ] {
        let text = format!(
            "apiVersion: platform.integratn.tech/v1alpha1\nkind: {kind}\nmetadata: {{name: {part}, namespace: {HOME}}}\nspec:\n  name: {part}\n"
        );
        files.push(File { promise: "vcluster-orchestrator", resource: name.to_owned(), name: request, text });
    }
    files
}

/// The Helm values that it runs with.
fn values(name: &str, vip: &str) -> String {
    format!(
        "controlPlane:\n  service:\n    spec:\n      type: LoadBalancer\n      loadBalancerIP: {vip}\n      ports:\n      - name: https\n        port: 8443\n        targetPort: 8443\n  statefulSet:\n    persistence:\n      volumeClaim:\n        enabled: true\n        size: 7Gi\nexportKubeConfig:\n  server: https://{name}.integratn.tech:8443\n"
    )
}

/// A file with one object, labelled as the pipelines did.
fn file(
    promise: &'static str,
    resource: &str,
    name: &'static str,
    kind: &str,
    (namespace, object): (&str, &str),
    rest: &str,
) -> File {
    let (version, kind) = kind.split_once(' ').expect("a version and a kind");
    let namespace = if namespace.is_empty() { String::new() } else { format!("  namespace: {namespace}\n") };
    let twice = if promise == "argocd-project" { "    app.kubernetes.io/managed-by: kratix\n" } else { "" };
    let text = format!(
        "apiVersion: {version}\nkind: {kind}\nmetadata:\n  name: {object}\n{namespace}  labels:\n    app.kubernetes.io/managed-by: kratix\n{twice}    kratix.io/promise-name: {promise}\n    kratix.io/resource-name: {resource}\n{rest}"
    );
    File { promise, resource: resource.to_owned(), name, text }
}

/// What there is of a team.
pub(crate) fn team(id: &str) -> Vec<File> {
    let entity = format!("apiVersion: backstage.io/v1alpha1\nkind: Group\nmetadata:\n  name: {id}\nspec: {{}}\n");
    let file = |name, text| File { promise: "team", resource: id.to_owned(), name, text };
    vec![file("backstage-team.yaml", entity)]
}

/// A tree: content by path.
pub(crate) type Tree = BTreeMap<String, String>;

/// All files as Kratix lays them out in the nested layout, below `host`.
pub(crate) fn nested(files: &[File]) -> Tree {
    let mut tree = around("resources/", "dependencies/");
    for File { promise, resource, name, text } in files {
        tree.insert(format!("host/resources/{HOME}/{promise}/{resource}/configure/5058f/{name}"), text.clone());
    }
    tree.insert(
        "host/dependencies/vcluster-core/5058f/static/vcluster-core-dependencies.yaml".into(),
        "# mine\n".into(),
    );
    tree
}

/// The same in the flat layout, with the state file of each request's work.
pub(crate) fn flat(files: &[File]) -> Tree {
    let mut tree = around("", "");
    for File { promise, resource, name, text } in files {
        tree.insert(format!("host/{name}"), text.clone());
        let state = format!("host/.kratix/{HOME}-{promise}-{resource}-configure-1a2b3.host-4c5d6.yaml");
        let _ = writeln!(tree.entry(state).or_insert_with(|| "files:\n".to_owned()), "- host/{name}");
    }
    tree
}

/// The same in one file.
pub(crate) fn aggregated(files: &[File]) -> Tree {
    let mut tree = around("", "");
    let all: Vec<&str> = files.iter().map(|file| file.text.as_str()).collect();
    tree.insert("host/aggregated.yaml".into(), all.join("---\n"));
    tree
}

/// The canaries, and a file of somebody else's.
fn around(resources: &str, dependencies: &str) -> Tree {
    let people = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: people, namespace: apps}\n";
    [
        (format!("host/{resources}kratix-canary-configmap.yaml"), "kind: ConfigMap\n".to_owned()),
        (format!("host/{dependencies}kratix-canary-namespace.yaml"), "kind: Namespace\n".to_owned()),
        ("host/people.yaml".to_owned(), people.to_owned()),
    ]
    .into()
}

fn indented(text: &str, by: usize) -> String {
    text.lines().map(|line| format!("{}{line}\n", " ".repeat(by))).collect()
}
