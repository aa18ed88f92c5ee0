#include "pgsteer/story/topology_story.hpp"

#include "pgsteer/base/log.hpp"

namespace pgsteer::story {
namespace {

using topology::backend_status;
using topology::topology_snapshot;

std::int64_t whole(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

void tell_backend(const backend_status* before, const backend_status& after) {
  const bool is_same = before != nullptr && before->role == after.role && before->reason == after.reason &&
                       before->is_rw_eligible == after.is_rw_eligible &&
                       before->is_ro_eligible == after.is_ro_eligible && before->timeline == after.timeline;
  if (is_same) return;
  const std::string address = to_string(after.address);
  const std::string reason = to_string(after.reason);
  log(log_level::info, "backend changed",
      {{"backend", std::string_view(address)},
       {"name", std::string_view(after.name.text())},
       {"role", topology::to_string(after.role)},
       {"timeline", whole(after.timeline.value)},
       {"rw_eligible", after.is_rw_eligible},
       {"ro_eligible", after.is_ro_eligible},
       {"reason", std::string_view(reason)}});
}

// One that was taken back is told by whoever did that.
void tell_end_of_order(const backend_status& before, const backend_status& after, time_point now) {
  const bool is_over = before.order && before.order->until && *before.order->until <= now && !after.order;
  if (!is_over) return;
  const std::string address = to_string(after.address);
  log(log_level::info, "the time of the operator's order is over",
      {{"backend", std::string_view(address)},
       {"name", std::string_view(after.name.text())},
       {"order", topology::to_string(before.order->what)}});
}

void tell_primary(const topology_snapshot& before, const topology_snapshot& after) {
  const bool had_rw = before.rw_valid_until.has_value();
  const bool has_rw = after.rw_valid_until.has_value();
  const bool is_same = had_rw == has_rw && before.is_settling == after.is_settling;
  if (is_same && before.primary == after.primary) return;
  const backend_status* primary = after.primary ? after.find(*after.primary) : nullptr;
  const std::string address = primary != nullptr ? to_string(primary->address) : "none";
  if (has_rw) {
    log(log_level::info, "primary is proven, new rw logins go there",
        {{"backend", std::string_view(address)},
         {"timeline", whole(after.fence.value)},
         {"generation", whole(after.generation)}});
  } else if (after.is_settling) {
    log(log_level::info, "primary is proven, new rw logins wait until its promotion has settled",
        {{"backend", std::string_view(address)},
         {"timeline", whole(after.fence.value)},
         {"generation", whole(after.generation)}});
  } else if (had_rw || before.primary != after.primary) {
    const std::string reason =
        primary != nullptr ? to_string(primary->reason) : "no backend is proven primary";
    log(log_level::warning, "no usable primary, new rw logins are held",
        {{"backend", std::string_view(address)},
         {"reason", std::string_view(reason)},
         {"generation", whole(after.generation)}});
  }
}

}  // namespace

void tell_topology_change(const topology_snapshot& before, const topology_snapshot& after, time_point now) {
  for (const backend_status& status : after.backends) tell_backend(before.find(status.id), status);
  for (const backend_status& status : before.backends) {
    if (const backend_status* const still_there = after.find(status.id)) {
      tell_end_of_order(status, *still_there, now);
      continue;
    }
    const std::string address = to_string(status.address);
    log(log_level::info, "backend forgotten", {{"backend", std::string_view(address)}});
  }
  if (after.is_ambiguous && !before.is_ambiguous)
    log(log_level::error, "two primaries on one timeline: split brain, or a clone of the primary",
        {{"timeline", whole(after.fence.value)}});
  tell_primary(before, after);
}

}  // namespace pgsteer::story
