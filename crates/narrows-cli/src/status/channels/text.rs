//! Channels as lines for people: one for each, and below it one for each who takes part.

use crate::status::{percent, text::size};

use super::{Channel, Member};

const HEADINGS: [&str; 8] = ["CHANNEL", "MESSAGES", "SENT", "RECEIVED", "SENDERS", "RECEIVERS", "LONG FREE", "STATE"];

/// A line, and whether it tells of somebody who is kept waiting for room.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) text: String,
    pub(crate) is_heading: bool,
    pub(crate) is_blocked: bool,
}

pub(crate) fn rows(channels: &[Channel]) -> Vec<Row> {
    let cells: Vec<_> = channels.iter().map(cells).collect();
    let headings = HEADINGS.map(str::to_owned);
    let width = |column: usize| {
        let of = |row: &[String; HEADINGS.len()]| row[column].chars().count();
        cells.iter().chain([&headings]).map(of).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
    let line = |row: &[String; HEADINGS.len()]| {
        let cell = |(column, cell): (usize, &String)| {
            let width = widths[column];
            if column == 0 || column + 1 == HEADINGS.len() {
                format!("{cell:<width$}")
            } else {
                format!("{cell:>width$}")
            }
        };
        row.iter().enumerate().map(cell).collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    if channels.is_empty() {
        return Vec::new();
    }
    let mut rows = vec![Row { text: line(&headings), is_heading: true, is_blocked: false }];
    for (channel, cells) in channels.iter().zip(&cells) {
        rows.push(Row { text: line(cells), is_heading: false, is_blocked: channel.state().starts_with("full") });
        rows.extend(channel.members.iter().map(member));
    }
    rows
}

fn cells(channel: &Channel) -> [String; HEADINGS.len()] {
    let seen = &channel.seen;
    let (sent, received) = channel
        .members
        .iter()
        .fold((0.0, 0.0), |(sent, received), member| (sent + member.sent, received + member.received));
    let (memory, free) = seen.memory;
    [
        super::super::text::cut(&channel.name, 32),
        format!("{}/{}", seen.messages, seen.capacity),
        format!("{sent:.0}/s"),
        format!("{received:.0}/s"),
        channel.senders().count().to_string(),
        channel.receivers().count().to_string(),
        if memory == 0 { "-".into() } else { format!("{}/{}", size(free), size(memory)) },
        channel.state().to_owned(),
    ]
}

fn member(member: &Member) -> Row {
    let one = &member.participant;
    let role = match (one.is_sender, one.is_receiver) {
        (true, true) => "both",
        (true, false) => "sender",
        (false, true) => "receiver",
        (false, false) => "neither",
    };
    let sends = one.is_sender || one.sent > 0;
    let receives = one.is_receiver || one.received > 0;
    let parts = [
        Some(format!("  {role:<8}  {} {}", one.pid, member.program)),
        sends.then(|| format!("  sent {}, waited for room {}", one.sent, percent(member.waiting_for_room))),
        receives.then(|| {
            format!("  received {}, waited for messages {}", one.received, percent(member.waiting_for_messages))
        }),
        (one.given_back > 0).then(|| format!(", gave back {}", one.given_back)),
        one.waiting.map(|time| format!(", waits since {:.1} s", time.as_secs_f64())),
    ];
    let text = parts.into_iter().flatten().collect();
    Row { text, is_heading: false, is_blocked: one.is_sender && !one.is_receiver && one.waiting.is_some() }
}
