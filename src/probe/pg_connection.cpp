#include "probe/pg_connection.hpp"

#include <libpq-fe.h>
#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace pgsteer::probe {
namespace {

PGconn* start(std::span<const parameter> parameters) {
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const parameter& entry : parameters) {
    keywords.push_back(entry.keyword);
    values.push_back(entry.value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  return PQconnectStartParams(keywords.data(), values.data(), 0);
}

// PQstatus() has values for more steps than its enum's documented ones; what is not named below belongs to
// the step before it.
login_phase phase_of(ConnStatusType status, login_phase before) noexcept {
  if (status == CONNECTION_STARTED || status == CONNECTION_NEEDED) return login_phase::dialing;
  if (status == CONNECTION_SSL_STARTUP) return login_phase::negotiating_tls;
  if (status == CONNECTION_AWAITING_RESPONSE) return login_phase::authenticating;
  if (status == CONNECTION_AUTH_OK) return login_phase::starting;
  return before;
}

}  // namespace

pg_connection::pg_connection(std::span<const parameter> parameters)
    : connection_(start(parameters), &PQfinish) {
  if (!connection_) return;
  // Verbose messages carry the SQLSTATE, which libpq gives away nowhere else for a failed login.
  PQsetErrorVerbosity(connection_.get(), PQERRORS_VERBOSE);
  PQsetNoticeReceiver(connection_.get(), &pg_connection::keep_notice, this);
}

pg_connection::~pg_connection() = default;

int pg_connection::socket() const noexcept {
  return connection_ ? PQsocket(connection_.get()) : -1;
}

// Looks at the peer's first bytes, or at its end, before libpq eats them: these decide whether this is
// PostgreSQL and who broke off, in any language.
void pg_connection::observe() {
  const ConnStatusType status = PQstatus(connection_.get());
  const login_phase phase = phase_of(status, facts_.phase);
  if (phase != facts_.phase) {
    facts_.phase = phase;
    facts_.first_byte.reset();
    facts_.is_answer_too_long = false;
    facts_.has_peer_closed = false;
  }
  facts_.is_tls_active = PQsslInUse(connection_.get()) != 0;
  if (status == CONNECTION_STARTED || status == CONNECTION_NEEDED) return;
  char bytes[2];
  const auto n = recv(socket(), bytes, sizeof bytes, MSG_PEEK | MSG_DONTWAIT);
  if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) facts_.has_peer_closed = true;
  if (n <= 0 || phase == login_phase::dialing || facts_.is_tls_active || facts_.first_byte) return;
  facts_.first_byte = bytes[0];
  facts_.is_answer_too_long = n > 1;
}

login_progress pg_connection::poll() {
  if (!connection_ || PQstatus(connection_.get()) == CONNECTION_BAD) return login_progress::failed;
  observe();
  const PostgresPollingStatusType status = PQconnectPoll(connection_.get());
  if (status == PGRES_POLLING_READING) return login_progress::wants_read;
  if (status == PGRES_POLLING_WRITING) return login_progress::wants_write;
  if (status != PGRES_POLLING_OK) return login_progress::failed;
  PQsetnonblocking(connection_.get(), 1);
  return login_progress::done;
}

login_facts pg_connection::facts() const noexcept {
  login_facts facts = facts_;
  if (!connection_) {
    static const std::string words = std::generic_category().message(ENOMEM);
    facts.message = words;
    return facts;
  }
  facts.message = PQerrorMessage(connection_.get());
  facts.needs_password = PQconnectionNeedsPassword(connection_.get()) != 0;
  facts.used_password = PQconnectionUsedPassword(connection_.get()) != 0;
  return facts;
}

int pg_connection::backend_pid() const noexcept {
  return PQbackendPID(connection_.get());
}

int pg_connection::server_version() const noexcept {
  return PQserverVersion(connection_.get());
}

bool pg_connection::send(const char* sql) {
  partial_ = {};
  return PQsendQuery(connection_.get(), sql) == 1;
}

bool pg_connection::send_prepare(const char* name, const char* sql) {
  partial_ = {};
  return PQsendPrepare(connection_.get(), name, sql, 0, nullptr) == 1;
}

bool pg_connection::send_prepared(const char* name) {
  partial_ = {};
  constexpr int binary_format = 1;
  return PQsendQueryPrepared(connection_.get(), name, 0, nullptr, nullptr, nullptr, binary_format) == 1;
}

bool pg_connection::flush(bool& is_done) {
  const int left = PQflush(connection_.get());
  is_done = left == 0;
  return left >= 0;
}

bool pg_connection::consume() {
  return PQconsumeInput(connection_.get()) == 1;
}

std::optional<query_answer> pg_connection::take_answer() {
  while (PQisBusy(connection_.get()) == 0) {
    PGresult* const next = PQgetResult(connection_.get());
    if (next == nullptr) return std::exchange(partial_, {});
    add_result(next);
    PQclear(next);
  }
  return std::nullopt;
}

void pg_connection::add_result(PGresult* result) {
  if (PQresultStatus(result) == PGRES_COMMAND_OK) return;
  if (PQresultStatus(result) != PGRES_TUPLES_OK) {
    notice error = error_of(result);
    // A FATAL arrives with its SQLSTATE, and then libpq adds the lost connection without one.
    if (!partial_.sqlstate.empty()) return;
    partial_.sqlstate = std::move(error.sqlstate);
    partial_.message = std::move(error.message);
    partial_.row.clear();
    return;
  }
  if (PQntuples(result) != 1) return;
  for (int column = 0; column < PQnfields(result); ++column) {
    const bool is_null = PQgetisnull(result, 0, column) != 0;
    const auto bytes = static_cast<std::size_t>(PQgetlength(result, 0, column));
    partial_.row.push_back(is_null ? std::nullopt
                                   : std::optional(std::string(PQgetvalue(result, 0, column), bytes)));
  }
}

bool pg_connection::take_notices() {
  // libpq parses what it has read only when asked for something; nobody listens, so there is none to keep.
  while (PGnotify* const heard = PQnotifies(connection_.get())) PQfreemem(heard);
  return last_words_.sqlstate.empty() && PQstatus(connection_.get()) == CONNECTION_OK;
}

std::string pg_connection::trouble() const {
  if (!last_words_.message.empty()) return last_words_.message;
  if (!partial_.message.empty()) return partial_.message;
  const std::string line = one_line(PQerrorMessage(connection_.get()));
  return line.empty() ? "the connection ended" : line;
}

pg_connection::notice pg_connection::error_of(const PGresult* result) {
  const char* const sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* const primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  if (sqlstate == nullptr) return {{}, one_line(PQresultErrorMessage(result))};
  return {sqlstate, one_line(std::string(sqlstate) + ": " + (primary == nullptr ? "" : primary))};
}

void pg_connection::keep_notice(void* self, const PGresult* result) {
  // Class 57P is the server ending the connection; the 57P02 of a crash comes as a WARNING.
  notice words = error_of(result);
  if (words.sqlstate.starts_with("57P")) static_cast<pg_connection*>(self)->last_words_ = std::move(words);
}

}  // namespace pgsteer::probe
