//! What each kind of layer lets go, on networks small enough to count by hand.

use handaxe_data::Standardiser;
use handaxe_graph::{Activation, LayerId, Model, Op, Padding, PoolKind, Window};
use handaxe_prune::{Error, Reduced, reduce};

use crate::assert_same_answers;
use crate::networks::Numbers;

/// A network under construction, whose weights are nowhere 0 unless said.
struct Net {
    model: Model,
    numbers: Numbers,
}

impl Net {
    fn new(shape: &[usize]) -> (Self, LayerId) {
        let mut model = Model::new("case");
        let input = model.add("in", Op::Input { shape: shape.to_vec() }, &[]).unwrap();
        (Self { model, numbers: Numbers(1) }, input)
    }

    fn add(&mut self, op: Op, inputs: &[LayerId]) -> LayerId {
        let name = format!("{}{}", op.layer_type(), self.model.layers().count());
        let id = self.model.add(&name, op, inputs).unwrap();
        let weights: Vec<&str> = self.model.layer(id).weights().map(|(name, _)| name).collect();
        for name in weights {
            self.change(id, name, |_, value, numbers| *value = 0.2 + numbers.real().abs() as f32);
        }
        id
    }

    fn dense(&mut self, units: usize, input: LayerId) -> LayerId {
        self.add(Op::Dense { units, bias: true }, &[input])
    }

    fn conv(&mut self, filters: usize, padding: Padding, input: LayerId) -> LayerId {
        let window = Window::dense(&[3, 3], padding);
        self.add(Op::Conv { filters, window, bias: true }, &[input])
    }

    fn activation(&mut self, function: Activation, input: LayerId) -> LayerId {
        self.add(Op::Activation { function }, &[input])
    }

    fn change(&mut self, id: LayerId, name: &str, f: impl Fn(usize, &mut f32, &mut Numbers)) {
        let mut weight = self.model.layer(id).weight(name).unwrap().clone();
        let values = weight.values_mut().iter_mut().enumerate();
        values.for_each(|(place, value)| f(place, value, &mut self.numbers));
        self.model.set_weight(id, name, weight).unwrap();
    }

    /// Prunes columns of a kernel: neurons, filters, or the multipliers of a depthwise convolution.
    fn prune(&mut self, id: LayerId, columns: &[usize]) {
        let outputs = *self.model.layer(id).kernel().unwrap().shape().last().unwrap();
        self.change(id, "kernel", |place, value, _| {
            if columns.contains(&(place % outputs)) {
                *value = 0.0;
            }
        });
    }

    /// Prunes rows of a Dense kernel: what it reads.
    fn ignore(&mut self, id: LayerId, rows: &[usize]) {
        let units = self.model.layer(id).kernel().unwrap().shape()[1];
        self.change(id, "kernel", |place, value, _| {
            if rows.contains(&(place / units)) {
                *value = 0.0;
            }
        });
    }

    /// The reduced network, which answers as this does.
    fn reduce(&self) -> Reduced {
        let reduced = reduce(&self.model).unwrap();
        assert_same_answers(&self.model, &reduced.model, 7);
        reduced
    }
}

fn removed(reduced: &Reduced, layer: LayerId) -> &[usize] {
    reduced.removed.get(&layer).map_or(&[], Vec::as_slice)
}

#[test]
fn a_filter_takes_a_row_for_every_place_behind_a_flatten() {
    let (mut net, input) = Net::new(&[8, 8, 2]);
    let conv = net.conv(4, Padding::Valid, input);
    let norm = net.add(Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 }, &[conv]);
    let tanh = net.activation(Activation::Tanh, norm);
    let pool = net.add(Op::Pool { kind: PoolKind::Max, window: Window::tiling(&[2, 2]) }, &[tanh]);
    let flat = net.add(Op::Flatten, &[pool]);
    let dense = net.add(Op::Dense { units: 3, bias: false }, &[flat]);
    net.prune(conv, &[1, 2]);
    let Reduced { model, removed, .. } = net.reduce();
    assert_eq!(removed[&conv], [1, 2]);
    assert_eq!(model.layer(norm).weight("gamma").unwrap().shape(), [2]);
    assert_eq!(model.layer(flat).output_shape(), [3 * 3 * 2]);
    let before = net.model.layer(dense).kernel().unwrap().values().to_vec();
    let rows = (0..9 * 4).filter(|row| [0, 3].contains(&(row % 4)));
    let expected: Vec<f32> = rows.flat_map(|row| before[row * 3..][..3].to_vec()).collect();
    assert_eq!(model.layer(dense).kernel().unwrap().values(), expected);
    assert!(model.layer(dense).weight("bias").is_some(), "the constants went into a new bias");
}

/// Zero padding meets a constant: the border differs from the middle, unless only the middle of the window is used.
#[test]
fn a_constant_stays_before_padding() {
    for (constant, centre_only, stays) in
        [(0.5, false, true), (0.0, false, false), (-0.5, false, false), (0.5, true, false)]
    {
        let (mut net, input) = Net::new(&[5, 5, 1]);
        let conv = net.conv(2, Padding::Valid, input);
        let relu = net.activation(Activation::Relu, conv);
        let next = net.conv(2, Padding::Same, relu);
        net.prune(conv, &[1]);
        net.change(conv, "bias", |_, value, _| *value = constant);
        if centre_only {
            net.change(next, "kernel", |place, value, _| {
                if place / 4 != 4 {
                    *value = 0.0;
                }
            });
        }
        let lost = net.reduce();
        assert_eq!(removed(&lost, conv).is_empty(), stays, "constant {constant}");
    }
}

#[test]
fn additions_drop_a_channel_of_all_branches_or_of_none() {
    let (mut net, input) = Net::new(&[4]);
    let (left, right) = (net.dense(4, input), net.dense(4, input));
    let sum = net.add(Op::Add, &[left, right]);
    let relu = net.activation(Activation::Relu, sum);
    net.dense(2, relu);
    net.prune(left, &[0, 1]);
    net.prune(right, &[1, 2]);
    let lost = net.reduce();
    assert_eq!((removed(&lost, left), removed(&lost, right)), (&[1][..], &[1][..]));
}

/// Nothing times anything is nothing; a constant times something is something.
#[test]
fn multiplications_drop_a_channel_that_is_zero_in_one_branch() {
    let (mut net, input) = Net::new(&[4]);
    let (left, right) = (net.dense(4, input), net.dense(4, input));
    let product = net.add(Op::Multiply, &[left, right]);
    net.dense(2, product);
    net.prune(left, &[0, 1]);
    net.change(left, "bias", |place, value, _| *value = if place == 0 { 0.0 } else { 0.5 });
    let lost = net.reduce();
    assert_eq!((removed(&lost, left), removed(&lost, right)), (&[0][..], &[0][..]));
}

/// Each branch has its place in the joined array; a reader of one branch alone is a consumer too.
#[test]
fn concatenations_and_several_readers() {
    let (mut net, input) = Net::new(&[4]);
    let (left, right) = (net.dense(3, input), net.dense(4, input));
    let both = net.add(Op::Concatenate, &[left, right]);
    let (reader, alone) = (net.dense(2, both), net.dense(2, right));
    net.prune(right, &[1, 3]);
    net.ignore(reader, &[0, 5]); // neuron 0 of the left, 2 of the right, which `alone` reads
    let lost = net.reduce();
    assert_eq!((removed(&lost, left), removed(&lost, right)), (&[0][..], &[1, 3][..]));
    assert_eq!(lost.model.layer(reader).kernel().unwrap().shape(), [4, 2]);
    assert_eq!(lost.model.layer(alone).kernel().unwrap().shape(), [2, 2]);
}

/// A depthwise convolution follows its channels, and loses a multiplier that is pruned in all of them.
#[test]
fn depthwise_by_channel_and_by_multiplier() {
    let (mut net, input) = Net::new(&[6, 6, 2]);
    let conv = net.conv(3, Padding::Valid, input);
    let window = Window::dense(&[2, 2], Padding::Valid);
    let depthwise = net.add(Op::DepthwiseConv { multiplier: 3, window, bias: true }, &[conv]);
    let flat = net.add(Op::Flatten, &[depthwise]);
    net.dense(2, flat);
    net.prune(conv, &[2]);
    net.prune(depthwise, &[1]);
    let lost = net.reduce();
    assert_eq!(removed(&lost, conv), [2]);
    assert_eq!(removed(&lost, depthwise), [1, 4, 6, 7, 8]);
    assert_eq!(lost.model.layer(depthwise).kernel().unwrap().shape(), [2, 2, 2, 2]);
}

#[test]
fn reshapes_pass_on_channels_that_survive() {
    // A channel of four places goes when its four neurons do; one of twelve places only when all do.
    for (shape, dead) in [(vec![2, 2, 3], vec![1, 4, 7, 10]), (vec![12, 1], vec![])] {
        let (mut net, input) = Net::new(&[4]);
        let dense = net.dense(12, input);
        let reshape = net.add(Op::Reshape { shape }, &[dense]);
        let flat = net.add(Op::Flatten, &[reshape]);
        net.dense(2, flat);
        net.change(dense, "bias", |_, value, _| *value = 0.0);
        net.prune(dense, &[0, 1, 4, 7, 10]);
        assert_eq!(removed(&net.reduce(), dense), dead);
    }
}

#[test]
fn softmax_and_outputs_keep_what_they_have() {
    let (mut net, input) = Net::new(&[4]);
    let inner = net.dense(3, input);
    let softmax = net.activation(Activation::Softmax, inner);
    let hidden = net.dense(3, softmax);
    let (first, second) = (net.dense(2, hidden), net.dense(2, hidden));
    for layer in [inner, hidden, first, second] {
        net.prune(layer, &[1]);
    }
    assert_eq!(net.reduce().removed.into_iter().collect::<Vec<_>>(), [(hidden, vec![1])]);
    net.model.set_outputs(&[hidden, second]).unwrap();
    // Nobody asks for the first any more: one neuron is left of it, because a layer cannot be empty.
    assert_eq!(net.reduce().removed.into_iter().collect::<Vec<_>>(), [(first, vec![1])]);
}

/// What is read by nothing goes, and so does what only it reads; a residual block keeps nothing alive by itself.
#[test]
fn what_nothing_reads_goes_with_what_feeds_it() {
    let (mut net, input) = Net::new(&[4]);
    let first = net.dense(5, input);
    let inner = net.dense(5, first);
    let sum = net.add(Op::Add, &[first, inner]);
    let relu = net.activation(Activation::Relu, sum);
    let last = net.dense(6, relu);
    let output = net.dense(2, last);
    net.ignore(output, &[0, 2, 4]);
    assert_eq!(net.reduce().removed.into_iter().collect::<Vec<_>>(), [(last, vec![0, 2, 4])]);
    net.prune(output, &[0, 1]);
    let Reduced { model, removed, .. } = net.reduce();
    assert_eq!(removed[&first], [1, 2, 3, 4]);
    assert_eq!(removed[&inner], [1, 2, 3, 4]);
    assert_eq!(removed[&last], [1, 2, 3, 4, 5]);
    assert_eq!(model.layer(output).output_shape(), [2]);
}

/// A batch normalisation that scales a channel by 0 makes a constant of any data.
#[test]
fn a_channel_scaled_by_zero_goes() {
    let (mut net, input) = Net::new(&[4]);
    let hidden = net.dense(3, input);
    let norm = net.add(Op::BatchNorm { epsilon: 1e-3, momentum: 0.9 }, &[hidden]);
    net.dense(2, norm);
    net.change(norm, "gamma", |place, value, _| *value = if place == 1 { 0.0 } else { *value });
    assert_eq!(removed(&net.reduce(), hidden), [1]);
}

#[test]
fn preprocessing_stays() {
    let (mut net, input) = Net::new(&[2]);
    let hidden = net.dense(3, input);
    net.dense(1, hidden);
    net.prune(hidden, &[0]);
    let scale = Standardiser { mean: vec![0.5, 1.0], deviation: vec![2.0, 3.0] };
    net.model.set_preprocessing(vec![scale]).unwrap();
    let reduced = net.reduce();
    assert_eq!(reduced.model.preprocessing(), net.model.preprocessing());
    assert_eq!(reduced.model.name(), "case");
}

#[test]
fn a_constant_that_no_bias_can_hold_is_an_error() {
    let (mut net, input) = Net::new(&[2]);
    let hidden = net.dense(3, input);
    let output = net.dense(1, hidden);
    net.prune(hidden, &[0]);
    net.change(hidden, "bias", |_, value, _| *value = 1e30);
    net.change(output, "kernel", |_, value, _| *value = 1e30);
    let error = reduce(&net.model).unwrap_err();
    assert!(matches!(error, Error::Graph(_)), "{error}");
}
