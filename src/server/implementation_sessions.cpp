// What an operator is told of live sessions, and how one of them is ended.
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <utility>

#include "server/implementation.hpp"

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

// While another process still hands sessions over, one that is not here yet is looked for again.
constexpr auto arrival_time = seconds{2};
constexpr auto arrival_look_interval = milliseconds{20};

admin::live_session view_session(const session::listed_session& of,
                                 const topology::topology_snapshot& snapshot, time_point now) {
  admin::live_session made;
  made.id = session::to_string(of.id);
  made.listener = of.listener;
  made.user = of.user;
  made.database = of.database;
  made.application_name = of.application_name;
  made.client = to_string(net::client_endpoint(of.client));
  if (const auto* backend = snapshot.find(of.backend)) made.backend = backend->name.text();
  if (!of.backend_address.host.empty()) made.backend_address = to_string(of.backend_address);
  if (of.local.port() != 0) made.local_address = to_string(net::client_endpoint(of.local));
  made.backend_pid = of.backend_pid;
  made.state = session::to_string(of.stage);
  made.age = std::chrono::duration_cast<milliseconds>(now - of.accepted_at);
  made.bytes_to_backend = of.bytes[0];
  made.bytes_to_client = of.bytes[1];
  return made;
}

}  // namespace

void server::implementation::list_sessions(admin::session_list_taker taker) {
  survey_.list(
      [this, some = taker.some](const session_survey::sessions& found) {
        const runtime::state& present = *publication_.newest();
        const time_point now = clock::now();
        std::vector<admin::live_session> views;
        for (const session::listed_session& each : found)
          views.push_back(view_session(each, *present.topology.snapshot, now));
        some(views);
      },
      [this, over = taker.over](const session_survey::late_workers& late) {
        admin::session_list_taker::rest rest;
        for (const auto& each : publication_.newest()->topology.snapshot->backends)
          rest.backends.push_back({each.name.text(), to_string(each.address)});
        rest.missing = why_sessions_may_be_missing(late);
        over(rest);
      });
}

std::vector<std::string> server::implementation::why_sessions_may_be_missing(
    const session_survey::late_workers& late) const {
  std::vector<std::string> reasons;
  for (const std::size_t each : late) {
    reasons.push_back("worker " + std::to_string(each) + " of 0 to " + std::to_string(workers_.size() - 1) +
                      " has not answered within " +
                      std::to_string(session_survey::usual_answer_time.count()) + " s");
  }
  if (take_over_) {
    reasons.push_back("process " + std::to_string(take_over_->offer().from.pid) +
                      ", from which this one takes over, still has some");
  }
  if (are_sockets_anothers_) reasons.push_back("another process takes them over from this one");
  return reasons;
}

void server::implementation::kill_session(const std::string& id, on_killed on_done) {
  const auto which = session::to_session_id(id);
  if (!which) {
    return on_done({.what = admin::kill_report::outcome::impossible,
                    .problem = "expected the ID of a session, found \"" + id + "\"",
                    .was = {}});
  }
  look_for_killed(*which, clock::now() + arrival_time, std::move(on_done));
}

void server::implementation::look_for_killed(session::session_id which, time_point until, on_killed on_done) {
  survey_.kill(which, [this, which, until, told = std::move(on_done)](
                          const std::optional<session::listed_session>& killed,
                          const session_survey::late_workers& late) {
    if (killed) {
      const topology::topology_snapshot& snapshot = *publication_.newest()->topology.snapshot;
      return told({.what = admin::kill_report::outcome::done,
                   .problem = {},
                   .was = view_session(*killed, snapshot, clock::now())});
    }
    if (take_over_ && late.empty() && clock::now() < until) {
      const auto timer = std::make_shared<asio::steady_timer>(context_, arrival_look_interval);
      return timer->async_wait([this, timer, which, until, told](const error_code& /*ec*/) {
        look_for_killed(which, until, told);
      });
    }
    std::string problem = "there is no session " + session::to_string(which);
    for (const std::string& each : why_sessions_may_be_missing(late)) problem += "; " + each;
    told({.what = admin::kill_report::outcome::impossible, .problem = std::move(problem), .was = {}});
  });
}

}  // namespace pgsteer::server
