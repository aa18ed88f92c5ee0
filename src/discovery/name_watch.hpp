#pragma once
// Resolves one name again and again, and hands over every good answer.
//
// Not a keeper of backends: the sources are. A failure or an empty answer hands over nothing, so that the
// last good answer stays; it is logged once per change. Control thread.
//
// Flow: start() -> on_answer at every refresh that succeeds -> refresh_now() looks sooner -> stop(); nothing
// is handed over after that.
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "discovery/resolve.hpp"
#include "pgsteer/base/clock.hpp"

namespace pgsteer::discovery {

// Hints come with every lost session; a name server is asked at most this often for them.
inline constexpr duration refresh_gap_min = milliseconds{100};

class name_watch : public std::enable_shared_from_this<name_watch> {
 public:
  using on_answer = std::function<void(const addresses&)>;

  name_watch(boost::asio::io_context& context, resolve_function resolve, std::string name, duration refresh);

  void start(on_answer handler);
  void refresh_now();
  // There was an answer, or an error.
  [[nodiscard]] bool has_tried() const noexcept { return last_.has_value(); }
  void stop();

 private:
  void resolve();
  void finish(error_code ec, const addresses& answer);
  void resolve_at(time_point due);
  void log_change(const error_code& ec);

  resolve_function resolve_;
  const std::string name_;
  const duration refresh_;
  boost::asio::steady_timer timer_;
  on_answer handler_;
  time_point started_ = time_point::min();
  std::optional<error_code> last_;
  bool is_resolving_ = false;
  bool is_hinted_ = false;  // during a resolution: its answer may be older than the hint
  bool is_stopped_ = false;
};

}  // namespace pgsteer::discovery
