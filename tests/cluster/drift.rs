//! What others do to the branch under a running operator: what the requests say is put back, and what is
//! others' stays as it is.

use std::collections::BTreeMap;
use std::process::Command;

use crate::manifests::{destination, team};
use crate::support::World;

/// Every file at the head but kept's records, with its content.
fn all(world: &World) -> BTreeMap<String, String> {
    let files = world.files("state", "main").into_iter();
    files.map(|path| (path.clone(), world.file("state", &path))).collect()
}

#[test]
fn a_branch_that_others_rewrite_is_put_right() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    let before = world.git("state", &["rev-parse", "main"]).trim().to_owned();
    world.apply(&(0..6).map(|at| team("default", &format!("t{at:03}"), "T")).collect::<String>());
    world.wait_teams(6);

    let mut turn = 0;
    // An edit of another request has the operator look at the branch: the rest follows by itself.
    let mut put_right = |world: &World, deed: &str, people: &[(&str, &str)]| {
        turn += 1;
        world.apply(&team("default", "t005", &format!("Turn {turn}")));
        let files = world.eventually(deed, || {
            let files = all(world);
            let team_files = |at: usize| files.keys().filter(|path| path.contains(&format!("/t{at:03}/"))).count();
            let there = (0..6).all(|at| team_files(at) == 2);
            let edited =
                files.iter().any(|(path, text)| path.contains("/t005/") && text.contains(&format!("Turn {turn}")));
            (there && edited).then_some(files)
        });
        for (path, text) in people {
            assert_eq!(files.get(*path).map(String::as_str), Some(*text), "{deed}");
        }
        let others = |path: &&String| !path.contains("/team/t") && !path.contains("kratix-canary");
        assert_eq!(files.keys().filter(others).count(), people.len(), "{deed}: {files:#?}");
        assert!(files.values().all(|text| !text.contains("by hand")), "{deed}");
        let merges = world.git("state", &["rev-list", "--min-parents=2", "main"]);
        assert_eq!(merges, "", "{deed}");
        world.wait_teams(6);
    };
    let dropped = |world: &World, commit: &str| !world.git("state", &["rev-list", "main"]).contains(commit);

    world.foreign_commit("state", |clone| {
        let teams = clone.join("resources/default/team");
        std::fs::remove_dir_all(teams.join("t001")).unwrap();
        std::fs::write(teams.join("t002/backstage-team-t002.yaml"), "edited: by hand\n").unwrap();
        std::fs::write(teams.join("t003/stray"), "by hand").unwrap();
        std::fs::write(clone.join("README.md"), "Theirs.\n").unwrap();
    });
    put_right(&world, "files edited, removed and added by hand", &[("README.md", "Theirs.\n")]);

    let theirs = world.git("state", &["rev-list", "-n1", "main", "--", "README.md"]).trim().to_owned();
    world.git("state", &["update-ref", "refs/heads/main", &before]);
    put_right(&world, "the branch set back to before all requests", &[]);
    assert!(dropped(&world, &theirs), "what was taken away stays away");

    let last = world.git("state", &["rev-parse", "main"]).trim().to_owned();
    let orphan =
        world.git("state", &["-c", "user.name=S", "-c", "user.email=s@x", "commit-tree", "-m", "x", "main^{tree}"]);
    world.git("state", &["update-ref", "refs/heads/main", orphan.trim()]);
    put_right(&world, "the history rewritten", &[]);
    assert!(dropped(&world, &last));

    world.foreign_commit("state", |clone| {
        for entry in std::fs::read_dir(clone).unwrap().map(Result::unwrap).filter(|e| e.file_name() != ".git") {
            let path = entry.path();
            if path.is_dir() { std::fs::remove_dir_all(path).unwrap() } else { std::fs::remove_file(path).unwrap() }
        }
        std::fs::write(clone.join("EMPTY.md"), "Emptied.\n").unwrap();
    });
    put_right(&world, "everything removed", &[("EMPTY.md", "Emptied.\n")]);

    let last = world.git("state", &["rev-parse", "main"]).trim().to_owned();
    world.git("state", &["update-ref", "-d", "refs/heads/main"]);
    put_right(&world, "the branch deleted", &[]);
    assert!(dropped(&world, &last));

    let url = format!("{}/api/v1/repos/{}/state", world.info("giteaUrl"), world.info("giteaUser"));
    let login = format!("{}:{}", world.info("giteaUser"), world.info("giteaPassword"));
    let gone = Command::new("curl").args(["-sSf", "-X", "DELETE", "-u", &login, &url]).status().expect("curl runs");
    assert!(gone.success());
    world.repository("state");
    put_right(&world, "the repository deleted and made anew", &[]);
}
