//! Sharing work out to threads.

use rayon::prelude::*;

/// Multiplications below which waking another thread costs more than it saves.
const WORTH: usize = 1 << 20;

/// How many multiplications an element counts for that is read, changed a little and written: what takes as long.
pub(crate) const PASS: usize = 16;

/// Calls `each` with every piece, on all threads where there is enough `work` (multiplications, about). Pieces must not
/// depend on each other; whoever cuts them does it the same way for any number of threads.
pub(crate) fn for_each<T: Send>(
    work: usize,
    pieces: impl Iterator<Item = T>,
    each: impl Fn(T) + Send + Sync,
) {
    if worth(work) {
        pieces.collect::<Vec<_>>().into_par_iter().for_each(each);
    } else {
        pieces.for_each(each);
    }
}

/// The same; what `each` returns, in the order of the pieces.
pub(crate) fn map<T: Send, R: Send>(
    work: usize,
    pieces: Vec<T>,
    each: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    if pieces.len() < 2 || !worth(work) {
        pieces.into_iter().map(each).collect()
    } else {
        pieces.into_par_iter().map(each).collect()
    }
}

/// Both at once where there is enough work.
pub(crate) fn both<A: Send, B: Send>(
    work: usize,
    one: impl FnOnce() -> A + Send,
    other: impl FnOnce() -> B + Send,
) -> (A, B) {
    if worth(work) { rayon::join(one, other) } else { (one(), other()) }
}

/// Calls `work` on a thread of the pool where there are several: from there others are woken sooner than from outside.
pub(crate) fn inside<R: Send>(work: impl FnOnce() -> R + Send) -> R {
    if rayon::current_num_threads() == 1 { work() } else { rayon::scope(|_| work()) }
}

fn worth(work: usize) -> bool {
    work >= WORTH && rayon::current_num_threads() > 1
}

/// Elements that stay in the second-level cache while they are looked at several times.
const TOGETHER: usize = 1 << 16;

/// Pieces at most, each of which may need memory of its own.
const PIECES: usize = 32;

/// Pieces at least, so that threads come to their end together.
const SHARES: usize = 8;

/// How many of `samples` of so many elements each make a piece.
pub(crate) fn samples_together(elements: usize, samples: usize) -> usize {
    let (least, most) = (samples.div_ceil(PIECES), samples.div_ceil(SHARES));
    (TOGETHER / elements.max(1)).clamp(least, most).max(1)
}

/// How many of `rows` make a piece, a whole number of `height` but for the last, where rows do not depend on each
/// other in any bit: as many pieces as threads, if there is enough work.
pub(crate) fn rows_together(rows: usize, height: usize, work: usize) -> usize {
    let threads = if worth(work) { rayon::current_num_threads() } else { 1 };
    rows.div_ceil(threads).max(1).next_multiple_of(height)
}
