// What an operator orders of the proxy while it runs.
#include <boost/asio/post.hpp>

#include "pgsteer/base/log.hpp"
#include "server/implementation.hpp"
#include "server/named_backend.hpp"

namespace pgsteer::server {
namespace {

using order_outcome = admin::backend_order_report::outcome;

admin::backend_order_report refuse_order(order_outcome why, std::string problem) {
  return {.what = why, .problem = std::move(problem)};
}

void log_order(const topology::backend_status& whom, const std::optional<topology::operator_order>& order,
               const std::optional<duration>& time) {
  const std::string address = to_string(whom.address);
  if (!order) {
    log(log_level::info, "the operator's order is taken back",
        {{"backend", std::string_view(address)}, {"name", std::string_view(whom.name.text())}});
    return;
  }
  const std::string end =
      time ? std::to_string(std::chrono::ceil<seconds>(*time).count()) + " s from now" : "it is taken back";
  log(log_level::info, "the operator orders that a backend takes no new sessions",
      {{"backend", std::string_view(address)},
       {"name", std::string_view(whom.name.text())},
       {"order", topology::to_string(order->what)},
       {"until", std::string_view(end)}});
}

}  // namespace

admin::backend_order_report server::implementation::order_backend(const admin::backend_order& wanted) {
  // Whoever takes over has been told already which orders there are.
  if (std::string why = why_no_hand_over(); !why.empty())
    return refuse_order(order_outcome::impossible, std::move(why));
  const runtime::used_topology known = publication_.newest()->topology;
  const auto meant = backends_called(wanted.backend, *known.snapshot);
  if (meant.empty()) {
    return refuse_order(order_outcome::unknown, known.snapshot->backends.empty()
                                                    ? "no backend is known yet"
                                                    : "no backend is called \"" + wanted.backend +
                                                          "\"; there are " + all_names(*known.snapshot));
  }
  if (meant.size() > 1) {
    return refuse_order(order_outcome::ambiguous, "several backends are called \"" + wanted.backend +
                                                      "\", at " + addresses(meant) + ": which of these?");
  }
  const topology::backend_status& whom = *meant.front();
  std::optional<topology::operator_order> order;
  if (wanted.wanted) {
    order.emplace(topology::operator_order{.what = *wanted.wanted});
    if (wanted.time) order->until = clock::now() + *wanted.time;
  }
  admin::backend_order_report report{.what = order_outcome::done, .backend = both_names(whom)};
  if (whom.order) report.before = whom.order->what;
  report.is_primary = known.snapshot->primary == whom.id;
  report.sessions = known.use_of(whom)->counters.sessions.value();
  if (order || whom.order) log_order(whom, order, wanted.time);
  keeper_.order(whom.id, order);
  return report;
}

admin::drain_report server::implementation::order_drain() {
  const bool is_stopping = drain_.has_begun() || is_stop_wanted_;
  admin::drain_report report{.has_begun_before = is_stopping, .sessions = session_count(workers_)};
  if (is_stopping) return report;
  report.problem = why_no_hand_over();
  if (!report.problem.empty()) return report;
  log(log_level::info, "the operator orders pgsteer to drain");
  boost::asio::post(context_, [this] { begin_drain(); });
  return report;
}

}  // namespace pgsteer::server
