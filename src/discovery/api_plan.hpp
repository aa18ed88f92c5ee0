#pragma once
// api_plan: which request of a list and a watch comes next, from which version on, and after which pause.
//
// Pure: no socket, no clock, no log; time and luck are values. Not thread-safe.
//
// Flow: next() -> send it -> note_page(), note_version() as its answer comes -> note_end() says how long to
// wait before next() is sent.
//
//   list -> page -> page -> whole: watch from its version -> clean end: watch again from the last version
//     ^________________________________ 410 of either, or a watch that fails again and again
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::discovery {

// How a request ended.
enum class api_ending {
  complete,       // as it should: a page is whole, a watch ended at its timeoutSeconds
  gone,           // 410: the version or the continue token is too old
  unauthorized,   // 401
  forbidden,      // 403
  throttled,      // 429
  refused,        // any other HTTP status, or a watch's ERROR event
  malformed,      // bytes that are no answer of the API
  no_connection,  // it could not be reached, TLS failed, or the connection broke
  late,           // no answer, or no byte for too long
  not_set_up,     // there was nothing to send: no address, token or certificate authority
};
inline constexpr int api_ending_count = 10;
// As a metric's label: "no_connection".
[[nodiscard]] std::string_view to_string(api_ending end) noexcept;

struct api_request {
  bool is_watch = false;
  std::string resource_version;  // of a watch
  std::string continue_token;    // of a list's second and later page

  friend bool operator==(const api_request&, const api_request&) = default;
};

class api_plan {
 public:
  // From the first failure to the next attempt, doubling up to wait_max; each between a half and the whole.
  static constexpr duration wait_min = milliseconds{100};
  static constexpr duration wait_max = seconds{5};
  // The longest Retry-After that is obeyed: a fault of the server's must not blind us for long.
  static constexpr duration retry_after_max = seconds{60};
  // A watch that ends sooner and brought nothing has failed, whatever it says: client-go's rule too.
  static constexpr duration watch_time_min = seconds{1};
  // A watch that is answered and fails so often may fail because of its version, or watching may be forbidden
  // and listing not: list anew.
  static constexpr int watch_failures_max = 8;

  [[nodiscard]] const api_request& next() const noexcept { return next_; }
  // A page is whole; with a continue token it is not the last one. True if the list is whole now.
  bool note_page(std::string_view resource_version, std::string_view continue_token);
  // An event or a bookmark has told this version.
  void note_version(std::string_view resource_version);
  // luck: from 0 (incl.) to 1 (excl.). retry_after: the server's word, of throttled and refused. lasted: of a
  // watch, since its answer began; unset if none did.
  [[nodiscard]] duration note_end(api_ending end, double luck, std::optional<duration> lasted = {},
                                  std::optional<duration> retry_after = {});

 private:
  void list_anew();
  [[nodiscard]] duration pause(double luck);

  api_request next_;
  bool has_page_ = false;          // since the last request was sent
  bool has_news_ = false;          // likewise: a new version, of a watch
  int failures_ = 0;               // in a row, of any request
  int watch_failures_ = 0;         // in a row, of watches
  bool was_gone_ = false;          // a 410, and no good watch since
  bool was_unauthorized_ = false;  // a 401, and no good answer since
};

}  // namespace pgsteer::discovery
