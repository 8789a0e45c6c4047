//! A poll, and what must come of it.

use super::task::{News, Order, Work};
use super::{Makes, Walk};
use narrows::Overflow;

impl<T: Makes> Walk<T> {
    /// Who waits to receive from that channel, or could, by an arm of a select.
    pub(super) fn receivers(&self, c: usize) -> impl Iterator<Item = &super::Task<T>> {
        self.tasks.iter().filter(move |task| {
            task.waits()
                && match &task.work {
                    Work::Recv | Work::RecvMany(_) | Work::Lease => task.chan == c,
                    Work::Select(arms) => arms.contains(&(c, false)),
                    _ => false,
                }
        })
    }

    /// Who waits for places of that channel, and for how many.
    pub(super) fn senders(&self, c: usize) -> impl Iterator<Item = (&super::Task<T>, usize)> {
        self.tasks.iter().filter(|task| task.waits() && !task.is_served && !task.is_inside).filter_map(move |task| {
            let n = match &task.work {
                Work::Send(_) | Work::SendMany(_) | Work::Sync(_) if task.chan == c => 1,
                Work::Reserve(n) if task.chan == c => *n,
                Work::Select(arms) if arms.contains(&(c, true)) => 1,
                _ => return None,
            };
            Some((task, n))
        })
    }

    /// Whether so many places must be found free, and whether they may. `own` is the ticket of who looks.
    pub(super) fn room(&self, c: usize, n: usize, own: Option<u64>) -> (bool, bool) {
        let channel = &self.channels[c];
        let model = &channel.model;
        if model.is_rendezvous() {
            let asleep = self.receivers(c).filter(|task| !task.is_woken()).count();
            let must = model.reserved == 0 && model.len() == 0 && asleep >= n;
            return (must, self.receivers(c).count() >= model.reserved + n);
        }
        let (free, perhaps) = model.free();
        let is_held_up = channel.is_governed && self.is_held_up(c, own);
        (free >= n && !is_held_up, perhaps >= n && !is_held_up)
    }

    /// The same for that message.
    pub(super) fn room_for(&self, c: usize, number: u64, own: Option<u64>) -> (bool, bool) {
        if !self.channels[c].is_governed {
            return self.room(c, 1, own);
        }
        let model = &self.channels[c].model;
        let fits = model.admits(model.weight(number)) && !self.is_held_up(c, own);
        (fits, fits)
    }

    /// Where there are rules: does the first message in line, before that ticket, wait for more than is free?
    fn is_held_up(&self, c: usize, own: Option<u64>) -> bool {
        let model = &self.channels[c].model;
        let before = self.tasks.iter().filter(|task| task.chan == c && own.is_none_or(|own| task.ticket < Some(own)));
        let first = before.filter(|task| task.shown().is_some()).min_by_key(|task| task.ticket);
        first.and_then(super::Task::shown).is_some_and(|number| !model.admits(model.weight(number)))
    }

    /// The oldest of those whose message lies in its ticket: it has been taken from there. Without places one that is awake may
    /// have been passed over, for it looks by itself.
    fn serve(&mut self, c: usize, number: Option<u64>) -> Option<u64> {
        let is_it =
            |task: &super::Task<T>| number.is_none_or(|number| task.shown() == Some(number)) || !task.is_woken();
        let waiting = self.tasks.iter_mut().filter(|task| task.chan == c && task.shown().is_some() && is_it(task));
        waiting.min_by_key(|task| task.ticket)?.serve()
    }

    /// One of those who wait has been woken: its message has come in.
    pub(super) fn admit(&mut self, c: usize) {
        let is_in = |task: &&mut super::Task<T>| task.chan == c && task.shown().is_some() && task.is_woken();
        let oldest = self.tasks.iter_mut().filter(is_in).min_by_key(|task| task.ticket);
        let number = oldest.and_then(super::Task::serve).expect("something is inside that nobody has sent");
        self.say(format_args!("  {number} has come in from its ticket"));
        self.channels[c].model.push(number);
    }

    /// Whether there is room for the message that has come in first of those that are not in the line yet.
    fn next_fits(&self, c: usize) -> bool {
        let is_in = |task: &&super::Task<T>| task.chan == c && task.shown().is_some() && task.is_woken();
        let first = self.tasks.iter().filter(is_in).min_by_key(|task| task.ticket).and_then(super::Task::shown);
        let model = &self.channels[c].model;
        first.is_some_and(|number| model.admits(model.weight(number)))
    }

    /// Whether a receive finds something.
    pub(super) fn has_next(&self, c: usize) -> bool {
        let model = &self.channels[c].model;
        let is_offered = || self.tasks.iter().any(|t| t.chan == c && t.shown().is_some() && !t.is_woken());
        model.front().is_some() || (model.is_rendezvous() && !model.is_closed && is_offered())
    }

    /// The next message of the channel, which was received.
    pub(super) fn received(&mut self, c: usize, number: u64) {
        let next = self.channels[c].model.pop();
        let is_rendezvous = self.channels[c].model.is_rendezvous();
        let next = next.or_else(|| self.serve(c, is_rendezvous.then_some(number)));
        assert_eq!(Some(number), next, "received from {c}");
        self.heard_of(number, true);
    }

    /// It went out, on a lease or for a select.
    pub(super) fn took_out(&mut self, c: usize, number: Option<u64>) -> u64 {
        if self.channels[c].model.front().is_none() {
            let number = self.serve(c, number).expect("a message to take out");
            self.channels[c].model.push(number);
        }
        self.channels[c].model.take_out().expect("a message to take out")
    }

    /// Its sender, if it waits for that, hears of it. False if there is none.
    pub(super) fn heard_of(&mut self, number: u64, is_received: bool) -> bool {
        // Once: what was received and put back is a message as any other.
        let waits = |task: &&mut super::Task<T>| task.is_inside && task.heard.is_none();
        let its = self.tasks.iter_mut().filter(waits).find(|task| task.work == Work::Sync(number));
        its.map(|task| task.heard = Some(is_received)).is_some()
    }

    /// A message that was sent is in the line, or was dealt with as the policy says.
    pub(super) fn came(&mut self, c: usize, number: u64) {
        let channel = &self.channels[c];
        if !channel.model.admits(1) {
            match channel.overflow {
                Overflow::DropNewest => return self.was_dropped(number),
                Overflow::DropOldest => {
                    let stays = channel.model.reserved + channel.model.line.len() - channel.model.len();
                    if channel.model.capacity.is_some_and(|capacity| stays >= capacity) {
                        return self.was_dropped(number);
                    }
                    self.shed(c, 1);
                }
                _ => {}
            }
        }
        self.channels[c].model.push(number);
    }

    /// The oldest goes out until there is room.
    pub(super) fn shed(&mut self, c: usize, weight: usize) {
        while !self.channels[c].model.admits(weight) {
            let Some(oldest) = self.channels[c].model.pop() else { return };
            if !self.heard_of(oldest, false) {
                self.was_dropped(oldest);
            }
        }
    }

    pub(super) fn was_dropped(&mut self, number: u64) {
        assert!(self.ledger.is_dropped(number), "{number} is still somewhere");
    }

    pub(super) fn drops(&self, c: usize) -> bool {
        matches!(self.channels[c].overflow, Overflow::DropNewest | Overflow::DropOldest)
    }

    /// Polls, and compares. One that is over goes.
    pub(super) fn poll(&mut self, at: usize) {
        let mut task = self.tasks.swap_remove(at);
        let was_new = task.ticket.is_none();
        let chan = task.chan;
        self.say(format_args!("  polls {task:?}"));
        if std::mem::take(&mut task.is_idle) {
            task.tell(Order::Release);
        }
        let mut is_over = task.poll();
        if is_over && task.uses > 0 {
            return self.goes(task); // it was the last
        }
        // A new one may give way once; and the budget of a task is bounded.
        for _ in 0..3 {
            if !is_over && task.news_is_empty() && task.is_woken() {
                is_over = task.poll();
            }
        }
        let news = task.news();
        self.say(format_args!("  says {news:?}, woken: {}", task.is_woken()));
        for (c, channel) in self.channels.iter().enumerate() {
            self.say(format_args!("    {c}: {:?}, {:?}", channel.model, self.len(c)));
        }
        if news.is_none() {
            assert!(!is_over);
            if was_new {
                task.ticket = Some(self.next_ticket);
                self.next_ticket += 1;
            }
        }
        let own = task.ticket.filter(|_| !was_new);
        match task.work.clone() {
            Work::Send(_) if task.is_served => assert_eq!(news, Some(News::Sent)),
            Work::Send(number) => self.polled_send(chan, number, own, news),
            Work::SendMany(_) => self.polled_many(&mut task, own, news.as_ref()),
            Work::Sync(number) if self.channels[chan].model.is_rendezvous() => {
                if task.is_served {
                    assert_eq!(news, Some(News::Sent));
                } else {
                    self.polled_send(chan, number, own, news);
                }
            }
            Work::Sync(number) => self.polled_sync(&mut task, number, own, news.as_ref()),
            Work::Reserve(n) => {
                let (must, may) = self.room(chan, n, own);
                match news {
                    Some(News::End) => assert!(self.channels[chan].model.is_closed),
                    Some(News::Places(_)) => {
                        assert!(may && !self.channels[chan].model.is_closed, "no places");
                        self.channels[chan].model.reserved += n;
                        task.places = Some((chan, n));
                    }
                    _ => assert!(!must && !self.channels[chan].model.is_closed, "it should have its places"),
                }
            }
            Work::Recv | Work::RecvMany(_) | Work::Lease => match news {
                Some(News::Got(numbers)) => {
                    if let Work::RecvMany(most) = task.work {
                        let most = most.min(self.channels[chan].model.len());
                        assert!(numbers.len() >= most, "only {} of {most}", numbers.len());
                    }
                    for number in numbers {
                        self.received(chan, number);
                    }
                }
                Some(News::Leased(number)) => {
                    assert_eq!(self.took_out(chan, Some(number)), number);
                    self.channels[chan].model.leases += 1;
                    task.leased = Some(number);
                }
                Some(_) => {
                    assert!(self.channels[chan].model.is_drained(), "the end is said too early");
                    assert!(!self.has_next(chan));
                }
                None => {
                    assert!(!self.has_next(chan), "it should have received");
                    assert!(!self.channels[chan].model.is_drained(), "it should have heard of the end");
                }
            },
            Work::Select(arms) => self.polled_select(&mut task, &arms, news.as_ref(), was_new),
        }
        if task.is_over() {
            self.goes(task);
        } else {
            self.tasks.push(task);
        }
    }

    /// Its handles go after all else has been seen that it has done.
    pub(super) fn goes(&mut self, task: super::Task<T>) {
        for c in 0..self.channels.len() {
            self.catch_up(c);
        }
        drop(task);
    }

    fn polled_send(&mut self, c: usize, number: u64, own: Option<u64>, news: Option<News>) {
        let (must, may) = self.room_for(c, number, own);
        let channel = &self.channels[c];
        let fails = channel.overflow == Overflow::Fail;
        match news {
            Some(News::Back(back)) => {
                assert!(channel.model.is_closed || (fails && !must), "it should not come back");
                assert_eq!(back, [number]);
                self.was_dropped(number);
            }
            None => assert!(!must && !channel.model.is_closed && !self.drops(c) && !fails, "it should have been sent"),
            Some(_) => {
                assert!((may || self.drops(c)) && !channel.model.is_closed, "there was no room");
                self.came(c, number);
            }
        }
    }

    fn polled_many(&mut self, task: &mut super::Task<T>, own: Option<u64>, news: Option<&News>) {
        let c = task.chan;
        let Work::SendMany(left) = &mut task.work else { return };
        let before = left.len();
        // With the first of them a wake-up may have gone on, to those who wait for as many.
        let others =
            self.tasks.iter().filter(|task| task.chan == c && task.shown().is_some() && task.is_woken()).count();
        let others = if self.channels[c].model.is_closed { 0 } else { others };
        match news {
            Some(News::Sent) => {
                while let Some(number) = left.pop_front() {
                    assert!(!self.channels[c].model.is_closed);
                    let own = own.filter(|_| left.len() + 1 == before && !task.is_served);
                    assert!(self.room_for(c, number, own).1 || self.drops(c), "there was no room");
                    self.came(c, number);
                    if left.len() + 1 == before {
                        (0..others).for_each(|_| self.admit(c));
                    }
                }
            }
            Some(back) => {
                let fails = self.channels[c].overflow == Overflow::Fail;
                assert!(self.channels[c].model.is_closed || fails);
                while fails && !self.channels[c].model.is_closed && self.room(c, 1, None).0 {
                    let Some(number) = left.pop_front() else { break };
                    self.came(c, number);
                }
                assert_eq!(*back, News::Back(left.iter().copied().collect()));
                assert!(left.iter().all(|number| self.ledger.is_dropped(*number)));
            }
            None => {
                assert!(!self.channels[c].model.is_closed && !self.drops(c) && !left.is_empty());
                let inside = self.len(c).expect("it has a handle");
                while self.channels[c].model.len() + (if left.len() == before { others } else { 0 }) < inside {
                    let number = left.pop_front().expect("all are inside, and it waits");
                    self.channels[c].model.push(number);
                    if left.len() + 1 == before {
                        (0..others).for_each(|_| self.admit(c));
                    }
                }
                let first = *left.front().expect("all are inside, and it waits");
                assert!(
                    !self.room_for(c, first, own.filter(|_| left.len() == before && !task.is_served)).0,
                    "more would have gone in"
                );
            }
        }
        let Work::SendMany(left) = &task.work else { return };
        if left.len() < before || task.is_served {
            task.is_served = false;
            task.ticket = Some(self.next_ticket);
            self.next_ticket += 1;
        }
    }

    fn polled_sync(&mut self, task: &mut super::Task<T>, number: u64, own: Option<u64>, news: Option<&News>) {
        let c = task.chan;
        let is_closed = self.channels[c].model.is_closed;
        if let Some(is_received) = task.heard {
            let expected = if is_received { News::Sent } else { News::Back(vec![number]) };
            assert_eq!(news, Some(&expected), "of {number}");
        } else if task.is_inside {
            assert_eq!(news, None, "of {number}");
        } else if is_closed {
            assert_eq!(news, Some(&News::Back(vec![number])));
        } else {
            let (must, may) = self.room(c, 1, own);
            assert_eq!(news, None, "of {number}");
            task.is_inside = self.len(c).expect("it has a handle") > self.channels[c].model.len();
            assert!(task.is_inside || !must, "it should have come in");
            assert!(!task.is_inside || may, "there was no room");
            if task.is_inside {
                // Between its place and its message a wake-up may have gone on, to those for whom there was room beside that
                // place. If it weighs less than its place there is more of it afterwards.
                let others = self.len(c).map_or(0, |len| len - 1);
                self.channels[c].model.reserved += 1;
                let has_more = self.channels[c].model.free().0 > 0;
                while self.channels[c].model.len() < others
                    && (self.channels[c].model.weight(number) > 0 || (has_more && self.next_fits(c)))
                {
                    self.admit(c);
                }
                self.channels[c].model.reserved -= 1;
                self.channels[c].model.push(number);
            }
        }
    }

    fn polled_select(&mut self, task: &mut super::Task<T>, arms: &[(usize, bool)], news: Option<&News>, was_new: bool) {
        let can = |arm: &(usize, bool)| {
            let model = &self.channels[arm.0].model;
            if model.is_rendezvous() && (!arm.1 || !model.is_closed) {
                // Whom it meets may be awake.
                let can = if arm.1 { self.room(arm.0, 1, None).0 } else { self.has_next(arm.0) || model.is_drained() };
                (can, true)
            } else if arm.1 {
                // It has a ticket of its own, perhaps before that of a heavy message.
                let (must, may) = (self.room(arm.0, 1, None).0, self.room(arm.0, 1, Some(0)).1);
                (must || model.is_closed || self.drops(arm.0), may || model.is_closed || self.drops(arm.0))
            } else {
                let can = self.has_next(arm.0) || model.is_drained();
                (can, can)
            }
        };
        let Some(&News::Chosen(index)) = news else {
            assert_eq!(news, None);
            // Later it looks only where it was told of something, and others may have been told.
            let is_fresh = was_new && task.uses == 0;
            return assert!(!is_fresh || !arms.iter().any(|arm| can(arm).0), "an arm could go on");
        };
        assert!(can(&arms[index]).1, "arm {index} cannot go on");
        let (c, sends) = arms[index];
        let model = &self.channels[c].model;
        if model.is_rendezvous() {
            return self.met(task, c, sends);
        }
        if sends {
            let takes = model.capacity.is_some() && !model.is_closed && !self.drops(c);
            task.chosen = Some((index, None));
            if takes {
                self.channels[c].model.reserved += 1;
                task.places = Some((c, 1));
            }
        } else {
            let number = if self.has_next(c) { Some(self.took_out(c, None)) } else { None };
            task.chosen = Some((index, number));
        }
    }
}
