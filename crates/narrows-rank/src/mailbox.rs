//! The address of a rank: messages that nobody has asked for, receives that wait, and one lock around both.
//!
//! A sender itself looks for a receive that waits, and hands its message to it; else it leaves the message here. So there is
//! no thread and no queue between two ranks. Nothing waits under the lock: what is to be told to others is decided under it,
//! and told after it (`Told`).
//!
//! ```text
//!  send     posted receive fits?  yes: handed over, or     no: filed among `arrivals`
//!                                      called for (claims.rs)
//!  receive  arrival fits?         yes: taken               no: filed among `posted`
//! ```
//! Invariant: no arrival fits a posted receive, so whatever comes first of the two waits for the other.
//!
//! What is bounded: of each source, and apart for collectives, `BOUND` messages that nobody has asked for. A send beyond
//! leaves its message here, too, where a receive finds it; but the sender waits, until that message is taken or half of the
//! bound is free. So a bound can hold up no receive that could go on.

mod claims;
#[cfg(all(test, not(narrows_check)))]
mod walk;

use std::{collections::VecDeque, mem};

use narrows::oneshot;

use self::claims::Claim;
use crate::{
    ends::Ends,
    error::Error,
    matching::{Entry, Holds, List, Pattern, mix::MixMap},
    parcel::{Parcel, Wanted},
    sync::{Arc, Mutex, lock},
};

/// Messages of one source that nobody has asked for, before its sends wait.
/// In a model so few that it gets there.
pub(crate) const BOUND: usize = if cfg!(narrows_check) { 2 } else { 64 };
/// Where they go on.
pub(crate) const LOW: usize = BOUND / 2;

/// What a sender that waits hears: `Ok` once it may go on, or its message back.
pub(crate) type Answer<P> = Result<(), P>;

/// Who is to be told that a message was taken.
enum Receipt<P> {
    Here(oneshot::Sender<Answer<P>>),
    /// A sender in another process, which knows the message by this.
    #[cfg_attr(not(feature = "process"), expect(dead_code, reason = "there are no processes"))]
    There(u64),
}

/// A message that nobody has asked for.
struct Arrival<P> {
    parcel: P,
    receipt: Option<Receipt<P>>,
}

/// A message on its way to whom it was for.
#[derive(Debug)]
pub(crate) struct Letter<P> {
    pub(crate) number: u64,
    pub(crate) key: Pattern,
    pub(crate) parcel: P,
}

/// A receive that waits.
struct Posted<P> {
    /// None: whatever it is, it is taken.
    wanted: Option<Wanted>,
    /// Where it wants any source: the ranks of which another one has to be left for it to wait.
    group: Option<Arc<[u32]>>,
    /// Somebody waits for it: so it fetches what it is called for at once, or is dropped.
    is_awaited: bool,
    reply: ToReceive<P>,
}

/// A receive hears of a message that is handed to it, or that it is to fetch one.
type ToReceive<P> = oneshot::Sender<Result<Option<Letter<P>>, Error>>;

/// A probe that waits.
struct Looker {
    number: u64,
    pattern: Pattern,
    group: Option<Arc<[u32]>>,
    reply: oneshot::Sender<Result<Pattern, Error>>,
}

/// Messages of one source that nobody has asked for, of one class.
struct Load<P> {
    len: usize,
    /// Senders that wait for room, by the number of their message.
    waiting: VecDeque<(u64, oneshot::Sender<Answer<P>>)>,
}

struct State<P> {
    next: u64,
    arrivals: List<Arrival<P>>,
    posted: List<Posted<P>>,
    /// Neither among the arrivals nor handed over.
    claims: Vec<Claim<P>>,
    lookers: Vec<Looker>,
    /// Of sources that have sent, by class: of messages, and of collectives.
    loads: MixMap<u32, [Load<P>; 2]>,
    has_ended: bool,
}

/// How a message is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Left here, however many there are.
    Buffered,
    /// The sender waits beyond the bound.
    Bounded,
    /// The sender waits until it is taken.
    Synchronous,
}

/// A sender that waits.
#[derive(Debug)]
pub(crate) struct Pending<P> {
    pub(crate) number: u64,
    pub(crate) reply: oneshot::Receiver<Answer<P>>,
}

/// What a receive or a probe finds, or hears later.
#[derive(Debug)]
pub(crate) enum Found<L, H = L> {
    Here(L),
    Refused(Error),
    /// It waits, under this number.
    Posted(u64, oneshot::Receiver<Result<H, Error>>),
    /// And it did not want to wait.
    Nothing,
}

/// Whether to wait for what is not there; if so, the ranks of which another one has to be left for that.
pub(crate) enum Patience<'a> {
    Try,
    Wait(Option<&'a Arc<[u32]>>),
}

/// One thing to be told once the lock is released.
enum Tell<P> {
    Hand(ToReceive<P>, Letter<P>),
    /// To fetch what was claimed by it: its number, and that of the message if nobody waits for the receive.
    Call(ToReceive<P>, u64, Option<u64>),
    Refuse(ToReceive<P>, Error),
    Probe(oneshot::Sender<Result<Pattern, Error>>, Result<Pattern, Error>),
    Sender(oneshot::Sender<Answer<P>>, Answer<P>),
    Taken(Pattern, Option<Receipt<P>>),
}

/// Told of each message that is taken, by its key, and of who in another process waits for that.
pub(crate) type OnTaken = Box<dyn Fn(&Pattern, Option<u64>) + Send + Sync>;

pub(crate) struct Mailbox<P> {
    rank: usize,
    ends: Arc<Ends>,
    state: Mutex<State<P>>,
    on_taken: Option<OnTaken>,
}

/// Whether a context is that of collectives: each has two, of which the second is for them.
pub(crate) fn class(key: &Pattern) -> usize {
    (key.context() & 1) as usize
}

fn rank_of(key: &Pattern) -> usize {
    key.source().expect("a message has a source") as usize
}

fn wrong_type(key: &Pattern, parcel: &impl Parcel, wanted: &Wanted) -> Error {
    Error::WrongType {
        wanted: wanted.name.to_owned(),
        found: parcel.type_name().to_owned(),
        source: rank_of(key),
        tag: key.tag().unwrap_or(0),
    }
}

impl<P> Default for Load<P> {
    fn default() -> Load<P> {
        Load { len: 0, waiting: VecDeque::new() }
    }
}

impl<P: Parcel> State<P> {
    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// To the first receive that waits for it, or to those who look on among the arrivals. Whether nobody has it yet.
    fn place(&mut self, letter: Letter<P>, receipt: Option<Receipt<P>>, told: &mut Vec<Tell<P>>) -> bool {
        let Letter { number, key, parcel } = letter;
        while let Some(at) = self.posted.oldest(&key) {
            let Entry { number: by, value: posted, .. } = self.posted.remove(at);
            if let Some(wanted) = posted.wanted.filter(|wanted| !parcel.is_a(wanted)) {
                told.push(Tell::Refuse(posted.reply, wrong_type(&key, &parcel, &wanted)));
                continue;
            }
            if receipt.is_some() {
                told.push(Tell::Call(posted.reply, by, (!posted.is_awaited).then_some(number)));
                let entry = Entry { number, pattern: key, value: Arrival { parcel, receipt } };
                self.claims.push(Claim { by, entry });
                return true;
            }
            told.push(Tell::Hand(posted.reply, Letter { number, key, parcel }));
            told.push(Tell::Taken(key, None));
            return false;
        }
        let fitting = self.lookers.extract_if(.., |looker| looker.pattern.fits(&key));
        told.extend(fitting.map(|looker| Tell::Probe(looker.reply, Ok(key))));
        self.arrivals.insert(Entry { number, pattern: key, value: Arrival { parcel, receipt } });
        self.load(&key).len += 1;
        true
    }

    fn load(&mut self, key: &Pattern) -> &mut Load<P> {
        let source = key.source().expect("a message has a source");
        &mut self.loads.entry(source).or_default()[class(key)]
    }

    /// Takes out what a receive was called for.
    fn claim(&mut self, by: u64) -> Option<Entry<Arrival<P>>> {
        let at = self.claims.iter().position(|claim| claim.by == by)?;
        Some(self.claims.swap_remove(at).entry)
    }

    /// An arrival has been taken out: whoever waits for that or for its room goes on.
    fn left(&mut self, entry: Entry<Arrival<P>>, told: &mut Vec<Tell<P>>) -> (Letter<P>, Option<Receipt<P>>) {
        let Entry { number, pattern: key, value: Arrival { parcel, receipt } } = entry;
        let load = self.load(&key);
        load.len -= 1;
        if let Ok(at) = load.waiting.binary_search_by_key(&number, |(other, _)| *other) {
            let (_, sender) = load.waiting.remove(at).expect("it was found there");
            told.push(Tell::Sender(sender, Ok(())));
        }
        if load.len <= LOW {
            told.extend(load.waiting.drain(..).map(|(_, sender)| Tell::Sender(sender, Ok(()))));
        }
        (Letter { number, key, parcel }, receipt)
    }
}

impl<P: Parcel> Mailbox<P> {
    pub(crate) fn new(rank: usize, ends: Arc<Ends>, on_taken: Option<OnTaken>) -> Mailbox<P> {
        let state = State {
            next: 0,
            arrivals: List::new(Holds::Keys),
            posted: List::new(Holds::Patterns),
            claims: Vec::new(),
            lookers: Vec::new(),
            loads: MixMap::default(),
            has_ended: false,
        };
        Mailbox { rank, ends, state: Mutex::new(state), on_taken }
    }

    /// Why nothing can come for such a pattern any more. A rank ends after its messages have come.
    fn hopeless(&self, pattern: &Pattern, group: Option<&Arc<[u32]>>) -> Option<Error> {
        let has_ended = |rank: u32| self.ends.has_ended(rank as usize);
        match (pattern.source(), group) {
            (Some(rank), _) => has_ended(rank).then(|| self.ends.gone(rank as usize)),
            (None, Some(group)) => {
                let is_left = |rank: &&u32| **rank as usize != self.rank && !has_ended(**rank);
                group.iter().find(is_left).is_none().then_some(Error::AllGone)
            }
            (None, None) => None,
        }
    }

    /// Under no lock: what was decided is told.
    fn tell(&self, told: Vec<Tell<P>>) {
        for tell in told {
            match tell {
                // Whose receive was dropped meanwhile does not want it.
                Tell::Hand(reply, letter) => {
                    if let Err(unsent) = reply.send(Ok(Some(letter)))
                        && let Ok(Some(letter)) = unsent.0
                    {
                        self.put_back(letter);
                    }
                }
                Tell::Call(reply, by, unawaited) => {
                    if reply.send(Ok(None)).is_err() {
                        self.unclaim(by);
                    } else if let Some(number) = unawaited {
                        self.commit(by, number);
                    }
                }
                // To whoever has given up there is nothing to tell.
                Tell::Refuse(reply, error) => drop(reply.send(Err(error))),
                Tell::Probe(reply, found) => drop(reply.send(found)),
                Tell::Sender(reply, answer) => drop(reply.send(answer)),
                Tell::Taken(key, receipt) => {
                    let ticket = match receipt {
                        Some(Receipt::Here(reply)) => {
                            drop(reply.send(Ok(())));
                            None
                        }
                        Some(Receipt::There(ticket)) => Some(ticket),
                        None => None,
                    };
                    if let Some(on_taken) = &self.on_taken {
                        on_taken(&key, ticket);
                    }
                }
            }
        }
    }

    /// A message arrives.
    ///
    /// # Errors
    /// If the rank has ended; it gives the parcel back.
    pub(crate) fn accept(&self, key: Pattern, parcel: P, mode: Mode) -> Result<Option<Pending<P>>, P> {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if state.has_ended {
            return Err(parcel);
        }
        let number = state.number();
        let letter = Letter { number, key, parcel };
        let pending = match mode {
            Mode::Buffered => {
                state.place(letter, None, &mut told);
                None
            }
            Mode::Bounded => {
                let is_filed = state.place(letter, None, &mut told);
                let load = state.load(&key);
                (is_filed && load.len > BOUND).then(|| {
                    let (sender, reply) = oneshot::channel();
                    load.waiting.push_back((number, sender));
                    Pending { number, reply }
                })
            }
            Mode::Synchronous => {
                let (sender, reply) = oneshot::channel();
                state.place(letter, Some(Receipt::Here(sender)), &mut told);
                Some(Pending { number, reply })
            }
        };
        drop(state);
        self.tell(told);
        Ok(pending)
    }

    /// A message arrives from another process, where its sender waits if there is a ticket. One for a rank that has ended is
    /// dropped: its sender hears of that end.
    #[cfg(feature = "process")]
    pub(crate) fn accept_from_afar(&self, key: Pattern, parcel: P, ticket: Option<u64>) {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if state.has_ended {
            drop(state);
            drop(parcel);
            return;
        }
        let number = state.number();
        state.place(Letter { number, key, parcel }, ticket.map(Receipt::There), &mut told);
        drop(state);
        self.tell(told);
    }

    /// Gives up such a message, for the sender no longer waits. False if it was taken.
    #[cfg(feature = "process")]
    pub(crate) fn recall(&self, source: u32, ticket: u64) -> bool {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        let is_it = |key: &Pattern, arrival: &Arrival<P>| {
            key.source() == Some(source) && matches!(arrival.receipt, Some(Receipt::There(other)) if other == ticket)
        };
        let found = state.arrivals.remove_all(is_it);
        let letters: Vec<_> = found.into_iter().map(|entry| state.left(entry, &mut told)).collect();
        let claims = state.claims.extract_if(.., |claim| is_it(&claim.entry.pattern, &claim.entry.value));
        let claims: Vec<_> = claims.collect();
        drop(state);
        self.tell(told);
        !letters.is_empty() || !claims.is_empty()
    }

    /// A message that was taken is not wanted after all: it goes to where it was, or to who waits for it.
    pub(crate) fn put_back(&self, letter: Letter<P>) {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if state.has_ended {
            drop(state);
            drop(letter);
            return;
        }
        state.place(letter, None, &mut told);
        drop(state);
        self.tell(told);
    }

    /// Takes back a message that nobody has taken.
    pub(crate) fn retract(&self, number: u64, key: &Pattern) -> Option<P> {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if let Some(at) = state.claims.iter().position(|claim| claim.holds_up(number)) {
            let claim = state.claims.swap_remove(at);
            drop(state);
            return Some(claim.entry.value.parcel);
        }
        let at = state.arrivals.find(number, key)?;
        let entry = state.arrivals.remove(at);
        let (letter, receipt) = state.left(entry, &mut told);
        drop(state);
        drop(receipt);
        self.tell(told);
        Some(letter.parcel)
    }

    /// Takes the oldest message that fits, or waits for it.
    pub(crate) fn receive(
        &self,
        pattern: Pattern,
        wanted: Option<Wanted>,
        patience: &Patience<'_>,
    ) -> Found<Letter<P>, Option<Letter<P>>> {
        self.receive_as(None, pattern, wanted, patience)
    }

    /// The same, also for a receive that has waited before, under its number.
    fn receive_as(
        &self,
        before: Option<u64>,
        pattern: Pattern,
        wanted: Option<Wanted>,
        patience: &Patience<'_>,
    ) -> Found<Letter<P>, Option<Letter<P>>> {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        if let Some(at) = state.arrivals.oldest(&pattern) {
            let (key, arrival) = state.arrivals.get(at);
            if let Some(wanted) = wanted.filter(|wanted| !arrival.parcel.is_a(wanted)) {
                return Found::Refused(wrong_type(key, &arrival.parcel, &wanted));
            }
            let entry = state.arrivals.remove(at);
            let (letter, receipt) = state.left(entry, &mut told);
            drop(state);
            if receipt.is_some() || self.on_taken.is_some() {
                told.push(Tell::Taken(letter.key, receipt));
            }
            self.tell(told);
            return Found::Here(letter);
        }
        match self.vain(&state, &pattern, patience) {
            Ok(group) => {
                let (reply, answer) = oneshot::channel();
                let number = before.unwrap_or_else(|| state.number());
                // Where the rank does nothing else it waits for this; and who has waited once waits again.
                let is_awaited = group.is_some() || before.is_some();
                let value = Posted { wanted, group, is_awaited, reply };
                state.posted.insert(Entry { number, pattern, value });
                Found::Posted(number, answer)
            }
            Err(found) => found,
        }
    }

    /// The key of the oldest message that fits, which stays; or waits for it.
    pub(crate) fn probe(&self, pattern: Pattern, patience: &Patience<'_>) -> Found<Pattern> {
        let mut state = lock(&self.state);
        if let Some(at) = state.arrivals.oldest(&pattern) {
            return Found::Here(*state.arrivals.get(at).0);
        }
        match self.vain(&state, &pattern, patience) {
            Ok(group) => {
                let (reply, answer) = oneshot::channel();
                let number = state.number();
                state.lookers.push(Looker { number, pattern, group, reply });
                Found::Posted(number, answer)
            }
            Err(found) => found,
        }
    }

    /// Nothing fits: whether to wait, with which group, or what there is to say.
    fn vain<L, H>(
        &self,
        state: &State<P>,
        pattern: &Pattern,
        patience: &Patience<'_>,
    ) -> Result<Option<Arc<[u32]>>, Found<L, H>> {
        if state.has_ended {
            return Err(Found::Refused(Error::Ended));
        }
        let group = match patience {
            Patience::Try => None,
            Patience::Wait(group) => *group,
        };
        match (self.hopeless(pattern, group), patience) {
            (Some(error), _) => Err(Found::Refused(error)),
            (None, Patience::Try) => Err(Found::Nothing),
            (None, Patience::Wait(_)) => Ok(group.cloned()),
        }
    }

    /// A receive waits no more. False if a message was on its way to it: then `reply` has it, or it will be put back.
    pub(crate) fn withdraw(&self, number: u64, pattern: &Pattern) -> bool {
        let mut state = lock(&self.state);
        let entry = state.posted.find(number, pattern).map(|at| state.posted.remove(at));
        drop(state);
        entry.is_some()
    }

    /// A probe waits no more.
    pub(crate) fn look_away(&self, number: u64) {
        let mut state = lock(&self.state);
        let at = state.lookers.iter().position(|looker| looker.number == number);
        let looker = at.map(|at| state.lookers.remove(at));
        drop(state);
        drop(looker);
    }

    /// Whether such a receive or probe still waits.
    pub(crate) fn is_asked(&self, number: u64, pattern: &Pattern) -> bool {
        let state = lock(&self.state);
        state.posted.find(number, pattern).is_some() || state.lookers.iter().any(|looker| looker.number == number)
    }

    /// Whether the sender of this message still waits.
    pub(crate) fn holds_up(&self, number: u64, key: &Pattern) -> bool {
        let mut state = lock(&self.state);
        let has_receipt = state.arrivals.find(number, key).is_some_and(|at| state.arrivals.get(at).1.receipt.is_some());
        let is_claimed = state.claims.iter().any(|claim| claim.holds_up(number));
        has_receipt || is_claimed || state.load(key).waiting.binary_search_by_key(&number, |(other, _)| *other).is_ok()
    }

    /// Another rank has ended, which can be seen among `ends`: who waits for it alone is told.
    pub(crate) fn peer_is_gone(&self) {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        let vain = state.posted.remove_all(|pattern, posted| self.hopeless(pattern, posted.group.as_ref()).is_some());
        for Entry { pattern, value, .. } in vain {
            let error = self.hopeless(&pattern, value.group.as_ref()).expect("it was found to be");
            told.push(Tell::Refuse(value.reply, error));
        }
        for looker in mem::take(&mut state.lookers) {
            match self.hopeless(&looker.pattern, looker.group.as_ref()) {
                Some(error) => told.push(Tell::Probe(looker.reply, Err(error))),
                None => state.lookers.push(looker),
            }
        }
        drop(state);
        self.tell(told);
    }

    /// This rank has ended: nothing is taken any more. Who waits here gets the message back. What is returned nobody wants: it
    /// is to be dropped once all have heard of the end, for a message may panic as it is dropped.
    pub(crate) fn end(&self) -> Vec<P> {
        let mut told = Vec::new();
        let mut state = lock(&self.state);
        state.has_ended = true;
        let arrivals = state.arrivals.remove_all(|_, _| true);
        let posted = state.posted.remove_all(|_, _| true);
        told.extend(posted.into_iter().map(|entry| Tell::Refuse(entry.value.reply, Error::Ended)));
        let lookers = mem::take(&mut state.lookers);
        told.extend(lookers.into_iter().map(|looker| Tell::Probe(looker.reply, Err(Error::Ended))));
        let (mut unasked, mut returned) = (Vec::new(), Vec::new());
        let claims = mem::take(&mut state.claims);
        for entry in arrivals.into_iter().chain(claims.into_iter().map(|claim| claim.entry)) {
            let waiting = &mut state.load(&entry.pattern).waiting;
            let sender = match waiting.front() {
                Some((number, _)) if *number == entry.number => waiting.pop_front(),
                _ => None,
            };
            match (sender, entry.value) {
                (Some((_, sender)), arrival) => returned.push((sender, arrival.parcel)),
                (None, Arrival { parcel, receipt: Some(Receipt::Here(sender)) }) => returned.push((sender, parcel)),
                // A sender in another process has kept its message.
                (None, arrival) => unasked.push(arrival.parcel),
            }
        }
        drop(state);
        self.tell(told);
        // Who has given up waiting does not want it either.
        let back = |(sender, parcel): (oneshot::Sender<Answer<P>>, P)| sender.send(Err(parcel)).err()?.0.err();
        unasked.extend(returned.into_iter().filter_map(back));
        unasked
    }
}

impl<P> std::fmt::Debug for Mailbox<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad("Mailbox { .. }")
    }
}
