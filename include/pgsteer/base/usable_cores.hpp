#pragma once
// usable_cores: what the defaults for workers and for spinning go by.
//
// Asks the kernel each time, remembers nothing. Any thread.

namespace pgsteer {

// How many cores the calling thread may run on, at least 1: sched_getaffinity(2). A container's CPU quota is
// no limit of cores and is not seen.
[[nodiscard]] unsigned usable_cores() noexcept;

}  // namespace pgsteer
