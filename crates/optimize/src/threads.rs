use rayon::ThreadPoolBuilder;

/// Does `work` on this thread alone: what it would share out to other threads stays here.
///
/// For work that is done at the same time as other work of its kind: trials of a search, folds. Threads that each had a pool
/// of threads would stand in each other's way.
pub fn single_threaded<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    match ThreadPoolBuilder::new().num_threads(1).use_current_thread().build() {
        Ok(pool) => pool.install(work),
        // The thread belongs to a pool already: to one that was made here, of one thread.
        Err(_) => work(),
    }
}
