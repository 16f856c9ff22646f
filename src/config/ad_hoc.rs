//! A listener that is typed on the command line, without a file.

use super::fault::Faults;
use super::overrides::read_value;
use super::source::Origin;
use super::tree::{Entry, Node, Table, Value};
use super::value::is_name;

/// One listener, as `terima serve` has it. It is called by its handler's name.
#[derive(Debug)]
pub(crate) struct AdHoc {
    pub(crate) handler: Typed,
    /// What the key `address` takes: one address, or a list of them as TOML writes it.
    pub(crate) address: String,
    pub(crate) codec: Option<Typed>,
}

/// The name of a handler or a codec, with its options.
#[derive(Debug, Default)]
pub(crate) struct Typed {
    pub(crate) name: String,
    pub(crate) options: Vec<TypedOption>,
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TypedOption {
    /// As it was typed, `--codec-max-frame`.
    pub(crate) flag: String,
    /// Where in the flag its key begins.
    pub(crate) key_at: usize,
    /// None: it stood alone, and is true.
    pub(crate) value: Option<String>,
}

/// What a listener is called whose handler's name is no name for a listener.
const NAMELESS: &str = "serve";

impl AdHoc {
    /// The tree that a file with this listener would have.
    pub(super) fn tree(&self, faults: &mut Faults) -> Table {
        let handler = word("HANDLER", "", &self.handler.name, faults);
        let mut name = handler.clone();
        if !is_name(&self.handler.name) {
            name.value = Value::String(NAMELESS.to_owned());
        }
        let mut listener = Table::default();
        put(&mut listener, "name", name);
        put(&mut listener, "address", self.address(faults));
        let handler = self.handler.table(handler, faults);
        put(&mut listener, "handler", handler);
        if let Some(codec) = &self.codec {
            let name = word("--codec", "--codec ", &codec.name, faults);
            put(&mut listener, "codec", codec.table(name, faults));
        }

        let span = listener.entries[0].key_span.clone();
        let listener = Node { span: span.clone(), value: Value::Table(listener) };
        let mut root = Table::default();
        put(&mut root, "listener", Node { span, value: Value::List(vec![listener]) });
        root
    }

    fn address(&self, faults: &mut Faults) -> Node {
        let address = word("ADDRESS", "", &self.address, faults);
        // A port alone is no number: it is an address that lacks something, and is told so.
        let value = read_value(&self.address, address.span.start, faults);
        if matches!(value.value, Value::List(_)) { value } else { address }
    }
}

impl Typed {
    fn table(&self, name: Node, faults: &mut Faults) -> Node {
        let span = name.span.clone();
        let mut table = Table::default();
        for option in &self.options {
            table.put(option.entry(faults));
        }
        if let Some(entry) = table.entries.iter().find(|entry| entry.key == "type") {
            faults.at(entry.key_span.clone(), "unknown option `type`").help("the name stands without one");
        }
        put(&mut table, "type", name);
        Node { span, value: Value::Table(table) }
    }
}

impl TypedOption {
    fn entry(&self, faults: &mut Faults) -> Entry {
        let Self { flag, key_at, value } = self;
        let typed = value.as_ref().map_or_else(|| flag.clone(), |value| format!("{flag} {value}"));
        let base = faults.sources.add(Origin::Option(flag.clone()), &typed);
        let key_span = base + key_at..base + flag.len();
        let node = match value {
            Some(value) => read(value, base + flag.len() + 1, faults),
            None => Node { span: key_span.clone(), value: Value::Boolean(true) },
        };
        Entry { key: flag[*key_at..].replace('-', "_"), key_span, node }
    }
}

/// A value of TOML, or else the text, with whatever spaces are around it.
fn read(text: &str, base: usize, faults: &mut Faults) -> Node {
    let node = read_value(text, base, faults);
    match &node.value {
        Value::String(read) if read == text.trim() => {
            Node { span: base..base + text.len(), value: Value::String(text.to_owned()) }
        }
        _ => node,
    }
}

/// A text of its own, which messages call `name`; `before` is what stands before it.
fn word(name: &str, before: &str, text: &str, faults: &mut Faults) -> Node {
    let base = faults.sources.add(Origin::Option(name.to_owned()), &format!("{before}{text}")) + before.len();
    Node { span: base..base + text.len(), value: Value::String(text.to_owned()) }
}

fn put(table: &mut Table, key: &str, node: Node) {
    table.put(Entry { key: key.to_owned(), key_span: node.span.clone(), node });
}
