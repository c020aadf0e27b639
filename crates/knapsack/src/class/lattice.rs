//! Which slacks are possible at all: the loads of all selections lie in the lattice of the columns.

/// A basis of the integer lattice that some columns span, in echelon form.
#[derive(Debug, Clone)]
pub(crate) struct Lattice {
    /// Vectors with their leading nonzero entries in ascending rows, that entry positive.
    basis: Vec<(usize, Vec<i128>)>,
}

impl Lattice {
    /// The lattice of `columns`, by elimination with Euclid's algorithm.
    ///
    /// Gives up (and returns the whole space, which excludes nothing) if entries grow beyond 2^100.
    pub(crate) fn new<'c>(columns: impl Iterator<Item = &'c [u64]>, rows: usize) -> Self {
        let mut lattice = Self { basis: Vec::new() };
        for column in columns {
            let vector = column.iter().map(|&entry| i128::from(entry)).collect();
            if lattice.add(vector, 0).is_none() {
                let unit = |row| (row, (0..rows).map(|at| i128::from(at == row)).collect());
                return Self { basis: (0..rows).map(unit).collect() };
            }
        }
        lattice
    }

    /// The least slack of a row that leaves `rest` in the lattice as far as this row goes, and the step to the next.
    ///
    /// The entries of `rest` before the row are 0. A step of 0 means that there is no other.
    pub(crate) fn slack(&self, row: usize, rest: &[i128]) -> (i128, i128) {
        match self.leading(row) {
            Some(basis) => (rest[row].rem_euclid(basis[row]), basis[row]),
            None => (rest[row], 0),
        }
    }

    /// What is left of `rest` after a slack of this row, with the entry of the row made up.
    pub(crate) fn rest(&self, row: usize, rest: &[i128], slack: i128) -> Vec<i128> {
        let mut rest = rest.to_vec();
        rest[row] -= slack;
        if let Some(basis) = self.leading(row) {
            let times = rest[row] / basis[row];
            rest.iter_mut().zip(basis).for_each(|(entry, b)| *entry -= times * b);
        }
        rest
    }

    fn leading(&self, row: usize) -> Option<&[i128]> {
        self.basis.iter().find(|(lead, _)| *lead == row).map(|(_, basis)| &basis[..])
    }

    fn add(&mut self, mut vector: Vec<i128>, mut at: usize) -> Option<()> {
        loop {
            if vector.iter().any(|entry| entry.unsigned_abs() > 1 << 100) {
                return None;
            }
            let Some(lead) = vector.iter().position(|&entry| entry != 0) else { return Some(()) };
            while at < self.basis.len() && self.basis[at].0 < lead {
                at += 1;
            }
            if at == self.basis.len() || self.basis[at].0 > lead {
                if vector[lead] < 0 {
                    vector.iter_mut().for_each(|entry| *entry = -*entry);
                }
                self.basis.insert(at, (lead, vector));
                return Some(());
            }
            // Euclid on the leading entries: the remainder of one by the other becomes 0 in the end.
            let basis = &mut self.basis[at].1;
            while vector[lead] != 0 {
                let times = basis[lead].checked_div(vector[lead])?;
                for (b, v) in basis.iter_mut().zip(&vector) {
                    *b = b.checked_sub(times.checked_mul(*v)?)?;
                }
                std::mem::swap(basis, &mut vector);
            }
            if basis[lead] < 0 {
                basis.iter_mut().for_each(|entry| *entry = -*entry);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Whether a vector is in the lattice: then it needs no slack in any row.
    fn contains(lattice: &Lattice, vector: &[i128]) -> bool {
        let rest = (0..vector.len()).try_fold(vector.to_vec(), |rest, row| {
            (lattice.slack(row, &rest).0 == 0).then(|| lattice.rest(row, &rest, 0))
        });
        rest.is_some_and(|rest| rest.iter().all(|&entry| entry == 0))
    }

    #[test]
    fn knows_parity() {
        let columns: [&[u64]; 3] = [&[1, 7], &[3, 1], &[1, 1]];
        let lattice = Lattice::new(columns.into_iter(), 2);
        proptest!(|(x in -50i128..50, y in -50i128..50)| {
            prop_assert_eq!(contains(&lattice, &[x, y]), (x + y) % 2 == 0);
        });
    }

    #[test]
    fn has_every_combination() {
        let columns = prop::collection::vec(prop::collection::vec(0u64..40, 3), 1..6);
        proptest!(|(a in columns, times in prop::collection::vec(-9i128..9, 6))| {
            let lattice = Lattice::new(a.iter().map(Vec::as_slice), 3);
            let entry = |row: usize| a.iter().zip(&times).map(|(c, t)| i128::from(c[row]) * t).sum();
            let combination: Vec<i128> = (0..3).map(entry).collect();
            prop_assert!(contains(&lattice, &combination));
        });
    }
}
