//! Cooperative scheduling: the budget that makes every task yield now and then.
//!
//! A task gets [`BUDGET`] units for each poll. Every leaf future (a channel, a socket, a timer)
//! spends one before it makes progress, through [`poll_proceed`]; when none is left it wakes
//! itself through the scheduler's deferred list and returns `Pending`, so the worker gets round
//! to the driver and to its other tasks. Outside of a budgeted poll there is no limit.
//!
//! I1: a unit is spent only by progress: [`RestoreOnPending`] puts back what was taken unless
//! `made_progress` was called.

use crate::base::deferred;
use crate::base::waits::{self, WaitKind};
use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::OnceLock;
use std::task::{Context, Poll, ready};

/// Units a task may spend in one poll.
pub const BUDGET: u8 = 128;

/// What is left in the current poll; `None`: not limited.
#[derive(Clone, Copy, Debug)]
struct Budget(Option<u8>);

impl Budget {
    const UNLIMITED: Budget = Budget(None);
    const FULL: Budget = Budget(Some(BUDGET));

    fn is_spent(self) -> bool {
        self.0 == Some(0)
    }
}

crate::runtime_thread_local! {
    static BUDGET_LEFT: Cell<Budget> = Cell::new(Budget::UNLIMITED)
}

#[inline]
fn get_budget() -> Budget {
    BUDGET_LEFT.with(Cell::get)
}

#[inline]
fn set_budget(budget: Budget) {
    BUDGET_LEFT.with(|left| left.set(budget));
}

/// In a forked child: its thread runs no task any more.
pub(crate) fn forget_runtime() {
    let _ = BUDGET_LEFT.try_with(|left| left.set(Budget::UNLIMITED));
}

/// Called for each budget that is used up.
static ON_SPENT: OnceLock<fn()> = OnceLock::new();

/// Has `told` called on the thread of each task that uses up its budget. The first call counts.
pub(crate) fn tell_when_spent(told: fn()) {
    let _ = ON_SPENT.set(told);
}

#[cold]
fn budget_is_spent() {
    if let Some(told) = ON_SPENT.get() {
        told();
    }
}

/// Puts the previous budget back, on unwinding too.
pub(crate) struct Restore(Budget);

impl Drop for Restore {
    fn drop(&mut self) {
        set_budget(self.0);
    }
}

fn replace(budget: Budget) -> Restore {
    Restore(BUDGET_LEFT.with(|left| left.replace(budget)))
}

fn with_budget<R>(budget: Budget, f: impl FnOnce() -> R) -> R {
    let _restore = replace(budget);
    f()
}

/// Runs `f` with a full budget.
#[inline]
pub fn budget<R>(f: impl FnOnce() -> R) -> R {
    with_budget(Budget::FULL, f)
}

/// Runs `f` without a limit.
#[inline]
pub fn with_unconstrained<R>(f: impl FnOnce() -> R) -> R {
    with_budget(Budget::UNLIMITED, f)
}

/// Runs a poll of the runtime's own, for which no task waits: without a limit, not as part of a task dump, and without
/// notes of what it waits for.
#[doc(hidden)]
#[inline]
pub fn internally<R>(f: impl FnOnce() -> R) -> R {
    let _notes = waits::Poll::begin();
    #[cfg(feature = "taskdump")]
    let _untraced = crate::base::trace::untraced();
    with_unconstrained(f)
}

/// Ends the limit until the guard is dropped.
pub(crate) fn pause() -> Restore {
    replace(Budget::UNLIMITED)
}

/// Does the current task have budget left? Always true where there is no limit.
///
/// ```
/// assert!(runtime_core::coop::has_budget_remaining());
/// ```
#[inline]
pub fn has_budget_remaining() -> bool {
    !get_budget().is_spent()
}

/// Puts back a spent unit unless progress was made; see [`poll_proceed`].
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::future::poll_fn;
/// use std::task::{Poll, ready};
/// use selvedge::task::coop;
/// // A future that takes part in the budget: dropped without progress, the guard gives the unit back.
/// let answer = poll_fn(|cx| {
///     let guard = ready!(coop::poll_proceed(cx));
///     guard.made_progress();
///     Poll::Ready(42)
/// });
/// assert_eq!(answer.await, 42);
/// # }
/// ```
#[derive(Debug)]
#[must_use]
pub struct RestoreOnPending {
    budget: Cell<Budget>,
    /// The budget is this thread's.
    _not_send: PhantomData<*mut ()>,
}

impl RestoreOnPending {
    #[inline]
    fn of(budget: Budget) -> Self {
        RestoreOnPending {
            budget: Cell::new(budget),
            _not_send: PhantomData,
        }
    }

    /// Keeps the unit spent.
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use std::future::poll_fn;
    /// use std::task::{Poll, ready};
    /// use selvedge::task::coop;
    /// poll_fn(|cx| {
    ///     ready!(coop::poll_proceed(cx)).made_progress();
    ///     Poll::Ready(())
    /// })
    /// .await;
    /// # }
    /// ```
    #[inline]
    pub fn made_progress(&self) {
        self.budget.set(Budget::UNLIMITED);
    }
}

impl Drop for RestoreOnPending {
    #[inline]
    fn drop(&mut self) {
        let budget = self.budget.get();
        if budget.0.is_some() {
            set_budget(budget);
        }
    }
}

/// Spends one unit of the current task's budget.
///
/// `Pending` when nothing is left: the task has been set to be woken again. Otherwise the
/// unit is put back when the result is dropped, unless
/// [`made_progress`](RestoreOnPending::made_progress) was called on it.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::future::poll_fn;
/// use selvedge::task::coop;
/// // Ready while there is budget; without it the task is woken again at once.
/// poll_fn(coop::poll_proceed).await.made_progress();
/// # }
/// ```
#[inline]
pub fn poll_proceed(cx: &mut Context<'_>) -> Poll<RestoreOnPending> {
    ready!(poll_trace(cx));
    let before = get_budget();
    match before.0 {
        None => Poll::Ready(RestoreOnPending::of(Budget::UNLIMITED)),
        Some(0) => {
            deferred::defer(cx.waker());
            waits::note(WaitKind::Turn, waits::BUDGET_SPENT);
            Poll::Pending
        }
        Some(left) => {
            if left == 1 {
                budget_is_spent();
            }
            set_budget(Budget(Some(left - 1)));
            Poll::Ready(RestoreOnPending::of(before))
        }
    }
}

/// Spends one unit if `attempt` returns true. Without budget, or while this thread traces for a task dump, it returns
/// false and `attempt` is not called: the caller then awaits a leaf future, which begins with [`poll_proceed`].
#[inline]
pub(crate) fn spend_if(attempt: impl FnOnce() -> bool) -> bool {
    #[cfg(feature = "taskdump")]
    if crate::base::trace::is_tracing() {
        return false;
    }
    let before = get_budget();
    if before.is_spent() || !attempt() {
        return false;
    }
    if let Some(left) = before.0 {
        if left == 1 {
            budget_is_spent();
        }
        set_budget(Budget(Some(left - 1)));
    }
    true
}

/// `Pending` while this thread traces for a task dump. A leaf that does not begin with [`poll_proceed`] begins with this.
#[doc(hidden)]
#[inline(always)] // else it would be a frame of every trace
pub fn poll_trace(cx: &mut Context<'_>) -> Poll<()> {
    #[cfg(feature = "taskdump")]
    return crate::base::trace::poll_leaf(cx);
    #[cfg(not(feature = "taskdump"))]
    {
        let _ = cx;
        Poll::Ready(())
    }
}

/// `Pending` exactly when the budget is spent, spending nothing; for `select!` and `join!`.
#[inline]
pub fn poll_budget_available(cx: &mut Context<'_>) -> Poll<()> {
    if has_budget_remaining() {
        Poll::Ready(())
    } else {
        deferred::defer(cx.waker());
        waits::note(WaitKind::Turn, waits::BUDGET_SPENT);
        Poll::Pending
    }
}

/// Spends one unit of the budget, yielding first if none is left.
///
/// For loops whose awaits are always ready.
///
/// # Cancel safety
/// Cancel safe: dropping it spends nothing.
///
/// # Examples
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::task::coop;
/// let mut sum = 0_u64;
/// for n in 0..10_000 {
///     sum += n;
///     coop::consume_budget().await; // yields now and then
/// }
/// assert_eq!(sum, 49_995_000);
/// # }
/// ```
pub async fn consume_budget() {
    poll_fn(|cx| {
        let restore = ready!(poll_proceed(cx));
        restore.made_progress();
        Poll::Ready(())
    })
    .await;
}

pin_project_lite::pin_project! {
    /// Future of [`unconstrained`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::task::coop::{Unconstrained, unconstrained};
    /// let future: Unconstrained<_> = unconstrained(async { 1 });
    /// assert_eq!(future.await, 1);
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Unconstrained<F> {
        #[pin]
        inner: F,
    }
}

/// Polls `inner` without a budget: it never yields because of cooperative scheduling.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use selvedge::{sync::mpsc, task::coop::unconstrained};
/// let (tx, mut rx) = mpsc::unbounded_channel();
/// (0..1000).for_each(|n| tx.send(n).unwrap());
/// drop(tx);
/// // The budget forces no yield in here.
/// let count = unconstrained(async {
///     let mut count = 0;
///     while rx.recv().await.is_some() {
///         count += 1;
///     }
///     count
/// });
/// assert_eq!(count.await, 1000);
/// # }
/// ```
pub fn unconstrained<F>(inner: F) -> Unconstrained<F> {
    Unconstrained { inner }
}

impl<F: Future> Future for Unconstrained<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let inner = self.project().inner;
        with_unconstrained(|| inner.poll(cx))
    }
}

pin_project_lite::pin_project! {
    /// Future of [`cooperative`].
    ///
    /// ```
    /// # #[selvedge::main(flavor = "current_thread")]
    /// # async fn main() {
    /// use selvedge::task::coop::{Coop, cooperative};
    /// let future: Coop<_> = cooperative(async { 1 });
    /// assert_eq!(future.await, 1);
    /// # }
    /// ```
    #[derive(Debug)]
    #[must_use = "futures do nothing unless awaited"]
    pub struct Coop<F> {
        #[pin]
        inner: F,
    }
}

/// Makes `fut` a leaf: its completion spends one unit, and a poll yields first if none is left.
///
/// ```
/// # #[selvedge::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::future::ready;
/// use selvedge::task::coop::cooperative;
/// // A future that is always ready takes part in the budget, so a loop over it yields.
/// for n in 0..1000 {
///     assert_eq!(cooperative(ready(n)).await, n);
/// }
/// # }
/// ```
pub fn cooperative<F: Future>(fut: F) -> Coop<F> {
    Coop { inner: fut }
}

impl<F: Future> Future for Coop<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let restore = ready!(poll_proceed(cx));
        let output = ready!(self.project().inner.poll(cx));
        restore.made_progress();
        Poll::Ready(output)
    }
}
