#include "pgsteer/fence/fence_command.hpp"

#include <ostream>

#include "pgsteer/fence/fence_file.hpp"

namespace pgsteer::fence {
namespace {

constexpr int exit_done = 0;
constexpr int exit_failed = 1;

std::string in_words(const topology::fence_mark& mark) {
  return "timeline " + std::to_string(mark.timeline.value) + " of cluster " +
         std::to_string(mark.system.value) + ", first seen at " + topology::to_string(mark.raised_at);
}

int replace(const std::string& state_dir, const std::optional<topology::fence_mark>& mark, std::ostream& out,
            std::ostream& err) {
  if (const std::string problem = write_fence(state_dir, mark); !problem.empty()) {
    err << "pgsteer: " << problem << '\n';
    return exit_failed;
  }
  out << (mark ? "remembered now: " + in_words(*mark) : "forgotten")
      << "\na running pgsteer takes this in by `pgsteer reload` or SIGHUP, or when it is started again\n";
  return exit_done;
}

}  // namespace

int run_fence(const std::string& state_dir, const fence_request& request, std::ostream& out,
              std::ostream& err) {
  if (request.forget) return replace(state_dir, std::nullopt, out, err);
  const fence_reading reading = read_fence(state_dir);
  if (!reading.problem.empty()) {
    err << "pgsteer: " << reading.problem << '\n';
    return exit_failed;
  }
  if (request.lower_to == 0) {
    out << (reading.mark ? in_words(*reading.mark) : "nothing is remembered") << '\n';
    return exit_done;
  }
  if (!reading.mark || request.lower_to >= reading.mark->timeline.value) {
    err << "pgsteer: --lower-to: expected a timeline below the remembered one, which is "
        << (reading.mark ? std::to_string(reading.mark->timeline.value) : "none") << ", found "
        << request.lower_to << '\n';
    return exit_failed;
  }
  // Where the lower timeline began is not known; its primary's answers tell.
  return replace(state_dir, topology::fence_mark{reading.mark->system, {request.lower_to}, {}}, out, err);
}

}  // namespace pgsteer::fence
