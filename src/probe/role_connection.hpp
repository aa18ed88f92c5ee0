#pragma once
// One login of the probe role and the role queries on it, asynchronous and each with a deadline.
//
// Not a schedule and not a judge: backend_probe decides when to ask and what an outcome means. Owned by
// backend_probe through shared_ptr; whoever awaits one of its coroutines holds it. Control thread.
//
// Flow: login() -> ask() any number of times, never two at once -> between them watch() -> ask_recovery() ->
// unwatch() -> close() at any time ends what is under way.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/watchdog.hpp"
#include "pgsteer/topology/probe_result.hpp"
#include "probe/pg_connection.hpp"

namespace pgsteer::probe {

class role_connection : public std::enable_shared_from_this<role_connection> {
 public:
  // Whom to tell that a question has had no answer for so long; the answer is still waited for.
  struct lateness {
    duration after{};
    std::function<void(time_point sent_at)> on_late;
  };
  role_connection(boost::asio::io_context& context, lateness late);
  ~role_connection();
  role_connection(const role_connection&) = delete;
  role_connection& operator=(const role_connection&) = delete;

  // Outcome answered means logged in; it has no role_answer yet.
  [[nodiscard]] boost::asio::awaitable<topology::probe_result> login(std::span<const parameter> parameters,
                                                                     duration timeout);
  [[nodiscard]] boost::asio::awaitable<topology::probe_result> ask(duration timeout);
  // After login() failed: the server asked for a password, and there was none.
  [[nodiscard]] bool was_asked_for_password() const noexcept { return was_asked_for_password_; }
  // With which SQLSTATE login() was refused; empty if it failed otherwise.
  [[nodiscard]] const std::string& refusal() const noexcept { return refusal_; }
  // True until the connection ended or an answer stayed out: what comes late would be taken for the next one.
  [[nodiscard]] bool is_usable() const noexcept { return is_usable_; }

  struct watchers {
    std::function<void()> on_loss;       // once, if the connection ends while nobody asks
    std::function<void()> on_promotion;  // the answer to ask_recovery() is no
  };
  void watch(watchers told);
  void unwatch();
  [[nodiscard]] bool is_watched() const noexcept { return is_watched_; }
  // While watched: has a standby say whether it still is one; the first question prepares the next. Its
  // answer, if it stays out, is waited for by the next ask(). Where this cannot be asked, through a pooler,
  // nothing is.
  void ask_recovery();
  // And has not answered yet.
  [[nodiscard]] bool is_recovery_asked() const noexcept { return is_recovery_asked_; }
  // After on_loss: what happened.
  [[nodiscard]] topology::probe_result loss() const;

  void close();

 private:
  enum class readiness { read, write };
  enum class wait_end { ready, expired, failed, local_trouble };

  boost::asio::awaitable<wait_end> wait(readiness what);
  boost::asio::awaitable<wait_end> finish_sending();
  boost::asio::awaitable<wait_end> receive(query_answer& answer);
  boost::asio::awaitable<topology::probe_outcome> ask_once(topology::probe_result& result);
  topology::probe_outcome read_answer(const query_answer& answer, topology::probe_result& result);
  topology::probe_outcome fail(wait_end end, topology::probe_result& result);
  void note_recovery(const query_answer& answer);
  boost::asio::awaitable<wait_end> finish_recovery();
  void read_while_watched();
  void lose();
  [[nodiscard]] std::string words_of_end() const;
  void start_deadline(duration timeout);
  void expect_answer(time_point sent_at);
  void stop_deadline();
  [[nodiscard]] error_code take_socket();
  void forget_socket();
  void forget_closed_socket();
  void watch_once(unsigned watch_number);

  boost::asio::posix::stream_descriptor descriptor_;  // a duplicate of libpq's socket
  net::watchdog watchdog_;
  net::watchdog late_watchdog_;
  const lateness late_;
  std::optional<pg_connection> connection_;
  watchers told_;
  std::string refusal_;
  std::string last_words_;  // of a connection that ended at ask_recovery()
  duration timeout_{};
  unsigned watch_number_ = 0;
  bool is_expired_ = false;
  bool is_closed_ = false;
  bool is_usable_ = false;
  bool was_asked_for_password_ = false;
  bool is_watched_ = false;
  bool is_recovery_asked_ = false;
  enum class statement { unprepared, prepared, unavailable } recovery_ = statement::unprepared;
};

}  // namespace pgsteer::probe
