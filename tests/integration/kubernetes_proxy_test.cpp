// A whole pgsteer whose backends are pods, told of by a fake API server.
#include <gtest/gtest.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <thread>

#include "integration/kubernetes_world.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

// A fake API server in a thread of its own.
class api_thread {
 public:
  api_thread() {
    api_.respond = [this](const api_asked& asked) -> api_answered {
      if (asked.is_watch()) return {.body = "", .then = api_answered::after::open};
      return {.body = list_json("10", {pod_})};
    };
    thread_ = std::thread([this] { context_.run(); });
  }
  ~api_thread() {
    on_its_thread([this] { api_.close(); });
    work_.reset();
    thread_.join();
  }
  api_thread(const api_thread&) = delete;
  api_thread& operator=(const api_thread&) = delete;

  // Before the first request.
  void name(const sample_pod& pod) {
    on_its_thread([this, pod] { pod_ = pod; });
  }
  void tell(const std::string& type, const sample_pod& pod) {
    on_its_thread([this, text = event_json(type, pod.json())] {
      EXPECT_NE(api_.open_watches(), 0U) << "nobody hears it";
      api_.send(text);
    });
  }
  [[nodiscard]] discovery::kubernetes_options options(std::uint16_t port) const {
    discovery::kubernetes_options options;
    options.cnpg_cluster = "pg";
    options.port = port;
    options.api_server = "https://" + to_string(api_.address());
    options.token_file = account_.path() + "/token";
    options.ca_file = account_.path() + "/ca.crt";
    return options;
  }

 private:
  void on_its_thread(const std::function<void()>& action) {
    std::promise<void> done;
    boost::asio::post(context_, [&] {
      action();
      done.set_value();
    });
    done.get_future().wait();
  }

  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  throwaway_ca ca_;
  account_folder account_{ca_.certificate()};
  fake_api api_{context_, ca_.sign("IP:127.0.0.1")};
  sample_pod pod_;
  std::thread thread_;
};

class KubernetesProxy : public testing::Test {
 protected:
  void SetUp() override {
    pod_.address = backend_.address().host;
    api_.name(pod_);
  }
  // Probes only when it is told to. Returns once somebody hears what api_ tells.
  void run_proxy() {
    proxy_ = std::make_unique<test_proxy>(std::vector<endpoint>{}, [this](config::config& options) {
      options.discovery = api_.options(backend_.address().port);
      options.probe.interval = options.topology.role_ttl = options.topology.dead_after = beyond_patience;
      options.probe.login_interval = options.probe.primary_login_interval = beyond_patience;
      options.probe.watch_interval = beyond_patience;
      options.topology.switchover_hold = beyond_patience;
    });
    ASSERT_TRUE(proxy_->wait_for_metric("pgsteer_discovery_watching", {{"resource", "pods"}}, 1));
  }
  [[nodiscard]] std::uint64_t probes() const {
    return static_cast<std::uint64_t>(proxy_->metric("pgsteer_probes_total"));
  }

  fake_postgres backend_{"pg-1", primary_role()};
  sample_pod pod_;
  api_thread api_;
  std::unique_ptr<test_proxy> proxy_;
};

TEST_F(KubernetesProxy, RoutesToAPodAndShowsItsWatch) {
  run_proxy();
  ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  EXPECT_EQ(who_answers(proxy_->rw()), "pg-1");
  EXPECT_EQ(proxy_->metric("pgsteer_discovery_lists_total", {{"resource", "pods"}}), 1);
  api_.tell("MODIFIED", pod_);
  EXPECT_TRUE(proxy_->wait_for_metric("pgsteer_discovery_events_total",
                                      {{"resource", "pods"}, {"type", "modified"}}, 1));
  EXPECT_EQ(proxy_->metric("pgsteer_discovery_errors_total"), 0);
}

TEST_F(KubernetesProxy, ProbesAPodAtOnceWhenItsLabelsChange) {
  run_proxy();
  ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  backend_.promote(7);
  const std::uint64_t before = probes();
  sample_pod relabelled = pod_;
  relabelled.labels = R"("cnpg.io/instanceRole":"unhealthy")";
  api_.tell("MODIFIED", relabelled);
  ASSERT_TRUE(eventually(patience, [&] { return proxy_->metric("pgsteer_fence_timeline") == 7; }))
      << "only a probe can know";
  EXPECT_GT(probes(), before);
  EXPECT_EQ(who_answers(proxy_->rw()), "pg-1") << "a label is no role";
}

// The last pod is being deleted: it is still the primary, and in use for as long as it proves it. There is no
// standby for which new sessions could wait.
TEST_F(KubernetesProxy, KeepsAPrimaryThatIsBeingDeletedWhileItProvesItself) {
  run_proxy();
  ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  const std::uint64_t before = probes();
  sample_pod leaving = pod_;
  leaving.is_being_deleted = true;
  api_.tell("MODIFIED", leaving);
  ASSERT_TRUE(eventually(patience, [&] { return probes() > before; })) << "it is asked at once";
  EXPECT_EQ(who_answers(proxy_->rw()), "pg-1");
}

// Another pod under the same name and address: it has to prove itself, and its predecessor is asked no more.
TEST_F(KubernetesProxy, AsksAPodWithAnOldAddressAnew) {
  run_proxy();
  ASSERT_TRUE(proxy_->wait_for_backends(1, 0));
  backend_.demote(1);
  sample_pod other = pod_;
  other.uid = "uid-9";
  other.created = "2026-11-28T10:00:01Z";
  api_.tell("ADDED", other);
  EXPECT_TRUE(proxy_->wait_for_backends(0, 1));
  EXPECT_EQ(proxy_->metric("pgsteer_primary_known"), 0);
}

}  // namespace
}  // namespace pgsteer::test
