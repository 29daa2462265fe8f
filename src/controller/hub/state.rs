//! What the hub remembers, and how it learns and forgets.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Instant;

use crate::controller::progress::Progress;
use crate::known::{Known, KnownPlace, Site};
use crate::placement::{Branch, Landscape, Remote};
use crate::promises::{self, Promise};
use crate::store::writer::Writer;
use crate::store::{self, Access, Survey};
use crate::telemetry::metrics::Vcluster;
use crate::values::{RequestKey, Set};

/// What is expected at the start: the requests of a promise.
pub(super) const PROMISE: &str = "promise";

/// Whether a store can be used.
#[derive(Clone, Debug)]
pub(super) enum Usable {
    Yes,
    /// Why not, and since when.
    No(store::Error, Instant),
}

/// What the hub remembers.
#[derive(Default)]
pub(super) struct State {
    pub(super) landscape: Landscape,
    pub(super) usable: BTreeMap<String, Usable>,
    /// Stores and destinations that existed at the start and have not been looked at yet, and promises whose
    /// requests have not been listed yet.
    pub(super) expected: BTreeSet<(&'static str, String)>,
    /// Sites whose records have been read.
    pub(super) read: BTreeSet<Site>,
    pub(super) known: Known,
    pub(super) writers: BTreeMap<Branch, (Access, Writer)>,
    pub(super) requests: HashMap<RequestKey, Progress>,
    /// Those that someone has asked to compare with their repositories, until they have been.
    pub(super) comparing: HashSet<RequestKey>,
    pub(super) contested: BTreeSet<RequestKey>,
    /// Requests on their way out whose objects are still there, and since when that is known.
    pub(super) lingering: HashMap<RequestKey, Instant>,
    /// Requests whose status says that they are not ready, and the reason.
    pub(super) unready: BTreeMap<RequestKey, &'static str>,
    /// How virtual clusters fare.
    pub(super) vclusters: BTreeMap<RequestKey, Vcluster>,
    /// Stores that say something that cannot be used.
    pub(super) unreadable: BTreeSet<String>,
    /// Destinations that went, and whether their files stayed.
    pub(super) retired: BTreeMap<String, bool>,
    pub(super) tickets: u64,
}

impl State {
    /// Whether everything that decides about a promise's requests has been met: the stores, the destinations,
    /// and the requests of the promises that may have to do with them, which are those of the same group.
    pub(super) fn is_settled_for(&self, promise: &dyn Promise) -> bool {
        let related = |name: &str| {
            let other = promises::all().iter().find(|other| other.name() == name);
            other.is_some_and(|other| other.crd().spec.group == promise.crd().spec.group)
        };
        !self.expected.iter().any(|(what, name)| *what != PROMISE || related(name))
    }

    /// Whether every store and destination has been looked at once: before that no request is placed.
    pub(super) fn is_landscape_met(&self) -> bool {
        self.expected.iter().all(|(what, _)| *what == PROMISE)
    }

    /// Whether a store was found to be in order when it was last looked at.
    pub(super) fn is_usable(&self, store: &str) -> bool {
        matches!(self.usable.get(store), Some(Usable::Yes))
    }

    /// Something that was expected has been looked at; true if requests may have waited for it alone.
    pub(super) fn arrived(&mut self, what: &'static str, name: &str) -> bool {
        self.expected.remove(&(what, name.to_owned())) && self.is_landscape_met()
    }

    /// A request with files at a destination that is being deleted waits until that is dealt with.
    pub(super) fn is_moving_out(&self, key: &RequestKey) -> bool {
        self.known
            .places(key)
            .iter()
            .any(|p| self.landscape.destinations.get(&p.destination).is_some_and(|d| d.leaving))
    }

    /// Whether a request is not in the cluster any more.
    pub(super) fn is_gone(&self, key: &RequestKey) -> bool {
        self.known.peers.get(key).is_none()
    }

    /// Drops all that is remembered of a request, but that others know of it.
    pub(super) fn drop_request(&mut self, key: &RequestKey) {
        self.requests.remove(key);
        self.comparing.remove(key);
        self.contested.remove(key);
        self.lingering.remove(key);
        self.unready.remove(key);
        self.vclusters.remove(key);
        self.known.reserve(key, &Set::new());
    }

    /// Makes due what failed at a remote.
    pub(super) fn hurry(&mut self, remote: &Remote) {
        for progress in self.requests.values_mut().filter(|p| p.errors.keys().any(|b| b.remote == *remote)) {
            progress.hurry();
        }
    }

    /// Takes places from the request's own status where the records say nothing of it.
    pub(super) fn recall(&mut self, key: &RequestKey, recorded: Vec<KnownPlace>) {
        if self.requests.contains_key(key) {
            return;
        }
        let forgotten = self.known.places(key).is_empty();
        for place in recorded {
            let unread = !self.read.contains(&place.site);
            if left_behind(&self.landscape, &place) {
                continue;
            }
            if (unread || forgotten) && !self.retired.contains_key(&place.destination) {
                self.known.add(key, place, []);
            }
        }
    }

    /// Takes a site's records as what is known there.
    pub(super) fn learn(&mut self, site: &Site, survey: Survey, writer: &str, adopt: &[String]) {
        self.known.forget_site(site);
        self.known.found_left_over(site, survey.left_over);
        for record in &survey.records {
            let owner = &record.owner;
            if owner.writer != writer && !adopt.contains(&owner.writer) {
                continue;
            }
            for place in KnownPlace::recorded(site, record) {
                self.known.add(&owner.key, place, &record.claims);
            }
        }
        self.read.insert(site.clone());
    }

    /// Takes a change that is on its way as what may be there: if the request goes or moves before the
    /// answer, its files have to be found all the same.
    pub(super) fn foresee(&mut self, branch: &Branch, change: &store::Change) {
        for place in KnownPlace::wanted(branch, change) {
            self.known.add(&change.owner.key, place, []);
        }
    }

    /// Takes a confirmed change as what is known.
    pub(super) fn record(&mut self, branch: &Branch, change: &store::Change) {
        for root in change.roots.keys() {
            let site = Site { branch: branch.clone(), root: root.clone() };
            for key in change.supersedes.iter().chain([&change.owner.key]) {
                self.known.forget(key, &site);
            }
        }
        for place in KnownPlace::wanted(branch, change).filter(|place| !left_behind(&self.landscape, place)) {
            self.known.add(&change.owner.key, place, &change.claims);
        }
    }

    /// Forgets what lies in repositories that a changed url has left behind.
    pub(super) fn leave_behind(&mut self) {
        self.known.forget_places(|place| left_behind(&self.landscape, place));
    }
}

/// Whether a place is in a repository that no store names any more although its destination still has a
/// store: the url was changed, and what it named before is left as it is.
fn left_behind(landscape: &Landscape, place: &KnownPlace) -> bool {
    let named = landscape.stores.values().any(|store| store.branch.remote == place.site.branch.remote);
    let destination = landscape.destinations.get(&place.destination);
    !named && destination.is_some_and(|destination| landscape.stores.contains_key(&destination.store))
}
