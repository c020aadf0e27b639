//! Bit-exact inference of 10,000 samples on one core: the 16-64-32-32-5 network and a small CNN, and what the machine's integer
//! multiply-add rate would allow. The bars: 500 and 100 times hls4ml's Vivado `predict`, and 3 times the rate's time.
//!
//! `cargo bench -p handaxe-benches --bench emulate`
#![allow(clippy::unwrap_used, missing_docs)]
#![allow(unsafe_code, reason = "the rate is measured with the instructions that the kernels use")]

use std::hint::black_box;
use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{Criterion, criterion_group, criterion_main};
use handaxe_data::Tensor;
use handaxe_emulate::{BitExact, Path};
use handaxe_graph::{
    Activation, HlsConfig, LayerId, Model, Op, Padding, PoolKind, Strategy, Window,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const SAMPLES: usize = 10_000;

/// Adds a layer; its weights, if it has any, are drawn as a trained network's are sized.
fn add(model: &mut Model, name: &str, op: Op, input: LayerId, random: &mut ChaCha8Rng) -> LayerId {
    let id = model.add(name, op, &[input]).unwrap();
    let shapes: Vec<(&str, Vec<usize>)> =
        model.layer(id).weights().map(|(name, weight)| (name, weight.shape().to_vec())).collect();
    for (name, shape) in shapes {
        let fan_in: usize = shape[..shape.len() - 1].iter().product();
        let reach = 2.2 / (fan_in as f32).sqrt();
        let values =
            (0..shape.iter().product()).map(|_| reach * random.random_range(-1.0..1.0)).collect();
        model.set_weight(id, name, Tensor::new(shape, values).unwrap()).unwrap();
    }
    id
}

fn activation(function: Activation) -> Op {
    Op::Activation { function }
}

fn mlp() -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut model = Model::new("mlp");
    let mut last = model.add("in", Op::Input { shape: vec![16] }, &[]).unwrap();
    for (place, units) in [64, 32, 32, 5].into_iter().enumerate() {
        last = add(
            &mut model,
            &format!("fc{place}"),
            Op::Dense { units, bias: true },
            last,
            &mut random,
        );
        let function = if units == 5 { Activation::Softmax } else { Activation::Relu };
        last = add(&mut model, &format!("f{place}"), activation(function), last, &mut random);
    }
    model
}

/// The small CNN of benches/peers/hls_emulation.py, its batch normalisation left out.
fn cnn() -> Model {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let mut model = Model::new("cnn");
    let conv = |filters, size: usize, padding| Op::Conv {
        filters,
        window: Window::dense(&[size, size], padding),
        bias: true,
    };
    let steps = [
        conv(6, 3, Padding::Valid),
        activation(Activation::Relu),
        Op::Pool { kind: PoolKind::Max, window: Window::tiling(&[2, 2]) },
        conv(8, 2, Padding::Same),
        activation(Activation::Relu),
        Op::Pool {
            kind: PoolKind::Average,
            window: Window { padding: Padding::Same, ..Window::tiling(&[2, 2]) },
        },
        Op::Flatten,
        Op::Dense { units: 10, bias: true },
        activation(Activation::Relu),
        Op::Dense { units: 4, bias: true },
        activation(Activation::Softmax),
    ];
    let mut last = model.add("in", Op::Input { shape: vec![8, 8, 3] }, &[]).unwrap();
    for (place, op) in steps.into_iter().enumerate() {
        last = add(&mut model, &format!("l{place}"), op, last, &mut random);
    }
    model
}

fn inputs(model: &Model) -> Tensor {
    let mut random = ChaCha8Rng::seed_from_u64(3);
    let shape = [&[SAMPLES], model.inputs().next().unwrap().1.output_shape()].concat();
    let values = (0..shape.iter().product()).map(|_| random.random_range(-2.0..2.0)).collect();
    Tensor::new(shape, values).unwrap()
}

fn uniform(precision: &str) -> HlsConfig {
    HlsConfig::uniform(precision.parse().unwrap(), 1, Strategy::Latency).unwrap()
}

/// Types as hls4ml infers them, but for the logits.
fn inferred() -> HlsConfig {
    let mut config = uniform("ap_fixed<16,6>");
    for variable in ["accum", "result"] {
        config.model.precision.insert(variable.to_owned(), "auto".parse().unwrap());
    }
    config
}

/// As many 32-bit multiply-adds as the MLP has, on registers and the first cache.
fn rate() -> i32 {
    const WIDTH: usize = 64;
    #[inline(always)]
    fn work() -> i32 {
        let mut sums = [0i32; WIDTH];
        let codes: [[i32; WIDTH]; 16] = black_box([[3; WIDTH]; 16]);
        let multiplications = SAMPLES * (16 * 64 + 64 * 32 + 32 * 32 + 32 * 5);
        for step in 0..multiplications / WIDTH {
            let (weight, codes) = (step as i32, &codes[step % 16]);
            for lane in 0..WIDTH {
                sums[lane] = sums[lane].wrapping_add(codes[lane].wrapping_mul(weight));
            }
        }
        sums.iter().fold(0, |sum, next| sum.wrapping_add(*next))
    }
    #[cfg(target_arch = "x86_64")]
    {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
        fn avx512() -> i32 {
            work()
        }
        #[target_feature(enable = "avx2")]
        fn avx2() -> i32 {
            work()
        }
        if is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
        {
            // SAFETY: the processor has these instructions.
            return unsafe { avx512() };
        }
        if is_x86_feature_detected!("avx2") {
            // SAFETY: as above.
            return unsafe { avx2() };
        }
    }
    work()
}

/// Time that the kernel gave this thread, which other work on a shared machine does not lengthen; elsewhere than on Linux it stays 0.
struct CpuTime;

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
        let nanoseconds = text.split_whitespace().next().and_then(|first| first.parse().ok());
        Duration::from_nanos(nanoseconds.unwrap_or(0))
    }

    fn end(&self, started: Duration) -> Duration {
        self.start() - started
    }

    fn add(&self, one: &Duration, two: &Duration) -> Duration {
        *one + *two
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

fn benches(criterion: &mut Criterion<CpuTime>) {
    // The pool's one thread is this one, whose time is measured.
    rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().unwrap();
    let mut group = criterion.benchmark_group("emulate");
    group.sample_size(20);
    group.bench_function("rate", |bencher| bencher.iter(rate));
    let (mlp, cnn) = (mlp(), cnn());
    let cases = [
        ("mlp-16-6", &mlp, uniform("ap_fixed<16,6>"), Path::Fast),
        ("mlp-8-3-rnd-sat", &mlp, uniform("ap_fixed<8,3,AP_RND,AP_SAT>"), Path::Fast),
        ("mlp-6-2", &mlp, uniform("ap_fixed<6,2>"), Path::Fast),
        ("mlp-inferred", &mlp, inferred(), Path::Fast),
        ("mlp-16-6-exact", &mlp, uniform("ap_fixed<16,6>"), Path::Exact),
        ("cnn-16-6", &cnn, uniform("ap_fixed<16,6>"), Path::Fast),
    ];
    for (name, model, config, path) in cases {
        let firmware = BitExact::on(model, &config, path).unwrap();
        let x = [inputs(model)];
        group.bench_function(name, |bencher| bencher.iter(|| firmware.predict(&x).unwrap()));
    }
    group.finish();
}

criterion_group! {
    name = all;
    config = Criterion::default().with_measurement(CpuTime);
    targets = benches
}
criterion_main!(all);
