/// decay^(epochs before this one)
pub(super) fn share(decay: f64, epoch: usize) -> f64 {
    decay.powi(i32::try_from(epoch - 1).unwrap_or(i32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_epoch_takes_its_share_of_the_last() {
        for epoch in 1..20 {
            assert!((share(0.8, epoch + 1) - 0.8 * share(0.8, epoch)).abs() < 1e-15);
        }
    }
}
