//! A POSIX message queue: with the limits that everybody has, 10 messages of 8 KiB, and where it is asked for with those of
//! the system raised while the queue is created.

use std::fs;

use anyhow::{Result, ensure};
use nix::mqueue::{MQ_OFlag, MqAttr, MqdT, mq_close, mq_open, mq_receive, mq_send, mq_unlink};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::stat::Mode;
use zerocopy::IntoBytes;

use super::Peer;
use crate::crew::Task;
use crate::post::{Inlet, Outlet, Post, Way};
use crate::row::Row;

/// Its queues are only there where the run may raise the limits.
pub(crate) const RAISED: &str = "posix mq raised";

pub(super) fn peers() -> [Peer; 2] {
    let limited = Peer {
        lacks: |row| {
            let most = limit("msgsize_max").unwrap_or(8192);
            (row.size > most).then(|| format!("messages up to {} KiB", most / 1024))
        },
        prepare: |row, task| {
            let places = limit("msg_max").unwrap_or(10).min(row.places);
            ways(task, row).try_for_each(|name| create(&name, row, places))
        },
        ..peer("posix mq")
    };
    let raised = Peer {
        lacks: |row| {
            let name = format!("/narrows-bench-{}-probe", std::process::id());
            let outcome = create_raised(&name, row);
            let _ = mq_unlink(name.as_str());
            outcome.err().map(|error| format!("not possible here: {error}"))
        },
        prepare: |row, task| ways(task, row).try_for_each(|name| create_raised(&name, row)),
        ..peer(RAISED)
    };
    [limited, raised]
}

fn peer(name: &'static str) -> Peer {
    Peer {
        clear: |task| {
            for way in [Way::There, Way::Back] {
                // Only a round trip has both.
                let _ = mq_unlink(name_of(task, way).as_str());
            }
        },
        ..Peer::new(name, play)
    }
}

fn play(post: &Post) -> Result<()> {
    let open = |way| -> Result<MqdT> {
        Ok(mq_open(name_of(&post.task, way).as_str(), MQ_OFlag::O_RDWR, Mode::empty(), None)?)
    };
    post.run(|way| Ok(Sender(open(way)?)), |way| Ok(Receiver { queue: open(way)?, message: vec![0; post.row.size] }))
}

fn name_of(task: &Task, way: Way) -> String {
    format!("/{}-{way:?}", task.name())
}

fn ways(task: &Task, row: &Row) -> impl Iterator<Item = String> {
    let ways = if row.load.is_round_trip() { &[Way::There, Way::Back][..] } else { &[Way::There] };
    ways.iter().map(|way| name_of(task, *way))
}

const LIMITS: &str = "/proc/sys/fs/mqueue";

fn limit(name: &str) -> Option<usize> {
    fs::read_to_string(format!("{LIMITS}/{name}")).ok()?.trim().parse().ok()
}

fn create(name: &str, row: &Row, places: usize) -> Result<()> {
    let attributes = MqAttr::new(0, places.try_into()?, row.size.try_into()?, 0);
    let flags = MQ_OFlag::O_CREAT | MQ_OFlag::O_EXCL | MQ_OFlag::O_RDWR;
    let queue = mq_open(name, flags, Mode::S_IRUSR | Mode::S_IWUSR, Some(&attributes))?;
    Ok(mq_close(queue)?)
}

/// As many places as the row has, or as a user's share of memory for queues holds, of which a round trip takes two.
fn create_raised(name: &str, row: &Row) -> Result<()> {
    // What the kernel counts for a message beside its bytes, and more.
    const HEAD: usize = 256;
    let (share, _) = getrlimit(Resource::RLIMIT_MSGQUEUE)?;
    let places = row.places.min(usize::try_from(share)? / 2 / (row.size + HEAD));
    ensure!(places > 0, "all queues of a user together hold {} KiB", share / 1024);
    let _back = [Raised::new("msg_max", places)?, Raised::new("msgsize_max", row.size)?];
    create(name, row, places)
}

/// A limit of the system that is higher for as long as this lives, which is for the creation of one queue.
struct Raised(&'static str, Option<usize>);

impl Raised {
    fn new(name: &'static str, wanted: usize) -> Result<Raised> {
        let old = limit(name).filter(|old| *old < wanted);
        if old.is_some() {
            fs::write(format!("{LIMITS}/{name}"), wanted.to_string())?;
        }
        Ok(Raised(name, old))
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        if let Some(old) = self.1
            && let Err(error) = fs::write(format!("{LIMITS}/{}", self.0), old.to_string())
        {
            eprintln!("{LIMITS}/{} is not {old} again: {error}", self.0);
        }
    }
}

struct Sender(MqdT);

impl Outlet for Sender {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        Ok(mq_send(&self.0, message.as_bytes(), 0)?)
    }
}

struct Receiver {
    queue: MqdT,
    message: Vec<u8>,
}

impl Inlet for Receiver {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let count = mq_receive(&self.queue, &mut self.message, &mut 0)?;
        Ok(look(&self.message[..count]))
    }
}
