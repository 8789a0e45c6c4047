//! The peers, one file each. To add one: write its file, name it in `all`.

mod async_channel;
mod crossbeam;
mod crossfire;
mod flume;
mod go;
mod kanal;
mod narrows;
mod rtrb;
mod std_mpsc;
mod thingbuf;
mod tokio;

use crate::runner::Runner;

pub(crate) use go::{absent as absent_go, clean};

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Runner> {
    vec![
        Runner::both::<narrows::Narrows>().and_once::<narrows::Narrows>(),
        Runner::threads::<crossbeam::Crossbeam>(),
        Runner::both::<crossfire::SpscOne>(),
        Runner::both::<crossfire::SpscArray>(),
        Runner::both::<crossfire::SpscList>(),
        Runner::both::<crossfire::MpscOne>(),
        Runner::both::<crossfire::MpscArray>(),
        Runner::both::<crossfire::MpscList>(),
        Runner::both::<crossfire::MpmcOne>(),
        Runner::both::<crossfire::MpmcArray>(),
        Runner::both::<crossfire::MpmcList>(),
        Runner::once::<crossfire::Oneshot>("crossfire oneshot"),
        Runner::both::<kanal::Kanal>(),
        Runner::both::<flume::Flume>(),
        Runner::both::<async_channel::AsyncChannel>(),
        Runner::both::<tokio::Tokio>().and_once::<tokio::Tokio>(),
        Runner::threads::<std_mpsc::Std>(),
        Runner::both::<thingbuf::Thingbuf>(),
        go::runner(),
        Runner::threads::<rtrb::Rtrb>().beside(),
    ]
}
