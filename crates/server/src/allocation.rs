//! The global allocator; with the feature `count-allocations`, one that counts allocations.

#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Prints the number of allocations so far to standard error, if they are counted.
pub(crate) fn report() {
    #[cfg(feature = "count-allocations")]
    {
        use std::io::Write as _;
        let stats = ALLOCATOR.stats();
        let count = stats.allocations + stats.reallocations;
        // Standard error may be closed.
        let _ = writeln!(std::io::stderr(), "allocations: {count}");
    }
}
