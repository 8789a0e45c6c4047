//! What becomes of who sleeps on a page that somebody has cut off. Beside the bell, since the models take that alone.

use std::time::Duration;

use crate::{
    bell::{Bell, Woken},
    layout::{BellName, Kind, Layout, Shape},
    segment::Segment,
    trial::Scratch,
};

/// The system answers EFAULT: no sleep, and no loop either, for the next look has the page replaced and the loss noted.
#[test]
fn a_page_that_is_gone_ends_the_sleep_and_is_noticed_by_the_next() {
    let scratch = Scratch::new();
    let path = scratch.join("a");
    let shape = Shape {
        kind: Kind::Queue,
        slots: 1,
        inline: 8,
        max_len: 8,
        blocks: 0,
        block_len: 0,
        participants: 1,
        flags: 0,
        type_hash: 0,
    };
    let len = Layout::len_of(&shape).unwrap();
    let segment = Segment::create(&path, len, |segment| Layout::write_head(segment, &shape, "none")).unwrap();
    let (layout, _) = Layout::read(segment).unwrap();
    let bell = Bell::new(layout.bell(BellName::Items));
    let long = Duration::from_secs(600);
    let prepared = bell.prepare();
    std::fs::File::options().write(true).open(&path).unwrap().set_len(0).unwrap();
    assert_eq!(bell.sleep(prepared, long), Woken::Perhaps);
    assert!(!layout.segment().is_damaged(), "a system call raises no signal");
    let prepared = bell.prepare();
    assert!(layout.segment().is_damaged());
    assert_eq!(bell.sleep(prepared, Duration::from_millis(1)), Woken::TimeIsUp, "there is a page to sleep on");
}
