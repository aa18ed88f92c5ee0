#pragma once
// half_closed_flows: the flows of one engine of which one side has ended, so that none stays so for ever.
//
// Owns no flow; one that is destroyed or retired leaves by its hook. Worker's thread.
//
// Flow: note(flow) once it is half-closed -> expire() at each tick.
#include <boost/intrusive/list.hpp>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::relay {

// Flow has the hook in_half_closed, bytes_moved(), is_half_closed(), and quiet_since and bytes_at_quiet,
// which are kept here.
template <class Flow>
class half_closed_flows {
 public:
  void note(Flow& candidate) {
    if (candidate.is_half_closed() && !candidate.in_half_closed.is_linked()) newly_.push_back(candidate);
  }

  // The clock of a flow starts with the first tick that sees it, and again when bytes have moved.
  template <class End>
  void expire(time_point now, duration timeout, End end) {
    while (!known_.empty() && now - known_.front().quiet_since >= timeout) {
      Flow& oldest = known_.front();
      known_.pop_front();
      if (oldest.bytes_moved() != oldest.bytes_at_quiet) {
        newly_.push_back(oldest);
      } else {
        end(oldest);
      }
    }
    for (Flow& fresh : newly_) {
      fresh.quiet_since = now;
      fresh.bytes_at_quiet = fresh.bytes_moved();
    }
    known_.splice(known_.end(), newly_);
  }

 private:
  using list =
      boost::intrusive::list<Flow,
                             boost::intrusive::member_hook<Flow, typename Flow::hook, &Flow::in_half_closed>,
                             boost::intrusive::constant_time_size<false>>;

  list newly_;  // since the last tick
  list known_;  // longest quiet first
};

}  // namespace pgsteer::relay
