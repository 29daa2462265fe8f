//! Which of several replicas works.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{NAME_RULE, is_name};

/// The longest that a lease may last: nobody writes for so long after its holder has crashed.
const LONGEST_SECONDS: u32 = 3600;

/// Leader election by a Lease, with client-go's times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LeaderElection {
    /// Whether the operator works only while it holds a Lease, and else stands by. Default null: in a pod it does,
    /// elsewhere it works at once.
    pub enabled: Option<bool>,
    /// The name of the Lease. Default `kept`.
    pub name: String,
    /// Its namespace. Default null: the pod's own, or that of the kubeconfig's context.
    pub namespace: Option<String>,
    /// How long a Lease that is not renewed keeps others from taking it, in seconds. Default 15.
    pub lease_duration_seconds: u32,
    /// How long the holder tries to renew it before it stops writing, in seconds: less than the duration. Default 10.
    pub renew_deadline_seconds: u32,
    /// How often it is renewed, in seconds: less than the deadline. Default 2.
    pub retry_period_seconds: u32,
}

impl Default for LeaderElection {
    fn default() -> Self {
        Self {
            enabled: None,
            name: "kept".into(),
            namespace: None,
            lease_duration_seconds: 15,
            renew_deadline_seconds: 10,
            retry_period_seconds: 2,
        }
    }
}

impl LeaderElection {
    /// What no type rules out.
    pub(super) fn mistake(&self) -> Option<String> {
        for (field, name) in [("name", Some(&self.name)), ("namespace", self.namespace.as_ref())] {
            if let Some(name) = name.filter(|name| !is_name(name)) {
                return Some(format!("leaderElection.{field}: {name:?} is not a name: {NAME_RULE}"));
            }
        }
        let (lease, renew, retry) =
            (self.lease_duration_seconds, self.renew_deadline_seconds, self.retry_period_seconds);
        if !(0 < retry && retry < renew && renew < lease && lease <= LONGEST_SECONDS) {
            return Some(format!(
                "leaderElection: retryPeriodSeconds ({retry}) must be less than renewDeadlineSeconds ({renew}), that less than leaseDurationSeconds ({lease}), and that at most {LONGEST_SECONDS}"
            ));
        }
        None
    }

    /// How long a Lease lasts.
    pub fn lease_duration(&self) -> Duration {
        Duration::from_secs(self.lease_duration_seconds.into())
    }

    /// How long it is tried to renew it.
    pub fn renew_deadline(&self) -> Duration {
        Duration::from_secs(self.renew_deadline_seconds.into())
    }

    /// How often it is renewed.
    pub fn retry_period(&self) -> Duration {
        Duration::from_secs(self.retry_period_seconds.into())
    }
}
