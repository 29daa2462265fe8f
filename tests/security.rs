//! The threat model names a test for what it says is stopped: they are there.

use std::fs;
use std::path::Path;

#[test]
fn every_test_that_the_threat_model_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/security.md")).expect("the threat model");
    let named: Vec<(&str, &str)> =
        model.split('`').filter(|text| text.starts_with("tests/")).filter_map(|text| text.split_once("::")).collect();
    assert!(named.len() > 25, "{named:?}");
    for (file, test) in named {
        let text = fs::read_to_string(root.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        let is_test = text.split("#[test]").skip(1).any(|after| {
            after.trim_start().strip_prefix("fn ").is_some_and(|rest| rest.starts_with(&format!("{test}()")))
        });
        assert!(is_test, "{file} has no test {test}");
    }
}
