//! Channels between processes of one host, in shared memory: named, typed, bounded, with many senders and many receivers, each message
//! for one of them; and whoever is killed, at whatever instruction, loses no message that was sent, tears none and leaves nobody stuck.
//!
//! ```
//! # let folder = std::env::temp_dir().join(format!("narrows-doc-lib-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder).unwrap();
//! # let jobs = folder.join("jobs");
//! # let jobs = jobs.to_str().unwrap();
//! use narrows_shm::options;
//!
//! // In one program; the first comer makes the channel.
//! let sender = options().sender::<String>(jobs)?;
//! sender.send("resize 1.png".into()).unwrap();
//!
//! // In another.
//! let receiver = options().receiver::<String>(jobs)?;
//! assert_eq!(receiver.recv().unwrap(), "resize 1.png");
//! # Ok::<(), narrows_shm::OpenError>(())
//! ```
//!
//! In a [`broadcast`] each message is for every receiver.
//!
//! # Unsafe code
//!
//! Modules that may use `unsafe`: `guard` and `locks` (system calls), `layout` (words and bytes of the segment, by offsets that
//! were checked), `queue`, `codec` and `lease` (messages that lie there, by the right that a word gives), `copy` (the same without that
//! right).
#![deny(unsafe_code)]
// The models bring the files of the protocol, and memory, of their own: `tests/model`.
#![cfg(not(any(loom, narrows_check)))]

#[cfg(not(target_os = "linux"))]
compile_error!("narrows-shm needs Linux: futexes on shared memory, locks of open files, process file descriptors");
#[cfg(not(target_pointer_width = "64"))]
compile_error!("narrows-shm needs a processor of 64 bits");

mod bell;
pub mod broadcast;
mod channel;
#[allow(unsafe_code, reason = "messages that lie in shared memory")]
mod codec;
mod connection;
#[allow(unsafe_code, reason = "bytes that others may write meanwhile")]
mod copy;
#[cfg(narrows_crash)]
#[doc(hidden)]
pub mod crash;
mod error;
mod fault;
#[allow(unsafe_code, reason = "a signal handler, and the pages that it replaces")]
mod guard;
mod hand;
#[allow(unsafe_code, reason = "words and bytes of a segment, by offsets that were checked")]
mod layout;
#[allow(unsafe_code, reason = "messages that lie in shared memory")]
mod lease;
#[allow(unsafe_code, reason = "one system call that neither std nor rustix has")]
mod locks;
#[cfg(test)]
mod lost_page;
mod members;
mod options;
mod pool;
mod process;
#[allow(unsafe_code, reason = "bytes of messages, which a word says are ours")]
mod queue;
mod reactor;
mod receiver;
pub mod rpc;
mod segment;
mod sender;
mod sync;
#[cfg(test)]
#[allow(unsafe_code, reason = "what a test does to a whole process")]
mod trial;
mod watcher;

pub use channel::{Channel, Inspection, Participant, clean, inspect, names, peer};
pub use codec::{Bytes, Codec, Plain, Postcard};
pub use error::{FileProperty, OpenError};
pub use fault::{Fault, RecvError, RecvTimeoutError, SendError, SendTimeoutError, TryRecvError, TrySendError};
pub use lease::{Lease, Loan};
pub use options::{Options, options};
pub use receiver::Receiver;
pub use sender::{SendArm, Sender};
