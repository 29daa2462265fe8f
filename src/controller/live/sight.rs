//! What is seen of a request, and of a virtual cluster.

use super::report::{Application, Id, Secret};

/// What is known of something.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::controller) enum Look<T> {
    /// Nobody looks there.
    Blind,
    /// What there is cannot be known now, and why.
    Failing(String),
    /// This.
    Seen(T),
}

impl<T> Look<T> {
    /// What is seen.
    pub(in crate::controller) fn seen(&self) -> Option<&T> {
        match self {
            Self::Seen(seen) => Some(seen),
            Self::Blind | Self::Failing(_) => None,
        }
    }

    pub(super) fn map<U>(self, make: impl FnOnce(T) -> U) -> Look<U> {
        match self {
            Self::Blind => Look::Blind,
            Self::Failing(why) => Look::Failing(why),
            Self::Seen(seen) => Look::Seen(make(seen)),
        }
    }
}

/// How many there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::controller) struct Count {
    /// Those that are well.
    pub(in crate::controller) ready: usize,
    /// All of them.
    pub(in crate::controller) total: usize,
}

/// What is seen of a virtual cluster, beside its objects.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::controller) struct Cluster {
    /// The namespace that it runs in.
    pub(in crate::controller) namespace: String,
    /// Its pods.
    pub(in crate::controller) pods: Look<Count>,
    /// The Applications that deploy to it.
    pub(in crate::controller) applications: Look<Count>,
    /// The names of those that are not well, in order.
    pub(in crate::controller) unwell: Vec<String>,
}

/// What is seen of a request. What is absent among seen objects is not there.
#[derive(Clone, Debug, Default, PartialEq)]
pub(in crate::controller) struct Sight {
    /// The Applications that it consists of.
    pub(in crate::controller) applications: Vec<(Id, Look<Option<Application>>)>,
    /// The projects.
    pub(in crate::controller) projects: Vec<(Id, Look<Option<()>>)>,
    /// The credentials.
    pub(in crate::controller) secrets: Vec<(Id, Look<Option<Secret>>)>,
    /// The virtual cluster.
    pub(in crate::controller) vcluster: Option<Cluster>,
    /// The Application that applies its files, and why it cannot.
    pub(in crate::controller) unapplied: Option<(String, String)>,
}
