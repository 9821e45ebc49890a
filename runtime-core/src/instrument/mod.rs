//! What tokio-console sees: spans of tasks and resources, events of what happens to them (feature `tracing`).
//!
//! ```text
//! runtime.spawn                 a task; entered while it is polled or dropped (target tokio::task)
//! tokio::task::waker            an event for each clone, wake and drop of its waker
//! runtime.resource              a lock, a channel, a timer
//!   ├─ runtime.resource.async_op        a wait on it
//!   │    └─ runtime.resource.async_op.poll
//!   ├─ runtime::resource::state_update  an event: a number or flag of it changed
//!   └─ runtime::resource::poll_op       an event: a wait was polled
//! ```
//! Names, targets and fields are those that tokio 1.54.1 emits and console subscribers look for.
//!
//! Without the feature every type here is empty and every function does nothing, so that the rooms that call
//! them need no conditional code.
//!
//! - I1: a subscriber is user code: nothing here is called while a runtime lock is held.
//! - I2: a subscriber may panic: a caller brings its own state in order before it calls.

mod site;

#[cfg(feature = "tracing")]
mod on;
#[cfg(feature = "tracing")]
pub use on::{AsyncOp, Entered, Grants, Op, Resource, SpanId, Task, async_op, poll_op};
#[cfg(feature = "tracing")]
pub(crate) use on::{blocking, task};

#[cfg(not(feature = "tracing"))]
mod off;
#[cfg(not(feature = "tracing"))]
pub use off::{AsyncOp, Entered, Grants, Op, Resource, SpanId, Task, async_op, poll_op};
#[cfg(not(feature = "tracing"))]
pub(crate) use off::{blocking, task};

#[cfg(feature = "tracing")]
#[doc(hidden)]
pub use tracing;

/// Is the feature on?
pub const ENABLED: bool = cfg!(feature = "tracing");

/// A [`Resource`] of the given target, type and kind, made at `location`.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! resource {
    ($target:literal, $type:literal, $kind:literal, $location:expr $(, $($field:tt)*)?) => {{
        let location: &'static ::std::panic::Location<'static> = $location;
        $crate::instrument::Resource($crate::instrument::tracing::trace_span!(
            target: $target,
            parent: None,
            "runtime.resource",
            concrete_type = $type,
            kind = $kind,
            loc.file = location.file(),
            loc.line = location.line(),
            loc.col = location.column(),
            $($($field)*)?
        ))
    }};
}

/// Without the feature: an empty value.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! resource {
    ($target:literal, $type:literal, $kind:literal, $location:expr $(, $($field:tt)*)?) => {{
        let _: &'static ::std::panic::Location<'static> = $location;
        $crate::instrument::Resource
    }};
}

/// Emits an event: fields of the resource whose span is entered have changed.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! state_told {
    ($($field:tt)*) => {
        $crate::instrument::tracing::trace!(target: "runtime::resource::state_update", $($field)*)
    };
}

/// Without the feature: nothing.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! state_told {
    ($($field:tt)*) => {
        ()
    };
}

/// Emits an event: fields of a resource have changed.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! state_update {
    ($resource:expr, $($field:tt)*) => {
        $resource.scope(|| {
            $crate::instrument::tracing::trace!(target: "runtime::resource::state_update", $($field)*)
        })
    };
}

/// Without the feature: nothing.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! state_update {
    ($resource:expr, $($field:tt)*) => {
        let _ = &$resource;
    };
}

/// Emits an event: fields of a wait have changed.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! op_update {
    ($op:expr, $($field:tt)*) => {
        $op.scope(|| {
            $crate::instrument::tracing::trace!(
                target: "runtime::resource::async_op::state_update",
                $($field)*
            )
        })
    };
}

/// Without the feature: nothing.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! op_update {
    ($op:expr, $($field:tt)*) => {
        let _ = &$op;
    };
}

/// The spans of a wait on a resource, of the given target and source.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! op {
    ($target:literal, $resource:expr, $source:literal) => {{
        let op = $crate::instrument::tracing::trace_span!(
            target: $target,
            parent: &$resource.0,
            "runtime.resource.async_op",
            source = $source,
        );
        let poll = $crate::instrument::tracing::trace_span!(
            target: $target,
            parent: &op,
            "runtime.resource.async_op.poll"
        );
        $crate::instrument::Op { op, poll }
    }};
}

/// Without the feature: an empty value.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! op {
    ($target:literal, $resource:expr, $source:literal) => {{
        let _ = &$resource;
        $crate::instrument::Op
    }};
}

/// As [`op!`], but the parents are the spans that are entered.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! inner_op {
    ($target:literal, $resource:expr, $source:literal) => {{
        let op = $resource.scope(|| {
            $crate::instrument::tracing::trace_span!(
                target: $target,
                "runtime.resource.async_op",
                source = $source,
            )
        });
        let poll = op.in_scope(|| {
            $crate::instrument::tracing::trace_span!(
                target: $target,
                "runtime.resource.async_op.poll"
            )
        });
        $crate::instrument::Op { op, poll }
    }};
}

/// Without the feature: an empty value.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! inner_op {
    ($target:literal, $resource:expr, $source:literal) => {
        $crate::op!($target, $resource, $source)
    };
}

/// Awaits a block, which is a wait on `$resource`.
#[cfg(feature = "tracing")]
#[doc(hidden)]
#[macro_export]
macro_rules! wait_on {
    ($resource:expr, $source:literal, $wait:block) => {
        $crate::instrument::async_op(&$resource, $source, "poll", || async move { $wait }).await
    };
}

/// The block itself: not even a future of its own.
#[cfg(not(feature = "tracing"))]
#[doc(hidden)]
#[macro_export]
macro_rules! wait_on {
    ($resource:expr, $source:literal, $wait:block) => {{
        let _ = &$resource;
        $wait
    }};
}

pub use crate::{inner_op, op, op_update, resource, state_told, state_update, wait_on};
pub(crate) use site::SpawnSite;
