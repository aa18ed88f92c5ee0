#pragma once
// Asks a running pgsteer, over its control socket, to hand everything over to this process.
//
// Free function; blocks its thread for some seconds at most. What goes through the connection then is the
// succession module's.
#include <string>

#include "pgsteer/net/unique_fd.hpp"

namespace pgsteer::admin {

struct hand_over_answer {
  net::unique_fd connected;  // open if it agreed; blocking
  bool is_nobody_there = false;
  std::string why_not;  // if it is not
};
[[nodiscard]] hand_over_answer ask_for_hand_over(const std::string& control_socket);

}  // namespace pgsteer::admin
