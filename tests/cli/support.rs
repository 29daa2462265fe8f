//! A directory to work in, and the binary to run there.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// What a run left.
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// The run ended so.
    #[track_caller]
    pub(crate) fn exits(&self, code: i32) -> &Self {
        assert_eq!(self.code, code, "stdout:\n{}\nstderr:\n{}", self.out, self.err);
        self
    }

    /// Standard error says all of this.
    #[track_caller]
    pub(crate) fn says(&self, words: &[&str]) -> &Self {
        for word in words {
            assert!(self.err.contains(word), "{word:?} is missing in:\n{}", self.err);
        }
        self
    }

    /// Nothing went to standard error.
    #[track_caller]
    pub(crate) fn is_quiet(&self) -> &Self {
        assert_eq!(self.err, "");
        self
    }

    /// The results as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Vec<Value> {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}:\n{}", self.out))
    }

    /// `namespace/name result` of each line of the table.
    #[track_caller]
    pub(crate) fn results(&self) -> Vec<String> {
        let mut lines = self.out.lines();
        let header: Vec<&str> = lines.next().unwrap_or_default().split_whitespace().collect();
        assert_eq!(header, ["KIND", "NAME", "RESULT", "FILES", "COMMIT"], "{}", self.out);
        let cells = lines.map(|line| line.split("   ").map(str::trim).filter(|c| !c.is_empty()).collect::<Vec<_>>());
        cells.map(|cells| format!("{} {}", cells[1], cells[2])).collect()
    }
}

/// A directory of its own for a test.
pub(crate) struct Desk {
    dir: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a temporary directory") }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, content).expect("written");
        self
    }

    pub(crate) fn command(&self, args: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kept"));
        command.args(args.split_whitespace()).current_dir(self.dir.path());
        // Neither the user's settings nor their credentials have a say here.
        for name in ["USERNAME", "PASSWORD", "USERNAME_FILE", "PASSWORD_FILE"] {
            command.env_remove(format!("KEPT_GIT_{name}"));
        }
        for name in ["SSH_KEY_FILE", "KNOWN_HOSTS_FILE", "SIGNING_KEY_FILE"] {
            command.env_remove(format!("KEPT_GIT_{name}"));
        }
        command.env("HOME", self.dir.path()).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_TERMINAL_PROMPT", "0");
        command.env_remove("GIT_ASKPASS").env_remove("SSH_ASKPASS").env_remove("XDG_CONFIG_HOME");
        command.env_remove("SSH_AUTH_SOCK");
        command
    }

    /// Runs `kept` with words as arguments.
    pub(crate) fn kept(&self, args: &str) -> Run {
        run(self.command(args).stdin(Stdio::null()))
    }

    /// Runs `kept` with something on standard input.
    pub(crate) fn kept_with_stdin(&self, args: &str, input: &str) -> Run {
        let mut command = self.command(args);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("kept starts");
        child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("written");
        finish(&child.wait_with_output().expect("kept ends"))
    }

    /// Runs git in a repository of the desk.
    #[track_caller]
    pub(crate) fn git(&self, repository: &str, args: &str) -> String {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.path(repository)).args(args.split_whitespace());
        command.env("GIT_CONFIG_NOSYSTEM", "1").env("HOME", self.dir.path());
        for who in ["AUTHOR", "COMMITTER"] {
            command.env(format!("GIT_{who}_NAME"), "somebody").env(format!("GIT_{who}_EMAIL"), "some@body");
        }
        let done = run(&mut command);
        assert_eq!(done.code, 0, "git {args}:\n{}", done.err);
        done.out
    }

    /// Commits to a repository what somebody else does in a clone of it.
    #[track_caller]
    pub(crate) fn by_hand(&self, repository: &str, edit: impl FnOnce(&Path)) {
        self.git(".", &format!("clone --quiet {repository} clone"));
        edit(&self.path("clone"));
        self.git("clone", "add --all");
        self.git("clone", "commit --quiet --message=edited");
        self.git("clone", "push --quiet origin HEAD:main");
        fs::remove_dir_all(self.path("clone")).expect("removed");
    }

    /// The files at the head of `main`, kept's own records left out.
    #[track_caller]
    pub(crate) fn files(&self, repository: &str) -> Vec<String> {
        let all = self.git(repository, "ls-tree -r --name-only main");
        all.lines().filter(|l| !l.split('/').any(|part| part == ".kept")).map(str::to_owned).collect()
    }

    #[track_caller]
    pub(crate) fn head(&self, repository: &str) -> String {
        self.git(repository, "rev-parse main").trim().to_owned()
    }

    #[track_caller]
    pub(crate) fn content(&self, repository: &str, path: &str) -> String {
        self.git(repository, &format!("show main:{path}"))
    }
}

fn run(command: &mut Command) -> Run {
    finish(&command.output().expect("the program starts"))
}

pub(crate) fn finish(output: &std::process::Output) -> Run {
    Run {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// A Team named like its id.
pub(crate) fn team(name: &str) -> String {
    team_with(name, name, "")
}

/// A Team with more lines in its spec, each with its own indentation of two.
pub(crate) fn team_with(name: &str, id: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata:\n  name: {name}\nspec:\n  id: {id}\n  name: Team {name}\n{more}"
    )
}

/// Several documents in one file.
pub(crate) fn documents(all: &[String]) -> String {
    all.join("---\n")
}

/// A path of this repository.
pub(crate) fn of_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
