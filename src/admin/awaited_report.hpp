#pragma once
// awaited_report: what the provider of the control socket says later to the one that asked.
//
// Shared by who waits and the provider, which may answer after the wait is over. Control thread.
#include <boost/asio/io_context.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "pgsteer/base/clock.hpp"
#include "pgsteer/net/wait_point.hpp"

namespace pgsteer::admin {

// Less than what a command waits for.
inline constexpr auto order_patience = seconds{50};

template <class Report>
struct awaited_report {
  explicit awaited_report(boost::asio::io_context& context) : said(context) {}
  net::wait_point said;
  std::optional<Report> report;
};

template <class Report>
auto note_in(const std::shared_ptr<awaited_report<Report>>& awaited) {
  return [awaited](Report report) {
    awaited->report = std::move(report);
    awaited->said.wake();
  };
}

}  // namespace pgsteer::admin
