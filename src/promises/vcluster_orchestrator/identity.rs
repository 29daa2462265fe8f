//! Who a vcluster is: the names made of its own, the claims on them, and the requests that it stands for.

use std::collections::BTreeSet;

use crate::known::Known;
use crate::manifest::Claim;
use crate::promises::vcluster::{
    application_part, is_part, parts, project_part, target_namespace, vcluster, vcluster_part,
};
use crate::values::{RequestKey, Set};

/// The promises whose work this one does, by the names that v1 gave them. They are the directories of its
/// output too.
pub(super) mod part {
    pub(in super::super) const CORE: &str = "vcluster-core";
    pub(in super::super) const COREDNS: &str = "vcluster-coredns";
    pub(in super::super) const KUBECONFIG_SYNC: &str = "vcluster-kubeconfig-sync";
    pub(in super::super) const KUBECONFIG: &str = "vcluster-kubeconfig-external-secret";
    pub(in super::super) const REGISTRATION: &str = "vcluster-argocd-cluster-registration";
    pub(in super::super) const PROJECT: &str = "argocd-project";
    pub(in super::super) const APPLICATION: &str = "argocd-application";
}

/// The names of a vcluster.
pub(super) struct Identity {
    /// The namespace of the request.
    pub(super) home: String,
    /// `spec.name`.
    pub(super) name: String,
    /// The namespace that it runs in.
    pub(super) namespace: String,
    /// Its Argo CD project.
    pub(super) project: String,
    /// Its Argo CD Application.
    pub(super) application: String,
}

impl Identity {
    /// What is not given is `vcluster-{name}`.
    pub(super) fn new(request: &RequestKey, name: &str, namespace: Option<&str>, project: Option<&str>) -> Self {
        let derived = format!("vcluster-{name}");
        let or_derived = |given: Option<&str>| given.unwrap_or(&derived).to_owned();
        Self {
            home: request.namespace.clone(),
            name: name.to_owned(),
            namespace: or_derived(namespace),
            project: or_derived(project),
            application: derived,
        }
    }

    /// Whether it is all that a request outside the request namespaces can be: in its own namespace, under
    /// its own name.
    pub(super) fn is_at_home(&self) -> bool {
        self.namespace == self.home && self.project == self.application
    }

    /// Its claims: on its name, its namespace, and on all that v1 had requests of their own for.
    pub(super) fn claims(&self) -> Set<Claim> {
        let parts = self.namespaces().into_iter().flat_map(|namespace| {
            [
                vcluster_part(namespace, &self.name),
                project_part(namespace, &self.project),
                application_part(namespace, &self.application),
            ]
        });
        [vcluster(&self.name), target_namespace(&self.namespace)].into_iter().chain(parts).collect()
    }

    /// v1 put the requests for the parts into its own namespace or, in its examples, into the vcluster's.
    fn namespaces(&self) -> BTreeSet<&str> {
        [self.home.as_str(), self.namespace.as_str()].into()
    }

    /// The name that v1 gave the request for a part.
    pub(super) fn part_name(&self, promise: &str) -> &str {
        match promise {
            part::PROJECT => &self.project,
            part::APPLICATION => &self.application,
            _ => &self.name,
        }
    }

    /// The requests whose work this is as well: those that v1 wrote, whether they are there still or only
    /// what they had, and all others that ask for a part of it. One that has such a name and is about
    /// something else is left alone.
    pub(super) fn superseded(&self, known: &Known) -> Set<RequestKey> {
        let parts: Vec<(RequestKey, Claim)> =
            self.namespaces().into_iter().flat_map(|ns| parts(ns, &self.name, &self.project)).collect();
        let asking = parts.iter().flat_map(|(_, part)| known.peers.asking(part)).cloned();
        let by_name = parts.iter().map(|(key, _)| key.clone()).filter(|key| is_part(&parts, key, known));
        asking.chain(by_name).collect()
    }
}
