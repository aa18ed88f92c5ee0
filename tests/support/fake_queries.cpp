// The queries a fake_postgres knows; see answer_query() in fake_connection.hpp.
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <sstream>

#include "pgsteer/net/as_result.hpp"
#include "support/byte_pattern.hpp"
#include "support/fake_connection.hpp"

namespace pgsteer::test {

namespace asio = boost::asio;
using net::as_result;

namespace {

constexpr std::size_t row_bytes = 8 * 1024;
constexpr std::size_t opaque_bytes = 64 * 1024;

// Outside the coroutines: gcc 12 stumbles over braced lists in an awaited expression.
std::string one_column(const std::string& name) {
  return wire::row_description({name});
}
std::string one_value(std::string value) {
  return wire::data_row({std::move(value)});
}
std::string error(const std::string& severity, const std::string& sqlstate, const std::string& message) {
  return wire::error_response({severity, sqlstate, message});
}

}  // namespace

// Not a coroutine: hands out the one that answers.
fake_connection::step fake_connection::answer_query(const std::string& text) {
  std::istringstream words(text);
  std::string verb;
  std::uint64_t n = 0;
  std::uint64_t extra = 0;
  words >> verb >> n >> extra;
  if (is_role_query(text)) return query_role();
  if (verb == "whoami") return complete_row("name", shared_.name);
  if (verb == "echo") return complete_row("echo", text.substr(std::min<std::size_t>(5, text.size())));
  if (verb == "hang") return query_hang();
  if (verb == "fatal") return query_fatal();
  if (verb == "reset") return query_reset();
  if (verb == "bulk") return query_bulk(n);
  if (verb == "sink") return query_sink(n, extra);
  if (verb == "mirror") return echo_until_closed();
  if (verb == "duplex") return query_duplex(n, extra);
  if (verb == "half_close") return query_half_close();
  if (verb == "after_eof") return query_after_eof(n);
  if (verb == "begin") status_ = 'T';
  if (verb == "commit") status_ = 'I';
  if (verb == "begin" || verb == "commit" || verb == "SET") return complete("", verb);
  return send(error("ERROR", "42601", "the fake does not know: " + verb) + wire::ready_for_query(status_));
}

fake_connection::step fake_connection::query_role() {
  std::string row;
  {
    const std::scoped_lock lock(shared_.state.mutex);
    ++shared_.state.counters.role_queries;
    row = role_data_row(shared_.state.settings.role, pid_, shared_.state.counters.open_sessions);
  }
  return complete(role_row_description() + row, "SELECT 1");
}

fake_connection::step fake_connection::query_fatal() {
  co_await send(error("FATAL", "57P01", "terminating connection due to administrator command"));
  co_return false;
}

fake_connection::step fake_connection::query_reset() {
  close(true);
  co_return false;
}

// Answers nothing until a CancelRequest with this session's key arrives.
fake_connection::step fake_connection::query_hang() {
  is_cancelled_ = false;
  cancel_signal_.expires_at(asio::steady_timer::time_point::max());
  // Ended by cancel() or by close(), never by its time.
  count(&fake_counters::hanging_queries);
  [[maybe_unused]] const auto ended = co_await cancel_signal_.async_wait(as_result);
  count(&fake_counters::hanging_queries, static_cast<std::uint64_t>(-1));
  if (!is_cancelled_) co_return false;
  const bool is_sent = co_await send(error("ERROR", "57014", "canceling statement due to user request") +
                                     wire::ready_for_query(status_));
  co_return is_sent;
}

// n bytes of byte_pattern(n) in DataRows.
fake_connection::step fake_connection::query_bulk(std::uint64_t n) {
  byte_pattern pattern(n);
  bool is_sent = co_await send(one_column("data"));
  for (std::uint64_t left = n; is_sent && left > 0;) {
    std::string batch;
    while (left > 0 && batch.size() < opaque_bytes) {
      const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, row_bytes));
      batch += one_value(pattern.take(part));
      left -= part;
    }
    is_sent = co_await send(std::move(batch));
  }
  if (!is_sent) co_return false;
  is_sent = co_await complete("", "SELECT");
  co_return is_sent;
}

// Reads the n opaque bytes that follow the query, delay_ms late; one row: their checksum.
fake_connection::step fake_connection::query_sink(std::uint64_t n, std::uint64_t delay_ms) {
  co_await pause(std::chrono::milliseconds(delay_ms));
  std::uint64_t sum = 0;
  bool goes_on = co_await receive_opaque(n, sum);
  if (!goes_on) co_return false;
  goes_on = co_await complete_row("checksum", std::to_string(sum));
  co_return goes_on;
}

// Sends n bytes of byte_pattern(seed) while it reads n opaque ones; then one row: the checksum of these.
fake_connection::step fake_connection::query_duplex(std::uint64_t seed, std::uint64_t n) {
  using boost::asio::experimental::awaitable_operators::operator&&;
  std::uint64_t sum = 0;
  auto both_ways = receive_opaque(n, sum) && send_pattern(seed, n);
  const auto [has_received, has_sent] = co_await std::move(both_ways);
  if (!has_received || !has_sent) co_return false;
  const bool goes_on = co_await complete_row("checksum", std::to_string(sum));
  co_return goes_on;
}

// Sends FIN first and then reads on until the client ends too.
fake_connection::step fake_connection::query_half_close() {
  co_await complete_row("farewell", shared_.name);
  boost::system::error_code ignored;
  socket_.shutdown(asio::socket_base::shutdown_send, ignored);
  co_await wait_until_closed();
  co_return false;
}

// Waits for the client's FIN and only then answers, with n bytes of byte_pattern(n).
fake_connection::step fake_connection::query_after_eof(std::uint64_t n) {
  co_await wait_until_closed();
  co_await send_pattern(n, n);
  co_return false;
}

fake_connection::step fake_connection::receive_opaque(std::uint64_t n, std::uint64_t& sum) {
  checksum running;
  for (std::uint64_t left = n; left > 0;) {
    const bool has_some = co_await fill(1);
    if (!has_some) co_return false;
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, inbox_.size()));
    running.add(std::string_view(inbox_).substr(0, part));
    inbox_.erase(0, part);
    left -= part;
  }
  sum = running.value();
  co_return true;
}

fake_connection::step fake_connection::send_pattern(std::uint64_t seed, std::uint64_t n) {
  byte_pattern pattern(seed);
  for (std::uint64_t left = n; left > 0;) {
    const std::size_t part = static_cast<std::size_t>(std::min<std::uint64_t>(left, opaque_bytes));
    const bool is_sent = co_await send(pattern.take(part));
    if (!is_sent) co_return false;
    left -= part;
  }
  co_return true;
}

fake_connection::step fake_connection::complete(std::string messages, std::string tag) {
  const bool is_sent =
      co_await send(std::move(messages) + wire::command_complete(tag) + wire::ready_for_query(status_));
  co_return is_sent;
}

fake_connection::step fake_connection::complete_row(std::string column, std::string value) {
  const bool is_sent = co_await complete(one_column(column) + one_value(std::move(value)), "SELECT 1");
  co_return is_sent;
}

}  // namespace pgsteer::test
