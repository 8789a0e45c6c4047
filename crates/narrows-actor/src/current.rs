//! Which actor the calling thread is at work for. Set for as long as an actor has its thread, and around each poll of a task's.

use std::cell::RefCell;

use crate::{
    desk::Desk,
    kit::Kit,
    sync::{Arc, thread_local},
};

thread_local! {
    static ACTOR: RefCell<Option<Arc<Desk>>> = const { RefCell::new(None) };
    static KIT: RefCell<Option<Arc<Kit>>> = const { RefCell::new(None) };
}

/// The actor, if it is one that asks.
pub(crate) fn actor() -> Option<Arc<Desk>> {
    // A thread that is ending has no actor.
    ACTOR.try_with(|actor| actor.borrow().clone()).ok().flatten()
}

/// The test kit that drives the calling thread: who waits there has to drive the others meanwhile.
pub(crate) fn kit() -> Option<Arc<Kit>> {
    KIT.try_with(|kit| kit.borrow().clone()).ok().flatten()
}

/// The thread works for that actor while this lives; it is lent for that, or every poll would count it up and down.
#[derive(Debug)]
pub(crate) struct Shift<'a> {
    desk: &'a mut Option<Arc<Desk>>,
    before: Option<Arc<Desk>>,
}

impl Shift<'_> {
    pub(crate) fn begin(desk: &mut Option<Arc<Desk>>) -> Shift<'_> {
        let before = ACTOR.with(|actor| actor.replace(desk.take()));
        Shift { desk, before }
    }
}

impl Drop for Shift<'_> {
    fn drop(&mut self) {
        *self.desk = ACTOR.with(|actor| actor.replace(self.before.take()));
    }
}

/// The thread is driven by that kit while this lives.
#[derive(Debug)]
pub(crate) struct Driven(Option<Arc<Kit>>);

impl Driven {
    pub(crate) fn begin(kit: &Arc<Kit>) -> Driven {
        Driven(KIT.with(|own| own.replace(Some(kit.clone()))))
    }
}

impl Drop for Driven {
    fn drop(&mut self) {
        KIT.with(|kit| kit.replace(self.0.take()));
    }
}
