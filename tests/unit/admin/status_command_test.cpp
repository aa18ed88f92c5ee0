#include "pgsteer/admin/status_command.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>

#include "admin/admin_client.hpp"
#include "unit/admin/served_admin.hpp"

namespace pgsteer::admin {
namespace {

using boost::asio::ip::tcp;
using testing::HasSubstr;
using testing::StartsWith;

struct ran {
  int exit_code = -1;
  std::string out;
  std::string err;
};

ran run(const std::string& url) {
  std::ostringstream out;
  std::ostringstream err;
  const int exit_code = run_status(url, out, err);
  return {exit_code, out.str(), err.str()};
}

std::string url_of(std::uint16_t port) {
  return "http://127.0.0.1:" + std::to_string(port);
}

// A listener that gives every connection the same bytes and ends it, or is silent if there are none.
class impostor {
 public:
  explicit impostor(std::string says) {
    if (says.empty()) return;  // connections wait in the backlog
    thread_ = std::thread([this, says = std::move(says)] {
      error_code ec;
      tcp::socket peer(context_);
      acceptor_.accept(peer, ec);
      if (!ec) boost::asio::write(peer, boost::asio::buffer(says), ec);
      std::array<char, 1024> rest;
      while (!ec) peer.read_some(boost::asio::buffer(rest), ec);
    });
  }
  ~impostor() {
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

 private:
  boost::asio::io_context context_;
  tcp::acceptor acceptor_{context_, {boost::asio::ip::address_v4::loopback(), 0}};
  std::thread thread_;
};

TEST(StatusCommand, ExitsWithWhetherEveryListenerIsReady) {
  const struct {
    const char* name;
    bool ro;
    bool is_draining;
    int exit_code;
  } cases[] = {
      {"all ready", true, false, 0}, {"one not ready", false, false, 1}, {"draining", true, true, 1}};
  served_admin admin;
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    admin.change([&](sample_state& state) {
      state.listeners[1].is_ready = each.ro;
      state.is_draining = each.is_draining;
    });
    const ran status = run(url_of(admin.port()) + "/");
    EXPECT_EQ(status.exit_code, each.exit_code);
    EXPECT_THAT(status.out, HasSubstr("primary:           10.0.0.2:5432\n"));
    EXPECT_EQ(status.err, "");
  }
}

TEST(StatusCommand, SaysInOneLineWhyItCouldNotAsk) {
  const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";
  const std::string not_pgsteer = "it is not pgsteer's admin address";
  const struct {
    const char* name;
    std::string answer;
    std::string err;
  } cases[] = {
      {"another web page", ok + "hi" + ok + "hi", not_pgsteer},
      {"other JSON", ok + "{}" + ok + "{}", not_pgsteer},
      {"not found", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n" + ok + "{}", not_pgsteer},
      {"another protocol", "SSH-2.0-OpenSSH_9.2p1\r\n\r\n", not_pgsteer},
      {"an endless body", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\nx", not_pgsteer},
  };
  for (const auto& each : cases) {
    SCOPED_TRACE(each.name);
    impostor other(each.answer);
    const ran status = run(url_of(other.port()));
    EXPECT_EQ(status.exit_code, 3);
    EXPECT_THAT(status.err, StartsWith("pgsteer status: http://127.0.0.1:"));
    EXPECT_THAT(status.err, HasSubstr(each.err));
    EXPECT_EQ(std::count(status.err.begin(), status.err.end(), '\n'), 1);
    EXPECT_EQ(status.out, "");
  }
}

TEST(StatusCommand, SaysThatNobodyListens) {
  std::uint16_t port = 0;
  {
    impostor gone("");
    port = gone.port();
  }
  const ran status = run(url_of(port));
  EXPECT_EQ(status.exit_code, 3);
  EXPECT_EQ(status.err,
            "pgsteer status: " + url_of(port) + ": connection refused; is pgsteer running there?\n");
}

TEST(StatusCommand, RefusesWhatIsNoUrl) {
  for (const char* url :
       {"", "127.0.0.1:9464", "https://127.0.0.1:9464", "http://", "http://:9464", "http://a:b", "http://a:0",
        "http://a:99999", "http://a:1/metrics", "http://u@a:1", "http://a:1?x", "\x1b[2J"}) {
    SCOPED_TRACE(url);
    const ran status = run(url);
    EXPECT_EQ(status.exit_code, 3);
    EXPECT_THAT(status.err, HasSubstr("not a URL of the form http://host:port\n"));
    EXPECT_EQ(status.err.find('\x1b'), std::string::npos);
  }
}

TEST(AdminClient, ReadsUrls) {
  const struct {
    const char* url;
    endpoint where;
  } cases[] = {{"http://127.0.0.1:9464", {"127.0.0.1", 9464}},
               {"http://127.0.0.1:9464/", {"127.0.0.1", 9464}},
               {"http://pgsteer.db.svc", {"pgsteer.db.svc", 80}},
               {"http://[::1]:9464", {"::1", 9464}}};
  for (const auto& each : cases) {
    SCOPED_TRACE(each.url);
    const auto where = parse_admin_url(each.url);
    ASSERT_TRUE(where.has_value());
    EXPECT_EQ(*where, each.where);
  }
}

TEST(AdminClient, GivesUpOnASilentPeer) {
  impostor silent("");
  constexpr milliseconds timeout{100};
  const auto start = clock::now();
  const auto answers = ask(endpoint{"127.0.0.1", silent.port()}, {{"/livez"}}, timeout);
  ASSERT_TRUE(answers.has_error());
  EXPECT_EQ(answers.error(), boost::asio::error::timed_out);
  EXPECT_GE(clock::now() - start, timeout);
}

}  // namespace
}  // namespace pgsteer::admin
