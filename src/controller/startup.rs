//! What has to be known before anything is served: asked for until there is an answer.

use kube::api::{Api, ApiResource, DynamicObject, ListParams};
use kube::{Client, ResourceExt};

use super::API_RETRY;
use super::vitals::Vitals;
use crate::cluster;

/// The UID of the cluster.
pub(super) async fn cluster_id(client: &Client, vitals: &Vitals) -> String {
    let mut said = String::new();
    loop {
        match cluster::uid(client).await {
            Ok(uid) => {
                vitals.stand_by(None);
                return uid;
            }
            Err(error) => {
                let why = format!(
                    "the namespace kube-system cannot be read, whose UID names this cluster in state repositories (`writer` \
                     in the settings does without): {}",
                    chain(&error)
                );
                vitals.stand_by(Some(Err(why.clone())));
                patiently(why, &mut said).await;
            }
        }
    }
}

/// Says why something that is needed cannot be had, once, and waits before another try. An API server that starts as
/// well, or has too much to do, or gets kept's rights a moment later, is no reason to give up: a new start would be held
/// back longer each time.
async fn patiently(why: String, said: &mut String) {
    if *said != why {
        tracing::warn!("{why}; trying again");
        *said = why;
    }
    tokio::time::sleep(API_RETRY).await;
}

/// An error with all its causes: the outermost alone says little. Of the API server its own words, which are enough.
pub(super) fn chain(error: &kube::Error) -> String {
    if let kube::Error::Api(status) = error
        && !status.message.is_empty()
    {
        return status.message.clone();
    }
    let causes = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source());
    let mut words: Vec<String> = causes.map(ToString::to_string).collect();
    words.dedup_by(|next, before| before.ends_with(next.as_str()));
    words.join(": ")
}

/// The names of all objects of a kind.
pub(super) async fn names(client: &Client, resource: &ApiResource, vitals: &Vitals) -> Vec<String> {
    let api: Api<DynamicObject> = Api::all_with(client.clone(), resource);
    let mut said = String::new();
    loop {
        match api.list_metadata(&ListParams::default()).await {
            Ok(list) => return list.items.iter().map(ResourceExt::name_any).collect(),
            Err(error) => {
                vitals.not_listed(&resource.kind, &error);
                let is_absent = matches!(&error, kube::Error::Api(status) if status.code == 404);
                let why = if is_absent {
                    "the CustomResourceDefinitions are not installed (`kept crd | kubectl apply -f -`)".to_owned()
                } else {
                    format!("{} cannot be listed: {}", resource.plural, chain(&error))
                };
                patiently(why, &mut said).await;
            }
        }
    }
}
