//! Rankings by gradient and by curvature look at the data batch by batch: ten times the samples take no more memory.
#![allow(clippy::unwrap_used)] // helpers are outside the test functions that clippy knows

use handaxe_data::{Dataset, Parts, Targets, Tensor, metric};
use handaxe_optimize::Trainer;
use handaxe_train::{CandleTrainer, Initialiser, Settings, initialise, parse};
use peak_alloc::PeakAlloc;

#[global_allocator]
static PEAK: PeakAlloc = PeakAlloc;

const FEATURES: usize = 64;

fn trainer(network: &str, shape: &[usize], samples: usize) -> CandleTrainer {
    let values = (0..samples * FEATURES).map(|place| (place * 37 % 101) as f32 / 50.0 - 1.0);
    let inputs = Tensor::new([&[samples], shape].concat(), values.collect()).unwrap();
    let labels = (0..samples as u32).map(|sample| sample % 4).collect();
    let data = Dataset::new(vec![inputs], Targets::classes(labels, 4).unwrap()).unwrap();
    let few = data.select(&[0, 1, 2, 3]).unwrap();
    let mut model = parse(network, "network", shape).unwrap();
    initialise(&mut model, Initialiser::default(), 1).unwrap();
    let parts = Parts { train: data, validation: few.clone(), test: few };
    CandleTrainer::new(&model, parts, metric("accuracy").unwrap(), Settings::default()).unwrap()
}

/// Bytes that `work` takes at its highest point, above what was taken before.
fn peak(work: impl FnOnce()) -> usize {
    let before = PEAK.current_usage();
    PEAK.reset_peak_usage();
    work();
    PEAK.peak_usage() - before
}

/// One test alone: the allocator counts for the whole process. One thread, for how many batches are under way at once is chance
/// otherwise.
#[test]
fn memory_does_not_grow_with_the_data() {
    let one = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    one.install(compare_peaks);
}

fn compare_peaks() {
    let networks: [(&str, &[usize]); 2] = [
        ("dense:32,relu,dense:4,softmax", &[FEATURES]),
        ("conv:4x3,relu,flatten,dense:4,softmax", &[8, 8, 1]),
    ];
    for (network, shape) in networks {
        let peaks = [400, 4_000].map(|samples| {
            let mut trainer = trainer(network, shape, samples);
            let gradients = peak(|| drop(trainer.gradients().unwrap()));
            (gradients, peak(|| drop(trainer.curvature(1).unwrap())))
        });
        // A few numbers for each sample, its place say, may be kept; its features, 256 bytes, may not.
        let slack = 3_600 * 64;
        let [few, many] = peaks;
        assert!(many.0 < few.0 + slack && many.1 < few.1 + slack, "{network}: {few:?} {many:?}");
        assert!(few.0 > 1_000 && few.1 > 1_000, "{network}: {few:?}");
    }
}
