//! Ways of waiting at a receiver that is not that of an ordinary channel. What is waited for is said where it is: each such file adds
//! its own verbs to `Way`.

use crate::actor::Host;
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Blocked,
    Timed,
    Selected,
    Macro,
    OnPool,
    OnTokio,
    SelectAwaited,
}

pub(crate) const WAYS: [Way; 7] =
    [Way::Blocked, Way::Timed, Way::Selected, Way::Macro, Way::OnPool, Way::OnTokio, Way::SelectAwaited];

pub(crate) const LONG: Duration = Duration::from_secs(3600);

impl Way {
    pub(crate) fn host(self) -> Host {
        match self {
            Way::Blocked | Way::Timed | Way::Selected | Way::Macro => Host::Thread,
            Way::OnPool => Host::Pool,
            Way::OnTokio | Way::SelectAwaited => Host::Tokio,
        }
    }
}
