//! The street, walked once for each request: plan, render, check, place. Pure; I/O happens before
//! (snapshots) and after (submission).

mod fingerprint;

use std::collections::BTreeMap;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::config::Settings;
use crate::error::{Explain, Invalid, Retry};
use crate::known::Known;
use crate::manifest::Observed;
use crate::placement::{self, Branch, Landscape, Placement};
use crate::policy;
use crate::promises::{Promise, Refusal, Request};
use crate::store::{self, Change, Footprint, Place};
use crate::values::{Map, Owner, Set};
pub use fingerprint::Fingerprints;

/// Why a request is not committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The request, or what it renders to, is refused.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// Another request is in its way, or in its place.
    #[error(transparent)]
    Refused(Refusal),
    /// There is no place for it.
    #[error(transparent)]
    Placement(#[from] placement::Error),
    /// The state repository does not hold it.
    #[error(transparent)]
    Store(#[from] store::Error),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(invalid) => Self::Invalid(invalid),
            other => Self::Refused(other),
        }
    }
}

impl Failure {
    fn inner(&self) -> &dyn Explain {
        match self {
            Self::Invalid(e) => e,
            Self::Refused(e) => e,
            Self::Placement(e) => e,
            Self::Store(e) => e,
        }
    }
}

impl Explain for Failure {
    fn reason(&self) -> &'static str {
        self.inner().reason()
    }

    fn retry(&self) -> Retry {
        self.inner().retry()
    }
}

/// The snapshots that the street reads.
#[derive(Clone, Copy)]
pub struct View<'a> {
    /// The settings.
    pub settings: &'a Settings,
    /// The stores and destinations.
    pub landscape: &'a Landscape,
    /// What is recorded.
    pub known: &'a Known,
    /// In whose name is written.
    pub writer: &'a str,
    /// Whose records are taken over.
    pub adopt: &'a [String],
    /// Given where a later run may trust what this one records.
    pub fingerprints: Option<&'a Fingerprints>,
}

/// A request at the end of the street.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Desired {
    /// What to submit, by branch.
    pub changes: Map<Branch, Box<Change>>,
    /// What to submit once all of `changes` are confirmed, by branch: the places that it has left.
    pub leave: Map<Branch, Box<Change>>,
    /// Destinations kept although they no longer match, in words.
    pub misplaced: Vec<String>,
    /// What its author should know although all is well.
    pub notes: Vec<String>,
    /// Facts for status.
    pub facts: BTreeMap<String, Value>,
    /// What is looked at to say how it fares.
    pub observed: Observed,
}

/// Walks the street.
pub fn desire(promise: &dyn Promise, request: &Request, view: View) -> Result<Desired, Failure> {
    let output = promise.render(request, view.settings, view.known)?;
    let (facts, notes) = (output.facts.clone(), output.notes.clone());
    let observed = Observed::of(&output);
    let checked = policy::check(&request.key, output, view.settings)?;
    let selectors = promise.selectors(view.settings);
    let placement = placement::place(&request.key, &checked, selectors, view.landscape, view.known)?;
    let can_stand = promise.is_alone() && notes.is_empty() && checked.supersedes().is_empty() && is_at_home(&placement);
    let template = Change {
        fingerprint: view.fingerprints.filter(|_| can_stand).and_then(|all| all.of(request)),
        claims: checked.claims().clone(),
        supersedes: checked.supersedes().clone(),
        input: input_hash(request),
        ..blank(request, view)
    };
    Ok(Desired { notes, facts, observed, ..finish(placement, &template) })
}

/// What it takes that nothing of the request is left anywhere.
pub fn removal(request: &Request, view: View) -> Desired {
    let placement = placement::removal(view.known.places(&request.key));
    finish(placement, &blank(request, view))
}

fn blank(request: &Request, view: View) -> Change {
    let owner = Owner { writer: view.writer.to_owned(), key: request.key.clone() };
    Change {
        uid: request.uid.clone(),
        generation: request.generation,
        created: request.created,
        adopt: view.adopt.to_vec(),
        ..Change::of(owner, &request.kind)
    }
}

fn finish(placement: Placement, template: &Change) -> Desired {
    let changes =
        placement.branches.into_iter().map(|(branch, roots)| (branch, Box::new(Change { roots, ..template.clone() })));
    let mut leave: Map<Branch, Box<Change>> = Map::new();
    for site in placement.leave {
        let gone = || Box::new(Change { claims: Set::new(), input: String::new(), ..template.clone() });
        leave.entry(site.branch).or_insert_with(gone).roots.insert(site.root, Vec::new());
    }
    Desired { changes: changes.collect(), leave, misplaced: placement.misplaced, ..Desired::default() }
}

/// Whether a single record says where all of it is, and nobody needs to be told anything: only then can that record
/// stand for it.
fn is_at_home(placement: &Placement) -> bool {
    let alone = |place: &Place| matches!(&place.footprint, Footprint::Exclusive { clears, .. } if clears.is_empty());
    let mut sites = placement.branches.values().flatten();
    let site = sites.next().filter(|(_, places)| !places.is_empty() && places.iter().all(alone));
    site.is_some() && sites.next().is_none() && placement.leave.is_empty() && placement.misplaced.is_empty()
}

/// Hash of what the user asked for: 16 hex digits of SHA-256 over the spec.
fn input_hash(request: &Request) -> String {
    let digest = Sha256::digest(request.spec.to_string());
    digest.iter().take(8).map(|b| format!("{b:02x}")).collect()
}
