//! The generator against numbers computed elsewhere, and the bounds of what it draws.

use super::*;

/// The first outputs of xorshift64* from state 1.
const FROM_ONE: [u64; 5] = [
    0x47e4_ce4b_896c_dd1d,
    0xabcf_a6a8_e079_651d,
    0xb9d1_0d8f_eb73_1f57,
    0x4db4_18a0_bb1b_019d,
    0x0e61_99b0_4d5a_a600,
];

#[test]
fn a_seed_gives_the_published_sequence() {
    let sequence = SeedSequence::new(RngSeed(1));
    let outputs: [u64; 5] = std::array::from_fn(|_| sequence.next_seed().0);
    assert_eq!(outputs, FROM_ONE);
    // The state must not be zero: it would stay so.
    let mut zero = Rng::new(&RngSeed(0));
    assert!(!zero.is_unseeded());
    assert_eq!(zero.next(), FROM_ONE[0]);
    assert!(Rng::UNSEEDED.is_unseeded());
}

#[test]
fn bytes_are_hashed_as_published() {
    for (bytes, hash) in [
        (&b""[..], 0xcbf2_9ce4_8422_2325),
        (b"a", 0xaf63_dc4c_8601_ec8c),
        (b"foobar", 0x8594_4171_f739_67e8),
    ] {
        assert_eq!(RngSeed::from_bytes(bytes).0, hash);
    }
}

#[test]
fn seeds_that_nobody_chose_differ() {
    assert_ne!(RngSeed::random().0, RngSeed::random().0);
}

#[test]
fn what_is_drawn_is_the_output_scaled_to_the_bound() {
    let draw = |n: u32| {
        let mut rng = Rng::new(&RngSeed(1));
        [(); 5].map(|()| rng.below(n))
    };
    for bound in [1, 2, 3, 10, 1 << 20, u32::MAX] {
        let scaled = FROM_ONE.map(|output| {
            let upper = u128::from(output >> 32);
            (upper * u128::from(bound) / (1 << 32)) as u32
        });
        assert_eq!(draw(bound), scaled);
        assert!(scaled.iter().all(|drawn| *drawn < bound));
    }
    assert_eq!(draw(0), [0; 5]);
}
