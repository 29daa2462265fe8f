//! What a removed request leaves to others to clean up: objects that Argo CD deletes once their files
//! are gone, and that another operator's finalizer may hold.

use std::time::Duration;

use kube::ResourceExt;
use kube::api::{Api, ApiResource, DynamicObject};
use kube::core::GroupVersionKind;

use super::lifecycle::Context;
use super::objects;
use super::status::Verdict;
use crate::promises::{Lingering, Request};

/// How soon it is looked at again.
pub(super) const LOOK_AGAIN: Duration = Duration::from_secs(2);
/// How long something may go on existing although nothing asks for it any more: Argo CD looks for changes
/// every three minutes, unless it is told; after twice that it is taken not to prune. Counted by this operator's own
/// clock that only goes forward: the time of the deletion is the API server's, which another clock may be far from.
const PATIENCE: Duration = Duration::from_mins(6);

/// What there is to wait for, in words. Nothing, if this cluster has no such objects or kept may not
/// look at them: the files may be for another one.
pub(super) async fn waits_for(request: &Request, context: &Context) -> Result<Option<Verdict>, kube::Error> {
    for lingering in context.promise.lingering(request, &context.hub.settings) {
        let gvk = GroupVersionKind::gvk(lingering.group, lingering.version, lingering.kind);
        let resource = ApiResource::from_gvk_with_plural(&gvk, lingering.plural);
        let api = Api::<DynamicObject>::namespaced_with(context.client.clone(), &lingering.namespace, &resource);
        let found = match api.get_opt(&lingering.name).await {
            Ok(Some(found)) => found,
            Ok(None) => continue,
            // Not allowed, or no such kind here.
            Err(kube::Error::Api(status)) if status.code == 403 || status.code == 404 => continue,
            Err(error) => return Err(error),
        };
        if objects::is_leaving(&found) {
            return Ok(Some(held(&found, &lingering)));
        }
        if context.hub.lingers_since(&request.key).elapsed() < PATIENCE {
            let Lingering { kind, namespace, name, .. } = &lingering;
            let message = format!("its files are removed; waiting for Argo CD to delete the {kind} {namespace}/{name}");
            return Ok(Some(Verdict::bad("Lingering", message)));
        }
    }
    Ok(None)
}

fn held(found: &DynamicObject, lingering: &Lingering) -> Verdict {
    let conditions = found.data.pointer("/status/conditions").and_then(|c| c.as_array()).into_iter().flatten();
    let trouble = conditions.filter(|c| c["type"] == "Ready" && c["status"] != "True");
    let said: String = trouble.filter_map(|c| c["message"].as_str()).map(|message| format!(": {message}")).collect();
    let Lingering { kind, plural, group, namespace, name, help, .. } = lingering;
    Verdict::bad(
        "Lingering",
        format!(
            "its files are removed, but the {kind} {namespace}/{name} is held by {}{said}. {help}, or let it go: \
             kubectl patch {plural}.{group} {name} -n {namespace} --type=merge -p '{{\"metadata\":{{\"finalizers\":null}}}}'",
            found.finalizers().join(", ")
        ),
    )
}
