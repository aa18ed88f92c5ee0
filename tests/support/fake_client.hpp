#pragma once
// fake_client: a blocking PostgreSQL client on one bare TCP socket; every wait has a deadline.
//
// Not libpq: it sends what the test says, broken or not, and shows what came back byte by byte. One thread at
// a time, but that one thread may send while another reads.
//
// Flow: fake_client(endpoint) -> startup() or any bytes -> query() ... -> half_close(), reset() or
// destructor.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/base/endpoint.hpp"
#include "pgsteer/net/unique_fd.hpp"
#include "support/eventually.hpp"
#include "support/wire.hpp"

namespace pgsteer::test {

// How a read ended.
enum class stream_end { open, closed, reset, timed_out };  // open: all that was asked for is there

struct read_result {
  std::string bytes;
  stream_end end = stream_end::open;
};

struct login_outcome {
  bool is_logged_in = false;
  std::string severity;
  std::string sqlstate;
  std::string message;
  std::uint32_t pid = 0;
  std::string key;
  std::map<std::string, std::string> parameters;
  bool has_seen_ready = false;
  stream_end end = stream_end::open;
};

struct query_outcome {
  std::vector<wire::row> rows;
  std::string severity;
  std::string sqlstate;
  std::string message;
  char status = 0;  // of ReadyForQuery; 0: it never came
  stream_end end = stream_end::open;

  // The first column of the first row, or nothing.
  [[nodiscard]] std::string value() const;
};

class fake_client {
 public:
  using milliseconds = std::chrono::milliseconds;

  // Connects within patience; is_open() says whether that worked.
  explicit fake_client(const endpoint& target, std::optional<int> receive_buffer_bytes = std::nullopt);

  [[nodiscard]] bool is_open() const { return fd_.is_open(); }
  // False if the peer is gone or does not read within the deadline.
  bool send(std::string_view bytes, milliseconds deadline = patience);
  bool send_urgent(char byte);  // TCP urgent data
  bool send_in_chunks(std::string_view bytes, std::size_t chunk_bytes, milliseconds pause = milliseconds{0});
  // Until the other side's kernel has all that was sent: send() alone does not say so.
  [[nodiscard]] bool wait_for_arrival() const;
  [[nodiscard]] read_result read_exactly(std::size_t n, milliseconds deadline = patience);
  [[nodiscard]] read_result read_until_end(milliseconds deadline = patience);
  // The next whole message, or nothing and end() says why.
  [[nodiscard]] std::optional<wire::message> read_message(milliseconds deadline = patience);
  [[nodiscard]] stream_end end() const { return end_; }

  [[nodiscard]] login_outcome startup(const std::string& user = "app", const std::string& database = "appdb",
                                      milliseconds deadline = patience);
  // The same after the StartupMessage has been sent by other means.
  [[nodiscard]] login_outcome read_login(milliseconds deadline = patience);
  [[nodiscard]] query_outcome query(std::string_view text, milliseconds deadline = patience);
  [[nodiscard]] query_outcome read_query_result(milliseconds deadline = patience);

  void half_close();  // FIN; reading goes on
  void reset();       // RST
  void close();

 private:
  // Waits for the event on the socket. False: the deadline passed.
  [[nodiscard]] bool wait_for(short event, std::chrono::steady_clock::time_point until) const;
  // Reads once into inbox_. False: end_ says why.
  bool read_some(std::chrono::steady_clock::time_point until);

  net::unique_fd fd_;
  std::string inbox_;
  stream_end end_ = stream_end::open;
};

// A CancelRequest on a connection of its own; returns when the other side has closed it.
[[nodiscard]] stream_end send_cancel(const endpoint& target, std::uint32_t pid, std::string_view key);

// The StartupMessage that startup() sends.
[[nodiscard]] std::string app_startup_message(const std::string& user = "app",
                                              const std::string& database = "appdb");

}  // namespace pgsteer::test
