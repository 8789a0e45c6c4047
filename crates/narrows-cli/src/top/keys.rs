//! What a key asks for.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Deed {
    Quit,
    Up,
    Down,
    /// One worker more,
    More,
    /// or less.
    Fewer,
    /// Pause, or go on.
    Pause,
}

pub(super) fn deed(key: KeyEvent) -> Option<Deed> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Some(Deed::Quit),
        KeyCode::Char('q') | KeyCode::Esc => Some(Deed::Quit),
        KeyCode::Up | KeyCode::Char('k') => Some(Deed::Up),
        KeyCode::Down | KeyCode::Char('j') => Some(Deed::Down),
        KeyCode::Char('+' | '=') => Some(Deed::More),
        KeyCode::Char('-') => Some(Deed::Fewer),
        KeyCode::Char(' ') => Some(Deed::Pause),
        _ => None,
    }
}
