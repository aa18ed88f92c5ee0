// What peers can do to the connection itself: pipelining, bodies, garbage, slowness, crowds.
#include "admin/http_session.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <thread>

#include "support/eventually.hpp"
#include "unit/admin/served_admin.hpp"

namespace pgsteer::admin {
namespace {

TEST(HttpSession, KeepsTheConnectionForTheNextRequest) {
  served_admin admin;
  raw_client client(admin.port());
  for (int i = 0; i < 3; ++i) {
    client.send_request("GET", "/livez");
    EXPECT_EQ(client.receive().body(), "ok\n");
  }
}

TEST(HttpSession, ClosesWhenAskedTo) {
  const struct {
    const char* name;
    const char* request;
  } cases[] = {{"Connection: close", "GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"},
               {"HTTP/1.0", "GET /livez HTTP/1.0\r\n\r\n"}};
  served_admin admin;
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    raw_client client(admin.port());
    client.send(each.request);
    EXPECT_EQ(client.receive().body(), "ok\n");
    EXPECT_TRUE(client.is_ended());
  }
}

TEST(HttpSession, AnswersPipelinedRequestsInOrder) {
  served_admin admin;
  raw_client client(admin.port());
  std::string requests;
  for (int i = 0; i < 50; ++i) {
    for (const char* target : {"/livez", "/metrics", "/nothing"}) {
      requests += "GET " + std::string(target) + " HTTP/1.1\r\nHost: x\r\n\r\n";
    }
  }
  client.send(requests);
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(client.receive().body(), "ok\n");
    ASSERT_EQ(client.receive().body(), "# TYPE pgsteer_sessions gauge\npgsteer_sessions 3\n");
    ASSERT_EQ(client.receive().result_int(), 404U);
  }
  EXPECT_EQ(admin.calls(), 50);
}

TEST(HttpSession, ReadsARequestCutAtEveryByte) {
  const std::string request = "GET /livez HTTP/1.1\r\nHost: x\r\nAccept: */*\r\n\r\n";
  served_admin admin;
  raw_client client(admin.port());
  for (std::size_t cut = 1; cut < request.size(); ++cut) {
    SCOPED_TRACE(cut);
    client.send(request.substr(0, cut));
    admin.on_thread([] {});  // lets the server take the first part by itself, most of the time
    client.send(request.substr(cut));
    ASSERT_EQ(client.receive().body(), "ok\n");
  }
}

TEST(HttpSession, RefusesWhatIsNoRequestAndCloses) {
  const struct {
    const char* name;
    std::string bytes;
    unsigned status;
  } cases[] = {
      {"garbage", "\x16\x03\x01\x02\x01 \xff\xff\r\n\r\n", 400},
      {"a startup packet", std::string("\0\0\0\x08\x04\xd2\x16\x2f\r\n\r\n", 12), 400},
      {"HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"no version", "GET /livez\r\n\r\n", 400},
      {"a bad field", "GET /livez HTTP/1.1\r\nHost: x\r\nbad field\r\n\r\n", 400},
      {"two lengths", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400},
      {"no Host", "GET /livez HTTP/1.1\r\n\r\n", 400},
      {"two Hosts", "GET /livez HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
      {"a body", "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello", 413},
      {"a chunked body", "GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 413},
      {"a huge body", "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\nab", 413},
      {"a huge field", "GET / HTTP/1.1\r\nHost: x\r\nA: " + std::string(9'000, 'a') + "\r\n\r\n", 431},
      {"a huge target", "GET /" + std::string(9'000, 'a') + " HTTP/1.1\r\nHost: x\r\n\r\n", 431},
      {"a header without end", "GET / HTTP/1.1\r\n" + std::string(100'000, 'a'), 431},
      {"many fields",
       [] {
         std::string request = "GET / HTTP/1.1\r\nHost: x\r\n";
         for (int i = 0; i < 2'000; ++i) request += "a: b\r\n";
         return request + "\r\n";
       }(),
       431},
  };
  served_admin admin;
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    raw_client client(admin.port());
    client.send(each.bytes);
    const auto answer = client.receive();
    EXPECT_EQ(answer.result_int(), each.status);
    EXPECT_FALSE(answer.keep_alive());
    EXPECT_TRUE(client.is_ended());
  }
}

// The body of a refused POST must not be taken for the next request.
TEST(HttpSession, ClosesAfterAMethodWithABody) {
  served_admin admin;
  raw_client client(admin.port());
  const std::string smuggled = "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n";
  client.send_request("POST", "/livez", "Content-Length: " + std::to_string(smuggled.size()) + "\r\n");
  client.send(smuggled);
  EXPECT_EQ(client.receive().result_int(), 405U);
  EXPECT_TRUE(client.is_ended());
  EXPECT_EQ(admin.calls(), 0);
}

// Where bodies are of use the next request follows it, however it was cut.
TEST(HttpSession, ReadsABodyWithinItsLimit) {
  served_admin admin({.body_bytes_max = 100});
  raw_client client(admin.port());
  const std::string header = "POST /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n";
  const std::string body(100, 'b');
  client.send(header + body);
  EXPECT_EQ(client.receive().result_int(), 405U);
  client.send(header + body.substr(0, 1));
  client.send(body.substr(1));
  EXPECT_EQ(client.receive().result_int(), 405U);
  client.send_request("GET", "/livez");
  EXPECT_EQ(client.receive().body(), "ok\n");
  client.send_request("POST", "/livez", "Content-Length: 101\r\n");
  EXPECT_EQ(client.receive().result_int(), 413U);
  EXPECT_TRUE(client.is_ended());
}

TEST(HttpSession, TakesAHeaderJustBelowTheLimit) {
  served_admin admin;
  raw_client client(admin.port());
  client.send_request("GET", "/livez", "A: " + std::string(8'000, 'a') + "\r\n");
  EXPECT_EQ(client.receive().body(), "ok\n");
}

TEST(HttpSession, ClosesASilentOrSlowPeerAtTheDeadline) {
  constexpr milliseconds deadline{100};
  const struct {
    const char* name;
    const char* sent;
  } cases[] = {{"nothing sent", ""}, {"half a header", "GET /livez HTTP/1.1\r\nHost: x\r\n"}};
  served_admin admin({.request_deadline = deadline});
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    const auto start = clock::now();
    raw_client client(admin.port());
    client.send(each.sent);
    EXPECT_TRUE(client.is_ended());
    EXPECT_GE(clock::now() - start, deadline);
  }
}

// A header fed byte by byte must not push the deadline on with every byte.
TEST(HttpSession, TheDeadlineHoldsForTheWholeRequest) {
  constexpr milliseconds deadline{100};
  constexpr int bytes = 6'000;  // a header that takes patience to send, and is below header_bytes_max
  served_admin admin({.request_deadline = deadline});
  raw_client client(admin.port());
  const auto start = clock::now();
  bool is_open = client.send("GET /livez HTTP/1.1\r\nA: ");
  for (int i = 0; is_open && i < bytes; ++i) {
    std::this_thread::sleep_for(test::patience / bytes);
    is_open = client.send("a");
  }
  EXPECT_FALSE(is_open) << "the server still reads";
  EXPECT_GE(clock::now() - start, deadline);
}

TEST(HttpSession, TurnsAwayConnectionsAboveTheLimitUntilOneEnds) {
  constexpr std::size_t connections_max = 3;
  served_admin admin({.connections_max = connections_max});
  std::deque<raw_client> inside;
  for (std::size_t i = 0; i < connections_max; ++i) {
    inside.emplace_back(admin.port()).send_request("GET", "/livez");
    ASSERT_EQ(inside.back().receive().result_int(), 200U);
  }
  raw_client outside(admin.port());
  const auto refused = outside.receive();
  EXPECT_EQ(refused.result_int(), 503U);
  EXPECT_EQ(refused.body(), "too many connections\n");
  EXPECT_TRUE(outside.is_ended());

  inside.front().send_request("GET", "/livez", "Connection: close\r\n");
  EXPECT_EQ(inside.front().receive().result_int(), 200U);
  EXPECT_TRUE(inside.front().is_ended());
  inside.pop_front();
  // The place is free once the server has seen our end of the connection too.
  EXPECT_TRUE(test::eventually(test::patience, [&] {
    raw_client next(admin.port());
    next.send_request("GET", "/livez");
    return next.receive().result_int() == 200U;
  }));
}

TEST(HttpSession, SurvivesAPeerThatLeavesAtOnce) {
  served_admin admin;
  for (int i = 0; i < 200; ++i) raw_client(admin.port()).send_request("GET", "/");
  raw_client client(admin.port());
  unsigned status = 0;
  client.send_request("GET", "/livez");
  status = client.receive().result_int();
  EXPECT_TRUE(status == 200U || status == 503U) << status;
}

}  // namespace
}  // namespace pgsteer::admin
