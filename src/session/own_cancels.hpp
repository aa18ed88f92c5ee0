#pragma once
// own_cancels: CancelRequests that pgsteer itself sends, so that what a killed session's backend is doing
// ends: PostgreSQL notices that its client is gone only when it writes.
//
// Not those that clients send; but they share their limit (limits.concurrent_cancels) and their time-out, and
// are counted with them if they get lost. One worker's; its thread.
#include <cstdint>
#include <list>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/pgwire/cancel_key.hpp"
#include "pgsteer/session/worker_context.hpp"

namespace pgsteer::session {

class own_cancels {
 public:
  explicit own_cancels(worker_context& worker);
  ~own_cancels();
  own_cancels(const own_cancels&) = delete;
  own_cancels& operator=(const own_cancels&) = delete;

  // Goes its way by itself.
  void send(const pgwire::cancel_key& key, const endpoint& backend);

 private:
  struct under_way;
  void finish(std::uint64_t number);

  worker_context& worker_;
  std::list<under_way> under_way_;
  std::uint64_t newest_ = 0;
};

}  // namespace pgsteer::session
