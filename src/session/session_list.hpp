#pragma once
// session_list: the sessions of one worker, and where those have got to who look at one after the other.
//
// Owns no session. The worker's thread; a walk may be let go of anywhere.
#include <algorithm>
#include <boost/intrusive/list.hpp>
#include <memory>
#include <vector>

#include "pgsteer/session/worker_context.hpp"
#include "session/session.hpp"

namespace pgsteer::session {

// Ends, however many come meanwhile: it has so many left as there were when it began.
struct session_walk {
  boost::intrusive::list<session>::iterator next;
  std::size_t left = 0;
};

struct worker_context::session_list {
  boost::intrusive::list<session> members;
  boost::intrusive::list<session>::iterator next_to_call = members.end();  // of those that may have to leave
  std::vector<std::weak_ptr<session_walk>> walks;                          // a few at most: of operators

  // The action may end the session that it is called for, and no other.
  template <class Action>
  void for_each(Action action) {
    for (auto next = members.begin(); next != members.end();) action(*next++);
  }

  [[nodiscard]] std::shared_ptr<session_walk> begin_walk() {
    std::erase_if(walks, [](const auto& each) { return each.expired(); });
    const auto begun = std::make_shared<session_walk>(session_walk{members.begin(), members.size()});
    walks.push_back(begun);
    return begun;
  }
  // Likewise, for the next n of the walk at most; until it says that it has seen enough. False: the walk is
  // over.
  template <class Action>
  [[nodiscard]] bool go_on(session_walk& walk, std::size_t n, Action action) {
    for (; n > 0 && walk.left > 0 && walk.next != members.end(); --n) {
      --walk.left;
      if (action(*walk.next++)) return false;
    }
    return walk.left > 0 && walk.next != members.end();
  }

  void remove(session& member) {
    const auto place = members.iterator_to(member);
    if (next_to_call == place) ++next_to_call;
    for (const auto& each : walks) {
      const auto walk = each.lock();
      if (walk && walk->next == place) ++walk->next;
    }
    members.erase(place);
  }
};

}  // namespace pgsteer::session
