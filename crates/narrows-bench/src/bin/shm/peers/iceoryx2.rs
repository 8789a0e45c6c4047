//! iceoryx2: publish and subscribe, one publisher and one subscriber that discard nothing. Every subscriber gets every
//! message, so there is no work for two receivers to share. It does not wait for messages: the receiver asks again and
//! again, or is told by an event after each message, which is the only way it can sleep.

use std::hint::spin_loop;
use std::thread;
use std::time::Duration;

use anyhow::{Error, Result};
use iceoryx2::port::listener::Listener;
use iceoryx2::port::notifier::Notifier;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::port::update_connections::UpdateConnections;
use iceoryx2::prelude::*;
use zerocopy::IntoBytes;

use super::Peer;
use crate::post::{Inlet, Outlet, Post, Way};
use crate::row::{Load, Row};

/// Looks before the processor is offered to others.
const SPINS: u32 = 100;

pub(super) fn peers() -> [Peer; 2] {
    let polled = Peer {
        lacks: |row| match row.load {
            Load::Asleep => Some("does not sleep without an event".to_owned()),
            _ => no_queue(row),
        },
        ..Peer::new("iceoryx2 polled", |post| play(post, false))
    };
    [polled, Peer { lacks: no_queue, ..Peer::new("iceoryx2 event", |post| play(post, true)) }]
}

fn no_queue(row: &Row) -> Option<String> {
    (row.pairs > 1).then(|| "no work queue: every subscriber gets every message".to_owned())
}

fn play(post: &Post, is_told: bool) -> Result<()> {
    set_log_level(LogLevel::Fatal);
    let node = NodeBuilder::new().create::<ipc::Service>()?;
    let name = |way: Way, what: &str| format!("{}/{way:?}/{what}", post.task.name());
    let events = |way| -> Result<Option<_>> {
        let name = ServiceName::new(&name(way, "event"))?;
        is_told.then(|| node.service_builder(&name).event().open_or_create().map_err(Error::from)).transpose()
    };
    let messages = |way| {
        let name = ServiceName::new(&name(way, "messages"))?;
        let service = node.service_builder(&name).publish_subscribe::<[u64]>();
        let service = service.subscriber_max_buffer_size(post.row.places).max_publishers(1).max_subscribers(1);
        Ok::<_, Error>(service.enable_safe_overflow(false).history_size(0).open_or_create()?)
    };
    let outlet = |way| {
        let service = messages(way)?;
        let publisher = service.publisher_builder().initial_max_slice_len(post.row.size / size_of::<u64>());
        let publisher = publisher.backpressure_strategy(BackpressureStrategy::RetryUntilDelivered).create()?;
        meet(|| service.dynamic_config().number_of_subscribers());
        publisher.update_connections()?;
        let notifier = events(way)?.map(|events| events.notifier_builder().create()).transpose()?;
        Ok(Outgoing { publisher, notifier })
    };
    let inlet = |way| {
        let service = messages(way)?;
        let subscriber = service.subscriber_builder().create()?;
        meet(|| service.dynamic_config().number_of_publishers());
        subscriber.update_connections()?;
        let listener = events(way)?.map(|events| events.listener_builder().create()).transpose()?;
        Ok(Incoming { subscriber, listener })
    };
    post.run(outlet, inlet)
}

/// Waits until there is somebody on the other side. What is sent before he has connected may be discarded.
fn meet(number: impl Fn() -> usize) {
    while number() == 0 {
        thread::sleep(Duration::from_millis(1));
    }
}

struct Outgoing {
    publisher: Publisher<ipc::Service, [u64], ()>,
    notifier: Option<Notifier<ipc::Service>>,
}

impl Outgoing {
    fn tell(&self) -> Result<()> {
        if let Some(notifier) = &self.notifier {
            notifier.notify()?;
        }
        Ok(())
    }
}

impl Outlet for Outgoing {
    fn send(&mut self, message: &[u64]) -> Result<()> {
        self.publisher.loan_slice_uninit(message.len())?.write_from_slice(message).send()?;
        self.tell()
    }

    fn send_made(&mut self, number: u64, buffer: &mut [u64]) -> Result<()> {
        self.publisher.loan_slice_uninit(buffer.len())?.write_from_fn(|_| number).send()?;
        self.tell()
    }
}

struct Incoming {
    subscriber: Subscriber<ipc::Service, [u64], ()>,
    listener: Option<Listener<ipc::Service>>,
}

impl Inlet for Incoming {
    fn receive<R>(&mut self, look: impl FnOnce(&[u8]) -> R) -> Result<R> {
        let mut looks = 0;
        loop {
            if let Some(message) = self.subscriber.receive()? {
                return Ok(look(message.payload().as_bytes()));
            }
            if let Some(listener) = &self.listener {
                listener.blocking_wait(|_| ())?;
            } else if looks < SPINS {
                looks += 1;
                spin_loop();
            } else {
                thread::yield_now();
            }
        }
    }
}
