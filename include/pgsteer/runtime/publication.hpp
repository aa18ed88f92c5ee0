#pragma once
// publication: brings each state to the workers. A new primary is opened only after every worker has let go
// of the old one, so that no two workers ever send new rw logins to different backends.
//
// Pure: how a worker is reached is its taker's business. Control thread.
//
// Flow: publish(next); if its primary is another than the workers have, they first get next with
// is_rw_closed, which also ends the sessions that must go, and next itself once each of them has said that it
// has it. What is published meanwhile goes out in the same two steps. That wait has no bound, since a worker
// that has not let go may use the old primary: is_rw_closed() shows it, and held logins end at their own
// deadline.
#include <cstddef>
#include <functional>
#include <optional>
#include <vector>

#include "pgsteer/runtime/state.hpp"

namespace pgsteer::runtime {

class publication {
 public:
  // Takes a state, and calls on_taken, if there is one, on the control thread once nothing of its worker goes
  // by an older one. Not from inside the call.
  using taker = std::function<void(const state_ptr& next, std::function<void()> on_taken)>;

  explicit publication(state first) : newest_(std::make_shared<const state>(std::move(first))) {}
  publication(const publication&) = delete;
  publication& operator=(const publication&) = delete;

  // One that has newest() already.
  void add(taker worker) { workers_.push_back(std::move(worker)); }
  void publish(state next);
  // Some worker has yet to let go of the old primary.
  [[nodiscard]] bool is_rw_closed() const noexcept { return workers_to_close_ > 0; }
  // As it was published last, whether the workers have it yet or not.
  [[nodiscard]] const state_ptr& newest() const noexcept { return newest_; }

 private:
  void open();
  void close();
  void on_closed();

  std::vector<taker> workers_;
  std::optional<topology::backend_id> open_primary_;  // some worker may still send rw logins there
  state_ptr newest_;
  std::size_t workers_to_close_ = 0;
};

}  // namespace pgsteer::runtime
