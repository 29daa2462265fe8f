//! Which of several replicas works: the one that holds a Lease, by the rules of client-go. What another one's record
//! says of times is of its clock; here only counts how long, by this machine's own, the record has stayed the same.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use kube::Client;
use kube::api::{Api, ObjectMeta, PostParams};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, sleep_until, timeout, timeout_at};

use super::Error;
use super::startup::chain;
use crate::config::LeaderElection;
use crate::store::Fence;
use crate::values::Timestamp;

/// How long giving a Lease back may take: without that it runs out by itself.
const FAREWELL: Duration = Duration::from_secs(3);

/// How far a replica has come.
pub(super) enum Stage {
    /// It is not known yet whether anybody holds the Lease, or cannot be known for this reason.
    Unknown(Option<String>),
    /// Another one holds it, as this says.
    StandingBy(String),
    /// It works.
    Leading,
}

/// How a try to hold the Lease ended.
enum Tried {
    /// It is held, as of a moment before it was written.
    Held(Instant),
    /// It is another's, or was until a moment ago; who that is.
    Anothers(String),
}

/// A replica that wants the Lease.
pub(super) struct Candidate {
    api: Api<Lease>,
    /// `NAMESPACE/NAME`, for people.
    title: String,
    identity: String,
    settings: LeaderElection,
    fence: Fence,
    /// As it was last seen.
    lease: Option<Lease>,
    /// Whose it was last.
    holder: String,
    /// When it may be taken, if it stays as it was last seen.
    free: Instant,
}

impl Candidate {
    pub(super) fn new(
        client: Client,
        namespace: &str,
        identity: String,
        settings: LeaderElection,
        fence: Fence,
    ) -> Self {
        Self {
            api: Api::namespaced(client, namespace),
            title: format!("{namespace}/{}", settings.name),
            identity,
            settings,
            fence,
            lease: None,
            holder: String::new(),
            free: Instant::now(),
        }
    }

    /// Takes the Lease as soon as it can be had, says so, and keeps it; answers why it could not be kept.
    pub(super) async fn serve(&mut self, stages: &watch::Sender<Stage>) -> Error {
        let held = self.take(stages).await;
        self.fence.open((held + self.settings.renew_deadline()).into_std());
        tracing::info!(lease = self.title, identity = self.identity, "leading");
        stages.send_replace(Stage::Leading);
        let why = self.keep(held).await;
        self.fence.close();
        Error::LeaseLost { lease: self.title.clone(), why }
    }

    /// Stands by until the Lease is held, whatever is in the way: the namespace and the rights may come later than this
    /// replica, and a new start would be held back longer each time.
    async fn take(&mut self, stages: &watch::Sender<Stage>) -> Instant {
        loop {
            match self.attempt().await {
                Ok(Tried::Held(at)) => return at,
                Ok(Tried::Anothers(holder)) => {
                    let why = format!("{holder} holds the lease {}", self.title);
                    if !matches!(&*stages.borrow(), Stage::StandingBy(before) if *before == why) {
                        tracing::info!("standing by: {why}");
                        stages.send_replace(Stage::StandingBy(why));
                    }
                }
                Err(error) => {
                    let why = self.refused(&error);
                    if !matches!(&*stages.borrow(), Stage::Unknown(Some(before)) if *before == why) {
                        tracing::warn!("{why}; trying again");
                        stages.send_replace(Stage::Unknown(Some(why)));
                    }
                }
            }
            // What is seen late is taken over late: it is looked at twice as often as it is renewed.
            let next = Instant::now() + self.settings.retry_period() / 2;
            sleep_until(if self.free > Instant::now() { next.min(self.free) } else { next }).await;
        }
    }

    /// Renews the Lease until it is lost; why it is.
    async fn keep(&mut self, mut held: Instant) -> String {
        loop {
            sleep(self.settings.retry_period()).await;
            let deadline = held + self.settings.renew_deadline();
            held = match self.renew(deadline).await {
                Ok(at) => at,
                Err(why) => return why,
            };
            if !self.fence.extend((held + self.settings.renew_deadline()).into_std()) {
                return "its renewal came too late".to_owned();
            }
        }
    }

    /// Renews it once, before the deadline.
    async fn renew(&mut self, deadline: Instant) -> Result<Instant, String> {
        let mut trouble = "this process was paused".to_owned();
        while Instant::now() < deadline {
            match timeout_at(deadline, self.attempt()).await {
                Ok(Ok(Tried::Held(at))) => return Ok(at),
                Ok(Ok(Tried::Anothers(holder))) => return Err(format!("{holder} holds it")),
                Ok(Err(error)) => {
                    trouble = error.to_string();
                    tracing::warn!(lease = self.title, %error, "it is not renewed; trying again");
                    sleep(self.settings.retry_period().min(deadline.saturating_duration_since(Instant::now()))).await;
                }
                Err(_) => {}
            }
        }
        Err(format!("it could not be renewed for {} seconds: {trouble}", self.settings.renew_deadline_seconds))
    }

    /// Tries to hold the Lease, which is its own already or may be free.
    async fn attempt(&mut self) -> Result<Tried, kube::Error> {
        // A call that hangs must leave time for another one.
        let longest = self.settings.renew_deadline() / 2;
        timeout(longest, self.try_to_hold()).await.unwrap_or_else(|_| {
            let words = format!("the API server has not answered for {} seconds", longest.as_secs_f32());
            Err(kube::Error::Service(words.into()))
        })
    }

    async fn try_to_hold(&mut self) -> Result<Tried, kube::Error> {
        // Its own needs no look, unless somebody has touched it.
        let mut is_known = self.is_own();
        loop {
            if !is_known {
                let found = self.api.get_opt(&self.settings.name).await?;
                self.saw(found);
                if !self.is_own() && Instant::now() < self.free {
                    return Ok(Tried::Anothers(self.holder.clone()));
                }
            }
            let sent = Instant::now();
            match self.write(&self.identity.clone(), self.settings.lease_duration_seconds).await {
                Ok(()) => return Ok(Tried::Held(sent)),
                Err(kube::Error::Api(status)) if status.code == 409 || is_known && status.code == 404 => {
                    is_known = false;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Writes the record over what was last seen, and over nothing else; without a holder, for anybody to take.
    async fn write(&mut self, holder: &str, seconds: u32) -> Result<(), kube::Error> {
        let now = Some(MicroTime(Timestamp::now()));
        let before = self.lease.as_ref().and_then(|lease| lease.spec.clone());
        let stays = holder.is_empty() || before.as_ref().is_none_or(|spec| holder_of(spec) == holder);
        let mut spec = before.unwrap_or_default();
        let transitions = spec.lease_transitions.unwrap_or_default();
        spec.lease_transitions = Some(if stays { transitions } else { transitions.saturating_add(1) });
        if !stays || spec.acquire_time.is_none() {
            spec.acquire_time.clone_from(&now);
        }
        spec.holder_identity = Some(holder.to_owned());
        spec.lease_duration_seconds = i32::try_from(seconds).ok();
        spec.renew_time = now;
        let params = PostParams { field_manager: Some("kept".into()), ..PostParams::default() };
        let written = if let Some(lease) = &self.lease {
            let lease = Lease { spec: Some(spec), ..lease.clone() };
            self.api.replace(&self.settings.name, &params, &lease).await?
        } else {
            let metadata = ObjectMeta { name: Some(self.settings.name.clone()), ..ObjectMeta::default() };
            self.api.create(&params, &Lease { metadata, spec: Some(spec) }).await?
        };
        self.saw(Some(written));
        Ok(())
    }

    /// Takes in the Lease as it is. One that is gone may still have a holder who has not noticed.
    fn saw(&mut self, found: Option<Lease>) {
        let spec = found.as_ref().and_then(|lease| lease.spec.as_ref());
        let changed = spec != self.lease.as_ref().and_then(|lease| lease.spec.as_ref());
        if changed {
            if let Some(spec) = spec {
                holder_of(spec).clone_into(&mut self.holder);
            }
            let lasts = spec.and_then(|spec| u64::try_from(spec.lease_duration_seconds?).ok());
            let lasts = lasts.map_or(self.settings.lease_duration(), Duration::from_secs);
            let anothers = !self.holder.is_empty() && self.holder != self.identity;
            self.free = if anothers { Instant::now() + lasts } else { Instant::now() };
        }
        self.lease = found;
    }

    fn is_own(&self) -> bool {
        let spec = self.lease.as_ref().and_then(|lease| lease.spec.as_ref());
        spec.is_some_and(|spec| holder_of(spec) == self.identity)
    }

    /// Gives the Lease back, so that another need not wait. Nothing may be written any more.
    pub(super) async fn resign(&mut self) {
        self.fence.close();
        match timeout(FAREWELL, self.give_back()).await {
            Ok(Ok(())) => tracing::info!(lease = self.title, "given back"),
            Ok(Err(error)) => tracing::warn!(lease = self.title, %error, "not given back: it runs out by itself"),
            Err(_) => tracing::warn!(lease = self.title, "not given back in time: it runs out by itself"),
        }
    }

    async fn give_back(&mut self) -> Result<(), kube::Error> {
        while self.is_own() {
            // As client-go has it: what does not look at the holder sees that it has run out.
            match self.write("", 1).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {
                    let found = self.api.get_opt(&self.settings.name).await?;
                    self.saw(found);
                }
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(()),
                written => return written,
            }
        }
        Ok(())
    }

    /// Why the Lease cannot be had, and what to do about it.
    fn refused(&self, error: &kube::Error) -> String {
        let help = match error {
            kube::Error::Api(status) if [403, 404].contains(&status.code) => {
                ". kept must be allowed to create leases in that namespace, which must exist, and to get and update this \
                 one, as the chart's Role has it; `leaderElection.enabled: false` in the settings does without, for one \
                 operator alone"
            }
            _ => "",
        };
        format!("the lease {} cannot be read or taken: {}{help}", self.title, chain(error))
    }
}

fn holder_of(spec: &LeaseSpec) -> &str {
    spec.holder_identity.as_deref().unwrap_or_default()
}
