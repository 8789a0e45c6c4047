//! A mailbox on long walks at random, beside two plain lists: messages and receives of every pattern and type, probes, messages
//! whose senders wait until they are fetched, senders and receives that give up, messages that are put back, ranks that end.
//!
//! ```text
//!  message  arrived --called for--> called --fetched--> letters --put back--> arrived, or called for again
//!  receive  asked   --called------> called --its message taken back--> asked, in its old place
//! ```

mod chance;

use narrows::{TryRecvError, oneshot};

use self::chance::Chance;
use super::{Answer, BOUND, Found, LOW, Letter, Mailbox, Mode, OnTaken, Patience, class};
use crate::{
    ends::Ends,
    error::Error,
    matching::Pattern,
    parcel::{Parcel, Wanted},
    sync::{Arc, Mutex, lock},
};

/// The rank whose mailbox it is. Others are below.
const ME: u32 = 4;

#[derive(Debug, PartialEq)]
struct Word {
    id: u64,
    type_name: &'static str,
}

impl Parcel for Word {
    fn is_a(&self, wanted: &Wanted) -> bool {
        self.type_name == wanted.name
    }
    fn type_name(&self) -> &str {
        self.type_name
    }
}

/// Who waits until a message is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Waiter {
    Nobody,
    Here,
    /// A sender in another process, by its ticket.
    #[cfg_attr(not(feature = "process"), expect(dead_code, reason = "there are no processes"))]
    There(u64),
}

/// A message that somebody has not taken yet.
struct Message {
    number: u64,
    key: Pattern,
    id: u64,
    type_name: &'static str,
    waiter: Waiter,
}

impl Message {
    fn is(&self, letter: &Letter<Word>) -> bool {
        (letter.number, letter.key, letter.parcel.id) == (self.number, self.key, self.id)
    }
}

/// A receive, or a probe.
struct Asks {
    number: u64,
    pattern: Pattern,
    wanted: Option<Wanted>,
    group: Option<Arc<[u32]>>,
    is_awaited: bool,
}

/// None once it was dropped without a word.
type Hears = Option<oneshot::Receiver<Result<Option<Letter<Word>>, Error>>>;

/// A sender of this process that waits.
struct Sends {
    number: u64,
    key: Pattern,
    /// None once it was dropped: its message stays.
    reply: Option<oneshot::Receiver<Answer<Word>>>,
}

/// That a message was taken, and who in another process waits for that.
type Taken = (Pattern, Option<u64>);

struct Walk {
    mailbox: Mailbox<Word>,
    ends: Arc<Ends>,
    next_id: u64,
    arrived: Vec<Message>,
    asked: Vec<(Asks, Hears)>,
    /// Receives that are to fetch a message; none if its sender has taken it back.
    called: Vec<(Asks, Option<Message>)>,
    looks: Vec<(Asks, oneshot::Receiver<Result<Pattern, Error>>)>,
    senders: Vec<Sends>,
    /// Taken out, and perhaps put back.
    letters: Vec<Letter<Word>>,
    /// Which messages were taken, as the mailbox tells it, if it tells; and as it should.
    heard: Option<Arc<Mutex<Vec<Taken>>>>,
    taken: Vec<Taken>,
}

impl Walk {
    fn new(tells: bool) -> Walk {
        let ends = Arc::new(Ends::new(ME as usize + 1));
        let heard = tells.then(Arc::<Mutex<Vec<_>>>::default);
        let on_taken = heard
            .clone()
            .map(|heard| -> OnTaken { Box::new(move |key: &Pattern, ticket| lock(&heard).push((*key, ticket))) });
        Walk {
            mailbox: Mailbox::new(ME as usize, Arc::clone(&ends), on_taken),
            ends,
            next_id: 0,
            arrived: Vec::new(),
            asked: Vec::new(),
            called: Vec::new(),
            looks: Vec::new(),
            senders: Vec::new(),
            letters: Vec::new(),
            heard,
            taken: Vec::new(),
        }
    }

    fn newest(&self) -> u64 {
        lock(&self.mailbox.state).next
    }

    /// What counts for the same bound.
    fn load(&self, key: &Pattern) -> impl Iterator<Item = &Message> {
        let (source, class_of_it) = (key.source(), class(key));
        self.arrived.iter().filter(move |other| other.key.source() == source && class(&other.key) == class_of_it)
    }

    fn oldest(&self, pattern: &Pattern) -> Option<usize> {
        let fitting = self.arrived.iter().enumerate().filter(|(_, message)| pattern.fits(&message.key));
        fitting.min_by_key(|(_, message)| message.number).map(|(at, _)| at)
    }

    /// Its sender hears that it need not wait.
    fn goes_on(&mut self, number: u64) {
        if let Some(at) = self.senders.iter().position(|sender| sender.number == number)
            && let Some(reply) = self.senders.swap_remove(at).reply
        {
            assert_eq!(reply.try_recv(), Ok(Ok(())), "of {number}");
        }
    }

    /// A message is no longer among those that have arrived.
    fn left(&mut self, at: usize) -> Message {
        let left = self.arrived.remove(at);
        if left.waiter == Waiter::Nobody {
            self.goes_on(left.number);
        }
        if self.load(&left.key).count() <= LOW {
            let sent = self.load(&left.key).filter(|other| other.waiter == Waiter::Nobody);
            let freed: Vec<u64> = sent.map(|other| other.number).collect();
            for number in freed {
                self.goes_on(number);
            }
        }
        left
    }

    /// A receive has it, or counts as if it had: whoever waits for that is told, and need not wait for more.
    fn is_taken(&mut self, message: &mut Message) {
        let ticket = match std::mem::replace(&mut message.waiter, Waiter::Nobody) {
            Waiter::There(ticket) => Some(ticket),
            Waiter::Here => {
                self.goes_on(message.number);
                assert_eq!(self.mailbox.retract(message.number, &message.key), None, "it was told that it is taken");
                None
            }
            Waiter::Nobody => None,
        };
        self.taken.push((message.key, ticket));
    }

    /// A message has come, or come back: to whom it goes. Whether a receive had it, if only for a moment.
    fn placed(&mut self, mut message: Message) -> bool {
        let mut was_handed = false;
        loop {
            let fitting = self.asked.iter().enumerate().filter(|(_, (asks, _))| asks.pattern.fits(&message.key));
            let Some((at, _)) = fitting.min_by_key(|(_, (asks, _))| asks.number) else { break };
            let (asks, hears) = self.asked.swap_remove(at);
            let is_wrong = asks.wanted.is_some_and(|wanted| wanted.name != message.type_name);
            let Some(reply) = hears else {
                // Told to one who has gone, it comes back. Who waits until it is fetched goes on waiting.
                if !is_wrong && message.waiter == Waiter::Nobody {
                    was_handed = true;
                    self.is_taken(&mut message);
                }
                continue;
            };
            match reply.try_recv().expect("it was told") {
                Ok(Some(letter)) => {
                    assert!(!is_wrong && message.waiter == Waiter::Nobody && message.is(&letter));
                    self.is_taken(&mut message);
                    self.letters.push(letter);
                    return true;
                }
                Ok(None) => {
                    assert!(!is_wrong && message.waiter != Waiter::Nobody, "only that is to be fetched");
                    if !asks.is_awaited {
                        self.is_taken(&mut message);
                    }
                    self.called.push((asks, Some(message)));
                    return true;
                }
                Err(error) => assert!(is_wrong && matches!(error, Error::WrongType { .. })),
            }
        }
        let key = message.key;
        self.looks.retain(|(asks, reply)| {
            let fits = asks.pattern.fits(&key);
            let expected = if fits { Ok(key) } else { Err(TryRecvError::Empty) };
            assert_eq!(reply.try_recv().map(|seen| seen.expect("a key")), expected);
            !fits
        });
        self.arrived.push(message);
        was_handed
    }

    fn next_word(&mut self, chance: &mut Chance) -> (u64, &'static str) {
        self.next_id += 1;
        (self.next_id, chance.wanted().name)
    }

    fn accept(&mut self, chance: &mut Chance, mode: Mode) {
        let key = chance.key();
        if self.ends.has_ended(key.source().expect("a key") as usize) {
            return;
        }
        let (id, type_name) = self.next_word(chance);
        let pending = self.mailbox.accept(key, Word { id, type_name }, mode).expect("it has not ended");
        let number = self.newest();
        let is_pending = pending.is_some();
        if let Some(pending) = pending {
            assert_eq!(pending.number, number);
            self.senders.push(Sends { number, key, reply: Some(pending.reply) });
        }
        let waiter = if mode == Mode::Synchronous { Waiter::Here } else { Waiter::Nobody };
        let was_handed = self.placed(Message { number, key, id, type_name, waiter });
        let waits = match mode {
            Mode::Buffered => false,
            Mode::Bounded => !was_handed && self.load(&key).count() > BOUND,
            Mode::Synchronous => true,
        };
        assert_eq!(is_pending, waits, "{mode:?}");
    }

    /// From another process, where its sender may wait.
    #[cfg(feature = "process")]
    fn accept_from_afar(&mut self, chance: &mut Chance) {
        let key = chance.key();
        if self.ends.has_ended(key.source().expect("a key") as usize) {
            return;
        }
        let (id, type_name) = self.next_word(chance);
        // Tickets of two processes may be the same.
        let ticket = (chance.below(2) == 0).then_some(id / 2);
        let is_in_use = |message: &Message| {
            ticket.is_some_and(|ticket| message.waiter == Waiter::There(ticket)) && message.key.source() == key.source()
        };
        let ticket = ticket.filter(|_| !self.arrived.iter().chain(self.claimed()).any(is_in_use));
        self.mailbox.accept_from_afar(key, Word { id, type_name }, ticket);
        let number = self.newest();
        self.placed(Message { number, key, id, type_name, waiter: ticket.map_or(Waiter::Nobody, Waiter::There) });
    }

    /// Messages that receives were called for.
    fn claimed(&self) -> impl Iterator<Item = &Message> {
        self.called.iter().filter_map(|(_, message)| message.as_ref())
    }

    /// What a receive finds, one that has waited before or not.
    fn finds(&mut self, asks: Asks, waits: bool, found: Found<Letter<Word>, Option<Letter<Word>>>) {
        if let Some(at) = self.oldest(&asks.pattern) {
            let is_wrong = asks.wanted.is_some_and(|wanted| wanted.name != self.arrived[at].type_name);
            match found {
                Found::Here(letter) => {
                    assert!(!is_wrong);
                    let mut left = self.left(at);
                    assert!(left.is(&letter), "{letter:?} instead of {}", left.number);
                    self.is_taken(&mut left);
                    self.letters.push(letter);
                }
                other => assert!(is_wrong && matches!(other, Found::Refused(Error::WrongType { .. }))),
            }
            return;
        }
        let is_hopeless = self.is_hopeless(&asks.pattern, asks.group.as_ref());
        match found {
            Found::Nothing => assert!(!waits && !is_hopeless),
            Found::Refused(error) => {
                assert!(is_hopeless && matches!(error, Error::Gone { .. } | Error::AllGone), "{error}");
            }
            Found::Posted(number, reply) => {
                assert!(waits && !is_hopeless);
                let has_waited = asks.number != 0;
                assert_eq!(number, if has_waited { asks.number } else { self.newest() }, "its place in line");
                let is_awaited = has_waited || asks.group.is_some();
                self.asked.push((Asks { number, is_awaited, ..asks }, Some(reply)));
            }
            Found::Here(letter) => panic!("{letter:?} fits nobody"),
        }
    }

    fn is_hopeless(&self, pattern: &Pattern, group: Option<&Arc<[u32]>>) -> bool {
        let is_left = |rank: &u32| *rank != ME && !self.ends.has_ended(*rank as usize);
        match pattern.source() {
            Some(rank) => self.ends.has_ended(rank as usize),
            None => group.is_some_and(|group| !group.iter().any(is_left)),
        }
    }

    fn receive(&mut self, chance: &mut Chance) {
        let (pattern, wanted) = (chance.pattern(), (chance.below(4) == 0).then(|| chance.wanted()));
        let waits = chance.below(2) == 0;
        let group = chance.group().filter(|_| waits);
        let patience = if waits { Patience::Wait(group.as_ref()) } else { Patience::Try };
        let found = self.mailbox.receive(pattern, wanted, &patience);
        self.finds(Asks { number: 0, pattern, wanted, group, is_awaited: false }, waits, found);
    }

    fn probe(&mut self, chance: &mut Chance) {
        let (pattern, waits) = (chance.pattern(), chance.below(2) == 0);
        let group = chance.group().filter(|_| waits);
        let patience = if waits { Patience::Wait(group.as_ref()) } else { Patience::Try };
        let expected = self.oldest(&pattern).map(|at| self.arrived[at].key);
        let is_hopeless = self.is_hopeless(&pattern, group.as_ref());
        match self.mailbox.probe(pattern, &patience) {
            Found::Here(key) => assert_eq!(Some(key), expected),
            Found::Nothing => assert!(expected.is_none() && !waits && !is_hopeless),
            Found::Refused(_) => assert!(expected.is_none() && is_hopeless),
            Found::Posted(number, reply) => {
                assert!(expected.is_none() && waits && !is_hopeless);
                self.looks.push((Asks { number, pattern, wanted: None, group, is_awaited: true }, reply));
            }
        }
    }

    /// Somebody waits for a receive from now on, for the first time.
    fn attends(&mut self, chance: &mut Chance) {
        let is_first = |asks: &Asks| !asks.is_awaited;
        let waiting: Vec<usize> = (0..self.asked.len()).filter(|at| is_first(&self.asked[*at].0)).collect();
        if let Some(at) = chance.one_of(waiting.len()) {
            let (asks, _) = &mut self.asked[waiting[at]];
            assert!(self.mailbox.attend(asks.number, &asks.pattern).is_none(), "nothing fits it");
            asks.is_awaited = true;
        }
        if let Some(at) = self.called.iter().position(|(asks, _)| is_first(asks)) {
            let (asks, message) = self.called.swap_remove(at);
            let message = message.expect("one that counts as received is not taken back");
            let letter = self.mailbox.attend(asks.number, &asks.pattern).expect("it was called for that");
            assert!(message.is(&letter) && message.waiter == Waiter::Nobody);
            self.letters.push(letter);
        }
    }

    /// A receive that was called fetches its message, or is dropped.
    fn fetches(&mut self, chance: &mut Chance) {
        let Some(at) = chance.one_of(self.called.len()) else { return };
        let (asks, message) = self.called.swap_remove(at);
        assert!(!self.mailbox.withdraw(asks.number, &asks.pattern), "it was called, and waits no more");
        if chance.below(4) == 0 {
            self.mailbox.unclaim(asks.number);
            if let Some(message) = message {
                self.placed(message);
            }
            return;
        }
        let patience = Patience::Wait(asks.group.as_ref());
        let found = self.mailbox.fetch(asks.number, asks.pattern, asks.wanted, &patience);
        let Some(mut message) = message else { return self.finds(asks, true, found) };
        let Found::Here(letter) = found else { panic!("{} was not there to fetch", message.number) };
        assert!(message.is(&letter));
        if message.waiter != Waiter::Nobody {
            self.is_taken(&mut message);
        }
        self.letters.push(letter);
    }

    fn goes_away(&mut self, chance: &mut Chance) {
        if let Some(at) = chance.one_of(self.asked.len()) {
            if chance.below(2) == 0 {
                // Dropped, as if a message had been on its way.
                self.asked[at].1 = None;
            } else {
                let (asks, _) = self.asked.swap_remove(at);
                assert!(self.mailbox.withdraw(asks.number, &asks.pattern));
            }
        }
        if let Some(at) = chance.one_of(self.looks.len()) {
            self.mailbox.look_away(self.looks.swap_remove(at).0.number);
        }
    }

    /// Its sender has it back, wherever it was.
    fn is_back(&mut self, is_it: impl Fn(&Message) -> bool) -> Message {
        if let Some(at) = self.arrived.iter().position(&is_it) {
            return self.left(at);
        }
        let back = self.called.iter_mut().find_map(|(_, message)| message.take_if(|message| is_it(message)));
        back.expect("it is still there")
    }

    /// Whether its sender waits: until it is fetched, or for room.
    fn is_awaited(&self, message: &Message) -> bool {
        message.waiter != Waiter::Nobody || self.senders.iter().any(|sender| sender.number == message.number)
    }

    fn gives_up(&mut self, chance: &mut Chance) {
        // Its sender may have heard that it need not wait, and not listened.
        let told = chance.one_of(self.arrived.len()).map(|at| &self.arrived[at]);
        let told = told.filter(|message| !self.is_awaited(message));
        let told = told.map(|message| (message.number, message.key));
        let (number, key) = match (chance.below(8), chance.one_of(self.senders.len()), told) {
            (0, Some(at), _) => {
                self.senders[at].reply = None;
                return;
            }
            (1..5, _, Some(told)) => told,
            (_, Some(at), _) => {
                let Sends { number, key, .. } = self.senders.swap_remove(at);
                (number, key)
            }
            (_, None, _) => return,
        };
        let back = self.mailbox.retract(number, &key).expect("it is still there");
        assert_eq!(back.id, self.is_back(|message| message.number == number).id);
        assert_eq!(self.mailbox.retract(number, &key), None);
    }

    #[cfg(feature = "process")]
    fn gives_up_afar(&mut self, chance: &mut Chance) {
        let tickets = self.arrived.iter().chain(self.claimed()).filter_map(|message| match message.waiter {
            Waiter::There(ticket) => Some((message.key, ticket)),
            Waiter::Nobody | Waiter::Here => None,
        });
        let tickets: Vec<(Pattern, u64)> = tickets.collect();
        let Some(at) = chance.one_of(tickets.len()) else { return };
        let (key, ticket) = tickets[at];
        let source = key.source().expect("a key");
        assert!(self.mailbox.recall(source, ticket), "it is still there");
        self.is_back(|message| message.waiter == Waiter::There(ticket) && message.key.source() == Some(source));
        assert!(!self.mailbox.recall(source, ticket));
    }

    fn puts_back(&mut self, chance: &mut Chance) {
        let Some(at) = chance.one_of(self.letters.len()) else { return };
        let letter = self.letters.swap_remove(at);
        let Letter { number, key, parcel: Word { id, type_name } } = letter;
        self.mailbox.put_back(Letter { number, key, parcel: Word { id, type_name } });
        self.placed(Message { number, key, id, type_name, waiter: Waiter::Nobody });
    }

    fn peer_ends(&mut self, rank: usize) {
        self.ends.set(rank, &Arc::from("it ended"));
        self.mailbox.peer_is_gone();
        let (mut asked, mut looks) = (std::mem::take(&mut self.asked), std::mem::take(&mut self.looks));
        asked.retain_mut(|(asks, hears)| {
            let is_hopeless = self.is_hopeless(&asks.pattern, asks.group.as_ref());
            if let Some(reply) = hears.take_if(|_| is_hopeless) {
                assert!(matches!(reply.try_recv(), Ok(Err(Error::Gone { .. } | Error::AllGone))));
            }
            !is_hopeless
        });
        looks.retain(|(asks, reply)| {
            let is_hopeless = self.is_hopeless(&asks.pattern, asks.group.as_ref());
            assert_eq!(matches!(reply.try_recv(), Ok(Err(Error::Gone { .. } | Error::AllGone))), is_hopeless);
            !is_hopeless
        });
        (self.asked, self.looks) = (asked, looks);
    }

    fn look(&mut self, looks_at_all: bool) {
        for (asks, hears) in &self.asked {
            assert!(self.mailbox.is_asked(asks.number, &asks.pattern));
            if let Some(reply) = hears {
                assert!(matches!(reply.try_recv(), Err(TryRecvError::Empty)), "{} was told of nothing", asks.number);
            }
        }
        for (asks, _) in &self.called {
            assert!(!self.mailbox.is_asked(asks.number, &asks.pattern), "{} was called", asks.number);
        }
        for (asks, reply) in &self.looks {
            assert!(self.mailbox.is_asked(asks.number, &asks.pattern));
            assert_eq!(reply.try_recv().map(|seen| seen.expect("a key")), Err(TryRecvError::Empty));
        }
        for sender in &self.senders {
            if let Some(reply) = &sender.reply {
                assert_eq!(reply.try_recv(), Err(TryRecvError::Empty), "{} waits", sender.number);
            }
            assert!(self.mailbox.holds_up(sender.number, &sender.key));
        }
        for message in self.claimed().chain(self.arrived.iter().filter(|_| looks_at_all)) {
            let holds_up = self.mailbox.holds_up(message.number, &message.key);
            assert_eq!(holds_up, self.is_awaited(message), "sender of {}", message.number);
        }
        let taken = std::mem::take(&mut self.taken);
        if let Some(heard) = &self.heard {
            assert_eq!(std::mem::take(&mut *lock(heard)), taken, "told of each that is taken");
        }
    }

    fn end(mut self) {
        let mut unasked: Vec<u64> = self.mailbox.end().into_iter().map(|word| word.id).collect();
        for reply in self.senders.iter().filter_map(|sender| sender.reply.as_ref()) {
            unasked.push(reply.try_recv().expect("it heard of the end").expect_err("nobody takes it").id);
        }
        unasked.sort_unstable();
        let mut untaken: Vec<u64> = self.arrived.iter().chain(self.claimed()).map(|message| message.id).collect();
        untaken.sort_unstable();
        assert_eq!(unasked, untaken, "each comes back once");
        for reply in self.asked.into_iter().filter_map(|(_, hears)| hears) {
            assert!(matches!(reply.try_recv(), Ok(Err(Error::Ended))));
        }
        assert!(self.looks.iter().all(|(_, reply)| matches!(reply.try_recv(), Ok(Err(Error::Ended)))));
        for (asks, _) in self.called {
            let patience = Patience::Wait(asks.group.as_ref());
            let found = self.mailbox.fetch(asks.number, asks.pattern, asks.wanted, &patience);
            assert!(matches!(found, Found::Refused(Error::Ended)));
        }
        // Nothing is taken any more.
        let word = Word { id: 0, type_name: "late" };
        assert!(self.mailbox.accept(Pattern::key(0, 0, 0), word, Mode::Synchronous).is_err());
        self.letters.drain(..).for_each(|letter| self.mailbox.put_back(letter));
        for context in 0..2 {
            let found = self.mailbox.receive(Pattern::new(context, None, None), None, &Patience::Try);
            assert!(matches!(found, Found::Refused(Error::Ended)));
        }
    }
}

fn walk(seed: u64) {
    let mut chance = Chance(seed * 0x9E37_79B9);
    let mut walk = Walk::new(!seed.is_multiple_of(3));
    for step in 0..600 {
        // Some fill up beyond the bound before they ask, in others there are always some who ask.
        let sends = if seed % 2 == 1 { 5 + seed % 7 } else { [18, 18, 0, 0][step / 75 % 4] };
        match chance.below(28) {
            n if n < sends => match chance.below(6) {
                0 => walk.accept(&mut chance, Mode::Buffered),
                1 | 2 => walk.accept(&mut chance, Mode::Bounded),
                #[cfg(feature = "process")]
                3 => walk.accept_from_afar(&mut chance),
                _ => walk.accept(&mut chance, Mode::Synchronous),
            },
            0..19 => walk.receive(&mut chance),
            19 => walk.probe(&mut chance),
            20 => walk.goes_away(&mut chance),
            21 => {
                let times = if chance.below(8) == 0 { 2 * BOUND } else { 1 };
                (0..times).for_each(|_| walk.gives_up(&mut chance));
            }
            22 => walk.puts_back(&mut chance),
            23 | 24 => walk.fetches(&mut chance),
            25 => walk.attends(&mut chance),
            #[cfg(feature = "process")]
            26 => walk.gives_up_afar(&mut chance),
            _ if step > 500 && chance.below(10) == 0 => {
                let rank = chance.small(3) as usize;
                walk.peer_ends(rank);
            }
            _ => {}
        }
        walk.look(step % 16 == 0);
    }
    walk.end();
}

#[test]
fn every_message_goes_where_two_plain_lists_say() {
    let walks = if std::env::var_os("NARROWS_DEEP").is_some() { 2000 } else { 50 };
    for seed in 1..=walks {
        assert!(std::panic::catch_unwind(|| walk(seed)).is_ok(), "seed {seed}");
    }
}
