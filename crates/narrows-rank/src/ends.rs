//! How each rank has ended, for all to see.

use std::sync::OnceLock;

use crate::{error::Error, sync::Arc};

/// One word for each rank, said once.
#[derive(Debug)]
pub(crate) struct Ends(Vec<OnceLock<Arc<str>>>);

impl Ends {
    pub(crate) fn new(size: usize) -> Ends {
        Ends((0..size).map(|_| OnceLock::new()).collect())
    }

    /// The first word on a rank counts; false if this is another one.
    pub(crate) fn set(&self, rank: usize, how: &Arc<str>) -> bool {
        self.0[rank].set(how.clone()).is_ok()
    }

    pub(crate) fn has_ended(&self, rank: usize) -> bool {
        self.0[rank].get().is_some()
    }

    /// How it ended, in words.
    pub(crate) fn how(&self, rank: usize) -> &str {
        self.0[rank].get().map_or("has ended", |how| how)
    }

    /// The error for who needs a rank that has ended.
    pub(crate) fn gone(&self, rank: usize) -> Error {
        Error::Gone { rank, how: self.how(rank).to_owned() }
    }
}
