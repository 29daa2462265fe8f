//! Requests of all kinds, as a large platform has them: of twenty, nine are teams, two each projects, applications and
//! whole virtual clusters, and five are the parts of one virtual cluster that somebody puts together.

use super::platform::{NAMESPACE, application, part, project};
use super::teams;

/// A request; another `edition` asks for something else under the same name.
pub fn manifest(at: usize, edition: usize) -> String {
    let name = format!("n{at:05}");
    // The parts of one virtual cluster are of one name.
    let own = format!("p{:05}", at / 20);
    let hostname = format!("hostname: {own}-{edition}.example.org");
    let (kind, name, spec) = match at % 20 {
        0 | 10 => ("ArgoCDProject", &name, project(&name, edition)),
        2 | 12 => ("ArgoCDApplication", &name, application(&name, edition)),
        4 | 14 => ("VClusterOrchestrator", &name, vcluster(&name, edition)),
        1 => ("VClusterCore", &own, part(&own, &format!("valuesYaml: 'telemetry: {{edition: {edition}}}'"))),
        5 => ("VClusterCoredns", &own, part(&own, &format!("clusterDomain: e{edition}.local"))),
        9 => ("VClusterKubeconfigSync", &own, part(&own, &hostname)),
        13 => ("VClusterKubeconfigExternalSecret", &own, part(&own, &item(&own, edition))),
        17 => {
            let spec = format!("  name: {own}\n  labels: {{edition: no-{edition}}}\n  {}\n", item(&own, 1));
            ("VClusterArgoCDClusterRegistration", &own, spec)
        }
        _ => return teams::manifest(at, edition),
    };
    format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\nspec:\n{spec}"
    )
}

fn item(name: &str, edition: usize) -> String {
    format!("onepasswordItem: vcluster-{name}-kubeconfig-{edition}")
}

fn vcluster(name: &str, edition: usize) -> String {
    format!(
        "  name: {name}\n  vcluster: {{preset: dev, coredns: {{replicas: {}}}}}\n  exposure: {{subnet: 10.0.0.0/16}}\n  \
         integrations: {{argocd: {{clusterAnnotations: {{edition: 'no. {edition}'}}}}}}\n",
        1 + edition % 3
    )
}

/// An Application that reads the folder of a request, as an `ApplicationSet` makes one for each, and what Argo CD says
/// of it.
pub fn applier(at: usize, repository: &str) -> serde_json::Value {
    let (name, namespace) = (teams::name(at), teams::namespace(at));
    let resource = |kind: &str| serde_json::json!({"kind": kind, "name": name, "namespace": namespace, "status": "Synced", "version": "v1"});
    let resources = ["ConfigMap", "Service", "Secret", "Role", "RoleBinding"].map(resource);
    serde_json::json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": format!("{namespace}-{name}"), "namespace": "argocd", "labels": {"team": name}},
        "spec": {
            "project": "default",
            "source": {
                "repoURL": repository,
                "targetRevision": "main",
                "path": format!("host-0/resources/{namespace}/team/{name}"),
            },
            "destination": {"server": "https://kubernetes.default.svc", "namespace": namespace},
            "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
        },
        "status": {
            "sync": {"status": "Synced", "revision": "0123456789abcdef0123456789abcdef01234567"},
            "health": {"status": "Healthy"},
            "resources": resources,
        },
    })
}

/// A pod as workloads have them.
pub fn pod(at: usize) -> serde_json::Value {
    let variable = |name: &str| serde_json::json!({"name": name, "value": format!("the value of {name} here")});
    let variables = ["HOST", "PORT", "LEVEL", "REGION", "TEAM", "PROXY"].map(variable);
    let container = |name: &str| {
        serde_json::json!({
            "name": name,
            "image": format!("registry.example.org/{name}:1.0.{at}"),
            "env": variables,
            "resources": {"requests": {"cpu": "10m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}},
        })
    };
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": format!("workload-{at:05}"),
            "namespace": teams::namespace(at),
            "labels": {"app.kubernetes.io/name": "workload", "app.kubernetes.io/instance": format!("workload-{at}")},
        },
        "spec": {"automountServiceAccountToken": false, "containers": [container("main"), container("sidecar")]},
    })
}
