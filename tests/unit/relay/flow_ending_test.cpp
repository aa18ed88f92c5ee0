// Who ended a flow, and what is no fault any more.
#include "relay/flow_ending.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "pgsteer/net/socket.hpp"
#include "support/eventually.hpp"
#include "unit/relay/last_words.hpp"
#include "unit/relay/ready_for_query.hpp"
#include "unit/relay/socket_pair.hpp"

namespace pgsteer::relay {
namespace {

using testing::close_notify;
using testing::hidden_terminate;
using testing::socket_pair;
using testing::terminate;

struct ending_case {
  const char* name;
  bool is_readable;
  std::string client_said;
  void (*client_does)(net::unique_fd& fd);  // before the end is noticed
  side noticed;
  bool has_failed;
  flow_end when_closed;
  flow_end when_client_failed;
  flow_end when_backend_failed;
};

void stays(net::unique_fd& fd) {
  (void)fd;
}
void ends(net::unique_fd& fd) {
  testing::shut_down_writing(fd);
}
void ends_behind_bytes(net::unique_fd& fd) {
  testing::send_some(fd, "unread");
  testing::shut_down_writing(fd);
}

TEST(FlowEnding, NamesWhoeverEndedFirstAndOrderly) {
  using enum flow_end;
  const std::string none;
  const ending_case cases[] = {
      {"a FIN of the client", true, none, stays, side::client, false, client_closed, client_closed,
       client_closed},
      {"a FIN of the backend", true, none, stays, side::backend, false, backend_closed, backend_closed,
       backend_closed},
      {"a reset by the client", true, none, stays, side::client, true, client_closed, client_failed,
       backend_failed},
      {"a reset by the backend", true, none, stays, side::backend, true, backend_closed, client_failed,
       backend_failed},
      {"Terminate, then the backend's FIN", true, terminate, stays, side::backend, false, client_closed,
       client_closed, client_closed},
      {"Terminate, then the backend's reset", true, terminate, stays, side::backend, true, client_closed,
       client_closed, client_closed},
      {"Terminate, then the client's reset", true, terminate, stays, side::client, true, client_closed,
       client_closed, client_closed},
      {"a FIN that waits to be read does not end a readable session", true, none, ends, side::backend, true,
       backend_closed, client_failed, backend_failed},
      {"close_notify, then the backend's FIN", false, hidden_terminate + close_notify, stays, side::backend,
       false, client_closed, client_closed, client_closed},
      {"close_notify, then the backend's reset", false, hidden_terminate + close_notify, stays, side::backend,
       true, client_closed, client_closed, client_closed},
      {"close_notify in the clear is a message like any other", true, close_notify, stays, side::backend,
       true, backend_closed, client_failed, backend_failed},
      {"Terminate where it is hidden, too", false, terminate, stays, side::backend, true, backend_closed,
       client_failed, backend_failed},
      {"hidden, the client's FIN waits", false, none, ends, side::backend, true, client_closed, client_closed,
       client_closed},
      {"hidden, the client's FIN waits behind bytes", false, none, ends_behind_bytes, side::backend, false,
       client_closed, client_closed, client_closed},
      {"hidden, the client's reset waits", false, none, testing::reset, side::backend, true, client_closed,
       client_failed, backend_failed},
      {"hidden, the client is there", false, none, stays, side::backend, true, backend_closed, client_failed,
       backend_failed},
  };
  for (const ending_case& now : cases) {
    SCOPED_TRACE(now.name);
    socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
    flow_ending ending(now.is_readable, client.ours.value());
    ending.from_client(as_bytes(now.client_said));
    now.client_does(client.theirs);
    EXPECT_FALSE(ending.has_begun());
    ending.note(now.noticed, now.has_failed);
    EXPECT_TRUE(ending.has_begun());
    ending.note(other(now.noticed), true);  // changes nothing
    EXPECT_EQ(ending.when_closed(), now.when_closed);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), now.when_client_failed);
    EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), now.when_backend_failed);
  }
}

// Likewise the backend's end, and its answer to a goodbye that only the client could have said.
TEST(FlowEnding, AnAnswerThatIsReadBehindTheBackendsEndCounts) {
  for (const bool has_failed : {true, false}) {
    socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
    flow_ending ending(false, client.ours.value());
    ending.from_client(as_bytes(hidden_terminate));
    ending.note(side::backend, has_failed);
    ending.to_client(as_bytes(close_notify));
    EXPECT_EQ(ending.when_closed(), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_closed);
  }
}

// A client that learns of the backend's end says goodbye, too.
TEST(FlowEnding, AGoodbyeBehindTheBackendsEndDoesNotCount) {
  socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
  flow_ending ending(false, client.ours.value());
  ending.from_client(as_bytes("a query, encrypted"));
  ending.note(side::backend, true);
  ending.to_client(as_bytes("FATAL, encrypted" + close_notify));
  ending.from_client(as_bytes(close_notify));
  EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), flow_end::backend_failed);
}

// Nobody answers: that is no echo of a goodbye.
TEST(FlowEnding, ATimeOutIsAFaultWhateverCameBefore) {
  socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
  flow_ending ending(true, client.ours.value());
  ending.from_client(as_bytes(terminate));
  ending.note(side::client, false);
  EXPECT_EQ(ending.when_failed(side::backend, ETIMEDOUT), flow_end::backend_failed);
  EXPECT_EQ(ending.when_failed(side::client, ETIMEDOUT), flow_end::client_failed);
  EXPECT_EQ(ending.when_failed(side::backend, EPIPE), flow_end::client_closed);
}

TEST(FlowEnding, BytesThatNobodySawAreNoGoodbyeAndLeaveNothingToBeTold) {
  struct unseen_case {
    const char* name;
    bool is_readable;
    std::string client_said;
    side unseen;
    flow_end expected;
  };
  const unseen_case cases[] = {
      {"the client went on behind Terminate", true, terminate, side::client, flow_end::backend_closed},
      {"the backend still answered", true, terminate, side::backend, flow_end::client_closed},
      {"the client went on behind close_notify", false, hidden_terminate + close_notify, side::client,
       flow_end::backend_closed},
      {"the backend still answered, encrypted", false, hidden_terminate + close_notify, side::backend,
       flow_end::client_closed},
  };
  for (const unseen_case& now : cases) {
    SCOPED_TRACE(now.name);
    socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
    flow_ending ending(now.is_readable, client.ours.value());
    ending.from_client(as_bytes(now.client_said));
    ending.unseen(now.unseen);
    ending.note(side::backend, false);
    EXPECT_EQ(ending.when_closed(), now.expected);
  }
}

TEST(FlowEnding, TellsIdleWhereTheBytesCanBeReadAndNothingWaits) {
  for (const bool is_readable : {true, false}) {
    socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
    socket_pair backend = testing::make_pair_of(testing::socket_kind::tcp);
    flow_ending ending(is_readable, client.ours.value());
    const auto is_idle = [&] { return ending.is_idle_outside_transaction(backend.ours.value()); };
    ending.to_client(as_bytes(testing::ready_for_query));
    EXPECT_EQ(is_idle(), is_readable);
    ending.unseen(side::backend);
    EXPECT_FALSE(is_idle());
    ending.to_client(as_bytes(testing::ready_for_query));
    for (socket_pair* pair : {&client, &backend}) {
      EXPECT_EQ(is_idle(), is_readable);
      testing::send_some(pair->theirs, "more");
      ASSERT_TRUE(test::eventually(
          test::patience, [&] { return net::peek(pair->ours.value()) == net::pending_input::bytes; }));
      EXPECT_FALSE(is_idle());
      EXPECT_EQ(testing::read_available(pair->ours), "more");
    }
  }
}

// A reset is told before the bytes that came ahead of it are read.
TEST(FlowEnding, AGoodbyeThatIsReadBehindTheResetCounts) {
  for (const bool is_readable : {true, false}) {
    socket_pair client = testing::make_pair_of(testing::socket_kind::tcp);
    flow_ending ending(is_readable, client.ours.value());
    ending.note(side::client, true);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_failed);
    ending.from_client(as_bytes(is_readable ? terminate : hidden_terminate + close_notify));
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_closed);
  }
}

}  // namespace
}  // namespace pgsteer::relay
