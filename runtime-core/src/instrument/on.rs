//! The room with the feature `tracing`: the spans and events that its page lists.

use super::site::SpawnSite;
use pin_project_lite::pin_project;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tracing::Span;
use tracing::instrument::{Instrument, Instrumented};

/// A future with its task's span.
pub type Task<F> = Instrumented<F>;

/// The span of a task, as wakers name it; none if no subscriber wanted it.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanId(Option<u64>);

impl SpanId {
    /// Emits what was done with a waker of the task.
    #[inline]
    pub(crate) fn waker_event(self, op: &'static str) {
        if let Some(id) = self.0 {
            tracing::trace!(target: "tokio::task::waker", op, task.id = id);
        }
    }
}

/// Size before boxing, if it was boxed.
fn original_size(site: &SpawnSite<'_>, size: usize) -> Option<usize> {
    (site.size != 0 && site.size != size).then_some(site.size)
}

fn with_span<F: Future>(future: F, span: Span) -> (Task<F>, SpanId) {
    let id = SpanId(span.id().map(|id| id.into_u64()));
    (future.instrument(span), id)
}

/// Gives the future of a new task its span.
pub(crate) fn task<F: Future>(
    future: F,
    kind: &'static str,
    site: SpawnSite<'_>,
    id: u64,
) -> (Task<F>, SpanId) {
    let span = tracing::trace_span!(
        target: "tokio::task",
        parent: None,
        "runtime.spawn",
        %kind,
        task.name = %site.name.unwrap_or_default(),
        task.id = id,
        original_size.bytes = original_size(&site, size_of::<F>()),
        size.bytes = size_of::<F>(),
        loc.file = site.spawned_at.file(),
        loc.line = site.spawned_at.line(),
        loc.col = site.spawned_at.column(),
    );
    with_span(future, span)
}

/// Gives a closure of type `C` on the blocking pool, which `future` runs, its span.
pub(crate) fn blocking<C, F: Future>(future: F, site: SpawnSite<'_>, id: u64) -> (Task<F>, SpanId) {
    let span = tracing::trace_span!(
        target: "tokio::task::blocking",
        "runtime.spawn",
        kind = %"blocking",
        task.name = %site.name.unwrap_or_default(),
        task.id = id,
        "fn" = %std::any::type_name::<C>(),
        original_size.bytes = original_size(&site, size_of::<C>()),
        size.bytes = size_of::<C>(),
        loc.file = site.spawned_at.file(),
        loc.line = site.spawned_at.line(),
        loc.col = site.spawned_at.column(),
    );
    with_span(future, span)
}

/// A lock, a channel, a timer.
#[derive(Clone, Debug)]
pub struct Resource(pub Span);

impl Resource {
    /// A resource that nobody watches.
    pub const NONE: Resource = Resource(Span::none());

    /// Runs `f` within the resource's span.
    #[inline]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        self.0.in_scope(f)
    }
}

/// A wait on a resource.
#[derive(Clone, Debug)]
pub struct Op {
    /// From the first poll to the end.
    pub op: Span,
    /// Entered with each poll.
    pub poll: Span,
}

/// The spans that are entered while a wait is polled; left in reverse.
#[must_use]
#[derive(Debug)]
pub struct Entered<'a>(
    #[allow(dead_code)] tracing::span::Entered<'a>,
    #[allow(dead_code)] tracing::span::Entered<'a>,
    #[allow(dead_code)] tracing::span::Entered<'a>,
);

impl Op {
    /// A wait that nobody watches.
    pub const NONE: Op = Op {
        op: Span::none(),
        poll: Span::none(),
    };

    /// Enters the spans of the resource, the wait, and its poll.
    pub fn enter<'a>(&'a self, resource: &'a Resource) -> Entered<'a> {
        let resource = resource.0.enter();
        let op = self.op.enter();
        let poll = self.poll.enter();
        Entered(poll, op, resource)
    }

    /// Runs `f` within the wait's span.
    #[inline]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        self.op.in_scope(f)
    }
}

/// Emits how a wait's poll ended.
#[inline]
pub fn poll_op<T>(name: &'static str, result: Poll<T>) -> Poll<T> {
    tracing::trace!(
        target: "runtime::resource::poll_op",
        op_name = name,
        is_ready = result.is_ready(),
    );
    result
}

/// What waits were given under a lock, to be emitted after its release.
#[derive(Debug, Default)]
pub struct Grants(Vec<(Op, usize)>);

impl Grants {
    /// Nothing yet.
    pub const fn new() -> Grants {
        Grants(Vec::new())
    }

    /// Remembers that the wait got `n`; leaves nothing in its place.
    pub fn push(&mut self, op: &mut Op, n: usize) {
        self.0.push((std::mem::replace(op, Op::NONE), n));
    }

    /// Emits all.
    pub fn tell(self) {
        for (op, n) in self.0 {
            crate::op_update!(op, permits_obtained = n, permits.op = "add");
        }
    }
}

pin_project! {
    /// A future that is a wait on a resource.
    pub struct AsyncOp<F> {
        #[pin]
        inner: F,
        spans: Op,
        resource: Resource,
        poll_name: &'static str,
    }
}

/// Makes a wait on `resource` of a future; `make` makes the future within the wait's spans.
pub fn async_op<F: Future>(
    resource: &Resource,
    source: &'static str,
    poll_name: &'static str,
    make: impl FnOnce() -> F,
) -> AsyncOp<F> {
    let resource = resource.clone();
    let (inner, spans) = resource.scope(|| {
        let op = tracing::trace_span!(
            target: "tokio::util::trace",
            "runtime.resource.async_op",
            source,
            inherits_child_attrs = false,
        );
        let poll = op.in_scope(
            || tracing::trace_span!(target: "tokio::util::trace", "runtime.resource.async_op.poll"),
        );
        (op.in_scope(make), Op { op, poll })
    });
    AsyncOp {
        inner,
        spans,
        resource,
        poll_name,
    }
}

impl<F: Future> Future for AsyncOp<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _entered = this.spans.enter(this.resource);
        poll_op(this.poll_name, this.inner.poll(cx))
    }
}
