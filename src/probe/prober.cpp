#include "pgsteer/probe/prober.hpp"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <utility>
#include <vector>

#include "probe/backend_probe.hpp"

namespace pgsteer::probe {

struct prober::shared_state : std::enable_shared_from_this<prober::shared_state> {
  shared_state(boost::asio::io_context& context_in, probe_options options_in, probe_callbacks callbacks_in)
      : context(context_in), options(std::move(options_in)), callbacks(std::move(callbacks_in)) {}

  void add(const probe_target& target) {
    backend_probe::handlers report;
    report.on_result = [weak = weak_from_this(), id = target.id](const topology::probe_result& result) {
      if (const auto self = weak.lock()) self->callbacks.on_result(id, result);
    };
    report.on_late = [weak = weak_from_this(), id = target.id](time_point sent_at) {
      const auto self = weak.lock();
      if (self && self->callbacks.on_late) self->callbacks.on_late(id, sent_at);
    };
    const auto counted = [weak = weak_from_this(), id = target.id](auto probe_callbacks::*counter) {
      return [weak, id, counter]() -> std::uint64_t {
        const auto self = weak.lock();
        return self && self->callbacks.*counter ? (self->callbacks.*counter)(id) : 0;
      };
    };
    report.logins_answered = counted(&probe_callbacks::logins_answered);
    report.logins_let_in = counted(&probe_callbacks::logins_let_in);
    report.sessions = counted(&probe_callbacks::sessions);
    auto probe = std::make_shared<backend_probe>(context, options, target, std::move(report));
    probe->start();
    probes.emplace(target.id, std::move(probe));
  }

  // Everybody in one go: that costs half of what it costs to wake up for each of them.
  void watch_later() {
    const duration interval = watch_interval_of(options, probes.size());
    is_watching = !probes.empty() && interval < options.interval;
    if (!is_watching) return;
    watch_timer.expires_after(interval);
    watch_timer.async_wait([weak = weak_from_this(), interval](const error_code& ec) {
      const auto self = weak.lock();
      if (!self || ec) return;
      for (const auto& [id, probe] : self->probes) probe->watch(interval);
      self->watch_later();
    });
  }

  boost::asio::io_context& context;
  boost::asio::steady_timer watch_timer{context};
  bool is_watching = false;
  probe_options options;
  const probe_callbacks callbacks;
  std::map<topology::backend_id, std::shared_ptr<backend_probe>> probes;
};

prober::prober(boost::asio::io_context& context, probe_options options, probe_callbacks callbacks)
    : state_(std::make_shared<shared_state>(context, std::move(options), std::move(callbacks))) {}

prober::~prober() {
  stop();
}

void prober::set_targets(std::span<const probe_target> targets) {
  std::erase_if(state_->probes, [&](const auto& entry) {
    const bool is_named = std::any_of(targets.begin(), targets.end(), [&](const probe_target& target) {
      return target == entry.second->target();
    });
    if (!is_named) entry.second->stop();
    return !is_named;
  });
  for (const probe_target& target : targets) {
    if (!state_->probes.contains(target.id)) state_->add(target);
  }
  if (!state_->probes.empty() && !state_->is_watching) state_->watch_later();
}

void prober::change_options(const probe_options& options) {
  state_->options = options;
  for (const auto& [id, probe] : state_->probes) probe->change_options(options);
  state_->watch_later();
}

void prober::renew_logins() {
  for (const auto& [id, probe] : state_->probes) probe->renew_login();
}

void prober::hint(topology::backend_id id) {
  if (const auto found = state_->probes.find(id); found != state_->probes.end()) found->second->hint();
}

void prober::hint_all() {
  for (const auto& [id, probe] : state_->probes) probe->hint();
}

void prober::ask_once(topology::backend_id id) {
  if (const auto found = state_->probes.find(id); found != state_->probes.end()) found->second->ask_once();
}

void prober::ask_soon(topology::backend_id id) {
  if (const auto found = state_->probes.find(id); found != state_->probes.end()) found->second->ask_soon();
}

void prober::end_bursts() {
  for (const auto& [id, probe] : state_->probes) probe->end_bursts();
}

void prober::stop() {
  set_targets({});
  state_->watch_timer.cancel();
}

}  // namespace pgsteer::probe
