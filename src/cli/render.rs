//! `kept render`.

mod files;
mod folder;

use std::collections::BTreeMap;
use std::process::ExitCode;

use serde_json::json;

use super::args::{FileFormat, RenderArgs};
use super::input::Input;
use super::jobs::{give_up, remember, warn};
use super::landscape::{for_rendering, refuse_unused_secrets};
use super::problem::Problem;
use super::session::{peers, print_problems, read};
use super::{Answer, console};
use crate::config::Settings;
use crate::error::Mistake;
use crate::known::Known;
use crate::placement::Landscape;
use crate::street::{View, desire};
use files::Rendering;

/// Renders, and prints or writes the files.
pub(super) fn run(args: &RenderArgs) -> Answer {
    let (settings, mut input) = read(&args.input, false)?;
    if input.requests.is_empty() && input.rejected.is_empty() {
        return Ok(super::nothing_found(&input));
    }
    let landscape = for_rendering(&mut input).inspect_err(|_| input.problems.iter().for_each(console::problem))?;
    if !args.input.ignore_foreign {
        refuse_unused_secrets(&landscape, &mut input);
    }
    let rendering = render(&mut input, &settings, &landscape);
    match &args.out {
        Some(dir) => console::print(&folder::write(dir, &rendering)?),
        None => print(&rendering.files(), args.output),
    }
    Ok(if print_problems(&input) { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Renders every request of the input to nowhere: why one fails is in the input's problems.
pub(super) fn rehearse(input: &mut Input, settings: &Settings, landscape: &Landscape) {
    render(input, settings, landscape);
}

fn render<'a>(input: &mut Input, settings: &Settings, landscape: &'a Landscape) -> Rendering<'a> {
    let mut known = Known::of(peers(settings, &input.requests).into());
    let mut rendering = Rendering::new(landscape);
    for asked in std::mem::take(&mut input.requests) {
        let subject = asked.subject();
        let view = View { settings, landscape, known: &known, writer: "cli", adopt: &[], fingerprints: None };
        match desire(asked.promise, &asked.request, view) {
            Ok(desired) => {
                warn(&asked, &desired);
                remember(&mut known, &asked.request.key, &desired);
                // A repository would refuse the later of two that want the same; so does this.
                if let Err(conflict) = rendering.add(&subject, &desired) {
                    let mistake = Mistake::new("", conflict);
                    input.problems.push(Problem::refused(Some(subject), &asked.origin, "Conflict", mistake));
                }
            }
            Err(failure) => give_up(input, asked, failure),
        }
    }
    rendering
}

fn print(files: &BTreeMap<String, Vec<u8>>, format: FileFormat) {
    let texts = files.iter().map(|(path, bytes)| (path, String::from_utf8_lossy(bytes)));
    match format {
        FileFormat::Json => {
            let all: Vec<_> = texts.map(|(path, content)| json!({"path": path, "content": content})).collect();
            console::print(&format!("{:#}\n", serde_json::Value::Array(all)));
        }
        FileFormat::Yaml => texts.for_each(|(path, content)| console::print(&as_document(path, &content))),
    }
}

/// A YAML file as a document of the stream; other text as comments, so that the stream stays YAML.
fn as_document(path: &str, content: &str) -> String {
    let is_yaml = [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    if is_yaml {
        let content = content.strip_prefix("---\n").unwrap_or(content);
        return format!("---\n# {path}\n{content}");
    }
    let lines: String = content.lines().map(|line| format!("#   {line}\n").replace("#   \n", "#\n")).collect();
    format!("---\n# {path} (not YAML; -o json has it as it is)\n{lines}")
}
