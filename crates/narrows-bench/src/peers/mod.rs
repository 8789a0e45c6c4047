//! The peers, one file each. To add one: write its file, name it in `all`.

mod async_broadcast;
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

use crate::kinds::{batch, broadcast, force, once, permit, watch};
use crate::runner::Runner;

pub(crate) use go::{absent as absent_go, clean};

/// Ours first; the others in the order in which a table shows them.
pub(crate) fn all() -> Vec<Runner> {
    vec![
        Runner::both::<narrows::Narrows>()
            .and(once::<narrows::Narrows>)
            .and(broadcast::<narrows::Narrows>)
            .and(watch::<narrows::Narrows>)
            .and(permit::<narrows::Narrows>)
            .and(force::<narrows::Narrows>)
            .and(batch::<narrows::Narrows>),
        Runner::new("narrows DropOldest", force::<narrows::DropOldest>).beside(),
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
        Runner::new("crossfire oneshot", once::<crossfire::Oneshot>),
        Runner::both::<kanal::Kanal>().and(batch::<kanal::Kanal>),
        Runner::both::<flume::Flume>().and(batch::<flume::Flume>),
        Runner::both::<async_channel::AsyncChannel>().and(force::<async_channel::AsyncChannel>),
        Runner::new("async-broadcast", broadcast::<async_broadcast::AsyncBroadcast>),
        Runner::both::<tokio::Tokio>()
            .and(once::<tokio::Tokio>)
            .and(broadcast::<tokio::Tokio>)
            .and(watch::<tokio::Tokio>)
            .and(permit::<tokio::Tokio>)
            .and(batch::<tokio::Tokio>),
        Runner::threads::<std_mpsc::Std>(),
        Runner::both::<thingbuf::Thingbuf>(),
        go::runner(),
        Runner::threads::<rtrb::Rtrb>().and(batch::<rtrb::Rtrb>).beside(),
    ]
}

#[cfg(test)]
mod tests {
    use crate::runner::Runner;
    use crate::{peers, row};

    #[test]
    fn each_kind_of_channel_has_its_peers() {
        let runners = peers::all();
        let wanted = [
            ("oneshot", &["narrows", "crossfire oneshot", "tokio"][..]),
            ("/ask", &["narrows", "crossfire oneshot", "tokio"]),
            ("broadcast", &["narrows", "async-broadcast", "tokio"]),
            ("watch", &["narrows", "tokio"]),
            ("permit", &["narrows", "tokio"]),
            ("force_send", &["narrows", "narrows DropOldest", "async-channel"]),
            ("batch", &["narrows", "kanal", "flume", "tokio", "rtrb"]),
        ];
        for (kind, peers) in wanted {
            let rows: Vec<_> = row::all().into_iter().filter(|row| row.to_string().contains(kind)).collect();
            assert!(!rows.is_empty(), "{kind}");
            for row in rows {
                // More than a channel has places, and no whole number of batches.
                let ran = |runner: &&Runner| {
                    runner.run(&row, 1_000).inspect(|figures| assert_eq!(figures.len(), row.figures().len())).is_some()
                };
                let mut names: Vec<_> = runners.iter().filter(ran).map(|runner| runner.name).collect();
                // One core alone has no rows of two.
                if row.how == row::How::Pinned && crate::machine::two_cores().is_none() {
                    continue;
                }
                let mut peers = peers.to_vec();
                // A ring has a bound.
                peers.retain(|&peer| peer != "rtrb" || row.capacity != row::Capacity::Unbounded);
                names.sort_unstable();
                peers.sort_unstable();
                assert_eq!(names, peers, "{row}");
            }
        }
    }
}
