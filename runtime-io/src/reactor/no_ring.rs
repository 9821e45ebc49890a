//! A reactor without io_uring: another system, or the feature is off.

use std::time::Duration;

/// No event's token: that of unparking, which is looked for first.
pub(super) const RING: mio::Token = mio::Token(usize::MAX);

pub(super) struct RingSlot;

impl RingSlot {
    pub(super) fn new() -> RingSlot {
        RingSlot
    }

    pub(super) fn before_wait(&self, timeout: Option<Duration>, _: bool) -> Option<Duration> {
        timeout
    }

    pub(super) fn deliver(&self, _: bool) {}

    pub(super) fn shut_down(&self) {}
}
