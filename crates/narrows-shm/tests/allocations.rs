//! Rule 18: a message of plain data, and one of bytes that its receiver reads in place, allocates nothing; in a binary of its own, for the
//! allocator that counts.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use narrows_shm::options;

thread_local! {
    /// What this thread has asked for.
    static COUNT: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.set(COUNT.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

fn allocations(mut body: impl FnMut()) -> usize {
    // The first time it may make what it then keeps.
    body();
    let before = COUNT.get();
    (0..100).for_each(|_| body());
    COUNT.get() - before
}

#[test]
fn rule_18_no_allocation_per_message_of_plain_data() {
    let channel = options().plain().capacity(4).anonymous::<[u64; 4]>().expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    assert_eq!(
        allocations(|| {
            sender.send([7; 4]).expect("room");
            assert_eq!(receiver.recv(), Ok([7; 4]));
            sender.try_send([8; 4]).expect("room");
            receiver.lease().expect("a message").accept().expect("ours");
            assert!(receiver.try_recv().is_err());
        }),
        0
    );
}

#[test]
fn rule_18_no_allocation_per_long_message_that_is_made_in_place() {
    let channel = options().plain().capacity(4).memory(1 << 17).anonymous::<[u64; 4096]>().expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    assert_eq!(
        allocations(|| {
            let mut loan = sender.loan().expect("room");
            loan[9] = 7;
            loan.send().expect("room");
            assert_eq!(receiver.lease().expect("a message")[9], 7);
            receiver.lease().expect("given back").accept().expect("ours");
        }),
        0
    );
}

#[test]
fn rule_18_no_allocation_per_short_message_that_is_serialized() {
    let channel = options().capacity(4).anonymous::<(u32, u64)>().expect("a channel");
    let (sender, receiver) = (channel.sender(), channel.receiver());
    assert_eq!(
        allocations(|| {
            sender.send((7, 8)).expect("room");
            assert_eq!(receiver.recv(), Ok((7, 8)));
        }),
        0
    );
}
