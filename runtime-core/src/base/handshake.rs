//! The handshake of two threads over two words: each writes its own, then looks at the other's.
//!
//! ```text
//!   one side                      other side
//!   write A                       write B
//!   fence(SeqCst)                 fence(SeqCst)
//!   look at B                     look at A
//! ```
//! Contract: at least one of the two looks sees the other side's write. So when one side announces that it is about to
//! sleep and the other that there is work, either the sleeper finds the work or the other finds the sleeper.
//!
//! Proof: SeqCst fences have one order. The side whose fence comes second looks after the first side's fence, and
//! that fence stands after the first side's write; so the second side's look sees it (C++20 `[atomics.order]` p4, the
//! fence-fence case). The accesses may be Relaxed. Each side must use [`announce`]: with one fence missing both looks may
//! miss, on x86 too, where a store waits in the store buffer while the look reads memory (Dekker's pattern).
//!
//! A SeqCst *access* in place of a fence would also do, but the model checker treats it as AcqRel and reports false alarms.

use super::shim::sync::atomic::{Ordering, fence};

/// One side: `write` its word, then `look` at the other's.
///
/// Both may be several accesses, of any ordering; all of `write` comes before all of `look`.
#[inline(always)]
#[track_caller]
pub fn announce<R>(write: impl FnOnce(), look: impl FnOnce() -> R) -> R {
    write();
    between();
    look()
}

/// The point between the write and the look, for a side whose two halves are in different functions.
#[inline(always)]
#[track_caller]
pub fn between() {
    // Ordering: SeqCst fence; pairs with the other side's, see the module's page.
    fence(Ordering::SeqCst);
}
