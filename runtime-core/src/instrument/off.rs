//! The room without the feature `tracing`: types are empty, and functions do nothing.

use super::site::SpawnSite;
use std::future::Future;
use std::marker::PhantomData;
use std::task::Poll;

/// The future itself.
pub type Task<F> = F;

/// The future itself.
pub type AsyncOp<F> = F;

/// Nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct SpanId;

impl SpanId {
    #[inline(always)]
    pub(crate) fn waker_event(self, _op: &'static str) {}
}

#[inline(always)]
pub(crate) fn task<F: Future>(
    future: F,
    _kind: &'static str,
    _site: SpawnSite<'_>,
    _id: u64,
) -> (Task<F>, SpanId) {
    (future, SpanId)
}

#[inline(always)]
pub(crate) fn blocking<C, F: Future>(
    future: F,
    _site: SpawnSite<'_>,
    _id: u64,
) -> (Task<F>, SpanId) {
    let _ = PhantomData::<C>;
    (future, SpanId)
}

/// Nothing.
#[derive(Clone, Debug)]
pub struct Resource;

impl Resource {
    /// Nothing.
    pub const NONE: Resource = Resource;

    /// Runs `f`.
    #[inline(always)]
    pub fn scope<R>(&self, f: impl FnOnce() -> R) -> R {
        f()
    }
}

/// Nothing.
#[derive(Clone, Debug)]
pub struct Op;

/// Nothing.
#[must_use]
#[derive(Debug)]
pub struct Entered<'a>(PhantomData<&'a Op>);

impl Op {
    /// Nothing.
    pub const NONE: Op = Op;

    /// Does nothing.
    #[inline(always)]
    pub fn enter<'a>(&'a self, _resource: &'a Resource) -> Entered<'a> {
        Entered(PhantomData)
    }
}

/// The result.
#[inline(always)]
pub fn poll_op<T>(_name: &'static str, result: Poll<T>) -> Poll<T> {
    result
}

/// Nothing.
#[derive(Debug, Default)]
pub struct Grants;

impl Grants {
    /// Nothing.
    pub const fn new() -> Grants {
        Grants
    }

    /// Does nothing.
    #[inline(always)]
    pub fn push(&mut self, _op: &mut Op, _n: usize) {}

    /// Does nothing.
    #[inline(always)]
    pub fn tell(self) {}
}

/// The future that `make` makes.
#[inline(always)]
pub fn async_op<F: Future>(
    _resource: &Resource,
    _source: &'static str,
    _poll_name: &'static str,
    make: impl FnOnce() -> F,
) -> AsyncOp<F> {
    make()
}
