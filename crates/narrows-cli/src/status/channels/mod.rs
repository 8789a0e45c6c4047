//! Named channels as they are seen from outside: who takes part, how fast messages go through, who waits for whom.
//! Whoever looks does not take part and changes nothing.

mod figures;
mod manage;
mod text;

use std::time::Duration;

use narrows_shm::{Inspection, OpenError, Participant, inspect, names};

use super::processes::name_of;

pub(crate) use figures::{json, prometheus};
pub(crate) use manage::{clean, close, resize};
pub(crate) use text::rows;

/// Channels at one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    channels: Vec<(String, Seen)>,
    pub(super) mute: Vec<String>,
}

/// Read once, so that its figures are of one moment.
#[derive(Clone, Debug)]
struct Seen {
    messages: u32,
    capacity: u32,
    max_capacity: u32,
    longest: u32,
    memory: (u64, u64),
    size: usize,
    is_closed: bool,
    participants: Vec<Participant>,
}

/// What two looks show of a channel.
#[derive(Clone, Debug)]
pub(crate) struct Channel {
    name: String,
    seen: Seen,
    members: Vec<Member>,
}

/// One who takes part, and how it fared between two looks.
#[derive(Clone, Debug)]
struct Member {
    participant: Participant,
    program: String,
    /// Messages per second.
    sent: f64,
    received: f64,
    /// Shares of the time, of all its threads together.
    waiting_for_room: f64,
    waiting_for_messages: f64,
}

impl Look {
    pub(super) fn take() -> Look {
        let mut look = Look::default();
        let found = match names() {
            Ok(found) => found,
            // Where there can be no folder there is no channel.
            Err(OpenError::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(error) => {
                look.mute.push(format!("the folder of the channels: {error}"));
                Vec::new()
            }
        };
        for (name, _) in found {
            match inspect(&name) {
                Ok(channel) => look.channels.push((name, Seen::of(&channel))),
                // It went between the two.
                Err(OpenError::NotFound) => {}
                Err(error) => look.mute.push(format!("the channel {name}: {error}")),
            }
        }
        look
    }
}

impl Seen {
    fn of(channel: &Inspection) -> Seen {
        Seen {
            messages: channel.len(),
            capacity: channel.capacity(),
            max_capacity: channel.max_capacity(),
            longest: channel.max_len(),
            memory: channel.memory(),
            size: channel.size(),
            is_closed: channel.is_closed(),
            participants: channel.participants(),
        }
    }
}

/// All channels of the later look.
pub(super) fn between(before: &Look, after: &Look, interval: Duration) -> Vec<Channel> {
    let seconds = interval.as_secs_f64().max(0.001);
    let channel = |(name, seen): &(String, Seen)| {
        let earlier = before.channels.iter().find(|(other, _)| other == name);
        let earlier = earlier.map_or(&[][..], |(_, seen)| &seen.participants);
        let members = seen.participants.iter().map(|one| Member::between(earlier, one, seconds)).collect();
        Channel { name: name.clone(), seen: seen.clone(), members }
    };
    after.channels.iter().map(channel).collect()
}

impl Member {
    #[allow(clippy::cast_precision_loss, reason = "a rate")]
    fn between(earlier: &[Participant], now: &Participant, seconds: f64) -> Member {
        // A process may take part twice. One that is new has nothing before it.
        let apart = |one: &&Participant| (now.age.as_secs_f64() - one.age.as_secs_f64() - seconds).abs();
        let is_same = |one: &&Participant| one.pid == now.pid && one.age <= now.age && one.sent <= now.sent;
        let before = earlier.iter().filter(is_same).min_by(|one, other| apart(one).total_cmp(&apart(other)));
        let seconds = if before.is_some() { seconds } else { now.age.as_secs_f64().max(0.001) };
        let rate = |of: fn(&Participant) -> u64| of(now).saturating_sub(before.map_or(0, of)) as f64 / seconds;
        let share = |of: fn(&Participant) -> Duration| {
            let time = of(now).saturating_sub(before.map_or(Duration::ZERO, of));
            (time.as_secs_f64() / seconds).min(1.0)
        };
        Member {
            participant: now.clone(),
            program: i32::try_from(now.pid).map(name_of).unwrap_or_default(),
            sent: rate(|one| one.sent),
            received: rate(|one| one.received),
            waiting_for_room: share(blocked_sending),
            waiting_for_messages: share(blocked_receiving),
        }
    }
}

/// The wait that lasts is counted only at its end.
fn blocked_sending(one: &Participant) -> Duration {
    one.blocked_sending + one.waiting.filter(|_| !one.is_receiver).unwrap_or_default()
}

/// Who does both is taken to wait for messages.
fn blocked_receiving(one: &Participant) -> Duration {
    one.blocked_receiving + one.waiting.filter(|_| one.is_receiver).unwrap_or_default()
}

impl Channel {
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.name == name || self.seen.participants.iter().any(|one| one.pid.to_string() == name)
    }

    fn senders(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.participant.is_sender)
    }

    fn receivers(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.participant.is_receiver)
    }

    /// In a few words.
    fn state(&self) -> &'static str {
        let waits = |member: &Member| member.participant.waiting.is_some();
        match self.seen.messages {
            0 if self.seen.is_closed => "closed",
            _ if self.seen.is_closed => "closed, not empty",
            messages if messages >= self.seen.capacity && self.receivers().next().is_none() => "full, no receiver",
            messages if messages >= self.seen.capacity => "full: senders wait",
            1.. if self.receivers().next().is_none() => "no receiver",
            0 if self.senders().next().is_none() => "no sender",
            0 if self.receivers().any(waits) => "empty: receivers wait",
            _ => "open",
        }
    }
}
