//! `select!` and `select_biased!`. Know nothing about waiting: they make an array of arms, let a function of
//! `internal` choose one of them, and complete the chosen operation with that arm's handle.
//!
//! The work is done by the hidden macro `__select`, in these steps:
//!
//! ```text
//! @read       one arm a step: [kind (arguments) [pattern] body handle place]
//! @handle     checks an arm and borrows what it names
//! @wait       chooses, in the way that `default` asks for
//! @finish     sends or receives, binds the pattern, runs the body
//! @otherwise  runs the body of `default`
//! ```
//!
//! Invariants:
//! * Each expression of the caller is expanded once and never inside a closure, so that a body may `break` or `return`.
//! * Every step of `@read` writes the word `handle` anew. Hygiene makes each of them a variable of its own, so there is
//!   no list of names to run out of: the number of arms is bounded by the caller's `recursion_limit` alone.
//! * Nothing borrowed for the choice is alive in a body, so that a body may move or assign what its arms named.

/// Waits until one of several operations can go ahead, carries it out and runs its body.
///
/// ```
/// use narrows::{bounded, select};
///
/// let (numbers, from_numbers) = bounded(1);
/// let (words, from_words) = bounded::<&str>(1);
/// numbers.send(7).unwrap();
///
/// let answer = select! {
///     recv(from_numbers) -> number => number.unwrap(),
///     recv(from_words) -> word => word.unwrap().len(),
/// };
/// assert_eq!(answer, 7);
/// # drop(words);
/// ```
///
/// Of several operations that are ready one is taken at random; [`select_biased!`](crate::select_biased) takes the
/// first. An operation is ready when it need not wait, and that includes an operation that fails because its channel is
/// closed. For a set of operations that is known only when the program runs, use [`Select`](crate::Select).
///
/// # Arms
///
/// | arm | is taken |
/// |---|---|
/// | `recv(receiver) -> pattern => body` | when `receiver.recv()` would not wait; `pattern` binds its `Result` |
/// | `send(sender, message) -> pattern => body` | when `sender.send(..)` would not wait; `pattern` binds its `Result` |
/// | `default => body`, `default() => body` | at once if no other arm is ready |
/// | `default(timeout) => body` | if no other arm gets ready within `timeout`, a [`Duration`](std::time::Duration) |
///
/// A body is an expression with a comma after it, or a block with or without one; all bodies have the same type, which
/// is that of the whole. They are not closures: `return`, `break`, `continue`, `?` and `.await` mean what they mean
/// around `select!`. The senders, the receivers and the timeout are evaluated once, in the order written and the timeout
/// last, and may be temporaries. The message is evaluated only if its arm was taken.
///
/// A receiver may be that of a [`oneshot`](crate::oneshot), whose arm is ready for ever once its message has come: take it
/// out of a loop by an `Option`. Or it is an [`Event`](crate::Event), such as that of a [`CancelToken`](crate::CancelToken),
/// received as `Ok(())`.
///
/// There is at most one `default`. Without it `select!` waits as long as it takes, `select! {}` for ever. The caller's
/// `recursion_limit` bounds the number of arms, to about 120 if it is left alone.
///
/// ```
/// use narrows::{after, bounded, select};
/// use std::time::Duration;
///
/// let (jobs, worker) = bounded(1);
/// let mut done = 0;
/// loop {
///     select! {
///         send(jobs, done) -> sent => sent.unwrap(),
///         recv(after(Duration::from_secs(60))) -> _ => break,
///         default(Duration::from_millis(1)) => {
///             assert_eq!(worker.recv(), Ok(done));
///             done += 1;
///             if done == 3 {
///                 break;
///             }
///         }
///     }
/// }
/// ```
///
/// # Disabled arms
///
/// A sender or receiver may be an `Option`, owned or of a reference. An arm that is `None` is never taken: it waits like
/// an arm on [`never()`](crate::never). Here an input that has ended is left out until both have:
///
/// ```
/// use narrows::{select, unbounded};
///
/// let (left, from_left) = unbounded();
/// let (right, from_right) = unbounded();
/// left.send(1).unwrap();
/// right.send(2).unwrap();
/// drop((left, right));
///
/// let mut sum = 0;
/// let (mut a, mut b) = (Some(from_left), Some(from_right));
/// while a.is_some() || b.is_some() {
///     select! {
///         recv(a) -> number => match number {
///             Ok(number) => sum += number,
///             Err(_) => a = None,
///         },
///         recv(b) -> number => match number {
///             Ok(number) => sum += number,
///             Err(_) => b = None,
///         },
///     }
/// }
/// assert_eq!(sum, 3);
/// ```
///
/// # Panics
///
/// If a message's expression leaves the arm, by `?` or `return` for instance, since the place that was chosen for the
/// message is then given back unused.
#[macro_export]
macro_rules! select {
    ($($arms:tt)*) => {
        $crate::__select!(@read false [] [] 0 $($arms)*)
    };
}

/// Does what [`select!`](crate::select) does, but takes the first of the operations that are ready, in the order
/// written.
///
/// ```
/// use narrows::{select_biased, unbounded};
///
/// let (urgent, from_urgent) = unbounded();
/// let (normal, from_normal) = unbounded();
/// normal.send("later").unwrap();
/// urgent.send("now").unwrap();
///
/// for expected in ["now", "later"] {
///     let message = select_biased! {
///         recv(from_urgent) -> message => message,
///         recv(from_normal) -> message => message,
///     };
///     assert_eq!(message, Ok(expected));
/// }
/// ```
///
/// An arm that is always ready keeps those below it from ever being taken. A closed channel's arm is always ready: leave
/// it out by a `None`, as `select!` explains.
#[macro_export]
macro_rules! select_biased {
    ($($arms:tt)*) => {
        $crate::__select!(@read true [] [] 0 $($arms)*)
    };
}

/// The name by which wrappers of crossbeam-channel's macros call them, with their choice of order in `_IS_BIASED`.
#[doc(hidden)]
#[macro_export]
macro_rules! crossbeam_channel_internal {
    ($($arms:tt)*) => {
        $crate::__select!(@read _IS_BIASED [] [] 0 $($arms)*)
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    // Every arm is read. The `match` keeps the temporaries behind the handles alive to its end.
    (
        @read $biased:tt $defaults:tt
        [$([$kind:ident $args:tt $pattern:tt $body:tt $handle:ident $place:tt])*] $count:tt
    ) => {{
        match ($($crate::__select!(@handle $kind $args $pattern),)*) {
            ($($handle,)*) => {
                let arms = [$($crate::internal::entry($handle)),*];
                let (chosen, operation) =
                    $crate::internal::outcome($crate::__select!(@wait $biased arms $defaults));
                match chosen {
                    $(index if index == $place => {
                        $crate::__select!(@finish $kind $args $pattern $body $handle operation)
                    })*
                    _ => match ::core::mem::drop(operation) {
                        () => $crate::__select!(@otherwise $defaults),
                    },
                }
            }
        }
    }};
    (
        @read $biased:tt [$($defaults:tt)*] $arms:tt $count:tt
        default $(($($timeout:expr $(,)?)?))? => $body:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select!(
            @read $biased [$($defaults)* [($($($timeout)?)?) $body]] $arms $count $($($rest)*)?
        )
    };
    (
        @read $biased:tt [$($defaults:tt)*] $arms:tt $count:tt
        default $(($($timeout:expr $(,)?)?))? => $body:block $($rest:tt)*
    ) => {
        $crate::__select!(
            @read $biased [$($defaults)* [($($($timeout)?)?) $body]] $arms $count $($rest)*
        )
    };
    (
        @read $biased:tt $defaults:tt [$($arms:tt)*] $count:tt
        $kind:ident ($($args:tt)*) $(-> $pattern:pat)? => $body:expr $(, $($rest:tt)*)?
    ) => {
        $crate::__select!(
            @read $biased $defaults
            [$($arms)* [$kind ($($args)*) [$($pattern)?] $body handle $count]] ($count + 1)
            $($($rest)*)?
        )
    };
    (
        @read $biased:tt $defaults:tt [$($arms:tt)*] $count:tt
        $kind:ident ($($args:tt)*) $(-> $pattern:pat)? => $body:block $($rest:tt)*
    ) => {
        $crate::__select!(
            @read $biased $defaults
            [$($arms)* [$kind ($($args)*) [$($pattern)?] $body handle $count]] ($count + 1)
            $($rest)*
        )
    };
    (@read $biased:tt $defaults:tt $arms:tt $count:tt $($rest:tt)*) => {
        $crate::__select_error!($($rest)*)
    };

    (@handle recv ($receiver:expr $(,)?) [$pattern:pat]) => { $crate::internal::receiver(&$receiver) };
    (@handle send ($sender:expr, $message:expr $(,)?) [$pattern:pat]) => { $crate::internal::sender(&$sender) };
    (@handle $kind:ident $args:tt [$($pattern:pat)?]) => {
        $crate::__select_error!($kind $args $(-> $pattern)?)
    };

    (@wait $biased:tt $arms:ident []) => {
        ::core::option::Option::Some($crate::internal::select($arms, $biased))
    };
    (@wait $biased:tt $arms:ident [[() $body:expr]]) => {
        $crate::internal::try_select($arms, $biased).ok()
    };
    (@wait $biased:tt $arms:ident [[($timeout:expr) $body:expr]]) => {
        $crate::internal::select_timeout($arms, $biased, $timeout).ok()
    };
    (@wait $biased:tt $arms:ident $defaults:tt) => {
        ::core::compile_error!("more than one `default`: a `select!` takes at most one")
    };

    // A body is that of a `match` arm, not the end of a block, where the compiler would find braces in `=> { 1 }` needless.
    (@finish recv $args:tt [$pattern:pat] $body:tt $handle:ident $operation:ident) => {{
        let result = $crate::internal::received($operation, $handle);
        let $pattern = result;
        match () {
            () => $body,
        }
    }};
    (
        @finish send ($sender:expr, $message:expr $(,)?) [$pattern:pat]
        $body:tt $handle:ident $operation:ident
    ) => {{
        let result = $crate::internal::present($operation).send($crate::internal::present($handle), $message);
        let $pattern = result;
        match () {
            () => $body,
        }
    }};
    // `@handle` has said what is wrong with the arm.
    (@finish $($arm:tt)*) => { $crate::internal::no_such_arm() };

    (@otherwise [[$timeout:tt $body:expr]]) => { $body };
    (@otherwise $defaults:tt) => { $crate::internal::no_such_arm() };
}

/// Says what is wrong at the head of these tokens: an arm that cannot be read, or that was read and makes no sense.
#[doc(hidden)]
#[macro_export]
macro_rules! __select_error {
    (recv $($rest:tt)*) => {
        $crate::__select_error!(@arm "`recv(receiver) -> result => body`" recv $($rest)*)
    };
    (send $($rest:tt)*) => {
        $crate::__select_error!(@arm "`send(sender, message) -> result => body`" send $($rest)*)
    };
    (default => $($rest:tt)*) => {
        $crate::__select_error!(default () => $($rest)*)
    };
    (default $($rest:tt)*) => {
        $crate::__select_error!(
            @arm "`default => body` or `default(timeout) => body`" default $($rest)*
        )
    };
    (; $($rest:tt)*) => {
        ::core::compile_error!("arms are separated by `,`, not by `;`")
    };

    (@arm $form:literal $kind:ident ($($args:tt)*) $(-> $pattern:pat)? =>) => {
        ::core::compile_error!(::core::concat!(
            "no body after `", ::core::stringify!($kind($($args)*) $(-> $pattern)? =>), "`"
        ))
    };
    (@arm $form:literal $kind:ident ($($args:tt)*) $(-> $pattern:pat)? => $body:expr; $($rest:tt)*) => {
        $crate::__select_error!(;)
    };
    (@arm $form:literal $kind:ident ($($args:tt)*) $(-> $pattern:pat)? => $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected an expression and a `,`, or a block, after `",
            ::core::stringify!($kind($($args)*) $(-> $pattern)? =>), "`"
        ))
    };
    // The first five tokens show where it goes wrong; the rest may be long.
    (@arm $form:literal $a:tt $($b:tt $($c:tt $($d:tt $($e:tt $($rest:tt)*)?)?)?)?) => {
        ::core::compile_error!(::core::concat!(
            "expected ", $form, ", found `", ::core::stringify!($a $($b $($c $($d $($e)?)?)?)?), "`"
        ))
    };

    ($found:tt $($rest:tt)*) => {
        ::core::compile_error!(::core::concat!(
            "expected `recv`, `send` or `default`, found `", ::core::stringify!($found), "`"
        ))
    };
}
