//! The server's allocator, so that its counterparts have the same; in builds with the feature
//! `count-allocations`, one that counts.

#[cfg(not(feature = "count-allocations"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(feature = "count-allocations")]
#[global_allocator]
static ALLOCATOR: &stats_alloc::StatsAlloc<std::alloc::System> = &stats_alloc::INSTRUMENTED_SYSTEM;

/// Says how often this process has allocated so far, if it counts.
pub(crate) fn report() {
    #[cfg(feature = "count-allocations")]
    {
        let stats = ALLOCATOR.stats();
        crate::progress::say!("allocations: {}", stats.allocations + stats.reallocations);
    }
}
