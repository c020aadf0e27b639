//! The binary on small files of the test's own.

use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// What a call gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    /// The one JSON object on standard output.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

/// `handaxe` with `arguments`, split at spaces, in `folder`.
pub(crate) fn command(folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_handaxe"));
    command.current_dir(folder).args(arguments.split_whitespace());
    command
}

pub(crate) fn handaxe(folder: &Path, arguments: &str) -> Ran {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    Ran {
        code: status.code().unwrap(),
        stdout: String::from_utf8(stdout).unwrap(),
        stderr: String::from_utf8(stderr).unwrap(),
    }
}

/// Runs `arguments`, which must end with `code`, and expects every one of `said` in what is said.
pub(crate) fn told(folder: &tempfile::TempDir, arguments: &str, code: i32, said: &[&str]) -> Ran {
    let ran = handaxe(folder.path(), arguments);
    let text = format!("{}{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, code, "{arguments}\n{text}");
    for part in said {
        assert!(text.contains(part), "{arguments}\nlacks {part:?}: {text}");
    }
    assert!(!text.contains("panicked"), "{text}");
    ran
}

/// A table of 600 samples: 8 noisy features, 4 classes by quadrant.
pub(crate) fn write_points(path: &Path) {
    let mut state = 1u64;
    let mut draw = move || {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 40) as f64 / (1u64 << 23) as f64 - 1.0
    };
    let mut text = String::new();
    for _ in 0..600 {
        let (x, y) = (draw(), draw());
        for place in 0..8 {
            write!(text, "{},", if place % 2 == 0 { x } else { y } + 0.3 * draw()).unwrap();
        }
        writeln!(text, "{}", 2 * u32::from(x > 0.0) + u32::from(y > 0.0)).unwrap();
    }
    std::fs::write(path, text).unwrap();
}

/// A folder with `points.csv`.
pub(crate) fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    write_points(&folder.path().join("points.csv"));
    folder
}

/// Flags of a small run on `points.csv`.
pub(crate) const SMALL: &str = "--data points.csv --network dense:16,relu,dense:16,relu,dense:4,softmax --baseline-epochs 8 \
     --batch-size 32 --precision ap_fixed<16,6> --reuse-factor 4 --strategy Resource --steps 3 --epochs 3 --rtol 0.9 --seed 3 --quiet";
