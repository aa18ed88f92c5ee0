#include "support/fake_connection.hpp"

#include <algorithm>
#include <atomic>

#include "support/byte_pattern.hpp"

namespace pgsteer::test {

namespace asio = boost::asio;

namespace {

constexpr std::uint32_t startup_packet_bytes_max = 10'004;  // MAX_STARTUP_PACKET_LENGTH behind the length
constexpr std::size_t wire_3_0_key_bytes = 4;
constexpr char direct_tls_first_byte = 0x16;  // TLS record type "handshake"

std::uint32_t next_pid() {
  // Unique over all fakes of a test, so that a cancel that reached the wrong one is seen to have.
  static std::atomic<std::uint32_t> last{1'000};
  return ++last;
}

std::string random_key(std::size_t bytes) {
  static std::atomic<std::uint32_t> seed{20'231};
  return byte_pattern(++seed).take(bytes);
}

std::string value_of(const wire::parameters& values, std::string_view name) {
  for (const auto& entry : values) {
    if (entry.first == name) return entry.second;
  }
  return {};
}

// Outside the coroutines: gcc 12 stumbles over braced lists in an awaited expression.
std::string fatal(const std::string& sqlstate, const std::string& message) {
  return wire::error_response({"FATAL", sqlstate, message});
}

bool names_probe(const wire::parameters& values) {
  return value_of(values, "application_name").starts_with("pgsteer");
}

}  // namespace

asio::awaitable<void> fake_connection::serve() {
  const auto self = shared_from_this();
  std::string packet;
  for (;;) {
    const bool is_whole = co_await read_startup_packet(packet);
    if (!is_whole) co_return;
    const std::uint32_t code = wire::read_int32(packet, 4);
    if (code != wire::ssl_request_code && code != wire::gssenc_request_code) break;
    count(&fake_counters::encryption_requests);
    const bool is_tls = code == wire::ssl_request_code;
    encryption_answer answer{};
    {
      const std::scoped_lock lock(shared_.state.mutex);
      answer = is_tls ? shared_.state.settings.tls : shared_.state.settings.gssenc;
    }
    const bool is_released = co_await wait_while(&fake_settings::stops_before_encryption);
    if (!is_released) co_return;
    const bool goes_on = co_await answer_encryption_request(answer, is_tls ? 'S' : 'G');
    if (!goes_on) co_return;
  }
  if (wire::read_int32(packet, 4) == wire::cancel_request_code) {
    answer_cancel_request(packet);
    co_return;
  }
  if (wire::read_int32(packet, 4) >> 16 != 3) {
    co_await send(fatal("0A000", "unsupported frontend protocol"));
    co_return;
  }
  const bool is_logged_in = co_await log_in(packet);
  if (is_logged_in) co_await answer_messages();
}

// Also says whose connection this is: the probe never asks for encryption in these tests, so any other first
// packet is a session's.
fake_connection::step fake_connection::read_startup_packet(std::string& packet) {
  const bool has_first = co_await fill(1);
  if (!has_first) {
    count(&fake_counters::empty_connections);
    co_return false;
  }
  const bool is_direct_tls = inbox_.front() == direct_tls_first_byte;
  bool is_whole = false;
  std::uint32_t length = 0;
  if (!is_direct_tls) {
    const bool has_length = co_await fill(8);
    length = wire::read_int32(inbox_, 0);
    const bool is_sound = has_length && length >= 8 && length <= startup_packet_bytes_max;
    if (is_sound) is_whole = co_await fill(length);
  }
  packet = is_whole ? inbox_.substr(0, length) : std::string();
  if (is_whole) inbox_.erase(0, length);
  const bool is_startup = is_whole && wire::read_int32(packet, 4) >> 16 == 3;
  is_probe_ = is_startup && names_probe(wire::parse_parameters(std::string_view(packet).substr(8)));
  if (!is_probe_ && !is_session_) {
    is_session_ = true;
    count(&fake_counters::session_bytes_received, inbox_.size() + packet.size());
    count(&fake_counters::session_connections);
    count(&fake_counters::open_sessions);
  }
  if (is_probe_) count(&fake_counters::probe_connections);
  if (is_direct_tls) co_await echo_until_closed();
  if (!is_whole && !is_direct_tls) count(&fake_counters::malformed_packets);
  co_return is_whole;
}

fake_connection::step fake_connection::answer_encryption_request(encryption_answer answer, char yes) {
  switch (answer) {
    case encryption_answer::no: {
      const bool is_sent = co_await send("N");
      co_return is_sent;
    }
    case encryption_answer::yes: {
      const bool is_sent = co_await send(std::string(1, yes));
      if (is_sent) co_await echo_until_closed();
      co_return false;
    }
    case encryption_answer::error: {
      const bool is_sent = co_await send(fatal("08P01", "unsupported frontend protocol 1234.5679"));
      if (is_sent) socket_.close();
      co_return false;
    }
    case encryption_answer::silence:
      break;
    case encryption_answer::yes_junk: {
      const bool is_sent = co_await send(yes + std::string("unencrypted junk"));
      if (!is_sent) co_return false;
      break;
    }
  }
  co_await wait_until_closed();
  co_return false;
}

void fake_connection::answer_cancel_request(std::string_view packet) {
  const auto found = shared_.by_pid.find(wire::read_int32(packet, 8));
  const bool is_matched = found != shared_.by_pid.end() && found->second->cancel(packet.substr(12));
  count(is_matched ? &fake_counters::cancels_matched : &fake_counters::cancels_unmatched);
}

fake_connection::step fake_connection::log_in(std::string_view packet) {
  login_script script;
  bool is_in_hot_standby = false;
  std::size_t key_bytes = wire_3_0_key_bytes;
  {
    const std::scoped_lock lock(shared_.state.mutex);
    fake_settings& settings = shared_.state.settings;
    if (!is_probe_) key_bytes = settings.key_bytes;
    login_plan& plan = is_probe_ ? settings.probe_logins : settings.session_logins;
    script = plan.next.empty() ? plan.otherwise : plan.next.front();
    if (!plan.next.empty()) plan.next.pop_front();
    is_in_hot_standby = settings.says_in_hot_standby.value_or(settings.role.is_in_recovery);
    if (!is_probe_) {
      fake_counters& counters = shared_.state.counters;
      ++counters.session_startups;
      counters.logins_under_way_max = std::max(counters.logins_under_way_max, ++counters.logins_under_way);
      shared_.state.counters.last_startup_packet = packet;
      shared_.state.counters.session_users.push_back(
          value_of(wire::parse_parameters(packet.substr(8)), "user"));
    }
  }
  if (script.behaviour != login_behaviour::accept) {
    end_login();
    const bool is_refused = co_await refuse(script);
    co_return is_refused;
  }
  const bool is_released = co_await wait_while(is_probe_ ? &fake_settings::stops_before_probe_login
                                                         : &fake_settings::stops_before_session_login);
  end_login();
  if (!is_released) co_return false;
  pid_ = next_pid();
  key_ = random_key(key_bytes);
  shared_.by_pid[pid_] = this;
  // Counted before the client can know, so that a test that has logged in sees it counted.
  count(is_probe_ ? &fake_counters::probe_logins : &fake_counters::session_logins);
  const bool is_greeted = co_await greet(is_in_hot_standby);
  co_return is_greeted;
}

// Before the answer is sent, so that whoever has it is not counted any more.
void fake_connection::end_login() {
  if (is_probe_) return;
  const std::scoped_lock lock(shared_.state.mutex);
  --shared_.state.counters.logins_under_way;
}

fake_connection::step fake_connection::greet(bool is_in_hot_standby) {
  std::string greeting = wire::authentication_ok() + wire::parameter_status("server_version", "15.18") +
                         wire::parameter_status("server_encoding", "UTF8") +
                         wire::parameter_status("client_encoding", "UTF8") +
                         wire::parameter_status("standard_conforming_strings", "on");
  const std::string hot_standby = wire::parameter_status("in_hot_standby", is_in_hot_standby ? "on" : "off");
  const std::size_t midst = greeting.size() + hot_standby.size() / 2;
  greeting += hot_standby + wire::backend_key_data(pid_, key_) + wire::ready_for_query(status_);
  bool is_stopped = false;
  {
    const std::scoped_lock lock(shared_.state.mutex);
    is_stopped = !is_probe_ && shared_.state.settings.stops_in_hot_standby;
  }
  if (is_stopped) {
    const bool is_begun = co_await send(greeting.substr(0, midst));
    if (!is_begun) co_return false;
    greeting.erase(0, midst);
    const bool is_released = co_await wait_while(&fake_settings::stops_in_hot_standby);
    if (!is_released) co_return false;
  }
  const bool is_sent = co_await send(std::move(greeting));
  co_return is_sent;
}

fake_connection::step fake_connection::refuse(const login_script& script) {
  const login_script what = script;
  switch (what.behaviour) {
    case login_behaviour::accept:
      break;
    case login_behaviour::error:
      co_await send(fatal(what.sqlstate, what.message));
      break;
    case login_behaviour::silent:
      co_await wait_until_closed();
      break;
    case login_behaviour::close:
      break;
    case login_behaviour::reset:
      close(true);
      break;
    case login_behaviour::close_while_logging_in:
      co_await send(wire::authentication_ok() + wire::parameter_status("server_version", "15.18"));
      break;
  }
  co_return false;
}

}  // namespace pgsteer::test
