//! Requests of several kinds, as a platform has them: mostly teams, some projects and applications of Argo CD, some
//! virtual clusters, whole ones and parts of others.

use super::teams;

/// Where all but teams are asked for.
pub(super) const NAMESPACE: &str = "platform-requests";

/// All namespaces of these requests, as manifests.
pub fn namespaces() -> String {
    format!("{}apiVersion: v1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n---\n", teams::namespaces())
}

/// A request; another `edition` asks for something else under the same name.
pub fn manifest(at: usize, edition: usize) -> String {
    let name = format!("n{at:03}");
    let (kind, spec) = match at % 10 {
        0 => ("ArgoCDProject", project(&name, edition)),
        1 => ("ArgoCDApplication", application(&name, edition)),
        2 => ("VClusterOrchestrator", vcluster(&name, edition)),
        3 => ("VClusterCore", part(&name, &format!("valuesYaml: 'telemetry: {{enabled: false, edition: {edition}}}'"))),
        4 => ("VClusterCoredns", part(&name, &format!("clusterDomain: e{edition}.local"))),
        _ => return teams::manifest(at, edition),
    };
    format!(
        "apiVersion: platform.integratn.tech/v1alpha1\nkind: {kind}\nmetadata: {{name: {name}, namespace: {NAMESPACE}}}\nspec:\n{spec}"
    )
}

pub(super) fn project(name: &str, edition: usize) -> String {
    format!(
        "  name: {name}\n  description: Edition {edition}\n  sourceRepos: ['https://git.example.org/{name}/*']\n  \
         destinations: [{{name: vcluster-{name}, namespace: '*'}}]\n"
    )
}

pub(super) fn application(name: &str, edition: usize) -> String {
    format!(
        "  name: {name}\n  project: {name}\n  \
         source: {{repoURL: 'https://charts.example.org', chart: {name}, targetRevision: 1.0.{edition}}}\n  \
         destination: {{name: vcluster-{name}, namespace: {name}}}\n"
    )
}

fn vcluster(name: &str, edition: usize) -> String {
    format!(
        "  name: {name}\n  vcluster: {{preset: dev, coredns: {{replicas: {}}}}}\n  exposure: {{subnet: 10.0.4.0/22}}\n  \
         integrations: {{argocd: {{clusterAnnotations: {{edition: 'no. {edition}'}}}}}}\n",
        1 + edition % 3
    )
}

pub(super) fn part(name: &str, more: &str) -> String {
    format!("  name: {name}\n  targetNamespace: vcluster-{name}\n  {more}\n")
}
