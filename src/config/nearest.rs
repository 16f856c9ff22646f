//! "Did you mean": the known name that a wrong one was meant to be.

use super::printable::quoted;

/// Advice for a name that is not known: the nearest of those that are, or else all of them.
///
/// `noun` is what the names are of, in the singular: `key`, `handler`.
pub(crate) fn advice(wrong: &str, known: &[&str], noun: &str) -> String {
    match nearest(wrong, known) {
        Some(name) => format!("did you mean {}?", quoted(name)),
        None if known.is_empty() => format!("there is no {noun} here"),
        None => {
            let names: Vec<String> = known.iter().map(|name| quoted(name)).collect();
            format!("known {noun}s: {}", names.join(", "))
        }
    }
}

fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    // Comparing takes time by both lengths, and no name is as long.
    const LONGEST: usize = 64;
    if wrong.len() > LONGEST {
        return None;
    }
    let wrong = wrong.to_lowercase().replace('-', "_");
    known
        .iter()
        .map(|name| (strsim::damerau_levenshtein(&wrong, &name.to_lowercase().replace('-', "_")), *name))
        .filter(|(distance, name)| *distance <= wrong.len().max(name.len()).div_ceil(3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}
