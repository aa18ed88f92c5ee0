#pragma once
// How the commands that ask a running pgsteer over its control socket do that, and say that nobody answers.
//
// Blocks the calling thread.
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "admin/admin_client.hpp"

namespace pgsteer::admin {

// Of these commands.
inline constexpr int exit_done = 0;
inline constexpr int exit_impossible = 1;
inline constexpr int exit_invalid = 2;
inline constexpr int exit_nobody = 3;

struct command {
  std::string_view name;
  const std::string& control_socket;
  std::ostream& out;
  std::ostream& err;
};

// Tells why; returns the exit code.
int nobody_there(const command& of, std::string_view why);

// Nothing if there is none; the error is told then.
[[nodiscard]] std::optional<fetched> answer_to(const command& of, question asked);

}  // namespace pgsteer::admin
