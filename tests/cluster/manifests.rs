//! The usual objects, as people write them.

/// A Secret `git`.
pub fn secret_with(namespace: &str, user: &str, password: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Secret\nmetadata: {{name: git, namespace: {namespace}}}\nstringData: {{username: '{user}', password: '{password}'}}\n---\n"
    )
}

/// A `GitStateStore` with the Secret `git` of `default`.
pub fn store(name: &str, url: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: GitStateStore\nmetadata: {{name: {name}}}\nspec:\n  url: {url}\n  secretRef: {{name: git, namespace: default}}\n{}---\n",
        indented(more)
    )
}

/// A `Destination`, with more fields of spec.
pub fn destination(name: &str, store: &str, path: &str, more: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Destination\nmetadata: {{name: {name}, labels: {{name: {name}}}}}\nspec:\n  path: {path}\n  stateStoreRef: {{kind: GitStateStore, name: {store}}}\n{}---\n",
        indented(more)
    )
}

/// A Team named by its id.
pub fn team(namespace: &str, id: &str, name: &str) -> String {
    format!(
        "apiVersion: platform.kratix.io/v1alpha1\nkind: Team\nmetadata: {{name: {}, namespace: {namespace}}}\nspec: {{id: {id}, name: {name}}}\n---\n",
        id.to_lowercase()
    )
}

fn indented(lines: &str) -> String {
    lines.lines().map(|l| format!("  {l}\n")).collect()
}
