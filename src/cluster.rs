//! What the operator and the command line both ask of a cluster: how it and its kinds are reached, who it is, and the
//! Secrets that stores name. It only reads.

use std::collections::BTreeMap;

use hyper::Request;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{Api, ApiResource};
use kube::client::retry::RetryPolicy;
use kube::client::{Body, ClientBuilder};
use kube::core::GroupVersionKind;
use kube::{Client, Config, ResourceExt};
use tower::BoxError;
use tower::buffer::BufferLayer;
use tower::filter::FilterLayer;
use tower::retry::RetryLayer;

use crate::api;
use crate::placement::SecretName;
use crate::promises::Promise;
use crate::store;

/// Calls that wait for their turn.
const WAITING: usize = 1024;

/// A client that asks an API server which is busy (429, 503, 504) three times more, within ten seconds. `kube`'s own
/// policy goes on for minutes, or for as long as the server asks for: whoever waits for a call could not say meanwhile
/// what is wrong, and comes back to it later in any case. Every try goes through `gate`.
pub fn client(
    mut config: Config,
    gate: impl Fn(Request<Body>) -> Result<Request<Body>, BoxError> + Clone + Send + 'static,
) -> Result<Client, kube::Error> {
    config.default_retry = false;
    let client = ClientBuilder::try_from(config)?.with_layer(&FilterLayer::new(gate));
    // A call can only be made again through what can be cloned, as a buffer can.
    Ok(client.with_layer(&BufferLayer::new(WAITING)).with_layer(&RetryLayer::new(RetryPolicy::default())).build())
}

/// A kind of kept's own, such as `GitStateStore`.
pub fn resource(kind: &str, plural: &str) -> ApiResource {
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(api::GROUP, api::VERSION, kind), plural)
}

/// The kind of a promise's requests.
pub fn requests_of(promise: &dyn Promise) -> ApiResource {
    let spec = &promise.crd().spec;
    let gvk = GroupVersionKind::gvk(&spec.group, api::VERSION, &spec.names.kind);
    ApiResource::from_gvk_with_plural(&gvk, &spec.names.plural)
}

/// The UID of `kube-system`, which every cluster has and keeps: the default writer.
pub async fn uid(client: &Client) -> Result<String, kube::Error> {
    let api: Api<Namespace> = Api::all(client.clone());
    Ok(api.get("kube-system").await?.uid().unwrap_or_default())
}

/// What a Secret holds that the field `named_by` of a store names.
pub async fn secret(
    client: &Client,
    secret: &SecretName,
    named_by: &str,
) -> Result<BTreeMap<String, ByteString>, store::Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), &secret.namespace);
    let found = api.get(&secret.name).await.map_err(|error| match error {
        kube::Error::Api(status) if status.code == 404 => store::Error::Unauthorized(format!(
            "the Secret {secret} that {named_by} names does not exist: `kubectl explain gitstatestore.spec` says what it holds"
        )),
        kube::Error::Api(status) if status.code == 403 => store::Error::Unauthorized(format!(
            "kept may not read the Secret {secret} that {named_by} names: allow it to get Secrets in that namespace"
        )),
        error => store::Error::Unreachable(format!("the Secret {secret} could not be read: {error}")),
    })?;
    Ok(found.data.unwrap_or_default())
}
