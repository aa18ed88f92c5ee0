#include "server/topology_keeper.hpp"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/story/topology_story.hpp"

namespace pgsteer::server {
namespace asio = boost::asio;
namespace {

// Each time wakes every worker. What changes in between are figures such as a standby's lag, which is asked
// for every half second by default.
constexpr auto figures_interval = milliseconds{250};

std::string_view in_words(topology::hint noticed) noexcept {
  switch (noticed) {
    case topology::hint::session_lost:
      return "a session there was lost";
    case topology::hint::session_ended:
      return "it ended a session";
    case topology::hint::login_slow:
      return "a login there is slow";
    case topology::hint::login_failed:
      return "a login there failed";
    case topology::hint::discovery_changed:
      return "discovery was told of a change there";
  }
  return "a session there";
}

std::string_view in_words(discovery::notice noticed) noexcept {
  switch (noticed) {
    case discovery::notice::deletion:
      return "its pod is being deleted";
    case discovery::notice::removal:
      return "its pod is gone";
    case discovery::notice::readiness:
      return "its pod's readiness has changed";
    case discovery::notice::labels:
      return "its pod's labels have changed";
    case discovery::notice::lease:
      return "its cluster's primary Lease has changed hands";
    case discovery::notice::status:
      return "its cluster's status has changed";
  }
  return "its pod has changed";
}

// Readiness and labels change for many reasons: an answer of the backend contradicts them.
story::failover_story::origin origin_of(discovery::notice noticed) noexcept {
  const bool is_the_end = noticed == discovery::notice::deletion || noticed == discovery::notice::removal;
  return is_the_end ? story::failover_story::origin::login_or_probe : story::failover_story::origin::session;
}

story::failover_story::origin origin_of(topology::hint noticed) noexcept {
  const bool is_of_a_session =
      noticed == topology::hint::session_lost || noticed == topology::hint::session_ended;
  return is_of_a_session ? story::failover_story::origin::session
                         : story::failover_story::origin::login_or_probe;
}

}  // namespace

topology_keeper::topology_keeper(asio::io_context& context, const config::config& options, on_publish handler,
                                 on_mark mark_handler)
    : context_(context),
      handler_(std::move(handler)),
      mark_handler_(std::move(mark_handler)),
      topology_(options.topology),
      source_(std::visit([&](const auto& kind) { return make_source(context, kind, options.zone); },
                         options.discovery)),
      prober_(std::make_unique<probe::prober>(context, options.probe, probe_callbacks())),
      deadline_timer_(context),
      tick_timer_(context) {}

void topology_keeper::resume(const topology::recollection& past) {
  topology_.resume(past);
  marked_ = past.mark;
  are_left_kept_ = true;
  decide();
}

void topology_keeper::start() {
  start_source();
  carry_out(attention_.tick(clock::now()));
  schedule_tick();
}

void topology_keeper::start_source() {
  source_->start(
      {.change = [this](const std::vector<discovery::discovered_backend>& found) { on_discovered(found); },
       .hint = [this](const discovery::discovered_backend& backend,
                      discovery::notice noticed) { on_discovery_hint(backend, noticed); },
       .announcement = [this](const auto& announced) { on_switchover(announced); }});
}

void topology_keeper::change_options(const config::config& before, const config::config& next) {
  if (next.probe != before.probe) prober_->change_options(next.probe);
  if (next.discovery != before.discovery || next.zone != before.zone)
    change_source(next.discovery, next.zone);
  if (next.topology != before.topology) decide();
}

void topology_keeper::rename_cluster(const topology::topology_options& next) {
  if (topology_.change_options(next)) carry_out(attention_.note_mark_replaced());
}

// The backends of before stay until the new source has said which there are.
void topology_keeper::change_source(discovery::discovery_options options,
                                    const discovery::zone_option& zone) {
  if (auto* const list = std::get_if<discovery::static_options>(&options)) {
    list->resolved.emplace();
    for (const endpoint& named : list->backends) {
      const auto known = std::ranges::find_if(published_.snapshot->backends, [&](const auto& each) {
        return !each.is_leaving && each.name.text() == to_string(named);
      });
      if (known != published_.snapshot->backends.end()) list->resolved->emplace(named, known->address.host);
    }
  }
  source_->stop();
  source_ = std::visit([&](const auto& kind) { return make_source(context_, kind, zone); }, options);
  topology_.withdraw_switchover();
  start_source();
}

void topology_keeper::stop() {
  source_->stop();
  prober_->stop();
  deadline_timer_.cancel();
  tick_timer_.cancel();
}

void topology_keeper::remember(const std::optional<topology::fence_mark>& mark) {
  topology_.replace_mark(mark);
  marked_ = mark;
  carry_out(attention_.note_mark_replaced());
  decide();
}

void topology_keeper::note_hint(topology::backend_id id, topology::hint noticed) {
  asio::post(context_, [this, id, noticed] {
    story_.note_symptom(id, origin_of(noticed), in_words(noticed), clock::now());
    carry_out(attention_.note_hint(id, noticed));
  });
}

void topology_keeper::order(topology::backend_id id, const std::optional<topology::operator_order>& wanted) {
  topology_.set_order(id, wanted);
  decide();
}

void topology_keeper::carry_out(const topology::orders& wanted) {
  using enum topology::order::kind;
  for (const topology::order& one : wanted) {
    switch (one.what) {
      case ask_once:
        prober_->ask_once(one.id);
        break;
      case burst:
        prober_->hint(one.id);
        break;
      case burst_all:
        prober_->hint_all();
        break;
      case end_bursts:
        prober_->end_bursts();
        break;
      case refresh_discovery:
        source_->refresh_now();
        break;
      case note_pause:
        resume(one.stood_still);
        break;
    }
  }
}

void topology_keeper::resume(duration stood_still) {
  log(log_level::warning, "the process did not run for a while, asking every backend again",
      {{"seconds", in_seconds(stood_still)}});
  topology_.note_pause(clock::now());
  decide();
}

probe::probe_callbacks topology_keeper::probe_callbacks() {
  probe::probe_callbacks callbacks;
  callbacks.on_result = [this](topology::backend_id id, const topology::probe_result& result) {
    on_probed(id, result);
  };
  callbacks.on_late = [this](topology::backend_id id, time_point sent_at) { on_late(id, sent_at); };
  const auto counted = [this](metrics::counter metrics::backend_counters::*counter) {
    return [this, counter](topology::backend_id id) -> std::uint64_t {
      const auto found = uses_.find(id.value);
      return found == uses_.end() ? 0 : (found->second->counters.*counter).value();
    };
  };
  callbacks.logins_answered = counted(&metrics::backend_counters::logins_answered);
  callbacks.logins_let_in = counted(&metrics::backend_counters::logins_let_in);
  callbacks.sessions = counted(&metrics::backend_counters::sessions);
  return callbacks;
}

void topology_keeper::on_discovered(const std::vector<discovery::discovered_backend>& backends) {
  std::vector<topology::backend_spec> specs;
  specs.reserve(backends.size());
  for (const auto& backend : backends)
    specs.push_back({backend.name, backend.address, backend.identity, backend.is_withheld, backend.zone,
                     backend.is_in_own_zone});
  const bool are_too_many = specs.size() > topology::backends_max;
  if (are_too_many && !were_too_many_) {
    log(log_level::warning, "more backends are discovered than are used, the others are left out",
        {{"count", static_cast<std::int64_t>(specs.size())}, {"used", std::int64_t{topology::backends_max}}});
  }
  were_too_many_ = are_too_many;
  topology_.set_backends(specs);
  decide();
}

void topology_keeper::on_discovery_hint(const discovery::discovered_backend& backend,
                                        discovery::notice noticed) {
  const auto id = topology_.find(backend.address, backend.identity);
  if (!id) return;
  story_.note_symptom(*id, origin_of(noticed), in_words(noticed), clock::now());
  if (noticed == discovery::notice::deletion) note_deletion(*id, backend);
  carry_out(attention_.note_hint(*id, topology::hint::discovery_changed));
}

// Kubernetes takes no deletion back: whatever runs there is told to stop at once. Without a standby nobody
// could take its place.
void topology_keeper::note_deletion(topology::backend_id id, const discovery::discovered_backend& backend) {
  const topology::topology_snapshot& known = *published_.snapshot;
  const bool has_standby = std::ranges::any_of(known.backends, [](const auto& each) {
    return each.role == topology::role::standby && !each.is_leaving;
  });
  if (known.primary != id || !has_standby ||
      !topology_.announce_switchover(id, topology::replacement_sign::deletion, clock::now()))
    return;
  log(log_level::info, "the primary's pod is being deleted, new rw logins wait for its successor",
      {{"backend", to_string(backend.address)}, {"name", std::string_view(backend.name)}});
  decide();
}

// A role follows from it as little as from a hint.
void topology_keeper::on_switchover(const std::optional<discovery::switchover>& announced) {
  const auto from =
      announced ? topology_.find(announced->from.address, announced->from.identity) : std::nullopt;
  if (!from) {
    topology_.withdraw_switchover();
  } else if (topology_.announce_switchover(*from, topology::replacement_sign::status, clock::now())) {
    log(log_level::info, "a switchover is announced",
        {{"from", std::string_view(announced->from.name)}, {"to", std::string_view(announced->to.name)}});
    story_.note_symptom(*from, story::failover_story::origin::login_or_probe, "a switchover is announced",
                        clock::now());
  }
  decide();
}

void topology_keeper::on_probed(topology::backend_id id, const topology::probe_result& result) {
  asked_.insert(id.value);
  const auto outcome = topology::to_string(result.outcome);
  const auto found = counters_.results.find(outcome);
  if (found == counters_.results.end()) {
    counters_.results.emplace(outcome, 1);
  } else {
    ++found->second;
  }
  if (result.outcome == topology::probe_outcome::answered)
    counters_.duration.observe(in_seconds(result.received_at - result.sent_at));
  const bool is_answered = result.outcome == topology::probe_outcome::answered;
  if (!is_answered) {
    story_.note_symptom(id, story::failover_story::origin::login_or_probe,
                        topology::to_string(result.outcome), clock::now());
  }
  if (result.answer && result.answer->connections_free) note_free(id, *result.answer->connections_free);
  topology_.record(id, with_own_sessions(id, result));
  decide();
  // Behind the decision: an answer by which the primary is lost contradicts nothing.
  if (is_answered) story_.note_answer(id, result.sent_at);
}

topology::probe_result topology_keeper::with_own_sessions(topology::backend_id id,
                                                          topology::probe_result result) const {
  const auto found = uses_.find(id.value);
  if (result.answer && found != uses_.end())
    result.answer->own_sessions = static_cast<std::uint32_t>(found->second->counters.sessions.value());
  return result;
}

// Straight to those who wait for it, who are of all workers; before the decision, by which more may come.
void topology_keeper::note_free(topology::backend_id id, int connections) {
  const auto found = uses_.find(id.value);
  if (found != uses_.end()) found->second->dials.note_free(connections, clock::now());
}

void topology_keeper::on_late(topology::backend_id id, time_point sent_at) {
  story_.note_symptom(id, story::failover_story::origin::login_or_probe, "a probe is late", clock::now());
  topology_.note_late(id, sent_at);
  decide();
  carry_out(attention_.note_late(id));
}

void topology_keeper::decide() {
  publish(topology_.decide(clock::now()));
  schedule_deadline();
}

void topology_keeper::publish(topology::topology_snapshot snapshot) {
  const auto before = published_.snapshot;
  auto next = std::make_shared<const topology::topology_snapshot>(std::move(snapshot));
  const bool is_changed = before->generation != next->generation;
  const bool is_pressing = is_changed || before->rw_valid_until != next->rw_valid_until;
  published_.snapshot = next;
  published_.uses.clear();
  for (const topology::backend_status& status : next->backends) {
    auto& use = uses_[status.id.value];
    if (!use) use = std::make_shared<runtime::backend_use>();
    published_.uses.push_back(use);
  }
  if (next->primary && next->primary != last_primary_) {
    if (last_primary_) ++primary_changes_;
    last_primary_ = next->primary;
    primary_since_seconds_ = in_seconds(std::chrono::system_clock::now().time_since_epoch());
  }
  // To the workers first: what follows is bookkeeping. Figures alone wait for what is pressing, such as the
  // next answer of a primary, which prolongs its validity, or for figures_interval.
  if (is_pressing) {
    hand_on(clock::now());
  } else {
    are_figures_due_ = true;
  }
  hand_on_mark();
  if (!is_changed) return;
  story_.note_decision(published_, clock::now());
  story::tell_topology_change(*before, *next, clock::now());
  std::vector<probe::probe_target> targets;
  for (const topology::backend_status& status : next->backends) {
    if (!status.is_replaced) targets.push_back({status.id, status.name.text(), status.address});
  }
  prober_->set_targets(targets);
  carry_out(attention_.note_snapshot(*next, clock::now()));
}

void topology_keeper::hand_on(time_point now) {
  are_figures_due_ = false;
  handed_on_at_ = now;
  handler_(published_);
}

void topology_keeper::hand_on_mark() {
  const auto mark = topology_.mark();
  if (!mark || mark == marked_) return;
  marked_ = mark;
  mark_handler_(*mark);
}

void topology_keeper::schedule_deadline() {
  const auto deadline = topology_.next_deadline();
  if (!deadline) {
    deadline_timer_.cancel();
    return;
  }
  deadline_timer_.expires_at(*deadline);
  deadline_timer_.async_wait([this](const error_code& ec) {
    if (!ec) decide();
  });
}

void topology_keeper::schedule_tick() {
  tick_timer_.expires_after(topology::tick_interval);
  tick_timer_.async_wait([this](const error_code& ec) {
    if (ec) return;
    const time_point now = clock::now();
    carry_out(attention_.tick(now));
    story_.tick(now);
    ask_for_room();
    forget_left_backends();
    if (are_figures_due_ && now >= handed_on_at_ + figures_interval) hand_on(now);
    schedule_tick();
  });
}

// Who waits for nothing but room needs a newer figure, not another backend.
void topology_keeper::ask_for_room() {
  for (const auto& [id, use] : uses_) {
    if (use->dials.count().is_out_of_room) prober_->ask_soon({id});
  }
}

// A backend that discovery no longer names is kept while sessions are on it.
void topology_keeper::forget_left_backends() {
  if (are_left_kept_) return;
  bool is_changed = false;
  const auto snapshot = published_.snapshot;
  for (std::size_t i = 0; i < snapshot->backends.size(); ++i) {
    const topology::backend_status& status = snapshot->backends[i];
    if (!status.is_leaving || published_.uses[i]->counters.sessions.value() > 0) continue;
    if (!topology_.forget(status.id)) continue;
    uses_.erase(status.id.value);
    asked_.erase(status.id.value);
    is_changed = true;
  }
  if (is_changed) decide();
}

}  // namespace pgsteer::server
