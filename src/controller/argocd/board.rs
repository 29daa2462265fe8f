//! Who is still to be told of a push. Pure bookkeeping: the watches say what there is, the hub what was pushed.
//!
//! While an object carries the annotation it may have looked already, and the same annotation once more would
//! change nothing. So it is told again when Argo CD has taken the first off: however many pushes there were in
//! between, and never faster than Argo CD can look.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::push::{Push, Read};

/// What a watch has seen.
#[derive(Debug)]
pub(super) enum Seen {
    /// It begins anew, and names every object once more.
    Begin,
    /// An object is there, or has changed.
    Object {
        /// Its name.
        name: Arc<str>,
        /// Its resource version: the higher the newer.
        version: u64,
        /// Whether it carries the annotation.
        refreshing: bool,
        /// What it reads.
        reads: Vec<Read>,
    },
    /// An object is gone.
    Gone(String),
    /// All have been named.
    Complete,
    /// There are none, or none that can be seen now.
    None,
}

/// An object to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    /// Which watch it was seen by.
    pub(super) watch: usize,
    /// Its name.
    pub(super) name: Arc<str>,
}

/// See the module.
pub(super) struct Board {
    watches: Vec<Watched>,
    /// Pushes before every watch had named its objects.
    early: Vec<Push>,
    /// How many pushes there were.
    pushes: u64,
    last: String,
    queue: VecDeque<Target>,
}

/// What one watch sees.
#[derive(Default)]
struct Watched {
    objects: HashMap<Arc<str>, Object>,
    /// How often it has begun.
    round: u32,
    is_known: bool,
}

#[derive(Default)]
struct Object {
    reads: Box<[Read]>,
    round: u32,
    version: u64,
    refreshing: bool,
    /// The version that telling it has made.
    told: u64,
    /// The last push that concerned it.
    push: u64,
    /// Whether it has yet to be told of that.
    is_due: bool,
}

impl Object {
    /// Whether Argo CD has not yet done what it was told before.
    fn is_busy(&self) -> bool {
        self.refreshing || self.told > self.version
    }
}

impl Board {
    /// For so many watches, of which none has seen anything yet.
    pub(super) fn new(watches: usize) -> Self {
        let watches = (0..watches).map(|_| Watched::default()).collect();
        Self { watches, early: Vec::new(), pushes: 0, last: String::new(), queue: VecDeque::new() }
    }

    /// Takes what a watch has seen.
    pub(super) fn saw(&mut self, watch: usize, seen: Seen) {
        let watched = &mut self.watches[watch];
        match seen {
            Seen::Begin => watched.round += 1,
            Seen::Object { name, version, refreshing, reads } => {
                let object = watched.objects.entry(name.clone()).or_default();
                (object.version, object.refreshing, object.round) = (version, refreshing, watched.round);
                if *object.reads != *reads {
                    object.reads = reads.into();
                }
                if object.is_due && !object.is_busy() {
                    self.queue.push_back(Target { watch, name });
                }
            }
            Seen::Gone(name) => {
                watched.objects.remove(&*name);
            }
            Seen::Complete => {
                let round = watched.round;
                watched.objects.retain(|_, object| object.round == round);
                self.known(watch);
            }
            Seen::None => {
                watched.objects = HashMap::new();
                self.known(watch);
            }
        }
    }

    fn known(&mut self, watch: usize) {
        self.watches[watch].is_known = true;
        if self.watches.iter().all(|watched| watched.is_known) {
            for push in std::mem::take(&mut self.early) {
                self.mark(&push);
            }
        }
    }

    /// Takes pushes.
    pub(super) fn pushed(&mut self, pushes: impl IntoIterator<Item = Push>) {
        let mut merged: Vec<Push> = Vec::new();
        for push in pushes {
            // The requests of one commit are told one after the other.
            let rest = match merged.last_mut() {
                Some(last) => last.merge(push),
                None => Some(push),
            };
            merged.extend(rest);
        }
        for push in merged {
            if self.watches.iter().all(|watched| watched.is_known) {
                self.mark(&push);
            } else {
                self.early.push(push);
            }
        }
    }

    fn mark(&mut self, push: &Push) {
        if self.last != push.commit() {
            push.commit().clone_into(&mut self.last);
            self.pushes += 1;
        }
        for (watch, watched) in self.watches.iter_mut().enumerate() {
            for (name, object) in &mut watched.objects {
                if object.push == self.pushes || !object.reads.iter().any(|read| push.concerns(read)) {
                    continue;
                }
                object.push = self.pushes;
                if !std::mem::replace(&mut object.is_due, true) && !object.is_busy() {
                    self.queue.push_back(Target { watch, name: name.clone() });
                }
            }
        }
    }

    /// The next object to tell.
    pub(super) fn next(&mut self) -> Option<Target> {
        while let Some(target) = self.queue.pop_front() {
            if let Some(object) = self.watches[target.watch].objects.get_mut(&target.name)
                && object.is_due
                && !object.is_busy()
            {
                object.is_due = false;
                return Some(target);
            }
        }
        None
    }

    /// An object was told, which has made this version of it.
    pub(super) fn told(&mut self, target: Target, version: u64) {
        let Some(object) = self.watches[target.watch].objects.get_mut(&target.name) else { return };
        object.told = version;
        if object.is_due && !object.is_busy() {
            self.queue.push_back(target);
        }
    }

    /// Nobody can be told now. Argo CD looks by itself before long.
    pub(super) fn give_up(&mut self) {
        self.queue.clear();
        for object in self.watches.iter_mut().flat_map(|watched| watched.objects.values_mut()) {
            object.is_due = false;
        }
    }
}
