use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

/// Time that this thread has had a processor, as Linux tells it.
pub(crate) struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        let figures = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        Duration::from_nanos(figures.split(' ').next().unwrap().parse().unwrap())
    }
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        Self::now()
    }

    fn end(&self, start: Duration) -> Duration {
        Self::now().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        WallTime.to_f64(value)
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}
