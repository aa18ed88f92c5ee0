#pragma once
// half_closed_flows: the flows of one engine of which one side has ended, so that none stays so for ever.
//
// Owns no flow; one that is destroyed or retired leaves by its hook. Worker's thread.
//
// Flow: note(flow) once it is half-closed -> expire() at each tick.
#include "pgsteer/base/clock.hpp"
#include "relay/flow.hpp"

namespace pgsteer::relay {

class half_closed_flows {
 public:
  void note(flow& candidate) {
    if (candidate.is_half_closed() && !candidate.in_half_closed.is_linked()) newly_.push_back(candidate);
  }

  // end(flow&) for each that has been so for too long. The clock of a flow starts with the first tick that
  // sees it, and again when bytes have moved.
  template <class End>
  void expire(time_point now, duration timeout, End end) {
    while (!known_.empty() && now - known_.front().half_closed_spell.since >= timeout) {
      flow& oldest = known_.front();
      known_.pop_front();
      if (oldest.bytes_moved() != oldest.half_closed_spell.bytes) {
        newly_.push_back(oldest);
      } else {
        end(oldest);
      }
    }
    for (flow& fresh : newly_) fresh.half_closed_spell = {.since = now, .bytes = fresh.bytes_moved()};
    known_.splice(known_.end(), newly_);
  }

 private:
  flow_list<&flow::in_half_closed> newly_;  // since the last tick
  flow_list<&flow::in_half_closed> known_;  // longest quiet first
};

}  // namespace pgsteer::relay
