#include "session/session_end.hpp"

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/pgwire/error_response.hpp"

namespace pgsteer::session {

close_reason reason_of(const relay::flow_summary& summary, std::optional<close_reason> login_end,
                       std::optional<close_reason> requested) {
  if (net::is_local_trouble(summary.error)) return close_reason::local_trouble;
  switch (summary.end) {
    case relay::flow_end::client_closed:
      return login_end.value_or(close_reason::client_closed);
    case relay::flow_end::backend_closed:
      return login_end.value_or(close_reason::backend_closed);
    case relay::flow_end::client_failed:
      return login_end.value_or(close_reason::client_lost);
    case relay::flow_end::backend_failed:
      return login_end.value_or(close_reason::backend_lost);
    case relay::flow_end::half_closed_too_long:
      return close_reason::half_closed_too_long;
    case relay::flow_end::defect:
      return close_reason::local_trouble;
    case relay::flow_end::stopped:
      PGSTEER_ASSERT(requested.has_value());
      return *requested;
    case relay::flow_end::refused:
      PGSTEER_ASSERT(login_end.has_value());
      return *login_end;
  }
  return close_reason::local_trouble;
}

last_step tell_why_no_login(leg& client, const login::ending& end) {
  const close_description words = describe(end.reason);
  const std::string_view sqlstate = end.sqlstate.empty() ? words.sqlstate : end.sqlstate;
  if (!client.is_open() || end.is_untold || sqlstate.empty()) return last_step::close;
  if (end.words.empty()) {
    const std::string_view message = end.detail.empty() ? words.message : std::string_view(end.detail);
    client.say_last(as_bytes(pgwire::error_response("FATAL", sqlstate, message)));
  } else {
    client.say_last(end.words);
  }
  return last_step::linger;
}

last_step tell_why_over(int client_fd, close_reason reason, const relay::flow_summary& summary,
                        std::string_view message, bool can_speak) {
  const bool is_our_doing =
      summary.end == relay::flow_end::stopped || summary.end == relay::flow_end::refused;
  if (!is_our_doing) {
    // Also behind the client's FIN: it may still wait for an answer, whose end must not look orderly.
    if (summary.error) net::reset_on_close(client_fd);
    return last_step::close;
  }
  // An end without a word is an error to its driver, and a reset would drop what it has not read.
  if (summary.is_all_said) return last_step::linger;
  // In the middle of something no message fits; a reset says at least that this was no orderly end.
  if (!summary.is_idle_outside_transaction && !can_speak) {
    net::reset_on_close(client_fd);
    return last_step::close;
  }
  const close_description words = describe(reason);
  if (words.sqlstate.empty()) return last_step::close;
  const std::string bytes =
      pgwire::error_response("FATAL", words.sqlstate, message.empty() ? words.message : message);
  net::send_best_effort(client_fd, as_bytes(bytes));
  return last_step::linger;
}

void log_end(const session_facts& facts, close_reason reason, const relay::flow_summary& summary) {
  const close_description words = describe(reason);
  if (!is_logged(words.level)) return;
  const std::string id = to_string(facts.id);
  const std::string client = to_string(net::client_endpoint(facts.client));
  const std::string backend = facts.backend.host.empty() ? "" : to_string(facts.backend);
  log(words.level, "session ended",
      {{"session", std::string_view(id)},
       {"listener", facts.listener},
       {"client", std::string_view(client)},
       {"user", facts.user},
       {"database", facts.database},
       {"backend", std::string_view(backend)},
       {"seconds", in_seconds(clock::now() - facts.accepted_at)},
       {"bytes_to_backend", static_cast<std::int64_t>(summary.bytes[0])},
       {"bytes_to_client", static_cast<std::int64_t>(summary.bytes[1])},
       {"close_reason", words.label},
       {"detail", facts.detail}});
}

}  // namespace pgsteer::session
