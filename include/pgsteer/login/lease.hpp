#pragma once
// lease: a session's place among those of a backend, from before the dial until the session ends.
//
// Counted while it lives; a value that is moved, never copied. Any thread.
#include <utility>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/runtime/state.hpp"
#include "pgsteer/topology/types.hpp"

namespace pgsteer::login {

// A backend as routing has picked it.
struct picked_backend {
  topology::backend_id id;
  endpoint address;  // numeric
  runtime::backend_use_ptr use;
};

class lease {
 public:
  lease() = default;
  lease(picked_backend backend, permit_queue::seat seat)
      : backend_(std::move(backend)), seat_(std::move(seat)) {
    counters().sessions.add();
    counters().sessions_total.add();
  }
  // Of a session that has begun elsewhere.
  [[nodiscard]] static lease carried_on(picked_backend backend) {
    lease made;
    made.backend_ = std::move(backend);
    made.counters().sessions.add();
    return made;
  }
  lease(lease&& other) noexcept = default;
  lease& operator=(lease&& other) noexcept {
    if (this == &other) return *this;
    give_back();
    backend_ = std::move(other.backend_);
    seat_ = std::move(other.seat_);
    return *this;
  }
  ~lease() { give_back(); }

  // id() and address() stay valid.
  void give_back() noexcept {
    if (is_held()) counters().sessions.subtract();
    backend_.use.reset();
    seat_.leave();
  }
  [[nodiscard]] bool is_held() const noexcept { return backend_.use != nullptr; }
  [[nodiscard]] topology::backend_id id() const noexcept { return backend_.id; }
  [[nodiscard]] const endpoint& address() const noexcept { return backend_.address; }
  // The backend has refused this one because it is full. Precondition: is_held().
  void note_full() const noexcept { backend_.use->dials.note_full(); }
  // Precondition: is_held().
  [[nodiscard]] metrics::backend_counters& counters() const noexcept { return backend_.use->counters; }

 private:
  picked_backend backend_;  // a lease that was moved away has no use
  permit_queue::seat seat_;
};

}  // namespace pgsteer::login
