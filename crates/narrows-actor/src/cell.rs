//! The one loop that runs an actor, life after life; how to wait is its host's.
//!
//! ```text
//!  between lives  --Begin--> started, messages ..., stopped  --report--> between lives  --Release--> over
//! ```
//! Whether there is another life its supervisor says, by a signal. The mailbox, and a message that was taken out of it but not
//! yet handled, belong to no life. `work` is where messages are handled: it does not wait, and it is entered once for as many as
//! there are, so that neither a panic's barrier nor a future's state stands before each.

use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Instant,
};

use narrows::{Member, Receiver, TryRecvError};

use crate::{
    actor::{Actor, Flow, Waiting},
    context::Cx,
    current::Shift,
    desk::{Desk, How, Signal},
    host::{Host, Slice, Waited},
    mailbox::{Envelope, Inside},
    office::Post,
    reason::{Reason, guarded},
    sync::{Arc, Ordering, fence},
};

/// An actor, and all that outlives its lives.
pub(crate) struct Cell<A: Actor, F> {
    pub(crate) make: F,
    pub(crate) mailbox: Inside<A::Msg>,
    pub(crate) lane: Receiver<Signal>,
    pub(crate) cx: Cx<A::Msg>,
    pub(crate) post: Post,
    describe: Option<Describe<A::Msg>>,
    /// Taken out of the mailbox, and not yet handled.
    next: Option<Envelope<A::Msg>>,
    /// Taken out of the lane, and not yet seen to.
    held: VecDeque<Signal>,
    life: u64,
    timers_in_row: u32,
    is_over: bool,
    _member: Member,
}

/// How the log of a test shows a message.
pub(crate) type Describe<M> = Box<dyn Fn(&M) -> String + Send + Sync>;

/// How many timers may go off before a message of the mailbox is handled, if more are due.
const TIMERS_IN_ROW: u32 = 16;

/// Why the loop in [`Cell::work`] was left.
enum Pause {
    /// There is nothing to do.
    Idle,
    /// It was to give way after so many.
    Spent,
    Wait(Waiting),
    Over(Reason),
}

impl<A: Actor, F: FnMut() -> A> Cell<A, F> {
    pub(crate) fn new(
        make: F,
        mailbox: Inside<A::Msg>,
        lane: Receiver<Signal>,
        cx: Cx<A::Msg>,
        post: Post,
        describe: Option<Describe<A::Msg>>,
        member: Member,
    ) -> Cell<A, F> {
        let (next, held, life, timers_in_row) = (None, VecDeque::new(), 0, 0);
        let is_over = false;
        Cell { make, mailbox, lane, cx, post, describe, next, held, life, timers_in_row, is_over, _member: member }
    }

    /// Runs it to its end.
    pub(crate) async fn run<H: Host>(mut self, host: H) {
        // How the last life ended, and whether the supervisor knows that there can be no other.
        let mut last = None;
        while self.is_to_live(&host, &mut last).await {
            let reason = self.live(&host).await;
            host.note(self.desk(), || format!("ended: {reason}"));
            self.cx.end_life();
            self.post.exited(self.life, &reason);
            last = Some(reason);
        }
        self.end(last.unwrap_or(Reason::Stopped));
    }

    /// Waits for the supervisor's word. False if there will be no life any more.
    async fn is_to_live<H: Host>(&mut self, host: &H, last: &mut Option<Reason>) -> bool {
        let mut at = None::<Instant>;
        loop {
            if at.is_some_and(|at| self.cx.now() >= at) {
                return true;
            }
            let signal = match self.held.pop_front() {
                Some(signal) => Some(signal),
                None => host.signal(&self.lane, at).await,
            };
            match signal {
                Some(Signal::Begin { life, at: then }) => {
                    if let Some(reason) = last.take() {
                        self.desk().announce(reason);
                    }
                    self.life = life;
                    at = Some(then);
                }
                Some(Signal::Release) => return false,
                Some(Signal::Halt { life }) if life == self.life && at.take().is_some() => {
                    *last = Some(Reason::Restarting);
                    self.post.exited(life, &Reason::Restarting);
                }
                Some(Signal::Stop(_)) => {
                    // Without a life nothing can be drained.
                    self.mailbox.close();
                    at = None;
                    *last = Some(Reason::Stopped);
                    self.post.exited(self.life, &Reason::Stopped);
                }
                // What was to tell a life that has ended, or time has run out.
                Some(Signal::Halt { .. } | Signal::Unreachable | Signal::Down(_) | Signal::LinkedDown(_)) | None => {}
            }
        }
    }

    /// One life.
    async fn live<H: Host>(&mut self, host: &H) -> Reason {
        self.cx.begin_life(self.life);
        // Signals that came between two lives are looked at before the first message.
        self.desk().call_again();
        let mut actor = match guarded(|| (self.make)()) {
            Ok(actor) => actor,
            Err(reason) => return reason,
        };
        host.note(self.desk(), || format!("started life {}", self.life));
        let reason = match guarded(|| actor.started(&self.cx))
            .map_or_else(Pause::Over, |flow| settle(flow).unwrap_or(Pause::Spent))
        {
            Pause::Over(reason) => reason,
            pause => {
                self.post.started(self.life);
                self.serve(&mut actor, host, pause).await
            }
        };
        let parting = guarded(|| actor.stopped(&reason, &self.cx)).and(guarded(|| drop(actor)));
        match parting {
            Err(worse) if !reason.is_failure() && !reason.is_final() => worse,
            Ok(()) | Err(_) => reason,
        }
    }

    /// From the first message to the end of the life.
    async fn serve<H: Host>(&mut self, actor: &mut A, host: &H, mut pause: Pause) -> Reason {
        loop {
            pause = match pause {
                Pause::Over(reason) => return reason,
                Pause::Spent => {
                    host.turn().await;
                    self.go_on(actor, host)
                }
                Pause::Idle => match host.message(&self.mailbox, &self.cx.mail.desk, self.cx.next_due()).await {
                    Waited::Came(envelope) => {
                        self.next = Some(envelope);
                        self.go_on(actor, host)
                    }
                    Waited::Look => self.go_on(actor, host),
                    // Closed by who stops it; else it would have been told to look.
                    Waited::Ended => Pause::Over(Reason::Stopped),
                },
                Pause::Wait(waiting) => match self.attend(waiting, host).await {
                    Ok(flow) => settle(flow).unwrap_or(Pause::Spent),
                    Err(reason) => Pause::Over(reason),
                },
            };
        }
    }

    fn go_on<H: Host>(&mut self, actor: &mut A, host: &H) -> Pause {
        guarded(|| self.work(actor, host)).unwrap_or_else(Pause::Over)
    }

    /// Handles what there is, without waiting: signals before timers before messages.
    fn work<H: Host>(&mut self, actor: &mut A, host: &H) -> Pause {
        let mut slice = Slice::new(H::SLICE);
        loop {
            if self.cx.mail.desk.is_called()
                && let Some(pause) = self.see_to_signals(actor)
            {
                return pause;
            }
            let message = match self.take_due() {
                Some(message) => {
                    host.note(&self.cx.mail.desk, || self.shown("timer", &message));
                    message
                }
                None => match self.pull() {
                    Some(Envelope::Message(message)) => {
                        host.note(&self.cx.mail.desk, || self.shown("message", &message));
                        message
                    }
                    Some(Envelope::Ring) => continue,
                    None => match self.look_whether_over() {
                        Some(reason) => return Pause::Over(reason),
                        None if self.next.is_some() => continue,
                        None => return Pause::Idle,
                    },
                },
            };
            if let Some(pause) = settle(actor.handle(message, &self.cx)) {
                return pause;
            }
            if slice.is_over(|| self.cx.now()) {
                return Pause::Spent;
            }
        }
    }

    /// The message of a timer, unless so many have gone off that the mailbox has its turn.
    #[inline(always)]
    fn take_due(&mut self) -> Option<A::Msg> {
        self.cx.next_due()?;
        self.take_due_now()
    }

    fn take_due_now(&mut self) -> Option<A::Msg> {
        if self.timers_in_row == TIMERS_IN_ROW {
            self.timers_in_row = 0;
            return None;
        }
        let message = self.cx.take_due();
        self.timers_in_row = if message.is_some() { self.timers_in_row + 1 } else { 0 };
        message
    }

    /// The next message: what was taken out already, as a rule nothing, or the mailbox's oldest. `None` is no answer: whether there
    /// is none is found by who waits.
    #[inline(always)]
    fn pull(&mut self) -> Option<Envelope<A::Msg>> {
        if self.next.is_none() { self.mailbox.glance() } else { self.next.take() }
    }

    /// The mailbox seems empty. Whether nobody can put anything into it any more; what somebody did before his address went is
    /// taken out by this.
    fn look_whether_over(&mut self) -> Option<Reason> {
        if !self.cx.is_unreachable() {
            return None;
        }
        // Acquire: pairs with the Release of the last address's drop; all that was sent by it is seen now.
        fence(Ordering::Acquire);
        match self.mailbox.try_recv() {
            Ok(envelope) => {
                self.next = Some(envelope);
                None
            }
            Err(TryRecvError::Empty) => Some(Reason::Unreachable),
            Err(TryRecvError::Disconnected) => Some(Reason::Stopped),
        }
    }

    #[cold]
    fn see_to_signals(&mut self, actor: &mut A) -> Option<Pause> {
        self.desk().answer();
        while let Some(signal) = self.held.pop_front().or_else(|| self.lane.try_recv().ok()) {
            let pause = match signal {
                Signal::Stop(How::Now) => Some(Pause::Over(Reason::Stopped)),
                Signal::Stop(How::Drain) => {
                    self.mailbox.close();
                    None
                }
                Signal::Halt { life } if life == self.life => Some(Pause::Over(Reason::Restarting)),
                Signal::Down(down) => {
                    if down.is_over {
                        self.cx.heard_last_of(down.id);
                    }
                    settle(actor.down(down, &self.cx))
                }
                Signal::LinkedDown(down) => {
                    self.cx.heard_last_of(down.id);
                    settle(actor.linked(down, &self.cx))
                }
                // Whether it can be reached is looked at when there is nothing else to do.
                Signal::Halt { .. } | Signal::Begin { .. } | Signal::Release | Signal::Unreachable => None,
            };
            if pause.is_some() {
                // The rest is seen to later, perhaps by the next life.
                self.desk().call_again();
                return pause;
            }
        }
        None
    }

    /// Waits for the user's future, unless a stop or a restart comes first.
    async fn attend<H: Host>(&mut self, waiting: Waiting, host: &H) -> Result<Flow, Reason> {
        let mut future = waiting.into_future();
        let outcome = {
            let (lane, held, life) = (&self.lane, &mut self.held, self.life);
            let mut end = pin!(async {
                while let Ok(signal) = lane.recv_async().await {
                    let ends = match &signal {
                        Signal::Stop(How::Now) => Some(Reason::Stopped),
                        Signal::Halt { life: of } if *of == life => Some(Reason::Restarting),
                        _ => None,
                    };
                    held.push_back(signal);
                    if ends.is_some() {
                        return ends;
                    }
                }
                None
            });
            host.attend(poll_fn(|cx| {
                match guarded(|| future.as_mut().poll(cx)) {
                    Ok(Poll::Ready(flow)) => return Poll::Ready(Ok(flow)),
                    Ok(Poll::Pending) => {}
                    Err(reason) => return Poll::Ready(Err(reason)),
                }
                match end.as_mut().poll(cx) {
                    Poll::Ready(reason) => Poll::Ready(Err(reason.unwrap_or(Reason::Stopped))),
                    Poll::Pending => Poll::Pending,
                }
            }))
            .await
        };
        self.desk().call_again();
        // A future that is given up, or has panicked, is dropped here; that is the user's code.
        let dropped = guarded(|| drop(future));
        outcome.and_then(|flow| dropped.map(|()| flow))
    }
}

impl<A: Actor, F> Cell<A, F> {
    fn desk(&self) -> &Arc<Desk> {
        &self.cx.mail.desk
    }

    fn shown(&self, kind: &str, message: &A::Msg) -> String {
        self.describe.as_ref().map_or_else(|| kind.to_owned(), |describe| format!("{kind} {}", describe(message)))
    }

    /// There will be no other life: gives back what was not handled, and tells those who watch.
    fn end(&mut self, reason: Reason) {
        self.is_over = true;
        let left = self.mailbox.close_now();
        for letter in self.next.take().into_iter().chain(left).filter_map(Envelope::into_message) {
            // One that panics keeps none of the others.
            let _ = guarded(|| self.cx.mail.bury(letter));
        }
        self.held.clear();
        drop(self.lane.close_now());
        self.desk().announce_last(reason);
    }
}

/// Dropped before its end: with its task, or because there was no thread for it.
impl<A: Actor, F> Drop for Cell<A, F> {
    fn drop(&mut self) {
        if !self.is_over {
            self.end(Reason::Aborted);
            self.post.exited(self.life, &Reason::Aborted);
        }
    }
}

/// What becomes of the life; `None` if it goes on.
#[inline(always)]
fn settle(flow: Flow) -> Option<Pause> {
    match flow {
        Flow::Next => None,
        flow => Some(settle_otherwise(flow)),
    }
}

#[cold]
fn settle_otherwise(flow: Flow) -> Pause {
    match flow {
        Flow::Next => Pause::Spent,
        Flow::Stop => Pause::Over(Reason::Normal),
        Flow::Fail(why) => Pause::Over(Reason::Failed(why.into_text().into())),
        Flow::Wait(waiting) => Pause::Wait(waiting),
    }
}

/// A future that works for an actor.
pub(crate) async fn at_work<F: Future>(desk: Arc<Desk>, future: F) -> F::Output {
    let (mut future, mut desk) = (pin!(future), Some(desk));
    poll_fn(|cx| {
        let _shift = Shift::begin(&mut desk);
        Pin::as_mut(&mut future).poll(cx)
    })
    .await
}
