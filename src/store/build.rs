//! From changes to a commit and its pack, or to a preview of them; nothing leaves the process here.

use git2::{ObjectType, Oid};

use super::git::Transport;
use super::git::objects::{Objects, Sink};
use super::git::sign::signed;
use super::message::message;
use super::preview::diff;
use super::stage::{Effect, Indexes, Ledger, Stage};
use super::{Access, Change, Chore, Error, Preview, Published, Receipt};
use crate::values::Timestamp;

/// What is built upon: a commit of the branch and its tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Base {
    pub(crate) commit: Option<Oid>,
    pub(crate) tree: Option<Oid>,
}

/// What came of each change and each chore.
pub(crate) struct Effects {
    changes: Vec<Result<Effect, Error>>,
    chores: Vec<Result<Effect, Error>>,
}

impl Effects {
    /// The answers, once the remote holds `made`, which was built on `found`.
    pub(crate) fn published(&self, made: &str, found: &str) -> Published {
        let at = Timestamp::now();
        let answer = |effects: &[Result<Effect, Error>]| {
            let answers = effects.iter().cloned().map(|effect| {
                effect.map(|effect| Receipt {
                    commit: if effect.touched { made } else { found }.to_owned(),
                    files_changed: effect.files,
                    created: !effect.had && !effect.removed,
                    drift: effect.drift.into_iter().collect(),
                    at,
                })
            });
            answers.collect()
        };
        Published { outcomes: answer(&self.changes), chores: answer(&self.chores) }
    }
}

/// A commit that was built, if there was anything to commit.
pub(crate) struct Built {
    pub(crate) effects: Effects,
    pub(crate) ledger: Ledger,
    pub(crate) new: Option<New>,
}

pub(crate) struct New {
    pub(crate) commit: Oid,
    pub(crate) tree: Oid,
    pub(crate) objects: Sink,
}

pub(crate) fn build(
    objects: &dyn Objects,
    access: &Access,
    base: Base,
    indexes: &mut Indexes,
    changes: &[Change],
    chores: &[Chore],
) -> Result<Built, Error> {
    let mut stage = Stage::new(objects, base.tree, indexes)?;
    let effects = run(&mut stage, changes, chores)?;
    if effects.changes.iter().chain(&effects.chores).flatten().any(|effect| effect.touched) {
        stage.seal_anew()?;
    }
    let tree = stage.seal()?;
    let mut new = None;
    if tree != base.tree {
        let tree = tree.map_or_else(|| stage.sink.add(ObjectType::Tree, b""), Ok)?;
        let done: Vec<_> = changes.iter().zip(&effects.changes).filter_map(touched).collect();
        let chores: Vec<_> = chores.iter().zip(&effects.chores).filter_map(touched).map(|(chore, _)| chore).collect();
        let bytes = commit_object(access, base.commit, tree, &message(access, &done, &chores))?;
        let commit = stage.sink.add(ObjectType::Commit, bytes.as_bytes())?;
        new = Some(New { commit, tree, objects: stage.take_objects() });
    }
    Ok(Built { effects, ledger: stage.finish()?, new })
}

fn touched<'a, T>((asked, effect): (&'a T, &'a Result<Effect, Error>)) -> Option<(&'a T, &'a Effect)> {
    effect.as_ref().ok().filter(|effect| effect.touched).map(|effect| (asked, effect))
}

pub(crate) fn preview(
    transport: &dyn Transport,
    base: Base,
    indexes: &mut Indexes,
    changes: &[Change],
    chores: &[Chore],
) -> Result<Preview, Error> {
    let mut stage = Stage::new(transport.objects(), base.tree, indexes)?;
    let effects = run(&mut stage, changes, chores)?;
    let tree = stage.seal()?;
    let differs = tree != base.tree;
    let (mut text, mut files) = (String::new(), Vec::new());
    if differs {
        (text, files) = diff(transport.objects(), &stage.sink, base.tree, tree)?;
    }
    stage.finish()?.abandon(indexes);
    let found = base.commit.map(|id| id.to_string()).unwrap_or_default();
    Ok(Preview { outcomes: effects.published(&found, &found).outcomes, diff: text, files, changed: differs })
}

/// Destinations that go make room first; canaries come last, for they give way to everything.
fn run(stage: &mut Stage<'_>, changes: &[Change], chores: &[Chore]) -> Result<Effects, Error> {
    let mut done: Vec<Option<Result<Effect, Error>>> = vec![None; chores.len()];
    let is_first = |chore: &Chore| matches!(chore, Chore::Retire { .. });
    for (chore, done) in chores.iter().zip(&mut done).filter(|(chore, _)| is_first(chore)) {
        *done = Some(stage.attempt(|stage| stage.do_chore(chore))?);
    }
    let mut changes = stage.apply_all(changes)?;
    for (chore, done) in chores.iter().zip(&mut done).filter(|(chore, _)| !is_first(chore)) {
        *done = Some(stage.attempt(|stage| stage.do_chore(chore))?);
    }
    let mut chores: Vec<_> = done.into_iter().flatten().collect();
    stage.aggregate(&mut changes.iter_mut().chain(&mut chores).collect::<Vec<_>>())?;
    Ok(Effects { changes, chores })
}

fn commit_object(access: &Access, parent: Option<Oid>, tree: Oid, message: &str) -> Result<String, Error> {
    let plain = |text: &str| text.replace(|c: char| c.is_control() || c == '<' || c == '>', "").trim().to_owned();
    let (name, email) = &access.author;
    let who = format!("{} <{}> {} +0000", plain(name), plain(email), Timestamp::now().as_second());
    let parent = parent.map(|id| format!("parent {id}\n")).unwrap_or_default();
    let commit = format!("tree {tree}\n{parent}author {who}\ncommitter {who}\n\n{message}");
    match &access.signing {
        Some(key) => signed(&commit, key),
        None => Ok(commit),
    }
}
