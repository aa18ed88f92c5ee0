#pragma once
// Backends of the soak test role_changes, and the judge of every login that they take.
//
// Not fake_postgres: all of them live on one thread, the stage, so that what one says and another takes has
// an order, and every login carries the judge's verdict to its client in a ParameterStatus. Stage's thread
// only, but for what judge counts.
//
// Flow: scripted_backend(...) listens at once -> take_role(), stop(), start(), freeze(), thaw(), drop_all().
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "pgsteer/base/endpoint.hpp"
#include "support/fake_settings.hpp"

namespace pgsteer::soak {

// What a login asks for; the first letter of its user name, and behind it the tick at which its client began.
inline constexpr char read_write_login = 'w';
inline constexpr char read_only_login = 'r';
inline constexpr const char* verdict_parameter = "pgsteer_soak.verdict";
inline constexpr const char* good_verdict = "good";

// What pgsteer has taken in. That it has is known as soon as it asks again on the connection that told it:
// its prober hands every result on before it asks the next question.
class judge {
 public:
  // Answers taken in so far; a client reads it before it connects. Any thread.
  [[nodiscard]] std::uint64_t ticks() const { return ticks_.load(std::memory_order_acquire); }
  // Returns the new tick.
  std::uint64_t take_in(const test::role_state& told);
  [[nodiscard]] std::uint32_t proven_timeline() const { return proven_timeline_; }

  // Any thread may look. Startup packets of sessions, and those of them that came to a backend that must not
  // serve them: pgsteer is to let none through.
  std::atomic<std::uint64_t> startups{0};
  std::atomic<std::uint64_t> traps{0};

 private:
  std::atomic<std::uint64_t> ticks_{0};
  std::uint32_t proven_timeline_ = 0;
};

class scripted_backend {
 public:
  scripted_backend(boost::asio::io_context& context, judge& court, const test::role_state& role);
  ~scripted_backend();
  scripted_backend(const scripted_backend&) = delete;
  scripted_backend& operator=(const scripted_backend&) = delete;

  [[nodiscard]] endpoint address() const { return {"127.0.0.1", port_}; }
  [[nodiscard]] const test::role_state& role() const { return role_; }
  [[nodiscard]] bool is_running() const { return acceptor_.is_open(); }
  [[nodiscard]] bool is_frozen() const { return is_frozen_; }

  void take_role(const test::role_state& role);
  void stop();  // dials are refused, connections end
  void start();
  void freeze();  // dials work, nobody answers
  void thaw() { is_frozen_ = false; }
  void drop_all();  // a restart: every connection ends

 private:
  class connection;
  friend class connection;
  struct proof {
    std::uint64_t tick;
  };

  static boost::asio::awaitable<void> accept_all(scripted_backend& self);
  // Why a login that begins now must not succeed.
  [[nodiscard]] const char* judge_login(char kind, std::uint64_t began_at) const;
  void note_taken_in(const test::role_state& told);

  boost::asio::io_context& context_;
  judge& judge_;
  test::role_state role_;
  std::optional<proof> proven_;  // pgsteer has taken in the present role
  boost::asio::ip::tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  bool is_frozen_ = false;
  std::set<connection*> open_;
};

}  // namespace pgsteer::soak
