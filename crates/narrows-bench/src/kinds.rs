//! The kinds of channel that some peers have beside the ordinary one, each ready to run its rows.

use crate::load::{Figures, batch, broadcast, force, once, permit, tasks, watch};
use crate::machine::{Place, two_cores};
use crate::message::Words;
use crate::peer::{BatchPeer, BroadcastPeer, ForcePeer, OncePeer, PermitPeer, WatchPeer};
use crate::row::{How, Load, Row};

/// Runs a row with so many messages; `None` where it is one of another kind.
pub(crate) type Kind = fn(&Row, u64) -> Option<Figures>;

type M = Words<1>;

pub(crate) fn once<P: OncePeer>(row: &Row, count: u64) -> Option<Figures> {
    match (row.load, row.how) {
        (Load::Oneshot, How::Tasks) => Some(once::one_awaited::<P, M>(count)),
        (Load::Oneshot, _) => Some(once::one::<P, M>(count)),
        (Load::Ask, How::Tasks) => Some(once::ask_awaited::<P, M>(count)),
        (Load::Ask, _) => Some(once::ask::<P, M>(count)),
        _ => None,
    }
}

pub(crate) fn broadcast<P: BroadcastPeer>(row: &Row, count: u64) -> Option<Figures> {
    let places = row.places()?;
    match (row.load, row.how) {
        (Load::BroadcastOne(receivers), _) => Some(broadcast::one::<P, M>(places, receivers, count)),
        (Load::Broadcast(receivers), How::Local) => Some(broadcast::tasks::<P, M>(places, receivers, count)),
        (Load::Broadcast(receivers), how) => Some(broadcast::threads::<P, M>(places, receivers, place(how)?, count)),
        _ => None,
    }
}

pub(crate) fn watch<P: WatchPeer>(row: &Row, count: u64) -> Option<Figures> {
    match (row.load, row.how) {
        (Load::WatchSend, _) => Some(watch::send::<P, M>(count)),
        (Load::WatchSendBorrow, _) => Some(watch::send_borrow::<P, M>(count)),
        (Load::WatchBorrow, _) => Some(watch::borrow::<P, M>(count)),
        (Load::WatchPingPong, How::Local) => Some(watch::ping_pong::<P, M>(&tasks::LOCAL, count)),
        (Load::WatchPingPong, _) => Some(watch::ping_pong::<P, M>(&tasks::RUNTIME, count)),
        _ => None,
    }
}

pub(crate) fn permit<P: PermitPeer>(row: &Row, count: u64) -> Option<Figures> {
    match (row.load, row.how) {
        (Load::Permit, How::Local) => permit::awaited::<P, M>(row.places(), count),
        (Load::Permit, _) => permit::tried::<P, M>(row.places(), count),
        _ => None,
    }
}

pub(crate) fn force<P: ForcePeer>(row: &Row, count: u64) -> Option<Figures> {
    match row.load {
        Load::ForceSend => Some(force::full::<P, M>(row.places()?, count)),
        _ => None,
    }
}

pub(crate) fn batch<P: BatchPeer>(row: &Row, count: u64) -> Option<Figures> {
    match row.load {
        Load::BatchOne => batch::one::<P, M>(row.places(), count),
        Load::Batch => batch::stream::<P, M>(row.places(), place(row.how)?, count),
        _ => None,
    }
}

fn place(how: How) -> Option<Place> {
    if how == How::Pinned { two_cores() } else { Some(Place::Anywhere) }
}
