//! What is seen, and who wants to know. Pure bookkeeping: the watches say what there is, and each change costs as
//! much as there are requests that it concerns.

use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;
use std::time::{Duration, Instant};

use super::report::{Application, Applies, Id, Kind, Report};
use super::sight::{Cluster, Count, Look, Sight};
use crate::controller::argocd::{Source, is_of};
use crate::manifest::{Observed, ObservedKind};
use crate::values::RequestKey;

/// Something that may be so or otherwise, and in which requests take an interest.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Topic {
    /// One object.
    Object(Id),
    /// The pods of a namespace.
    Pods(Box<str>),
    /// The Applications of a cluster.
    Cluster(Box<str>),
}

/// Whether a watch knows what there is.
#[derive(Clone, Debug, Default, PartialEq)]
enum Sees {
    /// It has only begun.
    #[default]
    Nothing,
    /// Everything.
    All,
    /// There is no such kind, or no right to watch it.
    Absent,
    /// It cannot be known now, and why.
    Failing(String),
}

/// Which kind a watch is of, and in which namespace; absent: in all.
pub(in crate::controller) type Scope = (Kind, Option<String>);

/// How long it is waited for watches that cannot say what there is.
const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub(super) struct Board {
    begun: Instant,
    watches: HashMap<Scope, (Sees, u32)>,
    objects: HashMap<Id, (u32, Report)>,
    pods: HashMap<Box<str>, Count>,
    clusters: HashMap<Box<str>, BTreeSet<Id>>,
    appliers: HashMap<RequestKey, BTreeSet<Id>>,
    volumes: BTreeSet<(Box<str>, Box<str>)>,
    wishes: HashMap<RequestKey, Observed>,
    interested: HashMap<Topic, BTreeSet<RequestKey>>,
}

impl Default for Board {
    fn default() -> Self {
        Self {
            begun: Instant::now(),
            watches: HashMap::new(),
            objects: HashMap::new(),
            pods: HashMap::new(),
            clusters: HashMap::new(),
            appliers: HashMap::new(),
            volumes: BTreeSet::new(),
            wishes: HashMap::new(),
            interested: HashMap::new(),
        }
    }
}

impl Board {
    /// There will be a watch.
    pub(super) fn expect(&mut self, scope: Scope) {
        self.watches.insert(scope, (Sees::Nothing, 0));
    }

    /// Whether every watch has said what there is, or has not for long.
    pub(super) fn is_settled(&self) -> bool {
        let says = |sees: &Sees| matches!(sees, Sees::All | Sees::Absent);
        self.watches.values().all(|(sees, _)| says(sees)) || self.begun.elapsed() >= PATIENCE
    }

    /// A watch begins anew.
    pub(super) fn begin(&mut self, scope: &Scope) {
        if let Some((_, round)) = self.watches.get_mut(scope) {
            *round += 1;
        }
    }

    /// All objects of a watch have been named. Answers with the requests that this concerns.
    pub(super) fn complete(&mut self, scope: &Scope) -> BTreeSet<RequestKey> {
        let round = self.watches.get(scope).map_or(0, |(_, round)| *round);
        let mut concerned = self.forget(scope, |seen| seen != round);
        concerned.extend(self.turn(scope, Sees::All));
        concerned
    }

    /// There is nothing to be seen.
    pub(super) fn absent(&mut self, scope: &Scope) -> BTreeSet<RequestKey> {
        let mut concerned = self.forget(scope, |_| true);
        concerned.extend(self.turn(scope, Sees::Absent));
        concerned
    }

    /// What there is cannot be known now. What was known before is.
    pub(super) fn failing(&mut self, scope: &Scope, why: String) -> BTreeSet<RequestKey> {
        match self.watches.get(scope) {
            Some((Sees::All, _)) => BTreeSet::new(),
            _ => self.turn(scope, Sees::Failing(why)),
        }
    }

    fn turn(&mut self, scope: &Scope, next: Sees) -> BTreeSet<RequestKey> {
        let Some((sees, _)) = self.watches.get_mut(scope) else { return BTreeSet::new() };
        let changed = std::mem::replace(sees, next.clone()) != next;
        if changed { self.wishes.keys().cloned().collect() } else { BTreeSet::new() }
    }

    fn forget(&mut self, (kind, namespace): &Scope, is_old: impl Fn(u32) -> bool) -> BTreeSet<RequestKey> {
        let inside = |id: &Id| namespace.as_deref().is_none_or(|namespace| *id.namespace == *namespace);
        let gone = |(id, (round, _)): &(&Id, &(u32, Report))| id.kind == *kind && inside(id) && is_old(*round);
        let gone: Vec<Id> = self.objects.iter().filter(gone).map(|(id, _)| id.clone()).collect();
        gone.into_iter().flat_map(|id| self.put(id, None)).collect()
    }

    /// An object is so; nothing: it is gone. Answers with the requests that this concerns.
    pub(super) fn put(&mut self, id: Id, report: Option<Report>) -> BTreeSet<RequestKey> {
        let round = self.round_of(&id);
        let before = match &report {
            Some(report) => self.objects.insert(id.clone(), (round, report.clone())),
            None => self.objects.remove(&id),
        };
        let before = before.map(|(_, report)| report);
        if before == report {
            return BTreeSet::new();
        }
        let mut topics = Vec::new();
        let mut concerned = BTreeSet::new();
        for (report, is_now) in [(before, false), (report, true)] {
            if let Some(report) = report {
                self.count(&id, &report, is_now, &mut topics);
                concerned.extend(
                    application(&report).and_then(|found| found.applies.as_ref()).map(|found| found.request.clone()),
                );
            }
        }
        topics.push(Topic::Object(id));
        concerned.extend(topics.iter().filter_map(|topic| self.interested.get(topic)).flatten().cloned());
        concerned
    }

    fn round_of(&self, id: &Id) -> u32 {
        let scope = [Some(id.namespace.to_string()), None].map(|namespace| (id.kind, namespace));
        scope.iter().find_map(|scope| self.watches.get(scope)).map_or(0, |(_, round)| *round)
    }

    /// Takes an object into account, or out of it.
    fn count(&mut self, id: &Id, report: &Report, is_now: bool, topics: &mut Vec<Topic>) {
        match report {
            Report::Pod(is_ready) => {
                let count = self.pods.entry(id.namespace.clone()).or_default();
                let change = |n: &mut usize| *n = if is_now { *n + 1 } else { n.saturating_sub(1) };
                change(&mut count.total);
                if *is_ready {
                    change(&mut count.ready);
                }
                if count.total == 0 {
                    self.pods.remove(&id.namespace);
                }
                topics.push(Topic::Pods(id.namespace.clone()));
            }
            Report::Application(application) => {
                enlist(&mut self.clusters, &application.cluster, id, is_now);
                topics.push(Topic::Cluster(application.cluster.clone()));
                if let Some(Applies { request, .. }) = &application.applies {
                    enlist(&mut self.appliers, request, id, is_now);
                }
            }
            Report::Volume(claimed_in) => {
                let volume = (claimed_in.clone(), id.name.clone());
                if is_now {
                    self.volumes.insert(volume)
                } else {
                    self.volumes.remove(&volume)
                };
            }
            Report::Exists | Report::Secret(_) => {}
        }
    }

    /// Takes an interest in what is looked at for a request, instead of what it was before.
    pub(super) fn wish(&mut self, request: &RequestKey, observed: &Observed) {
        if self.wishes.get(request).unwrap_or(&Observed::default()) == observed {
            return;
        }
        self.unwish(request);
        if *observed == Observed::default() {
            return;
        }
        for topic in topics(observed) {
            self.interested.entry(topic).or_default().insert(request.clone());
        }
        self.wishes.insert(request.clone(), observed.clone());
    }

    /// Takes none any more.
    pub(super) fn unwish(&mut self, request: &RequestKey) {
        let Some(observed) = self.wishes.remove(request) else { return };
        for topic in topics(&observed) {
            if let Some(interested) = self.interested.get_mut(&topic) {
                interested.remove(request);
                if interested.is_empty() {
                    self.interested.remove(&topic);
                }
            }
        }
    }

    /// Whether an interest is taken in what is looked at for a request.
    pub(super) fn is_wished(&self, request: &RequestKey) -> bool {
        self.wishes.contains_key(request)
    }

    /// What is seen of a request, whose files are in these branches of these repositories.
    pub(super) fn sight(&self, request: &RequestKey, homes: &[(String, String)]) -> Sight {
        let is_home = |source: &Source| homes.iter().any(|(url, branch)| is_of(source, url, branch));
        let mut sight = Sight { unapplied: self.unapplied(request, is_home), ..Sight::default() };
        let Some(observed) = self.wishes.get(request) else { return sight };
        for object in &observed.objects {
            let kind = Kind::Observed(object.kind);
            let id = Id { kind, namespace: object.namespace.as_str().into(), name: object.name.as_str().into() };
            let report = self.look(kind, &object.namespace).map(|()| self.objects.get(&id).map(|(_, report)| report));
            match object.kind {
                ObservedKind::Application => {
                    let application = report.map(|report| report.and_then(application).cloned());
                    sight.applications.push((id, application));
                }
                ObservedKind::AppProject => sight.projects.push((id, report.map(|report| report.map(|_| ())))),
                ObservedKind::ExternalSecret | ObservedKind::PushSecret => {
                    let secret = |report: &Report| match report {
                        Report::Secret(secret) => Some(secret.clone()),
                        _ => None,
                    };
                    sight.secrets.push((id, report.map(|report| report.and_then(secret))));
                }
            }
        }
        sight.vcluster = observed.vcluster.as_ref().map(|vcluster| {
            let own: BTreeSet<&Id> = sight.applications.iter().map(|(id, _)| id).collect();
            let members = [vcluster.server.trim_end_matches('/'), &vcluster.cluster];
            let members = members.iter().filter_map(|name| self.clusters.get(*name)).flatten();
            let members: BTreeSet<&Id> = members.filter(|id| !own.contains(id)).collect();
            let is_well = |id: &&&Id| {
                let found = self.objects.get(**id).and_then(|(_, report)| application(report));
                found.is_some_and(Application::is_healthy)
            };
            let ready = members.iter().filter(is_well).count();
            let total = members.len();
            Cluster {
                pods: self
                    .look(Kind::Pod, "")
                    .map(|()| self.pods.get(&*vcluster.namespace).copied().unwrap_or_default()),
                applications: self.look_anywhere(ObservedKind::Application).map(|()| Count { ready, total }),
                unwell: members.iter().filter(|id| !is_well(id)).map(|id| id.name.to_string()).collect(),
                namespace: vcluster.namespace.clone(),
            }
        });
        sight
    }

    /// The first of the Applications that apply a request's files which has not.
    fn unapplied(&self, request: &RequestKey, is_home: impl Fn(&Source) -> bool) -> Option<(String, String)> {
        let appliers = self.appliers.get(request)?.iter();
        let found = appliers.filter_map(|id| Some((id, application(&self.objects.get(id)?.1)?)));
        let mut here =
            found.filter(|(_, found)| found.applies.as_ref().is_some_and(|applies| is_home(&applies.source)));
        here.find_map(|(id, found)| Some((format!("{}/{}", id.namespace, id.name), found.lag()?.to_owned())))
    }

    fn look(&self, kind: Kind, namespace: &str) -> Look<()> {
        let scopes = [Some(namespace.to_owned()), None].map(|namespace| (kind, namespace));
        sees(scopes.iter().filter_map(|scope| self.watches.get(scope)))
    }

    fn look_anywhere(&self, kind: ObservedKind) -> Look<()> {
        sees(self.watches.iter().filter(|((of, _), _)| *of == Kind::Observed(kind)).map(|(_, watch)| watch))
    }

    /// The volumes that stay when the claims of a namespace go, in order.
    pub(super) fn volumes(&self, namespace: &str) -> Vec<String> {
        let of_it = self.volumes.range((Box::from(namespace), Box::from(""))..);
        of_it.take_while(|(of, _)| **of == *namespace).map(|(_, name)| name.to_string()).collect()
    }
}

/// The worst of what some watches see: of what only some know, nothing is known for sure.
fn sees<'a>(watches: impl Iterator<Item = &'a (Sees, u32)>) -> Look<()> {
    let mut look = Look::Blind;
    for (sees, _) in watches {
        match sees {
            Sees::Nothing => return Look::Failing("has not been listed yet".to_owned()),
            Sees::Failing(why) => return Look::Failing(why.clone()),
            Sees::All => look = Look::Seen(()),
            Sees::Absent => {}
        }
    }
    look
}

/// Adds a member to a group, or takes it out. An empty group is none.
fn enlist<K: Clone + Eq + Hash>(groups: &mut HashMap<K, BTreeSet<Id>>, group: &K, id: &Id, is_now: bool) {
    let members = groups.entry(group.clone()).or_default();
    if is_now {
        members.insert(id.clone())
    } else {
        members.remove(id)
    };
    if members.is_empty() {
        groups.remove(group);
    }
}

fn application(report: &Report) -> Option<&Application> {
    match report {
        Report::Application(application) => Some(application),
        _ => None,
    }
}

fn topics(observed: &Observed) -> Vec<Topic> {
    let object = |kind: ObservedKind, namespace: &str, name: &str| {
        Topic::Object(Id { kind: Kind::Observed(kind), namespace: namespace.into(), name: name.into() })
    };
    let mut topics: Vec<Topic> = observed.objects.iter().map(|o| object(o.kind, &o.namespace, &o.name)).collect();
    if let Some(vcluster) = &observed.vcluster {
        topics.push(Topic::Pods(vcluster.namespace.as_str().into()));
        topics.push(Topic::Cluster(vcluster.server.trim_end_matches('/').into()));
        topics.push(Topic::Cluster(vcluster.cluster.as_str().into()));
    }
    topics
}

/// For counting what is said of an interest.
#[cfg(test)]
impl Board {
    /// Whether nothing is kept of anything.
    pub(super) fn is_empty(&self) -> bool {
        let Self { objects, pods, clusters, appliers, volumes, wishes, interested, .. } = self;
        objects.is_empty()
            && pods.is_empty()
            && clusters.is_empty()
            && appliers.is_empty()
            && volumes.is_empty()
            && wishes.is_empty()
            && interested.is_empty()
    }
}
