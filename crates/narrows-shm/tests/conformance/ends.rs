//! The ends of a channel between processes as the suite knows ends: the same words, the same errors.
//!
//! Both ends lie in this process, but have opened the channel each for itself: two participants, as two processes would be.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use narrows::{RecvError, RecvTimeoutError, Select, SelectedOperation, SendError, SendTimeoutError};
use narrows::{TryRecvError, TrySendError};
use narrows_shm::{Bytes, options};
use narrows_test::ends::{Bound, Pairs, RecvEnd, SendEnd};
use narrows_test::load::Load;
use narrows_test::way::Side;

/// A kind of channel between processes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shared {
    /// So many messages, each in its slot.
    Short(u32),
    /// So many messages, each in several blocks.
    Long(u32),
}

use Shared::{Long, Short};

/// How many bytes a long message has, behind its number.
const FILLER: usize = 900;
const LONGEST: u32 = 8 + 900;

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Short(capacity) => write!(f, "between processes, capacity {capacity}"),
            Long(capacity) => write!(f, "between processes, capacity {capacity}, long messages"),
        }
    }
}

impl Bound for Shared {
    fn capacity(self) -> Option<usize> {
        let (Short(capacity) | Long(capacity)) = self;
        Some(capacity as usize)
    }

    fn refuses_truly(self) -> bool {
        false
    }

    fn looks_per_second(self) -> u64 {
        2
    }

    /// 900 channels in each of seven ways take 22 s of processor time, and 180 take 5.
    fn crowds(self) -> usize {
        if std::env::var_os("NARROWS_DEEP").is_some() { 10 } else { 2 }
    }
}

/// A message of the suite, as a number that crosses. What is more than a number waits aside under it: received twice it is missing.
pub(crate) trait Cargo: Send + Sized + 'static {
    /// The number that crosses.
    fn put(self, aside: &Aside<Self>) -> u64;
    /// The message of that number.
    fn take(number: u64, aside: &Aside<Self>) -> Self;
    /// What waits at `from` may be taken at `to` instead.
    fn share(_number: u64, _from: &Aside<Self>, _to: &Aside<Self>) {}
}

/// Where messages wait that are more than a number.
pub(crate) type Aside<T> = Arc<Mutex<HashMap<u64, Arc<Mutex<Option<T>>>>>>;

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cargo for usize {
    fn put(self, _: &Aside<usize>) -> u64 {
        self as u64
    }
    fn take(number: u64, _: &Aside<usize>) -> usize {
        usize::try_from(number).expect("64 bits")
    }
}

impl Cargo for u8 {
    fn put(self, _: &Aside<u8>) -> u64 {
        u64::from(self)
    }
    fn take(number: u64, _: &Aside<u8>) -> u8 {
        u8::try_from(number).expect("as it was sent")
    }
}

impl Cargo for () {
    fn put(self, _: &Aside<()>) -> u64 {
        7
    }
    fn take(number: u64, _: &Aside<()>) {
        assert_eq!(number, 7, "as it was sent");
    }
}

impl Cargo for (usize, usize) {
    fn put(self, _: &Aside<Self>) -> u64 {
        (self.0 as u64) << 32 | self.1 as u64
    }
    fn take(number: u64, _: &Aside<Self>) -> (usize, usize) {
        let half = |half| usize::try_from(half).expect("64 bits");
        (half(number >> 32), half(number & u64::from(u32::MAX)))
    }
}

impl Cargo for Load {
    fn put(self, aside: &Aside<Load>) -> u64 {
        let number = self.number();
        lock(aside).insert(number, Arc::new(Mutex::new(Some(self))));
        number
    }
    fn take(number: u64, aside: &Aside<Load>) -> Load {
        let load = lock(aside).remove(&number).and_then(|load| lock(&load).take());
        load.unwrap_or_else(|| panic!("message {number} came twice, or was never sent"))
    }
    fn share(number: u64, from: &Aside<Load>, to: &Aside<Load>) {
        let load = lock(from).get(&number).cloned().expect("just put there");
        lock(to).insert(number, load);
    }
}

/// A sending end.
pub(crate) struct Tx<T> {
    inner: narrows_shm::Sender<Vec<u8>, Bytes>,
    kind: Shared,
    aside: Aside<T>,
}

/// A receiving end.
pub(crate) struct Rx<T> {
    inner: narrows_shm::Receiver<Vec<u8>, Bytes>,
    kind: Shared,
    aside: Aside<T>,
}

impl<T> Clone for Tx<T> {
    fn clone(&self) -> Self {
        Tx { inner: self.inner.clone(), kind: self.kind, aside: self.aside.clone() }
    }
}

impl<T> Clone for Rx<T> {
    fn clone(&self) -> Self {
        Rx { inner: self.inner.clone(), kind: self.kind, aside: self.aside.clone() }
    }
}

impl<T: Cargo> Pairs<T> for Shared {
    type Sender = Tx<T>;
    type Receiver = Rx<T>;

    fn pair(self) -> (Tx<T>, Rx<T>) {
        let (Short(capacity) | Long(capacity)) = self;
        let options = options().bytes().capacity(capacity).participants(4);
        let options = match self {
            Short(_) => options.max_len(8),
            // Room for as many of the longest, but none of them in a slot.
            Long(_) => options.max_len(LONGEST).memory(u64::MAX),
        };
        let made = options.anonymous::<Vec<u8>>().expect("a channel");
        let handed = made.hand_out().expect("another opening");
        let taken = options.adopt::<Vec<u8>>(handed).expect("the same channel");
        let aside = Aside::default();
        (
            Tx { inner: made.sender(), kind: self, aside: aside.clone() },
            Rx { inner: taken.receiver(), kind: self, aside },
        )
    }
}

impl Shared {
    fn bytes(self, number: u64) -> Vec<u8> {
        let mut bytes = number.to_le_bytes().to_vec();
        if let Long(_) = self {
            bytes.resize(8 + FILLER, number.to_le_bytes()[0]);
        }
        bytes
    }

    fn number(self, bytes: &[u8]) -> u64 {
        let (number, filler) = bytes.split_first_chunk().expect("a number");
        let len = if let Long(_) = self { FILLER } else { 0 };
        assert!(filler.len() == len && filler.iter().all(|byte| *byte == number[0]), "torn");
        u64::from_le_bytes(*number)
    }
}

/// A message that is on its way; taken back if it is given up.
struct OnTheWay<'a, T: Cargo> {
    tx: &'a Tx<T>,
    number: u64,
    is_sent: bool,
}

impl<T: Cargo> OnTheWay<'_, T> {
    fn back(mut self) -> T {
        self.is_sent = true;
        T::take(self.number, &self.tx.aside)
    }

    fn bytes(&self) -> Vec<u8> {
        self.tx.kind.bytes(self.number)
    }

    fn done(mut self, sent: Result<(), narrows_shm::SendError<()>>) -> Result<(), SendError<T>> {
        match sent {
            Ok(()) => {
                self.is_sent = true;
                Ok(())
            }
            Err(narrows_shm::SendError::Disconnected(())) => Err(SendError(self.back())),
            Err(narrows_shm::SendError::Fault((), fault)) => panic!("{fault}"),
        }
    }
}

impl<T: Cargo> Drop for OnTheWay<'_, T> {
    fn drop(&mut self) {
        if !self.is_sent {
            drop(T::take(self.number, &self.tx.aside));
        }
    }
}

fn without<T>(why: narrows_shm::SendError<T>) -> narrows_shm::SendError<()> {
    match why {
        narrows_shm::SendError::Disconnected(_) => narrows_shm::SendError::Disconnected(()),
        narrows_shm::SendError::Fault(_, fault) => narrows_shm::SendError::Fault((), fault),
    }
}

impl<T: Cargo> Tx<T> {
    fn begin(&self, message: T) -> OnTheWay<'_, T> {
        OnTheWay { tx: self, number: message.put(&self.aside), is_sent: false }
    }

    fn timed(
        &self,
        message: T,
        send: impl FnOnce(Vec<u8>) -> Result<(), narrows_shm::SendTimeoutError<Vec<u8>>>,
    ) -> Result<(), SendTimeoutError<T>> {
        let mut message = self.begin(message);
        match send(message.bytes()) {
            Ok(()) => {
                message.is_sent = true;
                Ok(())
            }
            Err(narrows_shm::SendTimeoutError::Timeout(_)) => Err(SendTimeoutError::Timeout(message.back())),
            Err(narrows_shm::SendTimeoutError::Disconnected(_)) => Err(SendTimeoutError::Disconnected(message.back())),
            Err(narrows_shm::SendTimeoutError::Fault(_, fault)) => panic!("{fault}"),
        }
    }
}

async fn chosen<'a>(side: Side, select: &mut Select<'a>) -> SelectedOperation<'a> {
    if side.is_task() { select.select_async().await } else { select.select() }
}

impl<T: Cargo> SendEnd for Tx<T> {
    type Message = T;

    fn send(&self, message: T) -> Result<(), SendError<T>> {
        let message = self.begin(message);
        let sent = self.inner.send(message.bytes());
        message.done(sent.map_err(without))
    }
    fn try_send(&self, message: T) -> Result<(), TrySendError<T>> {
        let mut message = self.begin(message);
        match self.inner.try_send(message.bytes()) {
            Ok(()) => {
                message.is_sent = true;
                Ok(())
            }
            Err(narrows_shm::TrySendError::Full(_)) => Err(TrySendError::Full(message.back())),
            Err(narrows_shm::TrySendError::Disconnected(_)) => Err(TrySendError::Disconnected(message.back())),
            Err(narrows_shm::TrySendError::Fault(_, fault)) => panic!("{fault}"),
        }
    }
    fn send_timeout(&self, message: T, time: Duration) -> Result<(), SendTimeoutError<T>> {
        self.timed(message, |bytes| self.inner.send_timeout(bytes, time))
    }
    fn send_deadline(&self, message: T, at: Instant) -> Result<(), SendTimeoutError<T>> {
        self.timed(message, |bytes| self.inner.send_deadline(bytes, at))
    }
    fn send_async(&self, message: T) -> impl Future<Output = Result<(), SendError<T>>> + Send {
        let message = self.begin(message);
        async move {
            let sent = self.inner.send_async(message.bytes()).await;
            message.done(sent.map_err(without))
        }
    }
    async fn send_selected(&self, side: Side, message: T) -> Result<(), SendError<T>> {
        let message = self.begin(message);
        let arm = self.inner.arm(&message.bytes()).expect("bytes are bytes");
        let mut select = Select::new();
        select.arm(&arm);
        let sent = arm.complete(chosen(side, &mut select).await);
        message.done(sent)
    }
    async fn send_to_any(side: Side, lines: &[Self], message: T) {
        let number = message.put(&lines[0].aside);
        let bytes = lines[0].kind.bytes(number);
        let arms: Vec<_> = lines.iter().map(|line| line.inner.arm(&bytes).expect("bytes are bytes")).collect();
        for line in &lines[1..] {
            T::share(number, &lines[0].aside, &line.aside);
        }
        let mut select = Select::new();
        for arm in &arms {
            select.arm(arm);
        }
        let chosen = chosen(side, &mut select).await;
        let arm = &arms[chosen.index()];
        arm.complete(chosen).expect("open");
    }
    async fn wait_for_room(&self) {
        let arm = self.inner.arm(&self.kind.bytes(0)).expect("bytes are bytes");
        let mut select = Select::new();
        select.arm(&arm);
        select.ready_async().await;
    }
    fn close(&self) -> bool {
        self.inner.close()
    }
    fn is_closed(&self) -> bool {
        self.inner.is_disconnected()
    }
    fn len(&self) -> usize {
        self.inner.inspect().len() as usize
    }
    fn is_empty(&self) -> bool {
        self.inner.inspect().is_empty()
    }
    fn is_full(&self) -> bool {
        let inspect = self.inner.inspect();
        inspect.len() >= inspect.capacity()
    }
    fn capacity(&self) -> Option<usize> {
        Some(self.inner.inspect().capacity() as usize)
    }
}

impl<T: Cargo> Rx<T> {
    fn message(&self, bytes: &[u8]) -> T {
        T::take(self.kind.number(bytes), &self.aside)
    }

    fn waited(&self, answer: Result<Vec<u8>, narrows_shm::RecvError>) -> Result<T, RecvError> {
        match answer {
            Ok(bytes) => Ok(self.message(&bytes)),
            Err(narrows_shm::RecvError::Disconnected) => Err(RecvError),
            Err(narrows_shm::RecvError::Fault(fault)) => panic!("{fault}"),
        }
    }

    fn timed(&self, answer: Result<Vec<u8>, narrows_shm::RecvTimeoutError>) -> Result<T, RecvTimeoutError> {
        match answer {
            Ok(bytes) => Ok(self.message(&bytes)),
            Err(narrows_shm::RecvTimeoutError::Timeout) => Err(RecvTimeoutError::Timeout),
            Err(narrows_shm::RecvTimeoutError::Disconnected) => Err(RecvTimeoutError::Disconnected),
            Err(narrows_shm::RecvTimeoutError::Fault(fault)) => panic!("{fault}"),
        }
    }
}

impl<T: Cargo> RecvEnd for Rx<T> {
    type Message = T;

    fn recv(&self) -> Result<T, RecvError> {
        self.waited(self.inner.recv())
    }
    fn try_recv(&self) -> Result<T, TryRecvError> {
        match self.inner.try_recv() {
            Ok(bytes) => Ok(self.message(&bytes)),
            Err(narrows_shm::TryRecvError::Empty) => Err(TryRecvError::Empty),
            Err(narrows_shm::TryRecvError::Disconnected) => Err(TryRecvError::Disconnected),
            Err(narrows_shm::TryRecvError::Fault(fault)) => panic!("{fault}"),
        }
    }
    fn recv_timeout(&self, time: Duration) -> Result<T, RecvTimeoutError> {
        self.timed(self.inner.recv_timeout(time))
    }
    fn recv_deadline(&self, at: Instant) -> Result<T, RecvTimeoutError> {
        self.timed(self.inner.recv_deadline(at))
    }
    async fn recv_async(&self) -> Result<T, RecvError> {
        self.waited(self.inner.recv_async().await)
    }
    fn add_to<'a>(&'a self, select: &mut Select<'a>) -> usize {
        select.arm(&self.inner)
    }
    fn complete(&self, chosen: SelectedOperation<'_>) -> Result<T, RecvError> {
        self.waited(self.inner.complete(chosen))
    }
    fn close(&self) -> bool {
        self.inner.close()
    }
    fn close_now(&self) -> Vec<T> {
        self.close();
        self.take_all()
    }
    fn is_closed(&self) -> bool {
        self.inner.is_disconnected()
    }
    fn is_disconnected(&self) -> bool {
        self.inner.is_disconnected() && self.is_empty()
    }
    fn len(&self) -> usize {
        self.inner.inspect().len() as usize
    }
    fn is_empty(&self) -> bool {
        self.inner.inspect().is_empty()
    }
    fn is_full(&self) -> bool {
        let inspect = self.inner.inspect();
        inspect.len() >= inspect.capacity()
    }
    fn capacity(&self) -> Option<usize> {
        Some(self.inner.inspect().capacity() as usize)
    }
}
