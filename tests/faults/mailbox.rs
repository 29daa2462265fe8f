//! The operator's writer, whose network fails: whoever is told of a failure asks again, and all arrives.

use kept::error::Explain;
use kept::store::Heads;
use kept::store::writer::{Event, Ticket, Writer};
use kept::values::{Branch, Remote};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::chance::{Chance, size};
use crate::proxy::{FAULTS, Proxy};
use crate::server::Server;
use crate::support::*;
use crate::wishes::{Wishes, impatient};
use crate::witness::{Witness, log_moves, went_forward};

/// How many requests wait for an answer at a time.
const UNDER_WAY: usize = 8;

#[test]
fn what_a_writer_is_asked_for_arrives_whatever_fails() {
    let mut chance = Chance::new("a writer whose network fails");
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    log_moves(&repo);
    let server = Server::start(&scratch.path(""));
    let proxy = Proxy::before(&server.url);
    proxy.spoil_some(20, &FAULTS, chance.fork());
    let access = impatient(&format!("{}/r", proxy.url));
    let (sender, mut events) = unbounded_channel();
    let branch = Branch { remote: Remote::new(&access.url), name: access.branch.clone() };
    let writer = Writer::spawn(branch, access, Heads::default(), sender).unwrap();

    let mut wishes = Wishes::default();
    let requests = size(120, 500);
    let mut confirmed = std::collections::BTreeMap::new();
    let (mut failed, mut next) = (0, 0);
    while confirmed.len() < requests {
        // They come one after the other while others are on their way.
        let room = UNDER_WAY - (next - confirmed.len());
        let more = chance.below(room + 1).min(requests - next);
        for at in next..next + more {
            submit(&writer, &mut wishes, at);
        }
        next += more;
        for event in take(&mut events, more == 0 && next > confirmed.len()) {
            let at = usize::try_from(event.id).unwrap();
            match event.outcome {
                Ok(receipt) => assert!(confirmed.insert(at, receipt.commit).is_none(), "{at} is answered twice"),
                Err(error) => {
                    assert!(error.is_retryable(), "{error:?}");
                    failed += 1;
                    submit(&writer, &mut wishes, at);
                }
            }
        }
    }
    assert!(writer.shutdown());
    let mut witness = Witness::new(&repo);
    wishes.wanted(&(0..requests).collect::<Vec<_>>());
    witness.holds_all(&wishes.versions);
    witness.is_clean();
    went_forward(&repo);
    assert!(witness.touched.values().all(|times| *times == 1), "nothing twice");
    // What was confirmed is what the branch holds.
    let history = git(&repo, &["rev-list", "main"]);
    assert!(confirmed.values().all(|commit| history.contains(commit.as_str())));
    let (calls, spoilt) = proxy.calls();
    println!(
        "{requests} requests in {} commits, {failed} asked for again, {spoilt} of {calls} calls spoilt",
        witness.commits
    );
}

fn submit(writer: &Writer, wishes: &mut Wishes, at: usize) {
    let change = wishes.changes(&[at]).pop().unwrap();
    writer.submit(Ticket { id: at as u64, change });
}

/// The answers that are there, or the next one.
fn take(events: &mut UnboundedReceiver<Event>, wait: bool) -> Vec<Event> {
    let mut all: Vec<Event> = wait.then(|| events.blocking_recv().unwrap()).into_iter().collect();
    while let Ok(event) = events.try_recv() {
        all.push(event);
    }
    all
}
