//! What a request may name.
//!
//! Requests in the request namespaces of the settings may name whatever is not protected. Requests
//! elsewhere are their tenants': they stay in their own namespace, in the cluster that Argo CD runs in, and
//! with the vclusters of that namespace. Every refusal says which rule it is and which setting it comes from.

use std::fmt::Display;

use regex::Regex;

use super::names;
use crate::config::{PodSecurity, Settings, VclusterSettings};
use crate::error::Mistake;
use crate::known::{Known, Peers};
use crate::manifest::Claim;
use crate::promises::{Refusal, Request};
use crate::values::RequestKey;

/// A request that names things, and what there is to judge it by.
pub(in crate::promises) struct Tenancy<'a> {
    request: &'a RequestKey,
    settings: &'a Settings,
    known: &'a Known,
}

impl<'a> Tenancy<'a> {
    /// Of a request.
    pub(in crate::promises) fn new(request: &'a Request, settings: &'a Settings, known: &'a Known) -> Self {
        Self { request: &request.key, settings, known }
    }

    /// Refuses a request whose `part` an orchestrator renders. One that could not name this namespace does
    /// not count, whatever it asks for.
    pub(in crate::promises) fn not_superseded(&self, part: &Claim) -> Result<(), Refusal> {
        let may_name = |other: &&RequestKey| {
            other.namespace == self.request.namespace || self.vcluster().is_request_namespace(&other.namespace)
        };
        let others = self.known.peers.offering(part).into_iter().chain(self.known.holder(part));
        match others.filter(|other| *other != self.request).find(may_name) {
            Some(other) => Err(Refusal::Superseded(other.clone())),
            None => Ok(()),
        }
    }

    /// Whether it may name nothing but what is its own.
    pub(in crate::promises) fn is_confined(&self) -> bool {
        !self.vcluster().is_request_namespace(&self.request.namespace)
    }

    /// A namespace in which something of the request is made, or into which something is deployed.
    pub(in crate::promises) fn namespace(&self, field: &str, namespace: &str) -> Option<Mistake> {
        if self.is_protected(namespace) || self.is_pattern_of_protected(namespace) {
            return Some(Mistake::new(
                field,
                format!(
                    "{namespace} is protected, and no request may name it: choose another (settings protectedNamespaces and promises.vcluster.protectedNamespaces)"
                ),
            ));
        }
        self.own(field, "namespace", Some(namespace), &self.request.namespace)
    }

    /// The namespace that a vcluster gets for itself. `belongs` says of a request in it that it is about
    /// the same vcluster.
    pub(in crate::promises) fn target(
        &self,
        field: &str,
        namespace: &str,
        belongs: impl Fn(&RequestKey) -> bool,
    ) -> Option<Mistake> {
        if self.vcluster().is_request_namespace(namespace) {
            return Some(Mistake::new(
                field,
                format!(
                    "{namespace} holds the requests of many and cannot become a vcluster's namespace (setting promises.vcluster.requestNamespaces): name another one"
                ),
            ));
        }
        self.namespace(field, namespace).or_else(|| {
            let here = Peers::residence(namespace);
            let present = self.known.peers.offering(&here).into_iter();
            let recorded = self.known.requests_in(namespace);
            let other = present.chain(recorded).filter(|other| *other != self.request && !belongs(other)).min()?;
            Some(Mistake::new(
                field,
                format!(
                    "{namespace} holds another request, {other}, and would be the vcluster's alone: name another one"
                ),
            ))
        })
    }

    /// The namespace of what is Argo CD's.
    pub(in crate::promises) fn argocd_namespace(&self, field: &str, namespace: &str) -> Option<Mistake> {
        let argocd = &self.vcluster().argocd_namespace;
        if namespace == argocd {
            return None;
        }
        self.own(field, "namespace", Some(namespace), argocd).or_else(|| self.namespace(field, namespace))
    }

    /// A namespace whose labels an application would manage: not one that a vcluster has for itself.
    pub(in crate::promises) fn unmanaged(&self, field: &str, namespace: &str) -> Option<Mistake> {
        let claim = names::target_namespace(namespace);
        let owner = self.known.holder(&claim).or_else(|| self.known.peers.offering(&claim).first().copied())?;
        let message = format!("{namespace} has its labels from {owner}, and two would fight over them: leave it out");
        Some(Mistake::new(field, message))
    }

    /// A cluster that is deployed to, by its server or its name in Argo CD: a name is never the own one's.
    pub(in crate::promises) fn cluster(&self, at: &str, server: Option<&str>, name: Option<&str>) -> Option<Mistake> {
        let own = &self.vcluster().in_cluster_server;
        match name {
            Some(name) => self.own(&format!("{at}.name"), "cluster", Some(name), own),
            None => self.own(&format!("{at}.server"), "cluster", server, own),
        }
    }

    /// A repository that is deployed from.
    pub(in crate::promises) fn repository(&self, field: &str, url: &str) -> Option<Mistake> {
        self.own(field, "repository", Some(url), &self.vcluster().chart.repository)
    }

    /// A project that is made: Argo CD has one of its own, which would go with the request.
    pub(in crate::promises) fn own_project(field: &str, name: &str) -> Option<Mistake> {
        (name == "default").then(|| Mistake::new(field, "default is Argo CD's own project: name another one"))
    }

    /// What the namespace of a vcluster enforces: elsewhere than in the request namespaces nothing weaker than
    /// the setting, whatever the reason.
    pub(in crate::promises) fn pod_security(
        &self,
        field: &str,
        level: PodSecurity,
        reason: Option<&str>,
    ) -> Option<Mistake> {
        let own = self.vcluster().pod_security;
        (self.is_confined() && level < own).then(|| {
            let what =
                format!("{} is weaker than {} ({})", level.as_str(), own.as_str(), reason.unwrap_or("asked for"));
            Mistake::new(field, self.refused(what))
        })
    }

    /// A project or an application: elsewhere than in the request namespaces there are none but those of
    /// the vclusters there.
    pub(in crate::promises) fn argocd_name(&self, field: &str, name: &str) -> Option<Mistake> {
        let there = |vcluster: &str| {
            let owners = self.owners(vcluster);
            let is_ours =
                |other: &&RequestKey| other.promise == ORCHESTRATOR && other.namespace == self.request.namespace;
            !owners.is_empty() && owners.iter().all(is_ours)
        };
        if !self.is_confined() || name.strip_prefix("vcluster-").is_some_and(there) {
            return None;
        }
        let what = format!("{name} is not vcluster-NAME of a VClusterOrchestrator in {}", self.request.namespace);
        Some(Mistake::new(field, self.refused(what)))
    }

    /// The item of a vcluster's credentials: elsewhere than in the request namespaces that of a vcluster
    /// which is there, and nowhere else.
    pub(in crate::promises) fn credentials(&self, vcluster: &str, item: &str) -> Vec<Mistake> {
        let mut found: Vec<Mistake> = self
            .own("spec.onepasswordItem", "item", Some(item), &self.vcluster().secrets.item_of(vcluster))
            .into_iter()
            .collect();
        let owners = self.owners(vcluster);
        let ours = !owners.is_empty() && owners.iter().all(|owner| owner.namespace == self.request.namespace);
        if self.is_confined() && !ours {
            let what = format!("no vcluster {vcluster} is requested in {} alone", self.request.namespace);
            found.push(Mistake::new("spec.name", self.refused(what)));
        }
        found
    }

    /// Whose a vcluster is: who is recorded has it; otherwise all who want it are to be heard.
    fn owners(&self, vcluster: &str) -> Vec<&RequestKey> {
        let claim = names::vcluster(vcluster);
        self.known.holder(&claim).map_or_else(|| self.known.peers.offering(&claim), |holder| vec![holder])
    }

    /// Refuses what is not the request's own, where that is all it may name.
    fn own(&self, field: &str, what: &str, given: Option<&str>, own: &str) -> Option<Mistake> {
        if !self.is_confined() || given == Some(own) {
            return None;
        }
        let given = given.filter(|given| !given.is_empty());
        let given = given.map_or_else(|| format!("no {what} is named"), |given| format!("{given:?} is another {what}"));
        Some(Mistake::new(field, self.refused(format!("{given}; here it is {own}"))))
    }

    fn refused(&self, what: impl Display) -> String {
        let free = self.vcluster().request_namespaces.join(", ");
        let free = if free.is_empty() { "none".to_owned() } else { free };
        format!(
            "{what}: requests outside the request namespaces ({free}; setting promises.vcluster.requestNamespaces) may name nothing else"
        )
    }

    fn is_protected(&self, namespace: &str) -> bool {
        self.vcluster().is_protected(namespace) || self.settings.protected_namespaces.iter().any(|p| p == namespace)
    }

    /// Whether it is a pattern, as Argo CD's projects take them, that means a protected namespace. `*` alone is
    /// every namespace, said openly.
    fn is_pattern_of_protected(&self, namespace: &str) -> bool {
        let name = namespace.trim_start_matches('!');
        if name == "*" || !name.contains(['*', '?', '[', '{', '/']) {
            return false;
        }
        let settings = self.vcluster();
        let known = ["kube-system", "kube-public", "kube-node-lease", settings.argocd_namespace.as_str()].into_iter();
        let protected = settings.protected_namespaces.iter().chain(&self.settings.protected_namespaces);
        let all = known.chain(protected.map(|name| name.trim_end_matches('*'))).collect::<Vec<_>>();
        // What cannot be judged here is taken to mean them.
        let Some(simple) = glob(name) else { return true };
        all.iter().any(|name| simple.is_match(name))
    }

    fn vcluster(&self) -> &'a VclusterSettings {
        &self.settings.promises.vcluster
    }
}

/// A pattern of `*` and `?` alone.
fn glob(pattern: &str) -> Option<Regex> {
    let simple = |c: char| c.is_ascii_alphanumeric() || "-.*?".contains(c);
    let text = regex::escape(pattern).replace("\\*", ".*").replace("\\?", ".");
    pattern.chars().all(simple).then(|| Regex::new(&format!("^{text}$")).ok()).flatten()
}

/// The promise whose parts the others are.
const ORCHESTRATOR: &str = "vcluster-orchestrator";
