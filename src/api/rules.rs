//! What the CEL rules of the kinds in [`super::PLATFORM_GROUP`] have against a spec, said in Rust in the
//! same words. Rules about changes are not among them: a file has no past.

use super::argocd::{ApplicationDestination, ManagedNamespaceMetadata, Source, SyncPolicy, messages};
use super::{ArgoCDApplicationSpec, ArgoCDProjectSpec, VClusterOrchestratorSpec, argocd_application, argocd_project};
use crate::error::Mistake;

impl VClusterOrchestratorSpec {
    /// What the CEL rules have against it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let policy = self.argocd_application.as_ref().and_then(|application| application.sync_policy.as_ref());
        sync_policy("spec.argocdApplication.syncPolicy", policy).into_iter().collect()
    }
}

impl ArgoCDApplicationSpec {
    /// What the CEL rules have against it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let mut found = Vec::new();
        if self.source.is_some() == self.sources.is_some() {
            found.push(Mistake::new("spec", argocd_application::ONE_OR_MANY));
        }
        if let Some(one) = &self.source {
            if one.reference.is_some() && one.chart.is_none() && one.path.is_none() {
                found.push(Mistake::new("spec.source", messages::ONE_SOURCE));
            }
            source("spec.source", one, &mut found);
        }
        for (i, one) in self.sources.iter().flatten().enumerate() {
            source(&format!("spec.sources[{i}]"), one, &mut found);
        }
        let ApplicationDestination { server, name, .. } = &self.destination;
        if server.is_some() == name.is_some() {
            found.push(Mistake::new("spec.destination", messages::DESTINATION));
        }
        found.extend(sync_policy("spec.syncPolicy", self.sync_policy.as_ref()));
        found
    }
}

impl ArgoCDProjectSpec {
    /// What the CEL rules have against it.
    pub fn mistakes(&self) -> Vec<Mistake> {
        let nowhere = |(_, to): &(usize, &argocd_project::ProjectDestination)| to.server.is_none() && to.name.is_none();
        let destinations = self.destinations.iter().flatten().enumerate();
        destinations
            .filter(nowhere)
            .map(|(i, _)| Mistake::new(format!("spec.destinations[{i}]"), argocd_project::DESTINATION))
            .collect()
    }
}

fn source(at: &str, source: &Source, found: &mut Vec<Mistake>) {
    let Source { chart, path, reference, target_revision, helm, .. } = source;
    if chart.is_none() && path.is_none() && reference.is_none() {
        found.push(Mistake::new(at, messages::SOURCE));
    }
    if chart.is_some() && path.is_some() {
        found.push(Mistake::new(format!("{at}.path"), messages::CHART_OR_PATH));
    }
    if chart.is_some() && target_revision.is_none() {
        found.push(Mistake::new(format!("{at}.targetRevision"), messages::REVISION));
    }
    if helm.as_ref().is_some_and(|helm| helm.values.is_some() && helm.values_object.is_some()) {
        found.push(Mistake::new(format!("{at}.helm.values"), messages::VALUES));
    }
}

fn sync_policy(at: &str, policy: Option<&SyncPolicy>) -> Option<Mistake> {
    let ManagedNamespaceMetadata { labels, .. } = policy?.managed_namespace_metadata.as_ref()?;
    let raises = labels.iter().flatten().any(|(key, _)| key.starts_with("pod-security.kubernetes.io/"));
    raises.then(|| Mistake::new(format!("{at}.managedNamespaceMetadata.labels"), messages::POD_SECURITY))
}
