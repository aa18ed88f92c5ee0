// A proxy that hands over, and one that takes over, before peers that end, or talk nonsense, at each step:
// whoever is left goes on with all that it had by then.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <future>
#include <thread>

#include "pgsteer/admin/control_server.hpp"
#include "pgsteer/admin/hand_over_client.hpp"
#include "pgsteer/succession/offer.hpp"
#include "pgsteer/succession/session_batch.hpp"
#include "support/eventually.hpp"
#include "support/fake_client.hpp"
#include "support/temporary_folder.hpp"
#include "support/test_proxy.hpp"

namespace pgsteer::test {
namespace {

using succession::parcel_socket;
using succession::word;

time_point in_time() {
  return clock::now() + patience;
}

void say(parcel_socket& to, const std::string& text) {
  EXPECT_TRUE(to.send(text, {}, {}, in_time()));
}
void say(parcel_socket& to, word::kind what, std::string why = {}) {
  say(to, succession::to_json(word{.what = what, .why = std::move(why)}));
}

class UpgradePeers : public ::testing::Test {
 protected:
  [[nodiscard]] std::string control() const { return folder_.path() + "/control.sock"; }

  const temporary_folder folder_;
  fake_cluster cluster_{1};
};

// A successor as a script has it.
class fake_successor {
 public:
  explicit fake_successor(const std::string& control)
      : peer_(std::move(admin::ask_for_hand_over(control).connected)) {}

  parcel_socket& peer() { return peer_; }
  void greet() {
    say(peer_, succession::to_json(succession::greeting{.version = "test", .pid = ::getpid()}));
  }
  void take_offer() {
    const auto said = peer_.receive(in_time());
    ASSERT_TRUE(said) << said.error().message();
    const auto offer = succession::read_offer(said->text, clock::now());
    ASSERT_TRUE(offer);
    for (std::size_t i = 0; i < offer->sockets; ++i) sockets_.push_back(peer_.receive(in_time()).value());
  }
  word hear() { return succession::read_word(peer_.receive(in_time()).value().text).value(); }
  succession::session_batch take_batch() {
    return std::move(succession::unpack(peer_.receive(in_time()).value(), clock::now()).value());
  }
  void become_heir() {
    greet();
    take_offer();
    say(peer_, word::kind::ready);
    EXPECT_EQ(hear().what, word::kind::go);
  }

 private:
  parcel_socket peer_;
  std::vector<succession::parcel> sockets_;
};

struct script {
  const char* name;
  std::function<void(fake_successor&)> play;
};
void PrintTo(const script& which, std::ostream* out) {
  *out << which.name;
}

class Predecessor : public UpgradePeers, public ::testing::WithParamInterface<script> {};

TEST_P(Predecessor, GoesOnAsBefore) {
  test_proxy proxy(cluster_.endpoints(),
                   [this](config::config& options) { options.control.socket = control(); });
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  std::vector<std::unique_ptr<fake_client>> sessions;
  for (int i = 0; i < 40; ++i) {
    sessions.push_back(std::make_unique<fake_client>(proxy.rw()));
    ASSERT_TRUE(sessions.back()->startup().is_logged_in);
  }
  ASSERT_EQ(sessions[0]->query("begin").status, 'T');
  {
    fake_successor successor(control());
    GetParam().play(successor);
  }
  for (const auto& session : sessions) EXPECT_EQ(session->query("whoami").value(), "primary");
  EXPECT_EQ(sessions[0]->query("commit").status, 'I');
  EXPECT_EQ(who_answers(proxy.rw()), "primary");
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_sessions", rw_label, 40));
  EXPECT_EQ(proxy.admin_get("/livez").status, 200);
  // Nor is anything left that stands in the way of the next one.
  ASSERT_TRUE(eventually(patience, [this] {
    fake_successor next(control());
    return next.peer().send(succession::to_json(succession::greeting{.version = "test", .pid = 1}), {}, {},
                            in_time()) &&
           next.peer().receive(in_time()).has_value();
  }));
}

const std::vector<script> successors{
    {"EndsAtOnce", [](fake_successor&) {}},
    {"SpeaksHttp", [](fake_successor& of) { say(of.peer(), "GET / HTTP/1.1"); }},
    {"SpeaksAnotherFormat",
     [](fake_successor& of) {
       say(of.peer(), succession::to_json(succession::greeting{.format = 99, .version = "test", .pid = 1}));
       EXPECT_EQ(of.hear().what, word::kind::refused);
     }},
    {"EndsBeforeTheOffer", [](fake_successor& of) { of.greet(); }},
    {"EndsBehindTheOffer",
     [](fake_successor& of) {
       of.greet();
       of.take_offer();
     }},
    {"Refuses",
     [](fake_successor& of) {
       of.greet();
       of.take_offer();
       say(of.peer(), word::kind::refused, "its configuration is no good");
     }},
    {"SaysNonsenseInsteadOfReady",
     [](fake_successor& of) {
       of.greet();
       of.take_offer();
       say(of.peer(), "{}");
       EXPECT_EQ(of.hear().what, word::kind::refused);
     }},
    {"EndsWhenItIsReady",
     [](fake_successor& of) {
       of.greet();
       of.take_offer();
       say(of.peer(), word::kind::ready);
     }},
    {"EndsBeforeAnySession", [](fake_successor& of) { of.become_heir(); }},
    {"EndsWithABatchInItsHands",
     [](fake_successor& of) {
       of.become_heir();
       EXPECT_FALSE(of.take_batch().sessions.empty());
     }},
    {"OwnsABatchThatThereIsNot",
     [](fake_successor& of) {
       of.become_heir();
       (void)of.take_batch();
       say(of.peer(), succession::to_json(word{.what = word::kind::owned, .batch = 77}));
       EXPECT_EQ(of.hear().what, word::kind::refused);
     }},
    // Nobody else's word ends its hold on them, only the time in which it should have answered.
    {"IsSilentWithABatchInItsHands",
     [](fake_successor& of) {
       of.become_heir();
       const auto held = of.take_batch();
       EXPECT_EQ(of.hear().what, word::kind::refused);
       const word late{.what = word::kind::owned, .batch = held.number};
       EXPECT_FALSE(of.peer().send(succession::to_json(late), {}, {}, in_time())) << "it comes too late";
     }},
};
INSTANTIATE_TEST_SUITE_P(Successors, Predecessor, ::testing::ValuesIn(successors),
                         [](const auto& which) { return std::string(which.param.name); });

// A predecessor as a script has it, at a control socket of its own.
class fake_predecessor {
 public:
  using script = std::function<void(parcel_socket&)>;

  fake_predecessor(const std::string& control, script play) : play_(std::move(play)) {
    admin::control_provider provider;
    provider.why_no_hand_over = [] { return std::string(); };
    provider.hand_over = [this](net::unique_fd connected) {
      server_->stop();
      playing_ = std::thread([this, peer = parcel_socket(std::move(connected))]() mutable {
        EXPECT_TRUE(peer.receive(in_time())) << "the greeting";
        play_(peer);
      });
    };
    server_.emplace(context_, admin::control_options{control}, std::move(provider));
    EXPECT_EQ(server_->start(), "");
    server_->serve();
    thread_ = std::thread([this] { context_.run(); });
  }
  ~fake_predecessor() {
    boost::asio::post(context_, [this] { server_.reset(); });
    work_.reset();
    thread_.join();
    if (playing_.joinable()) playing_.join();
  }

 private:
  const script play_;
  boost::asio::io_context context_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{context_.get_executor()};
  std::optional<admin::control_server> server_;
  std::thread thread_;
  std::thread playing_;
};

class Successor : public UpgradePeers {
 protected:
  void SetUp() override {
    auto listening = net::listen(context_, {"127.0.0.1", 0});
    ASSERT_TRUE(listening);
    address_ = net::to_endpoint(listening->local_endpoint());
    listening_.emplace(std::move(*listening));
  }
  // Its rw listener has the address of the socket that is handed over.
  test_proxy::adjustment at_that_address() {
    return [this](config::config& options) { options.runtime.listeners.front().bind = address_; };
  }
  void offer(parcel_socket& to) {
    succession::offer said;
    said.from = {.version = "test", .pid = ::getpid()};
    said.sockets = 1;
    say(to, succession::to_json(said, clock::now()));
    const int fd = listening_->native_handle();
    EXPECT_TRUE(to.send(succession::to_json(succession::socket_offer{"rw", to_string(address_)}), {},
                        {&fd, 1}, in_time()));
    listening_.reset();
  }
  static void hear(parcel_socket& from, word::kind what) {
    const auto said = from.receive(in_time());
    ASSERT_TRUE(said) << said.error().message();
    EXPECT_EQ(succession::read_word(said->text).value().what, what);
  }

  boost::asio::io_context context_;
  endpoint address_;
  std::optional<net::listening_socket> listening_;
};

// Logged in at a backend, by hand.
net::unique_fd log_in_at(const endpoint& backend) {
  const auto address = net::to_address(backend).value();
  net::unique_fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  EXPECT_EQ(::connect(fd.value(), address.data(), static_cast<socklen_t>(address.size())), 0);
  const std::string hello = app_startup_message();
  EXPECT_EQ(::send(fd.value(), hello.data(), hello.size(), 0), static_cast<ssize_t>(hello.size()));
  std::string got;
  for (char byte = 0; !got.ends_with(std::string("Z\0\0\0\5I", 6)) && ::recv(fd.value(), &byte, 1, 0) == 1;)
    got += byte;
  return fd;
}

TEST_F(Successor, StartsAsUsualBehindOneThatEndsWithoutAnOffer) {
  listening_.reset();
  fake_predecessor predecessor(control(), [](parcel_socket&) {});
  test_proxy proxy(cluster_.endpoints(), at_that_address(), control());
  ASSERT_TRUE(proxy.wait_for_backends(1, 1));
  EXPECT_EQ(who_answers(address_), "primary");
}

// It ends before the other one is ready: whoever waits in the queue of its socket is served.
TEST_F(Successor, IsTheOnlyOneOnceThePredecessorHasEnded) {
  fake_client waiting(address_);
  waiting.send(app_startup_message());
  fake_predecessor predecessor(control(), [this](parcel_socket& peer) { offer(peer); });
  test_proxy proxy(cluster_.endpoints(), at_that_address(), control());
  EXPECT_TRUE(waiting.read_login().is_logged_in);
  EXPECT_EQ(who_answers(address_), "primary");
}

// Nobody reads that it owns the batch, and so nobody else has it.
TEST_F(Successor, OwnsABatchOfAPredecessorThatHasEnded) {
  fake_client client(address_);
  session::carried_session carried;
  carried.client.reset(
      ::accept4(listening_->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  while (!carried.client.is_open())
    carried.client.reset(
        ::accept4(listening_->native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  carried.backend_socket = log_in_at(cluster_.primary().address());
  carried.listener = "rw";
  carried.client_address = net::to_client(endpoint{"127.0.0.1", 4711}).value();
  carried.backend_address = cluster_.primary().address();
  carried.accepted_at = carried.logged_in_at = clock::now();
  carried.flow.past.memory.is_readable = true;
  const std::string greeting = wire::ready_for_query('I');
  carried.flow.stuck[1].assign(greeting.begin(), greeting.end());
  fake_predecessor predecessor(control(), [&](parcel_socket& peer) {
    offer(peer);
    hear(peer, word::kind::ready);
    say(peer, word::kind::go);
    std::vector<session::carried_session> batch;
    batch.push_back(std::move(carried));
    const auto packed = succession::pack(1, batch, clock::now());
    EXPECT_TRUE(peer.send(packed.text, packed.bytes, packed.descriptors, in_time()));
  });
  test_proxy proxy(cluster_.endpoints(), at_that_address(), control());
  EXPECT_EQ(client.read_exactly(greeting.size()).bytes, greeting) << "what was stuck";
  EXPECT_EQ(client.query("whoami").value(), "primary");
  EXPECT_TRUE(proxy.wait_for_metric("pgsteer_sessions", rw_label, 1));
}

// Its answer to "ready" is a change of mind, as of one that was told to stop meanwhile.
TEST_F(Successor, LeavesWhenItIsRefused) {
  std::promise<void> is_left;
  fake_predecessor predecessor(control(), [&](parcel_socket& peer) {
    offer(peer);
    hear(peer, word::kind::ready);
    say(peer, word::kind::refused, "pgsteer is stopping");
    is_left.get_future().wait();
  });
  test_proxy proxy(cluster_.endpoints(), at_that_address(), control());
  EXPECT_EQ(proxy.wait_for_exit(), 1);
  is_left.set_value();
}

// It drains what it was given by then, and leaves the socket, and who waits there, to the other one.
TEST_F(Successor, DrainsWhatItHasWhenThePredecessorGoesOn) {
  std::promise<void> is_left;
  const endpoint address = address_;
  net::unique_fd kept(::dup(listening_->native_handle()));
  fake_predecessor predecessor(control(), [&](parcel_socket& peer) {
    offer(peer);
    hear(peer, word::kind::ready);
    say(peer, word::kind::go);
    EXPECT_EQ(who_answers(address), "primary") << "it accepts";
    say(peer, word::kind::refused, "no answer in time");
    is_left.get_future().wait();
  });
  test_proxy proxy(cluster_.endpoints(), at_that_address(), control());
  EXPECT_EQ(proxy.wait_for_exit(), 1);
  EXPECT_TRUE(fake_client(address).is_open()) << "the socket still takes handshakes";
  is_left.set_value();
}

}  // namespace
}  // namespace pgsteer::test
