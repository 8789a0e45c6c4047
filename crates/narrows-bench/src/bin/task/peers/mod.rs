//! The peers, one file each. To add one: write its file, name it in `all`.

mod go;
mod may;
mod narrows;
mod tokio;

use crate::beside::Peer;
use crate::row::Job;

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Peer<Job>> {
    narrows::peers().into_iter().chain(tokio::peers()).chain([go::peer(), may::peer()]).collect()
}

/// Needs a channel without a place.
fn no_zero(job: &Job) -> Option<String> {
    use crate::row::Load::{PingPong, Ring, Stream};
    let is_zero = job.capacity == 0 && matches!(job.load, PingPong | Ring | Stream);
    is_zero.then(|| "no capacity 0".to_owned())
}
