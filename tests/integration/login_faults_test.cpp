// A login whose n-th wait fails, for every n that it has: this host is out of something, and no backend is to
// blame. Sooner or later the login succeeds or is told so, and nothing of it is left.
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <filesystem>
#include <thread>

#include "pgsteer/relay/loop.hpp"
#include "pgsteer/session/start_session.hpp"
#include "support/data_plane.hpp"
#include "support/fake_client.hpp"
#include "support/fake_postgres.hpp"

namespace pgsteer::test {
namespace {

using session::close_reason;

// The engine of a worker, but its n-th wait fails.
class failing_engine final : public relay::engine {
 public:
  explicit failing_engine(relay::engine& real) : real_(real) {}
  // Counts from 1. Before the next login.
  void fail_at(int n) {
    waits_ = 0;
    fails_at_ = n;
  }
  [[nodiscard]] bool has_failed() const { return waits_ >= fails_at_; }

  [[nodiscard]] relay::flow* start(const relay::flow_start& start) override { return real_.start(start); }
  relay::turn_report turn(bool may_wait) override { return real_.turn(may_wait); }
  void stop(relay::flow& target) override { real_.stop(target); }
  [[nodiscard]] bool detach(relay::flow& target) override { return real_.detach(target); }
  void stop_when_idle(relay::flow& target) override { real_.stop_when_idle(target); }
  [[nodiscard]] result<void> wait(relay::socket_wait& who, int fd, relay::readiness what) override {
    if (++waits_ == fails_at_) return error_code(ENOSPC, boost::system::system_category());
    return real_.wait(who, fd, what);
  }
  void forget(relay::socket_wait& who) override { real_.forget(who); }
  void tick(time_point now) override { real_.tick(now); }
  [[nodiscard]] std::string_view name() const noexcept override { return real_.name(); }

 private:
  relay::engine& real_;
  std::atomic<int> waits_ = 0;
  std::atomic<int> fails_at_ = 0;
};

// One worker and one primary, without a control thread: what is known of the primary does not change.
class LoginFaults : public ::testing::Test {
 protected:
  LoginFaults() {
    relay::relay_options options;
    options.engine = tested_engine();
    loop_ = std::move(relay::loop::make(context_, options, relay_counters_).value());
    engine_.emplace(loop_->engine());
    worker_.emplace(
        context_, *engine_, [this] { loop_->wake(); }, shared_, unhurried());
    publish_primary();
    ::listen(listening_.value(), 16);
    thread_ = std::thread([this] { loop_->run(); });
  }
  ~LoginFaults() override {
    end_all();
    EXPECT_TRUE(eventually(patience, [this] { return worker_->session_count() == 0; }));
    on_worker([this] { loop_->stop(); });
    thread_.join();
  }
  LoginFaults(const LoginFaults&) = delete;
  LoginFaults& operator=(const LoginFaults&) = delete;

  // A client whose session has begun, with these bytes there already.
  [[nodiscard]] fake_client connect(std::string_view bytes = {}) {
    fake_client client(address_);
    client.send(bytes);
    auto accepted = std::make_shared<session::accepted_client>();
    net::tcp::endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    accepted->fd.reset(::accept4(listening_.value(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    peer.resize(size);
    accepted->address = peer;
    accepted->admission = std::get<login::admitted>(login::admit(permits_, {}));
    accepted->accepted_at = clock::now();
    on_worker([this, accepted] { session::start_session(*worker_, listener_, std::move(*accepted)); });
    return client;
  }
  template <class Action>
  void on_worker(Action action) {
    boost::asio::post(context_, std::move(action));
    loop_->wake();
  }
  void end_all() {
    on_worker([this] {
      runtime::state next = *worker_->state();
      next.orders.drain = runtime::drain_step::ending;
      worker_->publish(std::make_shared<const runtime::state>(std::move(next)));
    });
  }
  [[nodiscard]] bool is_over() {
    return eventually(
        patience, [this] { return worker_->session_count() == 0 && primary_.counters().open_sessions == 0; });
  }

  // The login, step by step, as clients do it. True: it is logged in.
  using script = bool (*)(fake_client& client);
  void undisturbed(script log_in) {
    fake_client client = connect();
    EXPECT_TRUE(log_in(client));
    client.close();
    EXPECT_TRUE(is_over());
  }
  void fails_at_every_step(script log_in) {
    undisturbed(log_in);  // the threads have started then, which open files for a moment as they do
    const std::size_t open_before = open_descriptors();
    int failed = 0;
    bool has_failed = true;
    for (int n = 1; has_failed; ++n) {
      SCOPED_TRACE(::testing::Message() << "wait " << n);
      ASSERT_LT(n, 200);
      engine_->fail_at(n);
      const std::uint64_t told = closed(close_reason::local_trouble);
      fake_client client = connect();
      const bool is_logged_in = log_in(client);
      has_failed = engine_->has_failed();
      failed += has_failed ? 1 : 0;
      if (is_logged_in) {
        EXPECT_EQ(client.query("whoami").value(), "primary");
        client.close();
        ASSERT_TRUE(is_over());
        EXPECT_EQ(closed(close_reason::local_trouble), told);
      } else {
        ASSERT_TRUE(has_failed);
        client.close();
        ASSERT_TRUE(is_over());
        EXPECT_EQ(closed(close_reason::local_trouble), told + 1);
      }
      EXPECT_EQ(use_->counters.sessions.value(), 0);
      EXPECT_EQ(use_->counters.dial_failures.value(), 0) << "the backend was blamed";
      EXPECT_EQ(listener_.counters.active.value(), 0);
      EXPECT_EQ(listener_.counters.held.value(), 0);
      EXPECT_EQ(permits_.pending_logins.used(), 0U);
      EXPECT_TRUE(eventually(patience, [&] { return open_descriptors() <= open_before; }))
          << open_before << " before, now " << open_descriptors();
    }
    EXPECT_GE(failed, 1) << "every login waits for its backend at least";
  }

  [[nodiscard]] std::uint64_t closed(close_reason reason) {
    return static_cast<std::uint64_t>(listener_.counters.closed[static_cast<std::size_t>(reason)].value());
  }
  [[nodiscard]] static std::size_t open_descriptors() {
    const std::filesystem::directory_iterator listed("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(listed), end(listed)));
  }

  fake_postgres primary_{"primary", primary_role()};
  failing_engine& engine() { return *engine_; }

 private:
  void publish_primary() {
    auto snapshot = std::make_shared<topology::topology_snapshot>();
    snapshot->generation = 1;
    topology::backend_status& status = snapshot->backends.emplace_back();
    status.id = {1};
    status.address = primary_.address();
    status.role = topology::role::primary;
    status.is_rw_eligible = status.is_answering = true;
    snapshot->primary = status.id;
    snapshot->rw_valid_until = time_point::max();
    runtime::state next = *worker_->state();
    next.topology = {snapshot, {use_}};
    worker_->publish(std::make_shared<const runtime::state>(std::move(next)));
  }
  static runtime::listener_options rw() {
    runtime::listener_options options;
    options.name = "rw";
    options.policy.route = routing::target_session_attrs::primary;
    return options;
  }
  static runtime::state_ptr unhurried() {
    runtime::options options;
    options.listeners.push_back(rw());
    options.login.startup_timeout = options.login.connect_timeout = options.login.login_timeout =
        beyond_patience;
    runtime::state first;
    first.options = std::make_shared<const runtime::options>(std::move(options));
    return std::make_shared<const runtime::state>(std::move(first));
  }
  net::unique_fd make_listening() {
    net::tcp::endpoint any(boost::asio::ip::address_v4::loopback(), 0);
    net::unique_fd made(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    auto size = static_cast<socklen_t>(any.capacity());
    EXPECT_EQ(::bind(made.value(), any.data(), static_cast<socklen_t>(any.size())), 0);
    EXPECT_EQ(::getsockname(made.value(), any.data(), &size), 0);
    address_ = net::to_endpoint(any);
    return made;
  }

  login::permit_pools permits_;
  session::cancel_registry cancels_;
  metrics::cancel_counters cancel_counters_;
  session::awaited_login awaited_;
  session::worker_shared shared_{permits_, cancels_, cancel_counters_,
                                 [](topology::backend_id, topology::hint) {}, awaited_};
  session::listener_state listener_{0, "rw"};
  runtime::backend_use_ptr use_ = std::make_shared<runtime::backend_use>();
  endpoint address_;
  net::unique_fd listening_ = make_listening();
  boost::asio::io_context context_{1};
  metrics::relay_counters relay_counters_;
  std::unique_ptr<relay::loop> loop_;
  std::optional<failing_engine> engine_;
  std::optional<session::worker_context> worker_;
  std::thread thread_;
};

TEST_F(LoginFaults, AtEveryStepOfAPlainLogin) {
  fails_at_every_step([](fake_client& client) { return client.startup().is_logged_in; });
}

TEST_F(LoginFaults, AtEveryStepOfALoginThatAsksForEncryptionFirst) {
  fails_at_every_step([](fake_client& client) {
    client.send(wire::ssl_request());
    if (client.read_exactly(1).bytes != "N") return false;
    return client.startup().is_logged_in;
  });
}

TEST_F(LoginFaults, AtEveryStepOfALoginThatComesInPieces) {
  fails_at_every_step([](fake_client& client) {
    client.send_in_chunks(app_startup_message(), 3, std::chrono::milliseconds{1});
    return client.read_login().is_logged_in;
  });
}

// What went wrong and was made good is not what the session ends for.
TEST_F(LoginFaults, ARecoveredLoginHearsNoMoreOfIt) {
  engine().fail_at(1);  // for the backend's answer: there is no other
  fake_client client = connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  ASSERT_TRUE(engine().has_failed());
  end_all();
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(last.message, "terminating connection because pgsteer is stopping");
}

}  // namespace
}  // namespace pgsteer::test
