#include "session/session.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <limits>
#include <utility>

#include "session/session_end.hpp"

namespace pgsteer::session {

void start_session(worker_context& worker, listener_state& listener, accepted_client client) {
  session::start(std::make_shared<session>(worker, listener, std::move(client)));
}

void start_session(worker_context& worker, listener_state& listener, carried_session carried,
                   login::picked_backend backend) {
  const auto made = std::make_shared<session>(worker, listener, carried, std::move(backend));
  session::carry_on(made, std::move(carried));
}

session::session(worker_context& worker, listener_state& listener, accepted_client client)
    : worker_(worker),
      listener_(listener),
      id_(client.id),
      client_address_(client.address),
      accepted_at_(client.accepted_at) {
  if (auto* admitted = std::get_if<login::admitted>(&client.admission))
    permit_ = std::move(admitted->session);
  login_ = std::make_unique<login_driver>(*this, std::move(client));
  listener_.users.fetch_add(1, std::memory_order_relaxed);
  listener_.counters.active.add();
  worker_.enlist(*this);
}

session::session(worker_context& worker, listener_state& listener, const carried_session& carried,
                 login::picked_backend backend)
    : worker_(worker),
      listener_(listener),
      id_(carried.id.value != 0 ? carried.id : worker.shared.ids.draw()),
      client_address_(carried.client_address),
      accepted_at_(carried.accepted_at),
      permit_(worker.shared.permits.sessions.take(std::numeric_limits<std::uint32_t>::max()).value()),
      backend_(login::lease::carried_on(std::move(backend))),
      is_readable_(carried.flow.past.memory.is_readable),
      logged_in_at_(carried.logged_in_at),
      is_carried_away_(carried.is_to_stay),
      names_(carried.user, carried.database, carried.application_name) {
  listener_.users.fetch_add(1, std::memory_order_relaxed);
  listener_.counters.active.add();
  worker_.enlist(*this);
}

session::~session() {
  forget_cancel_key();
  worker_.delist(*this);
  listener_.counters.active.subtract();
  login_.reset();
  listener_.users.fetch_sub(1, std::memory_order_release);
}

void session::start(const std::shared_ptr<session>& self) {
  self->itself_ = self;
  self->login_->start();
  if (self->worker_.is_drain_over()) self->request_close({close_reason::draining, {}});  // it was on its way
}

void session::carry_on(const std::shared_ptr<session>& self, carried_session carried) {
  self->itself_ = self;
  self->client_fd_ = std::move(carried.client);
  self->backend_fd_ = std::move(carried.backend_socket);
  if (carried.key)
    self->cancel_entry_ = self->worker_.shared.cancels.add(*carried.key, self->backend_.address());
  relay::flow_start start;
  start.client_fd = self->client_fd_.value();
  start.backend_fd = self->backend_fd_.value();
  start.owner = self.get();
  start.tally = &self->worker_.tally_of(self->listener_);
  start.to_backend = carried.flow.stuck[0];
  start.to_client = carried.flow.stuck[1];
  start.past = &carried.flow.past;
  self->flow_ = self->worker_.engine.start(start);
  self->review();
}

// What it has been asked before is asked again wherever it goes on; what has begun to end ends here.
bool session::carry_away() {
  if (is_carried_away_ || flow_ == nullptr || login_ || is_stopping_) return false;
  if (requested_ && !worker_.engine.stay(*flow_)) return false;
  requested_.reset();
  detail_.reset();
  is_carried_away_ = worker_.engine.detach(*flow_);
  return is_carried_away_;
}

void session::on_detach(relay::carried_flow&& flow) {
  const std::shared_ptr<session> alive = std::move(itself_);
  flow_ = nullptr;
  carried_session carried{.client = std::move(client_fd_),
                          .backend_socket = std::move(backend_fd_),
                          .id = id_,
                          .listener = listener_.counters.name,
                          .client_address = client_address_,
                          .backend = backend_.id(),
                          .backend_address = backend_.address(),
                          .accepted_at = accepted_at_,
                          .logged_in_at = logged_in_at_,
                          .user = std::string(names_.user()),
                          .database = std::string(names_.database()),
                          .application_name = std::string(names_.application()),
                          .key = {},
                          .flow = std::move(flow)};
  if (cancel_entry_ != nullptr) carried.key = cancel_entry_->first;
  forget_cancel_key();
  backend_.give_back();
  worker_.give_away(std::move(carried));
}

void session::start_relay() {
  login::login_machine& login = login_->machine();
  client_fd_ = login_->client().release();
  backend_fd_ = login_->backend().release();
  backend_ = login.take_backend();
  names_ = login_->names();
  relay::flow_start start;
  start.client_fd = client_fd_.value();
  start.backend_fd = backend_fd_.value();
  start.client_wait = &login_->client();
  start.backend_wait = &login_->backend();
  start.owner = this;
  start.tally = &worker_.tally_of(listener_);
  start.is_watched = is_readable_ = login.is_readable();
  start.to_backend = login.to_backend();
  start.to_client = login.to_client();
  flow_ = worker_.engine.start(start);
  // More of an encrypted login cannot be seen.
  if (!start.is_watched) {
    logged_in_at_ = clock::now();
    worker_.note_login(backend_.id(), worker_.route_of(listener_));
  }
  review();  // what changed since the backend answered
  if (!start.is_watched) login_.reset();
}

relay::watch_verdict session::on_backend_bytes(byte_span bytes) {
  using verdict = login::watched::verdict;
  const login::watched seen = login_->machine().watch(bytes);
  if (seen.hint) worker_.note_hint(backend_.id(), *seen.hint);
  login_end_ = seen.end;
  can_speak_ = seen.may_speak;
  switch (seen.what) {
    case verdict::passing_on:
      return relay::watch_verdict::watching;
    case verdict::failed:
      return relay::watch_verdict::done;
    case verdict::refused:
      return relay::watch_verdict::refuse;
    case verdict::logged_in:
      break;
  }
  worker_.note_login(backend_.id(), worker_.route_of(listener_));
  listener_.counters.login.observe(in_seconds(clock::now() - accepted_at_));
  if (const auto& key = login_->machine().key())
    cancel_entry_ = worker_.shared.cancels.add(*key, backend_.address());
  finish_login();
  return relay::watch_verdict::done;
}

void session::forget_cancel_key() {
  if (cancel_entry_ != nullptr) worker_.shared.cancels.remove(cancel_entry_);
  cancel_entry_ = nullptr;
}

// Later: the engine, or the login itself, is what calls.
void session::finish_login() {
  logged_in_at_ = clock::now();
  boost::asio::post(worker_.context, [self = itself_] {
    self->login_.reset();
    self->review_if_due();
  });
}

time_point session::first_query_due(const login::removal& why) const {
  const runtime::options& options = *worker_.state()->options;
  const duration quiet = is_readable_ ? duration::zero() : *why.when_quiet_for;
  const time_point due = logged_in_at_ + std::max(options.first_query_time, quiet);
  const bool is_by_order =
      why.reason == close_reason::draining || why.reason == close_reason::backend_drained;
  if (!is_by_order) return due;
  const time_point patient =
      std::min(logged_in_at_ + options.first_query_time_of_drain, worker_.state()->orders.leave_by);
  return std::max(due, patient);
}

time_point session::turn_to_leave(const login::removal& why) {
  if (why.reason != close_reason::backend_drained) return time_point::min();
  if (!turn_) turn_ = worker_.next_turn_to_leave();
  return *turn_;
}

bool session::waits_for_first_query(const login::removal& why) {
  const bool is_logged_in = logged_in_at_ != time_point::max();
  const time_point due = is_logged_in ? std::max(first_query_due(why), turn_to_leave(why)) : logged_in_at_;
  const auto pending = std::exchange(review_due_, std::nullopt);
  if (clock::now() >= due) return false;
  const bool is_sooner = !pending || due < *pending;
  review_due_ = is_sooner ? due : *pending;
  if (!is_sooner || !is_logged_in) return true;  // finish_login() reviews it, if nobody else
  auto timer = std::make_shared<boost::asio::steady_timer>(worker_.context, due);
  timer->async_wait([timer, self = std::weak_ptr<session>(itself_)](const error_code& /*ec*/) {
    if (const auto alive = self.lock()) alive->review_if_due();
  });
  return true;
}

void session::review_if_due() {
  if (std::exchange(review_due_, std::nullopt)) review();
}

void session::review() {
  if (worker_.is_drain_over()) return request_close({close_reason::draining, {}});
  if (flow_ == nullptr) {
    if (login_) login_->go_on(login::snapshot_changed{});
    return;
  }
  auto removal = login::must_leave(*worker_.state(), backend_.id(), worker_.route_of(listener_));
  const bool may_wait = !removal || removal->reason == close_reason::backend_drained;
  if (may_wait && is_called_to_leave_) {
    const runtime::state& present = *worker_.state();
    removal = login::removal{close_reason::draining,
                             {},
                             std::max(present.options->encrypted_idle_time, present.orders.encrypted_quiet)};
  }
  if (!removal) return stay();
  if (!removal->when_quiet_for || !waits_for_first_query(*removal)) request_close(*removal);
}

void session::call_to_leave() {
  is_called_to_leave_ = true;
  review();
}

void session::kill() {
  request_close({close_reason::killed, {}});
}

void session::request_close(const login::removal& why) {
  if (flow_ == nullptr) {
    if (login_) login_->go_on(login::stopped{why.reason});
    return;
  }
  if (is_stopping_) return;
  requested_ = why.reason;
  detail_ = why.detail.empty() ? nullptr : std::make_unique<const std::string>(why.detail);
  is_stopping_ = !why.when_quiet_for;
  why.when_quiet_for ? worker_.stop_when_idle(*flow_, *why.when_quiet_for) : worker_.engine.stop(*flow_);
}

void session::stay() {
  review_due_.reset();
  turn_.reset();
  if (!requested_ || is_stopping_ || !worker_.engine.stay(*flow_)) return;
  requested_.reset();
  detail_.reset();
}

// Before bytes flow, or because the login took too long.
void session::fail_login(const login::ending& end) {
  if (flow_ != nullptr) return request_close({end.reason, {}});
  if (!end.detail.empty()) detail_ = std::make_unique<const std::string>(end.detail);
  names_ = login_->names();
  backend_ = login_->machine().take_backend();
  if (tell_why_no_login(login_->client(), end) == last_step::linger)
    worker_.linger(login_->client().release());
  close(end.reason, {});
  login_.reset();
}

void session::on_end(const relay::flow_summary& summary) {
  flow_ = nullptr;
  const close_reason reason = reason_of(summary, login_end_, requested_);
  if (reason == close_reason::backend_lost) worker_.note_hint(backend_.id(), topology::hint::session_lost);
  if (reason == close_reason::backend_closed) worker_.note_hint(backend_.id(), topology::hint::session_ended);
  // Its backend notices the end only once it reads or writes; idle outside a transaction it reads.
  if (reason == close_reason::killed && !summary.is_idle_outside_transaction && cancel_entry_ != nullptr)
    worker_.cancel(cancel_entry_->first, backend_.address());
  const last_step next = tell_why_over(client_fd_.value(), reason, summary, detail(), can_speak_);
  if (next == last_step::linger) worker_.linger(std::move(client_fd_));
  if (login_) finish_login();
  close(reason, summary);
}

void session::close(close_reason reason, const relay::flow_summary& summary) {
  forget_cancel_key();
  const std::shared_ptr<session> alive = std::move(itself_);
  backend_.give_back();
  listener_.counters.closed[static_cast<std::size_t>(reason)].add();
  log_end({.id = id_,
           .listener = listener_.counters.name,
           .client = client_address_,
           .user = names_.user(),
           .database = names_.database(),
           .backend = backend_.address(),
           .accepted_at = accepted_at_,
           .detail = detail()},
          reason, summary);
  client_fd_.reset();
  backend_fd_.reset();
}

}  // namespace pgsteer::session
