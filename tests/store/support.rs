//! Repositories to test on, and changes in few words.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use kept::manifest::Claim;
use kept::store::{Access, Change, Credentials, Engine, Error, Footprint, Outcome, Place, Receipt};
use kept::values::{Map, Owner, RelPath, RequestKey, Set};

/// A directory that goes with the test.
pub(crate) struct Scratch(tempfile::TempDir);

impl Scratch {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    /// A new bare repository with the branch `main` unborn.
    pub(crate) fn bare(&self, name: &str) -> PathBuf {
        let path = self.path(name);
        git(self.0.path(), &["init", "-q", "--bare", "-b", "main", path.to_str().unwrap()]);
        path
    }
}

/// Runs git and answers its output; nothing of the user's or the machine's configuration takes part.
pub(crate) fn git(dir: &Path, args: &[&str]) -> String {
    git_with(dir, args, "")
}

pub(crate) fn git_with(dir: &Path, args: &[&str], input: &str) -> String {
    use std::io::Write;
    let mut child = git_command(dir, args).stdin(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "git {args:?} failed: {err}{out}");
    out.trim_end().to_owned()
}

fn git_command(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new("git");
    command.args(args).current_dir(dir).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
    for role in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{role}_NAME"), "Someone").env(format!("GIT_{role}_EMAIL"), "someone@example.com");
    }
    command
}

/// The paths at a branch, kept's own records left out.
pub(crate) fn files(repo: &Path) -> Vec<String> {
    all_files(repo).into_iter().filter(|path| !path.contains(".kept/")).collect()
}

pub(crate) fn all_files(repo: &Path) -> Vec<String> {
    let list = git(repo, &["ls-tree", "-r", "--name-only", "main"]);
    list.lines().map(str::to_owned).collect()
}

pub(crate) fn content(repo: &Path, path: &str) -> String {
    git(repo, &["show", &format!("main:{path}")])
}

pub(crate) fn commits(repo: &Path) -> usize {
    git(repo, &["rev-list", "--count", "main"]).parse().unwrap()
}

pub(crate) fn head(repo: &Path) -> String {
    git(repo, &["rev-parse", "main"])
}

pub(crate) fn fsck(repo: &Path) {
    git(repo, &["fsck", "--strict", "--full", "--no-dangling"]);
}

/// Commits as somebody else would: `edits` are lines for `git update-index --index-info`, made by [`put`] and [`drop`].
pub(crate) fn foreign(repo: &Path, edits: &[String]) -> String {
    let index = repo.join("foreign-index");
    let with_index = |args: &[&str], input: &str| {
        use std::io::Write;
        let mut child = git_command(repo, args).env("GIT_INDEX_FILE", &index).stdin(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    let _ = std::fs::remove_file(&index);
    let parent = git_command(repo, &["rev-parse", "-q", "--verify", "main"]).output().unwrap();
    let parent = String::from_utf8(parent.stdout).unwrap().trim().to_owned();
    if !parent.is_empty() {
        with_index(&["read-tree", "main"], "");
    }
    with_index(&["update-index", "--index-info"], &edits.concat());
    let tree = with_index(&["write-tree"], "");
    let mut args = vec!["commit-tree", "-m", "Somebody else's work", &tree];
    if !parent.is_empty() {
        args.extend(["-p", &parent]);
    }
    let commit = git(repo, &args);
    git(repo, &["update-ref", "refs/heads/main", &commit]);
    let _ = std::fs::remove_file(&index);
    commit
}

/// Puts a file.
pub(crate) fn put(repo: &Path, path: &str, text: &str) -> String {
    put_as(repo, "100644", path, text)
}

/// Puts a file, or a link, with a mode.
pub(crate) fn put_as(repo: &Path, mode: &str, path: &str, text: &str) -> String {
    let id = git_with(repo, &["hash-object", "-w", "--stdin"], text);
    format!("{mode} {id}\t{path}\n")
}

/// Puts a submodule.
pub(crate) fn put_submodule(path: &str) -> String {
    format!("160000 {}\t{path}\n", "1".repeat(40))
}

/// Removes a file.
pub(crate) fn gone(path: &str) -> String {
    format!("0 {}\t{path}\n", "0".repeat(40))
}

/// Has a repository run a script.
pub(crate) fn hook(repo: &Path, name: &str, script: &str) {
    use std::os::unix::fs::PermissionsExt;
    let path = repo.join("hooks").join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub(crate) fn access(url: impl AsRef<Path>) -> Access {
    Access {
        url: url.as_ref().to_str().unwrap().to_owned(),
        branch: "main".to_owned(),
        credentials: Credentials::None,
        signing: None,
        ca_bundle: None,
        insecure_skip_tls_verify: false,
        proxy: None,
        author: ("kept".to_owned(), "kept@example.com".to_owned()),
        timeout: Duration::from_secs(10),
        create: true,
        cache: None,
    }
}

pub(crate) fn open(url: impl AsRef<Path>) -> Engine {
    Engine::open(access(url)).unwrap()
}

pub(crate) fn path(text: &str) -> RelPath {
    text.parse().unwrap()
}

pub(crate) fn file_map(files: &[(&str, &str)]) -> Map<RelPath, Vec<u8>> {
    files.iter().map(|(name, text)| (path(name), text.as_bytes().to_vec())).collect()
}

/// A change of the request `name` with no places yet: a removal, from the root.
pub(crate) fn change(name: &str) -> Change {
    let key = RequestKey { namespace: "default".to_owned(), promise: "team".to_owned(), name: name.to_owned() };
    let roots = Map::from_iter([(RelPath::root(), Vec::new())]);
    Change { roots, ..Change::of(Owner { writer: "cli".to_owned(), key }, "Team") }
}

pub(crate) fn place(footprint: Footprint) -> Place {
    Place { destination: "main".to_owned(), directories: Set::from([String::new()]), footprint, objects: Set::new() }
}

/// What tests say about a change, after [`change`].
pub(crate) trait Say {
    fn at(self, root: &str, footprint: Footprint) -> Self;
    fn owns(self, dir: &str, files: &[(&str, &str)]) -> Self;
    fn shares(self, files: &[(&str, &str)]) -> Self;
    fn adds(self, file: &str, documents: &[&str]) -> Self;
    fn claims(self, kind: &str, name: &str) -> Self;
    fn object(self, object: &str) -> Self;
    fn by(self, writer: &str) -> Self;
    fn uid(self, uid: &str) -> Self;
    fn created(self, at: &str) -> Self;
    fn adopting(self, writer: &str) -> Self;
}

impl Say for Change {
    fn at(mut self, root: &str, footprint: Footprint) -> Self {
        self.roots.entry(path(root)).or_default().push(place(footprint));
        self
    }

    fn owns(self, dir: &str, files: &[(&str, &str)]) -> Self {
        self.at("", Footprint::Exclusive { dir: path(dir), files: file_map(files), clears: Set::new() })
    }

    fn shares(self, files: &[(&str, &str)]) -> Self {
        self.at("", Footprint::Shared { files: file_map(files) })
    }

    fn adds(self, file: &str, documents: &[&str]) -> Self {
        let documents = documents.iter().map(ToString::to_string).collect();
        self.at("", Footprint::Fragment { file: path(file), documents })
    }

    fn claims(mut self, kind: &str, name: &str) -> Self {
        self.claims.insert(Claim::new(kind, name));
        self
    }

    fn object(mut self, object: &str) -> Self {
        for place in self.roots.iter_mut().flat_map(|(_, places)| places) {
            place.objects.insert(object.to_owned());
        }
        self
    }

    fn by(mut self, writer: &str) -> Self {
        writer.clone_into(&mut self.owner.writer);
        self
    }

    fn uid(mut self, uid: &str) -> Self {
        uid.clone_into(&mut self.uid);
        self
    }

    fn created(mut self, at: &str) -> Self {
        self.created = Some(at.parse().unwrap());
        self
    }

    fn adopting(mut self, writer: &str) -> Self {
        self.adopt.push(writer.to_owned());
        self
    }
}

/// Commits one change that must succeed.
pub(crate) fn commit(engine: &mut Engine, change: Change) -> Receipt {
    one(engine, change).unwrap()
}

pub(crate) fn one(engine: &mut Engine, change: Change) -> Outcome {
    engine.commit(&[change], &[]).unwrap().pop().unwrap()
}

pub(crate) fn conflict(outcome: Outcome) -> String {
    match outcome {
        Err(Error::Conflict(message)) => message,
        other => panic!("not a conflict: {other:?}"),
    }
}

pub(crate) fn blocked(outcome: Outcome) -> String {
    match outcome {
        Err(Error::Blocked(message)) => message,
        other => panic!("not blocked: {other:?}"),
    }
}
