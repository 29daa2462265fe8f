//! The README's commands for a cluster, as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::World;

#[test]
fn the_commands_with_a_cluster_do_what_it_says() {
    let world = World::empty();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("a README");
    let (_, rest) = readme.split_once("```sh operator\n").expect("the block");
    let (block, _) = rest.split_once("```").expect("its end");
    let desk = world.desk();
    assert!(Command::new("cp").arg("-r").arg(root.join("examples")).arg(&desk).status().expect("cp").success());
    fs::create_dir_all(desk.join("target/release")).expect("target");
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kept"), desk.join("target/release/kept")).expect("a link");
    let kubectl = world.info("kubectl");
    let env = format!(
        "export KUBECONFIG='{}' PATH='{}':\"$PATH\"\nexport GITEA_URL='{}' GITEA_USER='{}' GITEA_PASSWORD='{}'\n",
        world.info("kubeconfig"),
        Path::new(&kubectl).parent().expect("a directory").display(),
        world.info("giteaUrl"),
        world.info("giteaUser"),
        world.info("giteaPassword"),
    );
    fs::write(desk.join("target/dev.env"), env).expect("dev.env");
    // The operator goes with the shell that started it.
    let script = format!("trap 'kill $!' EXIT\n{block}");
    let output = Command::new("sh")
        .args(["-euc", &script])
        .current_dir(&desk)
        // Other operators run on this machine.
        .env("KEPT_LISTEN", "127.0.0.1:0")
        .output()
        .expect("sh");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("READY") && said.contains("True"), "{said}");
    assert!(world.files("state", "main").iter().any(|f| f.starts_with("clusters/host/resources/")));
}
