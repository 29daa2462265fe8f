//! A commit that the remote refuses for the sake of something in it, as a hook does: what it refuses is
//! found by halves, and the rest goes through.

use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, VecDeque};
use std::hash::{Hash, Hasher};

use super::attempt::Together;
use super::engine::Engine;
use super::{Change, Chore, Error, Footprint, Outcome, Published};
use crate::values::Owner;

/// What was refused alone, by owner: it goes apart from the others from then on, until it goes through
/// or is something else.
#[derive(Debug, Default)]
pub(super) struct Refused(HashMap<Owner, u64>);

impl Refused {
    fn holds(&self, change: &Change) -> bool {
        self.0.get(&change.owner).is_some_and(|hash| *hash == wish(change))
    }

    fn note(&mut self, change: &Change, outcome: &Outcome) {
        match outcome {
            Err(Error::Rejected(_)) => self.0.insert(change.owner.clone(), wish(change)),
            _ => self.0.remove(&change.owner),
        };
    }
}

fn wish(change: &Change) -> u64 {
    let mut hasher = DefaultHasher::new();
    change.roots.hash(&mut hasher);
    hasher.finish()
}

/// Changes and chores that go together, by number: first the changes, then the chores.
type Group = Vec<usize>;

impl Engine {
    /// As [`Engine::commit`], with an answer to each chore as well.
    pub fn publish(&mut self, changes: &[Change], chores: &[Chore]) -> Result<Published, Error> {
        let all = 0..changes.len() + chores.len();
        let is_suspect = |at: &usize| changes.get(*at).is_some_and(|change| self.refused.holds(change));
        let (suspects, rest): (Group, Group) = all.partition(is_suspect);
        let published = if suspects.is_empty() || rest.is_empty() {
            match self.publish_together(changes, chores)? {
                Together::Done(published) => published,
                Together::Refused(error) if changes.len() + chores.len() == 1 => {
                    let alone = Err(error.clone());
                    for change in changes {
                        self.refused.note(change, &alone);
                    }
                    return Err(error);
                }
                Together::Refused(error) => {
                    let all = All { changes, chores };
                    let (one, other) = all.parted(&[rest, suspects].concat(), &error);
                    self.publish_apart(&all, [one, other].into())
                }
            }
        } else {
            self.publish_apart(&All { changes, chores }, [rest, suspects].into())
        };
        for (change, outcome) in changes.iter().zip(&published.outcomes) {
            self.refused.note(change, outcome);
        }
        Ok(published)
    }

    /// Publishes groups one after the other, and each that is refused in two parts later on.
    fn publish_apart(&mut self, all: &All<'_>, mut groups: VecDeque<Group>) -> Published {
        // A remote that refuses everything is not asked about each of a thousand.
        let patience = 8 + 2 * all.len().ilog2();
        let mut answers: Vec<Option<Outcome>> = vec![None; all.len()];
        let (mut refusals, mut accepted, mut again) = (0, false, true);
        while let Some(group) = groups.pop_front() {
            let (changes, chores) = all.pick(&group);
            match self.publish_together(&changes, &chores) {
                Ok(Together::Done(published)) => {
                    let outcomes: Vec<Outcome> = published.outcomes.into_iter().chain(published.chores).collect();
                    // That somebody else's commit came between says nothing of ours.
                    accepted |= outcomes.iter().flatten().any(|receipt| receipt.files_changed > 0);
                    group.iter().zip(outcomes).for_each(|(at, outcome)| answers[*at] = Some(outcome));
                }
                Ok(Together::Refused(error)) => {
                    refusals += 1;
                    let is_hopeless = !accepted && refusals > patience;
                    if group.len() > 1 && !is_hopeless {
                        let (one, other) = all.parted(&group, &error);
                        groups.extend([one, other]);
                    } else {
                        let rest = is_hopeless.then(|| groups.drain(..)).into_iter().flatten().flatten();
                        group.iter().copied().chain(rest).for_each(|at| answers[at] = Some(Err(error.clone())));
                    }
                }
                Err(error) => {
                    let rest = groups.drain(..).flatten();
                    group.iter().copied().chain(rest).for_each(|at| answers[at] = Some(Err(error.clone())));
                }
            }
            // Whoever needed what another of these has given up since, may have it now.
            if groups.is_empty() && std::mem::take(&mut again) {
                let lost =
                    |answer: &Option<Outcome>| matches!(answer, Some(Err(Error::Conflict(_) | Error::Blocked(_))));
                let losers: Group = (0..answers.len()).filter(|at| lost(&answers[*at])).collect();
                groups.extend((!losers.is_empty()).then_some(losers));
            }
        }
        let unanswered = || Err(Error::Git("it was left out by mistake".into()));
        let mut outcomes: Vec<Outcome> = answers.into_iter().map(|a| a.unwrap_or_else(unanswered)).collect();
        let chores = outcomes.split_off(all.changes.len());
        Published { outcomes, chores }
    }
}

/// Everything that was to go together.
struct All<'a> {
    changes: &'a [Change],
    chores: &'a [Chore],
}

impl All<'_> {
    fn len(&self) -> usize {
        self.changes.len() + self.chores.len()
    }

    fn pick(&self, group: &[usize]) -> (Vec<Change>, Vec<Chore>) {
        let count = self.changes.len();
        let changes = group.iter().filter_map(|at| self.changes.get(*at)).cloned().collect();
        let chores = group.iter().filter_map(|at| self.chores.get(at.checked_sub(count)?)).cloned().collect();
        (changes, chores)
    }

    /// A refused group in two, neither of them empty: those that the remote's words name and the others, or
    /// else halves.
    fn parted(&self, group: &[usize], error: &Error) -> (Group, Group) {
        let words = error.to_string();
        let is_named = |at: &usize| self.changes.get(*at).is_some_and(|change| names(&words, change));
        let (named, others): (Group, Group) = group.iter().partition(|at| is_named(at));
        if named.is_empty() || others.is_empty() {
            let (one, other) = group.split_at(group.len() / 2);
            return (one.to_vec(), other.to_vec());
        }
        (others, named)
    }
}

/// Whether a text names a file or a directory of the change.
fn names(words: &str, change: &Change) -> bool {
    let places = change.roots.iter().flat_map(|(root, places)| places.iter().map(move |place| (root, place)));
    places.into_iter().any(|(root, place)| match &place.footprint {
        Footprint::Exclusive { dir, .. } => words.contains(&format!("{}/", root.join(dir))),
        Footprint::Shared { files } => files.keys().any(|file| words.contains(root.join(file).as_str())),
        Footprint::Fragment { .. } => false,
    })
}
