//! Sharing work out to threads.

use rayon::prelude::*;

/// Multiplications below which waking another thread costs more than it saves.
const WORTH: usize = 1 << 21;

/// Calls `each` with every piece, on all threads where there is enough `work` (multiplications, about). Pieces must not
/// depend on each other; whoever cuts them does it the same way for any number of threads.
pub(crate) fn for_each<T: Send>(work: usize, pieces: Vec<T>, each: impl Fn(T) + Send + Sync) {
    map(work, pieces, each);
}

/// The same; what `each` returns, in the order of the pieces.
pub(crate) fn map<T: Send, R: Send>(
    work: usize,
    pieces: Vec<T>,
    each: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    if work < WORTH || pieces.len() < 2 || rayon::current_num_threads() == 1 {
        pieces.into_iter().map(each).collect()
    } else {
        pieces.into_par_iter().map(each).collect()
    }
}

/// Elements that stay in the second-level cache while they are looked at several times.
const TOGETHER: usize = 1 << 16;

/// Pieces at most, each of which may need memory of its own.
const PIECES: usize = 32;

/// How many of `samples` of so many elements each make a piece.
pub(crate) fn samples_together(elements: usize, samples: usize) -> usize {
    (TOGETHER / elements.max(1)).max(samples.div_ceil(PIECES)).max(1)
}
