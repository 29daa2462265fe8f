//! Repositories of the real Gitea, looked at and edited as people do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::World;

impl World {
    /// Makes an empty private repository; its URL.
    pub fn repository(&self, name: &str) -> String {
        self.gitea("POST", "user/repos", &format!(r#"{{"name":"{name}","private":true,"default_branch":"main"}}"#));
        self.url(name)
    }

    /// Makes a token with which repositories can be read and written.
    pub fn token(&self, name: &str) -> String {
        let path = format!("users/{}/tokens", self.info("giteaUser"));
        let made = self.gitea("POST", &path, &format!(r#"{{"name":"{name}","scopes":["write:repository"]}}"#));
        made["sha1"].as_str().expect("a token").to_owned()
    }

    /// Takes a token back.
    pub fn revoke(&self, name: &str) {
        self.gitea("DELETE", &format!("users/{}/tokens/{name}", self.info("giteaUser")), "{}");
    }

    /// Lets in whoever has this key.
    pub fn allow_key(&self, title: &str, public: &str) {
        self.gitea("POST", "user/keys", &serde_json::json!({"title": title, "key": public}).to_string());
    }

    /// Does not let in these keys any more.
    pub fn forbid_keys(&self, titles: &[&str]) {
        let keys = self.gitea("GET", "user/keys", "");
        for key in keys.as_array().into_iter().flatten() {
            if titles.iter().any(|title| key["title"] == *title) {
                self.gitea("DELETE", &format!("user/keys/{}", key["id"]), "");
            }
        }
    }

    fn gitea(&self, method: &str, path: &str, body: &str) -> Value {
        let url = format!("{}/api/v1/{path}", self.info("giteaUrl"));
        let done = Command::new("curl")
            .args(["-sSf", "-X", method, "-u", &self.login(), "-H", "Content-Type: application/json", "-d", body, &url])
            .output()
            .expect("curl runs");
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        serde_json::from_slice(&done.stdout).unwrap_or_default()
    }

    /// A repository's URL.
    pub fn url(&self, name: &str) -> String {
        format!("{}/{}/{name}.git", self.info("giteaUrl"), self.info("giteaUser"))
    }

    pub fn login(&self) -> String {
        format!("{}:{}", self.info("giteaUser"), self.info("giteaPassword"))
    }

    /// Where a repository lies on disk, for its hooks.
    pub fn bare(&self, name: &str) -> PathBuf {
        Path::new(&self.info("giteaRepos")).join(self.info("giteaUser").to_lowercase()).join(format!("{name}.git"))
    }

    /// Git, in the bare repository itself: what the remote holds, without asking it.
    pub fn git(&self, name: &str, args: &[&str]) -> String {
        let output =
            Command::new("git").arg("-c").arg("safe.directory=*").arg("-C").arg(self.bare(name)).args(args).output();
        String::from_utf8_lossy(&output.expect("git runs").stdout).into_owned()
    }

    /// The files of a branch, without kept's records.
    pub fn files(&self, name: &str, branch: &str) -> Vec<String> {
        let all = self.git(name, &["ls-tree", "-r", "--name-only", branch]);
        all.lines().filter(|l| !l.contains(".kept/")).map(str::to_owned).collect()
    }

    /// A file's content.
    pub fn file(&self, name: &str, path: &str) -> String {
        self.git(name, &["show", &format!("main:{path}")])
    }

    /// The number of commits on main.
    pub fn commits(&self, name: &str) -> usize {
        self.git(name, &["rev-list", "main"]).lines().count()
    }

    /// Someone else's commit: runs `edit` in a clone, commits everything, pushes.
    pub fn foreign_commit(&self, name: &str, edit: impl FnOnce(&Path)) {
        let clone = TempDir::new().expect("a directory");
        let url = self.url(name).replacen("://", &format!("://{}@", self.login()), 1);
        let git = |args: &[&str]| {
            let done = Command::new("git")
                .args(["-c", "user.name=Someone", "-c", "user.email=someone@example.com"])
                .args(args)
                .current_dir(clone.path())
                .env("GIT_CONFIG_NOSYSTEM", "1")
                .output()
                .expect("git runs");
            assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
        };
        git(&["clone", "-q", &url, "."]);
        git(&["checkout", "-q", "-B", "main"]);
        edit(clone.path());
        git(&["add", "-A"]);
        git(&["commit", "-qm", "By hand"]);
        git(&["push", "-q", "origin", "main"]);
    }

    /// A hook of a repository that runs before a push is taken.
    pub fn pre_receive(&self, name: &str, script: &str) {
        self.hook(name, "pre-receive", script);
    }

    /// Has a push succeed, and its answer wait for as long as it takes.
    pub fn never_answer(&self, name: &str) {
        self.hook(name, "post-receive", "sleep 25");
    }

    fn hook(&self, name: &str, kind: &str, script: &str) {
        use std::os::unix::fs::PermissionsExt as _;
        let hook = self.bare(name).join(format!("hooks/{kind}.d/test"));
        fs::create_dir_all(hook.parent().expect("a parent")).expect("hooks");
        fs::write(&hook, format!("#!/bin/sh\n{script}\n")).expect("a hook");
        fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("executable");
    }

    /// Has every push to a repository take some seconds.
    pub fn stall(&self, name: &str, seconds: u32) {
        let mark = self.desk().join(format!("{name}.pushing"));
        let _ = fs::remove_file(&mark);
        self.pre_receive(name, &format!("touch '{}'; sleep {seconds}", mark.display()));
    }

    /// Waits until a push to a stalled repository is under way.
    pub fn wait_push(&self, name: &str) {
        let mark = self.desk().join(format!("{name}.pushing"));
        self.eventually("a push", || mark.exists().then_some(()));
    }

    /// Takes the hook away.
    pub fn no_pre_receive(&self, name: &str) {
        fs::remove_file(self.bare(name).join("hooks/pre-receive.d/test")).expect("the hook was there");
    }
}
