#include "pgsteer/session/worker_context.hpp"

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"
#include "session/session.hpp"

namespace pgsteer::session {

struct worker_context::session_list {
  boost::intrusive::list<session> members;

  // The action may end the session that it is called for, and no other.
  template <class Action>
  void for_each(Action action) {
    for (auto next = members.begin(); next != members.end();) action(*next++);
  }
};

namespace {

// Much shorter than probe.burst_interval can be of use.
constexpr auto news_interval = milliseconds{5};

}  // namespace

worker_context::worker_context(boost::asio::io_context& context_in, relay::engine& engine_in,
                               const worker_shared& shared_in)
    : context(context_in),
      engine(engine_in),
      shared(shared_in),
      dials(shared_in.options.concurrent_dials_max),
      login_buffer_(pgwire::first_packet_bytes_max),
      sessions_(std::make_unique<session_list>()) {
  topology_.snapshot = std::make_shared<const topology::topology_snapshot>();
}

worker_context::~worker_context() = default;

void worker_context::publish(published_topology next) {
  const bool is_changed = next.snapshot->generation != topology_.snapshot->generation;
  topology_ = std::move(next);
  if (is_changed) {
    sessions_->for_each([this](session& member) { member.review(*topology_.snapshot); });
  }
  if (holds.is_empty()) return;
  holds.wake([this](const routing::route_policy& policy) { return choose(policy, {}, 0).backend != nullptr; },
             is_changed);
}

routing::choice worker_context::choose(const routing::route_policy& policy,
                                       std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket) const {
  const auto& snapshot = *topology_.snapshot;
  std::vector<std::uint32_t> sessions;
  if (policy.balance == routing::balance::least_sessions) {
    sessions.reserve(topology_.counters.size());
    for (const auto& backend : topology_.counters)
      sessions.push_back(static_cast<std::uint32_t>(backend->sessions.value()));
  } else {
    sessions.resize(snapshot.backends.size());
  }
  return routing::choose({snapshot, policy, sessions, tried, ticket, clock::now()});
}

mutable_byte_span worker_context::login_buffer(std::size_t bytes) {
  PGSTEER_ASSERT(bytes <= login_buffer_.size());
  return mutable_byte_span(login_buffer_).first(bytes);
}

login::surroundings worker_context::around(listener_state& listener, login::waiter& who, time_point arrived) {
  return {.options = shared.options.login,
          .policy = listener.options.policy,
          .hold_timeout = listener.options.hold_timeout,
          .counters = listener.counters,
          .cancel_counters = shared.cancel_counters,
          .snapshot = topology_.snapshot,
          .dials = dials,
          .holds = holds,
          .held_logins = shared.limits.held_logins,
          .cancels = shared.limits.cancels,
          .who = who,
          .arrived = arrived};
}

// Cheap enough for every login: one relaxed load unless somebody asks.
void worker_context::note_login(topology::backend_id backend, routing::target_session_attrs route) {
  std::uint32_t wanted = backend.value;
  if (shared.awaited.backend.load(std::memory_order_relaxed) != wanted) return;
  if (!routing::needs_primary(route)) return;
  if (shared.awaited.backend.compare_exchange_strong(wanted, 0)) shared.awaited.on_login();
}

void worker_context::note_hint(topology::backend_id id, topology::hint noticed) {
  told& last = told_[static_cast<std::size_t>(noticed)];
  const time_point now = clock::now();
  if (last.id == id && now < last.at + news_interval) return;
  last = {id, now};
  shared.on_hint(id, noticed);
}

void worker_context::enlist(session& member) {
  sessions_->members.push_back(member);
  session_count_.fetch_add(1, std::memory_order_relaxed);
}

void worker_context::delist(session& member) {
  sessions_->members.erase(sessions_->members.iterator_to(member));
  session_count_.fetch_sub(1, std::memory_order_relaxed);
}

void worker_context::close_all(close_reason reason) {
  sessions_->for_each([reason](session& member) { member.request_close(reason); });
}

}  // namespace pgsteer::session
