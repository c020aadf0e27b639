use std::time::Duration;

use criterion::measurement::{Measurement, ValueFormatter, WallTime};

use super::clock::cpu_seconds;

/// Time that the threads of this process have had processors, as Linux tells it: candle's products run on rayon's
/// threads even where there is only one.
pub(crate) struct CpuTime;

impl CpuTime {
    fn now() -> Duration {
        Duration::from_secs_f64(cpu_seconds())
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
