#pragma once
// What the commands that ask over the control socket have in common.
//
// Blocks the calling thread, as admin_client does.
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

#include "admin/admin_client.hpp"

namespace pgsteer::admin {

// Exit codes.
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

// Tells why; returns exit_nobody.
int nobody_there(const command& of, std::string_view why);
// Nothing if there is none; the error is told then.
[[nodiscard]] std::optional<fetched> answer_to(const command& of, question asked);

// The answer is not what was asked for. news: "what became of a reload".
void tell_no_report(const command& of, const fetched& answer, std::string_view news);

// What read(body) makes of the answer; nothing if there is none or it is something else, which is told then.
template <class Read>
[[nodiscard]] auto report_of(const command& of, question order, Read read, std::string_view news)
    -> decltype(read(std::string())) {
  const auto answer = answer_to(of, std::move(order));
  if (!answer) return std::nullopt;
  auto report = read(answer->body);
  if (!report) tell_no_report(of, *answer, news);
  return report;
}

}  // namespace pgsteer::admin
