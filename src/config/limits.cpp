// limits, tcp, relay and log: the bounds of everything that could grow, wait or repeat.
#include <algorithm>
#include <chrono>

#include "config/sections.hpp"
#include "config/units.hpp"

namespace pgsteer::config {
namespace {

using std::chrono::hours;
using std::chrono::minutes;

constexpr whole_range count_range{1, 1'000'000};
constexpr whole_range dial_range{1, 10'000};

// lower <= upper. A lower limit that the file leaves out follows a small upper one down, and so does its
// setting.
void check_order(section& keys, std::pair<std::string_view, std::uint32_t&> lower,
                 std::pair<std::string_view, std::uint32_t> upper) {
  if (!keys.has(lower.first)) {
    lower.second = std::min(lower.second, upper.second);
    keys.record(lower.first, std::to_string(lower.second));
  } else if (lower.second > upper.second && keys.is_sound(lower.first) && keys.is_sound(upper.first)) {
    keys.report(lower.first,
                "at most " + std::string(upper.first) + " (" + std::to_string(upper.second) + ")");
  }
}

}  // namespace

void read_limits(section& keys, runtime::options& out) {
  runtime::limit_options& limits = out.limits;
  keys.whole("sessions", limits.sessions_max, count_range);
  keys.whole("pending_logins", limits.pending_logins_max, count_range);
  keys.whole("held_logins", limits.held_logins_max, count_range);
  keys.whole("concurrent_dials", limits.concurrent_dials_max, dial_range);
  keys.whole("concurrent_cancels", limits.concurrent_cancels_max, dial_range);
  keys.time("startup_timeout", out.login.startup_timeout, {milliseconds{100}, minutes{10}});
  keys.time("connect_timeout", out.login.connect_timeout, {milliseconds{10}, minutes{1}});
  keys.time("login_timeout", out.login.login_timeout, {seconds{1}, minutes{10}});
  keys.time("cancel_timeout", out.login.cancel_timeout, {milliseconds{100}, minutes{1}});
  check_order(keys, {"pending_logins", limits.pending_logins_max}, {"sessions", limits.sessions_max});
  check_order(keys, {"held_logins", limits.held_logins_max}, {"pending_logins", limits.pending_logins_max});
  if (out.login.connect_timeout > out.login.login_timeout && keys.is_sound("connect_timeout") &&
      keys.is_sound("login_timeout")) {
    keys.report("connect_timeout", "at most login_timeout (" + duration_text(out.login.login_timeout) + ")",
                duration_text(out.login.connect_timeout));
  }
  keys.finish();
}

void read_tcp(section& keys, net::tcp_options& out) {
  // The kernel's own bounds: MAX_TCP_KEEPIDLE, MAX_TCP_KEEPINTVL, MAX_TCP_KEEPCNT (include/net/tcp.h).
  keys.time("keepalive_idle", out.keepalive_idle, {seconds{1}, seconds{32'767}});
  keys.time("keepalive_interval", out.keepalive_interval, {seconds{1}, seconds{32'767}});
  keys.whole("keepalive_count", out.keepalive_count, {1, 127});
  keys.time("user_timeout", out.user_timeout, {seconds{0}, hours{24}});
  keys.finish();
}

void read_relay(section& keys, relay::relay_options& out) {
  using relay::engine_choice;
  keys.word("engine", out.engine,
            {{"auto", engine_choice::automatic},
             {"epoll", engine_choice::epoll},
             {"io_uring", engine_choice::io_uring}});
  keys.size("buffer", out.buffer_bytes, {4U << 10U, relay::relay_options::buffer_bytes_limit});
  keys.whole("reads_per_turn", out.reads_per_turn_max, {1, relay::relay_options::reads_per_turn_limit});
  keys.time("half_close_timeout", out.half_close_timeout, {milliseconds{100}, hours{1}});
  keys.word("spin", out.spin, {{"off", relay::toggle::off}, {"on", relay::toggle::on}});
  keys.word("splice", out.splice, {{"off", relay::toggle::off}, {"on", relay::toggle::on}});
  keys.finish();
}

void read_log(section& keys, log_options& out) {
  keys.word("level", out.level,
            {{"debug", log_level::debug},
             {"info", log_level::info},
             {"warning", log_level::warning},
             {"error", log_level::error}});
  keys.word("format", out.format, {{"text", log_format::text}, {"json", log_format::json}});
  keys.finish();
}

}  // namespace pgsteer::config
