//! Which destinations, which paths: the rules, without any repository.

use std::collections::{BTreeMap, BTreeSet};

use kept::config::{DestinationSelector, Settings};
use kept::known::{Known, KnownPlace, Site};
use kept::manifest::{Claim, Content, Output};
use kept::placement::{
    Auth, Destination, Error, Landscape, Layout, Placement, StateStore, overlapping, place, workload_files,
};
use kept::policy::{Checked, check};
use kept::store::{AuthMethod, Footprint};
use kept::values::{Branch, Labels, Map, RelPath, Remote, RequestKey, Set};
use proptest::prelude::*;
use serde_json::json;

fn path(text: &str) -> RelPath {
    text.parse().expect("a path")
}

fn request(name: &str) -> RequestKey {
    RequestKey { namespace: "default".into(), promise: "team".into(), name: name.into() }
}

fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(k, v)| ((*k).into(), (*v).into())).collect()
}

fn store(name: &str, branch: &str) -> StateStore {
    let url = format!("https://git.example/{name}.git");
    StateStore {
        name: name.into(),
        branch: Branch { remote: Remote::new(&url), name: branch.into() },
        url,
        path: RelPath::root(),
        author: ("kratix".into(), String::new()),
        auth: Auth { method: AuthMethod::Basic, secret: None },
        signing: None,
        ca_bundle: None,
        insecure_skip_tls_verify: false,
    }
}

fn destination(name: &str, store: &str, marks: &[(&str, &str)]) -> Destination {
    Destination {
        name: name.into(),
        labels: labels(marks),
        strict: false,
        takes_all: false,
        store: store.into(),
        path: path(name),
        layout: Layout::Nested,
        init_workloads: true,
        cleanup: false,
        created: None,
        leaving: false,
    }
}

fn landscape(stores: Vec<StateStore>, destinations: Vec<Destination>) -> Landscape {
    Landscape {
        stores: stores.into_iter().map(|s| (s.name.clone(), s)).collect(),
        destinations: destinations.into_iter().map(|d| (d.name.clone(), d)).collect(),
    }
}

/// A YAML document at the top, and raw text in the directory `terraform`.
fn output() -> Checked {
    let files = BTreeMap::from([
        (path("group.yaml"), Content::Document(json!({"kind": "Group"}))),
        (path("terraform/org.tf"), Content::Text("resource {}\n".into())),
    ]);
    let output = Output { files, claims: Set::from([Claim::new("team-id", "x")]), ..Output::default() };
    check(&request("x"), output, &Settings::default()).expect("nothing is wrong with it")
}

/// An entry of destinationSelectors: its directory, if any, and its labels.
type Entry<'a> = (Option<&'a str>, &'a [(&'a str, &'a str)]);

fn selectors(entries: &[Entry]) -> Vec<DestinationSelector> {
    let entry = |(directory, wanted): &Entry| DestinationSelector {
        match_labels: labels(wanted),
        directory: directory.map(Into::into),
    };
    entries.iter().map(entry).collect()
}

fn known(destination: &str, directories: &[&str], site: Site) -> Known {
    let mut known = Known::default();
    let directories = directories.iter().map(|d| (*d).to_owned()).collect();
    known.add(&request("x"), KnownPlace { destination: destination.into(), directories, site }, []);
    known
}

/// Destination and directories of every place.
fn chosen(placement: &Placement) -> Vec<(String, Vec<String>)> {
    let places = placement.branches.values().flat_map(Map::values).flatten();
    let mut all: Vec<_> =
        places.map(|p| (p.destination.clone(), p.directories.iter().cloned().collect::<Vec<_>>())).collect();
    all.sort();
    all
}

#[test]
fn every_selected_label_must_be_there_and_a_strict_destination_has_no_others() {
    let plain = destination("d", "s", &[("env", "dev"), ("zone", "a")]);
    assert!(plain.matches(&labels(&[])));
    assert!(plain.matches(&labels(&[("env", "dev")])));
    assert!(!plain.matches(&labels(&[("env", "prod")])));
    assert!(!plain.matches(&labels(&[("env", "dev"), ("other", "x")])));
    let strict = Destination { strict: true, ..plain.clone() };
    assert!(!strict.matches(&labels(&[])));
    assert!(!strict.matches(&labels(&[("env", "dev")])));
    assert!(strict.matches(&labels(&[("env", "dev"), ("zone", "a")])));
    assert!(Destination { labels: Labels::new(), ..strict.clone() }.matches(&labels(&[])));
    assert!(Destination { takes_all: true, ..strict }.matches(&labels(&[])));
}

#[test]
fn no_match_names_the_labels_and_the_directory() {
    let land = landscape(vec![store("s", "main")], vec![destination("d", "s", &[("to", "catalog")])]);
    let wanted = selectors(&[(None, &[("to", "catalog")]), (Some("terraform"), &[("to", "infra")])]);
    let error = place(&request("x"), &output(), &wanted, &land, &Known::default()).expect_err("no infra");
    assert!(error.to_string().contains("to=infra") && error.to_string().contains("terraform"), "{error}");
}

#[test]
fn directories_go_where_their_entry_says_and_keep_their_name() {
    let destinations = vec![destination("cat", "s", &[("to", "catalog")]), destination("inf", "t", &[("to", "infra")])];
    let land = landscape(vec![store("s", "main"), store("t", "main")], destinations);
    let wanted = selectors(&[(None, &[("to", "catalog")]), (Some("terraform"), &[("to", "infra")])]);
    let placement = place(&request("x"), &output(), &wanted, &land, &Known::default()).expect("placed");
    assert_eq!(chosen(&placement), [("cat".into(), vec![String::new()]), ("inf".into(), vec!["terraform".into()])]);
    let infra = &placement.branches[&land.stores["t"].branch][&RelPath::root()][0];
    let Footprint::Exclusive { dir, files, .. } = &infra.footprint else { panic!("nested") };
    assert_eq!(dir.as_str(), "inf/resources/default/team/x");
    assert!(files.contains_key(&path("terraform/org.tf")));
}

#[test]
fn what_is_recorded_is_kept_and_a_mismatch_is_said() {
    let land = landscape(
        vec![store("s", "main")],
        vec![destination("old", "s", &[]), destination("new", "s", &[("tier", "gold")])],
    );
    let wanted = selectors(&[(None, &[("tier", "gold")])]);
    let site = land.stores["s"].site();
    let placement = place(&request("x"), &output(), &wanted, &land, &known("old", &[""], site)).expect("placed");
    assert_eq!(chosen(&placement), [("old".into(), vec![String::new()])]);
    assert!(placement.misplaced[0].contains("old") && placement.misplaced[0].contains("tier=gold"));
    // One that is going takes nothing with it.
    let mut leaving = land.clone();
    leaving.destinations.get_mut("old").expect("old").leaving = true;
    let site = land.stores["s"].site();
    let placement = place(&request("x"), &output(), &wanted, &leaving, &known("old", &[""], site)).expect("placed");
    assert_eq!(chosen(&placement), [("new".into(), vec![String::new()])]);
}

#[test]
fn a_new_directory_entry_moves_only_that_directory() {
    let land = landscape(
        vec![store("s", "main")],
        vec![destination("a", "s", &[("to", "a")]), destination("b", "s", &[("to", "b")])],
    );
    let wanted = selectors(&[(None, &[("to", "a")]), (Some("terraform"), &[("to", "b")])]);
    let recorded = known("a", &[""], land.stores["s"].site());
    let placement = place(&request("x"), &output(), &wanted, &land, &recorded).expect("placed");
    assert_eq!(chosen(&placement), [("a".into(), vec![String::new()]), ("b".into(), vec!["terraform".into()])]);
    assert!(placement.leave.is_empty(), "one branch, one commit");
    // And back: the entry is gone, so is the place at b.
    let mut recorded = known("a", &[""], land.stores["s"].site());
    let at_b = KnownPlace {
        destination: "b".into(),
        directories: Set::from(["terraform".into()]),
        site: land.stores["s"].site(),
    };
    recorded.add(&request("x"), at_b, []);
    let wanted = selectors(&[(None, &[("to", "a")])]);
    let placement = place(&request("x"), &output(), &wanted, &land, &recorded).expect("placed");
    assert_eq!(chosen(&placement), [("a".into(), vec![String::new()])]);
}

#[test]
fn within_a_branch_a_move_is_one_commit_and_elsewhere_the_old_place_waits() {
    let land = landscape(vec![store("s", "main")], vec![destination("d", "s", &[])]);
    let branch = land.stores["s"].branch.clone();
    let old_root = Site { branch: branch.clone(), root: path("old") };
    let placement = place(&request("x"), &output(), &[], &land, &known("d", &[""], old_root)).expect("placed");
    assert!(placement.branches[&branch][&path("old")].is_empty(), "the old root is cleared in the same commit");
    assert!(placement.leave.is_empty());
    let old_branch = Site { branch: Branch { name: "before".into(), ..branch }, root: RelPath::root() };
    let placement =
        place(&request("x"), &output(), &[], &land, &known("d", &[""], old_branch.clone())).expect("placed");
    assert_eq!(placement.leave, BTreeSet::from([old_branch]));
}

#[test]
fn layouts() {
    let lay_out = |layout: Layout| {
        let one = Destination { layout, path: path("p"), ..destination("d", "s", &[]) };
        let land = landscape(vec![store("s", "main")], vec![one]);
        place(&request("x"), &output(), &[], &land, &Known::default())
            .map(|p| p.branches.values().flat_map(Map::values).flatten().next().expect("a place").footprint.clone())
    };
    let Ok(Footprint::Shared { files }) = lay_out(Layout::Flat) else { panic!("flat") };
    assert_eq!(files.keys().map(RelPath::as_str).collect::<Vec<_>>(), ["p/group.yaml", "p/terraform/org.tf"]);
    let error = lay_out(Layout::Aggregated { file: path("all.yaml") }).expect_err("raw text");
    assert!(matches!(&error, Error::NotAggregatable { file, .. } if *file == path("terraform/org.tf")), "{error}");
}

#[test]
fn an_identity_held_in_another_repository_is_a_conflict() {
    let land = landscape(vec![store("s", "main"), store("t", "main")], vec![destination("d", "s", &[])]);
    let mut elsewhere = Known::default();
    let at = |site| KnownPlace { destination: "e".into(), directories: Set::from([String::new()]), site };
    let claims = [Claim::new("team-id", "x")];
    elsewhere.add(&request("holder"), at(land.stores["t"].site()), &claims);
    let error = place(&request("x"), &output(), &[], &land, &elsewhere).expect_err("held");
    assert!(error.to_string().contains("default/holder"), "{error}");
    // In the same place the writer decides, who knows who was first.
    let mut here = Known::default();
    here.add(&request("holder"), at(land.stores["s"].site()), &claims);
    assert!(place(&request("x"), &output(), &[], &land, &here).is_ok());
}

#[test]
fn the_later_of_two_overlapping_destinations_is_named_and_takes_nothing() {
    let time = |s: i64| Some(jiff::Timestamp::from_second(s).expect("a time"));
    let outer = Destination { created: time(1), path: path("a"), ..destination("z", "s", &[]) };
    let inner = Destination { created: time(2), path: path("a/b"), ..destination("b", "s", &[]) };
    let beside = Destination { created: time(3), path: path("ab"), ..destination("c", "s", &[]) };
    let other = Destination { created: time(4), path: path("a"), ..destination("d", "t", &[]) };
    let stores = vec![store("s", "main"), store("t", "main")];
    let land = landscape(stores, vec![outer.clone(), inner.clone(), beside.clone(), other.clone()]);
    assert_eq!(overlapping(&inner, &land).as_deref(), Some("z"));
    for free in [outer, beside, other] {
        assert_eq!(overlapping(&free, &land), None, "{}", free.name);
    }
    for i in 0..50 {
        let placement = place(&request(&format!("r{i}")), &output(), &[], &land, &Known::default()).expect("placed");
        assert!(chosen(&placement).iter().all(|(d, _)| d != "b"));
    }
}

#[test]
fn canaries_lie_where_kratix_puts_them() {
    let paths = |d: Destination| workload_files(&d, &path("store")).keys().map(RelPath::to_string).collect::<Vec<_>>();
    let nested = destination("d", "s", &[]);
    assert_eq!(
        paths(nested.clone()),
        ["store/d/dependencies/kratix-canary-namespace.yaml", "store/d/resources/kratix-canary-configmap.yaml"]
    );
    let flat = Destination { layout: Layout::Flat, ..nested.clone() };
    assert_eq!(paths(flat.clone()), ["store/d/kratix-canary-configmap.yaml", "store/d/kratix-canary-namespace.yaml"]);
    assert_eq!(
        paths(Destination { init_workloads: false, ..nested }),
        ["store/d/dependencies/.keep", "store/d/resources/.keep"]
    );
    assert_eq!(paths(Destination { init_workloads: false, ..flat }), ["store/d/.keep"]);
}

#[test]
fn one_remote_is_one_remote_however_it_is_spelled() {
    let same = ["https://Git.Example/o/r.git", "https://git.example/o/r", "https://u:p@git.example/o/r.git/"];
    assert!(same.windows(2).all(|w| Remote::new(w[0]) == Remote::new(w[1])));
    assert!(!Remote::new(same[2]).to_string().contains("u:p"));
    assert_ne!(Remote::new("https://git.example/o/r"), Remote::new("https://git.example/o/R"));
}

proptest! {
    #[test]
    fn a_destination_more_or_less_moves_only_what_it_wins_or_loses(names in proptest::collection::btree_set("[a-z]{1,8}", 2..8)) {
        let all: Vec<Destination> = names.iter().map(|n| destination(n, "s", &[])).collect();
        let fewer = all[1..].to_vec();
        let gone = all[0].name.clone();
        let (before, after) = (landscape(vec![store("s", "main")], all), landscape(vec![store("s", "main")], fewer));
        for i in 0..40 {
            let key = request(&format!("r{i}"));
            let choice = |land: &Landscape| chosen(&place(&key, &output(), &[], land, &Known::default()).expect("placed"))[0].0.clone();
            let first = choice(&before);
            prop_assert!(first == gone || first == choice(&after));
        }
    }
}
