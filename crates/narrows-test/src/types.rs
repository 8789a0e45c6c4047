//! Rules 20 and 25: what the types promise, asked of the compiler.
//!
//! What must not compile. A message that is no `Send` keeps everything that could carry it to another thread where it is:
//!
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::bounded::<std::rc::Rc<u8>>(1).0);
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::bounded::<std::rc::Rc<u8>>(1).1);
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! sync(&narrows::unbounded::<std::rc::Rc<u8>>().0);
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! sync(&narrows::unbounded::<std::rc::Rc<u8>>().1);
//! ```
//! Weak handles:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.downgrade());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.downgrade());
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! sync(&s.downgrade());
//! ```
//! Futures:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded(1);
//! send(s.send_async(std::rc::Rc::new(1)));
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.recv_async());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.reserve_async());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.reserve_many_async(1));
//! ```
//! One message:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::oneshot::channel::<std::rc::Rc<u8>>().0);
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! sync(&narrows::oneshot::channel::<std::rc::Rc<u8>>().1);
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::oneshot::channel::<std::rc::Rc<u8>>();
//! send(r.recv_async());
//! ```
//! Messages for everybody, which several threads may clone at once. (Pitfall 22: tokio 7232, RUSTSEC-2025-0023.)
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::broadcast::channel::<std::cell::Cell<u8>>(1).0);
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! send(narrows::broadcast::channel::<std::cell::Cell<u8>>(1).1);
//! ```
//! ```compile_fail,E0277
//! fn sync<T: Sync>(_: &T) {}
//! sync(&narrows::broadcast::channel::<std::rc::Rc<u8>>(1).1);
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::broadcast::channel::<std::cell::Cell<u8>>(1);
//! send(r.recv_async());
//! ```
//! Permits:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.reserve().unwrap());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.reserve().unwrap().into_owned());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.reserve_many(1).unwrap());
//! ```
//! Batches, synchronous sends, leases, and the only receiver:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.recv_many_async(&mut Vec::new(), 1));
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.send_sync_async(std::rc::Rc::new(1)));
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.try_lease());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, mut r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.try_exclusive());
//! ```
//! ```compile_fail,E0502
//! let (_s, mut r) = narrows::bounded::<u8>(1);
//! let only = r.try_exclusive();
//! let other = r.clone();
//! drop(only);
//! ```
//! Iterators:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.iter());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.try_iter());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.drain());
//! ```
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (_s, r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(r.into_iter());
//! ```
//! The end, awaited, refers to the channel:
//! ```compile_fail,E0277
//! fn send<T: Send>(_: T) {}
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! send(s.closed());
//! ```
//! An arm of a select that is a channel of such messages cannot be erased either:
//! ```compile_fail,E0277
//! let (s, _r) = narrows::bounded::<std::rc::Rc<u8>>(1);
//! let closed = s.closed();
//! narrows::Select::new().arm(&closed);
//! ```
//! A message may not outlive what it borrows:
//! ```compile_fail,E0597
//! let (s, r) = narrows::unbounded();
//! {
//!     let text = String::from("gone");
//!     s.send(text.as_str()).unwrap();
//! }
//! r.recv().unwrap();
//! ```
//! Nor a permit, a future or a select its handle:
//! ```compile_fail,E0505
//! let (s, _r) = narrows::bounded::<u8>(1);
//! let permit = s.reserve().unwrap();
//! drop(s);
//! permit.send(1).unwrap();
//! ```
//! ```compile_fail,E0505
//! let (_s, r) = narrows::bounded::<u8>(1);
//! let future = r.recv_async();
//! drop(r);
//! drop(future);
//! ```
//! ```compile_fail,E0505
//! let (_s, r) = narrows::bounded::<u8>(1);
//! let mut select = narrows::Select::new();
//! select.recv(&r);
//! drop(r);
//! select.ready();
//! ```
//! And what is beside each of these compiles:
//! ```
//! fn send<T: Send>(_: T) {}
//! fn sync<T: Sync>(_: &T) {}
//! let (s, r) = narrows::bounded::<std::cell::Cell<u8>>(4);
//! sync(&s);
//! sync(&r);
//! send(s.send_async(std::cell::Cell::new(1)));
//! send(r.iter());
//! send(s.reserve().unwrap().into_owned());
//! send((s, r));
//! ```
//! Weak handles are handles: they may be caught across a panic, too.
//! ```
//! fn unwind_safe<T: std::panic::UnwindSafe + std::panic::RefUnwindSafe>() {}
//! unwind_safe::<narrows::WeakSender<std::cell::Cell<u8>>>();
//! unwind_safe::<narrows::WeakReceiver<std::cell::Cell<u8>>>();
//! ```

use narrows::{
    OwnedPermit, Permit, ReadyTimeoutError, Receiver, RecvError, RecvTimeoutError, Select, SelectTimeoutError,
    SendError, SendTimeoutError, Sender, TryReadyError, TryRecvError, TrySelectError, TrySendError, WeakReceiver,
    WeakSender, broadcast, oneshot,
};
use std::cell::Cell;
use std::collections::VecDeque;
use std::error::Error;
use std::fmt::{Debug, Display};
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::rc::Rc;

fn send<T: Send>() {}
fn sync<T: Sync>() {}
fn unwind_safe<T: UnwindSafe + RefUnwindSafe>() {}
fn unpin<T: Unpin>() {}
fn debug<T: Debug>() {}
fn is_send<T: Send>(_: &T) {}
fn is_unpin<T: Unpin>(_: &T) {}

/// A message that cannot be shown, shared, or caught across a panic, but can be sent.
struct Bare(#[expect(dead_code, reason = "it makes the message what it is")] Cell<u8>);

/// What is `Send` for every message that is. The other half is above, in the examples that must not compile.
pub fn rule_20_everything_is_send_if_its_message_is() {
    send::<Sender<Bare>>();
    send::<Receiver<Bare>>();
    sync::<Sender<Bare>>();
    sync::<Receiver<Bare>>();
    send::<WeakSender<Bare>>();
    sync::<WeakReceiver<Bare>>();
    send::<Permit<'_, Bare>>();
    send::<OwnedPermit<Bare>>();
    send::<Select<'_>>();
    sync::<Select<'_>>();
    let (s, r) = narrows::bounded::<Bare>(4);
    is_send(&s.send_async(Bare(Cell::new(0))));
    is_send(&r.recv_async());
    is_send(&s.reserve_async());
    is_send(&s.reserve_many_async(2));
    is_send(&s.closed());
    is_send(&r.closed());
    is_send(&s.reserve_many(1).expect("room"));
    is_send(&(r.iter(), r.try_iter(), r.drain()));
    is_send(&s.send_many_async(&mut VecDeque::new()));
    is_send(&r.recv_many_async(&mut Vec::new(), 1));
    is_send(&s.send_sync_async(Bare(Cell::new(0))));
    is_send(&r.lease_async());
    is_send(&r.try_lease());
    let mut select = Select::new();
    select.recv(&r);
    is_send(&select.select_async());
    is_send(&select.ready_async());
    drop(select);
    let mut r = r;
    is_send(&r.try_exclusive());
    is_send(&r.into_iter());
}

/// The same of a channel for one message.
pub fn rule_20_oneshots_are_send_if_their_message_is() {
    send::<oneshot::Sender<Bare>>();
    sync::<oneshot::Sender<Bare>>();
    send::<oneshot::Receiver<Bare>>();
    sync::<oneshot::Receiver<Bare>>();
    unpin::<oneshot::Sender<std::marker::PhantomPinned>>();
    unpin::<oneshot::Receiver<std::marker::PhantomPinned>>();
    unwind_safe::<oneshot::Sender<Bare>>();
    unwind_safe::<oneshot::Receiver<Bare>>();
    let (s, r) = oneshot::channel::<Bare>();
    is_send(&s.closed());
    is_send(&r.recv_async());
    is_unpin(&r.recv_async());
    assert!(!format!("{s:?} {r:?} {:?}", r.recv_async()).is_empty());
    is_send(&r.into_future());
    let (s, _r) = narrows::bounded::<oneshot::Sender<Bare>>(1);
    is_send(&s.ask_async(|reply| reply));
    is_unpin(&s.ask_async(|reply| reply));
    is_send(&s.ask_timeout_async(|reply| reply, std::time::Duration::ZERO));
    is_unpin(&s.ask_timeout_async(|reply| reply, std::time::Duration::ZERO));
}

/// Nothing of theirs is bound to a thread.
pub fn rule_20_events_are_send_and_unwind_safe() {
    fn every<T: Send + Sync + Unpin + std::panic::UnwindSafe + std::panic::RefUnwindSafe + Debug>(value: &T) {
        assert!(!format!("{value:?}").is_empty());
    }
    let (gate, token, group) = (narrows::Gate::new(), narrows::CancelToken::new(), narrows::WaitGroup::new());
    every(&gate.opened());
    every(&token.clone().drop_guard());
    every(&group.member());
    is_send(&token.run_until_cancelled(async {}));
    every(&(gate, token, group));
}

/// The same of a channel that gives every message to every receiver, if messages can be shared.
pub fn rule_20_broadcasts_are_send_if_messages_can_be_shared() {
    send::<broadcast::Sender<u8>>();
    sync::<broadcast::Sender<u8>>();
    send::<broadcast::Receiver<u8>>();
    sync::<broadcast::Receiver<u8>>();
    unpin::<broadcast::Sender<std::marker::PhantomPinned>>();
    unpin::<broadcast::Receiver<std::marker::PhantomPinned>>();
    unwind_safe::<broadcast::Sender<std::cell::Cell<u8>>>();
    unwind_safe::<broadcast::Receiver<std::cell::Cell<u8>>>();
    let (s, r) = broadcast::channel::<u8>(1);
    is_send(&s.send_async(1));
    is_unpin(&s.send_async(1));
    is_send(&r.recv_async());
    is_unpin(&r.recv_async());
    is_send(&(r.iter(), r.try_iter()));
    assert!(!format!("{s:?} {r:?} {:?} {:?}", s.send_async(1), r.recv_async()).is_empty());
    is_send(&r.into_iter());
}

/// Handles may be caught across a panic, whatever their messages.
pub fn rule_20_handles_are_unwind_safe() {
    unwind_safe::<Sender<Bare>>();
    unwind_safe::<Receiver<Bare>>();
    unwind_safe::<Sender<&'static Cell<u8>>>();
    unwind_safe::<Receiver<Rc<Cell<u8>>>>();
}

/// Futures may be moved between polls; everything can be shown without showing a message.
pub fn rule_20_futures_move_and_everything_can_be_shown() {
    let (s, r) = narrows::unbounded::<Bare>();
    is_unpin(&s.send_async(Bare(Cell::new(0))));
    is_unpin(&r.recv_async());
    is_unpin(&s.reserve_async());
    is_unpin(&s.closed());
    is_unpin(&s.send_many_async(&mut VecDeque::new()));
    is_unpin(&r.recv_many_async(&mut Vec::new(), 1));
    is_unpin(&s.send_sync_async(Bare(Cell::new(0))));
    is_unpin(&r.lease_async());
    unpin::<Sender<Bare>>();
    debug::<Sender<Bare>>();
    debug::<Receiver<Bare>>();
    debug::<Permit<'_, Bare>>();
    debug::<OwnedPermit<Bare>>();
    debug::<Select<'_>>();
    assert!(!format!("{s:?} {r:?} {:?} {:?}", s.downgrade(), r.recv_async()).is_empty());
}

/// Without `Debug` of the message, an error can be shown; with nothing more it is an error that can be passed on.
fn is_error<E: Error + Display + Debug + Send + 'static>(error: &E) -> (String, String) {
    (error.to_string(), format!("{error:?}"))
}

/// The variants are crossbeam's, all and no more: these matches would not compile otherwise.
pub fn rule_25_no_variant_is_added() {
    match TrySendError::Full(1) {
        TrySendError::Full(_) | TrySendError::Disconnected(_) => {}
    }
    match SendTimeoutError::Timeout(1) {
        SendTimeoutError::Timeout(_) | SendTimeoutError::Disconnected(_) => {}
    }
    match TryRecvError::Empty {
        TryRecvError::Empty | TryRecvError::Disconnected => {}
    }
    match RecvTimeoutError::Timeout {
        RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected => {}
    }
    let (SendError(()), RecvError) = (SendError(()), RecvError);
    let (TrySelectError, SelectTimeoutError) = (TrySelectError, SelectTimeoutError);
    let (TryReadyError, ReadyTimeoutError) = (TryReadyError, ReadyTimeoutError);
}

/// Errors give the message back, convert into each other, and say something of themselves without showing the message.
pub fn rule_25_errors_are_what_they_were() {
    let bare = || Bare(Cell::new(1));
    let shown = [
        is_error(&SendError(bare())),
        is_error(&TrySendError::Full(bare())),
        is_error(&TrySendError::Disconnected(bare())),
        is_error(&SendTimeoutError::Timeout(bare())),
        is_error(&SendTimeoutError::Disconnected(bare())),
        is_error(&RecvError),
        is_error(&TryRecvError::Empty),
        is_error(&TryRecvError::Disconnected),
        is_error(&RecvTimeoutError::Timeout),
        is_error(&RecvTimeoutError::Disconnected),
        is_error(&TrySelectError),
        is_error(&SelectTimeoutError),
        is_error(&TryReadyError),
        is_error(&ReadyTimeoutError),
    ];
    assert!(shown.iter().all(|(display, debug)| !display.is_empty() && !debug.is_empty()));
    assert_eq!(SendError(5).into_inner(), 5);
    assert_eq!(TrySendError::Full(5).into_inner(), 5);
    assert_eq!(SendTimeoutError::Timeout(5).into_inner(), 5);
    assert!(TrySendError::Full(1).is_full() && TrySendError::Disconnected(1).is_disconnected());
    assert!(SendTimeoutError::Timeout(1).is_timeout());
    assert!(SendTimeoutError::Disconnected(1).is_disconnected());
    assert!(TryRecvError::Empty.is_empty() && TryRecvError::Disconnected.is_disconnected());
    assert!(RecvTimeoutError::Timeout.is_timeout() && RecvTimeoutError::Disconnected.is_disconnected());
    assert_eq!(TrySendError::from(SendError(5)), TrySendError::Disconnected(5));
    assert_eq!(SendTimeoutError::from(SendError(5)), SendTimeoutError::Disconnected(5));
    assert_eq!(TryRecvError::from(RecvError), TryRecvError::Disconnected);
    assert_eq!(RecvTimeoutError::from(RecvError), RecvTimeoutError::Disconnected);
}

/// A closed channel is a disconnected one, by every verb.
pub fn rule_25_closed_is_disconnected(kind: crate::kind::Kind) {
    let (s, r) = kind.pair();
    s.close();
    let zero = std::time::Duration::ZERO;
    assert_eq!(s.send(1), Err(SendError(1)));
    assert_eq!(s.try_send(1), Err(TrySendError::Disconnected(1)));
    assert_eq!(s.send_timeout(1, zero), Err(SendTimeoutError::Disconnected(1)));
    assert_eq!(crate::actor::block_on(s.send_async(1)), Err(SendError(1)));
    assert_eq!(s.reserve().err(), Some(SendError(())));
    assert_eq!(s.try_reserve().err(), Some(TrySendError::Disconnected(())));
    assert_eq!(r.recv(), Err(RecvError));
    assert_eq!(r.try_recv(), Err(TryRecvError::Disconnected));
    assert_eq!(r.recv_timeout(zero), Err(RecvTimeoutError::Disconnected));
    assert_eq!(crate::actor::block_on(r.recv_async()), Err(RecvError));
    assert_eq!((r.iter().next(), r.try_iter().next(), r.drain().next()), (None, None, None));
}
