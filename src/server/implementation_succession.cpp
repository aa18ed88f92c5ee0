// How the proxy gives everything to another process, and takes it over from one.
#include <unistd.h>

#include <algorithm>

#include "pgsteer/admin/hand_over_client.hpp"
#include "pgsteer/base/log.hpp"
#include "pgsteer/login/stay_rules.hpp"
#include "pgsteer/succession/errc.hpp"
#include "server/errc.hpp"
#include "server/implementation.hpp"

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

constexpr pid_t first_of_its_container = 1;
// From its start until it asks: it reads its configuration.
constexpr auto asking_time = seconds{20};
constexpr auto telling_look_interval = milliseconds{2};

// Since then it has been asked by this process.
bool is_proven_since(const topology::backend_status& status, time_point then) {
  return status.answered_at && *status.answered_at >= then;
}

}  // namespace

void server::implementation::upgrade(const std::string& binary, on_upgraded on_done) {
  const auto refuse = [&](std::string why) {
    if (on_done) on_done({.what = admin::upgrade_report::outcome::impossible, .problem = std::move(why)});
  };
  if (std::string why = why_no_hand_over(); !why.empty()) return refuse(std::move(why));
  if (on_upgraded_) return refuse("an upgrade is under way already");
  if (::getpid() == first_of_its_container)
    return refuse("this is process 1 of its container, which ends with it: replace the container");
  const std::string& program = binary.empty() ? source_.binary : binary;
  if (program.empty() || source_.file.empty()) return refuse("it does not know how it was started");
  const auto started = successor_.start(
      {program, "run", "--take-over", "--control", options_.control.socket, "--config", source_.file},
      [this] { tell_upgrade_impossible("the new process has ended: the log says why"); });
  if (!started) return refuse("cannot start " + program + ": " + started.error().message());
  log(log_level::info, "upgrading: another process is started",
      {{"program", std::string_view(program)}, {"pid", static_cast<std::int64_t>(*started)}});
  give_up_successor_later();
  on_upgraded_ = on_done ? std::move(on_done) : [](const admin::upgrade_report&) {};
}

// A program that is none of ours may do nothing at all.
void server::implementation::give_up_successor_later() {
  successor_timer_.expires_after(asking_time);
  successor_timer_.async_wait([this](const error_code& ec) {
    if (ec || !on_upgraded_ || hand_over_.is_under_way()) return;
    successor_.terminate();
    tell_upgrade_impossible("the new process has not asked for anything in time");
  });
}

void server::implementation::tell_upgraded(const admin::upgrade_report& report) {
  successor_timer_.cancel();
  if (const auto told = std::exchange(on_upgraded_, nullptr)) told(report);
}

void server::implementation::tell_upgrade_impossible(std::string why) {
  tell_upgraded({.what = admin::upgrade_report::outcome::impossible, .problem = std::move(why)});
}

std::string server::implementation::why_no_hand_over() const {
  if (drain_.has_begun() || is_stop_wanted_) return "pgsteer is stopping";
  if (hand_over_.is_under_way()) return "a hand-over is under way already";
  if (take_over_) return "it is still taking over from another process";
  return {};
}

hand_over::surroundings server::implementation::around_hand_over() {
  hand_over::surroundings around;
  around.offer = [this] {
    keeper_.keep_left_backends(true);
    return make_offer();
  };
  around.sockets = [this] { return ports_.copies(); };
  around.stop_accepting = [this] { return stop_accepting(); };
  around.newest_session = [this] { return session_ids_.newest(); };
  around.resume_accepting = [this] { resume_accepting(); };
  around.take_back = [this](std::vector<session::carried_session> sessions) {
    take_back(std::move(sessions));
  };
  around.on_given = [this](const hand_over::result_of& given) {
    log(log_level::info, "handed over to another process",
        {{"pid", given.pid},
         {"sessions", static_cast<std::int64_t>(given.sessions)},
         {"seconds", in_seconds(given.took)},
         {"giving_seconds", in_seconds(given.giving)}});
    successor_.forget();
    tell_upgraded({.what = admin::upgrade_report::outcome::done,
                   .problem = {},
                   .pid = given.pid,
                   .sessions = given.sessions});
  };
  around.on_left = [this] {
    if (std::exchange(are_sessions_left_, true)) return;
    log(log_level::warning, "some sessions cannot go on in the other process, draining them here");
    begin_drain();
  };
  around.on_over = [this] { stop_control_when_told(clock::now() + telling_time); };
  around.on_failed = [this](const std::string& why) {
    keeper_.keep_left_backends(false);
    successor_.terminate();
    tell_upgrade_impossible(why);
    if (is_stop_wanted_) begin_drain();
  };
  around.session_count = [this] { return session_count(workers_); };
  return around;
}

succession::offer server::implementation::make_offer() const {
  const runtime::state& present = *publication_.newest();
  succession::offer offer;
  offer.from = {.version = PGSTEER_VERSION, .pid = ::getpid()};
  offer.topology = keeper_.recollect();
  const topology::topology_snapshot& known = *present.topology.snapshot;
  offer.has_primary = present.is_rw_open(clock::now()) || known.is_primary_kept_by_order();
  offer.has_standby = std::ranges::any_of(known.backends, [](const auto& each) {
    return each.is_usable() && each.role == topology::role::standby;
  });
  return offer;
}

std::string server::implementation::stop_accepting() {
  if (drain_.has_begun() || is_stop_wanted_) return "pgsteer is stopping";
  ports_.suspend();
  are_sockets_anothers_ = true;
  return {};
}

void server::implementation::stop_control_when_told(time_point deadline) {
  if (!ports_.is_answering() || clock::now() >= deadline) return stop_control();
  telling_timer_.expires_after(telling_look_interval);
  telling_timer_.async_wait([this, deadline](const error_code& ec) {
    if (!ec) stop_control_when_told(deadline);
  });
}

void server::implementation::resume_accepting() {
  are_sockets_anothers_ = false;
  ports_.resume();
}

result<void> server::implementation::meet_predecessor() {
  if (source_.take_over_from.empty()) return {};
  admin::hand_over_answer answer = admin::ask_for_hand_over(source_.take_over_from);
  bool is_anybody_there = !answer.is_nobody_there;
  failure_ = answer.why_not;
  if (answer.connected.is_open()) {
    take_over_.emplace(context_, std::move(answer.connected), around_take_over());
    const auto received = take_over_->receive_offer();
    if (received) return {};
    failure_ = take_over_->failure();
    is_anybody_there = received.error() != succession::errc::peer_gone;
    take_over_.reset();
  }
  if (is_anybody_there) {
    failure_ = "cannot take over from " + source_.take_over_from + ": " + failure_;
    return errc::cannot_start;
  }
  log(log_level::info, "there is no process to take over from, starting as usual",
      {{"control", std::string_view(source_.take_over_from)}});
  return {};
}

take_over::surroundings server::implementation::around_take_over() {
  take_over::surroundings around;
  around.what_is_missing = [this] { return what_is_missing(); };
  around.start_accepting = [this](session::session_id newest) {
    session_ids_.start_behind(newest);
    manager_.tell(main_pid(::getpid()));
    open(std::move(*ports_to_open_));
    ports_to_open_.reset();
  };
  around.find_places = [this](const auto& sessions) {
    std::vector<take_over::place> places = find_places(sessions);
    for (take_over::place& each : places) {
      each.is_to_come_later = each.on != nullptr && would_end_at_once(each);
      if (each.is_to_come_later) each.on = nullptr;
    }
    return places;
  };
  around.on_over = [this](std::uint64_t sessions) {
    log(log_level::info, "took over from another process",
        {{"pid", take_over_->offer().from.pid}, {"sessions", static_cast<std::int64_t>(sessions)}});
    keeper_.keep_left_backends(false);
    // Its thread calls this.
    asio::post(context_, [this] { take_over_.reset(); });
  };
  around.on_refused = [this](const std::string& why) {
    failure_ = "cannot take over from " + source_.take_over_from + ": " + why;
    log(log_level::error, "cannot take over from another process", {{"error", std::string_view(why)}});
    exit_code_ = EXIT_FAILURE;
    are_sockets_anothers_ = true;
    stop_control();
  };
  around.on_disowned = [this](const std::string& why) {
    log(log_level::error, "the other process goes on, this one drains what it was given by then",
        {{"error", std::string_view(why)}});
    exit_code_ = EXIT_FAILURE;
    ports_.suspend();
    are_sockets_anothers_ = true;
    begin_drain();
  };
  return around;
}

// What the predecessor has proven counts here too; that its successor can prove anything is to be seen before
// it takes over. Who is what may change meanwhile.
std::string server::implementation::what_is_missing() const {
  const auto& backends = publication_.newest()->topology.snapshot->backends;
  std::string unasked;
  std::string reasons;
  bool has_primary = false;
  bool has_any = false;
  for (const topology::backend_status& each : backends) {
    if (each.is_leaving) continue;
    if (!keeper_.has_asked(each.id)) unasked += " " + to_string(each.address);
    if (is_proven_since(each, started_at_) && each.is_usable()) {
      has_primary = has_primary || each.role == topology::role::primary;
      has_any = true;
    }
    reasons += "; " + to_string(each.address) + ": " + topology::to_string(each.reason);
  }
  if (!unasked.empty()) return "it has got no answer yet from" + unasked;
  const succession::offer& offer = take_over_->offer();
  if (offer.has_primary && !has_primary) return "it finds no primary" + reasons;
  if (offer.has_standby && !has_any) return "it finds no standby" + reasons;
  return {};
}

std::vector<take_over::place> server::implementation::find_places(
    const std::vector<session::carried_session>& sessions) const {
  const runtime::used_topology& known = publication_.newest()->topology;
  const auto& backends = known.snapshot->backends;
  std::vector<std::size_t> loads;
  for (const auto& each : workers_) loads.push_back(each->session_count());
  std::vector<take_over::place> places;
  for (const session::carried_session& each : sessions) {
    take_over::place& place = places.emplace_back();
    place.listener = listeners_.find(each.listener);
    const auto is_there = [&](const topology::backend_status& status) {
      return status.address == each.backend_address && !status.is_replaced;
    };
    auto backend = std::ranges::find_if(
        backends, [&](const auto& status) { return is_there(status) && status.id == each.backend; });
    if (backend == backends.end()) backend = std::ranges::find_if(backends, is_there);
    if (place.listener == nullptr || backend == backends.end()) continue;
    place.backend = {backend->id, backend->address, known.use_of(*backend)};
    const auto least = std::ranges::min_element(loads);
    ++*least;
    place.on = workers_[static_cast<std::size_t>(least - loads.begin())].get();
  }
  return places;
}

// The predecessor may be the first to know of a promotion.
bool server::implementation::would_end_at_once(const take_over::place& at) const {
  const runtime::state& present = *publication_.newest();
  const auto route = present.listener(at.listener->index).policy.route;
  const auto removal = login::must_leave(present, at.backend.id, route);
  return removal && !removal->when_quiet_for;
}

void server::implementation::take_back(std::vector<session::carried_session> sessions) {
  std::vector<take_over::place> places = find_places(sessions);
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    take_over::place& to = places[i];
    if (to.on != nullptr) to.on->take(*to.listener, std::move(sessions[i]), std::move(to.backend));
  }
}

}  // namespace pgsteer::server
