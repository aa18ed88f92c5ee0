// What the relay reports of a session, and how a session ends: the client's last message, the log line.
#include <sys/socket.h>

#include <boost/asio/write.hpp>

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
      key_ = o.watch.backend_key();
      if (key_) worker_.shared.cancels.add(*key_, backend_address_);
      o.wait.wake();
      return relay::watch_verdict::done;
    case pgwire::login_watch::state::failed:
      watched_end_ = close_reason::login_failed;
      if (smells_of_change(o.watch.sqlstate())) worker_.note_sign(backend_id_, backend_sign::login_failed);
      return relay::watch_verdict::done;
    case pgwire::login_watch::state::refused_hot_standby:
      watched_end_ = close_reason::stale_primary;
      listener_.counters.stale_refused.add();
      worker_.note_sign(backend_id_, backend_sign::login_failed);
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
  summary_ = summary;
  ended_.set();
  if (opening_) opening_->wait.wake();
}

close_reason session::reason_of(const relay::flow_summary& summary) const {
  switch (summary.end) {
    case relay::flow_end::client_closed:
      return close_reason::client_closed;
    case relay::flow_end::backend_closed:
      return watched_end_.value_or(close_reason::backend_closed);
    case relay::flow_end::client_failed:
      return net::is_local_trouble(summary.error) ? close_reason::local_trouble : close_reason::client_lost;
    case relay::flow_end::backend_failed:
      return watched_end_.value_or(close_reason::backend_lost);
    case relay::flow_end::half_closed_too_long:
      return close_reason::half_closed_too_long;
    case relay::flow_end::stopped:
      PGSTEER_ASSERT(requested_.has_value());
      return *requested_;
    case relay::flow_end::refused:
      PGSTEER_ASSERT(watched_end_.has_value());
      return *watched_end_;
  }
  return close_reason::local_trouble;
}

void session::close(close_reason reason) {
  if (reason == close_reason::backend_lost) worker_.note_sign(backend_id_, backend_sign::session_lost);
  if (reason == close_reason::backend_closed) worker_.note_sign(backend_id_, backend_sign::session_ended);
  farewell(reason);
  if (key_) worker_.shared.cancels.remove(*key_, backend_address_);
  if (backend_counters_) backend_counters_->sessions.subtract();
  backend_counters_.reset();
  listener_.counters.closed[static_cast<std::size_t>(reason)].add();
  listener_.counters.bytes_to_backend.add(summary_.bytes[0]);
  listener_.counters.bytes_to_client.add(summary_.bytes[1]);
  log_end(reason);
  error_code ignored;
  client_.close(ignored);
  backend_.close(ignored);
  client_fd_.reset();
  backend_fd_.reset();
}

// The client's last message, if the reason has one and the client is at a point where it can be read; where
// it would be in the middle of something, a reset says at least that this was no orderly end.
void session::farewell(close_reason reason) {
  const close_description words = describe(reason);
  const bool has_relayed = client_fd_.is_open();
  const int client = has_relayed ? client_fd_.value() : client_.native_handle();
  if (client < 0) return;
  std::string_view sqlstate = words.sqlstate;
  if (reason == close_reason::malformed_startup) sqlstate = detail_sqlstate_;
  if (has_relayed) {
    if (summary_.end != relay::flow_end::stopped && summary_.end != relay::flow_end::refused) {
      // Also behind the client's FIN: it may still wait for an answer, whose end must not look orderly.
      if (summary_.error) net::close_with_reset(client);
      return;
    }
    if (!summary_.is_idle_outside_transaction && !can_speak_) {
      net::close_with_reset(client);
      return;
    }
  }
  const bool is_deaf = opening_ && !has_relayed && (opening_->is_blind || opening_->awaits_one_byte);
  if (sqlstate.empty() || is_deaf) return;
  const std::string_view message = detail_.empty() ? words.message : std::string_view(detail_);
  const std::string bytes = pgwire::error_response("FATAL", sqlstate, message);
  const bool has_refusal = opening_ && !opening_->refusal.empty() && reason == close_reason::hold_timeout;
  net::send_best_effort(client, has_refusal ? byte_span(opening_->refusal) : as_bytes(bytes));
  net::finish_sending(client);
}

void session::log_end(close_reason reason) const {
  const close_description words = describe(reason);
  if (!is_logged(words.level)) return;
  const std::string client = to_string(client_address_);
  const std::string backend = backend_address_.host.empty() ? "" : to_string(backend_address_);
  const double seconds_open = in_seconds(clock::now() - accepted_at_);
  log(words.level, "session ended",
      {{"listener", std::string_view(listener_.options.name)},
       {"client", std::string_view(client)},
       {"user", std::string_view(user_)},
       {"database", std::string_view(database_)},
       {"backend", std::string_view(backend)},
       {"seconds", seconds_open},
       {"bytes_to_backend", static_cast<std::int64_t>(summary_.bytes[0])},
       {"bytes_to_client", static_cast<std::int64_t>(summary_.bytes[1])},
       {"close_reason", words.label},
       {"detail", std::string_view(detail_)}});
}

}  // namespace pgsteer::session
