//! The candidate for the Lease in a thread of its own, so that nothing that the operator does keeps it from renewing.

use std::fs;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;
use std::thread;

use kube::{Client, Config};
use tokio::runtime;
use tokio::sync::{oneshot, watch};

use super::Error;
use super::lease::{Candidate, Stage};
use super::vitals::Vitals;
use crate::config::LeaderElection;
use crate::store::Fence;

/// Where a pod finds the namespace that it is in.
const OWN_NAMESPACE: &str = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

/// See the module.
pub(super) struct Election {
    stages: watch::Receiver<Stage>,
    /// Why it is over.
    over: oneshot::Receiver<Error>,
    resign: oneshot::Sender<()>,
}

/// Whether there is to be one at all: in a pod there may be others.
pub(super) fn is_wanted(settings: &LeaderElection) -> bool {
    settings.enabled.unwrap_or_else(|| pods_namespace().is_some())
}

impl Election {
    /// Becomes a candidate.
    pub(super) fn start(settings: LeaderElection, mut config: Config, fence: Fence) -> Result<Self, Error> {
        // It has times of its own by which it tries again.
        config.default_retry = false;
        let namespace = settings.namespace.clone().or_else(pods_namespace);
        let namespace = namespace.unwrap_or_else(|| config.default_namespace.clone());
        let (stage, stages) = watch::channel(Stage::Unknown(None));
        let (send_over, over) = oneshot::channel();
        let (resign, resigned) = oneshot::channel();
        let work = async move {
            let client = match Client::try_from(config) {
                Ok(client) => client,
                Err(error) => return drop(send_over.send(Error::Config(error.to_string()))),
            };
            let mut candidate = Candidate::new(client, &namespace, identity(), settings, fence);
            tokio::select! {
                error = candidate.serve(&stage) => drop(send_over.send(error)),
                Ok(()) = resigned => candidate.resign().await,
            }
        };
        let failed = |error: std::io::Error| Error::Config(format!("no thread for the lease: {error}"));
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        thread::Builder::new().name("lease".into()).spawn(move || runtime.block_on(work)).map_err(failed)?;
        Ok(Self { stages, over, resign })
    }

    /// Stands by until this replica is the one that works.
    pub(super) async fn won(&mut self, vitals: &Vitals) -> Result<(), Error> {
        loop {
            match &*self.stages.borrow_and_update() {
                Stage::Unknown(trouble) => {
                    vitals.stand_by(Some(Err(trouble
                        .clone()
                        .unwrap_or_else(|| "the lease has not been read yet".to_owned()))));
                }
                Stage::StandingBy(why) => vitals.stand_by(Some(Ok(why.clone()))),
                Stage::Leading => break,
            }
            if self.stages.changed().await.is_err() {
                return Err(self.over().await);
            }
        }
        vitals.stand_by(None);
        Ok(())
    }

    /// Resolves when it does not work any more, with the reason.
    pub(super) async fn over(&mut self) -> Error {
        let gone = |_| Error::LeaseLost { lease: "of this replica".into(), why: "its thread has ended".into() };
        (&mut self.over).await.unwrap_or_else(gone)
    }

    /// Lets another one take over at once: nothing is being written any more.
    pub(super) async fn resign(self) {
        let _ = self.resign.send(());
        // Ends without a word.
        let _ = self.over.await;
    }
}

fn pods_namespace() -> Option<String> {
    let told = std::env::var("POD_NAMESPACE").ok().or_else(|| fs::read_to_string(Path::new(OWN_NAMESPACE)).ok());
    told.map(|namespace| namespace.trim().to_owned()).filter(|namespace| !namespace.is_empty())
}

/// The pod's or machine's name, and something that no earlier process there had.
fn identity() -> String {
    let host = std::env::var("POD_NAME").ok().or_else(|| fs::read_to_string("/proc/sys/kernel/hostname").ok());
    let host = host.as_deref().map(str::trim).filter(|host| !host.is_empty()).unwrap_or("kept").to_owned();
    format!("{host}_{:016x}", RandomState::new().build_hasher().finish())
}
