//! What is done.

use super::task::{News, Order, Work};
use super::{Load, Makes, Task, Walk};
use narrows::{TryRecvError, TrySendError};
use std::collections::VecDeque;
use std::sync::Arc;

impl<T: Makes> Walk<T> {
    fn message(&mut self) -> T {
        let load: Load = self.ledger.load(self.next);
        self.next += 1;
        T::make(load)
    }

    fn begin(&mut self, task: Task<T>) {
        self.say(format_args!("{task:?}"));
        self.tasks.push(task);
        // Some are dropped, or forgotten for a while, without a poll.
        if !self.dice.once_in(12) {
            self.poll(self.tasks.len() - 1);
        }
    }

    pub(super) fn step(&mut self) {
        let c = usize::from(self.dice.once_in(4));
        let which = self.dice.roll(100);
        if self.tasks.len() > 12 && which >= 40 {
            return self.on_tasks(which);
        }
        match which {
            0..10 => self.try_send(c),
            10..14 => self.force_send(c),
            14..24 => self.try_recv(c),
            24..28 => self.batch(c),
            28..31 => self.exclusively(c),
            31..36 => self.handles(c),
            36..37 => self.close(c),
            37..39 => self.set_capacity(c),
            39..44 => self.orders(),
            44..52 => self.begins_to_send(c),
            52..60 => self.begins_to_receive(c),
            60..64 => self.begins_to_select(),
            _ => self.on_tasks(which),
        }
    }

    fn on_tasks(&mut self, which: usize) {
        if self.tasks.is_empty() {
            return;
        }
        let at = self.dice.roll(self.tasks.len());
        match which {
            0..60 => self.orders(),
            60..84 => {
                let woken = self.tasks.iter().position(|task| task.waits() && task.is_woken());
                let at = if self.dice.once_in(2) { at } else { woken.unwrap_or(at) };
                if self.tasks[at].places.is_none() && self.tasks[at].leased.is_none() && self.tasks[at].chosen.is_none()
                {
                    self.poll(at);
                }
            }
            84..97 => self.drops_task(at),
            _ => {
                self.say(format_args!("all who are awake run"));
                self.look();
                self.quiet();
            }
        }
    }

    fn try_send(&mut self, c: usize) {
        let message = self.message();
        let number = message.number();
        let (must, may) = self.room_for(c, number, None);
        let Some(s) = self.channels[c].s.last() else { return };
        let sent = s.try_send(message);
        self.say(format_args!("try_send {number} to {c}: {:?}", sent.as_ref().map_err(|_| ())));
        let is_closed = self.channels[c].model.is_closed;
        match sent {
            Ok(()) => {
                assert!((may || self.drops(c)) && !is_closed, "there was no room");
                self.came(c, number);
            }
            Err(TrySendError::Full(back)) => {
                assert_eq!(back.number(), number);
                assert!(!must && !is_closed && !self.drops(c), "it is not full");
            }
            Err(TrySendError::Disconnected(back)) => {
                assert_eq!(back.number(), number);
                assert!(is_closed);
            }
        }
    }

    fn force_send(&mut self, c: usize) {
        let message = self.message();
        let number = message.number();
        let (must, may) = self.room_for(c, number, None);
        let Some(s) = self.channels[c].s.last() else { return };
        let sent = s.force_send(message);
        let numbers = sent.as_ref().map(|out| out.as_ref().map(T::number)).map_err(|_| ());
        self.say(format_args!("force_send {number} to {c}: {numbers:?}"));
        let model = &mut self.channels[c].model;
        match sent {
            Ok(out) => {
                assert!(!model.is_closed);
                if model.is_rendezvous() {
                    assert!(may && out.is_none());
                    return model.push(number);
                }
                // The place of one that was taken back may have been found free; or the oldest is back with its sender.
                let front = self.channels[c].model.front();
                let is_back = |task: &Task<T>| {
                    task.is_inside
                        && task.heard.is_none()
                        && task.is_woken()
                        && task.work == Work::Sync(front.unwrap_or(u64::MAX))
                };
                let model = &self.channels[c].model;
                let was_free = if self.channels[c].is_governed {
                    model.admits(model.weight(number)) // it passes those who wait for more
                } else {
                    out.is_none() && !self.tasks.iter().any(is_back)
                };
                assert!(self.channels[c].is_governed || if was_free { may } else { !must }, "of {number}");
                if !was_free {
                    let oldest = self.channels[c].model.pop().expect("nothing can go out");
                    let goes_back = self.heard_of(oldest, false);
                    assert_eq!(out.map(|out| out.number()), (!goes_back).then_some(oldest));
                    if self.channels[c].is_governed {
                        let weight = self.channels[c].model.weight(number);
                        self.shed(c, weight);
                    }
                }
                self.channels[c].model.push(number);
            }
            Err(TrySendError::Full(back)) => {
                assert_eq!(back.number(), number);
                assert!(!must && !model.is_closed);
                let fits = !model.is_rendezvous() && model.would_admit(model.weight(number));
                assert!(!fits, "the oldest could go out");
            }
            Err(TrySendError::Disconnected(back)) => {
                assert_eq!(back.number(), number);
                assert!(model.is_closed);
            }
        }
    }

    fn try_recv(&mut self, c: usize) {
        let Some(r) = self.channels[c].r.last() else { return };
        let got = r.try_recv();
        self.say(format_args!("try_recv from {c}: {:?}", got.as_ref().map(T::number)));
        self.compare(c, got);
    }

    fn compare(&mut self, c: usize, got: Result<T, TryRecvError>) -> Option<T> {
        match got {
            Ok(message) => {
                self.received(c, message.number());
                return Some(message);
            }
            Err(why) => {
                assert!(!self.has_next(c), "it is not empty");
                let is_end = self.channels[c].model.is_drained();
                assert_eq!(why, if is_end { TryRecvError::Disconnected } else { TryRecvError::Empty });
            }
        }
        None
    }

    fn batch(&mut self, c: usize) {
        let n = 1 + self.dice.roll(5);
        if self.dice.once_in(2) {
            if self.channels[c].s.is_empty() {
                return;
            }
            let mut messages: VecDeque<T> = (0..n).map(|_| self.message()).collect();
            let all: Vec<u64> = messages.iter().map(T::number).collect();
            let sent = self.channels[c].s[0].try_send_many(&mut messages);
            self.say(format_args!("try_send_many {all:?} to {c}: {sent:?}"));
            let count = sent.unwrap_or(0);
            assert_eq!(messages.iter().map(T::number).collect::<Vec<_>>(), all[count..]);
            for number in &all[..count] {
                let may = self.room_for(c, *number, None).1 || self.channels[c].model.is_rendezvous();
                assert!(may || self.drops(c));
                self.came(c, *number);
            }
            match sent {
                Ok(_) if self.channels[c].model.is_rendezvous() => {}
                Ok(count) => assert!(count == n || !self.room_for(c, all[count], None).0, "more would have gone in"),
                Err(TrySendError::Full(())) => assert!(!self.room_for(c, all[0], None).0),
                Err(TrySendError::Disconnected(())) => assert!(self.channels[c].model.is_closed),
            }
            return;
        }
        let Some(r) = self.channels[c].r.first() else { return };
        let inside = self.channels[c].model.len();
        let mut into = Vec::new();
        if self.dice.once_in(3) && !self.channels[c].model.is_rendezvous() {
            let drained = r.drain_into(&mut into);
            self.say(format_args!("drain_into from {c}: {:?}", into.iter().map(T::number).collect::<Vec<_>>()));
            assert_eq!((drained, into.len()), (inside, inside));
        } else {
            let got = r.try_recv_many(&mut into, n);
            self.say(format_args!("try_recv_many from {c}: {:?}", into.iter().map(T::number).collect::<Vec<_>>()));
            assert_eq!(got.unwrap_or(0), into.len());
            assert!(into.len() >= inside.min(n), "more was inside");
            if let Err(why) = got {
                self.compare(c, Err(why));
            }
        }
        for message in into {
            self.received(c, message.number());
        }
    }

    /// Looks at the next message, takes it, and puts it back.
    fn exclusively(&mut self, c: usize) {
        let Some(mut r) = self.channels[c].r.pop() else { return };
        // A weak one, which is for the looks, holds up who wants to be the only one.
        self.channels[c].made_r.retain(|weak| !weak.ptr_eq(&Arc::downgrade(&r)));
        if let Some(only) = Arc::get_mut(&mut r).and_then(narrows::Receiver::try_exclusive) {
            self.takes_and_puts_back(c, only);
        }
        self.channels[c].made_r.push(Arc::downgrade(&r));
        self.channels[c].r.push(r);
    }

    fn takes_and_puts_back(&mut self, c: usize, mut only: narrows::Exclusive<'_, T>) {
        self.say(format_args!("exclusively from {c}"));
        if let Some(front) = self.channels[c].model.front() {
            assert_eq!(only.try_peek().map(|peeked| peeked.number()), Ok(front));
        }
        let got = only.try_recv();
        let Some(message) = self.compare(c, got) else { return };
        self.catch_up(c);
        if self.dice.once_in(3) {
            return;
        }
        let number = message.number();
        let model = &self.channels[c].model;
        let (must, may) = model.free();
        let fits = model.admits(model.weight(number));
        let (must, may) = if self.channels[c].is_governed { (fits, fits) } else { (must > 0, may > 0) };
        let is_rendezvous = model.is_rendezvous();
        let put_back = only.unrecv(message);
        self.say(format_args!("unrecv {number}: {}", put_back.is_ok()));
        match put_back {
            Ok(()) => {
                assert!(may || is_rendezvous);
                self.channels[c].model.put_first(number);
            }
            Err(back) => {
                assert!(!must && !is_rendezvous, "there is room for it");
                assert_eq!(back.into_inner().number(), number);
            }
        }
    }

    fn handles(&mut self, c: usize) {
        let is_late = self.left < 40;
        let channel = &mut self.channels[c];
        match self.dice.roll(4) {
            0 if channel.s.len() < 3 => {
                let Some(s) = channel.s.first().map(|s| Arc::new((**s).clone())) else { return };
                channel.made_s.push(Arc::downgrade(&s));
                channel.s.push(s);
            }
            1 if channel.r.len() < 3 => {
                let Some(r) = channel.r.first().map(|r| Arc::new((**r).clone())) else { return };
                channel.made_r.push(Arc::downgrade(&r));
                channel.r.push(r);
            }
            2 if channel.s.len() > usize::from(!is_late) => drop(channel.s.pop()),
            3 if channel.r.len() > usize::from(!is_late) => drop(channel.r.pop()),
            _ => {}
        }
    }

    fn close(&mut self, c: usize) {
        if self.left > 60 && !self.dice.once_in(20) {
            return;
        }
        self.close_now_or_not(c);
    }

    fn close_now_or_not(&mut self, c: usize) {
        let was_closed = self.channels[c].model.is_closed;
        let now = self.dice.once_in(2);
        self.say(format_args!("close {c}, now: {now}"));
        let Some(r) = self.channels[c].r.first() else { return };
        if !now {
            assert_eq!(r.close(), !was_closed);
            self.channels[c].model.is_closed = true;
            return;
        }
        let out: Vec<u64> = r.close_now().iter().map(T::number).collect();
        self.channels[c].model.is_closed = true;
        let mut expected = Vec::new();
        while let Some(number) = self.channels[c].model.pop() {
            if !self.heard_of(number, false) {
                expected.push(number);
            }
        }
        assert_eq!(out, expected);
    }

    fn set_capacity(&mut self, c: usize) {
        let capacity = 1 + self.dice.roll(4);
        let channel = &mut self.channels[c];
        let Some(s) = channel.s.first() else { return };
        assert_eq!(s.set_capacity(capacity).is_ok(), channel.is_resizable);
        if channel.is_resizable {
            channel.model.capacity = Some(capacity);
        }
    }

    fn begins_to_send(&mut self, c: usize) {
        let Some(s) = self.channels[c].s.last().cloned() else { return };
        let is_rendezvous = self.channels[c].model.is_rendezvous();
        let task = match self.dice.roll(9) {
            0 | 1 if !is_rendezvous => {
                let n = 1 + self.dice.roll(4);
                Task::send_many(c, s, (0..n).map(|_| self.message()).collect())
            }
            2 | 3 => Task::send_sync(c, s, self.message()),
            4 | 5 => {
                let most = s.capacity().filter(|capacity| *capacity > 0).unwrap_or(3).min(3);
                // Less than it is now would be asked for in vain, and more is a panic when it is polled.
                let most = if self.channels[c].is_resizable { 1 } else { most };
                Task::reserve(c, s, 1 + self.dice.roll(most))
            }
            _ => Task::send(c, s, self.message()),
        };
        self.begin(task);
    }

    fn begins_to_receive(&mut self, c: usize) {
        let Some(r) = self.channels[c].r.last().cloned() else { return };
        let task = match self.dice.roll(5) {
            0 => Task::recv_many(c, r, 1 + self.dice.roll(4)),
            1 | 2 => Task::lease(c, r),
            _ => Task::recv(c, r),
        };
        self.begin(task);
    }

    fn begins_to_select(&mut self) {
        let mut ends = Vec::new();
        for c in 0..self.channels.len() {
            let channel = &self.channels[c];
            let is_rendezvous = channel.model.is_rendezvous();
            match (channel.s.first(), channel.r.first(), self.dice.roll(4)) {
                (Some(s), _, 0) => ends.push((c, Ok(Arc::clone(s)))),
                (_, Some(r), 1 | 2) => ends.push((c, Err(Arc::clone(r)))),
                (Some(s), Some(r), _) if !is_rendezvous => {
                    ends.push((c, Err(Arc::clone(r))));
                    ends.push((c, Ok(Arc::clone(s))));
                }
                _ => {}
            }
        }
        if !ends.is_empty() {
            let rounds = 1 + self.dice.roll(4);
            self.begin(Task::select(ends, rounds));
        }
    }

    /// Tells one that holds something what to do with it.
    fn orders(&mut self) {
        let holds = |task: &Task<T>| task.places.is_some() || task.leased.is_some() || task.chosen.is_some();
        let Some(at) = self.tasks.iter().position(holds) else { return };
        let at = if self.dice.once_in(2) { at } else { self.tasks.iter().rposition(holds).unwrap_or(at) };
        let mut task = self.tasks.swap_remove(at);
        let goes_on = self.dice.roll(3) > 0;
        self.say(format_args!("orders {task:?}: {goes_on}"));
        let is_over = if task.chosen.is_some() {
            self.orders_chosen(&mut task, goes_on);
            task.rests();
            false
        } else if let Some(number) = task.leased {
            task.tell(if goes_on { Order::Accept } else { Order::GiveBack });
            assert!(task.poll());
            assert_eq!(task.news(), goes_on.then(|| News::Got(vec![number])));
            task.leased = None;
            let model = &mut self.channels[task.chan].model;
            model.leases -= 1;
            model.end_out(number, goes_on);
            if goes_on {
                self.heard_of(number, true);
            }
            true
        } else {
            self.orders_places(&mut task, goes_on)
        };
        if is_over {
            self.goes(task);
        } else {
            self.tasks.push(task);
        }
    }

    fn orders_places(&mut self, task: &mut Task<T>, sends: bool) -> bool {
        let Some((c, left)) = task.places else { return true };
        let message = sends.then(|| self.message());
        let number = self.next.wrapping_sub(1);
        task.tell(message.map_or(Order::Release, Order::Send));
        let is_over = task.poll();
        assert_eq!(is_over, left == 1);
        task.places = (left > 1).then_some((c, left - 1));
        let waiting = self.receivers(c).count();
        let model = &mut self.channels[c].model;
        model.reserved -= 1;
        match task.news() {
            Some(News::Sent) => {
                assert!(sends && !model.is_closed && (!model.is_rendezvous() || waiting > 0));
                model.push(number);
            }
            Some(back) => {
                assert!(model.is_closed || model.is_rendezvous(), "the place was promised");
                assert_eq!(back, News::Back(vec![number]));
            }
            None => assert!(!sends),
        }
        is_over
    }

    fn orders_chosen(&mut self, task: &mut Task<T>, goes_on: bool) {
        let Work::Select(arms) = task.work.clone() else { return };
        let Some((index, number)) = task.chosen.take() else { return };
        let (c, sends) = arms[index];
        let place = task.places.take();
        let message = (goes_on && sends).then(|| self.message());
        let own = self.next.wrapping_sub(1);
        task.tell(match message {
            Some(message) => Order::Send(message),
            None if goes_on => Order::Accept,
            None => Order::GiveBack,
        });
        assert!(!task.poll());
        let news = task.news();
        if place.is_some() {
            self.channels[c].model.reserved -= 1;
        }
        match news {
            None => assert!(!goes_on),
            Some(News::Sent) => {
                assert!(sends && !self.channels[c].model.is_closed);
                self.came(c, own);
            }
            Some(News::Back(back)) => {
                assert!(self.channels[c].model.is_closed);
                assert_eq!(back, [own]);
            }
            Some(News::Got(got)) => {
                assert_eq!(Some(got[0]), number);
                self.heard_of(got[0], true);
            }
            Some(other) => assert!(other == News::End && number.is_none()),
        }
        if let Some(number) = number {
            self.channels[c].model.end_out(number, goes_on);
        }
    }

    /// Where a message goes from hand to hand, what was chosen is finished at once: nobody waits for it meanwhile.
    pub(super) fn met(&mut self, task: &mut Task<T>, c: usize, sends: bool) {
        let message = sends.then(|| self.message());
        let own = self.next.wrapping_sub(1);
        task.tell(message.map_or(Order::Accept, Order::Send));
        assert!(!task.poll());
        let news = task.news();
        task.rests();
        let model = &mut self.channels[c].model;
        match news {
            Some(News::Sent) => {
                assert!(sends && !model.is_closed);
                model.push(own);
            }
            Some(News::Back(back)) => assert!(model.is_closed && back == [own]),
            Some(News::Got(got)) => self.received(c, got[0]),
            Some(other) => assert!(other == News::End && model.is_drained()),
            None => panic!("it was accepted"),
        }
    }

    fn drops_task(&mut self, at: usize) {
        let mut task = self.tasks.swap_remove(at);
        self.say(format_args!("drops {task:?}"));
        let (c, work, is_served, is_inside, heard) =
            (task.chan, task.work.clone(), task.is_served, task.is_inside, task.heard);
        let (places, leased, chosen) = (task.places, task.leased, task.chosen);
        task.stop();
        if let Some((c, left)) = places {
            self.channels[c].model.reserved -= left;
        }
        match work {
            Work::Send(number) if !is_served => self.was_dropped(number),
            Work::SendMany(left) => left.into_iter().for_each(|number| self.was_dropped(number)),
            Work::Sync(number) if is_inside => {
                // What was received, or is out, is not to be had back.
                let is_back = heard.is_none() && self.channels[c].model.take_back(number);
                assert!(!is_back || self.ledger.is_dropped(number));
            }
            Work::Sync(number) if !is_served => self.was_dropped(number),
            Work::Lease => {
                if let Some(number) = leased {
                    self.channels[c].model.leases -= 1;
                    self.channels[c].model.end_out(number, false);
                }
            }
            Work::Select(arms) => {
                if let Some((index, Some(number))) = chosen {
                    self.channels[arms[index].0].model.end_out(number, false);
                }
            }
            _ => {}
        }
        self.goes(task);
    }

    /// All run, all are dropped, and the channels go.
    pub(super) fn end(&mut self) {
        self.quiet();
        if self.dice.once_in(2) {
            self.close_now_or_not(0);
            self.look();
            self.quiet();
        }
        while !self.tasks.is_empty() {
            let at = self.dice.roll(self.tasks.len());
            self.drops_task(at);
            self.look();
        }
    }
}
