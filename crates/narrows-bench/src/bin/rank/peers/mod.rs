//! The peers, one file each. To add one: write its file, name it in `all`.

mod by_hand;
mod narrows;
mod openmpi;

use crate::beside::Peer;
use crate::row::Load;

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Peer<Load>> {
    let [ours, threads] = narrows::peers();
    vec![ours, threads, openmpi::peer(), by_hand::peer()]
}
