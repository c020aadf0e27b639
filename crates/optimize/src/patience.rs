use handaxe_data::Direction;

/// Early stopping: says when a stretch of training has gone on for too long without its metric getting better.
#[derive(Debug, Clone)]
pub struct Patience {
    direction: Direction,
    most: Option<usize>,
    best: Option<f64>,
    waited: usize,
}

impl Patience {
    /// Waits so many epochs for the next best one, or for ever.
    pub fn new(direction: Direction, most: Option<usize>) -> Self {
        Self { direction, most, best: None, waited: 0 }
    }

    /// The best metric so far.
    pub fn best(&self) -> Option<f64> {
        self.best
    }

    /// Takes in the metric of an epoch; true when it is time to stop.
    pub fn is_over(&mut self, metric: f64) -> bool {
        let better = self.best.is_none_or(|best| match self.direction {
            Direction::Increasing => metric > best,
            Direction::Decreasing => metric < best,
        });
        if better {
            (self.best, self.waited) = (Some(metric), 0);
        } else {
            self.waited += 1;
        }
        self.most.is_some_and(|most| self.waited >= most.max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_epochs_without_a_new_best() {
        let over = |direction, metrics: &[f64]| {
            let mut patience = Patience::new(direction, Some(2));
            metrics.iter().position(|&metric| patience.is_over(metric))
        };
        assert_eq!(over(Direction::Increasing, &[0.1, 0.3, 0.2, 0.4, 0.4, 0.3, 0.9]), Some(5));
        assert_eq!(over(Direction::Decreasing, &[0.5, 0.4, 0.4, 0.3, 0.2]), None);
        let mut forever = Patience::new(Direction::Increasing, None);
        assert!((0..1000).all(|_| !forever.is_over(0.0)));
    }
}
