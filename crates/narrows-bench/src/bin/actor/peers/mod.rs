//! The peers, one file each. To add one: write its file, name it in `all`.

mod actix;
mod by_hand;
mod kameo;
mod narrows;
mod ractor;
mod xtra;

use crate::beside::Peer;
use crate::row::{Host, Job};

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Peer<Job>> {
    vec![narrows::peer(), by_hand::peer(), ractor::peer(), kameo::peer(), actix::peer(), xtra::peer()]
}

fn on_tokio(job: &Job) -> bool {
    job.host == Host::Tokio
}
