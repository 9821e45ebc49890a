//! `random TARGET|all SECONDS [SEED]`: runs a target on random bytes, without a fuzzer. `random TARGET FILE`: on one input.

use std::time::{Duration, Instant};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let usage = "random TARGET|all SECONDS|FILE [SEED]";
    let (name, what) = (args.first().expect(usage), args.get(1).expect(usage));
    for (target, run) in selvedge_fuzz::TARGETS {
        if name != "all" && name != target {
            continue;
        }
        let Ok(seconds) = what.parse::<f64>() else {
            run(&std::fs::read(what).expect("the input"));
            continue;
        };
        let mut seed = args
            .get(2)
            .map_or(1, |seed| seed.parse::<u64>().expect(usage));
        let start = Instant::now();
        let mut runs = 0;
        while start.elapsed() < Duration::from_secs_f64(seconds) {
            let bytes = bytes(seed);
            if let Err(payload) = std::panic::catch_unwind(|| run(&bytes)) {
                let path = std::env::temp_dir().join(format!("{target}-{seed}"));
                let _ = std::fs::write(&path, &bytes);
                eprintln!("{target} fails with seed {seed}: {}", path.display());
                std::panic::resume_unwind(payload);
            }
            seed += 1;
            runs += 1;
        }
        println!("{target}: {runs} runs");
    }
}

/// Random bytes by SplitMix64, of a random length.
fn bytes(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    };
    let len = next() % 300;
    (0..len).map(|_| next() as u8).collect()
}
