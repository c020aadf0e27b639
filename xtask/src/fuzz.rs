//! `cargo xtask fuzz [SECONDS]`: every target of `tests/fuzz` in turn.

use std::path::Path;
use std::process::Command;

use crate::{ROOT, run};

/// Each target with the folders of `fixtures` that it starts from and the longest input that it makes.
const TARGETS: [(&str, &[&str], usize); 15] = [
    ("keras_h5", &["keras/small", "hostile/keras_h5"], 32_768),
    ("keras_archive", &["keras/small", "hostile/keras_archive"], 32_768),
    ("keras_json", &["keras/small", "hostile/keras_json"], 16_384),
    ("onnx", &["onnx/small", "hostile/onnx"], 8_192),
    ("native", &["hostile/native"], 16_384),
    ("hls_yaml", &["hls_config", "hostile/hls_yaml"], 4_096),
    ("hls_json", &["hls_config", "hostile/hls_json"], 4_096),
    ("npz", &["hostile/npz"], 16_384),
    ("npy", &["hostile/npy"], 4_096),
    ("csv", &["hostile/csv"], 4_096),
    ("arff", &["hostile/arff"], 4_096),
    ("idx", &["hostile/idx"], 4_096),
    ("parquet", &["hostile/parquet"], 8_192),
    ("knapsack", &["hostile/knapsack"], 4_096),
    ("precision", &["hostile/precision"], 128),
];

/// Runs each target for `seconds`.
pub(crate) fn every_target(seconds: u64) -> Result<(), String> {
    for (target, seeds, longest) in TARGETS {
        let corpus = Path::new(ROOT).join("tests/fuzz/corpus").join(target);
        std::fs::create_dir_all(&corpus).map_err(|error| error.to_string())?;
        let mut command = Command::new("cargo");
        command.current_dir(ROOT).args(["fuzz", "run", "--fuzz-dir", "tests/fuzz", target]);
        command.arg(&corpus);
        // `hostile/TARGET` is there from the target's first find on.
        let seeds = seeds.iter().map(|seed| Path::new(ROOT).join("fixtures").join(seed));
        command.args(seeds.filter(|seed| seed.is_dir()));
        // Memory and time that no honest file of this size needs.
        command.args(["--", "-rss_limit_mb=1024", "-malloc_limit_mb=512", "-timeout=10"]);
        command.arg(format!("-max_total_time={seconds}")).arg(format!("-max_len={longest}"));
        command.args(["-print_final_stats=1", "-verbosity=0"]);
        // The sanitiser needs a compiler that takes unstable flags; what it keeps of freed memory is no leak.
        command.env("RUSTC_BOOTSTRAP", "1").env("ASAN_OPTIONS", "quarantine_size_mb=16");
        run(&mut command)?;
    }
    Ok(())
}
