//! What holds of a connection from some time on.

/// What holds of a connection from some time on, until its end. A bit each, so that all are shown by one store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Mark {
    /// The handler was polled for the first time.
    Started = 1,
    /// The handler has returned: handles that outlive it yield `Closed`.
    Returned = 1 << 1,
    /// Neither direction goes on. A bad frame ends the input alone: the handler may still answer it.
    Over = 1 << 2,
    /// The handler took the raw stream: deadlines on frames, idling and writing are its own.
    Raw = 1 << 3,
    /// The codec is not the one that the listener made any more: who would encode with a fresh one is shut out.
    Reframed = 1 << 4,
    /// Everything owed is written; the connection only waits for the client to close.
    Lingering = 1 << 5,
}

/// Which marks there are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Marks(u8);

/// Where the receiving end stands. Its bits are none of a [`Mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Receive {
    /// Nobody waits for a frame.
    Busy = 0,
    /// The handler waits for a frame of which nothing has arrived.
    Waiting = 1 << 6,
    /// The handler waits for the rest of a frame.
    Partial = 1 << 7,
}

impl Marks {
    #[inline(always)]
    pub(super) fn has(self, mark: Mark) -> bool {
        self.0 & mark as u8 != 0
    }

    pub(super) fn set(&mut self, mark: Mark) {
        self.0 |= mark as u8;
    }

    /// All that there is to show, in one byte.
    #[inline(always)]
    pub(super) fn packed(self, receive: Receive) -> u8 {
        self.0 | receive as u8
    }

    pub(super) fn unpacked(byte: u8) -> (Self, Receive) {
        const WAITING: u8 = Receive::Waiting as u8;
        const PARTIAL: u8 = Receive::Partial as u8;
        let receive = match byte & (WAITING | PARTIAL) {
            WAITING => Receive::Waiting,
            PARTIAL => Receive::Partial,
            _ => Receive::Busy,
        };
        (Self(byte & !(WAITING | PARTIAL)), receive)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_fit_into_a_byte() {
        use Mark::{Lingering, Over, Raw, Reframed, Returned, Started};
        for receive in [Receive::Busy, Receive::Waiting, Receive::Partial] {
            let mut marks = Marks::default();
            for mark in [Started, Returned, Over, Raw, Reframed, Lingering] {
                let (before, there) = Marks::unpacked(marks.packed(receive));
                assert!(!before.has(mark), "{mark:?}");
                assert_eq!(there, receive);
                marks.set(mark);
                assert!(Marks::unpacked(marks.packed(receive)).0.has(mark), "{mark:?}");
            }
        }
    }
}
