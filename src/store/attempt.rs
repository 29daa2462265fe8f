//! One commit, built on the branch as it stands and pushed by compare-and-swap: again if the branch moved meanwhile,
//! and until it is known whether the remote holds it.

use std::borrow::Cow;
use std::time::SystemTime;

use git2::Oid;

use super::build::{Base, New, build};
use super::engine::{ATTEMPTS, Engine, connect, note, pause};
use super::git::Pushed;
use super::{Change, Chore, Error, Published};
use crate::values::Map;

/// How often a push is sent again whose connection ended without an answer, while the branch stands still.
const RESENDS: u32 = 2;

impl Engine {
    /// Makes one commit of it all, or hears that the remote refuses just that.
    pub(super) fn publish_together(&mut self, changes: &[Change], chores: &[Chore]) -> Result<Together, Error> {
        let mut resends = 0;
        let mut moved = false;
        let mut last = String::new();
        for attempt in 0..ATTEMPTS {
            pause(attempt);
            let known = self.base;
            let wary = changes.iter().any(|change| !change.unless_head.is_empty());
            let base = if wary { self.look()? } else { self.base()? };
            // Whether `base` was seen at the remote during this call, not only at some time before.
            let fresh = known != Some(base) || attempt > 0;
            let tried = match self.try_publish(base, fresh, changes, chores) {
                Err(Error::Git(words)) if attempt == 0 && self.is_far() => {
                    self.begin_anew(&words);
                    continue;
                }
                tried => tried?,
            };
            match tried {
                Attempt::Done(published) => return Ok(self.settled(changes, published)),
                // Whatever its words: if the branch is not what was built upon, that may be all it means, as
                // where the repository was made anew.
                Attempt::Refused(error) if self.look().is_ok_and(|head| head != base) => {
                    moved = true;
                    last = error.to_string();
                }
                Attempt::Refused(error) => return Ok(Together::Refused(error)),
                Attempt::Moved(words) => {
                    last = words;
                    moved |= self.look()? != base;
                }
                Attempt::Unknown { commit, published, error, stalled } => {
                    let head = self.look().map_err(|_| error.clone())?;
                    if head.commit == Some(commit) {
                        return Ok(self.settled(changes, published));
                    }
                    // A server that is slow will be as slow again. One that closed a connection which
                    // had idled for too long answers on a new one.
                    if head.commit == base.commit && (stalled || resends == RESENDS) {
                        return Err(error);
                    }
                    resends += 1;
                    last = error.to_string();
                }
            }
        }
        let place = format!("the branch {} of {}", self.access.branch, self.access.url);
        Err(if moved {
            Error::Contended(format!("{place} moved whenever a commit was built on it, {ATTEMPTS} times ({last})"))
        } else {
            Error::Rejected(format!("{place} cannot be moved, though nobody else moved it: {last}"))
        })
    }

    fn settled(&mut self, changes: &[Change], published: Published) -> Together {
        self.disturbed.settled(changes.iter().map(|change| &change.owner));
        Together::Done(published)
    }

    /// Builds one commit on `base` and pushes it.
    fn try_publish(&mut self, base: Base, fresh: bool, changes: &[Change], chores: &[Chore]) -> Result<Attempt, Error> {
        let name = self.name();
        let transport = connect(&self.access, &mut self.transport)?;
        let found = base.commit.map(|id| id.to_string()).unwrap_or_default();
        let changes = heeding_head(changes, &found, self.heads.made_elsewhere(&found, &name));
        let since = SystemTime::now();
        let built = build(transport.objects(), &self.access, base, &mut self.indexes, &changes, chores);
        note(&mut self.spans, "build", since);
        if built.is_err() {
            // Nobody knows how far it came.
            self.indexes.clear();
        }
        let built = built?;
        let Some(New { commit, tree, objects }) = built.new else {
            built.ledger.confirm(&mut self.indexes);
            // Nothing to push means that nothing was compared either.
            if !fresh && transport.head()? != base.commit {
                return Ok(Attempt::Moved("it moved while nothing was to be changed".to_owned()));
            }
            return Ok(Attempt::Done(built.effects.published(&found, &found)));
        };
        let published = built.effects.published(&commit.to_string(), &found);
        self.heads.made(&commit.to_string(), &name);
        let since = SystemTime::now();
        let pushed = transport.push(base.commit, commit, &objects, &self.fence);
        note(&mut self.spans, "push", since);
        if matches!(pushed, Ok(Pushed::Done)) {
            built.ledger.confirm(&mut self.indexes);
            self.base = Some(Base { commit: Some(commit), tree: Some(tree) });
        } else {
            built.ledger.abandon(&mut self.indexes);
        }
        let pushed = match pushed {
            Err(error @ Error::Rejected(_)) => return Ok(Attempt::Refused(error)),
            pushed => pushed?,
        };
        Ok(match pushed {
            Pushed::Done => Attempt::Done(published),
            Pushed::Moved(words) => Attempt::Moved(words),
            Pushed::Unknown { error, stalled } => Attempt::Unknown { commit, published, error, stalled },
        })
    }
}

/// The changes, without anything to do in those that spare this head.
fn heeding_head<'a>(changes: &'a [Change], head: &str, is_anothers: bool) -> Cow<'a, [Change]> {
    let spares = |change: &Change| change.unless_head.contains(head) || is_anothers && !change.unless_head.is_empty();
    if !changes.iter().any(spares) {
        return Cow::Borrowed(changes);
    }
    let heeding = |change: &Change| {
        let roots = if spares(change) { Map::new() } else { change.roots.clone() };
        Change { roots, ..change.clone() }
    };
    changes.iter().map(heeding).collect()
}

/// What became of changes and chores that were to go together.
pub(super) enum Together {
    /// All have their answers.
    Done(Published),
    /// The remote refuses something in the commit, or the commit itself: [`Error::Rejected`].
    Refused(Error),
}

/// How one attempt ended.
enum Attempt {
    Done(Published),
    Refused(Error),
    /// Somebody else moved the branch; the remote's words.
    Moved(String),
    /// Nobody answered: the commit may have arrived, with these answers if it did.
    Unknown {
        commit: Oid,
        published: Published,
        error: Error,
        stalled: bool,
    },
}
