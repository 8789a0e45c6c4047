//! Channels for programs: as JSON, and in the text format of Prometheus.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::status::prometheus::{escape, family};

use super::{Channel, Member, blocked_receiving, blocked_sending};

pub(crate) fn json(channel: &Channel) -> Value {
    let seen = &channel.seen;
    json!({
        "name": channel.name,
        "messages": seen.messages,
        "capacity": seen.capacity,
        "max_capacity": seen.max_capacity,
        "max_message_bytes": seen.longest,
        "memory_bytes": seen.memory.0,
        "memory_free_bytes": seen.memory.1,
        "file_bytes": seen.size,
        "closed": seen.is_closed,
        "state": channel.state(),
        "participants": channel.members.iter().map(member).collect::<Vec<_>>(),
    })
}

fn member(member: &Member) -> Value {
    let one = &member.participant;
    json!({
        "pid": one.pid,
        "program": member.program,
        "sender": one.is_sender,
        "receiver": one.is_receiver,
        "sent": one.sent,
        "received": one.received,
        "given_back": one.given_back,
        "sent_rate": member.sent,
        "received_rate": member.received,
        "waited_for_room_s": blocked_sending(one).as_secs_f64(),
        "waited_for_messages_s": blocked_receiving(one).as_secs_f64(),
        "waiting_for_room": member.waiting_for_room,
        "waiting_for_messages": member.waiting_for_messages,
        "waiting_s": one.waiting.map(|time| time.as_secs_f64()),
        "age_s": one.age.as_secs_f64(),
    })
}

type OfChannel = (&'static str, &'static str, fn(&Channel) -> f64);
type OfMember = (&'static str, &'static str, fn(&Member) -> f64);

const CHANNELS: [OfChannel; 6] = [
    ("channel_messages", "Messages in the channel.", |channel| f64::from(channel.seen.messages)),
    ("channel_capacity_messages", "Messages that there may be.", |channel| f64::from(channel.seen.capacity)),
    ("channel_memory_bytes", "Memory for long messages.", |channel| precise(channel.seen.memory.0)),
    ("channel_memory_free_bytes", "Memory for long messages that is free.", |channel| precise(channel.seen.memory.1)),
    ("channel_file_bytes", "Size of the channel's file.", |channel| precise(channel.seen.size as u64)),
    ("channel_closed", "1 if the channel is closed.", |channel| f64::from(u8::from(channel.seen.is_closed))),
];

const MEMBERS: [OfMember; 5] = [
    ("channel_sent_messages_total", "Messages sent.", |member| precise(member.participant.sent)),
    ("channel_received_messages_total", "Messages received.", |member| precise(member.participant.received)),
    ("channel_given_back_messages_total", "Messages given back.", |member| precise(member.participant.given_back)),
    ("channel_room_wait_seconds_total", "Time spent waiting for room.", |member| {
        blocked_sending(&member.participant).as_secs_f64()
    }),
    ("channel_message_wait_seconds_total", "Time spent waiting for messages.", |member| {
        blocked_receiving(&member.participant).as_secs_f64()
    }),
];

#[allow(clippy::cast_precision_loss, reason = "the format knows only such numbers")]
fn precise(number: u64) -> f64 {
    number as f64
}

/// Nothing where there is no channel.
pub(crate) fn prometheus(channels: &[Channel], text: &mut String) {
    if channels.is_empty() {
        return;
    }
    for (name, help, value) in CHANNELS {
        let lines = channels.iter().map(|channel| (label(channel), value(channel)));
        family(text, name, "gauge", help, lines);
    }
    for (name, help, value) in MEMBERS {
        let mut lines = BTreeMap::new();
        for channel in channels {
            for member in &channel.members {
                // A process that takes part twice is one line.
                let labels = format!("{},pid=\"{}\"", label(channel), member.participant.pid);
                *lines.entry(labels).or_insert(0.0) += value(member);
            }
        }
        family(text, name, "counter", help, lines.into_iter());
    }
}

fn label(channel: &Channel) -> String {
    format!("channel=\"{}\"", escape(&channel.name))
}
