//! After each step: what the channels say, and who should have been woken.

use super::{Makes, Walk};
use std::fmt;
use std::sync::Weak;

impl<T: Makes> Walk<T> {
    /// With `NARROWS_WALK` set each step is told.
    pub(super) fn say(&self, what: fmt::Arguments<'_>) {
        if let Some(lines) = &self.diary.0 {
            lines.borrow_mut().push(format!("{:4} {what}", self.left));
        }
    }

    /// What any handle of it, also one that a task has, says of what is inside.
    pub(super) fn len(&self, c: usize) -> Option<usize> {
        let channel = &self.channels[c];
        let by_sender = channel.made_s.iter().find_map(Weak::upgrade).map(|s| s.len());
        by_sender.or_else(|| channel.made_r.iter().find_map(Weak::upgrade).map(|r| r.len()))
    }

    pub(super) fn look(&mut self) {
        for c in 0..self.channels.len() {
            self.look_for_the_end(c);
            self.look_inside(c);
            self.look_for_receivers(c);
            self.look_for_senders(c);
        }
        for task in &self.tasks {
            assert!(task.is_woken() || !(task.is_served || task.heard.is_some()), "asleep, and it is done: {task:?}");
        }
    }

    fn look_for_the_end(&mut self, c: usize) {
        let channel = &mut self.channels[c];
        channel.made_s.retain(|s| s.strong_count() > 0);
        channel.made_r.retain(|r| r.strong_count() > 0);
        if channel.made_s.is_empty() {
            channel.model.is_closed = true;
        }
        if channel.made_r.is_empty() {
            channel.model.is_closed = true;
            while let Some(number) = self.channels[c].model.pop() {
                if !self.heard_of(number, false) {
                    self.was_dropped(number);
                }
            }
        }
    }

    /// Those whose messages lie in their tickets come in by themselves, the oldest first.
    pub(super) fn catch_up(&mut self, c: usize) {
        let Some(len) = self.len(c).filter(|_| !self.channels[c].model.is_rendezvous()) else { return };
        self.catch_up_to(c, len);
        assert_eq!(len, self.channels[c].model.len(), "inside {c}");
    }

    pub(super) fn catch_up_to(&mut self, c: usize, len: usize) {
        while self.channels[c].model.len() < len {
            self.admit(c);
        }
    }

    fn look_inside(&mut self, c: usize) {
        let Some(len) = self.len(c) else { return };
        self.catch_up(c);
        let (must, may) = self.room(c, 1, None);
        let channel = &self.channels[c];
        let (model, counts) = (&channel.model, (channel.made_s.len(), channel.made_r.len()));
        let (r, s) = (channel.made_r.iter().find_map(Weak::upgrade), channel.made_s.iter().find_map(Weak::upgrade));
        if let Some(r) = r {
            assert_eq!((r.sender_count(), r.receiver_count()), counts);
            assert_eq!((r.is_closed(), r.is_disconnected()), (model.is_closed, model.is_drained()), "end of {c}");
            assert_eq!((r.capacity(), r.is_empty()), (model.capacity, model.is_rendezvous() || len == 0));
            assert_eq!(r.len(), if model.is_rendezvous() { 0 } else { len });
            assert_eq!(r.weight(), if model.is_rendezvous() { 0 } else { model.inside() });
        }
        if let Some(s) = s {
            assert_eq!((s.is_closed(), s.is_empty()), (model.is_closed, len == 0));
            let is_full = s.is_full();
            // Where it is closed nobody holds up others any more.
            let is_told = model.is_rendezvous() || (model.is_closed && channel.is_governed);
            assert!(is_told || if is_full { !must } else { may }, "{c} is full: {is_full}");
        }
    }

    fn look_for_receivers(&mut self, c: usize) {
        let model = &self.channels[c].model;
        let asleep = self.receivers(c).find(|task| !task.is_woken());
        let Some(asleep) = asleep else { return };
        assert!(!model.is_drained(), "asleep at the end of {c}: {asleep:?}");
        if model.front().is_some() {
            assert!(self.receivers(c).any(super::Task::is_woken), "nobody is woken for what is inside {c}: {asleep:?}");
        }
        if model.is_rendezvous() && !model.is_closed && model.reserved == 0 {
            let offers = |task: &&super::Task<T>| task.chan == c && task.shown().is_some() && !task.is_woken();
            let Some(offer) = self.tasks.iter().find(offers) else { return };
            let is_one_woken =
                self.receivers(c).chain(self.senders(c).map(|(task, _)| task)).any(super::Task::is_woken);
            assert!(is_one_woken, "both asleep at {c}: {asleep:?}, {offer:?}");
        }
    }

    fn look_for_senders(&mut self, c: usize) {
        let model = &self.channels[c].model;
        let Some((asleep, _)) = self.senders(c).find(|(task, _)| !task.is_woken()) else { return };
        assert!(!model.is_closed, "asleep at the end of {c}: {asleep:?}");
        let free = if model.is_rendezvous() {
            let asleep = self.receivers(c).filter(|task| !task.is_woken()).count();
            asleep.saturating_sub(model.reserved + model.len())
        } else {
            model.free().0
        };
        let mut line: Vec<_> = self.senders(c).collect();
        line.sort_by_key(|(task, _)| task.ticket);
        for (task, n) in &line {
            let heavy = task.shown().filter(|_| self.channels[c].is_governed);
            let may_go_on = heavy.map_or(*n <= free, |number| model.admits(model.weight(number)));
            let is_one_woken = line.iter().any(|(task, _)| task.is_woken());
            assert!(!may_go_on || is_one_woken, "nobody is woken for {free} places of {c}: {task:?}");
            if heavy.is_some() && !may_go_on {
                return; // it holds up those behind it
            }
        }
    }

    /// Who was woken runs, until nobody is awake; then nobody can go on.
    pub(super) fn quiet(&mut self) {
        for turn in 0.. {
            assert!(turn < 3000, "they wake each other for ever");
            let woken = self.tasks.iter().position(|task| task.waits() && task.is_woken());
            let Some(at) = woken else { break };
            self.poll(at);
            self.look();
        }
        let before: Vec<_> = self.tasks.iter().filter(|task| task.waits()).map(|task| task.ticket).collect();
        for ticket in before {
            // A poll may put it elsewhere.
            let Some(at) = self.tasks.iter().position(|task| task.waits() && task.ticket == ticket) else {
                panic!("somebody could go on, and was not woken");
            };
            // A receiver that a permit has claimed may be polled all the same, and takes what is offered.
            let c = self.tasks[at].chan;
            if self.channels.get(c).is_some_and(|channel| channel.model.is_rendezvous() && channel.model.reserved > 0) {
                continue;
            }
            self.poll(at);
            self.look();
            assert!(
                self.tasks.iter().any(|task| task.waits() && task.ticket == ticket),
                "it could go on, and was not woken"
            );
        }
    }
}
