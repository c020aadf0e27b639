//! Groups against naive constructions of the same partitions.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_graph::{LayerAttributes, Model, Op, Padding, Structure, Window};
use handaxe_prune::{Error, Groups};
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

/// Conv1D and depthwise layers, as the graph describes them.
fn layer(shape: &[usize], op: Op) -> LayerAttributes {
    let mut model = Model::new("one");
    let input = model.add("in", Op::Input { shape: shape.to_vec() }, &[]).unwrap();
    model.add("layer", op, &[input]).unwrap();
    model.attributes(None).unwrap().0.swap_remove(0)
}

#[test]
fn a_filter_of_a_conv1d_layer() {
    let window = Window::dense(&[2], Padding::Valid);
    let conv = layer(&[5, 3], Op::Conv { filters: 4, window, bias: true });
    let members = |structure| all_members(&Groups::of(&conv, &structure).unwrap());
    assert_eq!(members(Structure::Structured)[1], [1, 5, 9, 13, 17, 21]); // (2, 3, 4), last index 1
    let pattern = members(Structure::Pattern { offset: 8, consecutive: 1 });
    assert_eq!(pattern[2..4], [[1, 5, 9], [13, 17, 21]]);
    assert_eq!(members(Structure::Unstructured).len(), 24);
}

/// Channel and multiplier are the output together: of kernel (k, channel, multiplier) a group has every k.
#[test]
fn a_filter_of_a_depthwise_layer_is_one_output_channel() {
    for axes in 1..3usize {
        let window = Window::dense(&[3, 2][..axes], Padding::Valid);
        let shape = [&[6, 5][..axes], &[4]].concat();
        let depthwise = layer(&shape, Op::DepthwiseConv { multiplier: 2, window, bias: true });
        let positions = if axes == 1 { 3 } else { 6 };
        let members = |structure| all_members(&Groups::of(&depthwise, &structure).unwrap());
        let filters = members(Structure::Structured);
        assert_eq!(filters.len(), 4 * 2);
        for (output, filter) in filters.iter().enumerate() {
            let (channel, multiple) = (output / 2, output % 2);
            let naive = (0..positions).map(|k| (k * 4 + channel) * 2 + multiple);
            assert_eq!(*filter, naive.collect::<Vec<_>>());
        }
        // A multiplier for each output channel works on its filter.
        assert_eq!(members(Structure::Pattern { offset: 8, consecutive: 1 }), filters);
        let halves =
            members(Structure::Pattern { offset: 8 * positions, consecutive: positions * 2 });
        assert_eq!(halves[0], [&filters[0][..], &filters[1]].concat());
    }
}
