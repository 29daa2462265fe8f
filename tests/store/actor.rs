//! The operator's writer: what arrives during a push shares the next one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use kept::store::writer::{Event, Ticket, Writer};
use kept::store::{Access, Error, Outcome};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::server::Server;
use crate::support::*;

fn spawn(access: Access) -> (Writer, UnboundedReceiver<Event>) {
    let (sender, events) = unbounded_channel();
    (Writer::spawn(access, sender).unwrap(), events)
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

fn outcome(events: &mut UnboundedReceiver<Event>, expected: Ticket) -> Outcome {
    match next(events) {
        Event::Change { ticket, outcome, .. } | Event::Chore { ticket, outcome } if ticket == expected => outcome,
        other => panic!("not the answer to {expected}: {other:?}"),
    }
}

#[test]
fn what_arrives_during_a_push_shares_the_next() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    let (writer, mut events) = spawn(access(server.repo("r")));
    server.hold(true);
    writer.submit(0, change("first").owns("first", &[("x", "1")]));
    server.wait_for_pushes(1);
    for round in ["old", "new"] {
        for number in 0..500 {
            let name = format!("n{number}");
            let ticket = number + if round == "old" { 1000 } else { 2000 };
            writer.submit(ticket, change(&name).owns(&format!("d/{name}"), &[("x", round)]));
        }
    }
    server.hold(false);
    let mut answers: BTreeMap<Ticket, String> = BTreeMap::new();
    let mut replaced = 0;
    while answers.len() < 501 {
        match next(&mut events) {
            Event::Change { ticket, outcome, .. } => drop(answers.insert(ticket, outcome.unwrap().commit)),
            Event::Replaced { ticket, .. } if (1000..1500).contains(&ticket) => replaced += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(replaced, 500);
    assert!(answers.keys().all(|ticket| *ticket == 0 || *ticket >= 2000));
    assert!(commits(&repo) <= 3, "{}", commits(&repo));
    assert_eq!(files(&repo).len(), 501);
    assert_eq!(content(&repo, "d/n77/x"), "new");
    assert_eq!(answers[&2077], head(&repo));
    assert!(writer.shutdown());
}

#[test]
fn records_are_there_before_the_answer() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    commit(&mut open(&repo), change("a").owns("a", &[("x", "1")]));
    let (writer, mut events) = spawn(access(&repo));
    assert!(writer.records(&path("")).is_none());
    writer.refresh(1, [path("")]);
    assert!(
        matches!(next(&mut events), Event::Refresh { ticket: 1, result: Ok(at) } if at.commit == Some(head(&repo)))
    );
    assert_eq!(writer.records(&path("")).unwrap().len(), 1);
    writer.submit(2, change("b").owns("b", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
    assert_eq!(writer.records(&path("")).unwrap().len(), 2);
    writer.probe(3);
    assert!(matches!(next(&mut events), Event::Probe { ticket: 3, result: Ok(_) }));
    let files = file_map(&[("canary", "c")]);
    writer.chore(4, kept::store::Chore::Ensure { files });
    assert_eq!(outcome(&mut events, 4).unwrap().commit, head(&repo));
}

#[test]
fn errors_are_answered_and_new_credentials_used() {
    let scratch = Scratch::new();
    scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    server.set(|faults| faults.only = Some(("kept".to_owned(), "right".to_owned())));
    let (writer, mut events) = spawn(access(server.repo("r")));
    writer.submit(1, change("a").owns("a", &[("x", "1")]));
    assert!(matches!(outcome(&mut events, 1), Err(Error::Unauthorized(_))));
    writer.set_access(Access { basic: Some(("kept".to_owned(), "right".to_owned())), ..access(server.repo("r")) });
    writer.submit(2, change("a").owns("a", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
    // A repository that is not there yet is looked for again with each turn.
    let mut missing = access(scratch.path("later"));
    missing.create = false;
    let (writer, mut events) = spawn(missing);
    writer.submit(1, change("a").owns("a", &[("x", "1")]));
    assert!(matches!(outcome(&mut events, 1), Err(Error::NotFound(_))));
    scratch.bare("later");
    writer.submit(2, change("a").owns("a", &[("x", "1")]));
    outcome(&mut events, 2).unwrap();
}
