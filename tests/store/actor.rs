//! The operator's writer: what arrives during a push shares the next one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kept::store::writer::{Event, Ticket, Writer};
use kept::store::{Access, Change, Chore, Credentials, Error, Heads, Outcome};
use kept::values::{Branch, Remote};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::server::Server;
use crate::support::*;

/// Waits for a writer's answer.
fn block_on<T>(answer: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(answer)
}

fn spawn(access: Access) -> (Writer, UnboundedReceiver<Event>) {
    let (sender, events) = unbounded_channel();
    let branch = Branch { remote: Remote::new(&access.url), name: access.branch.clone() };
    (Writer::spawn(branch, access, Heads::default(), sender).unwrap(), events)
}

fn submit(writer: &Writer, id: u64, change: Change) {
    writer.submit(Ticket { id, change });
}

fn next(events: &mut UnboundedReceiver<Event>) -> Event {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        match events.try_recv() {
            Ok(event) => return event,
            Err(_) => std::thread::sleep(Duration::from_millis(2)),
        }
    }
    panic!("no event came");
}

fn outcome(events: &mut UnboundedReceiver<Event>, expected: u64) -> Outcome {
    let event = next(events);
    assert_eq!(event.id, expected);
    event.outcome
}

#[test]
fn what_arrives_during_a_push_shares_the_next() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let (writer, mut events) = spawn(access(server.repo("r")));
    server.hold(true);
    submit(&writer, 0, change("first").owns("first", &[("x", "1")]));
    server.wait_for_pushes(1);
    for (round, first) in [("old", 1000), ("new", 2000)] {
        for number in 0..500 {
            let name = format!("n{number}");
            submit(&writer, first + number, change(&name).owns(&format!("d/{name}"), &[("x", round)]));
        }
    }
    server.hold(false);
    let mut answers: BTreeMap<u64, String> = BTreeMap::new();
    while answers.len() < 501 {
        let event = next(&mut events);
        answers.insert(event.id, event.outcome.unwrap().commit);
    }
    assert!(answers.keys().all(|id| *id == 0 || *id >= 2000), "newer entries replaced the older ones");
    assert!(commits(&repo) <= 3, "{}", commits(&repo));
    assert_eq!(files(&repo).len(), 501);
    assert_eq!(content(&repo, "d/n77/x"), "new");
    assert_eq!(answers[&2077], head(&repo));
    assert!(writer.shutdown());
}

#[test]
fn records_and_chores_are_answered() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    commit(&mut open(&repo), change("a").owns("a", &[("x", "1")]));
    let (writer, mut events) = spawn(access(&repo));
    assert_eq!(block_on(writer.survey(path(""))).unwrap().records.len(), 1);
    submit(&writer, 2, change("b").owns("b", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
    assert_eq!(block_on(writer.survey(path(""))).unwrap().records.len(), 2);
    let files = file_map(&[("canary", "c")]);
    block_on(writer.chore(Chore::Ensure { files })).unwrap();
    assert_eq!(content(&repo, "canary"), "c");
}

#[test]
fn errors_are_answered_and_new_credentials_used() {
    let scratch = Scratch::new();
    scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    server.set(|faults| faults.only = Some(("kept".to_owned(), "right".to_owned())));
    let (writer, mut events) = spawn(access(server.repo("r")));
    submit(&writer, 1, change("a").owns("a", &[("x", "1")]));
    assert!(matches!(outcome(&mut events, 1), Err(Error::Unauthorized(_))));
    writer.set_access(Access { credentials: Credentials::basic("kept", "right"), ..access(server.repo("r")) });
    submit(&writer, 2, change("a").owns("a", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
    // A repository that is not there yet is looked for again with each turn.
    let mut missing = access(scratch.path("later"));
    missing.create = false;
    let (writer, mut events) = spawn(missing);
    submit(&writer, 1, change("a").owns("a", &[("x", "1")]));
    assert!(matches!(outcome(&mut events, 1), Err(Error::NotFound(_))));
    scratch.bare("later");
    submit(&writer, 2, change("a").owns("a", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
}
