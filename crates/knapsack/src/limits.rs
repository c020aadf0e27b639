use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use crate::Error;

/// How long and how hard a solver may try.
///
/// A solver that meets a limit returns the best selection found so far as
/// [`Status::Feasible`](crate::Status::Feasible), with a proven bound.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Wall-clock time; `None` for no limit. Without it, equal input gives equal answers.
    pub time: Option<Duration>,
    /// Bytes that the search may hold, besides the problem itself and the answer.
    pub memory: usize,
    /// The relative gap `(bound - value) / bound` at which the search may stop; 0 to go on to the proof.
    pub gap: f64,
    /// Set to `true` from another thread to stop at the next look, some microseconds away.
    pub cancel: Option<Arc<AtomicBool>>,
}

impl Default for Limits {
    /// No time limit, 1 GiB, gap 0.
    fn default() -> Self {
        Self { time: None, memory: 1 << 30, gap: 0.0, cancel: None }
    }
}

/// The limits of one call, from the moment it began.
#[derive(Debug)]
pub(crate) struct Watch<'a> {
    limits: &'a Limits,
    start: Instant,
}

impl<'a> Watch<'a> {
    pub(crate) fn start(limits: &'a Limits) -> Result<Self, Error> {
        if limits.gap.is_nan() || limits.gap < 0.0 {
            return Err(Error::Gap { given: limits.gap });
        }
        Ok(Self { limits, start: Instant::now() })
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn memory(&self) -> usize {
        self.limits.memory
    }

    pub(crate) fn gap(&self) -> f64 {
        self.limits.gap
    }

    /// Time that is left; `None` for no limit.
    pub(crate) fn left(&self) -> Option<Duration> {
        self.limits.time.map(|time| time.saturating_sub(self.elapsed()))
    }

    /// Whether to stop now: cancelled, or out of time.
    pub(crate) fn stop(&self) -> bool {
        self.limits.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed))
            || self.limits.time.is_some_and(|time| self.start.elapsed() >= time)
    }
}
