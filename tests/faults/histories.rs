//! Whatever others do to a branch: the next run puts back exactly what the requests say, brings back nothing
//! that was dropped, and touches nothing of theirs.

use std::path::Path;

use crate::chance::{Chance, size};
use crate::desk::{Desk, Layout, succeeds};
use crate::server::Server;
use crate::support::*;
use crate::wishes::{Wishes, name};
use crate::witness::{Versions, Witness};

/// What others do to a branch on which requests were committed before and after a commit of theirs.
#[derive(Clone, Copy, Debug)]
enum Deed {
    /// Edits and removes files of requests, adds some beside them, and files of their own.
    Edited,
    /// Takes away the last commits, theirs too.
    Rewound,
    /// Puts a commit with the same files but another past in its place.
    Rewritten,
    /// Puts a history there that has nothing to do with this one.
    Replaced,
    /// Deletes the branch.
    Deleted,
    /// Deletes the branch, and begins another one of that name.
    Recreated,
    /// Removes every file there is.
    Emptied,
    /// Deletes the repository, and makes an empty one.
    RepositoryRemade,
    /// The same, with a first commit of theirs.
    RepositoryRemadeWithFiles,
}

const DEEDS: [Deed; 9] = [
    Deed::Edited,
    Deed::Rewound,
    Deed::Rewritten,
    Deed::Replaced,
    Deed::Deleted,
    Deed::Recreated,
    Deed::Emptied,
    Deed::RepositoryRemade,
    Deed::RepositoryRemadeWithFiles,
];

const THEIRS: &str = "people/theirs.txt";

impl Deed {
    /// Does it. `before` is the first commit that has requests; what is there of people's afterwards.
    fn is_done(self, repo: &Path, before: &str, chance: &mut Chance) -> Vec<String> {
        let set = |to: &str| drop(git(repo, &["update-ref", "refs/heads/main", to]));
        let orphan = |tree: &str| git(repo, &["commit-tree", "-m", "Another past", tree]);
        let of_theirs = || git_with(repo, &["mktree"], &format!("100644 blob {}\tother\n", blob(repo, "other")));
        match self {
            Self::Edited => {
                let paths: Vec<String> =
                    files(repo).into_iter().filter(|path| path != THEIRS && path != "first").collect();
                let mut edits = vec![put(repo, "people/more.txt", "more")];
                // What lies in a request's own directory is drift; beside its files elsewhere it is people's.
                let own = paths.iter().find(|path| path.starts_with("own/") || path.starts_with("resources/"));
                edits.extend(own.map(|path| put(repo, &format!("{path}.bak"), "stray")));
                for path in &paths {
                    match chance.below(3) {
                        0 => edits.push(put(repo, path, "# t000\nedited: by hand\n")),
                        1 => edits.push(gone(path)),
                        _ => {}
                    }
                }
                foreign(repo, &edits);
                vec!["first".into(), "people/more.txt".into(), THEIRS.into()]
            }
            Self::Rewound => {
                set(before);
                vec!["first".into()]
            }
            Self::Rewritten => {
                set(&orphan("main^{tree}"));
                vec!["first".into(), THEIRS.into()]
            }
            Self::Replaced => {
                set(&orphan(&of_theirs()));
                vec!["other".into()]
            }
            Self::Deleted => {
                git(repo, &["update-ref", "-d", "refs/heads/main"]);
                Vec::new()
            }
            Self::Recreated => {
                git(repo, &["update-ref", "-d", "refs/heads/main"]);
                set(&orphan(&of_theirs()));
                vec!["other".into()]
            }
            Self::Emptied => {
                foreign(repo, &all_files(repo).iter().map(|path| gone(path)).collect::<Vec<_>>());
                Vec::new()
            }
            Self::RepositoryRemade | Self::RepositoryRemadeWithFiles => {
                std::fs::remove_dir_all(repo).unwrap();
                git(repo.parent().unwrap(), &["init", "-q", "--bare", "-b", "main", repo.to_str().unwrap()]);
                if matches!(self, Self::RepositoryRemade) {
                    return Vec::new();
                }
                foreign(repo, &[put(repo, "other", "other")]);
                vec!["other".into()]
            }
        }
    }

    /// Whether the commits of before are gone, and must not come back.
    fn drops(self) -> bool {
        !matches!(self, Self::Edited | Self::Emptied)
    }
}

fn blob(repo: &Path, text: &str) -> String {
    git_with(repo, &["hash-object", "-w", "--stdin"], text)
}

/// The branch holds the requests, people's files, and nothing else; what was dropped stays so.
#[track_caller]
fn is_restored(repo: &Path, versions: &Versions, people: &[String], dropped: &str, deed: Deed) {
    let mut witness = Witness::new(repo);
    // What others wrote into files of requests was no version of theirs.
    witness.trusts_only_the_end = true;
    witness.holds_all(versions);
    let found: Vec<String> = witness.peoples().into_keys().collect();
    assert_eq!(found, people, "{deed:?}");
    let history = git(repo, &["rev-list", "main"]);
    assert_eq!(deed.drops(), !history.contains(dropped), "{deed:?}: the commits of before");
    assert_eq!(git(repo, &["rev-list", "--min-parents=2", "--count", "main"]), "0");
    witness.is_clean();
}

/// An engine that remembers what it saw, as the operator's does.
#[test]
fn an_engine_that_goes_on() {
    let mut chance = Chance::new("an engine goes on");
    for far in [false, true] {
        for deed in DEEDS {
            let scratch = Scratch::new();
            let repo = scratch.bare("r");
            let server = Server::start(&scratch.path(""));
            let mut engine = if far { open(server.repo("r")) } else { open(&repo) };
            let mut wishes = Wishes::default();
            foreign(&repo, &[put(&repo, "first", "first")]);
            wishes.commit(&mut engine, &[0, 1, 2]);
            let before = head(&repo);
            foreign(&repo, &[put(&repo, THEIRS, "theirs")]);
            wishes.commit(&mut engine, &[3, 4, 5]);
            let dropped = head(&repo);
            let people = deed.is_done(&repo, &before, &mut chance);
            // A new request first, so that the engine finds out by itself.
            wishes.commit(&mut engine, &[6]);
            wishes.commit(&mut engine, &(0..7).collect::<Vec<_>>());
            is_restored(&repo, &wishes.versions, &people, &dropped, deed);
        }
    }
}

#[test]
fn the_next_run_of_the_command_line() {
    let mut chance = Chance::new("the next run");
    for (turn, (layout, far)) in [(Layout::Nested, false), (Layout::Mixed, true)].into_iter().enumerate() {
        // In a hurry each of the two has every other deed.
        for deed in DEEDS.into_iter().skip(if turn == 0 { 0 } else { 2 - size(1, 2) }).step_by(size(2, 1)) {
            let scratch = Scratch::new();
            let repo = scratch.bare("r");
            let server = Server::start(&scratch.path(""));
            let store = if far { server.repo("r") } else { repo.to_str().unwrap().to_owned() };
            let mut desk = Desk::new(layout, &store);
            foreign(&repo, &[put(&repo, "first", "first")]);
            desk.write(&(0..5).map(name).collect());
            succeeds(desk.apply().output().unwrap());
            let before = head(&repo);
            foreign(&repo, &[put(&repo, THEIRS, "theirs")]);
            desk.write(&(3..size(8, 50)).map(name).collect());
            succeeds(desk.apply().output().unwrap());
            let dropped = head(&repo);
            let people = deed.is_done(&repo, &before, &mut chance);
            succeeds(desk.apply().output().unwrap());
            is_restored(&repo, &desk.versions, &people, &dropped, deed);
            // And then there is nothing left to do.
            let restored = head(&repo);
            succeeds(desk.apply().output().unwrap());
            assert_eq!(head(&repo), restored);
        }
    }
}
