//! The operator withstands its API server: one that goes away, hangs, refuses and forgets, objects that cannot be
//! read or written, and a clock that jumps.

mod answers;
mod clock;
mod kinds;
mod many;
mod objects;
mod server;

use std::collections::BTreeSet;
use std::path::Path;

use crate::api_proxy::ApiProxy;
use crate::crashes::{edit, settles};
use crate::manifests::destination;
use crate::support::World;
use crate::witness::{Versions, Witness, log_moves, went_forward};

impl World {
    /// A control plane with a store and a destination, and an operator that talks to the API server through a proxy.
    fn proxied() -> (Self, ApiProxy) {
        let mut world = Self::new();
        let proxy = ApiProxy::before(Path::new(&world.info("kubeconfig")));
        world.talk_to(&proxy.url);
        world.begin();
        (world, proxy)
    }

    /// Makes the usual store and destination, and starts the operator.
    pub fn begin(&mut self) {
        self.repository("state");
        log_moves(&self.bare("state"));
        self.apply(&(self.secret() + &self.store("state", "") + &destination("host", "state", ".", "")));
        self.start("");
        self.wait_ready("destination/host");
    }

    /// How many teams there are; of none at all kubectl says nothing.
    fn teams(&self) -> usize {
        self.get("teams -A")["items"].as_array().map_or(0, Vec::len)
    }

    /// The events about an object: reason, how often, and what they say.
    fn events(&self, reason: &str, name: &str) -> Vec<(u64, String)> {
        let about = format!("reason={reason},regarding.name={name}");
        let list = self.get(&format!("events.events.k8s.io -A --field-selector {about}"));
        let events = list["items"].as_array().cloned().unwrap_or_default();
        let event = |event: &serde_json::Value| {
            (event["series"]["count"].as_u64().unwrap_or(1), event["note"].as_str().unwrap_or_default().to_owned())
        };
        events.iter().map(event).collect()
    }
}

/// Teams that come, change and go, and what is to be found of them in the end.
struct Teams {
    versions: Versions,
    counter: usize,
    witness: Witness,
}

impl Teams {
    fn of(world: &World) -> Self {
        Self { versions: Versions::default(), counter: 0, witness: Witness::new(&world.bare("state")) }
    }

    /// Wants these in a new version; as manifests.
    fn edit(&mut self, world: &World, which: impl IntoIterator<Item = usize>) -> String {
        edit(world, &mut self.versions, &which.into_iter().collect::<BTreeSet<_>>(), &mut self.counter)
    }

    /// Wants these gone.
    fn delete(&mut self, world: &World, which: impl IntoIterator<Item = usize>) {
        let names: Vec<String> = which.into_iter().map(|at| format!("t{at:03}")).collect();
        let mut args = vec!["delete", "team", "--wait=false", "--ignore-not-found"];
        args.extend(names.iter().map(String::as_str));
        world.kubectl(&args);
        for name in &names {
            self.versions.forget(name);
        }
    }

    /// Waits until all is as it is wanted, in the cluster and in the repository, one commit after the other.
    fn settle(mut self, world: &mut World) {
        settles(world, &mut self.witness, &self.versions);
        let wanted = self.versions.now.len();
        world.eventually("those that go are gone", || (world.teams() == wanted).then_some(()));
        let moves = went_forward(&world.bare("state"));
        assert!(world.runs(), "it must not have ended\n{}", world.log());
        println!("{} edits, {moves} commits", self.counter);
    }
}
