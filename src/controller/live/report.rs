//! What is kept of an object that is watched: as little as a status needs.

use kube::ResourceExt;
use kube::api::DynamicObject;
use kube::core::{NotUsed, Object};
use serde::Deserialize;
use serde_json::Value;

use crate::controller::argocd::Source;
use crate::manifest::ObservedKind;
use crate::values::RequestKey;

/// How many characters of what others say of trouble are kept.
pub(in crate::controller) const LONGEST: usize = 500;

/// What is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::controller) enum Kind {
    /// What requests render.
    Observed(ObservedKind),
    /// Those of vclusters, and all others.
    Pod,
    /// Those that hold data for somebody.
    Volume,
}

impl Kind {
    /// Its name.
    pub(in crate::controller) fn name(self) -> &'static str {
        match self {
            Self::Observed(kind) => kind.group_kind().1,
            Self::Pod => "Pod",
            Self::Volume => "PersistentVolume",
        }
    }
}

/// An object that is watched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::controller) struct Id {
    pub(in crate::controller) kind: Kind,
    pub(in crate::controller) namespace: Box<str>,
    pub(in crate::controller) name: Box<str>,
}

/// What is known of one.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::controller) enum Report {
    /// Of an Argo CD Application.
    Application(Box<Application>),
    /// That it is there.
    Exists,
    /// Of an `ExternalSecret` or a `PushSecret`.
    Secret(Secret),
    /// Of a pod that has not ended: whether it is ready.
    Pod(bool),
    /// Of a volume that stays when its claim goes: the namespace of that claim.
    Volume(Box<str>),
}

/// An Argo CD Application.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::controller) struct Application {
    /// `Synced`, `OutOfSync` or, before Argo CD has looked, `Unknown`.
    pub(in crate::controller) sync: &'static str,
    /// `Healthy`, `Progressing`, `Degraded`, `Suspended`, `Missing` or, before Argo CD has looked, `Unknown`.
    pub(in crate::controller) health: &'static str,
    /// What is wrong with it, in Argo CD's words.
    pub(in crate::controller) trouble: Option<Box<str>>,
    /// The cluster that it deploys to, by its address or by its name.
    pub(in crate::controller) cluster: Box<str>,
    /// Whether Argo CD has yet to look at what was pushed.
    pub(in crate::controller) is_refreshing: bool,
    /// The request whose files it applies.
    pub(in crate::controller) applies: Option<Applies>,
}

/// Files of a request, where an Application reads them.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::controller) struct Applies {
    /// The request.
    pub(in crate::controller) request: RequestKey,
    /// The repository and the branch, as far as they are said.
    pub(in crate::controller) source: Source,
}

impl Application {
    /// Whether what it deploys is well.
    pub(in crate::controller) fn is_healthy(&self) -> bool {
        self.health == "Healthy"
    }

    /// Whether what is there is what is asked for.
    pub(in crate::controller) fn is_synced(&self) -> bool {
        self.sync == "Synced"
    }

    /// Why what is asked for is not there yet.
    pub(in crate::controller) fn lag(&self) -> Option<&str> {
        match (&self.trouble, self.is_refreshing) {
            (Some(trouble), _) => Some(trouble),
            (None, true) => Some("it has yet to look at the last commit"),
            (None, false) => (!self.is_synced()).then_some("it is not synced"),
        }
    }
}

/// Credentials on their way from one place to another.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::controller) struct Secret {
    /// Whether they have arrived.
    pub(in crate::controller) is_ready: bool,
    /// Why not.
    pub(in crate::controller) message: Box<str>,
}

/// A kind of objects that can be reported on.
pub(in crate::controller) trait Watched {
    /// Which of them it is, if it is of this kind.
    fn id(&self, kind: Kind) -> Id;
    /// What is kept of it; nothing, as if it were not there, of one that does not matter.
    fn report(&self, kind: Kind) -> Option<Report>;
}

/// A pod.
pub(super) type Pod = Object<NotUsed, PodStatus>;
/// A volume.
pub(super) type Volume = Object<VolumeSpec, NotUsed>;

/// A status that is made of conditions.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Conditions {
    #[serde(default)]
    conditions: Vec<Condition>,
}

#[derive(Clone, Debug, Deserialize)]
struct Condition {
    #[serde(rename = "type")]
    type_: String,
    status: String,
}

/// How a pod fares.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct PodStatus {
    #[serde(default)]
    phase: String,
    #[serde(flatten)]
    conditions: Conditions,
}

/// What becomes of a volume.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeSpec {
    #[serde(default)]
    persistent_volume_reclaim_policy: String,
    claim_ref: Option<ClaimRef>,
}

#[derive(Clone, Debug, Deserialize)]
struct ClaimRef {
    #[serde(default)]
    namespace: String,
}

impl Conditions {
    fn ready(&self) -> Option<&Condition> {
        self.conditions.iter().find(|condition| condition.type_ == "Ready")
    }
}

/// The identity of any object.
pub(in crate::controller) fn id_of<S: Clone, T: Clone>(object: &Object<S, T>, kind: Kind) -> Id
where
    Object<S, T>: ResourceExt,
{
    Id { kind, namespace: object.namespace().unwrap_or_default().into(), name: object.name_any().into() }
}

/// Of custom resources nothing can be taken for granted: one that cannot be read would hide all others.
impl Watched for DynamicObject {
    fn id(&self, kind: Kind) -> Id {
        Id { kind, namespace: self.namespace().unwrap_or_default().into(), name: self.name_any().into() }
    }

    fn report(&self, kind: Kind) -> Option<Report> {
        let Kind::Observed(ObservedKind::ExternalSecret | ObservedKind::PushSecret) = kind else {
            return Some(Report::Exists);
        };
        let conditions = self.data.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let ready = conditions.into_iter().find(|condition| condition["type"] == "Ready");
        let message =
            ready.map_or("it has not been looked at yet", |ready| ready["message"].as_str().unwrap_or_default());
        let is_ready = ready.is_some_and(|ready| ready["status"] == "True");
        let message: String = message.chars().take(if is_ready { 0 } else { LONGEST }).collect();
        Some(Report::Secret(Secret { is_ready, message: message.into() }))
    }
}

impl Watched for Pod {
    fn id(&self, kind: Kind) -> Id {
        id_of(self, kind)
    }

    fn report(&self, _: Kind) -> Option<Report> {
        let status = self.status.clone().unwrap_or_default();
        let has_ended = matches!(status.phase.as_str(), "Succeeded" | "Failed");
        let is_ready = status.conditions.ready().is_some_and(|ready| ready.status == "True");
        (!has_ended).then_some(Report::Pod(is_ready))
    }
}

impl Watched for Volume {
    fn id(&self, kind: Kind) -> Id {
        id_of(self, kind)
    }

    fn report(&self, _: Kind) -> Option<Report> {
        let claim = self.spec.claim_ref.as_ref()?;
        let stays = self.spec.persistent_volume_reclaim_policy == "Retain";
        stays.then(|| Report::Volume(claim.namespace.as_str().into()))
    }
}
