//! Rendering without Git.

use std::fs;

use crate::support::{Desk, documents, team, team_with};

#[test]
fn a_stream_of_yaml_or_json() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha"));
    let yaml = desk.kept("render -f a.yaml");
    yaml.exits(0).is_quiet();
    assert!(yaml.out.starts_with("---\n# resources/default/team/alpha/backstage-team-alpha.yaml\n"), "{}", yaml.out);
    // HCL appears as comments, so that the stream is YAML all through.
    assert!(yaml.out.contains("#   resource \"gitea_org\" \"team_alpha\" {\n"), "{}", yaml.out);
    let bare = yaml.out.lines().filter(|l| l.contains("gitea_org") && !l.starts_with('#')).count();
    assert_eq!(bare, 0, "{}", yaml.out);

    let json = desk.kept("render -f a.yaml -o json").json();
    assert_eq!(json.len(), 2);
    assert_eq!(json[1]["path"], "resources/default/team/alpha/terraform/org-alpha.tf");
    assert!(json[1]["content"].as_str().is_some_and(|c| c.starts_with("resource \"gitea_org\"")));
    assert!(!desk.path("state.git").exists());
}

#[test]
fn files_lie_as_they_would_in_the_repository() {
    let desk = Desk::new();
    desk.write("a.yaml", documents(&[team("alpha"), team("beta")]));
    desk.kept("apply -f a.yaml --store state.git").exits(0);
    let run = desk.kept("render -f a.yaml --out out");
    run.exits(0).is_quiet();
    let committed: Vec<String> =
        desk.files("state.git").into_iter().filter(|f| !f.contains("canary")).map(|f| format!("out/{f}")).collect();
    assert_eq!(run.out.lines().collect::<Vec<_>>(), committed);
    for path in &committed {
        let there = desk.content("state.git", &path["out/".len()..]);
        assert_eq!(fs::read_to_string(desk.path(path)).expect("written"), there);
    }
    // What a request no longer renders goes, with all else in its directory; the rest stays.
    desk.write("out/resources/default/team/alpha/stale.yaml", "x").write("out/mine.txt", "x");
    desk.write("a.yaml", team("alpha"));
    desk.kept("render -f a.yaml --out out").exits(0);
    assert!(!desk.path("out/resources/default/team/alpha/stale.yaml").exists());
    assert!(desk.path("out/resources/default/team/beta/backstage-team-beta.yaml").exists());
    assert!(desk.path("out/mine.txt").exists());
    desk.kept("render -f a.yaml --out out -o json").exits(2);
}

#[cfg(unix)]
#[test]
fn links_do_not_lead_out_of_the_directory() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("elsewhere/default/team/alpha/precious", "x");
    fs::create_dir_all(desk.path("out")).expect("made");
    std::os::unix::fs::symlink("../elsewhere", desk.path("out/resources")).expect("linked");
    desk.kept("render -f a.yaml --out out").exits(2).says(&["symbolic link"]);
    assert!(desk.path("elsewhere/default/team/alpha/precious").exists());
    assert!(!desk.path("elsewhere/default/team/alpha/terraform").exists());
}

#[test]
fn what_is_wrong_is_left_out() {
    let desk = Desk::new();
    desk.write("a.yaml", documents(&[team("alpha"), team_with("beta", "no", "")]));
    let run = desk.kept("render -f a.yaml");
    run.exits(1).says(&["a.yaml:14:7", "spec.id"]);
    assert!(run.out.contains("alpha") && !run.out.contains("beta"), "{}", run.out);
    desk.write("a.yaml", "x: 1\n");
    desk.kept("render -f a.yaml").exits(2);
}

#[test]
fn settings_are_heeded() {
    let desk = Desk::new();
    desk.write("a.yaml", team("alpha")).write("s.yaml", "promises:\n  team:\n    emailDomain: corp.example\n");
    assert!(desk.kept("render -f a.yaml --config s.yaml").exits(0).out.contains("alpha@corp.example"));
    desk.write("s.yaml", "promises:\n  team:\n    emailDomian: corp.example\n");
    desk.kept("render -f a.yaml --config s.yaml").exits(2).says(&["s.yaml:3:5"]);
}
