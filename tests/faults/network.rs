//! Each fault of the network on each call: what is said of it, and that nothing is lost or done twice.

use std::path::PathBuf;
use std::time::Duration;

use kept::error::Explain;
use kept::store::{Access, Change, Engine, Error};

use crate::chance::{Chance, size};
use crate::proxy::{Call, FAULTS, Fault, Proxy};
use crate::server::Server;
use crate::support::*;
use crate::wishes::{Wishes, impatient};
use crate::witness::{Witness, log_moves, went_forward};

struct Line {
    _scratch: Scratch,
    repo: PathBuf,
    _server: Server,
    proxy: Proxy,
}

/// A repository `r`, its server, and the network before it.
fn line() -> Line {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    log_moves(&repo);
    let server = Server::start(&scratch.path(""));
    let proxy = Proxy::before(&server.url);
    Line { repo, proxy, _server: server, _scratch: scratch }
}

impl Line {
    fn engine(&self) -> Engine {
        Engine::open(impatient(&format!("{}/r", self.proxy.url))).unwrap()
    }
}

/// What is expected of a commit during which a call fails once.
fn gets_through(call: Call, fault: Fault) -> bool {
    match (call, fault) {
        (_, Fault::Slow) => true,
        // The server may be as slow with another push, and nothing says that it has this one.
        (Call::Push, Fault::Stall) => false,
        // Sent again, or found to be there.
        (Call::Push, _) => true,
        // Nothing was sent yet: whoever asked asks again.
        _ => false,
    }
}

#[test]
fn a_call_that_fails_once() {
    fail_each(1, gets_through);
}

#[test]
fn a_call_that_fails_until_it_is_mended() {
    fail_each(usize::MAX, |call, fault| {
        // Where the server does its work, a push is found to be there.
        let done = matches!(fault, Fault::CutAfter | Fault::Truncated | Fault::Shortened)
            || matches!(fault, Fault::StatusAfter(_) | Fault::StallAfter | Fault::StallHalfway);
        fault == Fault::Slow || call == Call::Push && done
    });
}

/// Has each call fail in each way.
fn fail_each(times: usize, gets_through: fn(Call, Fault) -> bool) {
    std::thread::scope(|scope| {
        for call in [Call::Look, Call::PushLook, Call::Fetch, Call::Push] {
            scope.spawn(move || fail(call, times, gets_through));
        }
    });
}

/// Has a call fail in each way, one after the other on one repository.
fn fail(call: Call, times: usize, gets_through: fn(Call, Fault) -> bool) {
    let line = line();
    let mut wishes = Wishes::default();
    let mut witness = Witness::new(&line.repo);
    let mut engine = line.engine();
    wishes.commit(&mut engine, &[0]);
    for (next, fault) in (1..).zip(FAULTS) {
        if call == Call::PushLook {
            // Only the first push of an engine asks where it pushes to.
            engine = line.engine();
            engine.refresh().unwrap();
        } else if call != Call::Push {
            // Somebody else has the engine look and fetch.
            foreign(&line.repo, &[put(&line.repo, "people/x", &next.to_string())]);
        }
        let case = format!("{call:?} {fault:?} {times} times");
        line.proxy.spoil(call, fault, times);
        match said(&line, &mut engine, &wishes.changes(&[next]), &case) {
            Ok(commit) => {
                assert!(gets_through(call, fault), "{case} was not noticed");
                assert_eq!(commit, head(&line.repo), "{case}");
            }
            Err(error) => {
                assert!(!gets_through(call, fault), "{case}: {error:?}");
                assert!(matches!(&error, Error::Unreachable(_)) && error.is_retryable(), "{case}: {error:?}");
            }
        }
        line.proxy.heal();
        // What is asked for again is there, once.
        wishes.commit(&mut engine, &(0..=next).collect::<Vec<_>>());
        witness.holds_all(&wishes.versions);
        assert_eq!(witness.commits, next + 1, "{case}: nothing twice");
    }
    assert!(witness.touched.values().all(|times| *times == 1));
    witness.is_clean();
    went_forward(&line.repo);
}

/// What becomes of a change while calls are spoilt: the commit, or the error.
fn said(line: &Line, engine: &mut Engine, changes: &[Change], case: &str) -> Result<String, Error> {
    let before = line.proxy.calls();
    let said = engine.commit(changes, &[]);
    let after = line.proxy.calls();
    assert!(after.1 > before.1, "{case}: nothing was spoilt");
    assert!(after.0 - before.0 < 12, "{case}: {} calls", after.0 - before.0);
    said.map(|outcomes| outcomes[0].as_ref().unwrap().commit.clone())
}

/// The two ways of connecting that fail before anything is said.
#[test]
fn connections_that_are_refused() {
    let mut line = line();
    let mut engine = line.engine();
    let mut wishes = Wishes::default();
    wishes.commit(&mut engine, &[0]);
    line.proxy.close();
    let error = engine.commit(&wishes.changes(&[1]), &[]).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(_)) && error.is_retryable(), "{error:?}");
    assert!(matches!(line.engine().refresh(), Err(Error::Unreachable(_))));
    line.proxy.open();
    wishes.commit(&mut engine, &[1]);
    let mut witness = Witness::new(&line.repo);
    witness.holds_all(&wishes.versions);
    assert_eq!((witness.commits, went_forward(&line.repo)), (2, 2));
}

#[test]
fn some_calls_fail_at_random() {
    let mut chance = Chance::new("5 % of all calls fail");
    let line = line();
    let people = [put(&line.repo, "README.md", "Theirs.\n"), put(&line.repo, "side/x.tf", "# theirs\n")];
    foreign(&line.repo, &people);
    line.proxy.spoil_some(5, &FAULTS, chance.fork());
    let mut wishes = Wishes::default();
    let mut engine = line.engine();
    let mut waiting: Vec<usize> = (0..size(120, 500)).collect();
    let (mut tries, mut failed) = (0, 0);
    while !waiting.is_empty() {
        tries += 1;
        assert!(tries < 2000, "{} never get through", waiting.len());
        let batch: Vec<usize> = waiting.iter().copied().take(1 + chance.below(2)).collect();
        // Some begin anew, as after a crash.
        if chance.percent(3) {
            engine = line.engine();
        }
        match engine.commit(&wishes.changes(&batch), &[]) {
            Ok(outcomes) => {
                assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
                wishes.wanted(&batch);
                waiting.retain(|at| !batch.contains(at));
            }
            Err(error) => {
                assert!(error.is_retryable(), "{error:?}");
                failed += 1;
                // Whoever failed goes to the end of the line.
                waiting.rotate_left(batch.len());
            }
        }
    }
    let mut witness = Witness::new(&line.repo);
    witness.holds_all(&wishes.versions);
    witness.is_clean();
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
    assert_eq!(witness.peoples().len(), 2);
    let (calls, spoilt) = line.proxy.calls();
    assert!(spoilt > 0);
    println!(
        "{spoilt} of {calls} calls spoilt: {failed} of {tries} tries failed, {} requests in {} commits, none lost, none twice",
        witness.touched.len(),
        witness.commits,
    );
    assert_eq!(witness.touched.len(), size(120, 500));
}

#[test]
fn an_answer_that_takes_too_long_is_given_up() {
    let line = line();
    let mut wishes = Wishes::default();
    let access = Access { timeout: Duration::from_millis(30), ..impatient(&format!("{}/r", line.proxy.url)) };
    wishes.commit(&mut line.engine(), &[0]);
    line.proxy.spoil(Call::Look, Fault::Slow, usize::MAX);
    let error = Engine::open(access).unwrap().refresh().unwrap_err();
    assert!(matches!(&error, Error::Unreachable(words) if words.contains("timed out")), "{error:?}");
}
