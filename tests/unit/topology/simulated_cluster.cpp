#include "unit/topology/simulated_cluster.hpp"

#include <algorithm>

#include "unit/topology/history.hpp"

namespace pgsteer::topology::testing {
namespace {

constexpr std::uint64_t foreign_system = 9;
constexpr std::size_t in_flight_max = 12;
// Storms of this many steps alternate with calms, in which things settle and invariant I3 has its say.
constexpr std::uint64_t phase_steps = 150;

}  // namespace

simulated_cluster::simulated_cluster(std::uint64_t seed, time_point start) : random_(seed), now_(start) {
  const std::size_t count = 3 + pick(3);
  for (std::size_t index = 0; index < count; ++index) {
    simulated_backend backend;
    backend.spec = spec_of(static_cast<char>('a' + index));
    backend.changed_at = start;
    backend.is_in_recovery = index != 0;
    backends_.push_back(backend);
  }
  pass(duration::zero());
}

std::vector<backend_spec> simulated_cluster::named() const {
  std::vector<backend_spec> specs;
  for (const auto& backend : backends_) {
    if (backend.is_named) specs.push_back(backend.spec);
  }
  return specs;
}

void simulated_cluster::pass(duration time) {
  now_ += time;
  for (auto& backend : backends_) {
    if (backend.is_true_primary()) backend.last_primary_at = now_;
  }
}

simulated_event simulated_cluster::step() {
  pass(std::chrono::microseconds{pick(60'000)});
  const bool is_storm = (++steps_ / phase_steps) % 2 == 1;
  if (is_storm && happens(12)) return disturb();
  if (!is_storm && happens(4)) mend(backends_[pick(backends_.size())]);
  return probe();
}

// Asks one backend and tells what arrives now: mostly the answer at once, sometimes an older one.
simulated_event simulated_cluster::probe() {
  const std::size_t index = pick(backends_.size());
  const simulated_backend& backend = backends_[index];
  simulated_event event;
  event.what = simulated_event::kind::result;
  event.backend = index;
  event.id = backend.id;
  event.result = ask(backend, now_);
  in_flight_.push_back(std::move(event));
  if (in_flight_.size() < in_flight_max && happens(25)) return {};
  return deliver(happens(75) ? in_flight_.size() - 1 : pick(in_flight_.size()));
}

simulated_event simulated_cluster::deliver(std::size_t index) {
  simulated_event event = in_flight_[index];
  const bool comes_again = happens(3);
  if (!comes_again) in_flight_.erase(in_flight_.begin() + static_cast<std::ptrdiff_t>(index));
  event.result.received_at = now_;
  return event;
}

probe_result simulated_cluster::ask(const simulated_backend& backend, time_point sent_at) {
  probe_result result;
  result.sent_at = sent_at;
  if (happens(1)) {
    result.outcome = probe_outcome::local_trouble;
  } else if (!backend.is_reachable || happens(1)) {  // a lost packet
    result.outcome = happens(80) ? probe_outcome::timed_out : probe_outcome::unreachable;
  } else if (!backend.is_running) {
    result.outcome = happens(80) ? probe_outcome::refused : probe_outcome::connection_lost;
  } else if (backend.is_starting) {
    result.outcome = probe_outcome::not_accepting;
  } else if (!backend.is_probe_welcome) {
    result.outcome = happens(50) ? probe_outcome::wrong_credentials : probe_outcome::too_many_clients;
  } else {
    result.outcome = backend.is_login_hung ? probe_outcome::login_hung : probe_outcome::answered;
    result.answer = answer_of(backend);
  }
  return result;
}

role_answer simulated_cluster::answer_of(const simulated_backend& backend) {
  role_answer answer;
  answer.is_in_recovery = backend.is_in_recovery;
  answer.system = {backend.is_ours ? our_system : foreign_system};
  answer.timeline = {backend.timeline};
  if (!backend.is_in_recovery) {
    answer.write_lsn = {backend.lsn};
    return answer;
  }
  answer.start_time_us = ++runs_;  // what an earlier run proved is for tests/simulation
  answer.receive_lsn = answer.replay_lsn = {backend.lsn};
  answer.has_wal_receiver = happens(80);
  answer.is_timeline_lower_bound = happens(30);
  if (answer.is_timeline_lower_bound && happens(50)) --answer.timeline.value;
  return answer;
}

std::uint32_t simulated_cluster::highest_timeline() const {
  std::uint32_t highest = 0;
  for (const auto& backend : backends_) {
    if (backend.is_ours) highest = std::max(highest, backend.timeline);
  }
  return highest;
}

simulated_event simulated_cluster::disturb() {
  const std::size_t index = pick(backends_.size());
  simulated_backend& backend = backends_[index];
  backend.changed_at = now_;
  ++disturbances_;
  simulated_event event;
  event.backend = index;
  switch (pick(12)) {
    case 0:
      if (happens(50)) return event;
      pass(std::chrono::milliseconds{500 + pick(8000)});
      event.what = simulated_event::kind::pause;
      return event;
    case 1:
      backend.is_named = !backend.is_named;
      event.what = simulated_event::kind::membership;
      return event;
    case 2:
      if (!backend.is_named) event.what = simulated_event::kind::forget;
      return event;
    case 3:
      if (has_strangers_) replace(backend);
      return event;
    case 4:
    case 5:
    case 6:
      change_role(backend);
      return event;
    case 7:
      mend(backend);
      return event;
    default:
      change_health(backend);
      return event;
  }
}

void simulated_cluster::change_role(simulated_backend& backend) {
  if (!backend.is_ours) return;
  backend.lsn += pick(500);
  if (!backend.is_in_recovery) {  // demoted: rewound onto the newest timeline, or stuck on its own
    backend.is_in_recovery = true;
    if (happens(80)) backend.timeline = highest_timeline();
  } else if (happens(10)) {  // standby.signal was lost: a second primary on the same timeline
    backend.is_in_recovery = false;
  } else {  // promoted; without an archive two promotions may pick the same number
    backend.timeline = happens(90) ? highest_timeline() + 1 : backend.timeline + 1;
    backend.is_in_recovery = false;
  }
  pass(duration::zero());
}

void simulated_cluster::change_health(simulated_backend& backend) {
  switch (pick(5)) {
    case 0:
      backend.is_running = !backend.is_running;
      break;
    case 1:
      backend.is_reachable = !backend.is_reachable;
      break;
    case 2:
      backend.is_starting = !backend.is_starting;
      break;
    case 3:
      backend.is_login_hung = !backend.is_login_hung;
      break;
    default:
      backend.is_probe_welcome = !backend.is_probe_welcome;
      break;
  }
}

void simulated_cluster::replace(simulated_backend& backend) {
  backend.is_ours = !backend.is_ours;
  backend.is_in_recovery =
      backend.is_ours || happens(50);  // a stranger may be a primary, ours comes back as a standby
  backend.timeline = backend.is_ours ? highest_timeline() : 1 + static_cast<std::uint32_t>(pick(2000));
}

// Somebody repairs it: it runs, answers, and follows the newest timeline if it is a standby. A primary left
// behind is demoted, as every failover manager ends up doing.
void simulated_cluster::mend(simulated_backend& backend) {
  ++disturbances_;
  backend.changed_at = now_;
  backend.is_running = backend.is_reachable = backend.is_probe_welcome = true;
  backend.is_starting = backend.is_login_hung = false;
  if (!backend.is_ours && happens(30)) replace(backend);
  if (!backend.is_ours) return;
  if (backend.timeline < highest_timeline()) {
    backend.timeline = highest_timeline();
    backend.is_in_recovery = true;
  }
  backend.lsn += pick(500);
  const auto is_newest = [&](const auto& other) {
    return other.is_ours && !other.is_in_recovery && other.timeline == highest_timeline();
  };
  if (std::ranges::none_of(backends_, is_newest) && happens(30)) {
    ++backend.timeline;
    backend.is_in_recovery = false;
  }
  pass(duration::zero());
}

}  // namespace pgsteer::topology::testing
