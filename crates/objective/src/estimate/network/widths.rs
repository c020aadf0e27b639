use handaxe_graph::{Layer, Op, Quantiser};

/// Bits of the numbers that a layer gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Widths {
    /// Of the type that has them all.
    pub(super) most: u32,
    /// Of each element, where quantisers say so: 0 for one that is always 0. Tools leave out the high digits that an element never
    /// has, not the low ones: those down to the finest element's are handed on as zeros.
    each: Option<Vec<u32>>,
}

impl Widths {
    /// All of one width.
    pub(super) fn uniform(most: u32) -> Self {
        Self { most, each: None }
    }

    /// Those of a quantiser with a type for each element, in the order of `layer`'s output; none for another layer.
    pub(super) fn quantised(layer: &Layer, most: Option<u32>) -> Option<Self> {
        let Op::Quantise { quantiser: Quantiser::PerElement { shape, .. } } = layer.op() else {
            return None;
        };
        let (bits, integers) = (layer.weight("bits")?.values(), layer.weight("integers")?.values());
        let types = || bits.iter().zip(integers).filter(|(bits, _)| **bits > 0.0);
        let finest = types().map(|(bits, integer)| bits - integer).fold(f32::MIN, f32::max);
        let output = layer.output_shape();
        let count = output.iter().product::<usize>();
        // An axis of 1 is shared by all elements along it.
        let place = |element: usize| {
            let (mut rest, mut place, mut step) = (element, 0, 1);
            for (&size, &own) in output.iter().zip(shape).rev() {
                place += if own == 1 { 0 } else { rest % size * step };
                rest /= size;
                step *= own;
            }
            place
        };
        let width = |place: usize| match (bits.get(place), integers.get(place)) {
            (Some(bits), Some(integer)) if *bits > 0.0 => (integer + finest).max(1.0) as u32,
            _ => 0,
        };
        let each: Vec<u32> = (0..count).map(|element| width(place(element))).collect();
        let widest = each.iter().copied().max().unwrap_or(0).max(1);
        Some(Self { most: most.unwrap_or(widest), each: Some(each) })
    }

    /// Those of a layer that hands these on: the same elements, or as many channels of other positions.
    pub(super) fn handed_on(&self, layer: &Layer, most: u32) -> Self {
        let output = layer.output_shape();
        let channels = output.last().copied().unwrap_or(1).max(1);
        let count = output.iter().product::<usize>();
        let handed = |each: &Vec<u32>| match layer.op() {
            Op::Permute { .. } | Op::Concatenate => None,
            _ if each.len() == count => Some(each.clone()),
            _ if each.len().is_multiple_of(channels) => {
                let of_channels = means(each, channels);
                Some(of_channels.into_iter().cycle().take(count).collect())
            }
            _ => None,
        };
        Self { most, each: self.each.as_ref().and_then(handed) }
    }

    /// Of `count` numbers those that are not always 0, and the mean of their bits.
    pub(super) fn counted(&self, count: u64) -> (u64, u32) {
        let Some(each) = &self.each else { return (count, self.most) };
        let live = each.iter().filter(|bits| **bits > 0).count() as u64;
        let bits: u64 = each.iter().map(|bits| u64::from(*bits)).sum();
        let share = live as f64 / each.len().max(1) as f64;
        ((count as f64 * share).round() as u64, mean(bits, live))
    }

    /// The bits of what each row of a matrix is multiplied by, if these numbers differ: of channels, the mean over all positions.
    pub(super) fn rows(&self, rows: usize, channels: usize) -> Option<Vec<u32>> {
        let each = self.each.as_ref()?;
        let channels = channels.max(1);
        let of_channels = each.len().is_multiple_of(channels).then(|| means(each, channels))?;
        Some(of_channels.into_iter().cycle().take(rows).collect())
    }
}

/// The mean of a sum over `count`, at least 1 bit.
pub(super) fn mean(sum: u64, count: u64) -> u32 {
    ((sum as f64 / count.max(1) as f64).round() as u32).max(1)
}

/// The mean of every channel over its positions, 0 where all are.
fn means(each: &[u32], channels: usize) -> Vec<u32> {
    let mean = |channel: usize| {
        let of = each.iter().skip(channel).step_by(channels).filter(|bits| **bits > 0);
        let (sum, count) =
            of.fold((0, 0), |(sum, count), bits| (sum + u64::from(*bits), count + 1));
        if count == 0 { 0 } else { mean(sum, count) }
    };
    (0..channels).map(mean).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use handaxe_fixed::{Overflow, Rounding};
    use handaxe_graph::Model;

    use super::*;

    #[test]
    fn elements_keep_their_widths_until_they_are_pooled() {
        let mut model = Model::new("small");
        let input = model.add("in", Op::Input { shape: vec![2, 3] }, &[]).unwrap();
        let (rounding, overflow) = (Rounding::Trn, Overflow::Wrap);
        let quantiser = Quantiser::PerElement {
            rounding,
            overflow,
            shape: vec![1, 3],
            overrides: BTreeMap::new(),
        };
        let id = model.add("q", Op::Quantise { quantiser }, &[input]).unwrap();
        for (name, values) in [("bits", [4.0, 0.0, 6.0]), ("integers", [3.0, 9.0, 4.0])] {
            let mut weight = model.layer(id).weight(name).unwrap().clone();
            weight.values_mut().copy_from_slice(&values);
            model.set_weight(id, name, weight).unwrap();
        }
        let flat = model.add("flat", Op::Flatten, &[id]).unwrap();
        let own = Widths::quantised(model.layer(id), None).unwrap();
        // The second fraction bit, which the last element has, counts in the first one too.
        assert_eq!((own.most, own.each.as_deref()), (6, Some(&[5, 0, 6, 5, 0, 6][..])));
        assert_eq!(own.counted(6), (4, 6));
        assert_eq!(own.handed_on(model.layer(flat), 6), own);
        assert_eq!(own.rows(6, 3), own.each);
        assert_eq!(own.rows(6, 6), own.each);
        assert_eq!(Widths::uniform(9).counted(6), (6, 9));
        assert_eq!(Widths::uniform(9).rows(6, 3), None);
        assert_eq!(means(&[4, 0, 7, 0, 0, 8], 3), [4, 0, 8]);
    }
}
