//! A state repository at a glance, without any cluster.

use serde_json::Value;

use crate::server::Server;
use crate::support::{Desk, team};

fn two_teams() -> Desk {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("b.yaml", team("beta"));
    desk.kept("apply -f a.yaml --store state.git").exits(0);
    desk.kept("apply -f b.yaml --store state.git --writer other").exits(0);
    desk
}

/// The words of a line.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

#[test]
fn whose_files_there_are_and_since_which_commit() {
    let desk = two_teams();
    let run = desk.kept("status --store state.git");
    let lines: Vec<&str> = run.exits(0).is_quiet().out.lines().collect();
    assert_eq!(words(lines[0]), ["KIND", "NAME", "WRITER", "FILES", "COMMIT", "AGE", "MESSAGE"]);
    let (first, second) = (desk.git("state.git", "rev-parse main~1"), desk.head("state.git"));
    assert_eq!(words(lines[1])[..5], ["Team", "default/alpha", "cli", "2", &first[..7]]);
    assert_eq!(words(lines[2])[..5], ["Team", "default/beta", "other", "2", &second[..7]]);
    assert_eq!(lines[3], "2 requests, 2 as written, 0 not");
    let rows = desk.kept("status --store state.git -o json").exits(0).json();
    assert_eq!((&rows[0]["commit"], &rows[0]["commitIsHead"]), (&first.trim().into(), &false.into()));
    assert!(rows.iter().all(|row| row["message"] == Value::Null), "{rows:?}");
}

#[test]
fn what_is_wrong_comes_first_and_fits_the_terminal() {
    let desk = two_teams();
    desk.by_hand("state.git", |clone| {
        std::fs::write(clone.join("resources/default/team/beta/stray"), "x").expect("written");
    });
    let run = desk.kept("status --store state.git");
    let lines: Vec<&str> = run.exits(0).out.lines().collect();
    assert_eq!(words(lines[1])[..4], ["Team", "default/beta", "other", "3"], "{}", run.out);
    assert!(lines[1].ends_with("Changed: others have changed resources/default/team/beta; `kept verify` says what"));
    assert_eq!(lines[3], "2 requests, 1 as written, 1 not");
    let narrow = |format: &str| {
        let command = desk.command(&format!("status --store state.git -o {format}")).env("COLUMNS", "80").output();
        String::from_utf8_lossy(&command.expect("kept ends").stdout).into_owned()
    };
    let table = narrow("table");
    assert_eq!(table.lines().nth(1).map(|line| line.chars().count()), Some(80), "{table}");
    assert!(table.lines().nth(1).is_some_and(|line| line.ends_with('…')), "{table}");
    // A second may pass between the two: all but the age is the same.
    let ageless = |text: &str| {
        let is_age = |word: &&str| word.strip_suffix('s').is_some_and(|digits| digits.parse::<u32>().is_ok());
        text.lines()
            .map(|line| words(line).into_iter().filter(|word| !is_age(word)).collect::<Vec<_>>().join(" "))
            .collect::<Vec<_>>()
    };
    assert_eq!(ageless(&narrow("wide")), ageless(&desk.kept("status --store state.git").out));
    desk.by_hand("state.git", |clone| {
        std::fs::remove_dir_all(clone.join("resources/default/team/alpha")).expect("removed");
    });
    let rows = desk.kept("status --store state.git -o json").exits(0).json();
    assert_eq!((&rows[0]["reason"], &rows[0]["files"]), (&"Missing".into(), &0.into()));
    assert_eq!(rows[1]["reason"], "Changed");
}

#[test]
fn one_namespace_or_all() {
    let desk = two_teams();
    assert_eq!(desk.kept("status --store state.git -A -o json").exits(0).json().len(), 2);
    assert_eq!(desk.kept("status --store state.git -n default -o json").exits(0).json().len(), 2);
    assert_eq!(desk.kept("status --store state.git -n shop").exits(0).out, "0 requests, 0 as written, 0 not\n");
}

#[test]
fn of_a_remote_one_the_head_is_shown() {
    let desk = two_teams();
    let server = Server::start(&desk.path("."));
    let head = desk.head("state.git");
    let run = desk.kept(&format!("status --store {}/state.git", server.url));
    let lines: Vec<&str> =
        run.exits(0).says(&["note: the commits that wrote 1 of these are not at hand"]).out.lines().collect();
    assert_eq!(words(lines[1])[..5], ["Team", "default/alpha", "cli", "2", &head[..7]]);
}

#[test]
fn what_cannot_be_read_is_trouble() {
    let desk = two_teams();
    desk.kept("status --store nowhere.git").exits(2).says(&["nowhere.git", "no repository"]);
    assert!(!desk.path("nowhere.git").exists());
    desk.kept("status --store http://127.0.0.1:9/state.git").exits(2).says(&["cannot reach"]);
    desk.kept("status --store state.git --watch").exits(2).says(&["--watch is for clusters"]);
    desk.kept("status --kubeconfig none").exits(2).says(&["no cluster to talk to", "none"]);
}
