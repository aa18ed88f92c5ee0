#include "pgsteer/session/worker_context.hpp"

#include <algorithm>
#include <iterator>

#include "session/session.hpp"

namespace pgsteer::session {
namespace asio = boost::asio;

struct worker_context::session_list {
  boost::intrusive::list<session> members;
};

namespace {

// Much shorter than probe.burst_interval can be of use.
constexpr auto news_interval = milliseconds{5};

// Before the first that came later. Nearly everybody joins at the end.
template <class Line>
typename Line::iterator place_in_order(Line& line, time_point arrived) {
  auto where = line.end();
  while (where != line.begin() && std::prev(where)->arrived > arrived) --where;
  return where;
}

}  // namespace

asio::awaitable<bool> dial_gate::enter(net::wait_point& waiter, time_point arrived, time_point deadline) {
  if (free_ > 0) {
    --free_;
    co_return true;
  }
  const auto mine = line_.insert(place_in_order(line_, arrived), place{&waiter, arrived});
  co_await waiter.wait_until(deadline);
  const bool is_granted = mine->is_granted;
  line_.erase(mine);
  co_return is_granted;
}

void dial_gate::leave() {
  const auto next = std::find_if(line_.begin(), line_.end(), [](const place& p) { return !p.is_granted; });
  if (next == line_.end()) {
    ++free_;
    return;
  }
  next->is_granted = true;
  next->waiter->wake();
}

hold_line::position hold_line::join(const place& who) {
  return line_.insert(place_in_order(line_, who.arrived), who);
}

void hold_line::wake(const std::function<bool(const listener_state&)>& is_ready, bool is_changed) {
  const listener_state* asked = nullptr;
  bool is_ready_for_asked = false;
  for (const place& p : line_) {
    if (p.wish == wish::a_change) {
      if (is_changed) p.waiter->wake();
      continue;
    }
    if (p.listener != asked) {
      asked = p.listener;
      is_ready_for_asked = is_ready(*asked);
    }
    if (is_ready_for_asked) p.waiter->wake();
  }
}

worker_context::worker_context(asio::io_context& context_in, relay::engine& engine_in,
                               const worker_shared& shared_in)
    : context(context_in),
      engine(engine_in),
      shared(shared_in),
      dials(shared_in.options.concurrent_dials_max),
      sessions_(std::make_unique<session_list>()) {
  topology_.snapshot = std::make_shared<const topology::topology_snapshot>();
}

worker_context::~worker_context() = default;

void worker_context::publish(published_topology next) {
  const bool is_changed = next.snapshot->generation != topology_.snapshot->generation;
  topology_ = std::move(next);
  if (is_changed) {
    for (session& member : sessions_->members) member.review(*topology_.snapshot);
  }
  if (held.is_empty()) return;
  held.wake([this](const listener_state& listener) { return choose(listener, {}, 0).backend != nullptr; },
            is_changed);
}

routing::choice worker_context::choose(const listener_state& listener,
                                       std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket) const {
  const auto& snapshot = *topology_.snapshot;
  std::vector<std::uint32_t> sessions;
  if (listener.options.policy.balance == routing::balance::least_sessions) {
    sessions.reserve(topology_.counters.size());
    for (const auto& backend : topology_.counters)
      sessions.push_back(static_cast<std::uint32_t>(backend->sessions.value()));
  } else {
    sessions.resize(snapshot.backends.size());
  }
  return routing::choose({snapshot, listener.options.policy, sessions, tried, ticket, clock::now()});
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
  for (session& member : sessions_->members) member.request_close(reason);
}

}  // namespace pgsteer::session
