#include "pgsteer/session/worker_context.hpp"

#include <algorithm>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/pgwire/startup_negotiation.hpp"
#include "session/own_cancels.hpp"
#include "session/session_list.hpp"

namespace pgsteer::session {

namespace {

// Two hints of one backend that are closer together start no second probe.
constexpr auto news_interval = milliseconds{5};
// During a drain; with one session each time, 100 a second of each worker at least.
constexpr duration calling_interval = milliseconds{10};

}  // namespace

worker_context::worker_context(boost::asio::io_context& context_in, relay::engine& engine_in,
                               std::function<void()> wake_loop, const worker_shared& shared_in,
                               runtime::state_ptr first)
    : context(context_in),
      engine(engine_in),
      shared(shared_in),
      wake_loop_(std::move(wake_loop)),
      state_(std::move(first)),
      login_buffer_(pgwire::first_packet_bytes_max),
      sessions_(std::make_unique<session_list>()),
      quiet_timer_(context_in),
      calling_timer_(context_in),
      linger_timer_(context_in),
      cancels_(std::make_unique<own_cancels>(*this)) {}

worker_context::~worker_context() = default;

void worker_context::publish(runtime::state_ptr next) {
  const runtime::state_ptr before = std::exchange(state_, std::move(next));
  const bool is_changed = state_->topology.snapshot->generation != before->topology.snapshot->generation ||
                          state_->options != before->options || state_->orders != before->orders;
  const bool is_any_drained =
      std::ranges::any_of(state_->topology.snapshot->backends, &topology::backend_status::is_drained);
  if (!is_any_drained) last_turn_ = {};  // nobody waits for those turns any more
  if (is_changed) sessions_->for_each([](session& member) { member.review(); });
  if (is_leaving() && before->orders.drain != state_->orders.drain) {
    sessions_->next_to_call = sessions_->members.begin();
    call_to_leave();
  }
  if (holds.is_empty()) return;
  holds.wake([this](std::size_t listener) { return choose(listener, {}, 0).backend != nullptr; },
             is_changed || state_->is_rw_closed != before->is_rw_closed);
}

routing::choice worker_context::choose(std::size_t listener, std::span<const topology::backend_id> tried,
                                       std::uint64_t ticket) {
  loads_.clear();
  for (const runtime::backend_use_ptr& use : state_->topology.uses)
    loads_.push_back(static_cast<std::uint32_t>(use->counters.sessions.value()));
  return routing::choose({.snapshot = *state_->topology.snapshot,
                          .policy = state_->listener(listener).policy,
                          .sessions = loads_,
                          .tried = tried,
                          .ticket = ticket,
                          .now = clock::now(),
                          .is_rw_closed = state_->is_rw_closed});
}

mutable_byte_span worker_context::login_buffer(std::size_t bytes) {
  PGSTEER_ASSERT(bytes <= login_buffer_.size());
  return mutable_byte_span(login_buffer_).first(bytes);
}

login::surroundings worker_context::around(listener_state& listener, const std::function<void()>& wake,
                                           time_point arrived) {
  return {.state = state_,
          .listener = listener.index,
          .counters = listener.counters,
          .cancel_counters = shared.cancel_counters,
          .holds = holds,
          .permits = shared.permits,
          .wake = wake,
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

void worker_context::stop_when_idle(relay::flow& target, duration quiet) {
  engine.stop_when_idle(target, quiet);
  const bool is_soon_enough = quiet_due_ && *quiet_due_ <= clock::now() + quiet;
  if (!is_soon_enough) look_for_quiet_after(duration::zero());  // after all those that are asked now
}

void worker_context::look_for_quiet_after(duration pause) {
  quiet_due_ = clock::now() + pause;
  quiet_timer_.expires_at(*quiet_due_);
  quiet_timer_.async_wait([this](const error_code& failed) {
    if (failed) return;  // it is due at another time
    quiet_due_.reset();
    if (const auto next = engine.leave_quiet(clock::now())) look_for_quiet_after(*next);
  });
}

void worker_context::linger(net::unique_fd client) {
  const bool is_looked_at = lingering_.size() != 0;
  const runtime::options& options = *state_->options;
  lingering_.add(std::move(client),
                 {.until = clock::now() + options.linger_timeout, .sockets_max = options.lingering_max});
  if (!is_looked_at && lingering_.size() != 0) look_at_lingering_after(net::lingering_sockets::pause);
}

void worker_context::look_at_lingering_after(duration pause) {
  linger_timer_.expires_after(pause);
  linger_timer_.async_wait([this](const error_code& /*ec*/) {
    if (const auto next = lingering_.look(clock::now())) look_at_lingering_after(*next);
  });
}

// As many as it takes to be through in time, however many come meanwhile, and one at least.
void worker_context::call_to_leave() {
  if (!is_leaving()) return;
  const duration left = std::max<duration>(state_->orders.leave_by - clock::now(), calling_interval);
  auto& next = sessions_->next_to_call;
  for (std::size_t n = 1 + session_count() * calling_interval / left; n > 0; --n) {
    if (next == sessions_->members.end()) break;
    (next++)->call_to_leave();
  }
  calling_timer_.expires_after(calling_interval);
  calling_timer_.async_wait([this](const error_code& ec) {
    if (!ec) call_to_leave();
  });
}

time_point worker_context::next_turn_to_leave() {
  last_turn_ = std::max<time_point>(clock::now(), last_turn_ + calling_interval);
  return last_turn_;
}

std::size_t worker_context::carry_away(std::size_t n, taker whom) {
  taker_ = std::move(whom);
  std::size_t asked = 0;
  for (auto next = sessions_->members.begin(); next != sessions_->members.end() && asked < n; ++next)
    if (next->carry_away()) ++asked;
  return asked;
}

metrics::byte_tally& worker_context::tally_of(listener_state& listener) {
  if (tallies_.size() <= listener.index) tallies_.resize(listener.index + 1);
  listener_tally& known = tallies_[listener.index];
  if (known.listener != listener.number) known = {listener.number, &listener.counters.bytes.add()};
  return *known.tally;
}

void worker_context::cancel(const pgwire::cancel_key& key, const endpoint& backend) {
  cancels_->send(key, backend);
}

void worker_context::enlist(session& member) {
  sessions_->members.push_back(member);
  if (is_leaving() && sessions_->next_to_call == sessions_->members.end()) --sessions_->next_to_call;
  session_count_.fetch_add(1, std::memory_order_relaxed);
}

void worker_context::delist(session& member) {
  sessions_->remove(member);
  session_count_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace pgsteer::session
