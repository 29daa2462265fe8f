//! Locks of Git's that somebody left, and such as somebody holds.

use std::fs::{self, File};
use std::time::{Duration, Instant, SystemTime};

use kept::store::Error;

use crate::support::*;
use crate::wishes::Wishes;
use crate::witness::Witness;

#[test]
fn a_lock_that_a_crash_left_is_in_nobodys_way() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut wishes = Wishes::default();
    wishes.commit(&mut open(&repo), &[0]);
    // As kept leaves it if it is killed between locking the branch and moving it, an hour ago.
    let lock = repo.join("refs/heads/main.lock");
    fs::write(&lock, format!("{}\n", head(&repo))).unwrap();
    let an_hour_ago = SystemTime::now() - Duration::from_hours(1);
    File::options().write(true).open(&lock).unwrap().set_modified(an_hour_ago).unwrap();
    wishes.commit(&mut open(&repo), &[1]);
    assert!(!lock.exists());
    Witness::new(&repo).holds_all(&wishes.versions);
}

#[test]
fn a_lock_that_somebody_holds_is_waited_for() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut wishes = Wishes::default();
    let mut engine = open(&repo);
    wishes.commit(&mut engine, &[0]);
    let lock = repo.join("refs/heads/main.lock");
    let holds = Instant::now();
    fs::write(&lock, "").unwrap();
    let changes = wishes.changes(&[1]);
    let outcome = std::thread::scope(|scope| {
        let outcome = scope.spawn(|| engine.commit(&changes, &[]));
        std::thread::sleep(Duration::from_millis(300));
        assert!(lock.exists(), "it was taken away from whoever holds it, within {:?}", holds.elapsed());
        fs::remove_file(&lock).unwrap();
        outcome.join().unwrap()
    });
    match outcome {
        Ok(outcomes) => drop(outcomes[0].as_ref().unwrap()),
        // Its patience was shorter than that; but it does not take this for a lasting state.
        Err(error) => assert!(matches!(&error, Error::Contended(_) | Error::Unreachable(_)), "{error:?}"),
    }
    wishes.commit(&mut engine, &[1]);
    Witness::new(&repo).holds_all(&wishes.versions);
}
