#pragma once
// resource_watch: lists a collection of the Kubernetes API, watches it from there, and goes on for ever.
//
// One coroutine that carries out what api_plan says. Knows no Pod and decides nothing: what the objects mean
// is the sink's. Whatever fails is tried again; until then the sink hears nothing, so what it has stays.
// Control thread.
//
// Flow: make_shared -> start(sink, flushed) -> both are called -> stop(): neither is called any more. What is
// still under way keeps the watch alive for a turn of the io_context, and touches nothing else.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "discovery/api_access.hpp"
#include "discovery/api_connection.hpp"
#include "discovery/api_object.hpp"
#include "discovery/api_plan.hpp"
#include "discovery/api_reader.hpp"
#include "pgsteer/discovery/source.hpp"

namespace pgsteer::discovery {

class resource_watch : public std::enable_shared_from_this<resource_watch> {
 public:
  // A hint may cut a pause short, but does not make us ask oftener than this.
  static constexpr duration hint_gap_min = milliseconds{500};

  resource_watch(boost::asio::io_context& context, api_access access, api_resource resource,
                 const api_timing& timing);

  // The sink lives until stop(). flushed is called whenever all that has come by then has been handed over;
  // it may stop and release the watch.
  void start(object_sink& sink, std::function<void()> flushed);
  void stop();
  // Tries again soon if it is waiting to; an open watch needs no asking.
  void refresh_now();
  [[nodiscard]] const watch_figures& figures() const noexcept { return figures_; }

 private:
  [[nodiscard]] static boost::asio::awaitable<void> run(std::shared_ptr<resource_watch> self);
  // One request, from its connection to the end of its answer.
  [[nodiscard]] boost::asio::awaitable<api_failure> request();
  [[nodiscard]] boost::asio::awaitable<api_failure> read_page();
  [[nodiscard]] boost::asio::awaitable<api_failure> read_watch();
  [[nodiscard]] boost::asio::awaitable<api_failure> read_refusal();
  [[nodiscard]] boost::asio::awaitable<void> pause(duration length);
  void take(const watch_event& event, api_failure& failure);
  void note_answer_once_it_has_lasted();
  void note_answer(bool is_watch);
  void report(const api_failure& failure, bool is_watch);
  [[nodiscard]] std::string target_of(const api_request& request, const std::string& pod_namespace);
  [[nodiscard]] double luck() { return std::uniform_real_distribution<double>(0, 1)(random_); }

  boost::asio::io_context& context_;
  const api_access access_;
  const api_resource resource_;
  const api_timing timing_;
  boost::asio::steady_timer timer_;
  boost::asio::steady_timer lasting_timer_;  // of the watch under way
  object_sink* sink_ = nullptr;              // null: not started, or stopped
  std::function<void()> flushed_;
  std::unique_ptr<api_connection> connection_;
  api_plan plan_;
  std::optional<time_point> answered_at_;  // by a header, of the watch under way
  time_point asked_at_ = time_point::min();
  bool may_be_woken_ = false;  // waiting, and not by the server's own word
  watch_figures figures_;
  // In the log, of lists (false) and of watches (true), since the last good answer to one.
  std::set<std::pair<bool, api_ending>> told_;
  std::minstd_rand random_{std::random_device{}()};
};

// Percent-encoded for a query (RFC 3986, 3.4).
[[nodiscard]] std::string query_text(std::string_view text);

}  // namespace pgsteer::discovery
