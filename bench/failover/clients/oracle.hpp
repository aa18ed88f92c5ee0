#pragma once
// The oracle: when does a backend accept its first write? Asked every millisecond on a connection of its own.
//
// It writes, since nothing else proves that writes are accepted. Its first attempt that is not refused with
// 25006 (read-only transaction) is the moment. When the last refused one was sent writes were not accepted
// yet: the time from then on is its error.
#include "clients/options.hpp"

namespace pgsteer::bench {

// Prints {"ready": ...} when its connection stands, and one line with the moment when it has come; its exit
// code.
[[nodiscard]] int run_oracle(const client_options& options);

}  // namespace pgsteer::bench
