//! A select asks an arm that is said to be ready until it gives an answer: so one that is not must never say so.

use std::time::{Duration, Instant};

use narrows::Select;
use narrows_shm::{RecvError, options};
use narrows_test::deadline::within;
use narrows_test::hand::Hand;

const SHORT: Duration = Duration::from_millis(5);

#[test]
fn a_lease_that_is_out_puts_off_the_end_and_lets_a_select_sleep() {
    within("the end, put off", || {
        let channel = options().capacity(2).anonymous::<u32>().expect("a channel");
        let (sender, receiver) = (channel.sender(), channel.receiver());
        let other = receiver.clone();
        sender.send(7).expect("room");
        let lease = other.lease().expect("a message");
        sender.close();
        let mut select = Select::new();
        select.arm(&receiver);
        let began = Instant::now();
        assert!(select.select_timeout(SHORT).is_err(), "neither a message nor the end");
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        assert!(began.elapsed() >= SHORT);
        let mut waits = Hand::waiting(receiver.recv_async());
        waits.still_waits();
        drop(lease);
        narrows_test::deadline::until("it is told", || waits.is_woken());
        assert_eq!(waits.ready(), Ok(7));
        let lease_of_none = receiver.try_recv();
        assert!(lease_of_none.is_err());
        assert_eq!(receiver.recv(), Err(RecvError::Disconnected));
    });
}

#[test]
fn a_send_that_lacks_blocks_lets_a_select_sleep() {
    within("a send without blocks", || {
        let channel =
            options().bytes().capacity(8).max_len(1000).memory(1000).anonymous::<Vec<u8>>().expect("a channel");
        let (sender, receiver) = (channel.sender(), channel.receiver());
        sender.send(vec![1; 1000]).expect("room for one");
        let arm = sender.arm(&vec![2; 1000]).expect("bytes are bytes");
        let mut select = Select::new();
        select.arm(&arm);
        assert!(select.select_timeout(SHORT).is_err(), "there are places, but no blocks");
        assert!(select.try_select().is_err() && select.try_ready().is_err());
        let mut waits = Hand::waiting(sender.send_async(vec![3; 1000]));
        waits.still_waits();
        sender.send(vec![4]).expect("a short one needs none");
        assert_eq!(receiver.recv(), Ok(vec![1; 1000]));
        narrows_test::deadline::until("it is told", || waits.is_woken());
        waits.ready().expect("open");
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(vec![4]), Ok(vec![3; 1000])));
        // What can never be sent is told at once.
        let arm = sender.arm(&vec![5; 1001]).expect("bytes are bytes");
        let mut select = Select::new();
        select.arm(&arm);
        assert!(arm.complete(select.select()).is_err());
    });
}
