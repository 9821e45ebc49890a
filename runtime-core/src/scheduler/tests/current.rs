//! The current-thread scheduler's state by itself.

use super::*;

#[test]
fn the_room_of_a_burst_is_given_back() {
    for (room, left) in [(64, 64), (1024, 1024), (1025, 64), (5000, 64)] {
        let mut core = CurrentThreadCore::new(1, None);
        core.queue = VecDeque::with_capacity(room);
        core.give_memory_back();
        assert_eq!(core.queue.capacity(), left);
    }
}
