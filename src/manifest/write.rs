//! YAML out: deterministic, and read alike by YAML 1.1 and 1.2 readers.

/// One YAML document, ending in a newline.
pub fn to_yaml(_value: &serde_json::Value) -> String {
    String::new()
}
