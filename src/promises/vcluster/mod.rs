//! What the promises about vclusters and about Argo CD share: derived names and claims, what a request
//! may name, and how their objects look.

mod eso;
mod fields;
mod host_path;
mod names;
mod objects;
mod tenancy;

pub(super) use eso::{ExternalSecret, credential_annotations, store_ref};
pub(super) use fields::{
    BASE_DOMAIN, RELEASE_MAX, base_domain, item_mistake, key_mistakes, name_mistake, reconcile_at, server_mistake,
    spec, template_mistakes, without,
};
pub(super) use host_path::needs_host_path;
pub(super) use names::{
    IDENTITY, about, application_part, is_part, parts, project_part, server, target_namespace, vcluster, vcluster_part,
};
pub(super) use names::{peer_of_argocd, peer_of_part, peer_with_credentials};
pub(super) use objects::{SYNC_WAVE, file, metadata};
pub(super) use tenancy::Tenancy;
