// What the relay reports of a session, and how a session ends: the client's last message, the log line.
#include <sys/socket.h>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/net/socket.hpp"
#include "pgsteer/pgwire/error_response.hpp"
#include "session/session.hpp"

namespace pgsteer::session {
namespace {

// SQLSTATEs of a refused login that say the backend's role or state has changed (rule 7).
bool smells_of_change(std::string_view sqlstate) noexcept {
  return sqlstate == "57P01" || sqlstate == "57P02" || sqlstate == "57P03" || sqlstate == "25006";
}

}  // namespace

relay::watch_verdict session::on_backend_bytes(byte_span bytes) {
  opening& o = *opening_;
  const bool was_between_messages = o.watch.is_between_messages();
  switch (o.watch.consume(bytes)) {
    case pgwire::login_watch::state::watching:
      return relay::watch_verdict::watching;
    case pgwire::login_watch::state::logged_in:
      o.is_logged_in = true;
      note_login();
      o.login_permit.release();
      listener_.counters.login.observe(in_seconds(clock::now() - accepted_at_));
      if (const auto key = o.watch.backend_key())
        cancel_place_ = worker_.shared.cancels.add(*key, backend_address_);
      o.wait.wake();
      return relay::watch_verdict::done;
    case pgwire::login_watch::state::failed:
      watched_end_ = close_reason::login_failed;
      if (smells_of_change(o.watch.sqlstate())) worker_.note_hint(backend_id_, topology::hint::login_failed);
      return relay::watch_verdict::done;
    case pgwire::login_watch::state::refused_hot_standby:
      watched_end_ = close_reason::stale_primary;
      listener_.counters.stale_refused.add();
      worker_.note_hint(backend_id_, topology::hint::login_failed);
      break;
    case pgwire::login_watch::state::not_postgresql:
      watched_end_ = close_reason::backend_misbehaved;
      break;
  }
  // A message of our own fits only between two messages of the backend's.
  can_speak_ = was_between_messages;
  return relay::watch_verdict::refuse;
}

void session::on_end(const relay::flow_summary& summary) {
  flow_ = nullptr;
  const std::shared_ptr<session> self = std::move(itself_);
  close(reason_of(summary), summary);
  if (opening_) opening_->wait.wake();
}

close_reason session::reason_of(const relay::flow_summary& summary) const {
  if (net::is_local_trouble(summary.error)) return close_reason::local_trouble;
  switch (summary.end) {
    case relay::flow_end::client_closed:
      return watched_end_.value_or(close_reason::client_closed);
    case relay::flow_end::backend_closed:
      return watched_end_.value_or(close_reason::backend_closed);
    case relay::flow_end::client_failed:
      return watched_end_.value_or(close_reason::client_lost);
    case relay::flow_end::backend_failed:
      return watched_end_.value_or(close_reason::backend_lost);
    case relay::flow_end::half_closed_too_long:
      return close_reason::half_closed_too_long;
    case relay::flow_end::made_no_progress:
      return close_reason::local_trouble;
    case relay::flow_end::stopped:
      PGSTEER_ASSERT(requested_.has_value());
      return *requested_;
    case relay::flow_end::refused:
      PGSTEER_ASSERT(watched_end_.has_value());
      return *watched_end_;
  }
  return close_reason::local_trouble;
}

void session::close(close_reason reason, const relay::flow_summary& summary) {
  if (reason == close_reason::backend_lost) worker_.note_hint(backend_id_, topology::hint::session_lost);
  if (reason == close_reason::backend_closed) worker_.note_hint(backend_id_, topology::hint::session_ended);
  farewell(reason, summary);
  leave_cancel_registry();
  if (backend_counters_) backend_counters_->sessions.subtract();
  backend_counters_.reset();
  listener_.counters.closed[static_cast<std::size_t>(reason)].add();
  listener_.counters.bytes_to_backend.add(summary.bytes[0]);
  listener_.counters.bytes_to_client.add(summary.bytes[1]);
  log_end(reason, summary);
  if (opening_) {
    opening_->client.close();
    opening_->backend.close();
  }
  client_fd_.reset();
  backend_fd_.reset();
}

void session::leave_cancel_registry() {
  if (cancel_place_ != nullptr) worker_.shared.cancels.remove(cancel_place_);
  cancel_place_ = nullptr;
}

void session::explain(std::string detail) {
  detail_ = std::make_unique<const std::string>(std::move(detail));
}

// The client's last message, if the reason has one and the client is at a point where it can be read; where
// it would be in the middle of something, a reset says at least that this was no orderly end.
void session::farewell(close_reason reason, const relay::flow_summary& summary) {
  const close_description words = describe(reason);
  const bool has_relayed = client_fd_.is_open();
  if (!has_relayed && !opening_) return;
  const int client = has_relayed ? client_fd_.value() : opening_->client.fd();
  if (client < 0) return;
  std::string_view sqlstate = words.sqlstate;
  if (reason == close_reason::malformed_startup) sqlstate = opening_->verdict_sqlstate;
  if (has_relayed) {
    if (summary.end != relay::flow_end::stopped && summary.end != relay::flow_end::refused) {
      // Also behind the client's FIN: it may still wait for an answer, whose end must not look orderly.
      if (summary.error) net::close_with_reset(client);
      return;
    }
    if (!summary.is_idle_outside_transaction && !can_speak_) {
      net::close_with_reset(client);
      return;
    }
  }
  const bool is_deaf = opening_ && !has_relayed && (opening_->is_blind || opening_->awaits_one_byte);
  if (sqlstate.empty() || is_deaf) return;
  const std::string_view message = detail_ ? std::string_view(*detail_) : words.message;
  const std::string bytes = pgwire::error_response("FATAL", sqlstate, message);
  const bool has_refusal = opening_ && !opening_->refusal.empty() && reason == close_reason::hold_timeout;
  net::send_best_effort(client, has_refusal ? byte_span(opening_->refusal) : as_bytes(bytes));
  net::finish_sending(client);
}

void session::log_end(close_reason reason, const relay::flow_summary& summary) const {
  const close_description words = describe(reason);
  if (!is_logged(words.level)) return;
  const std::string client = to_string(net::to_endpoint(client_address_));
  const std::string backend = backend_address_.host.empty() ? "" : to_string(backend_address_);
  const double seconds_open = in_seconds(clock::now() - accepted_at_);
  log(words.level, "session ended",
      {{"listener", std::string_view(listener_.options.name)},
       {"client", std::string_view(client)},
       {"user", std::string_view(user_)},
       {"database", std::string_view(database_)},
       {"backend", std::string_view(backend)},
       {"seconds", seconds_open},
       {"bytes_to_backend", static_cast<std::int64_t>(summary.bytes[0])},
       {"bytes_to_client", static_cast<std::int64_t>(summary.bytes[1])},
       {"close_reason", words.label},
       {"detail", detail_ ? std::string_view(*detail_) : std::string_view()}});
}

}  // namespace pgsteer::session
