// What the pages answer, over real connections.
#include "pgsteer/admin/admin_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/admin/served_admin.hpp"

namespace pgsteer::admin {
namespace {

namespace http = boost::beast::http;
using testing::HasSubstr;
using testing::StartsWith;

raw_client::answer get(served_admin& admin, const std::string& target) {
  raw_client client(admin.port());
  client.send_request("GET", target);
  return client.receive();
}

TEST(AdminServer, AnswersEachRoute) {
  const struct {
    const char* target;
    unsigned status;
    const char* content_type;
    const char* body;
  } cases[] = {
      {"/livez", 200, "text/plain; charset=utf-8", "ok\n"},
      {"/readyz", 200, "application/json", "\"listeners\""},
      {"/metrics", 200, "text/plain; version=0.0.4; charset=utf-8", "pgsteer_sessions 3\n"},
      {"/api/v1/topology", 200, "application/json", "{\"generation\":7,"},
      {"/api/v1/topology?pretty=1", 200, "application/json", "{\"generation\":7,"},
      {"/api/v1/traffic", 200, "application/json", "\"listeners\":[{\"name\":\"rw\""},
      {"/api/v1/failovers", 200, "application/json", "\"failovers\":[{\"number\":2"},
      {"/", 200, "text/html; charset=utf-8", "<!doctype html>"},
      {"/?x", 200, "text/html; charset=utf-8", "<!doctype html>"},
      {"/livez/", 404, "text/plain; charset=utf-8", "no such page"},
      {"/../etc/passwd", 404, "text/plain; charset=utf-8", "no such page"},
      {"/%2e", 404, "text/plain; charset=utf-8", "no such page"},
      {"*", 404, "text/plain; charset=utf-8", "no such page"},
  };
  served_admin admin;
  for (const auto& each : cases) {
    SCOPED_TRACE(each.target);
    const auto answer = get(admin, each.target);
    EXPECT_EQ(answer.result_int(), each.status);
    EXPECT_EQ(answer[http::field::content_type], each.content_type);
    EXPECT_THAT(answer.body(), HasSubstr(each.body));
    EXPECT_EQ(answer[http::field::cache_control], "no-store");
    EXPECT_EQ(answer["X-Content-Type-Options"], "nosniff");
    EXPECT_THAT(std::string(answer["Content-Security-Policy"]), StartsWith("default-src 'none'"));
  }
}

TEST(AdminServer, HeadAnswersWithTheSameHeaderAndNoBody) {
  served_admin admin;
  for (const char* target : {"/livez", "/readyz", "/metrics", "/api/v1/topology", "/api/v1/traffic",
                             "/api/v1/failovers", "/", "/nothing"}) {
    SCOPED_TRACE(target);
    raw_client client(admin.port());
    client.send_request("HEAD", target);
    client.send_request("GET", target);
    const auto head = client.receive(true);
    const auto whole = client.receive();  // would fail to parse if a body had been sent before it
    EXPECT_EQ(head.result(), whole.result());
    EXPECT_EQ(head[http::field::content_length], std::to_string(whole.body().size()));
    EXPECT_EQ(head[http::field::content_type], whole[http::field::content_type]);
  }
}

TEST(AdminServer, RefusesEveryOtherMethodAndNamesTheAllowedOnes) {
  served_admin admin;
  raw_client client(admin.port());
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "FROB"}) {
    SCOPED_TRACE(method);
    client.send_request(method, "/metrics");
    const auto answer = client.receive();
    EXPECT_EQ(answer.result_int(), 405U);
    EXPECT_EQ(answer[http::field::allow], "GET, HEAD");
    EXPECT_TRUE(answer.keep_alive());
  }
  EXPECT_EQ(admin.calls(), 0);
}

TEST(AdminServer, AllowsTheScriptAndStyleOfThePageByANonceOfEachAnswer) {
  served_admin admin;
  std::set<std::string> nonces;
  for (int i = 0; i < 3; ++i) {
    const auto answer = get(admin, "/");
    const std::string policy(answer["Content-Security-Policy"]);
    const auto at = policy.find("script-src 'nonce-");
    ASSERT_NE(at, std::string::npos);
    const std::string nonce = policy.substr(at + 18, 32);
    EXPECT_THAT(answer.body(), HasSubstr("<script nonce=\"" + nonce + "\">"));
    EXPECT_THAT(policy, HasSubstr("require-trusted-types-for 'script'"));
    EXPECT_THAT(policy, testing::Not(HasSubstr("unsafe")));
    nonces.insert(nonce);
  }
  EXPECT_EQ(nonces.size(), 3U);
}

TEST(AdminServer, ReadyzIsTheDocumentOfTheContract) {
  served_admin admin;
  EXPECT_EQ(get(admin, "/readyz").body(),
            R"({"ready":true,"draining":false,"listeners":[)"
            R"({"name":"rw","address":"0.0.0.0:5432","route":"primary","ready":true,"reason":""},)"
            R"({"name":"ro","address":"0.0.0.0:5433","route":"prefer-standby","ready":false,)"
            R"("reason":"no <standby> within max_replay_lag"}]})");
}

TEST(AdminServer, IsReadyWhileAnyListenerIsAndNothingDrains) {
  const struct {
    const char* name;
    bool rw;
    bool ro;
    bool is_draining;
    unsigned status;
  } cases[] = {{"both", true, true, false, 200},
               {"only a primary", true, false, false, 200},
               {"only a standby", false, true, false, 200},
               {"neither", false, false, false, 503},
               {"draining", true, true, true, 503},
               {"neither and draining", false, false, true, 503}};
  served_admin admin;
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    admin.change([&](sample_state& state) {
      state.listeners[0].is_ready = each.rw;
      state.listeners[1].is_ready = each.ro;
      state.is_draining = each.is_draining;
    });
    const auto answer = get(admin, "/readyz");
    EXPECT_EQ(answer.result_int(), each.status);
    EXPECT_THAT(answer.body(), StartsWith(each.status == 200 ? "{\"ready\":true" : "{\"ready\":false"));
    EXPECT_EQ(get(admin, "/livez").result_int(), 200U) << "alive is not ready";
  }
}

TEST(AdminServer, IsNotReadyWithoutListeners) {
  served_admin admin;
  admin.change([](sample_state& state) { state.listeners.clear(); });
  EXPECT_EQ(get(admin, "/readyz").result_int(), 503U);
}

TEST(AdminServer, ReportsAnAddressItCannotListenOn) {
  served_admin admin;
  boost::asio::io_context context;
  sample_state state;
  admin_server second(context, {{"127.0.0.1", admin.port()}}, provider_of(state));
  const auto bound = second.start();
  ASSERT_TRUE(bound.has_error());
  EXPECT_EQ(bound.error(), boost::system::errc::address_in_use);
}

TEST(AdminServer, ListensOnIpv6) {
  boost::asio::io_context context;
  sample_state state;
  admin_server server(context, {{"::1", 0}}, provider_of(state));
  const auto bound = server.start();
  server.serve();
  if (bound.has_error()) GTEST_SKIP() << "no IPv6 here: " << bound.error().message();
  EXPECT_EQ(bound->host, "::1");
  EXPECT_NE(bound->port, 0);
}

TEST(AdminServer, StopClosesEveryConnectionAndTakesNoNewOne) {
  served_admin admin;
  raw_client idle(admin.port());
  idle.send_request("GET", "/livez");
  EXPECT_EQ(idle.receive().result_int(), 200U);
  admin.stop();
  admin.stop();
  EXPECT_TRUE(idle.is_ended());
  EXPECT_THROW(raw_client late(admin.port()), boost::system::system_error);
}

}  // namespace
}  // namespace pgsteer::admin
