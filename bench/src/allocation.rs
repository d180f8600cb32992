//! The global allocator, the same as that of the server. With the feature `count-allocations`, it
//! counts allocations.

#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Prints the number of allocations so far, if they are counted.
pub(crate) fn report() {
    #[cfg(feature = "count-allocations")]
    {
        let stats = ALLOCATOR.stats();
        crate::progress::say!("allocations: {}", stats.allocations + stats.reallocations);
    }
}
