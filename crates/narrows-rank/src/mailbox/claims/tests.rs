//! What happens between two words of one who tells: a waker runs there.

use std::{
    pin::pin,
    sync::mpsc,
    task::{Context, Poll, Wake, Waker},
};

use narrows::TryRecvError;

use crate::{
    ends::Ends,
    mailbox::{Found, Mailbox, Mode, Patience},
    matching::Pattern,
    parcel::{Carries, Local, Moved},
    sync::{Arc, Mutex, lock},
};

struct Meanwhile(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Meanwhile {
    fn wake(self: Arc<Self>) {
        let does = lock(&self.0).take();
        if let Some(does) = does {
            does();
        }
    }
}

fn message() -> Moved {
    Local::pack(7_u8).expect("it is moved")
}

/// A receive that nobody has waited for is called, and its message taken back. It waits again, now in earnest, and is called for
/// another message, all before the one who called it first goes on.
#[test]
fn the_word_on_a_message_that_was_taken_back_counts_for_no_other() {
    let mailbox = Arc::new(Mailbox::new(0, Arc::new(Ends::new(3)), None));
    let (any, patience) = (Pattern::new(0, None, None), Patience::Wait(None));
    let Found::Posted(first, _reply) = mailbox.receive(any, None, &patience) else { panic!("nothing is there") };
    let Found::Posted(second, reply) = mailbox.receive(any, None, &patience) else { panic!("nothing is there") };
    assert!(mailbox.attend(first, &any).is_none());
    let key = Pattern::key(0, 1, 0);
    let taken_back = mailbox.accept(key, message(), Mode::Synchronous).expect("it is taken").expect("it waits");

    let (tells, told) = mpsc::channel();
    let here = mailbox.clone();
    let meanwhile = move || {
        assert!(here.retract(taken_back.number, &key).is_some());
        let again = here.fetch(second, any, None, &Patience::Wait(None));
        assert!(matches!(&again, Found::Posted(number, _) if *number == second));
        let other = here.accept(Pattern::key(0, 2, 0), message(), Mode::Synchronous).expect("it is taken");
        tells.send((again, other.expect("it waits"))).expect("it is listened to");
    };
    let waker = Waker::from(Arc::new(Meanwhile(Mutex::new(Some(Box::new(meanwhile))))));
    let mut reply = pin!(reply.into_future());
    assert!(matches!(reply.as_mut().poll(&mut Context::from_waker(&waker)), Poll::Pending));
    // The first is dropped: so the second is called.
    mailbox.unclaim(first);

    let (_again, other) = told.try_recv().expect("the second was woken");
    assert!(matches!(other.reply.try_recv(), Err(TryRecvError::Empty)), "nobody has fetched its message");
    assert!(
        matches!(mailbox.fetch(second, any, None, &patience), Found::Here(letter) if letter.number == other.number)
    );
    assert!(matches!(other.reply.try_recv(), Ok(Ok(()))));
}
