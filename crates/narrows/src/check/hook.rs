//! Panics of a checked run are kept for its report: most are caught by who expects them, and a thousand schedules would print
//! a thousand. All others are reported as ever.

use std::{
    any::Any,
    cell::RefCell,
    panic::{self, PanicHookInfo},
    sync::Once,
};

use shuttle::{Config, FailurePersistence, Runner, scheduler::RandomScheduler};

thread_local! {
    /// Of the checked run that this thread of the system is in.
    static KEPT: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
}

/// The message of shuttle where one of its locks or atomics is used outside a run.
const OUTSIDE: &str = "`ExecutionState` is not set";

pub(super) const ADVICE: &str = "narrows is built with --cfg narrows_check: its channels, and what is in narrows::check, \
     live inside a checked run alone (narrows::check::run), on threads of narrows::check::thread. Outside, build without it.";

/// Keeps this thread's panics until it is dropped.
pub(super) struct Keeps;

impl Keeps {
    /// # Panics
    /// Inside another.
    #[track_caller]
    pub(super) fn begin() -> Keeps {
        install();
        KEPT.with_borrow_mut(|kept| {
            assert!(kept.is_none(), "a checked run inside a checked run");
            *kept = Some(Vec::new());
        });
        Keeps
    }

    /// A schedule begins: what was kept is of those before.
    pub(super) fn forget() {
        KEPT.with_borrow_mut(|kept| kept.as_mut().map(Vec::clear));
    }

    /// The panics since then, oldest first.
    pub(super) fn kept() -> Vec<String> {
        KEPT.with_borrow(|kept| kept.clone().unwrap_or_default())
    }
}

impl Drop for Keeps {
    fn drop(&mut self) {
        KEPT.with_borrow_mut(|kept| *kept = None);
    }
}

pub(super) fn text(panic: &dyn Any) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic without words")
}

fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        // shuttle sets a hook of its own when it first runs, which would print at every panic. Now it has done that.
        let mut config = Config::new();
        config.failure_persistence = FailurePersistence::None;
        Runner::new(RandomScheduler::new_from_seed(0, 1), config).run(|| {});
        panic::set_hook(Box::new(move |info| {
            if !keep(info) {
                before(info);
                if text(info.payload()).contains(OUTSIDE) {
                    eprintln!("{ADVICE}");
                }
            }
        }));
    });
}

/// False if it is to be reported.
fn keep(info: &PanicHookInfo<'_>) -> bool {
    let text = text(info.payload());
    let place = info.location().map_or_else(String::new, |place| format!(", at {}:{}", place.file(), place.line()));
    let thread = shuttle::current::try_get_current_task()
        .and_then(shuttle::current::get_name_for_task)
        .map_or_else(String::new, |name| format!(", in thread `{}`", String::from(name)));
    KEPT.try_with(|kept| {
        let Ok(mut kept) = kept.try_borrow_mut() else { return false };
        let Some(kept) = &mut *kept else { return false };
        kept.push(format!("{text}{place}{thread}"));
        // The process is about to end, and nobody will make a report.
        let aborts = text.contains("during cleanup") || text.contains("cannot unwind");
        if aborts {
            eprintln!("narrows::check: {}", kept.join("\nthen: "));
        }
        !aborts
    })
    .unwrap_or(false)
}
