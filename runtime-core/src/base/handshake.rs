//! The handshake of two threads over two words: each writes its own word, then reads the other's.
//!
//! ```text
//!   one side                      other side
//!   write A                       write B
//!   store_load()                  store_load()
//!   read B                        read A
//! ```
//! Contract: at least one of the two reads sees the other side's write. So when one side announces that it is about to
//! sleep and the other side that there is work, either the sleeper finds the work or the other side finds the sleeper.
//!
//! Proof: the fences are SeqCst, and SeqCst fences have one order. The side whose fence comes second reads after the first
//! side's fence, which stands after the first side's write; so the second side's read sees that write (C++20
//! `[atomics.order]` p4, the case of two fences). The accesses themselves may be Relaxed. Both sides need the fence: without
//! one of them both reads may miss, on x86 too, where a store waits in the store buffer while the read goes to memory
//! (Dekker's pattern).
//!
//! A SeqCst *access* in place of a fence would also do, but the model checker treats it as AcqRel and reports false alarms.

use super::shim::sync::atomic::{Ordering, fence};

/// To be called between a side's write and its read.
#[inline(always)]
#[track_caller]
pub fn store_load() {
    // Ordering: SeqCst fence; pairs with the other side's, see the module's page.
    fence(Ordering::SeqCst);
}
