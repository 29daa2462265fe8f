//! What fields and annotations of several kinds have in common.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::eso::RECONCILE_AT;
use crate::api::fields::patterns;
use crate::api::schema::pattern;
use crate::config::VclusterSettings;
use crate::error::Mistake;
use crate::promises::Request;
use crate::values::Labels;

/// The longest name of a Helm release, and so of a vcluster.
pub(in crate::promises) const RELEASE_MAX: usize = 53;
/// What the annotations of one object may have in all, in bytes (`TotalAnnotationSizeLimitB`).
const ANNOTATIONS_MAX: usize = 256 << 10;
/// The address of an API server. Nothing in it can begin a template.
const SERVER: &str =
    r"^https?://([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[-A-Za-z0-9._~/]*)?$";
/// The title of an item. The store is searched with a query in which quotes and backslashes would count.
const ITEM: &str = r#"^[^"\\{}]*$"#;

/// The annotation, of requests and of clusters, that holds the domain which host names lie below.
pub(in crate::promises) const BASE_DOMAIN: &str = "platform.integratn.tech/base-domain";

/// A request's spec as its kind's type.
pub(in crate::promises) fn spec<T: DeserializeOwned>(request: &Request) -> Result<T, Vec<Mistake>> {
    serde_json::from_value(request.spec.clone()).map_err(|e| vec![Mistake::new("spec", e.to_string())])
}

/// What is left of a spec without some of its fields.
pub(in crate::promises) fn without(spec: &impl Serialize, fields: &[&str]) -> Value {
    let mut value = serde_json::to_value(spec).unwrap_or_default();
    if let Some(map) = value.as_object_mut() {
        map.retain(|field, _| !fields.contains(&field.as_str()));
    }
    value
}

/// The request's annotation that makes the operator of the credentials look at once when it changes.
pub(in crate::promises) fn reconcile_at(request: &Request) -> Option<String> {
    request.annotations.get(RECONCILE_AT).cloned()
}

/// The domain that host names lie below: the request's annotation, or the setting.
pub(in crate::promises) fn base_domain(request: &Request, settings: &VclusterSettings) -> Result<String, Mistake> {
    let Some(given) = request.annotations.get(BASE_DOMAIN) else { return Ok(settings.base_domain.clone()) };
    if given.len() <= 253 && fits(patterns::DNS_NAME, given) {
        return Ok(given.clone());
    }
    let message = format!("{given:?} is no domain: lower-case letters, digits and -, joined by dots");
    Err(Mistake::new(format!("metadata.annotations[{BASE_DOMAIN:?}]"), message))
}

/// What is wrong with a vcluster's name, as far as its kind cannot say so.
pub(in crate::promises) fn name_mistake(name: &str) -> Option<Mistake> {
    let length = name.len();
    (length > RELEASE_MAX).then(|| {
        let message = format!(
            "{name} has {length} characters, and {RELEASE_MAX} are the most that the name of a Helm release can have: choose a shorter one"
        );
        Mistake::new("spec.name", message)
    })
}

/// What is wrong with the address of a vcluster's API. It is written into a template, and Argo CD tells
/// clusters apart by it, so that it cannot be the address of Argo CD's own.
pub(in crate::promises) fn server_mistake(field: &str, server: &str, settings: &VclusterSettings) -> Option<Mistake> {
    if !fits(SERVER, server) {
        let message = format!("{server:?} is no address of an API server, such as https://dev.example.org:8443");
        return Some(Mistake::new(field, message));
    }
    let host = host(server);
    let own = host == self::host(&settings.in_cluster_server)
        || host == "kubernetes"
        || host.starts_with("kubernetes.default");
    own.then(|| {
        let message = format!("{server} is the cluster that Argo CD runs in (setting promises.vcluster.inClusterServer): a vcluster has an address of its own");
        Mistake::new(field, message)
    })
}

fn host(server: &str) -> String {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = rest.split('/').next().unwrap_or_default();
    let host = host
        .rsplit_once(':')
        .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
        .map_or(host, |(host, _)| host);
    host.to_ascii_lowercase()
}

/// What is wrong with the title of an item.
pub(in crate::promises) fn item_mistake(item: &str) -> Option<Mistake> {
    (!fits(ITEM, item)).then(|| {
        let message = format!("{item:?} has quotes, backslashes or braces, which the search for an item does not take");
        Mistake::new("spec.onepasswordItem", message)
    })
}

/// What is wrong with labels or annotations, as far as their kind cannot say so: their keys.
pub(in crate::promises) fn key_mistakes(field: &str, entries: &Labels) -> Vec<Mistake> {
    let mut found: Vec<Mistake> = entries
        .keys()
        .filter(|key| !is_key(key))
        .map(|key| {
            let message = "cannot be a key: at most 63 letters, digits and -_. with a letter or digit at both ends, perhaps after a domain and /";
            Mistake::new(format!("{field}[{key:?}]"), message)
        })
        .collect();
    let total: usize = entries.iter().map(|(key, value)| key.len() + value.len()).sum();
    if total > ANNOTATIONS_MAX {
        found.push(Mistake::new(field, format!("has {total} bytes, and an object takes {ANNOTATIONS_MAX}")));
    }
    found
}

/// Entries that would be executed where the operator of the credentials writes them.
pub(in crate::promises) fn template_mistakes(field: &str, entries: &Labels) -> Vec<Mistake> {
    let live = entries.iter().filter(|(key, value)| key.contains("{{") || value.contains("{{"));
    live.map(|(key, _)| {
        let message = "holds {{, which the External Secrets Operator would execute as a template: leave it out";
        Mistake::new(format!("{field}[{key:?}]"), message)
    })
    .collect()
}

fn is_key(key: &str) -> bool {
    let (prefix, name) = key.split_once('/').map_or((None, key), |(prefix, name)| (Some(prefix), name));
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let name_fits = name.len() <= 63
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && ends(name.chars().next())
        && ends(name.chars().next_back());
    name_fits && prefix.is_none_or(|prefix| prefix.len() <= 253 && fits(patterns::DNS_NAME, prefix))
}

fn fits(wanted: &str, given: &str) -> bool {
    pattern(wanted).is_some_and(|p| p.is_match(given))
}
