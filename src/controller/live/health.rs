//! What follows from what is seen: the phase of a virtual cluster, and the conditions of every request.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::report::{Application, Id, Secret};
pub(in crate::controller) use super::sight::Sight;
use super::sight::{Cluster, Count, Look};
use crate::api::status::Phase;
use crate::api::status::condition::{ARGO_SYNCED, CLUSTER_REGISTERED, KUBECONFIG_AVAILABLE, PODS_READY};
use crate::controller::status::{Verdict, cut};
use crate::telemetry::metrics::Vcluster;
use crate::values::Timestamp;

/// How long a virtual cluster may be degraded before it has failed.
const PATIENCE: Duration = Duration::from_mins(15);
/// How many Applications that are not well a status names.
const NAMED: usize = 20;

/// How a request fares.
#[derive(Debug)]
pub(in crate::controller) struct Health {
    /// Whether all of it is well; nothing, if there is nothing to be seen.
    pub(in crate::controller) verdict: Option<Verdict>,
    /// The parts of that.
    pub(in crate::controller) conditions: Vec<(&'static str, Verdict)>,
    /// Whether the parts that were said before stay.
    pub(in crate::controller) stays: bool,
    /// Fields of the status; what is null is taken out.
    pub(in crate::controller) fields: Map<String, Value>,
    /// When it will be otherwise although nothing changes.
    pub(in crate::controller) again: Option<Duration>,
    /// What metrics say of it, if it is a virtual cluster.
    pub(in crate::controller) vcluster: Option<Vcluster>,
}

impl Health {
    /// Nothing is known now; what was said before stays, or if it is `new`, that is said.
    pub(in crate::controller) fn untold(new: bool) -> Self {
        let phase = new.then(|| ("phase".to_owned(), json!(Phase::Unknown)));
        let fields = phase.into_iter().collect();
        Self { verdict: None, conditions: Vec::new(), stays: true, fields, again: None, vcluster: None }
    }
}

/// Judges a request that is no virtual cluster.
pub(in crate::controller) fn of_request(sight: &Sight) -> Health {
    let mut found = Found::default();
    let mut health = Value::Null;
    let mut conditions = Vec::new();
    for (id, application) in &sight.applications {
        found.application(id, application);
        conditions.extend(argo_synced(id, application).map(|verdict| (ARGO_SYNCED, verdict)));
        if let Some(seen) = application.seen() {
            health = json!({ "argocd": argocd(seen.as_ref()) });
        }
    }
    for (id, project) in &sight.projects {
        found.there(id, project);
    }
    for (id, secret) in &sight.secrets {
        if let Some(secret) = found.there(id, secret) {
            found.wrong.extend(missing(id, Some(secret)));
        }
    }
    found.unapplied(sight);
    let verdict = match found.phase() {
        Phase::Ready if found.is_seen => Some(Verdict::good("AllHealthy", "")),
        Phase::Ready => None,
        phase => Some(found.verdict(phase)),
    };
    let fields = [("health".to_owned(), health)].into_iter().collect();
    Health { verdict, conditions, stays: false, fields, again: None, vcluster: None }
}

/// Judges a virtual cluster, which has been degraded since then according to its status. Nothing is seen of one
/// whose request is refused and was not looked at before.
pub(in crate::controller) fn of_vcluster(sight: &Sight, since: Option<Timestamp>, now: Timestamp) -> Health {
    let mut found = Found::default();
    let mut conditions = Vec::new();
    let mut health = Map::new();
    let application = sight.applications.first();
    let is_here = application.is_some_and(|(_, application)| *application != Look::Blind);
    let mut seen = None;
    if let Some((id, application)) = application {
        found.application(id, application);
        conditions.extend(argo_synced(id, application).map(|verdict| (ARGO_SYNCED, verdict)));
        seen = application.seen().and_then(Option::as_ref);
        if application.seen().is_some() {
            health.insert("argocd".to_owned(), argocd(seen));
        }
    }
    let (mut pods, mut members) = (None, None);
    if let Some(vcluster) = sight.vcluster.as_ref().filter(|_| is_here) {
        found.pods(vcluster);
        found.members(vcluster);
        pods = vcluster.pods.seen().copied();
        members = vcluster.applications.seen().copied();
        if let Some(Count { ready, total }) = pods {
            conditions.push((PODS_READY, pods_ready(ready, total)));
            health.insert("workloads".to_owned(), json!({ "ready": ready, "total": total }));
        }
        if let Some(Count { ready, total }) = members {
            let unhealthy: Vec<&String> = vcluster.unwell.iter().take(NAMED).collect();
            let counted = json!({ "healthy": ready, "total": total, "unhealthy": unhealthy });
            health.insert("subApps".to_owned(), counted);
        }
    }
    let namespace = sight.vcluster.as_ref().map_or("", |vcluster| &vcluster.namespace);
    let (own, others): (Vec<_>, Vec<_>) = sight.secrets.iter().partition(|(id, _)| *id.namespace == *namespace);
    conditions
        .extend(credentials(&own, "SecretExists", "SecretMissing").map(|verdict| (KUBECONFIG_AVAILABLE, verdict)));
    conditions.extend(credentials(&others, "Registered", "NotRegistered").map(|verdict| (CLUSTER_REGISTERED, verdict)));
    found.secrets(&sight.secrets);
    found.unapplied(sight);

    let mut again = None;
    let mut phase = if is_here { found.phase() } else { Phase::Unknown };
    if phase == Phase::Degraded {
        // A clock that was put back says nothing.
        let since = since.filter(|since| *since <= now).unwrap_or(now);
        let left = PATIENCE.checked_sub(now.duration_since(since).unsigned_abs()).filter(|left| !left.is_zero());
        phase = if left.is_some() { phase } else { Phase::Failed };
        again = left;
        health.insert("degradedSince".to_owned(), json!(since));
    } else if let Some(since) = since.filter(|_| phase == Phase::Unknown && is_here) {
        // It may still be.
        health.insert("degradedSince".to_owned(), json!(since));
    }
    let verdict = match phase {
        Phase::Ready => Some(Verdict::good("AllHealthy", "")),
        _ if is_here => Some(found.verdict(phase)),
        _ => None,
    };
    let message = match &verdict {
        Some(verdict) if verdict.is_good() => "committed, and everything of it is healthy".to_owned(),
        Some(verdict) => verdict.message.clone(),
        None => "nothing is known here of how it runs".to_owned(),
    };
    let health = if health.is_empty() { Value::Null } else { Value::Object(health) };
    let fields = [("phase", json!(phase)), ("message", json!(cut(&message))), ("health", health)];
    let vital = Vcluster {
        phase: phase.name(),
        is_ready: (phase != Phase::Unknown).then_some(phase == Phase::Ready),
        pods: pods.map(|count| (count.ready, count.total)),
        argocd: seen.map(|application| (application.is_synced(), application.is_healthy())),
        applications: members.map(|count| (count.ready, count.total)),
    };
    let fields = fields.into_iter().map(|(field, value)| (field.to_owned(), value)).collect();
    Health { verdict, conditions, stays: false, fields, again, vcluster: Some(vital) }
}

/// What was found, of what there was to see.
#[derive(Default)]
struct Found {
    is_seen: bool,
    is_missing: bool,
    is_degraded: bool,
    wrong: Vec<String>,
    unsure: Vec<String>,
}

impl Found {
    fn look<'a, T>(&mut self, what: &str, look: &'a Look<T>) -> Option<&'a T> {
        match look {
            Look::Blind => None,
            Look::Failing(why) => {
                self.unsure.push(format!("{what}: {why}"));
                None
            }
            Look::Seen(seen) => {
                self.is_seen = true;
                Some(seen)
            }
        }
    }

    fn there<'a, T>(&mut self, id: &Id, look: &'a Look<Option<T>>) -> Option<&'a T> {
        let what = named(id);
        let found = self.look(&what, look)?;
        if found.is_none() {
            self.is_missing = true;
            self.wrong.push(format!("{what} is not there yet"));
        }
        found.as_ref()
    }

    fn application(&mut self, id: &Id, look: &Look<Option<Application>>) {
        if let Some(application) = self.there(id, look)
            && !(application.is_healthy() && application.is_synced())
        {
            self.is_degraded |= application.health == "Degraded";
            self.wrong.push(told(id, application));
        }
    }

    fn pods(&mut self, vcluster: &Cluster) {
        let Some(Count { ready, total }) = self.look("its pods", &vcluster.pods) else { return };
        if ready < total || *total == 0 {
            self.is_degraded |= ready * 2 < *total;
            self.wrong.push(pods_ready(*ready, *total).message);
        }
    }

    fn members(&mut self, vcluster: &Cluster) {
        let Some(Count { ready, total }) = self.look("its Applications", &vcluster.applications) else { return };
        if ready < total {
            let (named, more) = vcluster.unwell.split_at(vcluster.unwell.len().min(NAMED));
            let more = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            self.wrong.push(format!(
                "{} of the {total} Applications in it are not healthy: {}{more}",
                total - ready,
                named.join(", ")
            ));
        }
    }

    fn secrets(&mut self, secrets: &[(Id, Look<Option<Secret>>)]) {
        for (id, look) in secrets {
            if let Some(secret) = self.look(&named(id), look) {
                self.wrong.extend(missing(id, secret.as_ref()));
            }
        }
    }

    fn unapplied(&mut self, sight: &Sight) {
        if let Some((application, why)) = &sight.unapplied {
            self.is_seen = true;
            self.wrong.push(format!("the Application {application}, which applies its files, cannot: {why}"));
        }
    }

    /// The first that matches.
    fn phase(&self) -> Phase {
        match () {
            () if self.is_missing => Phase::Scheduled,
            () if self.is_degraded => Phase::Degraded,
            () if !self.wrong.is_empty() => Phase::Progressing,
            () if !self.unsure.is_empty() => Phase::Unknown,
            () => Phase::Ready,
        }
    }

    fn verdict(&self, phase: Phase) -> Verdict {
        let message = [&self.wrong[..], &self.unsure[..]].concat().join("; ");
        match phase {
            Phase::Unknown => Verdict::unknown("HealthUnknown", message),
            phase => Verdict::bad(phase.name(), message),
        }
    }
}

fn named(id: &Id) -> String {
    let kind = id.kind.name();
    format!("the {kind} {}/{}", id.namespace, id.name)
}

fn told(id: &Id, application: &Application) -> String {
    let Application { sync, health, trouble, .. } = application;
    let trouble = trouble.as_deref().map(|trouble| format!(": {trouble}")).unwrap_or_default();
    format!("{} is {health} and {sync}{trouble}", named(id))
}

fn argocd(application: Option<&Application>) -> Value {
    let (sync, health) = application.map_or(("Unknown", "Missing"), |found| (found.sync, found.health));
    json!({ "syncStatus": sync, "healthStatus": health })
}

fn argo_synced(id: &Id, look: &Look<Option<Application>>) -> Option<Verdict> {
    match look {
        Look::Blind => None,
        Look::Failing(why) => Some(Verdict::unknown("HealthUnknown", format!("{}: {why}", named(id)))),
        Look::Seen(None) => Some(Verdict::bad("NotFound", format!("{} is not there yet", named(id)))),
        Look::Seen(Some(application)) if application.is_synced() => Some(Verdict::good("Synced", "")),
        Look::Seen(Some(application)) => Some(Verdict::bad(application.sync, told(id, application))),
    }
}

fn pods_ready(ready: usize, total: usize) -> Verdict {
    match (ready, total) {
        (_, 0) => Verdict::bad("PodsNotReady", "it has no pods yet"),
        (ready, total) if ready == total => {
            Verdict::good("AllPodsRunning", format!("{ready} of {total} pods are ready"))
        }
        (ready, total) => Verdict::bad("PodsNotReady", format!("{ready} of {total} pods are ready")),
    }
}

/// Whether credentials have arrived; nothing, if none of them can be seen.
fn credentials(secrets: &[&(Id, Look<Option<Secret>>)], good: &'static str, bad: &'static str) -> Option<Verdict> {
    let seen: Vec<(&Id, Option<&Secret>)> =
        secrets.iter().filter_map(|(id, look)| Some((id, look.seen()?.as_ref()))).collect();
    if seen.is_empty() {
        return None;
    }
    let wrong: Vec<String> = seen.iter().filter_map(|(id, secret)| missing(id, *secret)).collect();
    Some(if wrong.is_empty() { Verdict::good(good, "") } else { Verdict::bad(bad, wrong.join("; ")) })
}

fn missing(id: &Id, secret: Option<&Secret>) -> Option<String> {
    match secret {
        None => Some(format!("{} is not there yet", named(id))),
        Some(Secret { is_ready: true, .. }) => None,
        Some(Secret { message, .. }) if message.is_empty() => Some(format!("{} is not ready", named(id))),
        Some(Secret { message, .. }) => Some(format!("{} is not ready: {message}", named(id))),
    }
}
