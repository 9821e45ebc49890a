//! Timer wheels: one level that forgets laps, and a hierarchy that does not.
//!
//! A timer is only its deadline here, in ticks.

const BITS: u32 = 3;
const LISTS: usize = 1 << BITS;
const LEVELS: usize = 3;

/// Files a timer by its deadline's last digit.
#[derive(Default)]
pub struct OneLevel {
    now: u64,
    lists: [Vec<u64>; LISTS],
}

impl OneLevel {
    pub fn insert(&mut self, deadline: u64) {
        self.lists[deadline as usize % LISTS].push(deadline);
    }

    /// A tick passes. Returns the timers that fire.
    pub fn tick(&mut self) -> Vec<u64> {
        self.now += 1;
        std::mem::take(&mut self.lists[self.now as usize % LISTS])
    }
}

/// Files a timer by the highest digit in which its deadline differs from now.
#[derive(Default)]
pub struct Wheel {
    now: u64,
    lists: [[Vec<u64>; LISTS]; LEVELS],
}

impl Wheel {
    fn place(&self, deadline: u64) -> (usize, usize) {
        let differing = (deadline ^ self.now) | (LISTS as u64 - 1);
        let level = ((63 - differing.leading_zeros()) / BITS).min(LEVELS as u32 - 1);
        (
            level as usize,
            (deadline >> (level * BITS)) as usize % LISTS,
        )
    }

    /// `deadline` is later than now. Only `tick` inserts a timer that is due.
    pub fn insert(&mut self, deadline: u64) {
        let (level, list) = self.place(deadline);
        self.lists[level][list].push(deadline);
    }

    /// A tick passes. Returns the timers that fire.
    pub fn tick(&mut self) -> Vec<u64> {
        self.now += 1;
        // From the top level down: a timer that leaves a level may go to the list that is emptied next.
        for level in (1..LEVELS).rev() {
            let (digit, below) = (self.now >> (level as u32 * BITS), level as u32 * BITS);
            if self.now % (1 << below) == 0 {
                let again = std::mem::take(&mut self.lists[level][digit as usize % LISTS]);
                again.into_iter().for_each(|deadline| self.insert(deadline));
            }
        }
        std::mem::take(&mut self.lists[0][self.now as usize % LISTS])
    }
}

#[cfg(test)]
mod tests {
    use super::{OneLevel, Wheel};

    #[test]
    fn one_level_fires_a_lap_early() {
        let mut wheel = OneLevel::default();
        wheel.insert(11);
        let fired: Vec<u64> = (1..=3).flat_map(|_| wheel.tick()).collect();
        assert_eq!(fired, [11]); // at tick 3
    }

    #[test]
    fn every_timer_fires_at_its_tick() {
        let mut random = 1u64;
        let (mut wheel, mut pending) = (Wheel::default(), Vec::new());
        for now in 1..20_000 {
            random = random
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            // Deadlines are near and far: up to 2^11 ticks away. The wheel spans 2^9.
            let deadline = now + (random >> 33) % (1 << (1 + (random >> 60) % 11));
            wheel.insert(deadline);
            pending.push(deadline);
            let mut fired = wheel.tick();
            let mut due: Vec<u64> = pending.iter().copied().filter(|at| *at == now).collect();
            pending.retain(|at| *at > now);
            fired.sort_unstable();
            due.sort_unstable();
            assert_eq!(fired, due, "at tick {now}");
        }
    }
}
