#pragma once
// quiet_flows: the flows of one engine that are to leave and whose bytes cannot be read, so that only a quiet
// moment tells that nothing is under way: the backend has spoken last, nothing waits for the client to read,
// and no byte has passed for a while.
//
// How long a moment that has to be halves each time that it has been waited for, down to quiet_min: who
// pauses for a while amid a transaction is spared at first, and who is never quiet for long does not stay for
// ever.
//
// Owns no flow; one that is destroyed or retired leaves by its hook. Worker's thread.
//
// Flow: note(flow) once it is to leave -> look() again and again.
#include <algorithm>
#include <optional>

#include "pgsteer/base/clock.hpp"
#include "relay/flow.hpp"

namespace pgsteer::relay {

class quiet_flows {
 public:
  // A client nearby that is about to go on has mostly done so by then.
  static constexpr duration quiet_min = milliseconds{5};

  // first: how long it has to be quiet at first. The shortest that was asked for counts.
  void note(flow& asked, duration first) {
    if (!asked.awaits_quiet() || std::max(first, quiet_min) >= asked.awaited_quiet.first) return;
    asked.awaited_quiet = {.first = std::max(first, quiet_min)};
    if (!asked.in_awaiting_quiet.is_linked()) waiting_.push_back(asked);
  }

  // leave(flow&) for each that has been quiet for long enough and is owed no answer. The time of a flow
  // starts with the first look at it. Returns after what time to look again; nothing: nobody waits.
  template <class Leave>
  [[nodiscard]] std::optional<duration> look(time_point now, Leave leave) {
    std::optional<duration> shortest;
    for (auto next = waiting_.begin(); next != waiting_.end();) {
      flow& waiting = *next++;
      if (!waiting.awaits_quiet()) {
        waiting.in_awaiting_quiet.unlink();
        continue;
      }
      const duration wanted = note_bytes(waiting, now);
      const bool is_quiet = now - waiting.awaited_quiet.spell.since >= wanted;
      if (is_quiet && waiting.has_backend_spoken_last()) leave(waiting);
      shortest = std::min(wanted, shortest.value_or(wanted));
    }
    if (shortest) *shortest /= 2;
    return shortest;
  }

 private:
  // Returns how long it has to be quiet by now.
  static duration note_bytes(flow& waiting, time_point now) noexcept {
    quiet_wait& wait = waiting.awaited_quiet;
    if (wait.asked_at == time_point{}) wait.asked_at = now;
    const std::uint64_t bytes = waiting.bytes_moved();
    const bool is_first_look = wait.spell.since == time_point{};
    if (is_first_look || bytes != wait.spell.bytes || waiting.is_client_behind())
      wait.spell = {.since = now, .bytes = bytes};
    constexpr auto halvings_max = 30;
    const auto halvings = std::min<duration::rep>((now - wait.asked_at) / wait.first, halvings_max);
    return std::max(wait.first / (duration::rep{1} << halvings), quiet_min);
  }

  flow_list<&flow::in_awaiting_quiet> waiting_;
};

}  // namespace pgsteer::relay
