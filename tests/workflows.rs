//! What runs elsewhere, on GitHub and in an image's build, is pinned, has no rights to spare, and is what people run.

use std::fs;
use std::path::Path;

use regex::Regex;
use serde_json::Value;

fn read(file: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

fn workflows() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(".github/workflows");
    let names = fs::read_dir(folder).expect("workflows").map(|entry| entry.expect("an entry").file_name());
    let ours = names.map(|name| format!(".github/workflows/{}", name.display()));
    let workflows: Vec<_> =
        ours.chain(["examples/ci/workflow.yaml".to_owned()]).map(|path| (read(&path), path)).collect();
    assert!(workflows.len() > 3);
    workflows.into_iter().map(|(text, path)| (path, text)).collect()
}

#[test]
fn every_action_and_every_image_is_pinned_by_digest_and_says_its_version() {
    let action = Regex::new(r"^\s*(- )?uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$").expect("a pattern");
    for (path, text) in workflows() {
        for line in text.lines().filter(|line| line.contains("uses:")) {
            assert!(action.is_match(line), "{path}: {line}");
        }
    }
    let image = Regex::new(r"^FROM [\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}( AS \w+)?$").expect("a pattern");
    for line in read("Dockerfile").lines().filter(|line| line.starts_with("FROM")) {
        assert!(image.is_match(line), "{line}");
    }
}

#[test]
fn workflows_may_read_and_only_those_that_publish_may_write() {
    for (path, text) in workflows() {
        let workflow: Value = serde_saphyr::from_str(&text).expect("YAML");
        let all = workflow["permissions"].as_object().unwrap_or_else(|| panic!("{path}: no permissions"));
        assert!(all.values().all(|right| right == "read"), "{path}: {all:?}");
        let publishes = [".github/workflows/image.yml", ".github/workflows/chart.yml"].contains(&path.as_str());
        for (name, job) in workflow["jobs"].as_object().expect("jobs") {
            let rights = job["permissions"].as_object().into_iter().flatten();
            for (right, how) in rights.filter(|(_, how)| *how != "read") {
                assert!(
                    publishes && ["packages", "id-token"].contains(&right.as_str()),
                    "{path}: {name}: {right}: {how}"
                );
            }
            // A stuck job would run for six hours.
            assert!(job["timeout-minutes"].is_u64(), "{path}: {name}");
            for step in job["steps"].as_array().expect("steps") {
                if step["uses"].as_str().is_some_and(|uses| uses.starts_with("actions/checkout@")) {
                    assert_eq!(step["with"]["persist-credentials"], false, "{path}: {name}");
                }
            }
        }
    }
}

#[test]
fn ci_runs_the_command_of_the_readme() {
    let ci: Value = serde_saphyr::from_str(&read(".github/workflows/ci.yml")).expect("YAML");
    let steps = ci["jobs"]["test"]["steps"].as_array().expect("steps");
    let command = steps.last().and_then(|step| step["run"].as_str()).expect("a command");
    assert!(read("README.md").contains(&format!("\n{command}    # everything")), "{command}");
}

#[test]
fn the_compilers_are_no_older_than_cargo_asks_for() {
    let minor = |text: &str, before: &str| -> u32 {
        let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("no {before}"));
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().expect("a number")
    };
    let asked = minor(env!("CARGO_PKG_RUST_VERSION"), "1.");
    assert!(minor(&read("Dockerfile"), "/rust:1.") >= asked);
    assert!(minor(&read(".github/workflows/ci.yml"), "rustup default 1.") >= asked);
}

#[test]
fn the_cluster_of_containers_has_the_versions_that_the_tests_run() {
    let script = read("deploy/kind/kind.sh");
    let of = |part: &str, module: &str| -> String {
        let text = read(&format!("tests/parts/{part}/go.mod"));
        let line = text.lines().find_map(|line| line.trim_start_matches("require").trim().strip_prefix(module));
        line.and_then(|rest| rest.split_whitespace().next()).unwrap_or_else(|| panic!("{module}")).to_owned()
    };
    assert!(script.contains(&format!("\nargocd={}\n", of("argocd", "github.com/argoproj/argo-cd/v3 "))));
    let external_secrets = of("eso", "github.com/external-secrets/external-secrets ");
    assert!(script.contains(&format!("\nexternal_secrets={}\n", external_secrets.trim_start_matches('v'))));
    let gitea = of("gitea", "code.gitea.io/gitea ");
    let image = format!("image: docker.io/gitea/gitea:{}-rootless\n", gitea.trim_start_matches('v'));
    assert!(read("deploy/kind/gitea.yaml").contains(&image), "{image}");
    let node = Regex::new(r"\nnode=kindest/node:v[\d.]+@sha256:[0-9a-f]{64}\n").expect("a pattern");
    assert!(node.is_match(&script));
}
