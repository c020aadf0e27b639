//! Groups against naive constructions of the same partitions.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{Mask, Structure};
use handaxe_prune::{Error, Groups, zeroed_groups};
use proptest::prelude::*;

fn shapes() -> impl Strategy<Value = Vec<usize>> {
    prop::collection::vec(1..7usize, 1..5)
}

fn all_members(groups: &Groups) -> Vec<Vec<usize>> {
    (0..groups.count()).map(|group| groups.members(group).collect()).collect()
}

/// All indices of the shape, row-major, as coordinates.
fn coordinates(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &extent in shape {
        all =
            all.iter().flat_map(|index| (0..extent).map(|i| [&index[..], &[i]].concat())).collect();
    }
    all
}

/// The row-major indices with the output axis brought to the front: transpose and flatten.
fn output_first(shape: &[usize]) -> Vec<usize> {
    let mut order: Vec<(Vec<usize>, usize)> = Vec::new();
    for (index, mut coordinate) in coordinates(shape).into_iter().enumerate() {
        coordinate.rotate_right(1);
        order.push((coordinate, index));
    }
    order.sort();
    order.into_iter().map(|(_, index)| index).collect()
}

/// Every structure that fits the shape.
fn structures(shape: &[usize], consecutive: usize) -> Vec<Structure> {
    let weights: usize = shape.iter().product();
    let offsets = (1..=weights).filter(|offset| weights.is_multiple_of(*offset));
    let mut all: Vec<Structure> =
        offsets.map(|offset| Structure::Pattern { offset, consecutive }).collect();
    all.extend([Structure::Unstructured, Structure::Structured]);
    if let &[rows, columns] = shape {
        let blocks = (1..=rows).flat_map(|height| (1..=columns).map(move |width| (height, width)));
        let fits = |&(height, width): &(usize, usize)| {
            rows.is_multiple_of(height) && columns.is_multiple_of(width)
        };
        all.extend(blocks.filter(fits).map(|(height, width)| Structure::Block { height, width }));
    }
    all
}

proptest! {
    #[test]
    fn every_weight_is_in_one_group(shape in shapes(), consecutive in 1..9usize) {
        for structure in structures(&shape, consecutive) {
            let groups = Groups::new(&shape, &structure).unwrap();
            let members = all_members(&groups);
            let sizes: Vec<usize> = (0..groups.count()).map(|group| groups.size(group)).collect();
            prop_assert_eq!(members.iter().map(Vec::len).collect::<Vec<_>>(), sizes.clone());
            let (last, full) = sizes.split_last().unwrap();
            prop_assert!(full.iter().all(|size| *size == sizes[0]) && (1..=sizes[0]).contains(last));
            let mut seen = members.concat();
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..groups.weights()).collect::<Vec<_>>());
            prop_assert_eq!((groups.size(groups.count()), groups.members(groups.count()).count()), (0, 0));
        }
    }

    #[test]
    fn patterns_are_runs_of_the_transposed_kernel(shape in shapes(), consecutive in 1..9usize) {
        for structure in structures(&shape, consecutive) {
            let Structure::Pattern { offset, .. } = structure else { continue };
            let run = shape.iter().product::<usize>() / offset;
            let naive: Vec<Vec<usize>> =
                output_first(&shape).chunks(run * consecutive).map(<[usize]>::to_vec).collect();
            prop_assert_eq!(all_members(&Groups::new(&shape, &structure).unwrap()), naive);
        }
    }

    #[test]
    fn structured_groups_share_their_last_index(shape in shapes()) {
        let outputs = *shape.last().unwrap();
        let mut naive = vec![vec![]; outputs];
        for (index, coordinate) in coordinates(&shape).iter().enumerate() {
            naive[*coordinate.last().unwrap()].push(index);
        }
        prop_assert_eq!(all_members(&Groups::new(&shape, &Structure::Structured).unwrap()), naive);
    }

    #[test]
    fn blocks_are_tiles(tiles in (1..5usize, 1..5usize), height in 1..5usize, width in 1..5usize) {
        let shape = [tiles.0 * height, tiles.1 * width];
        let mut naive = vec![vec![]; tiles.0 * tiles.1];
        for (index, at) in coordinates(&shape).iter().enumerate() {
            naive[at[0] / height * tiles.1 + at[1] / width].push(index);
        }
        let groups = Groups::new(&shape, &Structure::Block { height, width }).unwrap();
        prop_assert_eq!(all_members(&groups), naive);
    }

    #[test]
    fn zeroed_groups_are_those_without_a_kept_or_shared_weight(
        shape in shapes(), kept in prop::collection::vec(prop::bool::weighted(0.2), 7usize.pow(4)), consecutive in 1..4usize,
    ) {
        let weights: usize = shape.iter().product();
        let mut mask = Mask::new(kept[..weights].to_vec());
        mask.hold(0, 0.5);
        for structure in structures(&shape, consecutive) {
            let groups = Groups::new(&shape, &structure).unwrap();
            let zeroed = |members: &Vec<usize>| members.iter().all(|&index| index > 0 && !kept[index]);
            let naive: Vec<usize> = all_members(&groups).into_iter().filter(zeroed).map(|group| group.len()).collect();
            prop_assert_eq!(zeroed_groups(&groups, &mask).collect::<Vec<_>>(), naive);
        }
    }
}

#[test]
fn structures_that_do_not_fit_say_why() {
    let refused = |shape: &[usize], structure| Groups::new(shape, &structure).unwrap_err();
    let pattern = |offset, consecutive| Structure::Pattern { offset, consecutive };
    let block = |height, width| Structure::Block { height, width };
    assert_eq!(
        refused(&[10, 3], pattern(4, 1)).to_string(),
        "a pattern with offset 4 and 1 consecutive does not fit a kernel of shape [10, 3]: the offset must divide its 30 weights, and both must be positive"
    );
    for bad in [pattern(0, 1), pattern(5, 0)] {
        assert!(matches!(refused(&[10, 3], bad), Error::Pattern { .. }));
    }
    for (shape, bad) in
        [(vec![4, 6], block(3, 2)), (vec![4, 6], block(0, 2)), (vec![3, 4, 6], block(2, 2))]
    {
        assert!(matches!(refused(&shape, bad), Error::Block { .. }));
    }
    for shape in [&[][..], &[3, 0], &[usize::MAX, 2]] {
        assert!(matches!(refused(shape, Structure::Unstructured), Error::EmptyKernel { .. }));
    }
}
