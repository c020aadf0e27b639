/// Sebastiano Vigna's SplitMix64: small, and the same everywhere.
#[derive(Debug, Clone)]
pub(crate) struct SplitMix64(pub(crate) u64);

impl SplitMix64 {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    /// Less than `range`; as even as anyone needs for a range far below 2^32.
    pub(crate) fn below(&mut self, range: usize) -> usize {
        (((self.next() >> 32) * range as u64) >> 32) as usize
    }
}
