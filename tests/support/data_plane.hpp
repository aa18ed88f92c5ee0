#pragma once
// data_plane: which of the ways that bytes can go through pgsteer this run of the integration tests is for.
//
// The environment variable PGSTEER_TEST_ENGINE says so: epoll, io_uring, or denied (no io_uring, no splice
// and no eBPF, as in a container whose runtime forbids them). Without it options keep their defaults. Any
// thread, but prepare_data_plane().
#include <cstddef>
#include <string>

#include "pgsteer/relay/options.hpp"

namespace pgsteer::test {

enum class data_plane { by_default, epoll, io_uring, denied };

[[nodiscard]] data_plane tested_data_plane();
[[nodiscard]] relay::engine_choice tested_engine();

// Once, before any other thread starts. Ends the process with exit code not_available where this run is not
// possible at all, so that it counts as skipped and not as passed.
void prepare_data_plane();
inline constexpr int not_available = 77;

// The rings that this process has open, which are one for each worker that relays by io_uring.
[[nodiscard]] std::size_t open_rings();

// What is wrong with a proxy of so many workers that has opened so many rings; empty if nothing is. No run
// tests another engine than it says.
[[nodiscard]] std::string wrong_engine(std::size_t workers, std::size_t rings);

}  // namespace pgsteer::test
