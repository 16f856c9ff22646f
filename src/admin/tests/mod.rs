//! The interface as its clients see it, over sockets.
