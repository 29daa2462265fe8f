//! What is looked at to say how a request fares once its files are applied.

use serde_json::Value;

use super::object::{each, group_kind};
use super::{Content, Output};

/// Kinds that other operators report on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ObservedKind {
    /// Argo CD's: its sync state and health.
    Application,
    /// Argo CD's: that it is there.
    AppProject,
    /// The External Secrets Operator's: whether it is ready.
    ExternalSecret,
    /// The External Secrets Operator's: whether it is ready.
    PushSecret,
}

impl ObservedKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Application, Self::AppProject, Self::ExternalSecret, Self::PushSecret];

    /// Its API group and its name.
    pub fn group_kind(self) -> (&'static str, &'static str) {
        match self {
            Self::Application => ("argoproj.io", "Application"),
            Self::AppProject => ("argoproj.io", "AppProject"),
            Self::ExternalSecret => ("external-secrets.io", "ExternalSecret"),
            Self::PushSecret => ("external-secrets.io", "PushSecret"),
        }
    }
}

/// An object of such a kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObservedObject {
    /// Its kind.
    pub kind: ObservedKind,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A virtual cluster, as far as others have to do with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VirtualCluster {
    /// The namespace that its pods run in.
    pub namespace: String,
    /// The address of its API, by which Argo CD knows it.
    pub server: String,
    /// The name under which Argo CD knows it.
    pub cluster: String,
}

/// What is looked at for one request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// Objects that it consists of.
    pub objects: Vec<ObservedObject>,
    /// The virtual cluster that it makes.
    pub vcluster: Option<VirtualCluster>,
}

impl Observed {
    /// What there is to look at for an output.
    pub fn of(output: &Output) -> Self {
        let objects = output.files.values().filter_map(|content| match content {
            Content::Object(object) => Some(each(object)),
            Content::Document(_) | Content::Text(_) => None,
        });
        let objects = objects.flatten().filter_map(|(_, object)| observed(object)).collect();
        Self { objects, vcluster: output.vcluster.clone() }
    }
}

fn observed(object: &Value) -> Option<ObservedObject> {
    let kind = ObservedKind::ALL.into_iter().find(|kind| kind.group_kind() == group_kind(object))?;
    let text = |field: &str| object["metadata"][field].as_str().map(str::to_owned);
    Some(ObservedObject { kind, namespace: text("namespace")?, name: text("name")? })
}
