//! Patterns over channels: items come from a [source](Source), pass through stages with several workers, and come out
//! where the caller asks for them.
#![forbid(unsafe_code)]

mod batches;
mod branch;
mod crew;
mod desk;
mod doorway;
mod errors;
mod flow;
mod keyed;
mod lines;
mod mapped;
mod order;
mod pace;
mod received;
mod retry;
mod source;
mod stage;
mod steal;
mod stop;
#[cfg(feature = "futures")]
mod stream;
mod summary;
mod turn;

pub use batches::{Batches, ReceivedBatches, received_batches};
pub use branch::{Branch, fan_in};
pub use errors::{Halt, Successes};
pub use flow::{Flow, IntoFlow, lines, received, split};
pub use lines::{Lines, Split};
pub use mapped::Mapped;
pub use received::Received;
pub use retry::{Failed, Retry};
pub use source::{Items, Source};
pub use steal::{Spawner, Stealing, Stolen};
pub use stop::Stop;
#[cfg(feature = "futures")]
pub use stream::{MappedStream, StreamFlow, StreamRest, Task, TaskFlow};
pub use summary::{Rest, Summary};
