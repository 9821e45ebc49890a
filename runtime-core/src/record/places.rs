//! The places in the source that a thread has written already, so that it takes the lock of the strings once for each place.
//!
//! Sets of four addresses, the latest first. A place that was forgotten is noted again; the list of strings still knows it.

/// Sets, one for each value of a hash of six bits.
const SETS: usize = 64;

/// See the module's page.
#[derive(Clone)]
pub(super) struct Places([[usize; 4]; SETS]);

impl Default for Places {
    fn default() -> Places {
        Places([[0; 4]; SETS])
    }
}

impl Places {
    /// Is the place at this address remembered?
    #[inline(always)]
    pub(super) fn has(&self, address: usize) -> bool {
        self.0[set_of(address)].contains(&address)
    }

    /// Was the place at this address remembered? It is from now on.
    #[inline]
    pub(super) fn knows(&mut self, address: usize) -> bool {
        let set = &mut self.0[set_of(address)];
        if set[0] == address {
            return true;
        }
        let known = set.iter().position(|place| *place == address);
        set[..=known.unwrap_or(3)].rotate_right(1);
        set[0] = address;
        known.is_some()
    }
}

/// Places are some 24 bytes apart; the multiplication (D. Knuth's) spreads them.
#[inline(always)]
fn set_of(address: usize) -> usize {
    let hash = (address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 58) as usize
}
