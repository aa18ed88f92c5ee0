#include "pgsteer/relay/loop.hpp"

#include <sched.h>

#include <utility>

#include "pgsteer/base/usable_cores.hpp"

namespace pgsteer::relay {
namespace {

// A poll is a system call with epoll and a few loads with io_uring; a yield is a system call.
constexpr int polls_per_yield = 4;

}  // namespace

result<std::unique_ptr<loop>> loop::make(boost::asio::io_context& context, const relay_options& options,
                                         metrics::relay_counters& counters) {
  auto polled = net::context_poll::make(context);
  if (!polled) return polled.error();
  auto engine = make_engine((*polled)->fd(), options, counters);
  if (!engine) return engine.error();
  std::unique_ptr<loop> made(new loop(std::move(*polled), std::move(*engine), counters));
  made->choose_spin(options);
  return made;
}

loop::loop(std::unique_ptr<net::context_poll> context, std::unique_ptr<relay::engine> engine,
           metrics::relay_counters& counters)
    : counters_(counters), context_(std::move(context)), engine_(std::move(engine)) {}

// On the only core whoever could end a spin would wait for it.
void loop::choose_spin(const relay_options& options) {
  may_spin_ = options.spin == toggle::on && usable_cores() > 1;
}

void loop::retune(const relay_options& options) {
  engine_->retune(options);
  choose_spin(options);
}

void loop::run() {
  while (!is_stopped_) may_spin_ ? spin_or_wait() : void(step(true));
}

void loop::spin_or_wait() {
  time_point began = clock::now();
  if (policy_.wants_to_spin(began)) {
    if (spin(began)) return;
    began = clock::now();
  }
  step(true);
  policy_.waited(clock::now() - began);
}

// False: nothing has come.
bool loop::spin(time_point began) {
  counters_.spins.add();
  for (time_point now = began; now - began < spin_policy::spin_time;) {
    for (int i = 0; i < polls_per_yield; ++i) {
      if (!step(false)) continue;
      policy_.hit();
      return true;
    }
    now = clock::now();
    ::sched_yield();
    const time_point back = clock::now();
    if (back - now < spin_policy::lost_after) continue;
    policy_.lost_core(back);
    return step(false);
  }
  policy_.missed();
  counters_.vain_spins.add();
  return false;
}

bool loop::step(bool may_wait) {
  if (is_context_busy_) is_context_busy_ = context_->run_ready();
  const turn_report report = engine_->turn(may_wait && !is_context_busy_ && !is_stopped_);
  if (report.is_extra_fd_ready || report.has_told_owner) is_context_busy_ = true;
  return !report.is_idle || is_context_busy_;
}

}  // namespace pgsteer::relay
