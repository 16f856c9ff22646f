//! Single keys from the environment and the command line, laid over the file.

mod key;
mod merge;

use toml::de::DeValue;

use super::fault::Faults;
use super::printable::quoted;
use super::source::Origin;
use super::tree::{Node, Table, Value};
use key::{Key, Separator};

/// Keys that are set from outside of the file.
///
/// The environment goes before what is [`set`](Self::set), and later assignments before earlier ones. What is wrong
/// with them is a problem of the configuration as what is wrong in the file, and named by where it came from.
///
/// Paths are those of the file: `server.drain_timeout`, `defaults.timeouts.idle`, `log.level`; a listener is found
/// by its name: `listener.echo.address`. A value is TOML where it is a number, a boolean, a string in quotes, a list
/// or an inline table, and else a string as it stands: `5m`, `0.0.0.0:7`.
#[derive(Debug, Clone, Default)]
pub struct Overrides {
    variables: Vec<(String, String)>,
    assignments: Vec<String>,
}

/// The prefix of a variable that sets the key which the rest of its name spells.
const PREFIX: &str = "TERIMA__";

/// The variable that sets `log.level`.
const LEVEL: &str = "TERIMA_LOG";

impl Overrides {
    /// Sets one key, from `key.path=value`, as after `--set`.
    #[must_use]
    pub fn set(mut self, assignment: &str) -> Self {
        self.assignments.push(assignment.to_owned());
        self
    }

    /// Sets keys from environment variables: those whose name begins with `TERIMA__`, and `TERIMA_LOG`, which is
    /// `log.level` and counts for nothing where it is empty. All others are left alone.
    ///
    /// `__` stands where a path has its dots, upper case for lower, and `_` for `-` and `.` in a listener's name:
    /// `TERIMA__LISTENER__ECHO__ADDRESS`.
    #[must_use]
    pub fn env(mut self, vars: impl IntoIterator<Item = (String, String)>) -> Self {
        let ours = |(name, value): &(String, String)| {
            name.starts_with(PREFIX) || (name == LEVEL && !value.is_empty())
        };
        self.variables.extend(vars.into_iter().filter(ours));
        // An environment has no order, and messages should.
        self.variables.sort();
        self
    }

    /// Lays all of them over a file's tree.
    pub(super) fn apply(&self, root: &mut Table, faults: &mut Faults) {
        for (name, value) in &self.variables {
            variable(name, value, root, faults);
        }
        for text in &self.assignments {
            assignment(text, root, faults);
        }
    }
}

fn variable(name: &str, value: &str, root: &mut Table, faults: &mut Faults) {
    let text = format!("{name}={value}");
    let base = faults.sources.add(Origin::Variable(name.to_owned()), &text);
    let value_base = base + name.len() + 1;
    match name.strip_prefix(PREFIX) {
        Some(path) => {
            let key = Key::new(path, base + PREFIX.len(), Separator::Underscores);
            let value = read_value(value, value_base, faults);
            merge::put(root, &key, value, faults);
        }
        None => {
            let key = Key::alias("log.level", base..base + name.len());
            let span = value_base..value_base + value.len();
            merge::put(root, &key, Node { span, value: Value::String(value.to_owned()) }, faults);
        }
    }
}

fn assignment(text: &str, root: &mut Table, faults: &mut Faults) {
    let (path, value) = text.split_once('=').unwrap_or((text, ""));
    let base = faults.sources.add(Origin::Argument(path.trim().to_owned()), text);
    if path.len() == text.len() {
        faults
            .at(base..base + text.len(), format!("{} sets nothing", quoted(text)))
            .help("write a key, `=` and a value, as server.drain_timeout=10s");
        return;
    }
    let value = read_value(value, base + path.len() + 1, faults);
    merge::put(root, &Key::new(path, base, Separator::Dot), value, faults);
}

/// A value of TOML, or else the text as it stands.
pub(super) fn read_value(text: &str, base: usize, faults: &mut Faults) -> Node {
    let base = base + (text.len() - text.trim_start().len());
    let text = text.trim();
    match DeValue::parse(text) {
        Ok(value) if !value.get_ref().is_datetime() => Node::from_toml(&value, base, faults),
        _ => Node { span: base..base + text.len(), value: Value::String(text.to_owned()) },
    }
}
