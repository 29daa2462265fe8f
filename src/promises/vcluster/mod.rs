//! What the promises about vclusters and about Argo CD share: derived names and claims, what a request
//! may name, and how their objects look.

mod eso;
mod host_path;
mod names;
mod objects;

pub(super) use eso::{ExternalSecret, REFRESH, credential_annotations, store_ref};
pub(super) use host_path::needs_host_path;
pub(super) use names::{application_part, project_part, target_namespace, vcluster, vcluster_part};
pub(super) use objects::{SYNC_WAVE, file, metadata};
