// What an operator asks of all sessions of a worker, a slice at a time.
#include "session/session_list.hpp"

namespace pgsteer::session {

std::shared_ptr<session_walk> worker_context::begin_walk() {
  return sessions_->begin_walk();
}

bool worker_context::list_sessions(session_walk& walk, std::size_t n, std::vector<listed_session>& into) {
  return sessions_->go_on(walk, n, [&](session& each) {
    if (auto seen = each.describe()) into.push_back(std::move(*seen));
    return false;
  });
}

bool worker_context::kill_session(session_walk& walk, std::size_t n, session_id which,
                                  std::optional<listed_session>& killed) {
  return sessions_->go_on(walk, n, [&](session& each) {
    if (each.id() != which) return false;
    killed = each.describe();
    if (killed) each.kill();
    return true;
  });
}

}  // namespace pgsteer::session
