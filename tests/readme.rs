//! The README's commands, as they stand there.

use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// The code blocks of the README whose fence says this.
fn blocks(fence: &str) -> Vec<String> {
    let readme = fs::read_to_string(Path::new(ROOT).join("README.md")).expect("a README");
    let mut blocks = Vec::new();
    let mut lines = readme.lines();
    while let Some(line) = lines.next() {
        if line == format!("```{fence}") {
            blocks.push(lines.by_ref().take_while(|l| *l != "```").map(|l| format!("{l}\n")).collect());
        }
    }
    assert!(!blocks.is_empty(), "the README has no block ```{fence}");
    blocks
}

/// A directory with what the README's commands name, and `kept` and `cargo` on the PATH: `cargo run --release --`
/// is the program that these tests are built with.
fn desk() -> (TempDir, String) {
    let desk = TempDir::new().expect("a directory");
    let copied = Command::new("cp").args(["-r", &format!("{ROOT}/examples")]).arg(desk.path()).status();
    assert!(copied.expect("cp").success());
    let bin = desk.path().join("bin");
    fs::create_dir_all(&bin).expect("bin");
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt as _;
        fs::write(bin.join(name), format!("#!/bin/sh\n{text}\n")).expect("a script");
        fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).expect("executable");
    };
    let kept = env!("CARGO_BIN_EXE_kept");
    // Where `cargo run --release` would have put it, and nowhere else.
    fs::create_dir_all(desk.path().join("target/release")).expect("target");
    std::os::unix::fs::symlink(kept, desk.path().join("target/release/kept")).expect("a link");
    script("cargo", &format!("[ \"$1 $2 $3\" = 'run --release --' ] || exit 99\nshift 3\nexec {kept} \"$@\""));
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    (desk, path)
}

#[test]
fn the_commands_without_a_cluster_do_what_it_says() {
    let (desk, path) = desk();
    let mut said = String::new();
    for (i, block) in blocks("sh").iter().enumerate() {
        let run = || {
            let mut shell = Command::new("sh");
            let output = shell.args(["-euc", block]).current_dir(desk.path()).env("PATH", &path).output().expect("sh");
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            assert!(output.status.success(), "{block}\n{text}\n{}", String::from_utf8_lossy(&output.stderr));
            text
        };
        said = run();
        if i == 0 {
            assert!(said.contains("created"), "{said}");
            said = run();
            let rows: Vec<&str> = said.lines().skip(1).collect();
            assert!(!rows.is_empty() && rows.iter().all(|row| row.contains("unchanged")), "{said}");
        }
    }
    assert!(said.contains("removed"), "the last command deletes: {said}");
    assert!(desk.path().join("rendered/resources").is_dir());
}

#[test]
fn the_make_commands_are_there() {
    let makefile = fs::read_to_string(Path::new(ROOT).join("Makefile")).expect("a Makefile");
    for line in blocks("sh make").concat().lines().chain(["make dev"]) {
        let target = line.split_whitespace().nth(1).unwrap_or_default();
        assert!(makefile.contains(&format!("\n{target}: ##")), "make {target}");
    }
    let ci = fs::read_to_string(Path::new(ROOT).join(".ci/run")).expect("the CI's script");
    assert!(ci.contains("\nmake test\n"), "CI runs the README's test command");
}
