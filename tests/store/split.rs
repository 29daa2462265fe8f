//! What a remote refuses is found, and what it does not refuse goes through.

use std::path::Path;

use kept::store::{Change, Chore, Error, Outcome};

use crate::server::Server;
use crate::support::*;

/// Declines every push in which a new or changed file has this word in it; counts the pushes.
fn declines(repo: &Path, word: &str) {
    let script = format!(
        "#!/bin/sh\necho push >> \"$GIT_DIR/pushes\"\nread old new ref\ncase $old in 000*) old=$(git hash-object -t tree /dev/null);; esac\n\
         for path in $(git diff-tree -r --name-only --diff-filter=AM $old $new); do\n\
         if git show $new:$path | grep -q {word}; then echo \"we do not want this in $path\" >&2; exit 1; fi\ndone\n"
    );
    let path = repo.join("hooks/pre-receive");
    std::fs::write(&path, script).unwrap();
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
}

fn pushes(repo: &Path) -> usize {
    std::fs::read_to_string(repo.join("pushes")).unwrap_or_default().lines().count()
}

fn batch(count: usize, poison: &[usize]) -> Vec<Change> {
    let text = |at: usize| if poison.contains(&at) { "poison" } else { "bread" };
    (0..count).map(|at| change(&format!("n{at}")).owns(&format!("d/n{at}"), &[("x", text(at))])).collect()
}

fn refused(outcomes: &[Outcome]) -> Vec<usize> {
    let is_refused = |outcome: &Outcome| match outcome {
        Ok(_) => false,
        Err(Error::Rejected(words)) => {
            assert!(words.contains("we do not want this"), "{words}");
            true
        }
        Err(error) => panic!("{error:?}"),
    };
    (0..outcomes.len()).filter(|at| is_refused(&outcomes[*at])).collect()
}

#[test]
fn a_request_that_a_hook_declines_fails_alone() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    declines(&repo, "poison");
    let mut engine = open(server.repo("r"));
    let canary = [Chore::Ensure { files: file_map(&[("canary", "tweet")]) }];
    let outcomes = engine.commit(&batch(50, &[7, 31]), &canary).unwrap();
    assert_eq!(refused(&outcomes), [7, 31]);
    assert_eq!(files(&repo).len(), 49);
    let first = pushes(&repo);
    assert!(first < 30, "{first} pushes");

    // Known by now: they go apart, and hold up nobody.
    let mut next = batch(50, &[7, 31]);
    next.push(change("late").owns("d/late", &[("x", "bread")]));
    assert_eq!(refused(&engine.commit(&next, &[]).unwrap()), [7, 31]);
    assert!(pushes(&repo) - first <= 4, "{} more pushes", pushes(&repo) - first);

    // Mended, or allowed, they go through with the others.
    assert_eq!(refused(&engine.commit(&batch(50, &[31]), &[]).unwrap()), [31]);
    assert_eq!(content(&repo, "d/n7/x"), "bread");
    std::fs::remove_file(repo.join("hooks/pre-receive")).unwrap();
    assert!(refused(&engine.commit(&batch(50, &[31]), &[]).unwrap()).is_empty());
    assert_eq!(content(&repo, "d/n31/x"), "poison");
    fsck(&repo);
}

#[test]
fn a_remote_that_declines_everything_is_not_asked_for_each() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    declines(&repo, ".");
    let mut engine = open(server.repo("r"));
    let outcomes = engine.commit(&batch(500, &[]), &[]).unwrap();
    assert_eq!(refused(&outcomes).len(), 500);
    assert!(pushes(&repo) <= 30, "{} pushes", pushes(&repo));
    assert_eq!(git(&repo, &["for-each-ref"]), "");
}

#[test]
fn what_one_gives_up_another_gets_although_both_went_apart() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("z").owns("d/prize", &[("x", "1")]));
    declines(&repo, "poison");
    let mut changes = batch(8, &[3]);
    changes.insert(0, change("a").owns("d/prize", &[("x", "2")]));
    changes.push(change("z"));
    let outcomes = engine.commit(&changes, &[]).unwrap();
    assert_eq!(refused(&outcomes), [4]);
    assert_eq!(content(&repo, "d/prize/x"), "2");
}
