//! Helm, and kept's chart.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::{World, part};

/// The namespace that the chart is installed into.
pub const NAMESPACE: &str = "kept-system";

/// The chart's folder.
pub fn chart() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/helm/kept")
}

/// The example values files.
pub fn examples() -> Vec<PathBuf> {
    let entries = fs::read_dir(chart().join("examples")).expect("examples");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    files.sort();
    assert!(files.len() > 2, "{files:?}");
    files
}

/// Runs a command with this input.
fn run(command: &mut Command, input: &str) -> Output {
    use std::io::Write as _;
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().expect("it runs");
    // Who does not read it all has something to say instead.
    child.stdin.take().expect("piped").write_all(input.as_bytes()).ok();
    child.wait_with_output().expect("it ends")
}

fn answer(output: &Output) -> Result<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// `helm template` with these values, in a cluster that knows all of kept's kinds: the manifests, or why there
/// are none.
pub fn template(values: &str) -> Result<String, String> {
    template_where(&[], values)
}

fn template_where(kinds: &[&str], values: &str) -> Result<String, String> {
    let mut helm = Command::new(part("helm"));
    helm.args(["template", "kept", "--namespace", NAMESPACE, "--values", "-"]).arg(chart());
    for kind in [&["platform.kratix.io/v1alpha1/GitStateStore"], kinds].concat() {
        helm.args(["--api-versions", kind]);
    }
    answer(&run(&mut helm, values))
}

/// What these values render to.
pub fn objects(values: &str) -> Vec<Value> {
    objects_where(&[], values)
}

/// What these values render to in a cluster that knows other kinds than kept's too.
pub fn objects_where(kinds: &[&str], values: &str) -> Vec<Value> {
    let text = template_where(kinds, values).unwrap_or_else(|e| panic!("{e}\n{values}"));
    serde_saphyr::from_multiple(&text).expect("YAML")
}

/// `helm lint --strict` with a values file.
pub fn lint(values: &Path) -> Result<String, String> {
    let mut helm = Command::new(part("helm"));
    helm.args(["lint", "--strict", "--namespace", NAMESPACE, "--values"]).arg(values).arg(chart());
    // It says everything on standard output.
    let output = run(&mut helm, "");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() { Ok(said) } else { Err(said) }
}

impl World {
    /// `helm`, as the administrator, whatever comes of it.
    pub fn try_helm(&self, args: &[&str], values: &str) -> Result<String, String> {
        let mut helm = Command::new(part("helm"));
        answer(&run(self.as_people(&mut helm).args(args), values))
    }

    /// `helm install` or `helm upgrade` with these values; what it says.
    pub fn helm(&self, verb: &str, values: &str) -> String {
        let chart = chart();
        let args = [verb, "kept", &chart.display().to_string(), "-n", NAMESPACE, "--values", "-"];
        self.try_helm(&args, values).unwrap_or_else(|e| panic!("helm {verb}: {e}"))
    }

    /// Commands in a shell, with kubectl and helm, as the administrator; what they say.
    pub fn shell(&self, script: &str) -> String {
        let mut sh = Command::new("bash");
        let output = run(self.as_people(sh.args(["-eu", "-o", "pipefail", "-c", script])), "");
        answer(&output).unwrap_or_else(|e| panic!("{script}\n{e}"))
    }

    fn as_people<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        let kubectl = self.info("kubectl");
        let folders = [Path::new(&kubectl), &part("helm")].map(|path| path.parent().expect("a folder").to_owned());
        let old = std::env::var_os("PATH").unwrap_or_default();
        let path = std::env::join_paths(folders.into_iter().chain(std::env::split_paths(&old))).expect("a PATH");
        for home in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            command.env(home, self.desk().join(home));
        }
        command.env("PATH", path).env("KUBECONFIG", self.info("kubeconfig")).env("HOME", self.desk())
    }

    /// Starts the operator as the installed release would: as its service account, with its settings.
    pub fn start_installed(&mut self) {
        let map = self.get(&format!("configmap kept-settings -n {NAMESPACE}"));
        let settings = map["data"]["settings.yaml"].as_str().expect("the settings");
        fs::write(self.desk().join("settings.yaml"), settings).expect("settings");
        self.act_as("kept", NAMESPACE);
        self.launch();
    }
}
