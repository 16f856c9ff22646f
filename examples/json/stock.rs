//! The stock, which all connections share.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::protocol::{Answer, Call, Failure};

/// How many there are of each item.
#[derive(Default)]
pub(crate) struct Stock(Mutex<BTreeMap<String, u64>>);

impl Stock {
    /// Does what is asked, whole or not at all.
    pub(crate) fn call(&self, call: Call, max_items: usize) -> Result<Answer, Failure> {
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
            Call::List => Ok(Answer::List(items.clone())),
        }
    }
}
