//! Why connections ended, by the word for it.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// So many words of its own may a listener's handler have. Each is a time series in every Prometheus that scrapes it, and a
/// handler is code that others wrote.
const MOST_WORDS: usize = 32;

/// How many connections ended for the reasons that a handler has words of its own for. The words come to be known as they
/// are used; what has no place any more counts as `handler_error`.
#[derive(Debug)]
pub(super) struct Words([Word; MOST_WORDS]);

#[derive(Debug)]
struct Word {
    word: OnceLock<&'static str>,
    ended: AtomicU64,
}

impl Default for Words {
    fn default() -> Self {
        Self([const { Word { word: OnceLock::new(), ended: AtomicU64::new(0) } }; MOST_WORDS])
    }
}

impl Words {
    /// Counts an end under a word of the handler's own; false where that is one too many.
    pub(super) fn count(&self, word: &'static str) -> bool {
        let known = |slot: &&Word| *slot.word.get_or_init(|| word) == word;
        let slot = self.0.iter().find(known);
        // As everything that counts an end: see `ListenerMetrics`.
        slot.map(|slot| slot.ended.fetch_add(1, Ordering::Release)).is_some()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let known = self.0.iter().map_while(|slot| Some((*slot.word.get()?, slot)));
        known.map(|(word, slot)| (word, slot.ended.load(Ordering::Acquire)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_has_a_count_of_its_own() {
        let words = Words::default();
        for word in ["quota", "banned", "quota"] {
            assert!(words.count(word));
        }
        assert_eq!(words.iter().collect::<Vec<_>>(), [("quota", 2), ("banned", 1)]);
    }

    #[test]
    fn beyond_so_many_there_is_no_place() {
        let words = Words::default();
        let made_up = |n: usize| &*format!("word_{n}").leak();
        assert!((0..MOST_WORDS).all(|n| words.count(made_up(n))));
        assert!(!words.count(made_up(MOST_WORDS)));
        assert!(words.count(made_up(0)), "known before");
        assert_eq!(words.iter().count(), MOST_WORDS);
    }
}
