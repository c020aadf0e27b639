//! Time that this process has had processors, which others' work does not touch.

use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds of all threads; where the system does not tell, the time of day.
pub(crate) fn cpu_seconds() -> f64 {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let figures = threads.map(|thread| std::fs::read_to_string(thread.path().join("schedstat")));
    let used = figures.flatten().map(|figures| {
        let nanoseconds = figures.split(' ').next().and_then(|first| first.parse::<f64>().ok());
        nanoseconds.unwrap_or(0.0) * 1e-9
    });
    let used: f64 = used.sum();
    if used > 0.0 { used } else { wall_seconds() }
}

/// The time of day.
pub(crate) fn wall_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |time| time.as_secs_f64())
}
