//! Random numbers, for every random choice of the runtime: victims of stealing, branch order of `select!`.
//!
//! A 64-bit xorshift* generator (Marsaglia 2003, Vigna 2016) seeded from one runtime-wide
//! sequence, so a runtime built with a fixed [`RngSeed`] makes the same choices each time.

use super::shim::sync::Mutex;
use std::cell::Cell;
use std::hash::{BuildHasher, Hasher, RandomState};

/// Seed of a runtime's random choices.
#[derive(Clone, Debug)]
pub struct RngSeed(u64);

impl RngSeed {
    /// A seed computed from `bytes`; equal bytes give equal seeds.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        // FNV-1a (Fowler, Noll, Vo).
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        RngSeed(hash)
    }

    pub(crate) fn random() -> Self {
        let mut hasher = RandomState::new().build_hasher();
        // A forked child has its parent's keys.
        hasher.write_u32(std::process::id());
        RngSeed(hasher.finish())
    }
}

/// One generator; never zero inside.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) const UNSEEDED: Rng = Rng(0);

    pub(crate) fn new(seed: &RngSeed) -> Self {
        Rng(seed.0 | 1)
    }

    pub(crate) fn is_unseeded(self) -> bool {
        self.0 == 0
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// A number below `n`, by multiplication instead of division (Lemire 2016).
    pub(crate) fn below(&mut self, n: u32) -> u32 {
        (((self.next() >> 32) * u64::from(n)) >> 32) as u32
    }
}

/// Hands out the seeds of a runtime's generators, one after another.
#[derive(Debug)]
pub(crate) struct SeedSequence(Mutex<Rng>);

impl SeedSequence {
    pub(crate) fn new(seed: RngSeed) -> Self {
        SeedSequence(Mutex::new(Rng::new(&seed)))
    }

    pub(crate) fn next_seed(&self) -> RngSeed {
        RngSeed(self.0.lock().next())
    }
}

crate::runtime_thread_local! {
    static THREAD: Cell<Rng> = Cell::new(Rng::UNSEEDED)
}

/// Makes `rng` this thread's generator; returns the previous one.
pub(crate) fn replace_thread_rng(rng: Rng) -> Rng {
    THREAD.with(|cell| cell.replace(rng))
}

/// A random number below `n`, from the runtime's seed on its own threads.
pub fn thread_rng_n(n: u32) -> u32 {
    THREAD.with(|cell| {
        let mut rng = cell.get();
        if rng.is_unseeded() {
            rng = Rng::new(&RngSeed::random());
        }
        let value = rng.below(n);
        cell.set(rng);
        value
    })
}

/// In a forked child: the thread gets a new seed, as the parent goes on with the old numbers.
pub(crate) fn forget_runtime() {
    let _ = THREAD.try_with(|cell| cell.set(Rng::UNSEEDED));
}
#[cfg(all(test, not(runtime_loom)))]
#[path = "tests/rng.rs"]
mod tests;
