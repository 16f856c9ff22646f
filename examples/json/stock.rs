//! The stock, which all connections share.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use crate::protocol::{After, Answer, Call, Failure};

/// The longest name of an item, in bytes. With `max_items` it bounds what clients can fill.
const MAX_NAME: usize = 64;

/// How many items one answer lists: however large the stock, what waits for a client that reads slowly is not.
const PAGE: usize = 100;

/// How many there are of each item.
#[derive(Default)]
pub(crate) struct Stock(Mutex<BTreeMap<String, u64>>);

impl Stock {
    /// Does what is asked, whole or not at all.
    pub(crate) fn call(&self, call: Call, max_items: usize) -> Result<Answer, Failure> {
        if let Call::Put { item, .. } | Call::Take { item, .. } = &call
            && item.len() > MAX_NAME
        {
            return Err(Failure {
                code: "bad_item",
                message: format!("an item has at most {MAX_NAME} bytes"),
            });
        }
        // Never held across an await; nothing under it panics.
        let mut items = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match call {
            Call::Put { item, count } => {
                if items.len() >= max_items && !items.contains_key(&item) {
                    return Err(Failure { code: "full", message: format!("there are {max_items} items") });
                }
                let there = items.entry(item).or_default();
                *there = there.saturating_add(count);
                Ok(Answer::Count(*there))
            }
            Call::Take { item, count } => {
                let there = items.get_mut(&item).filter(|there| **there >= count);
                let Some(there) = there else {
                    let message = format!("there are not {count} of {item:?}");
                    return Err(Failure { code: "not_enough", message });
                };
                *there -= count;
                let left = *there;
                if left == 0 {
                    items.remove(&item);
                }
                Ok(Answer::Count(left))
            }
            Call::List(after) => Ok(list(&items, after)),
        }
    }
}

/// A page of the items, in their order.
fn list(items: &BTreeMap<String, u64>, after: Option<After>) -> Answer {
    let begin = after.map_or(Bound::Unbounded, |After { after }| Bound::Excluded(after));
    let mut rest = items.range((begin, Bound::Unbounded));
    let page: BTreeMap<_, _> = rest.by_ref().take(PAGE).map(|(item, count)| (item.clone(), *count)).collect();
    let last = page.last_key_value().map(|(item, _)| item.clone());
    Answer::List { items: page, after: last.filter(|_| rest.next().is_some()) }
}
