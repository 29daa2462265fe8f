//! `kept crd`.

use std::process::ExitCode;

use super::args::CrdArgs;
use super::{Answer, console};
use crate::api;
use crate::manifest::write::to_yaml;

/// Prints or writes the definitions.
pub(super) fn run(args: &CrdArgs) -> Answer {
    let mut stream = String::new();
    for crd in api::crds() {
        let value = serde_json::to_value(&crd).map_err(|e| e.to_string())?;
        let text = to_yaml(&value);
        let Some(dir) = &args.out else {
            stream.push_str("---\n");
            stream.push_str(&text);
            continue;
        };
        let name = api::crd_file_name(&crd);
        std::fs::create_dir_all(dir)
            .and_then(|()| std::fs::write(dir.join(&name), text))
            .map_err(|e| format!("{}: {e}", dir.join(&name).display()))?;
    }
    console::print(&stream);
    Ok(ExitCode::SUCCESS)
}
