//! Stamps out tests: a rule becomes one test for each way, or one test, over all kinds named. Written last.

/// One test for each way, each over these kinds.
#[macro_export]
macro_rules! every_way {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $($crate::stamp_ways! { $module::$rule: $kinds;
            threads THREADS, pool POOL, tokio TOKIO, threads_to_tasks THREADS_TO_TASKS,
            tasks_to_threads TASKS_TO_THREADS, timed TIMED, select SELECT, macros MACROS,
            select_async SELECT_ASYNC, permits PERMITS, permits_async PERMITS_ASYNC
        })*
    };
}

/// One test for each of the two hosts, where the rule itself chooses the verb.
#[macro_export]
macro_rules! both_hosts {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $($crate::stamp_ways! { $module::$rule: $kinds; threads THREADS, pool POOL, tokio TOKIO })*
    };
}

/// One test for each way that has a verb of its own wherever there is `send` or `recv`.
#[macro_export]
macro_rules! every_verb_way {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $($crate::stamp_ways! { $module::$rule: $kinds;
            threads THREADS, pool POOL, tokio TOKIO, threads_to_tasks THREADS_TO_TASKS,
            tasks_to_threads TASKS_TO_THREADS, timed TIMED
        })*
    };
}

/// One test for each way in which threads sleep.
#[macro_export]
macro_rules! every_thread_way {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $($crate::stamp_ways! { $module::$rule: $kinds;
            threads THREADS, timed TIMED, select SELECT, macros MACROS, permits PERMITS
        })*
    };
}

/// One test, over these kinds.
#[macro_export]
macro_rules! every_kind {
    ($($module:ident::$rule:ident: $kinds:ident;)*) => {
        $(#[test]
        fn $rule() {
            $crate::deadline::on_kinds($crate::kind::$kinds, $crate::$module::$rule);
        })*
    };
}

/// One test, of something that has no kind.
#[macro_export]
macro_rules! once {
    ($($module:ident::$rule:ident;)*) => {
        $(#[test]
        fn $rule() {
            $crate::deadline::within(stringify!($rule), $crate::$module::$rule);
        })*
    };
}

/// The other macros' way of making tests.
#[doc(hidden)]
#[macro_export]
macro_rules! stamp_ways {
    ($module:ident::$rule:ident: $kinds:ident; $($name:ident $way:ident),*) => {
        mod $rule {
            $(#[test]
            fn $name() {
                let (kinds, way) = ($crate::kind::$kinds, &$crate::way::$way);
                $crate::deadline::on_kinds_by(way, kinds, $crate::$module::$rule);
            })*
        }
    };
}
