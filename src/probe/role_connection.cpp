#include "probe/role_connection.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "pgsteer/net/as_result.hpp"
#include "pgsteer/net/socket.hpp"
#include "probe/role_query.hpp"

namespace pgsteer::probe {

namespace asio = boost::asio;
using topology::probe_outcome;
using topology::probe_result;

role_connection::role_connection(asio::io_context& context, lateness late)
    : descriptor_(context), watchdog_(context), late_watchdog_(context), late_(std::move(late)) {}

role_connection::~role_connection() = default;

void role_connection::close() {
  is_closed_ = true;
  is_usable_ = false;
  unwatch();
  error_code ignored;  // cancel fails only on a descriptor that is not open
  descriptor_.cancel(ignored);
}

void role_connection::forget_socket() {
  error_code ignored;
  descriptor_.close(ignored);
}

void role_connection::forget_closed_socket() {
  if (connection_->socket() < 0) forget_socket();
}

// libpq closes its socket when it likes, and its number may be another thread's a moment later: so Asio
// watches a duplicate.
error_code role_connection::take_socket() {
  if (descriptor_.is_open()) return {};
  const int duplicate = ::fcntl(connection_->socket(), F_DUPFD_CLOEXEC, 0);
  error_code ec(errno, boost::system::system_category());
  if (duplicate >= 0) descriptor_.assign(duplicate, ec);
  if (ec && duplicate >= 0) ::close(duplicate);
  return ec;
}

void role_connection::start_deadline(duration timeout) {
  timeout_ = timeout;
  is_expired_ = false;
  watchdog_.arm(clock::now() + timeout, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (!self) return;
    self->is_expired_ = true;
    error_code ignored;
    self->descriptor_.cancel(ignored);
  });
}

void role_connection::stop_deadline() {
  watchdog_.disarm();
  late_watchdog_.disarm();
}

void role_connection::expect_answer(time_point sent_at) {
  late_watchdog_.arm(sent_at + late_.after, [weak = weak_from_this(), sent_at] {
    const auto self = weak.lock();
    if (!self || self->is_closed_ || self->is_expired_) return;
    // Here, but not read yet: then it is this process that is late.
    const bool is_here = self->descriptor_.is_open() &&
                         net::peek(self->descriptor_.native_handle()) != net::pending_input::nothing;
    if (!is_here) self->late_.on_late(sent_at);
  });
}

asio::awaitable<role_connection::wait_end> role_connection::wait(readiness what) {
  if (is_closed_) co_return wait_end::failed;
  if (is_expired_) co_return wait_end::expired;
  const error_code taken = take_socket();
  if (taken) co_return net::is_local_trouble(taken) ? wait_end::local_trouble : wait_end::failed;
  const auto kind = what == readiness::read ? asio::posix::descriptor_base::wait_read
                                            : asio::posix::descriptor_base::wait_write;
  const auto [wait_error] = co_await descriptor_.async_wait(kind, net::as_result);
  if (is_expired_) co_return wait_end::expired;
  if (is_closed_ || wait_error) co_return wait_end::failed;
  co_return wait_end::ready;
}

asio::awaitable<probe_result> role_connection::login(std::span<const parameter> parameters,
                                                     duration timeout) {
  probe_result result;
  result.sent_at = clock::now();
  start_deadline(timeout);
  connection_.emplace(parameters);
  // "as if PQconnectPoll had last returned PGRES_POLLING_WRITING",
  // libpq-connect.html#LIBPQ-PQCONNECTSTARTPARAMS
  login_progress progress = connection_->socket() < 0 ? login_progress::failed : login_progress::wants_write;
  wait_end end = wait_end::ready;
  while (end == wait_end::ready &&
         (progress == login_progress::wants_read || progress == login_progress::wants_write)) {
    const auto what = progress == login_progress::wants_read ? readiness::read : readiness::write;
    const wait_end waited = co_await wait(what);
    end = waited;
    if (end != wait_end::ready) break;
    forget_socket();  // PQconnectPoll may close it and open another one
    progress = connection_->poll();
  }
  stop_deadline();
  if (end == wait_end::ready && progress == login_progress::done) {
    is_usable_ = true;
    result.outcome = probe_outcome::answered;
  } else if (end == wait_end::ready) {
    was_asked_for_password_ = connection_->facts().needs_password;
    result.outcome = classify_login(connection_->facts());
    result.message = one_line(connection_->facts().message);
    refusal_ = sqlstate_in(connection_->facts().message);
  } else {
    result.outcome = fail(end, result);
  }
  result.received_at = clock::now();
  co_return result;
}

asio::awaitable<probe_result> role_connection::ask(duration timeout) {
  probe_result result;
  start_deadline(timeout);
  const probe_outcome first = co_await ask_once(result);
  result.outcome = first;
  // A promotion in the middle of the query spoils the row; the second one is on the other side of it.
  if (first == probe_outcome::answered && !result.answer) {
    const probe_outcome second = co_await ask_once(result);
    result.outcome = second;
  }
  if (result.outcome == probe_outcome::answered && !result.answer) {
    result.outcome = probe_outcome::query_failed;
    result.message = "the role changed during the query, twice";
  }
  stop_deadline();
  result.received_at = clock::now();
  co_return result;
}

// Answered without an answer: the role changed midway, ask again.
asio::awaitable<probe_outcome> role_connection::ask_once(probe_result& result) {
  result.sent_at = clock::now();
  expect_answer(result.sent_at);
  const wait_end earlier = co_await finish_recovery();
  if (earlier != wait_end::ready) co_return fail(earlier, result);
  const bool is_sent = connection_->send(role_query);
  forget_closed_socket();
  if (!is_sent) {
    is_usable_ = false;
    result.message = connection_->trouble();
    co_return probe_outcome::connection_lost;
  }
  const wait_end sending = co_await finish_sending();
  if (sending != wait_end::ready) co_return fail(sending, result);
  query_answer answer;
  const wait_end receiving = co_await receive(answer);
  if (receiving != wait_end::ready) co_return fail(receiving, result);
  co_return read_answer(answer, result);
}

asio::awaitable<role_connection::wait_end> role_connection::finish_sending() {
  while (true) {
    bool is_done = false;
    const bool is_open = connection_->flush(is_done);
    forget_closed_socket();
    if (!is_open) co_return wait_end::failed;
    if (is_done) co_return wait_end::ready;
    const wait_end end = co_await wait(readiness::write);
    if (end != wait_end::ready) co_return end;
  }
}

asio::awaitable<role_connection::wait_end> role_connection::receive(query_answer& answer) {
  while (true) {
    const wait_end end = co_await wait(readiness::read);
    if (end != wait_end::ready) co_return end;
    const bool is_open = connection_->consume();
    auto whole = connection_->take_answer();
    forget_closed_socket();
    if (whole) {
      answer = *std::move(whole);
      co_return wait_end::ready;
    }
    if (!is_open) co_return wait_end::failed;
  }
}

probe_outcome role_connection::read_answer(const query_answer& answer, probe_result& result) {
  if (answer.row.empty()) {
    if (answer.sqlstate == sqlstate_of_other_role) return probe_outcome::answered;
    result.message = answer.message;
    // libpq itself reports the end of the connection without a SQLSTATE.
    const auto outcome =
        answer.sqlstate.empty() ? probe_outcome::connection_lost : classify_query(answer.sqlstate);
    if (outcome == probe_outcome::connection_lost) is_usable_ = false;
    return outcome;
  }
  role_row row;
  if (answer.row.size() == row.size()) std::copy(answer.row.begin(), answer.row.end(), row.begin());
  auto read = read_role_row(row);
  if (auto* const role = std::get_if<topology::role_answer>(&read)) {
    role->server_version = connection_->server_version();
    // Another process than the login was told of: a pooler has made that up.
    if (role->backend_pid != connection_->backend_pid()) {
      role->connections_free.reset();
      role->connections_used.reset();
    }
    result.answer = std::move(*role);
    return probe_outcome::answered;
  }
  if (std::get<row_problem>(read) == row_problem::role_changed) return probe_outcome::answered;
  result.message = "the role query returned a row that cannot be read";
  return probe_outcome::query_failed;
}

probe_outcome role_connection::fail(wait_end end, probe_result& result) {
  is_usable_ = false;
  if (end == wait_end::local_trouble) {
    result.message = "no descriptor is left for the probe";
    return probe_outcome::local_trouble;
  }
  if (end == wait_end::expired) {
    const auto ms = std::chrono::duration_cast<milliseconds>(timeout_).count();
    result.message = "no answer within " + std::to_string(ms) + " ms";
    return probe_outcome::timed_out;
  }
  result.message = words_of_end();
  return probe_outcome::connection_lost;
}

// The answer to ask_recovery() comes before any other.
asio::awaitable<role_connection::wait_end> role_connection::finish_recovery() {
  if (!is_recovery_asked_) co_return wait_end::ready;
  query_answer answer;
  const wait_end end = co_await receive(answer);
  if (end != wait_end::ready) co_return end;
  note_recovery(answer);
  co_return is_usable_ ? wait_end::ready : wait_end::failed;
}

void role_connection::ask_recovery() {
  if (recovery_ == statement::unavailable) return;
  constexpr const char* name = "recovery";
  is_recovery_asked_ = recovery_ == statement::prepared ? connection_->send_prepared(name)
                                                        : connection_->send_prepare(name, recovery_query);
  // So small a question is sent at once, or the connection has ended.
  forget_closed_socket();
  if (!is_recovery_asked_) lose();
}

void role_connection::note_recovery(const query_answer& answer) {
  is_recovery_asked_ = false;
  const bool is_lost = answer.sqlstate.empty()
                           ? !answer.message.empty()
                           : classify_query(answer.sqlstate) == probe_outcome::connection_lost;
  if (is_lost) {
    is_usable_ = false;
    last_words_ = answer.message;
  } else if (!answer.sqlstate.empty()) {
    // Cancelled, or short of something: that passes. What was prepared is lost (26000), or may not be: not
    // so.
    const bool is_passing = answer.sqlstate.starts_with("57") || answer.sqlstate.starts_with("53");
    if (!is_passing) recovery_ = statement::unavailable;
  } else if (recovery_ == statement::unprepared) {
    recovery_ = statement::prepared;
  } else if (answer.row.size() == 1 && answer.row.front() == std::string(1, '\0') && told_.on_promotion) {
    told_.on_promotion();
  }
}

void role_connection::watch(watchers told) {
  told_ = std::move(told);
  is_watched_ = true;
  watch_once(++watch_number_);
}

void role_connection::unwatch() {
  ++watch_number_;
  is_watched_ = false;
  told_ = {};
  error_code ignored;
  descriptor_.cancel(ignored);
}

void role_connection::watch_once(unsigned watch_number) {
  descriptor_.async_wait(asio::posix::descriptor_base::wait_read,
                         [weak = weak_from_this(), watch_number](const error_code& ec) {
                           const auto self = weak.lock();
                           if (!self || ec || self->watch_number_ != watch_number) return;
                           self->read_while_watched();
                         });
}

void role_connection::read_while_watched() {
  const bool is_open = connection_->consume();
  if (is_recovery_asked_) {
    if (const auto answer = connection_->take_answer()) note_recovery(*answer);
  }
  const bool is_quiet = connection_->take_notices();
  forget_closed_socket();
  if (is_open && is_quiet && is_usable_) return watch_once(watch_number_);
  lose();
}

// It ended while it was watched.
void role_connection::lose() {
  is_usable_ = is_watched_ = false;
  const auto on_loss = std::exchange(told_.on_loss, nullptr);
  if (on_loss) on_loss();
}

std::string role_connection::words_of_end() const {
  return last_words_.empty() ? connection_->trouble() : last_words_;
}

probe_result role_connection::loss() const {
  probe_result result;
  result.outcome = probe_outcome::connection_lost;
  result.message = words_of_end();
  result.sent_at = result.received_at = clock::now();
  return result;
}

}  // namespace pgsteer::probe
