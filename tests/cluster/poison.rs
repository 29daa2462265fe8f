//! A hook that declines one request's files: that one says so, in the hook's words, and the others go through.

use crate::manifests::{destination, team};
use crate::support::World;

#[test]
fn a_hook_that_declines_one_request_holds_up_nobody() {
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", ".", "")));
    world.start("");
    world.wait_ready("destination/host");
    world.pre_receive(
        "state",
        "read old new ref\n\
         if git diff $old $new -- . ':!.kept' | grep -q '^[+].*Poison'; then echo 'no poison, says the platform team' >&2; exit 1; fi",
    );
    let teams = |names: &dyn Fn(usize) -> String| -> String {
        (0..20).map(|at| team("default", &format!("t{at:03}"), &names(at))).collect()
    };
    world.apply(&teams(&|at| if at == 7 || at == 13 { "Poison".to_owned() } else { format!("Bread {at}") }));
    world.wait_teams(18);
    for bad in ["team t007", "team t013"] {
        let message = world.wait_reason(bad, "PushRejected");
        assert!(message.contains("no poison, says the platform team"), "{message}");
        assert_eq!(world.condition(bad, "Ready")["status"], "False");
    }
    let with_files = |name: &str| world.files("state", "main").iter().any(|file| file.contains(name));
    assert!(!with_files("t007") && !with_files("t013") && with_files("t012"));

    // Others are not held up later either.
    world.apply(&team("default", "t100", "Late"));
    world.wait_ready("team t100");
    // An edit that mends it goes through, and the other one still says what is wrong with it.
    world.apply(&team("default", "t007", "Water"));
    world.wait_ready("team t007");
    assert!(with_files("t007"));
    assert_eq!(world.condition("team t013", "Ready")["reason"], "PushRejected");
    // An edit that is declined keeps the files of before.
    world.apply(&team("default", "t007", "Poison"));
    world.wait_reason("team t007", "PushRejected");
    assert!(world.file("state", "resources/default/team/t007/backstage-team-t007.yaml").contains("Water"));
    // Who is declined can go all the same.
    world.kubectl(&["delete", "team", "t013", "t007", "--timeout=60s"]);
    assert!(!with_files("t007"));
}
