//! From requests to jobs: the street is walked for each, and what is absent is found.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rayon::prelude::*;

use super::console;
use super::input::{Asked, Input, subject_of};
use super::problem::Problem;
use super::session::{Session, Standing};
use super::submit::Job;
use crate::error::{Explain, Invalid, Mistake};
use crate::known::{Known, KnownPlace, Site};
use crate::manifest::Claim;
use crate::placement::Branch;
use crate::promises::{self, Refusal};
use crate::store::Change;
use crate::street::{Desired, Failure, Fingerprints, desire, removal};
use crate::values::{Map, Owner, RequestKey};

/// Requests that have come to the end of the street.
pub(super) struct Wanted {
    pub(super) desired: Vec<Wish>,
}

/// One of them.
pub(super) struct Wish {
    pub(super) asked: Asked,
    /// Something is recorded of it already.
    pub(super) known: bool,
    /// Nothing is desired but what stands there already.
    pub(super) standing: Option<Standing>,
    pub(super) desired: Desired,
}

impl Wanted {
    /// Walks the street for every request of the input. Those that fail are left to the input's
    /// problems, and keep what they have; those that another request renders are left to that one.
    pub(super) fn walk(session: &Session, input: &mut Input, going: impl Fn(&RequestKey) -> bool) -> Self {
        let requests = std::mem::take(&mut input.requests);
        let (fingerprints, standing) = (session.fingerprints.as_ref(), session.standing());
        let mut fitting = Vec::new();
        let mut known = rayon::in_place_scope(|scope| {
            scope.spawn(|_| fitting = fits(fingerprints, &standing, &requests));
            session.known(going)
        });
        let view = session.view(&known);
        let ahead = |(asked, standing): (&Asked, Option<Standing>)| match standing {
            _ if !asked.promise.is_alone() => Ahead::Nothing,
            Some(standing) if is_all(&standing, asked, &known) => Ahead::Stands(standing),
            _ => Ahead::Wanted(desire(asked.promise, &asked.request, view)),
        };
        let ahead: Vec<_> = requests.par_iter().zip(fitting).map(ahead).collect();
        let mut desired = Vec::with_capacity(requests.len());
        for (asked, ahead) in requests.into_iter().zip(ahead) {
            let was_known = !known.places(&asked.request.key).is_empty();
            let wanted = match ahead {
                Ahead::Stands(standing) if !is_contested(&asked, &standing.record.claims, &known) => {
                    let (standing, desired_anew) = (Some(standing), Desired::default());
                    desired.push(Wish { asked, known: was_known, standing, desired: desired_anew });
                    continue;
                }
                Ahead::Wanted(wanted) if !is_contested(&asked, claims(&wanted), &known) => wanted,
                _ => desire(asked.promise, &asked.request, session.view(&known)),
            };
            let wanted = wanted.and_then(|wanted| same_identity(&asked, wanted, &known));
            match wanted {
                Ok(wanted) => {
                    warn(&asked, &wanted);
                    remember(&mut known, &asked.request.key, &wanted);
                    desired.push(Wish { asked, known: was_known, standing: None, desired: wanted });
                }
                Err(failure) => give_up(input, asked, failure),
            }
        }
        Self { desired }
    }
}

/// What was worked out ahead of a request's turn.
enum Ahead {
    Nothing,
    Stands(Standing),
    Wanted(Result<Desired, Failure>),
}

/// What stands of each request, if it was made of the very same one.
fn fits(
    fingerprints: Option<&Fingerprints>,
    standing: &HashMap<&RequestKey, Standing>,
    requests: &[Asked],
) -> Vec<Option<Standing>> {
    let fits = |asked: &Asked| {
        let standing = standing.get(&asked.request.key).filter(|_| asked.promise.is_alone())?;
        let fingerprint = fingerprints?.of(&asked.request)?;
        standing.record.is_sealed_for(&fingerprint).then(|| standing.clone())
    };
    requests.par_iter().map(fits).collect()
}

/// Whether what stands is all that is recorded of a request.
fn is_all(standing: &Standing, asked: &Asked, known: &Known) -> bool {
    known.places(&asked.request.key).iter().all(|place| place.site == *standing.site)
}

fn claims(wanted: &Result<Desired, Failure>) -> impl Iterator<Item = &Claim> {
    wanted.iter().flat_map(|wanted| wanted.changes.values()).flat_map(|change| &change.claims)
}

/// Whether a request that was worked out ahead of its turn wants what one before it has got since.
fn is_contested<'a>(asked: &Asked, claims: impl IntoIterator<Item = &'a Claim>, known: &Known) -> bool {
    let is_anothers = |claim| known.holder(claim).is_some_and(|holder| *holder != asked.request.key);
    claims.into_iter().any(is_anothers)
}

/// Says what the author of a request should know although all is well.
pub(super) fn warn(asked: &Asked, wanted: &Desired) {
    for note in wanted.misplaced.iter().chain(&wanted.notes) {
        console::warning(&format!("{}: {note}", asked.subject()));
    }
}

/// A request that is not written: a problem, unless there is nothing left to do for it.
pub(super) fn give_up(input: &mut Input, asked: Asked, failure: Failure) {
    if let Failure::Refused(Refusal::Superseded(by)) = &failure {
        console::warning(&format!("{}: {by} renders it, nothing is left to do", asked.subject()));
        return;
    }
    input.problems.push(problem(&asked, failure));
    input.rejected.insert(asked.request.key);
}

/// What is on its way counts as known: a later request must not claim the same in another repository.
pub(super) fn remember(known: &mut Known, key: &RequestKey, wanted: &Desired) {
    for (branch, change) in &wanted.changes {
        for place in KnownPlace::wanted(branch, change) {
            known.add(key, place, &change.claims);
        }
    }
}

/// A request stays what it is recorded to be: whatever bears the identity that it gives up, such as a
/// team's organisation with all its repositories, would be destroyed by who applies the change.
fn same_identity(asked: &Asked, wanted: Desired, known: &Known) -> Result<Desired, Failure> {
    let mut found = Vec::new();
    for (field, kind) in asked.promise.identity() {
        let mut claims = wanted.changes.values().flat_map(|change| &change.claims);
        let before = known.recorded_claims(&asked.request.key).find(|claim| claim.kind() == *kind);
        if let Some(before) = before.filter(|before| !claims.any(|claim| claim == *before)) {
            let message = format!("cannot be changed, and {before} is recorded: delete the request and create another");
            found.push(Mistake::new(*field, message));
        }
    }
    if found.is_empty() { Ok(wanted) } else { Err(Invalid::request(found).into()) }
}

fn problem(asked: &Asked, failure: Failure) -> Problem {
    match failure {
        Failure::Invalid(invalid) => {
            Problem::mistakes(asked.subject(), &asked.origin, invalid.reason, invalid.mistakes)
        }
        other => Problem::failed(asked.subject(), Some(&asked.origin), &other as &dyn Explain),
    }
}

/// Jobs that write.
pub(super) fn jobs_for(wanted: Wanted) -> impl Iterator<Item = Job> {
    wanted.desired.into_iter().map(|Wish { asked, known, standing, desired }| Job {
        subject: asked.subject(),
        origin: Some(asked.origin.clone()),
        removal: false,
        known,
        standing,
        desired,
        asked: Some(asked),
    })
}

/// Jobs that lost what they had chosen to somebody else, planned anew on what the repositories say now:
/// the index of each, if another choice comes of it.
pub(super) fn plan_again(session: &mut Session, jobs: &mut [Job], lost: &[usize]) -> Vec<usize> {
    session.survey_again();
    let mut known = session.known(|_| false);
    let mut again = Vec::new();
    for &at in lost {
        let Some(asked) = &jobs[at].asked else { continue };
        let wanted = desire(asked.promise, &asked.request, session.view(&known));
        if let Ok(wanted) = wanted.and_then(|wanted| same_identity(asked, wanted, &known))
            && wanted.changes != jobs[at].desired.changes
        {
            remember(&mut known, &asked.request.key, &wanted);
            jobs[at].desired = wanted;
            again.push(at);
        }
    }
    again
}

/// Jobs that remove the requests of the input.
pub(super) fn removal_jobs(session: &Session, input: &mut Input) -> Vec<Job> {
    let known = session.known(|_| false);
    let requests = std::mem::take(&mut input.requests);
    let is_kratixs =
        |asked: &Asked| known.places(&asked.request.key).is_empty() && known.is_left_over(&asked.request.key);
    let (kratixs, ours): (Vec<_>, Vec<_>) = requests.into_iter().partition(is_kratixs);
    for asked in kratixs {
        let message = "Kratix wrote its files, and kept has not: apply it once, and delete it then";
        let mistake = Mistake::new("", message);
        input.problems.push(Problem::refused(Some(asked.subject()), &asked.origin, "LeftOver", mistake));
    }
    let jobs = ours.into_iter().map(|asked| Job {
        subject: asked.subject(),
        desired: removal(&asked.request, session.view(&known)),
        origin: Some(asked.origin),
        removal: true,
        known: true,
        standing: None,
        asked: None,
    });
    jobs.collect()
}

/// Requests whose files are to go, with every record of them.
pub(super) type Going = BTreeMap<RequestKey, BTreeMap<Owner, BTreeSet<Site>>>;

/// The recorded requests that are not present.
pub(super) fn absent(session: &Session, present: impl Fn(&RequestKey) -> bool) -> Going {
    let mut going = Going::new();
    for (owner, site) in session.recorded() {
        if !present(&owner.key) {
            going.entry(owner.key.clone()).or_default().entry(owner).or_default().insert(site);
        }
    }
    going
}

/// Jobs that remove what is absent.
pub(super) fn prune_jobs(session: &Session, going: &Going) -> Vec<Job> {
    let owners = going.values().flatten();
    owners
        .map(|(owner, sites)| {
            let kind = kind_of(&owner.key);
            let mut changes: Map<Branch, Box<Change>> = Map::new();
            for site in sites {
                let change = changes.entry(site.branch.clone()).or_insert_with(|| {
                    Box::new(Change { adopt: session.adopt.clone(), ..Change::of(owner.clone(), &kind) })
                });
                change.roots.insert(site.root.clone(), Vec::new());
            }
            let desired = Desired { changes, ..Desired::default() };
            Job {
                subject: subject_of(&kind, &owner.key),
                origin: None,
                removal: true,
                known: true,
                standing: None,
                desired,
                asked: None,
            }
        })
        .collect()
}

/// The kind of a recorded request; a record knows the promise only.
pub(super) fn kind_of(key: &RequestKey) -> String {
    let promise = promises::all().iter().find(|promise| promise.name() == key.promise);
    promise.map_or_else(|| key.promise.clone(), |promise| promise.crd().spec.names.kind.clone())
}
