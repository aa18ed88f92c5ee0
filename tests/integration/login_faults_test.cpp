// A login whose n-th wait fails, for every n that it has: this host is out of something, and no backend is to
// blame. Sooner or later the login succeeds or is told so, and nothing of it is left.
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <optional>

#include "support/eventually.hpp"
#include "support/forwarding_engine.hpp"
#include "support/one_worker.hpp"

namespace pgsteer::test {
namespace {

using session::close_reason;

// The engine of a worker, but its n-th wait fails.
class failing_engine final : public forwarding_engine {
 public:
  using forwarding_engine::forwarding_engine;
  // Counts from 1. Before the next login.
  void fail_at(int n) {
    waits_ = 0;
    fails_at_ = n;
  }
  [[nodiscard]] bool has_failed() const { return waits_ >= fails_at_; }

  [[nodiscard]] result<void> wait(relay::socket_wait& who, int fd, relay::readiness what) override {
    if (++waits_ == fails_at_) return error_code(ENOSPC, boost::system::system_category());
    return forwarding_engine::wait(who, fd, what);
  }

 private:
  std::atomic<int> waits_ = 0;
  std::atomic<int> fails_at_ = 0;
};

// One primary; what is known of it does not change.
class LoginFaults : public ::testing::Test {
 protected:
  LoginFaults() { worker_.publish_backend(primary_, proven_primary()); }

  [[nodiscard]] bool is_over() {
    return eventually(
        patience, [this] { return worker_.session_count() == 0 && primary_.counters().open_sessions == 0; });
  }

  // The login, step by step, as clients do it. True: it is logged in.
  using script = bool (*)(fake_client& client);
  void undisturbed(script log_in) {
    fake_client client = worker_.connect();
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
      fake_client client = worker_.connect();
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
      EXPECT_EQ(worker_.backend_counters().sessions.value(), 0);
      EXPECT_EQ(worker_.backend_counters().dial_failures.value(), 0) << "the backend was blamed";
      EXPECT_EQ(worker_.counters().active.value(), 0);
      EXPECT_EQ(worker_.counters().held.value(), 0);
      EXPECT_EQ(worker_.permits().pending_logins.used(), 0U);
      EXPECT_TRUE(eventually(patience, [&] { return open_descriptors() <= open_before; }))
          << open_before << " before, now " << open_descriptors();
    }
    EXPECT_GE(failed, 1) << "every login waits for its backend at least";
  }

  [[nodiscard]] std::uint64_t closed(close_reason reason) {
    return static_cast<std::uint64_t>(worker_.counters().closed[static_cast<std::size_t>(reason)].value());
  }
  [[nodiscard]] static std::size_t open_descriptors() {
    const std::filesystem::directory_iterator listed("/proc/self/fd");
    return static_cast<std::size_t>(std::distance(begin(listed), end(listed)));
  }

  fake_postgres primary_{"primary", primary_role()};
  failing_engine& engine() { return *engine_; }

  std::optional<failing_engine> engine_;
  one_worker worker_{routing::target_session_attrs::primary,
                     [this](relay::engine& real) -> relay::engine& { return engine_.emplace(real); }};
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
  fake_client client = worker_.connect(app_startup_message());
  ASSERT_TRUE(client.read_login().is_logged_in);
  ASSERT_TRUE(engine().has_failed());
  worker_.drain();
  const auto last = client.read_query_result();
  EXPECT_EQ(last.sqlstate, "57P01");
  EXPECT_EQ(last.message, "terminating connection because pgsteer is stopping");
}

}  // namespace
}  // namespace pgsteer::test
