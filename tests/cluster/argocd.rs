//! Who of Argo CD's objects is told of a push. Argo CD itself has its own tests in `tests/loop`: here nobody takes
//! the annotations off again, so that they can be seen.

use std::thread::sleep;
use std::time::Duration;

use serde_json::{Value, json};

use crate::manifests::{destination, team};
use crate::support::{World, part};

const REFRESH: &str = "argocd.argoproj.io/refresh";
const SET_REFRESH: &str = "argocd.argoproj.io/application-set-refresh";

/// A store, a destination, and Argo CD's kinds with its namespace.
fn platform() -> World {
    let world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "host", "")));
    world.kubectl(&["apply", "--server-side", "-k", &part("argocd-crds").display().to_string()]);
    world.established();
    world.kubectl(&["create", "namespace", "argocd"]);
    world
}

fn source(url: &str, revision: &str, path: &str) -> Value {
    json!({"repoURL": url, "targetRevision": revision, "path": path})
}

fn application(name: &str, source: Value) -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {"project": "default", "source": source, "destination": {"name": "in-cluster"}},
    })
}

fn set(name: &str, url: &str) -> Value {
    let git = json!({"git": {"repoURL": url, "revision": "main", "directories": [{"path": "host/*"}]}});
    let spec = json!({"project": "default", "source": source("https://elsewhere/x", "main", "."), "destination": {}});
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "ApplicationSet",
        "metadata": {"name": name, "namespace": "argocd"},
        "spec": {
            "generators": [{"matrix": {"generators": [git, {"clusters": {}}]}}],
            "template": {"metadata": {"name": "x"}, "spec": spec},
        },
    })
}

impl World {
    /// The names of all that carry the annotation by which they look at once.
    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        for (kind, annotation, value) in [("applications", REFRESH, "normal"), ("applicationsets", SET_REFRESH, "true")]
        {
            let list = self.get(&format!("{kind} -n argocd"));
            for object in list["items"].as_array().into_iter().flatten() {
                let found = &object["metadata"]["annotations"][annotation];
                if !found.is_null() {
                    assert_eq!(found, value);
                    told.push(object["metadata"]["name"].as_str().expect("a name").to_owned());
                }
            }
        }
        told.sort();
        told
    }

    /// Waits until just these have been told.
    fn wait_told(&self, names: &[&str]) {
        self.eventually(&format!("{names:?} are told"), || (self.told() == names).then_some(()));
    }

    /// Takes off the annotations, as Argo CD does when it has looked.
    fn looked(&self, names: &[&str]) {
        for name in names {
            let (kind, annotation) =
                if name.starts_with("set") { ("applicationset", SET_REFRESH) } else { ("application", REFRESH) };
            self.kubectl(&["annotate", kind, name, "-n", "argocd", &format!("{annotation}-")]);
        }
    }
}

#[test]
fn who_reads_what_was_pushed_is_told_and_nobody_else() {
    let mut world = platform();
    let url = world.url("state");
    let other_spelling = format!("{}/", url.replace("http://", "https://someone@").to_uppercase());
    let folder = "host/resources/default/team";
    let mut many = application("many", Value::Null);
    many["spec"] = json!({
        "project": "default",
        "sources": [source("https://elsewhere/x", "main", "."), source(&url, "HEAD", "host")],
        "destination": {"name": "in-cluster"},
    });
    let objects = [
        application("all", source(&other_spelling, "main", "host")),
        many,
        application("payments", source(&url, "main", &format!("{folder}/payments"))),
        application("checkout", source(&url, "main", &format!("{folder}/checkout"))),
        application("release", source(&url, "release", "host")),
        application("elsewhere", source(&world.url("other"), "main", "host")),
        set("set", &url),
        set("set-elsewhere", &world.url("other")),
    ];
    for object in &objects {
        world.apply(&object.to_string());
    }
    // What was pushed before it runs was seen by others.
    world.start("");
    world.wait_ready("destination/host");
    world.wait_told(&["all", "many", "set"]);
    world.looked(&["all", "many", "set"]);

    world.apply(&team("default", "payments", "Payments"));
    world.kubectl(&["wait", "--for=condition=Committed", "team/payments", "--timeout=100s"]);
    let why = world.condition("team payments", "Ready")["message"].clone();
    assert!(why.as_str().is_some_and(|why| why.contains("argocd/payments")), "nobody has applied it: {why}");
    world.wait_told(&["all", "many", "payments", "set"]);
    let version =
        |name: &str| world.get(&format!("application {name} -n argocd"))["metadata"]["resourceVersion"].clone();
    let untouched = ["checkout", "release", "elsewhere"].map(|name| (name, version(name)));

    // Who has not yet looked is told once more when it has: it may have looked too soon.
    world.apply(&team("default", "payments", "Payments and more"));
    world.eventually("the change is committed", || {
        let seen = &world.condition("team payments", "Committed")["observedGeneration"];
        (*seen == world.get("team payments")["metadata"]["generation"]).then_some(())
    });
    world.looked(&["all", "payments"]);
    world.wait_told(&["all", "many", "payments", "set"]);
    // Nothing was pushed since.
    world.looked(&["all", "payments"]);
    sleep(Duration::from_secs(1));
    assert_eq!(world.told(), ["many", "set"]);
    for (name, before) in untouched {
        assert_eq!(version(name), before, "{name}");
    }

    // Who is made later is told too, and of a removal as well.
    world.looked(&["many", "set"]);
    world.wait_told(&["many", "set"]);
    world.looked(&["many", "set"]);
    world.apply(&application("late", source(&url, "", &format!("{folder}/payments/deeper"))).to_string());
    world.kubectl(&["delete", "team/payments", "--timeout=100s"]);
    world.wait_told(&["all", "late", "many", "payments", "set"]);
    assert!(!world.log().contains(" WARN "), "{}", world.log());
}

#[test]
fn without_argo_cd_or_the_right_to_tell_it_everything_else_goes_on() {
    // No Argo CD: nothing is said of it.
    let mut world = World::new();
    world.repository("state");
    world.apply(&(world.secret() + &world.store("state", "") + &destination("host", "state", "host", "")));
    world.start("");
    world.apply(&team("default", "first", "F"));
    world.wait_ready("team/first");
    let words = "may not watch Argo CD's objects";
    assert!(!world.log().contains("Argo CD") && !world.log().contains(" WARN "), "{}", world.log());
    world.stop();

    // It has come, and kept has no right to its objects: that is said once.
    world.kubectl(&["apply", "--server-side", "-k", &part("argocd-crds").display().to_string()]);
    world.established();
    world.kubectl(&["create", "namespace", "argocd"]);
    world.apply(&application("all", source(&world.url("state"), "main", "host")).to_string());
    world.launch();
    world.apply(&team("default", "second", "S"));
    world.wait_ready("team/second");
    world.eventually("it is said", || world.log().contains(words).then_some(()));
    assert_eq!(world.log().matches(words).count(), 1, "{}", world.log());
    assert_eq!(world.told(), [""; 0]);
    world.stop();

    // It is not to be told: nothing is said either.
    world.start("argocd: {notify: false}");
    world.apply(&team("default", "third", "T"));
    world.wait_ready("team/third");
    assert_eq!(world.log().matches(words).count(), 1, "{}", world.log());
    world.stop();

    // The chart gives the right.
    world.start("");
    world.apply(&team("default", "fourth", "F"));
    world.wait_told(&["all"]);
}
