#pragma once
// fake_connection: one connection accepted by a fake_postgres, from its first packet to its close.
//
// Not a PostgreSQL backend: it knows the handful of queries listed at answer_query(). Owned by its coroutine
// (shared_from_this); the fake's thread only.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "support/fake_settings.hpp"
#include "support/wire.hpp"

namespace pgsteer::test {

class fake_connection;

// What the connections of one fake share; but for state, the fake's thread only.
struct fake_shared {
  std::string name;
  guarded_state state;
  std::set<fake_connection*> open;
  std::map<std::uint32_t, fake_connection*> by_pid;  // logged-in sessions
};

class fake_connection : public std::enable_shared_from_this<fake_connection> {
 public:
  fake_connection(boost::asio::ip::tcp::socket socket, fake_shared& shared);
  ~fake_connection();
  fake_connection(const fake_connection&) = delete;
  fake_connection& operator=(const fake_connection&) = delete;

  boost::asio::awaitable<void> serve();
  void close(bool with_reset);
  // Ends a hanging query with 57014 if the key is this session's.
  [[nodiscard]] bool cancel(std::string_view key);

 private:
  using step = boost::asio::awaitable<bool>;  // false: the connection is over

  step read_startup_packet(std::string& packet);
  step answer_encryption_request(encryption_answer answer, char yes);
  void answer_cancel_request(std::string_view packet);
  step echo_until_closed();
  step wait_until_closed();
  step log_in(std::string_view packet);
  void end_login();
  step greet(bool is_in_hot_standby);
  step refuse(const login_script& script);
  step answer_messages();
  // whoami | echo X | begin | commit | hang | fatal | reset | bulk N | sink N [delay_ms] | mirror |
  // duplex SEED N | half_close | after_eof N | the probe's role query; anything
  // else is 42601.
  step answer_query(const std::string& text);
  step answer_extended(char type, std::string body);
  std::string execute_portal();

  step query_role();
  step query_fatal();
  step query_reset();
  step query_hang();
  step query_bulk(std::uint64_t n);
  step query_sink(std::uint64_t n, std::uint64_t delay_ms);
  step query_duplex(std::uint64_t seed, std::uint64_t n);
  step query_half_close();
  step query_after_eof(std::uint64_t n);
  step receive_opaque(std::uint64_t n, std::uint64_t& sum);
  step send_pattern(std::uint64_t seed, std::uint64_t n);

  step pause(std::chrono::milliseconds span);
  step wait_while(bool fake_settings::*is_stopped);  // false: closed meanwhile
  step fill(std::size_t n);                          // until inbox_ holds n bytes
  step send(std::string bytes);
  step complete(std::string messages, std::string tag);  // with CommandComplete and ReadyForQuery
  step complete_row(std::string column, std::string value);
  void count(std::uint64_t fake_counters::*counter, std::uint64_t n = 1);

  boost::asio::ip::tcp::socket socket_;
  boost::asio::steady_timer cancel_signal_;
  fake_shared& shared_;
  std::string inbox_;
  std::string outbox_;                             // extended protocol: until Sync or Flush
  std::map<std::string, std::string> statements_;  // name -> text
  std::string portal_;                             // text of the last bound statement
  std::string key_;
  std::uint32_t pid_ = 0;
  char status_ = 'I';
  bool is_probe_ = false;
  bool is_session_ = false;
  bool is_cancelled_ = false;
};

// The columns and the row of the probe's role query; the question by which it watches a standby.
[[nodiscard]] bool is_role_query(std::string_view text);
[[nodiscard]] bool is_recovery_query(std::string_view text);
[[nodiscard]] std::string role_row_description();
// sessions: so many connections are in use beside role's own figure.
[[nodiscard]] std::string role_data_row(const role_state& role, std::uint32_t pid = 0,
                                        std::uint64_t sessions = 0);

}  // namespace pgsteer::test
