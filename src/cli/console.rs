//! The one place that prints: results on standard output, everything else on standard error, colour
//! where a person looks.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::problem::Problem;

const RED: &str = "\x1b[31m";
const YELLOW: &str = "\x1b[33m";
const GREEN: &str = "\x1b[32m";
const CYAN: &str = "\x1b[36m";
const BOLD: &str = "\x1b[1m";
const RESET: &str = "\x1b[0m";

/// Whether something could not be printed.
static LOST: AtomicBool = AtomicBool::new(false);

/// Prints to standard output. A reader that has gone away (`| head`) is no error of ours; a full disk is.
pub(super) fn print(text: &str) {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(e) if e.kind() != io::ErrorKind::BrokenPipe && !LOST.swap(true, Ordering::Relaxed) => {
            error(&format!("standard output cannot be written: {e}; what was to be printed is lost"));
        }
        Ok(()) | Err(_) => {}
    }
}

/// Whether everything that was printed has arrived.
pub(super) fn is_complete() -> bool {
    !LOST.load(Ordering::Relaxed)
}

fn print_error(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether colours are wanted on a stream: <https://no-color.org>.
fn coloured(stream: &impl IsTerminal) -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|v| !v.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|v| v == "dumb");
    stream.is_terminal() && !refused && !dumb
}

fn paint(text: &str, colour: &str, on: bool) -> String {
    if on { format!("{colour}{text}{RESET}") } else { text.to_owned() }
}

/// Says why nothing can be done.
pub(super) fn error(message: &str) {
    let on = coloured(&io::stderr());
    print_error(&format!("{} {}\n", paint("error:", RED, on), printable(message)));
}

/// Says what the user should know.
pub(super) fn warning(message: &str) {
    let on = coloured(&io::stderr());
    print_error(&format!("{} {}\n", paint("warning:", YELLOW, on), printable(message)));
}

/// Says what the user may want to know.
pub(super) fn note(message: &str) {
    let on = coloured(&io::stderr());
    print_error(&format!("{} {}\n", paint("note:", CYAN, on), printable(message)));
}

/// One line for each thing that is wrong, in the manner of compilers.
pub(super) fn problem(problem: &Problem) {
    print_error(&lines(problem, false, coloured(&io::stderr())));
}

/// The same as a result, with the rule that it breaks.
pub(super) fn finding(problem: &Problem) {
    print(&lines(problem, true, coloured(&io::stdout())));
}

fn lines(problem: &Problem, with_rule: bool, on: bool) -> String {
    let mut text = String::new();
    for note in &problem.notes {
        let location = match note.location() {
            Some(location) => format!("{} ", paint(&printable(&format!("{location}:")), BOLD, on)),
            None => String::new(),
        };
        let words = printable(&note.text(problem.subject.as_ref()));
        let rule = if with_rule { format!(" [{}]", problem.reason) } else { String::new() };
        let _ = writeln!(text, "{location}{} {words}{rule}", paint("error:", RED, on));
    }
    text
}

/// What comes from files and servers must not reach the terminal as control sequences.
fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\n' { c.escape_default().to_string() } else { c.to_string() }
    };
    text.trim_end().chars().map(shown).collect()
}

/// Prints a unified diff.
pub(super) fn diff(text: &str) {
    if !coloured(&io::stdout()) {
        print(text);
        return;
    }
    let mut painted = String::with_capacity(text.len() * 2);
    for line in text.split_inclusive('\n') {
        let body = line.trim_end_matches('\n');
        let colour = match body.as_bytes() {
            [b'+', b'+', b'+', ..] | [b'-', b'-', b'-', ..] | [b'd', b'i', b'f', b'f', ..] => BOLD,
            [b'+', ..] => GREEN,
            [b'-', ..] => RED,
            [b'@', b'@', ..] => CYAN,
            _ => "",
        };
        painted.push_str(&paint(&printable_line(body), colour, !colour.is_empty()));
        painted.push('\n');
    }
    print(&painted);
}

/// The same for what has to stay on its line.
fn printable_line(line: &str) -> Cow<'_, str> {
    let hidden = |c: char| c.is_control() && c != '\t';
    if !line.contains(hidden) {
        return line.into();
    }
    line.chars().map(|c| if hidden(c) { c.escape_default().to_string() } else { c.to_string() }).collect()
}

/// Aligned columns as kubectl prints them.
pub(super) fn table(header: &[&str], rows: &[Vec<String>]) {
    let columns = Columns::of(header, rows);
    columns.print([header]);
    columns.print(rows);
}

/// How wide the columns of a table are.
pub(super) struct Columns {
    widths: Vec<usize>,
    /// How long a line may become.
    longest: usize,
}

impl Columns {
    /// Wide enough for these.
    pub(super) fn of(header: &[&str], rows: &[Vec<String>]) -> Self {
        let width = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            let cells = cells.map(|cell| printable_line(cell).chars().count());
            cells.chain([header[column].len()]).max().unwrap_or_default()
        };
        Self { widths: (0..header.len()).map(width).collect(), longest: usize::MAX }
    }

    /// Cuts lines to the terminal, or to COLUMNS; where there is neither, nothing is cut.
    pub(super) fn fitted(self) -> Self {
        let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let terminal = || terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Self { longest: given.or_else(terminal).filter(|&width| width > 0).unwrap_or(usize::MAX), ..self }
    }

    /// Prints rows of them.
    pub(super) fn print<R: AsRef<[C]>, C: AsRef<str>>(&self, rows: impl IntoIterator<Item = R>) {
        let mut text = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.as_ref().iter().zip(&self.widths) {
                let _ = write!(line, "{:width$}   ", printable_line(cell.as_ref()));
            }
            let line = line.trim_end();
            match line.char_indices().nth(self.longest) {
                Some(_) => text.extend(line.chars().take(self.longest.saturating_sub(1)).chain(['…'])),
                None => text.push_str(line),
            }
            text.push('\n');
        }
        print(&text);
    }
}
