#include "support/fake_connection.hpp"

#include <algorithm>
#include <boost/asio/buffer.hpp>
#include <boost/asio/write.hpp>

#include "pgsteer/net/as_result.hpp"

namespace pgsteer::test {

namespace asio = boost::asio;
using net::as_result;

fake_connection::fake_connection(asio::ip::tcp::socket socket, fake_shared& shared)
    : socket_(std::move(socket)), cancel_signal_(socket_.get_executor()), shared_(shared) {
  boost::system::error_code ignored;
  socket_.set_option(asio::ip::tcp::no_delay(true), ignored);
  shared_.open.insert(this);
  count(&fake_counters::connections);
}

fake_connection::~fake_connection() {
  shared_.open.erase(this);
  if (pid_ != 0) shared_.by_pid.erase(pid_);
  if (!is_session_) return;
  const std::scoped_lock lock(shared_.state.mutex);
  --shared_.state.counters.open_sessions;
}

void fake_connection::count(std::uint64_t fake_counters::*counter, std::uint64_t n) {
  const std::scoped_lock lock(shared_.state.mutex);
  shared_.state.counters.*counter += n;
}

void fake_connection::close(bool with_reset) {
  boost::system::error_code ignored;
  if (with_reset) socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  socket_.close(ignored);
  cancel_signal_.cancel();
}

bool fake_connection::cancel(std::string_view key) {
  if (key != key_) return false;
  is_cancelled_ = true;
  cancel_signal_.cancel();
  return true;
}

fake_connection::step fake_connection::answer_messages() {
  for (;;) {
    const bool has_header = co_await fill(5);
    if (!has_header) co_return false;
    const std::uint32_t length = wire::read_int32(inbox_, 1);
    const bool is_whole = co_await fill(1 + std::size_t{length});
    if (!is_whole) co_return false;
    const char type = inbox_.front();
    std::string body = inbox_.substr(5, length - 4);
    inbox_.erase(0, 1 + std::size_t{length});
    if (type == 'X') co_return false;
    bool goes_on = true;
    if (type == 'Q') {
      std::size_t offset = 0;
      std::string text = wire::read_text(body, offset);
      goes_on = co_await answer_query(text);
    } else {
      goes_on = co_await answer_extended(type, std::move(body));
    }
    if (!goes_on) co_return false;
  }
}

fake_connection::step fake_connection::pause(std::chrono::milliseconds span) {
  asio::steady_timer timer(socket_.get_executor(), span);
  const auto [ec] = co_await timer.async_wait(as_result);
  co_return !ec;
}

fake_connection::step fake_connection::wait_while(bool fake_settings::*is_stopped) {
  for (;;) {
    {
      const std::scoped_lock lock(shared_.state.mutex);
      if (!(shared_.state.settings.*is_stopped)) co_return true;
    }
    const bool has_paused = co_await pause(std::chrono::milliseconds{1});
    if (!has_paused || !socket_.is_open()) co_return false;
  }
}

fake_connection::step fake_connection::fill(std::size_t n) {
  while (inbox_.size() < n) {
    std::string chunk(wire::read_bytes_max, '\0');
    const auto [ec, length] = co_await socket_.async_read_some(asio::buffer(chunk), as_result);
    if (ec) co_return false;
    inbox_.append(chunk, 0, length);
    if (is_session_) count(&fake_counters::session_bytes_received, length);
  }
  co_return true;
}

fake_connection::step fake_connection::send(std::string bytes) {
  bool is_byte_by_byte = false;
  {
    const std::scoped_lock lock(shared_.state.mutex);
    is_byte_by_byte = shared_.state.settings.writes_byte_by_byte && !is_probe_;
    if (!is_probe_) shared_.state.counters.session_bytes_sent += bytes.size();
  }
  const std::size_t step_bytes = is_byte_by_byte ? 1 : std::max<std::size_t>(bytes.size(), 1);
  for (std::size_t offset = 0; offset < bytes.size(); offset += step_bytes) {
    const auto part = asio::buffer(bytes.data() + offset, std::min(step_bytes, bytes.size() - offset));
    const auto [ec, n] = co_await asio::async_write(socket_, part, as_result);
    if (ec) co_return false;
  }
  co_return true;
}

fake_connection::step fake_connection::echo_until_closed() {
  for (;;) {
    const bool has_some = co_await fill(1);
    if (!has_some) co_return false;
    const bool is_sent = co_await send(std::exchange(inbox_, {}));
    if (!is_sent) co_return false;
  }
}

fake_connection::step fake_connection::wait_until_closed() {
  for (;;) {
    const std::size_t more = inbox_.size() + 1;
    const bool has_more = co_await fill(more);
    if (!has_more) co_return false;
  }
}

}  // namespace pgsteer::test
