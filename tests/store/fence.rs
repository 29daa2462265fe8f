//! What a process may push that is not certain to be the only one any more: nothing.

use std::time::{Duration, Instant};

use kept::error::{Explain, Retry};
use kept::store::{Engine, Fence};

use crate::server::Server;
use crate::support::*;

fn soon() -> Instant {
    Instant::now() + Duration::from_mins(1)
}

#[test]
fn nothing_is_sent_while_the_fence_is_closed() {
    for near in [false, true] {
        let scratch = Scratch::new();
        let repo = scratch.bare("r");
        let people = foreign(&repo, &[put(&repo, "people", "p")]);
        let server = Server::start(&scratch.path(""));
        let url = if near { repo.display().to_string() } else { server.repo("r") };
        let fence = Fence::closed();
        let mut engine = Engine::open(access(&url)).unwrap().fenced(fence.clone());
        let wanted = [change("a").owns("a", &[("x", "1")])];
        let error = engine.commit(&wanted, &[]).unwrap_err();
        assert_eq!((error.reason(), error.retry()), ("StoreContended", Retry::Soon), "{error}");
        assert_eq!(head(&repo), people, "{url}");
        let asked = server.requests();
        assert!(!asked.iter().any(|asked| asked.starts_with("POST") && asked.ends_with("receive-pack")), "{asked:?}");

        // It is not taken for pushed: once it may be, it is.
        fence.open(soon());
        assert_eq!(engine.commit(&wanted, &[]).unwrap()[0].as_ref().unwrap().files_changed, 1);
        fence.close();
        engine.commit(&[change("b").owns("b", &[("x", "1")])], &[]).unwrap_err();
        // What is there can still be confirmed.
        assert_eq!(engine.commit(&wanted, &[]).unwrap()[0].as_ref().unwrap().files_changed, 0);
        assert_eq!(files(&repo), ["a/x", "people"]);
    }
}

#[test]
fn one_that_has_closed_stays_closed() {
    let fence = Fence::closed();
    assert!(!fence.is_open() && !fence.extend(soon()) && !fence.is_open());
    fence.open(Instant::now() + Duration::from_millis(20));
    std::thread::sleep(Duration::from_millis(30));
    assert!(!fence.extend(soon()) && !fence.is_open(), "whoever slept too long does not go on");
    fence.open(soon());
    assert!(fence.extend(soon()) && fence.is_open());
    assert!(Fence::default().is_open() && Fence::default().extend(Instant::now()), "where there is only one");
}
