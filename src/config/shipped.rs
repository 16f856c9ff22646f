//! `config/server.toml`, read for its comments: the one place where every key is explained.

/// The file, as `terima init` writes it.
pub(crate) const SHIPPED: &str = include_str!("../../config/server.toml");

/// The lines between two empty ones: some keys, and the comment above them that is about all of them.
#[derive(Debug, Default)]
pub(super) struct Block {
    /// What is said in the line that begins a section.
    pub(super) title: Option<&'static str>,
    /// The table that the keys are in, as `log`.
    pub(super) table: &'static str,
    pub(super) comment: Vec<&'static str>,
    pub(super) keys: Vec<Key>,
}

/// A key as the file has it.
#[derive(Debug)]
pub(super) struct Key {
    /// With dots, as `limits.input`.
    pub(super) name: &'static str,
    /// In TOML.
    pub(super) value: &'static str,
    /// It stands behind `#`, in an optional table behind `##`: the value is an example, and no default.
    pub(super) marked: bool,
}

/// The whole file, in its order.
pub(super) fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut block = Block::default();
    let mut table = "";
    let mut optional = false;
    for line in SHIPPED.lines().chain([""]) {
        if line.is_empty() {
            blocks.push(Block { table, ..std::mem::take(&mut block) });
        } else if let Some(title) = line.strip_prefix("# ── ") {
            block.title = Some(title.trim_end_matches('─').trim());
        } else if let Some(comment) =
            line.strip_prefix("# ").or(line.strip_prefix('#').filter(|c| c.is_empty()))
        {
            block.comment.push(comment);
        } else if line.starts_with(['[', '#']) && line.ends_with(']') && !line.contains(" = ") {
            table = line.trim_matches(['#', '[', ']']);
            // It is there or not, with all of its keys.
            optional = line.starts_with('#');
        } else if let Some((key, value)) = line.split_once(" = ") {
            let name = key.trim().trim_start_matches('#');
            let marked = key.starts_with(if optional { "##" } else { "#" });
            block.keys.push(Key { name, value, marked });
        }
    }
    blocks
}

/// A comment as paragraphs of Markdown; what is set in by spaces keeps its lines.
pub(super) fn prose(comment: &[&str]) -> String {
    let mut page = String::new();
    for block in comment.chunk_by(|one, next| one.starts_with("  ") == next.starts_with("  ")) {
        let text = block.join("\n");
        page += &match text.starts_with("  ") {
            true => format!("\n```text\n{text}\n```\n"),
            false => format!("\n{}\n", text.trim_matches('\n')),
        };
    }
    page.replace("\n\n\n", "\n")
}

/// The keys that a comment has as a list: their names set in by two spaces, what goes on below them by more.
#[cfg(feature = "schema")]
pub(super) fn entries(comment: &[&'static str]) -> Vec<(&'static str, String)> {
    let mut entries: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in comment.iter().filter_map(|line| line.strip_prefix("  ")) {
        match entries.last_mut() {
            Some((_, lines)) if line.starts_with(' ') => {
                // Of the space before it as much as makes it set in.
                let set_in = line.len() - line.trim_start().len();
                lines.push(&line[set_in.saturating_sub(2)..]);
            }
            _ => entries.extend(line.split_once(' ').map(|(name, text)| (name, vec![text.trim()]))),
        }
    }
    entries.into_iter().map(|(name, lines)| (name, prose(&lines).trim().to_owned())).collect()
}
