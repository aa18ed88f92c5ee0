#pragma once
// Sessions that stay and write every few milliseconds, as an application's pool does; they log in anew when
// cut off.
#include "clients/options.hpp"

namespace pgsteer::bench {

// One line for each write that was answered and for each end of a session, until the program is told to stop.
[[nodiscard]] int run_writers(const client_options& options);

}  // namespace pgsteer::bench
