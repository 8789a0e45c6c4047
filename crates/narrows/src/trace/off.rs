//! Watching as it is without the feature `trace`: the interface that the rest of the crate uses, with nothing behind it. Every
//! type is of size zero, every function empty, so nothing of it is left in a program.
#![expect(clippy::unused_self, reason = "as with the feature")]

/// How a channel keeps its messages.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Bounded,
    Unbounded,
    Rendezvous,
    Timer,
    Oneshot,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum End {
    Send,
    Recv,
}

/// What is waited for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Operation {
    Send,
    Recv,
    Reserve,
    Closed,
}

/// What a channel knows of itself.
#[derive(Debug, Clone)]
pub(crate) struct Channel;

impl Channel {
    #[inline(always)]
    pub(crate) fn new(_: Kind, _: Option<usize>, _: Option<&str>) -> Channel {
        Channel
    }

    #[inline(always)]
    pub(crate) fn mark(&self, _: End, _: usize) -> Mark {
        Mark
    }

    #[inline(always)]
    pub(crate) fn lend(&self, _: End) {}

    #[inline(always)]
    pub(crate) fn sent(&self, _: usize) {}

    #[inline(always)]
    pub(crate) fn received(&self, _: usize) {}

    #[inline(always)]
    pub(crate) fn handed_over(&self) {}

    #[inline(always)]
    pub(crate) fn cleared(&self, _: bool) {}
}

/// What a handle knows of itself.
#[derive(Debug)]
pub(crate) struct Mark;

impl Mark {
    pub(crate) const NONE: Mark = Mark;

    #[inline(always)]
    pub(crate) fn touch(&self) {}

    #[inline(always)]
    pub(crate) fn sent(&self) {}

    #[inline(always)]
    pub(crate) fn received(&self, _: bool) {}
}

/// What a wait is for.
#[derive(Debug)]
pub(crate) struct Aims;

impl Aims {
    pub(crate) fn channel(&mut self, _: Operation, _: &Channel) {}

    pub(crate) fn mark(&mut self, _: Operation, _: &Mark) {}

    pub(crate) fn address(&mut self, _: Operation, _: usize) {}

    pub(crate) fn unknown(&mut self) {}
}

/// A thread that waits, until this is dropped.
#[derive(Debug)]
pub(crate) struct Blocked;

#[inline(always)]
pub(crate) fn blocks(_: bool, _: impl FnOnce(&mut Aims)) -> Blocked {
    Blocked
}

/// A task that waits, once `pends` was called and until this is dropped or replaced.
#[derive(Debug)]
pub(crate) struct Pending;

impl Pending {
    pub(crate) const NONE: Pending = Pending;

    #[inline(always)]
    pub(crate) fn pends(&mut self, _: impl FnOnce(&mut Aims)) {}
}
