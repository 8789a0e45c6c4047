//! The two ends of a channel as users hold them.

mod receiver;
mod sender;

pub use self::{
    receiver::{Receiver, WeakReceiver},
    sender::{Sender, WeakSender},
};
