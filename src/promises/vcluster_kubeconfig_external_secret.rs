//! The promise `vcluster-kubeconfig-external-secret`: a vcluster's kubeconfig, brought back from 1Password.

use std::collections::BTreeMap;

use super::vcluster::{ExternalSecret, credential_annotations, file, metadata};
use crate::config::SecretStore;
use crate::manifest::Content;
use crate::values::RelPath;

/// Where a kubeconfig comes from and goes to, with every default resolved.
pub(super) struct Plan {
    /// The vcluster's name.
    pub(super) name: String,
    /// The namespace that the Secret is made in.
    pub(super) namespace: String,
    /// The title of the item.
    pub(super) item: String,
    /// The store of the item.
    pub(super) store: SecretStore,
    /// A value whose change makes the operator read at once.
    pub(super) reconcile_at: Option<String>,
}

/// The ExternalSecret `vcluster-{name}-kubeconfig`, which makes the Secret [`secret`].
pub(super) fn files(plan: &Plan) -> BTreeMap<RelPath, Content> {
    let external_secret = ExternalSecret {
        metadata: metadata(
            &plan.name,
            &format!("vcluster-{}-kubeconfig", plan.name),
            &plan.namespace,
            &credential_annotations(plan.reconcile_at.as_deref()),
        ),
        store: &plan.store,
        item: &plan.item,
        secret: secret(&plan.name),
        template: None,
        data: &[("kubeconfig", "kubeconfig")],
    };
    [file(external_secret.object())].into()
}

/// The Secret that holds a vcluster's kubeconfig, under the key `kubeconfig`.
pub(super) fn secret(vcluster: &str) -> String {
    format!("vcluster-{vcluster}-kubeconfig-external")
}
