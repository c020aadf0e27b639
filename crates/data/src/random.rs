use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;

/// A generator for one purpose of one run: equal `seed` and `stream`, equal numbers, on every machine.
///
/// Different streams of one seed are independent, so that shuffling more does not change how weights start.
pub fn seeded(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}
