//! A rank and its pump, over a transport that is the test: what they send, and in which order.

use std::{
    any::type_name,
    borrow::Cow,
    sync::{Arc, Mutex},
    time::Duration,
};

use narrows::{CancelToken, Receiver, Sender, bounded, select, unbounded};

use super::{Packed, frame::Frame};
use crate::{
    Error, Tag, World,
    transport::{Incoming, LinkError, Transport},
};

/// Rank 1 of two.
#[derive(Clone)]
struct Script {
    incoming: Receiver<Incoming>,
    /// Told of each try to send.
    tried: Sender<()>,
    /// How many of them find no room.
    refusals: usize,
    log: Arc<Mutex<Log>>,
    closed: CancelToken,
}

#[derive(Default)]
struct Log {
    tries: usize,
    sent: Vec<Frame>,
    how: Option<String>,
}

impl Transport for Script {
    fn rank(&self) -> usize {
        1
    }

    fn size(&self) -> usize {
        2
    }

    /// Has room.
    fn send(&self, _: usize, frame: &[u8]) -> Result<(), LinkError> {
        self.log.lock().unwrap().sent.extend(Frame::from_bytes(frame.to_vec()));
        Ok(())
    }

    fn try_send(&self, _: usize, frame: &[u8]) -> Result<bool, LinkError> {
        let mut log = self.log.lock().unwrap();
        log.tries += 1;
        let has_room = log.tries > self.refusals;
        if has_room {
            log.sent.extend(Frame::from_bytes(frame.to_vec()));
        }
        drop(log);
        let _ = self.tried.send(());
        Ok(has_room)
    }

    fn recv(&self, patience: Option<Duration>) -> Incoming {
        let until = patience.map_or(narrows::never(), narrows::after);
        select! {
            recv(self.incoming) -> incoming => incoming.unwrap_or(Incoming::Closed),
            recv(self.closed.cancelled()) -> _ => Incoming::Closed,
            recv(until) -> _ => Incoming::Nothing,
        }
    }

    fn close(&self, how: &str) {
        self.log.lock().unwrap().how = Some(how.to_owned());
        self.closed.cancel();
    }
}

/// It begins to receive, and has not asked for its message when the other is told that it was received, which finds no room.
/// Then it has it, and ends at once.
fn ends_with_a_debt(refusals: usize) -> Log {
    let (tell, incoming) = bounded(1);
    let (tried, was_tried) = unbounded();
    let log = Arc::<Mutex<Log>>::default();
    let script = Script { incoming, tried, refusals, log: log.clone(), closed: CancelToken::new() };
    let got = World::over(script).run(|me| {
        let receiving = me.irecv::<u8>(0, Tag(0));
        let parcel = Packed { name: Cow::Borrowed(type_name::<u8>()), bytes: vec![7] };
        let message = Frame::Message { context: 0, tag: 0, ticket: Some(5), parcel };
        tell.send(Incoming::Frame { from: 0, bytes: message.into_bytes() }).map_err(Error::failed)?;
        was_tried.recv().map_err(Error::failed)?;
        receiving.wait().map(|(got, _)| got)
    });
    assert_eq!(got, Ok(7));
    std::mem::take(&mut *log.lock().unwrap())
}

#[test]
fn who_ends_says_first_what_it_has_received() {
    let log = ends_with_a_debt(5);
    let bye = Frame::Bye { how: "has returned".to_owned() };
    assert_eq!(log.sent, [Frame::Taken { ticket: 5 }, bye]);
    assert_eq!(log.how.as_deref(), Some("has returned"));
}

#[test]
fn who_ends_does_not_wait_for_ever_for_room() {
    let log = ends_with_a_debt(usize::MAX);
    assert_eq!(log.sent, []);
    assert_eq!(log.how.as_deref(), Some("has returned"));
}
