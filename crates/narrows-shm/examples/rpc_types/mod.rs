//! What the two programs `rpc_server` and `rpc_client` say to each other. In a workspace this is a crate of its own, on which both
//! depend: the compiler then sees to it that they agree, and the type in the segment that they do so when they run.

use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    Count { text: String },
    End,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Reply {
    Counted { words: usize, letters: usize },
    Ending,
}
