use std::f64::consts::PI;

/// (1 + cos(pi * t)) / 2 with t the share of the stretch that is over; the last epoch still learns.
pub(super) fn share(epoch: usize, epochs: usize) -> f64 {
    let over = (epoch - 1) as f64 / epochs.max(1) as f64;
    0.5 * (1.0 + (PI * over).cos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn falls_from_the_whole_through_the_half() {
        assert_eq!(share(1, 10), 1.0);
        assert!((share(6, 10) - 0.5).abs() < 1e-12);
        assert!((1..10).all(|epoch| share(epoch + 1, 10) < share(epoch, 10)));
        assert!(share(10, 10) > 0.0);
    }
}
