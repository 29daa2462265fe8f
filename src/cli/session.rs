//! What the commands that use a repository have in common: settings, input, stores, and what is
//! already recorded there.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;

use super::ahead::Ahead;
use super::args::{InputArgs, StoreArgs};
use super::console;
use super::credentials::Environment;
use super::input::{Asked, Input, Options, collect};
use super::landscape::{landscape, refuse_unused_secrets};
use super::open::{Opened, Opener, Purpose, Secrets};
use super::problem::{Problem, Subject};
use crate::config::{NAME_RULE, Settings, is_name};
use crate::known::{Known, KnownPlace, Peer, Peers, Site};
use crate::placement::{Branch, Landscape, StateStore};
use crate::store::{self, AuthMethod, Record};
use crate::street::{Fingerprints, View};
use crate::values::{Owner, RequestKey};

/// Everything is read and connected; nothing is written yet.
pub(super) struct Session {
    pub(super) settings: Settings,
    pub(super) landscape: Landscape,
    pub(super) branches: BTreeMap<Branch, Result<Opened, store::Error>>,
    pub(super) writer: String,
    pub(super) adopt: Vec<String>,
    /// The requests of the input, as they find each other.
    peers: Arc<Peers>,
    /// Absent where only a look is wanted: that takes nothing on trust.
    pub(super) fingerprints: Option<Fingerprints>,
}

/// A record that stands where it belongs.
#[derive(Clone)]
pub(super) struct Standing {
    pub(super) site: Arc<Site>,
    pub(super) record: Arc<Record>,
    /// The commit that holds it.
    pub(super) commit: Arc<str>,
}

/// Reads settings and input.
pub(super) fn read(args: &InputArgs, names_only: bool) -> Result<(Settings, Input), String> {
    check_name("--namespace", &args.namespace)?;
    let settings = settings(args.config.as_deref())?;
    let input = collect(&Options {
        paths: &args.filename,
        namespace: &args.namespace,
        ignore_foreign: args.ignore_foreign,
        names_only,
        served: false,
        anything: false,
    })?;
    Ok((settings, input))
}

/// Reads the settings file, if one is given.
pub(super) fn settings(path: Option<&Path>) -> Result<Settings, String> {
    path.map_or_else(|| Ok(Settings::default()), |path| Settings::load(path).map_err(|e| e.to_string()))
}

impl Session {
    /// Opens every store there is: what is recorded in one decides what belongs into another.
    pub(super) fn open(
        args: &StoreArgs,
        ahead: Ahead,
        input: &mut Input,
        settings: Settings,
        ignore_foreign: bool,
        purpose: Purpose,
    ) -> Result<Self, String> {
        check_name("--writer", args.writer())?;
        let mut adopt = args.adopt.clone();
        for name in &adopt {
            check_name("--adopt", name)?;
        }
        adopt.extend(settings.adopt.iter().cloned());
        adopt.retain(|name| name != args.writer());
        let landscape = landscape(args, input)?;
        if !ignore_foreign {
            refuse_unused_secrets(&landscape, input);
        }
        let from_flag = args.store.is_some();
        let over_ssh = landscape.stores.values().any(|store| store.auth.method == AuthMethod::Ssh);
        let environment = if from_flag { Environment::read(over_ssh)? } else { Environment::default() };
        let secrets = input.fetched.as_ref().map_or(Secrets::Given(&input.secrets), Secrets::Fetched);
        let mut opener = Opener { landscape: &landscape, secrets, purpose, from_flag, environment, ahead };
        let names: BTreeSet<Branch> = landscape.stores.values().map(|s| s.branch.clone()).collect();
        let open = || names.into_iter().map(|branch| (branch.clone(), opener.open(&branch))).collect();
        let (branches, peers) = rayon::join(open, || Arc::new(peers(&settings, &input.requests)));
        let fingerprints = (purpose == Purpose::Write).then(|| Fingerprints::new(&settings, &landscape));
        Ok(Self { settings, landscape, branches, writer: args.writer().to_owned(), adopt, peers, fingerprints })
    }

    /// The stores that cannot be used, in words, with the requests that waited for them.
    pub(super) fn failed(&self, once: &Once) -> Vec<String> {
        let failed = self.branches.iter().filter_map(|(branch, opened)| Some((branch, opened.as_ref().err()?)));
        failed.map(|(branch, error)| self.store_error(branch, error) + &once.waited(error)).collect()
    }

    /// Why they cannot, as each of their requests is answered.
    pub(super) fn once(&self) -> Once {
        let errors = self.branches.values().filter_map(|opened| opened.as_ref().err());
        Once(errors.map(|error| (error.to_string(), Vec::new())).collect())
    }

    fn store_error(&self, branch: &Branch, error: &store::Error) -> String {
        let names: Vec<&str> =
            self.landscape.stores.values().filter(|s| s.branch == *branch).map(|s| s.name.as_str()).collect();
        let advice = match error {
            store::Error::Unreachable(_) => {
                ": check its address, the network and the proxy (`kept apply --help` says which), and run it again"
            }
            _ => "",
        };
        format!("store {} ({branch}): {error}{advice}", names.join(", "))
    }

    /// Reads the records of every repository once more. Those that cannot be read now stay as they were.
    pub(super) fn survey_again(&mut self) {
        for opened in self.branches.values_mut().flatten() {
            if opened.engine.refresh().is_err() {
                continue;
            }
            for (root, survey) in &mut opened.surveys {
                if let Ok(now) = opened.engine.survey(root) {
                    *survey = now;
                }
            }
        }
    }

    /// Whose records are ours.
    pub(super) fn is_ours(&self, owner: &Owner) -> bool {
        owner.writer == self.writer || self.adopt.contains(&owner.writer)
    }

    /// The records of this writer that stand at the sites of the destinations that they name, unless those that it
    /// takes over have recorded the request as well.
    pub(super) fn standing(&self) -> HashMap<&RequestKey, Standing> {
        let (mut found, mut shared) = (HashMap::new(), Vec::new());
        for (branch, opened) in self.branches.iter().filter(|_| self.fingerprints.is_some()) {
            for (root, survey) in opened.iter().flat_map(|opened| &opened.surveys) {
                let adopted = |record: &&Arc<Record>| self.adopt.contains(&record.owner.writer);
                shared.extend(survey.records.iter().filter(adopted).map(|record| &record.owner.key));
                let site = Arc::new(Site { branch: branch.clone(), root: root.clone() });
                let commit: Arc<str> = survey.commit.clone().unwrap_or_default().into();
                let all = self.landscape.destinations.values();
                let here = all.filter(|destination| self.landscape.site(destination).as_ref() == Some(&*site));
                let here: BTreeSet<&str> = here.map(|destination| destination.name.as_str()).collect();
                let ours = survey.standing.iter().filter(|record| record.owner.writer == self.writer);
                for record in ours.filter(|r| r.places.iter().all(|place| here.contains(place.destination.as_str()))) {
                    let standing = Standing { site: site.clone(), record: record.clone(), commit: commit.clone() };
                    found.insert(&record.owner.key, standing);
                }
            }
        }
        for key in shared {
            found.remove(key);
        }
        found
    }

    /// Every owner that is recorded for this writer and those it takes over, and where.
    pub(super) fn recorded(&self) -> Vec<(Owner, Site)> {
        let mut found = Vec::new();
        for (branch, opened) in &self.branches {
            let Ok(opened) = opened else { continue };
            for (root, survey) in &opened.surveys {
                let site = Site { branch: branch.clone(), root: root.clone() };
                let ours = survey.records.iter().filter(|r| self.is_ours(&r.owner));
                found.extend(ours.map(|r| (r.owner.clone(), site.clone())));
            }
        }
        found
    }

    /// What is recorded, as the street reads it, without the requests that are about to go.
    pub(super) fn known(&self, going: impl Fn(&RequestKey) -> bool) -> Known {
        let mut known = Known::of(Arc::clone(&self.peers));
        for (branch, opened) in &self.branches {
            let Ok(opened) = opened else {
                let sites = self.landscape.stores.values().map(StateStore::site);
                sites.filter(|site| site.branch == *branch).for_each(|site| known.cannot_read(site));
                continue;
            };
            for (root, survey) in &opened.surveys {
                let site = Site { branch: branch.clone(), root: root.clone() };
                known.found_left_over(&site, survey.left_over.clone());
                for record in survey.records.iter().filter(|r| self.is_ours(&r.owner) && !going(&r.owner.key)) {
                    for place in KnownPlace::recorded(&site, record) {
                        known.add(&record.owner.key, place, &record.claims);
                    }
                }
            }
        }
        known
    }

    /// The snapshots as the street takes them.
    pub(super) fn view<'a>(&'a self, known: &'a Known) -> View<'a> {
        View {
            settings: &self.settings,
            landscape: &self.landscape,
            known,
            writer: &self.writer,
            adopt: &self.adopt,
            fingerprints: self.fingerprints.as_ref(),
        }
    }
}

/// What is said once of a store, and not of each of the requests that wait for it.
pub(super) struct Once(BTreeMap<String, Vec<Subject>>);

impl Once {
    /// Whether it says all that this problem does; the problem is then part of it.
    pub(super) fn takes(&mut self, problem: &Problem) -> bool {
        let all = problem.notes.iter().all(|note| self.0.contains_key(&note.message));
        for note in problem.notes.iter().filter(|_| all) {
            self.0.entry(note.message.clone()).or_default().extend(problem.subject.clone());
        }
        all
    }

    fn waited(&self, error: &store::Error) -> String {
        const NAMED: usize = 3;
        let Some(subjects) = self.0.get(&error.to_string()).filter(|subjects| !subjects.is_empty()) else {
            return String::new();
        };
        let names: Vec<String> = subjects.iter().take(NAMED).map(ToString::to_string).collect();
        let more = subjects.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!(" (not done: {}{more})", names.join(", "))
    }
}

/// The requests of an input, for each other to find.
pub(super) fn peers(settings: &Settings, requests: &[Asked]) -> Peers {
    let mut peers = Peers::default();
    for asked in requests {
        let peer = Peer { created: asked.request.created, ..asked.promise.peer(&asked.request, settings) };
        peers.arrive(&asked.request.key, peer);
    }
    peers
}

/// Names that become parts of paths: as DNS labels.
pub(super) fn check_name(flag: &str, name: &str) -> Result<(), String> {
    if is_name(name) { Ok(()) } else { Err(format!("{flag} {name:?} is not a name: {NAME_RULE}")) }
}

/// Prints the problems of the input; whether there were any.
pub(super) fn print_problems(input: &Input) -> bool {
    input.problems.iter().for_each(console::problem);
    !input.problems.is_empty()
}
