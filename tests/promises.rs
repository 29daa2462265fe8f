//! What is kept as files for people to read is what the program makes: the golden output of every
//! promise, and the CRDs. `KEPT_BLESS=1 cargo test --test promises` rewrites them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kept::config::Settings;
use kept::known::Known;
use kept::manifest::write::to_yaml;
use kept::promises::{self, Promise};
use kept::{api, policy};
use serde_json::Value;

type Tree = BTreeMap<PathBuf, String>;

/// Compares the files below `root` with what they should be, or writes them when asked to.
fn assert_tree(root: &Path, wanted: &Tree) {
    if std::env::var_os("KEPT_BLESS").is_some() {
        let _ = fs::remove_dir_all(root);
        for (path, text) in wanted {
            let path = root.join(path);
            fs::create_dir_all(path.parent().expect("below the root")).expect("make the directory");
            fs::write(path, text).expect("write the file");
        }
        return;
    }
    let mut held = Tree::new();
    read_tree(root, root, &mut held);
    let names = |tree: &Tree| tree.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&held), names(wanted), "files below {}; KEPT_BLESS=1 rewrites them", root.display());
    for (path, text) in wanted {
        assert_eq!(&held[path], text, "{}; KEPT_BLESS=1 rewrites it", root.join(path).display());
    }
}

fn read_tree(root: &Path, dir: &Path, held: &mut Tree) {
    for entry in fs::read_dir(dir).unwrap_or_else(|e| panic!("{}: {e}", dir.display())) {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            read_tree(root, &path, held);
        } else {
            let text = fs::read_to_string(&path).expect("a text file");
            held.insert(path.strip_prefix(root).expect("below the root").to_owned(), text);
        }
    }
}

fn rendered(promise: &dyn Promise, file: &Path) -> Tree {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).expect("readable YAML");
    let settings = Settings::default();
    let mut files = Tree::new();
    for object in objects {
        let request = promise.request(&object, Some("default")).expect("a good request");
        let output = promise.render(&request, &settings, &Known::default()).expect("a request that renders");
        let checked = policy::check(&request.key, output, &settings).expect("an output that passes");
        let key = &request.key;
        for (path, file) in checked.files() {
            let path = format!("resources/{}/{}/{}/{path}", key.namespace, key.promise, key.name);
            files.insert(path.into(), String::from_utf8(file.bytes.clone()).expect("UTF-8"));
        }
    }
    files
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_promise_renders_its_golden_tree() {
    for promise in promises::all() {
        let home = repository().join("promises").join(promise.name());
        assert!(home.join("README.md").is_file(), "promise {} has no README.md", promise.name());
        assert_tree(&home.join("expected"), &rendered(*promise, &home.join("request.yaml")));
    }
}

#[test]
fn every_example_renders_its_golden_tree() {
    for example in ["teams", "vclusters"] {
        let out = tempfile::tempdir().expect("a directory");
        let done = std::process::Command::new(env!("CARGO_BIN_EXE_kept"))
            .arg("render")
            .arg("-f")
            .arg(repository().join("examples").join(example))
            .arg("--out")
            .arg(out.path().join("rendered"))
            .output()
            .expect("kept runs");
        assert!(done.status.success(), "{example}: {}", String::from_utf8_lossy(&done.stderr));
        let mut rendered = Tree::new();
        read_tree(&out.path().join("rendered"), &out.path().join("rendered"), &mut rendered);
        // Not beside the requests: what is rendered is no request.
        assert_tree(&repository().join("tests/golden").join(example), &rendered);
    }
}

#[test]
fn crds_are_the_ones_the_program_serves() {
    let wanted = api::crds().into_iter().map(|crd| {
        let value = serde_json::to_value(&crd).expect("a CRD is JSON");
        (PathBuf::from(api::crd_file_name(&crd)), to_yaml(&value))
    });
    let wanted = wanted.collect();
    for home in ["crds", "deploy/helm/kept/files/crds"] {
        assert_tree(&repository().join(home), &wanted);
    }
}

#[test]
fn every_promise_is_found_by_its_kind_and_its_kind_is_listed() {
    for promise in promises::all() {
        let names = &promise.crd().spec.names;
        let found = promises::by_kind(&promise.crd().spec.group, &names.kind).expect("found by kind");
        assert_eq!(found.name(), promise.name());
        assert!(
            api::crds().iter().any(|crd| crd.spec.names.kind == names.kind),
            "{} is not among the CRDs",
            names.kind
        );
    }
}
