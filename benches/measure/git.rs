//! The git CLI, by which kept is measured. Nothing of the user's or the machine's configuration takes part.

use std::path::Path;
use std::process::{Command, Stdio};

/// git, to be run in a directory.
pub fn git(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(args).current_dir(dir).stdin(Stdio::null());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_TERMINAL_PROMPT", "0");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Someone").env(format!("GIT_{role}_EMAIL"), "someone@example.com");
    }
    command
}

/// What git answers; it must succeed.
pub fn told(dir: &Path, args: &[&str]) -> String {
    let output = git(dir, args).output().expect("git runs");
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}

/// Makes an empty bare repository.
pub fn bare(path: &Path) {
    let status = Command::new("git").args(["init", "-q", "--bare", "-b", "main"]).arg(path).status();
    assert!(status.expect("git runs").success(), "no repository at {}", path.display());
}
