// What a snapshot costs behind the decision: at one worker, and until several have it.
//
// Measured: worker_context::publish() with logged-in loopback sessions that move no bytes, and the copy of
// what is published; held logins, until each that was woken is held again; publication to idle workers,
// threads as in server, by wall clock: the scheduler's share is in it. Not measured: making the snapshot
// (topology_bench.cpp), closing sessions (every verdict is keep), the dials of the woken, busy workers.
#include <benchmark/benchmark.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "cluster_story.hpp"
#include "messages.hpp"
#include "pgsteer/relay/loop.hpp"
#include "pgsteer/runtime/publication.hpp"
#include "pgsteer/session/start_session.hpp"
#include "server/host_limits.hpp"
#include "server/worker.hpp"
#include "sockets.hpp"
#include "support/shared_parts.hpp"

namespace pgsteer::server {
namespace {

namespace asio = boost::asio;

runtime::state state_of(topology::topology_snapshot snapshot) {
  runtime::state made;
  for (std::size_t i = 0; i < snapshot.backends.size(); ++i)
    made.topology.uses.push_back(std::make_shared<runtime::backend_use>());
  // The bench runs longer than a proof is good for.
  if (snapshot.rw_valid_until) snapshot.rw_valid_until = time_point::max();
  made.topology.snapshot = std::make_shared<const topology::topology_snapshot>(std::move(snapshot));
  runtime::options options;
  options.listeners.emplace_back().name = "rw";
  made.options = std::make_shared<const runtime::options>(std::move(options));
  return made;
}

runtime::state_ptr share(runtime::state made) {
  return std::make_shared<const runtime::state>(std::move(made));
}

runtime::state next_generation(runtime::state before) {
  topology::topology_snapshot snapshot = *before.topology.snapshot;
  ++snapshot.generation;
  before.topology.snapshot = std::make_shared<const topology::topology_snapshot>(std::move(snapshot));
  return before;
}

// A worker without its thread, and a cluster of three whose primary is the bench itself.
class lone_worker {
 public:
  lone_worker() {
    // Until a process has had a second thread, libstdc++ counts shared_ptrs without atomics.
    std::thread([] {}).join();
  }
  ~lone_worker() {
    runtime::state drained = state_;
    drained.orders.drain = runtime::drain_step::ending;
    worker_.publish(share(std::move(drained)));
    while (worker_.session_count() > 0) loop_->step(false);
  }
  lone_worker(const lone_worker&) = delete;
  lone_worker& operator=(const lone_worker&) = delete;

  void log_in() {
    bench::socket_pair client = bench::tcp_pair();
    send(client.theirs, bench::psql_startup_message());
    session::start_session(
        worker_, listener_,
        {.fd = std::move(client.ours),
         .address = net::tcp::endpoint(boost::asio::ip::address_v4::loopback(), 1),
         .admission = std::get<login::admitted>(login::admit(parts_.permits, state_.options->limits)),
         .accepted_at = clock::now()});
    loop_->wake();  // the session has been posted to the context
    net::unique_fd backend;
    while (!backend.is_open()) {
      loop_->step(false);
      backend = bench::accept_one(listening_);
    }
    const std::string answer = bench::login_answer();
    send(backend, answer);
    while (!bench::try_receive(client.theirs.value(), answer.size())) loop_->step(false);
    while (loop_->step(false)) {
    }
    peers_.push_back(std::move(client.theirs));
    peers_.push_back(std::move(backend));
  }

  [[nodiscard]] const runtime::state& state() const noexcept { return state_; }
  [[nodiscard]] session::worker_context& context() noexcept { return worker_; }
  [[nodiscard]] const session::listener_state& listener() const noexcept { return listener_; }

 private:
  static void send(const net::unique_fd& to, const std::string& bytes) {
    const ssize_t n = ::send(to.value(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    bench::require(n == static_cast<ssize_t>(bytes.size()));
  }

  test::shared_parts parts_;
  asio::io_context context_{1};
  metrics::relay_counters counters_;
  std::unique_ptr<relay::loop> loop_ = std::move(relay::loop::make(context_, {}, counters_).value());
  session::listener_state listener_{0, "rw"};
  bench::listening_socket listening_ = bench::listen_on_loopback();
  runtime::state state_ = state_of(bench::cluster_story(3, {"127.0.0.1", listening_.port}).answered(1));
  session::worker_context worker_{context_, loop_->engine(), [this] { loop_->wake(); }, parts_.shared,
                                  share(state_)};
  std::vector<net::unique_fd> peers_;
};

void publish_by_turns(benchmark::State& state, session::worker_context& worker, const runtime::state_ptr& one,
                      const runtime::state_ptr& other) {
  std::uint64_t turn = 0;
  for (auto _ : state) worker.publish(turn++ % 2 == 0 ? one : other);
}

// range(0): sessions.
void publish_to_sessions(benchmark::State& state, bool is_change) {
  (void)raise_open_files_limit({.sessions = runtime::limit_options{}.sessions_max});
  lone_worker worker;
  for (std::int64_t i = 0; i < state.range(0); ++i) worker.log_in();
  const runtime::state& present = worker.state();
  publish_by_turns(state, worker.context(), share(is_change ? next_generation(present) : present),
                   share(present));
  bench::require(worker.context().session_count() == static_cast<std::size_t>(state.range(0)));
}

// As after nearly every probe: nothing but rw_valid_until has moved.
void PublishSame(benchmark::State& state) {
  publish_to_sessions(state, false);
}
// Every session looks whether it may stay.
void PublishChange(benchmark::State& state) {
  publish_to_sessions(state, true);
}

// A login that is held again whenever it is woken, as one that finds no backend is.
class held_login {
 public:
  explicit held_login(lone_worker& worker) : worker_(worker) { join(); }
  [[nodiscard]] std::int64_t woken() const noexcept { return woken_; }

 private:
  void join() {
    place_ = worker_.context().holds.join(worker_.listener().index, wake_, clock::now(),
                                          login::hold_line::wish::a_backend);
  }
  lone_worker& worker_;
  const std::function<void()> wake_ = [this] {
    worker_.context().post([this] {
      place_.leave();
      join();
      ++woken_;
    });
  };
  login::hold_line::place place_;
  std::int64_t woken_ = 0;
};

// range(0): logins that are held, woken, and held again in each iteration.
void WakeHeldLogins(benchmark::State& state) {
  lone_worker worker;
  asio::io_context& context = worker.context().context;
  const runtime::state_ptr next = share(next_generation(worker.state()));
  std::deque<held_login> logins;
  for (std::int64_t i = 0; i < state.range(0); ++i) logins.emplace_back(worker);
  for (auto _ : state) {
    worker.context().publish(next);
    context.restart();
    context.poll();
  }
  for (const held_login& each : logins) bench::require(each.woken() == state.iterations());
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

// From publish() on the control thread until every worker goes by the snapshot, and control knows. range(0):
// workers.
void publish_to_workers(benchmark::State& state, const runtime::state& one, const runtime::state& other) {
  test::shared_parts parts;
  asio::io_context control{1};
  const auto keep_control = asio::make_work_guard(control);
  runtime::publication sent(other);
  std::vector<std::unique_ptr<worker>> workers;
  std::size_t opened = 0;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    worker& made = *workers.emplace_back(std::move(worker::make(parts.shared, {}, sent.newest()).value()));
    made.start();
    sent.add([&control, &opened, &made](const runtime::state_ptr& next, std::function<void()> on_taken) {
      if (!on_taken) on_taken = [&opened] { ++opened; };
      made.publish(next, [&control, taken = std::move(on_taken)] { asio::post(control, taken); });
    });
  }
  std::uint64_t turn = 0;
  for (auto _ : state) {
    opened = 0;
    sent.publish(turn++ % 2 == 0 ? one : other);
    while (opened < workers.size()) control.run_one();
  }
  for (const auto& each : workers) each->finish();
}

void PublicationSamePrimary(benchmark::State& state) {
  const runtime::state present = state_of(bench::cluster_story(3).answered(1));
  publish_to_workers(state, next_generation(present), present);
}

// Two rounds: everybody lets go of the old primary before anybody gets the new one.
void PublicationNewPrimary(benchmark::State& state) {
  bench::cluster_story story(3);
  const runtime::state before = state_of(story.answered(1));
  story.promote(2);
  const runtime::state after = state_of(story.answered(2));
  bench::require(before.topology.snapshot->primary != after.topology.snapshot->primary &&
                 after.topology.snapshot->rw_valid_until);
  publish_to_workers(state, after, before);
}

BENCHMARK(PublishSame)->Arg(100)->Arg(1000);
BENCHMARK(PublishChange)->Arg(100)->Arg(1000);
BENCHMARK(WakeHeldLogins)->Arg(100)->Arg(1000);
BENCHMARK(PublicationSamePrimary)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();
BENCHMARK(PublicationNewPrimary)->Arg(1)->Arg(2)->Arg(4)->UseRealTime();

}  // namespace
}  // namespace pgsteer::server
