//! What is asked of connections whose tasks alone know the answer.
//!
//! The deadlines are with the timer, in the task. To keep them where others can look would cost each connection more than
//! asking costs the few that are asked.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;

use super::end::EndReason;

/// For what a connection ends, and in how long.
pub(crate) type Due = Vec<(EndReason, Duration)>;

/// Who waits for which connection's answer.
#[derive(Debug, Default)]
pub(crate) struct Questions(Mutex<HashMap<u64, Vec<oneshot::Sender<Due>>>>);

impl Questions {
    /// Notes a question. Whoever gives up waiting is forgotten with the next question or answer.
    pub(super) fn ask(&self, id: u64) -> oneshot::Receiver<Due> {
        let (sender, receiver) = oneshot::channel();
        let mut waiting = self.lock();
        waiting.retain(|_, senders| {
            senders.retain(|sender| !sender.is_closed());
            !senders.is_empty()
        });
        waiting.entry(id).or_default().push(sender);
        receiver
    }

    /// Answers all who wait for this connection.
    pub(super) fn answer(&self, id: u64, due: &Due) {
        for sender in self.lock().remove(&id).unwrap_or_default() {
            // Whoever has given up does not mind.
            let _ = sender.send(due.clone());
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Vec<oneshot::Sender<Due>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn all_who_wait_are_answered_and_nobody_is_kept() {
        let questions = Questions::default();
        let (one, other) = (questions.ask(7), questions.ask(7));
        drop(questions.ask(8));
        let due = vec![(EndReason::Idle, Duration::from_secs(1))];
        questions.answer(7, &due);
        assert_eq!((one.await.unwrap(), other.await.unwrap()), (due.clone(), due));
        questions.answer(9, &Vec::new());
        let _waits = questions.ask(9);
        assert_eq!(questions.lock().len(), 1);
    }
}
