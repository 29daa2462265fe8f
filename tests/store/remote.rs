//! The same over HTTP, and what only a server can do wrong.

use std::path::PathBuf;
use std::time::Duration;

use kept::error::Explain;
use kept::store::{Access, Credentials, Engine, Error};

use crate::server::Server;
use crate::support::*;

/// A server with one bare repository, `r`.
fn server() -> (Scratch, PathBuf, Server) {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let server = Server::start(&scratch.path(""));
    (scratch, repo, server)
}

#[test]
fn commits_go_to_an_empty_repository_and_on() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    assert_eq!(engine.refresh().unwrap().commit, None);
    assert_eq!(engine.probe().unwrap().commit, None);
    let receipt = commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    assert_eq!(receipt.commit, head(&repo));
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    let before = server.requests().len();
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!(server.requests()[before..], ["POST /r/git-receive-pack"], "one request is enough");
    assert_eq!(commit(&mut engine, change("a").owns("a", &[("x", "2")])).files_changed, 0);

    // Another one, which has seen nothing yet, fetches the last commit alone.
    let mut other = open(server.repo("r"));
    assert_eq!(commit(&mut other, change("b").owns("b", &[("x", "1")])).commit, head(&repo));
    commit(&mut other, change("b").owns("b", &[("x", "2")]));
    commit(&mut engine, change("a"));
    assert_eq!(files(&repo), ["b/x"]);
    assert_eq!(commits(&repo), 5);
    fsck(&repo);
}

#[test]
fn what_is_unchanged_is_confirmed_by_the_remote() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    let wanted = change("a").owns("a", &[("x", "1")]);
    commit(&mut engine, wanted.clone());
    let moved = foreign(&repo, &[put(&repo, "people", "p")]);
    assert_eq!(commit(&mut engine, wanted.clone()).commit, moved);
    // Somebody took it away meanwhile: it is put back, not reported as there.
    foreign(&repo, &[gone("a/x"), put(&repo, "people", "q")]);
    let receipt = commit(&mut engine, wanted);
    assert_eq!((receipt.files_changed, receipt.commit), (1, head(&repo)));
    assert_eq!(files(&repo), ["a/x", "people"]);
}

#[test]
fn foreign_commits_and_rewinds_are_built_upon() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    let first = commit(&mut engine, change("a").owns("a", &[("x", "1")])).commit;
    foreign(&repo, &[put(&repo, "people", "p")]);
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "b/x", "people"]);
    assert_eq!(commits(&repo), 3);
    git(&repo, &["update-ref", "refs/heads/main", &first]);
    commit(&mut engine, change("c").owns("c", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "c/x"]);
    assert_eq!(commits(&repo), 2);
    fsck(&repo);
}

#[test]
fn a_race_lost_inside_the_server_is_run_again() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    server.set(|faults| {
        faults.before_push = Some(|repo| {
            if files(repo).len() < 3 {
                foreign(repo, &[put(repo, &format!("people/{}", files(repo).len()), "p")]);
            }
        });
    });
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "b/x", "people/1", "people/2"]);
    assert_eq!(commits(&repo), 4);
}

#[test]
fn a_branch_that_never_stands_still_is_given_up() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    server.set(|faults| {
        faults.before_push = Some(|repo| drop(foreign(repo, &[put(repo, "people", &commits(repo).to_string())])));
    });
    let error = engine.commit(&[change("b").owns("b", &[("x", "1")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Contended(_)), "{error:?}");
    assert!(error.is_retryable());
    server.set(|faults| faults.before_push = None);
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    assert_eq!(files(&repo), ["a/x", "b/x", "people"]);
}

#[test]
fn a_hook_that_declines_is_heard() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    for name in ["pre-receive", "update"] {
        hook(&repo, name, "echo 'branch main is protected: ask the platform team' >&2; exit 1");
        let error = engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).unwrap_err();
        let Error::Rejected(words) = &error else { panic!("{error:?}") };
        assert!(words.contains("hook declined"), "{words}");
        assert!(words.contains("ask the platform team"), "{words}");
        std::fs::remove_file(repo.join("hooks").join(name)).unwrap();
    }
    assert_eq!(engine.records(&path("")).unwrap().len(), 1);
    assert_eq!(commit(&mut engine, change("a").owns("a", &[("x", "2")])).files_changed, 1);
}

#[test]
fn a_push_whose_answer_is_lost_is_looked_up() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    server.set(|faults| faults.cut_after_push = 1);
    let receipt = commit(&mut engine, change("a").owns("a", &[("x", "2")]));
    assert_eq!((receipt.commit, receipt.files_changed), (head(&repo), 1));
    assert_eq!(commits(&repo), 2);
    // It did not arrive: it is sent again.
    server.set(|faults| faults.cut_before_push = 1);
    assert_eq!(commit(&mut engine, change("a").owns("a", &[("x", "3")])).files_changed, 1);
    assert_eq!(commits(&repo), 3);
    // It never arrives.
    server.set(|faults| faults.cut_before_push = 100);
    let error = engine.commit(&[change("a").owns("a", &[("x", "4")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(_)), "{error:?}");
    server.set(|faults| faults.cut_before_push = 0);
    commit(&mut engine, change("a").owns("a", &[("x", "4")]));
    assert_eq!(content(&repo, "a/x"), "4");
}

#[test]
fn a_push_that_stalls_times_out() {
    let (_scratch, repo, server) = server();
    let mut impatient = access(server.repo("r"));
    impatient.timeout = Duration::from_secs(3);
    let mut engine = Engine::open(impatient).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    server.hold(true);
    // The server holds the answer back until it is told otherwise: without a limit this would not return.
    let error = engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Unreachable(words) if words.contains("timed out")), "{error:?}");
    let pushes = server.requests().iter().filter(|line| line.starts_with("POST")).count();
    assert_eq!(pushes, 2, "what is slow is not asked again at once");
    server.hold(false);
    // The late push lands, or the one after it; the end is the same.
    commit(&mut engine, change("a").owns("a", &[("x", "3")]));
    assert_eq!(content(&repo, "a/x"), "3");
    fsck(&repo);
}

#[test]
fn credentials_are_sent_and_never_shown() {
    let (_scratch, repo, server) = server();
    server.set(|faults| faults.only = Some(("kept".to_owned(), "s3cr3t-pa55".to_owned())));
    let with =
        |password: &str| Access { credentials: Credentials::basic("kept", password), ..access(server.repo("r")) };
    let mut engine = Engine::open(with("s3cr3t-pa55")).unwrap();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));

    let refused = |access: Access| {
        let mut engine = Engine::open(access.clone()).unwrap();
        let error = engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).unwrap_err();
        let shown = format!("{error} {error:?} {access:?}");
        assert!(!shown.contains("wrong-pa55") && !shown.contains("d3JvbmctcGE1NQ"), "{shown}");
        assert!(matches!(engine.probe(), Err(Error::Unauthorized(_))));
        error
    };
    assert!(matches!(refused(with("wrong-pa55")), Error::Unauthorized(words) if words.contains("401")));
    let none = refused(access(server.repo("r")));
    assert!(matches!(none, Error::Unauthorized(words) if words.contains("no credentials")));

    // A hook that prints what it should not.
    hook(&repo, "pre-receive", "echo 'token s3cr3t-pa55 is wrong' >&2; exit 1");
    let error = engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Rejected(words) if words.contains("token *** is wrong")), "{error}");

    // A rotated Secret.
    std::fs::remove_file(repo.join("hooks/pre-receive")).unwrap();
    server.set(|faults| faults.only = Some(("kept".to_owned(), "n3w".to_owned())));
    assert!(engine.commit(&[change("a").owns("a", &[("x", "2")])], &[]).is_err());
    engine.set_access(with("n3w"));
    commit(&mut engine, change("a").owns("a", &[("x", "2")]));

    // A token without a user.
    server.set(|faults| (faults.only, faults.bearer) = (None, Some("t0ken-of-mine".to_owned())));
    let bearing = |token: &str| Access { credentials: Credentials::Bearer(token.to_owned()), ..with("") };
    engine.set_access(bearing("t0ken-of-mine"));
    commit(&mut engine, change("a").owns("a", &[("x", "3")]));
    let words = refused(bearing("wrong-pa55"));
    assert!(matches!(words, Error::Unauthorized(words) if words.contains("401")));

    let inside = access(server.repo("r").replace("http://", "http://kept:s3cr3t-pa55@"));
    let error = Engine::open(inside).err().unwrap();
    assert!(!error.to_string().contains("s3cr3t"), "{error}");
    assert!(error.to_string().contains("must not hold credentials"), "{error}");
}

#[test]
fn servers_that_are_none_are_told_apart() {
    let (_scratch, _repo, server) = server();
    let fails = |url: String| open(url).refresh().unwrap_err();
    assert!(matches!(fails(server.repo("missing")), Error::NotFound(words) if words.contains("404")));
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = fails(format!("http://{closed}/r"));
    assert!(matches!(&error, Error::Unreachable(words) if words.contains(&closed.to_string())), "{error}");
    assert!(matches!(fails("http://nowhere.invalid/r".to_owned()), Error::Unreachable(_)));
    assert!(
        matches!(Engine::open(access("ftp://x/y")).err(), Some(Error::NotFound(words)) if words.contains("ftp://"))
    );

    server.set(|faults| faults.redirect = Some("http://user:pw@git.example.com".to_owned()));
    let error = fails(server.repo("r")).to_string();
    assert!(error.contains("http://git.example.com/r;"), "{error}");
    assert!(error.contains("set the store's url"), "{error}");
    server.set(|faults| faults.redirect = None);
    server.set(|faults| faults.status = Some(503));
    let error = fails(server.repo("r"));
    assert!(matches!(&error, Error::Unreachable(words) if words.contains("503): some words")), "{error}");
    server.set(|faults| faults.status = Some(403));
    assert!(matches!(fails(server.repo("r")), Error::Unauthorized(_)));
    server.set(|faults| faults.status = Some(200));
    assert!(matches!(fails(server.repo("r")), Error::NotFound(words) if words.contains("not as a Git repository")));
}

#[test]
fn two_engines_on_one_branch_lose_nothing() {
    let (scratch, repo, server) = server();
    let near = scratch.bare("near");
    race(&server.repo("r"), 4);
    race(near.to_str().unwrap(), 25);
    for (repo, rounds) in [(repo, 4), (near, 25)] {
        assert_eq!(files(&repo).len(), 2 * rounds);
        fsck(&repo);
    }
}

fn race(url: &str, rounds: usize) {
    std::thread::scope(|scope| {
        for racer in ["one", "two"] {
            scope.spawn(move || {
                let mut engine = open(url);
                for round in 0..rounds {
                    let name = format!("{racer}-{round}");
                    commit(&mut engine, change(&name).owns(&format!("d/{name}"), &[("x", "1")]));
                }
            });
        }
    });
}

#[test]
fn what_is_fetched_has_no_name_on_the_disk() {
    let (scratch, repo, server) = server();
    let mut engine = Engine::open(Access { cache: Some(scratch.path("cache")), ..access(server.repo("r")) }).unwrap();
    let left = || std::fs::read_dir(scratch.path("cache")).into_iter().flatten().count();
    foreign(&repo, &[put(&repo, "people", "p")]);
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    assert_eq!(left(), 0);
    for round in 0..3 {
        let _ = std::fs::remove_dir_all(scratch.path("cache"));
        foreign(&repo, &[put(&repo, "people", &round.to_string())]);
        commit(&mut engine, change("a").owns("a", &[("x", &format!("then {round}"))]));
        assert_eq!((left(), content(&repo, "a/x")), (0, format!("then {round}")));
    }
    assert!(engine.preview(&[change("a").owns("a", &[("x", "3")])], &[]).unwrap().diff.contains("+3"));
    assert_eq!(content(&repo, "people"), "2");
}

#[test]
fn many_fetches_and_commits_stay_at_hand() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    for round in 0..60 {
        foreign(&repo, &[put(&repo, "people", &round.to_string())]);
        let size = 400_000;
        commit(&mut engine, change("a").owns("a", &[("x", &format!("{round}").repeat(size))]));
    }
    assert_eq!(files(&repo), ["a/x", "people"]);
    assert_eq!(commits(&repo), 120);
    fsck(&repo);
}

#[test]
fn a_branch_that_cannot_be_moved_is_refused_with_the_reason() {
    let (_scratch, repo, server) = server();
    // `main` cannot be a branch beside `main/other`.
    foreign(&repo, &[put(&repo, "x", "x")]);
    git(&repo, &["branch", "-m", "main", "main/other"]);
    for url in [server.repo("r"), repo.to_str().unwrap().to_owned()] {
        let error = open(&url).commit(&[change("a").owns("a", &[("x", "1")])], &[]).unwrap_err();
        assert!(!matches!(&error, Error::Contended(_)) && error.to_string().contains("main"), "{error:?}");
    }
}

#[test]
fn whoever_others_have_disturbed_is_known() {
    let (_scratch, repo, server) = server();
    for url in [server.repo("r"), repo.to_str().unwrap().to_owned()] {
        let mut engine = open(&url);
        let names = |engine: &mut Engine| {
            engine.refresh().unwrap();
            engine.take_disturbed().into_iter().map(|owner| owner.key.name).collect::<Vec<_>>()
        };
        let all = [
            change("dir").owns("dir", &[("x/y", "1")]),
            change("flat").shares(&[("one", "1"), ("two", "2")]),
            change("part").adds("all.yaml", &["a: 1"]),
            change("other").owns("other", &[("x", "1")]),
        ];
        engine.commit(&all, &[]).unwrap().into_iter().for_each(|outcome| drop(outcome.unwrap()));
        assert!(names(&mut engine).is_empty(), "its own commits disturb nobody");
        let commit = head(&repo);
        foreign(&repo, &[put(&repo, "people", "p")]);
        assert!(names(&mut engine).is_empty(), "other people's files are no concern");
        foreign(&repo, &[put(&repo, "dir/z", "p"), gone("two"), put(&repo, "all.yaml", "a: 2")]);
        assert_eq!(names(&mut engine), ["dir", "flat", "part"]);
        assert!(names(&mut engine).is_empty(), "told once");
        git(&repo, &["update-ref", "refs/heads/main", &commit]);
        assert_eq!(names(&mut engine), ["dir", "flat", "part"], "rewound");
        git(&repo, &["update-ref", "-d", "refs/heads/main"]);
        assert_eq!(names(&mut engine), ["dir", "flat", "other", "part"], "the branch is gone");
        engine.commit(&all, &[]).unwrap();
        assert!(names(&mut engine).is_empty());
        // What is put right by the very commit that noticed it disturbs nobody any more.
        foreign(&repo, &[put(&repo, "dir/z", "p")]);
        engine.commit(&[change("dir").owns("dir", &[("x/y", "2")])], &[]).unwrap();
        assert!(names(&mut engine).is_empty());
        git(&repo, &["update-ref", "-d", "refs/heads/main"]);
    }
}

#[test]
fn what_others_change_while_records_cannot_be_read_is_found_afterwards() {
    let (_scratch, repo, server) = server();
    let mut engine = open(server.repo("r"));
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    commit(&mut engine, change("b").owns("b", &[("x", "1")]));
    let records = all_files(&repo).into_iter().filter(|file| file.starts_with(".kept/owners/"));
    let good: Vec<(String, String)> = records.map(|file| (file.clone(), content(&repo, &file))).collect();
    let look = |engine: &mut Engine| engine.refresh().and_then(|_| engine.survey(&path("")));
    foreign(&repo, &[put(&repo, &good[0].0, "{ damaged")]);
    look(&mut engine).unwrap_err();
    foreign(&repo, &[put(&repo, "b/x", "somebody's")]);
    look(&mut engine).unwrap_err();
    engine.take_disturbed();
    foreign(&repo, &[put(&repo, &good[0].0, &good[0].1)]);
    look(&mut engine).unwrap();
    let disturbed: Vec<String> = engine.take_disturbed().into_iter().map(|owner| owner.key.name).collect();
    assert_eq!(disturbed, ["a", "b"], "nobody knows whose, so it may be anybody's");
    assert!(engine.take_disturbed().is_empty(), "told once");
}

#[test]
fn a_place_for_what_is_fetched_that_cannot_be_used_is_no_fault_of_the_server() {
    let (scratch, repo, server) = server();
    foreign(&repo, &[put(&repo, "people", "p")]);
    std::fs::write(scratch.path("file"), "").unwrap();
    let access = Access { cache: Some(scratch.path("file/cache")), ..access(server.repo("r")) };
    let error = Engine::open(access).unwrap().commit(&[change("a").owns("a", &[("x", "1")])], &[]).unwrap_err();
    assert!(matches!(&error, Error::Git(words) if words.contains("TMPDIR")), "{error:?}");
}

#[test]
fn directories_without_end_stop_only_who_meets_them() {
    let (_scratch, repo, server) = server();
    foreign(&repo, &[put(&repo, &format!("a/{}x", "d/".repeat(1000)), "deep")]);
    for url in [server.repo("r"), repo.to_str().unwrap().to_owned()] {
        let mut engine = open(&url);
        let both = [change("a").owns("a", &[("x", "1")]), change("b").owns("b", &[("x", "1")])];
        let outcomes = engine.commit(&both, &[]).unwrap();
        assert!(matches!(&outcomes[0], Err(Error::Blocked(words)) if words.contains("nested")), "{:?}", outcomes[0]);
        assert!(outcomes[1].is_ok(), "{:?}", outcomes[1]);
    }
}

#[test]
fn records_that_cannot_be_read_hide_what_others_change_at_their_root_alone() {
    let scratch = Scratch::new();
    let repo = scratch.bare("r");
    let mut engine = open(&repo);
    let mut at_other = change("b").owns("b", &[("x", "1")]);
    at_other.roots = at_other.roots.into_iter().map(|(_, places)| (path("other"), places)).collect();
    commit(&mut engine, change("a").owns("a", &[("x", "1")]));
    commit(&mut engine, at_other);
    let record = all_files(&repo).into_iter().find(|file| file.starts_with("other/.kept/owners/")).unwrap();
    let good = content(&repo, &record);
    let look = |engine: &mut Engine| {
        engine.refresh().unwrap();
        engine.survey(&path("")).unwrap();
        engine.survey(&path("other"))
    };
    foreign(&repo, &[put(&repo, &record, "{ damaged")]);
    look(&mut engine).unwrap_err();
    engine.take_disturbed();
    foreign(&repo, &[put(&repo, "other/b/x", "somebody's")]);
    look(&mut engine).unwrap_err();
    assert!(engine.take_disturbed().is_empty(), "nobody can tell yet");
    foreign(&repo, &[put(&repo, &record, &good)]);
    look(&mut engine).unwrap();
    let disturbed: Vec<String> = engine.take_disturbed().into_iter().map(|owner| owner.key.name).collect();
    assert_eq!(disturbed, ["b"]);
}
