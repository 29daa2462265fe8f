//! Stores and destinations: those in the input, or the one that `--store` gives.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::json;

use super::args::StoreArgs;
use super::input::{Input, Object};
use super::problem::Problem;
use crate::api;
use crate::error::{Invalid, Mistake};
use crate::placement::{Destination, Landscape, Layout, Remote, StateStore, overlapping};
use crate::values::{Labels, RelPath};

/// The name of the store and the destination of a run without any.
const ONLY: &str = "default";
/// Who commits where no store says it.
const AUTHOR: &str = "kept";

/// Makes a landscape of the input's stores and destinations, or of `--store`. `Err` where nothing can
/// be routed; what concerns single stores goes to the input's problems.
pub(super) fn landscape(args: &StoreArgs, input: &mut Input) -> Result<Landscape, String> {
    let described = !input.stores.is_empty() || !input.destinations.is_empty();
    match &args.store {
        Some(_) if described => {
            Err("--store is given, and the input has GitStateStores or Destinations as well: leave out one of them"
                .into())
        }
        Some(store) => only_store(store, args),
        None if described => of_input(input),
        None => {
            Err("no state repository is given: name it with --store, or give GitStateStores and Destinations with -f"
                .into())
        }
    }
}

/// The landscape of a rendering that is not committed: the input's, or one destination at the root.
pub(super) fn for_rendering(input: &mut Input) -> Result<Landscape, String> {
    if !input.stores.is_empty() || !input.destinations.is_empty() {
        return of_input(input);
    }
    anywhere()
}

/// One destination at the root that takes everything.
pub(super) fn anywhere() -> Result<Landscape, String> {
    let args = StoreArgs { store: None, branch: "main".into(), path: ".".into(), writer: None, adopt: Vec::new() };
    only_store("/", &args)
}

pub(super) fn only_store(given: &str, args: &StoreArgs) -> Result<Landscape, String> {
    let is_url = given.contains("://");
    if given.is_empty() {
        return Err("--store is empty".into());
    }
    let is_scp = !is_url && scp_like(given);
    if is_scp && !given.split(':').next().is_some_and(|place| place.contains('@')) {
        // It may hold a password, so it is not repeated.
        return Err(
            "--store: a URL for SSH reads git@host:path or ssh://git@host/path, and a path with a colon ./path".into(),
        );
    }
    // The rules for URLs, branches and paths are those of a GitStateStore.
    let mut spec = json!({"url": given, "branch": args.branch, "path": args.path, "gitAuthor": {"name": AUTHOR}});
    if is_scp || given.starts_with("ssh://") {
        // There is no Secret, but that rule is for those who cannot have ssh's own files.
        spec["authMethod"] = json!("ssh");
        spec["secretRef"] = json!({"name": ONLY});
    } else if !is_url {
        spec["url"] = json!("file:///");
    }
    let object = json!({
        "apiVersion": format!("{}/{}", api::GROUP, api::VERSION),
        "kind": "GitStateStore",
        "metadata": {"name": ONLY},
        "spec": spec,
    });
    let parsed = api::read::<api::GitStateStore>(&object).and_then(|typed| StateStore::parse(&typed));
    let mut store = parsed.map_err(|invalid| as_flags(&invalid))?;
    store.auth.secret = None;
    if let Some(path) = local_path(given) {
        let absolute = std::path::absolute(path).map_err(|e| format!("--store {given}: {e}"))?;
        let absolute = absolute.to_str().ok_or("--store is not valid UTF-8")?.to_owned();
        store.branch.remote = Remote::new(&absolute);
        store.url = absolute;
    }
    let destination = Destination {
        name: ONLY.into(),
        labels: Labels::new(),
        strict: false,
        takes_all: true,
        store: ONLY.into(),
        path: RelPath::root(),
        layout: Layout::Nested,
        init_workloads: true,
        cleanup: false,
        created: None,
        leaving: false,
    };
    Ok(Landscape {
        stores: BTreeMap::from([(ONLY.into(), store)]),
        destinations: BTreeMap::from([(ONLY.into(), destination)]),
    })
}

/// The path of a store on this machine. `file://./x` is relative to the working directory, so that
/// examples can be moved.
pub(super) fn local_path(url: &str) -> Option<&Path> {
    match url.strip_prefix("file://") {
        Some(path) => Some(Path::new(path)),
        None => (!url.contains("://") && !scp_like(url)).then(|| Path::new(url)),
    }
}

/// `host:path`, by Git's own rule: what has a colon before any slash is not a path.
fn scp_like(text: &str) -> bool {
    text.split_once(':').is_some_and(|(host, _)| !host.contains('/'))
}

fn as_flags(invalid: &Invalid) -> String {
    let flag = |field: &str| match field {
        "spec.url" => "--store",
        "spec.branch" => "--branch",
        "spec.path" => "--path",
        _ => "the store",
    };
    let words: Vec<String> = invalid.mistakes.iter().map(|m| format!("{}: {}", flag(&m.field), m.message)).collect();
    // The advice for a file is to use a Secret; there is none here.
    words.join("; ").replace(
        "put them into a Secret and name it in secretRef",
        "set KEPT_GIT_USERNAME and KEPT_GIT_PASSWORD, or let git remember them (over SSH: use a key)",
    )
}

/// Where a Destination or GitStateStore cannot be understood, requests could be routed to a place that
/// they then stick to, so nothing is routed at all.
fn of_input(input: &mut Input) -> Result<Landscape, String> {
    let (landscape, mut sound) = understand(input);
    sound &= !input.lost_destination;
    for object in &input.destinations {
        let Some(destination) = landscape.destinations.get(&object.subject.name) else { continue };
        if !landscape.stores.contains_key(&destination.store) && sound {
            let message = format!("names the GitStateStore {:?}, which is not in the input: add it", destination.store);
            let mistake = Mistake::new("spec.stateStoreRef.name", message);
            let subject = Some(object.subject.clone());
            input.problems.push(Problem::refused(subject, &object.origin, "NoStateStore", mistake));
        }
    }
    if !sound {
        return Err("no request is routed while a GitStateStore or a Destination in the input cannot be used".into());
    }
    if landscape.stores.is_empty() {
        return Err("the input has Destinations but no GitStateStore: add the store that they name".into());
    }
    if landscape.destinations.is_empty() {
        return Err("the input has GitStateStores but no Destination: add one that names the store".into());
    }
    Ok(landscape)
}

/// The stores and destinations of the input that can be understood, and whether all can; why not goes to
/// the input's problems.
pub(super) fn understand(input: &mut Input) -> (Landscape, bool) {
    let (mut landscape, mut sound) = (Landscape::default(), true);
    for object in once_each(&input.stores, &mut input.problems, &mut sound) {
        match api::read::<api::GitStateStore>(&object.value).and_then(|typed| StateStore::parse(&typed)) {
            Ok(store) => {
                let store = with_absolute_path(store);
                landscape.stores.insert(store.name.clone(), store);
            }
            Err(invalid) => refuse(object, invalid, &mut input.problems, &mut sound),
        }
    }
    for object in once_each(&input.destinations, &mut input.problems, &mut sound) {
        match api::read::<api::Destination>(&object.value).and_then(|typed| Destination::parse(&typed)) {
            Ok(destination) => {
                landscape.destinations.insert(destination.name.clone(), destination);
            }
            Err(invalid) => refuse(object, invalid, &mut input.problems, &mut sound),
        }
    }
    for object in &input.destinations {
        let Some(destination) = landscape.destinations.get(&object.subject.name) else { continue };
        if let Some(other) = overlapping(destination, &landscape) {
            let message =
                format!("its place in the repository overlaps that of the destination {other}: choose another path");
            refuse(object, Invalid::request(vec![Mistake::new("spec.path", message)]), &mut input.problems, &mut sound);
        }
    }
    (landscape, sound)
}

fn refuse(object: &Object, invalid: Invalid, problems: &mut Vec<Problem>, sound: &mut bool) {
    problems.push(Problem::mistakes(object.subject.clone(), &object.origin, invalid.reason, invalid.mistakes));
    *sound = false;
}

fn once_each<'a>(objects: &'a [Object], problems: &mut Vec<Problem>, sound: &mut bool) -> Vec<&'a Object> {
    let mut seen: BTreeMap<&str, &Object> = BTreeMap::new();
    let mut kept = Vec::new();
    for object in objects {
        if let Some(first) = seen.insert(&object.subject.name, object) {
            let message = format!("is given more than once, first at {}: keep one of them", first.origin.place());
            let mistake = Mistake::new("", message);
            let subject = Some(object.subject.clone());
            problems.push(Problem::refused(subject, &object.origin, "GivenTwice", mistake));
            *sound = false;
        } else {
            kept.push(object);
        }
    }
    kept
}

fn with_absolute_path(mut store: StateStore) -> StateStore {
    let path = local_path(&store.url).and_then(|path| std::path::absolute(path).ok());
    if let Some(absolute) = path.as_deref().and_then(Path::to_str) {
        store.branch.remote = Remote::new(absolute);
        absolute.clone_into(&mut store.url);
    }
    store
}

/// Secrets that no store names would be dropped without a word: they are foreign objects.
pub(super) fn refuse_unused_secrets(landscape: &Landscape, input: &mut Input) {
    let stores = landscape.stores.values();
    let named: BTreeSet<(&str, &str)> = stores
        .flat_map(|store| store.auth.secret.iter().chain(&store.signing))
        .map(|secret| (secret.namespace.as_str(), secret.name.as_str()))
        .collect();
    for object in &input.secrets {
        if !named.contains(&(object.subject.namespace.as_str(), object.subject.name.as_str())) {
            let message = "no GitStateStore of the input names this Secret, and kept applies none: remove it, or pass --ignore-foreign";
            let mistake = Mistake::new("kind", message);
            let subject = Some(object.subject.clone());
            input.problems.push(Problem::refused(subject, &object.origin, "UnknownKind", mistake));
        }
    }
}
