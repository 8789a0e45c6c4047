//! Tasks of a walk: an operation that waits, and then holds what it got until it is told what to do with it.

use super::Makes;
use crate::hand::Bell;
use narrows::{Receiver, Select, Sender};
use std::any::Any;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// What a task does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Work {
    Send(u64),
    SendMany(VecDeque<u64>),
    Sync(u64),
    Reserve(usize),
    Recv,
    RecvMany(usize),
    Lease,
    /// Of each channel whether it sends there.
    Select(Vec<(usize, bool)>),
}

/// What it says when it has got something, or is over.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// Of the kind of send that it is; those that came back.
    Sent,
    Back(Vec<u64>),
    Got(Vec<u64>),
    /// The end.
    End,
    /// It holds a message, so many places, or what a select has chosen by that arm.
    Leased(u64),
    Places(usize),
    Chosen(usize),
}

/// What it is told.
pub(super) enum Order<T> {
    /// Sends into a place.
    Send(T),
    /// Gives a place back.
    Release,
    Accept,
    GiveBack,
}

/// An end to select by.
pub(super) type End<T> = Result<Arc<Sender<T>>, Arc<Receiver<T>>>;

pub(super) struct Desk<T>(RefCell<(Option<Order<T>>, VecDeque<News>)>);

impl<T> Desk<T> {
    fn say(&self, news: News) {
        self.0.borrow_mut().1.push_back(news);
    }

    async fn order(&self) -> Order<T> {
        poll_fn(|_| self.0.borrow_mut().0.take().map_or(Poll::Pending, Poll::Ready)).await
    }
}

#[allow(clippy::struct_excessive_bools, reason = "each is a state of its own")]
pub(super) struct Task<T> {
    pub(super) chan: usize,
    pub(super) work: Work,
    desk: Rc<Desk<T>>,
    future: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Its handles, which go after it.
    _ends: Vec<Rc<dyn Any>>,
    bell: Arc<Bell>,
    rung_before: usize,
    /// Its last waker but one, which is to be silent.
    old: Option<(Arc<Bell>, usize)>,
    /// The order in which it came to wait.
    pub(super) ticket: Option<u64>,
    /// A message of it that waited is inside, or was taken from it.
    pub(super) is_served: bool,
    /// Where a synchronous send is as any other.
    pub(super) is_rendezvous: bool,
    /// Of a synchronous send that is inside.
    pub(super) is_inside: bool,
    /// What it is to hear of that message: whether it was received.
    pub(super) heard: Option<bool>,
    /// What a select has chosen to receive.
    pub(super) chosen: Option<(usize, Option<u64>)>,
    /// Places that it holds, and of which channel.
    pub(super) places: Option<(usize, usize)>,
    pub(super) leased: Option<u64>,
    /// How many selects are over, and whether there is to be another.
    pub(super) uses: usize,
    pub(super) is_idle: bool,
}

impl<T> fmt::Debug for Task<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut f = f.debug_struct("Task");
        f.field("chan", &self.chan).field("work", &self.work).field("ticket", &self.ticket);
        f.field("woken", &self.is_woken()).finish_non_exhaustive()
    }
}

fn numbers<T: Makes>(messages: impl IntoIterator<Item = T>) -> Vec<u64> {
    messages.into_iter().map(|message| message.number()).collect()
}

impl<T: Makes> Task<T> {
    fn new<F: Future<Output = ()> + 'static>(
        chan: usize,
        work: Work,
        end: Rc<dyn Any>,
        future: impl FnOnce(Rc<Desk<T>>) -> F,
    ) -> Self {
        let desk = Rc::new(Desk(RefCell::default()));
        Self {
            chan,
            work,
            future: Some(Box::pin(future(Rc::clone(&desk)))),
            desk,
            _ends: vec![end],
            bell: Bell::new(),
            rung_before: 0,
            old: None,
            ticket: None,
            is_served: false,
            is_rendezvous: false,
            is_inside: false,
            heard: None,
            chosen: None,
            places: None,
            leased: None,
            uses: 0,
            is_idle: false,
        }
    }

    pub(super) fn send(chan: usize, s: Arc<Sender<T>>, message: T) -> Self {
        Self::new(chan, Work::Send(message.number()), Rc::new(Arc::clone(&s)), |desk| async move {
            let sent = s.send_async(message).await;
            desk.say(sent.map_or_else(|back| News::Back(numbers([back.0])), |()| News::Sent));
        })
    }

    pub(super) fn send_many(chan: usize, s: Arc<Sender<T>>, mut messages: VecDeque<T>) -> Self {
        let work = Work::SendMany(messages.iter().map(Makes::number).collect());
        Self::new(chan, work, Rc::new(Arc::clone(&s)), |desk| async move {
            let sent = s.send_many_async(&mut messages).await;
            desk.say(sent.map_or_else(|_| News::Back(numbers(messages)), |()| News::Sent));
        })
    }

    pub(super) fn send_sync(chan: usize, s: Arc<Sender<T>>, message: T) -> Self {
        let is_rendezvous = s.capacity() == Some(0);
        let mut task = Self::new(chan, Work::Sync(message.number()), Rc::new(Arc::clone(&s)), |desk| async move {
            let sent = s.send_sync_async(message).await;
            desk.say(sent.map_or_else(|back| News::Back(numbers([back.0])), |()| News::Sent));
        });
        task.is_rendezvous = is_rendezvous;
        task
    }

    pub(super) fn reserve(chan: usize, s: Arc<Sender<T>>, n: usize) -> Self {
        Self::new(chan, Work::Reserve(n), Rc::new(Arc::clone(&s)), |desk| async move {
            let Ok(mut permits) = s.reserve_many_async(n).await else { return desk.say(News::End) };
            desk.say(News::Places(n));
            while permits.len() > 0 {
                if let Order::Send(message) = desk.order().await {
                    let sent = permits.send(message);
                    desk.say(sent.map_or_else(|back| News::Back(numbers([back.0])), |()| News::Sent));
                } else {
                    drop(permits.next());
                }
            }
        })
    }

    pub(super) fn recv(chan: usize, r: Arc<Receiver<T>>) -> Self {
        Self::new(chan, Work::Recv, Rc::new(Arc::clone(&r)), |desk| async move {
            let got = r.recv_async().await;
            desk.say(got.map_or(News::End, |message| News::Got(numbers([message]))));
        })
    }

    pub(super) fn recv_many(chan: usize, r: Arc<Receiver<T>>, most: usize) -> Self {
        Self::new(chan, Work::RecvMany(most), Rc::new(Arc::clone(&r)), move |desk| async move {
            let mut into = Vec::new();
            let got = r.recv_many_async(&mut into, most).await;
            assert_eq!(got.unwrap_or(0), into.len());
            desk.say(if into.is_empty() { News::End } else { News::Got(numbers(into)) });
        })
    }

    pub(super) fn lease(chan: usize, r: Arc<Receiver<T>>) -> Self {
        Self::new(chan, Work::Lease, Rc::new(Arc::clone(&r)), |desk| async move {
            let Ok(lease) = r.lease_async().await else { return desk.say(News::End) };
            desk.say(News::Leased(lease.number()));
            if let Order::Accept = desk.order().await {
                desk.say(News::Got(numbers([lease.accept()])));
            }
        })
    }

    /// Each arm with its channel. What was chosen is held until it is told, and then there are as many more.
    pub(super) fn select(ends: Vec<(usize, End<T>)>, rounds: usize) -> Self {
        let work = Work::Select(ends.iter().map(|(chan, end)| (*chan, end.is_ok())).collect());
        Self::new(usize::MAX, work, Rc::new(ends.clone()), |desk| async move {
            let mut select = Select::new();
            for (_, end) in &ends {
                match end {
                    Ok(s) => select.send(s),
                    Err(r) => select.recv(r),
                };
            }
            for _ in 0..rounds {
                let chosen = select.select_async().await;
                let end = &ends[chosen.index()].1;
                desk.say(News::Chosen(chosen.index()));
                match (desk.order().await, end) {
                    (Order::Send(message), Ok(s)) => {
                        let sent = chosen.send(s, message);
                        desk.say(sent.map_or_else(|back| News::Back(numbers([back.0])), |()| News::Sent));
                    }
                    (Order::Accept, Err(r)) => {
                        desk.say(chosen.recv(r).map_or(News::End, |message| News::Got(numbers([message]))));
                    }
                    _ => quietly_drop(chosen),
                }
                // From the second use on its tickets stay out meanwhile.
                desk.order().await;
            }
        })
    }
}

impl<T> Task<T> {
    /// Whether it waits for the channel, and not for an order.
    pub(super) fn waits(&self) -> bool {
        self.ticket.is_some() && self.places.is_none() && self.leased.is_none() && self.chosen.is_none()
    }

    pub(super) fn is_woken(&self) -> bool {
        self.bell.rings() > self.rung_before
    }

    /// A send whose message is in its ticket, for others to take or to put inside.
    pub(super) fn shown(&self) -> Option<u64> {
        match &self.work {
            _ if self.is_served || !self.waits() => None,
            Work::Send(number) => Some(*number),
            Work::Sync(number) if self.is_rendezvous => Some(*number),
            Work::SendMany(left) => left.front().copied(),
            _ => None,
        }
    }

    /// The message that it shows has been taken, or put inside.
    pub(super) fn serve(&mut self) -> Option<u64> {
        let number = self.shown();
        self.is_served = true;
        if let Work::SendMany(left) = &mut self.work {
            left.pop_front();
        }
        number
    }

    /// One select is over.
    pub(super) fn rests(&mut self) {
        (self.ticket, self.chosen, self.is_idle) = (None, None, true);
        self.uses += 1;
    }

    /// Polls once. True if it is over.
    pub(super) fn poll(&mut self) -> bool {
        // A waker of its own each time: those of before are not to be rung any more.
        if let Some((old, rings)) = self.old.replace((Arc::clone(&self.bell), 0)) {
            assert_eq!(old.rings(), rings, "an old waker was rung");
        }
        self.bell = Bell::new();
        self.rung_before = 0;
        let waker = Waker::from(Arc::clone(&self.bell));
        let future = self.future.as_mut().expect("it is not over");
        let is_over = future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready();
        // Until now it may have been rung, by somebody who came before.
        if let Some((old, rings)) = &mut self.old {
            *rings = old.rings();
        }
        if is_over {
            self.future = None;
        }
        is_over
    }

    pub(super) fn is_over(&self) -> bool {
        self.future.is_none()
    }

    pub(super) fn tell(&mut self, order: Order<T>) {
        self.desk.0.borrow_mut().0 = Some(order);
    }

    pub(super) fn news_is_empty(&self) -> bool {
        self.desk.0.borrow().1.is_empty()
    }

    pub(super) fn news(&mut self) -> Option<News> {
        self.desk.0.borrow_mut().1.pop_front()
    }
}

impl<T> Task<T> {
    /// Drops what it does. Its handles stay.
    pub(super) fn stop(&mut self) {
        let Some(future) = self.future.take() else { return };
        if self.chosen.is_some() { quietly_drop(future) } else { drop(future) }
    }
}

impl<T> Drop for Task<T> {
    fn drop(&mut self) {
        self.stop();
    }
}

/// An operation that was selected, and is not finished, panics when it is dropped; not so while there is a panic already.
fn quietly_drop<O>(unfinished: O) {
    let dropped = catch_unwind(AssertUnwindSafe(|| {
        let _unfinished = unfinished;
        resume_unwind(Box::new(()));
    }));
    assert!(dropped.is_err());
}
