use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::Request;
use crate::config::{DestinationSelector, Settings};
use crate::error::Invalid;
use crate::manifest::Output;

/// A promise: what a kind of request turns into. Object-safe, so that one lifecycle serves them all.
pub trait Promise: Send + Sync {
    /// The promise's name: a path component and a label value, such as `team`.
    fn name(&self) -> &'static str;

    /// The kind's CustomResourceDefinition, generated from its Rust type.
    fn crd(&self) -> &CustomResourceDefinition;

    /// The destination selectors that the settings give this promise.
    fn selectors<'a>(&self, settings: &'a Settings) -> &'a [DestinationSelector];

    /// Plans and renders. Pure: the same request and settings give the same output.
    fn render(&self, request: &Request, settings: &Settings) -> Result<Output, Invalid>;
}

/// Every promise that kept serves, in the order in which they are listed.
pub fn all() -> &'static [&'static dyn Promise] {
    &[]
}

/// The promise that serves `kind` of the API group `group`.
pub fn by_kind(group: &str, kind: &str) -> Option<&'static dyn Promise> {
    all().iter().copied().find(|p| p.crd().spec.group == group && p.crd().spec.names.kind == kind)
}
