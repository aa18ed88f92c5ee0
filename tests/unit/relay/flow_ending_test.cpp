// Who ended a flow, and what is no fault any more.
#include "relay/flow_ending.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "pgsteer/net/socket.hpp"
#include "unit/relay/last_words.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay {
namespace {

using testing::close_notify;
using testing::hidden_terminate;
using testing::terminate;

struct ending_case {
  const char* name;
  bool is_readable;
  std::string client_said;
  net::peer_state client;  // when the end is noticed
  side noticed;
  bool has_failed;
  flow_end when_closed;
  flow_end when_client_failed;
  flow_end when_backend_failed;
};

TEST(FlowEnding, NamesWhoeverEndedFirstAndOrderly) {
  using enum flow_end;
  using enum net::peer_state;
  const std::string none;
  const ending_case cases[] = {
      {"a FIN of the client", true, none, present, side::client, false, client_closed, client_closed,
       client_closed},
      {"a FIN of the backend", true, none, present, side::backend, false, backend_closed, backend_closed,
       backend_closed},
      {"a reset by the client", true, none, present, side::client, true, client_closed, client_failed,
       backend_failed},
      {"a reset by the backend", true, none, present, side::backend, true, backend_closed, client_failed,
       backend_failed},
      {"Terminate, then the backend's FIN", true, terminate, present, side::backend, false, client_closed,
       client_closed, client_closed},
      {"Terminate, then the backend's reset", true, terminate, present, side::backend, true, client_closed,
       client_closed, client_closed},
      {"Terminate, then the client's reset", true, terminate, present, side::client, true, client_closed,
       client_closed, client_closed},
      {"a FIN that waits to be read does not end a readable session", true, none, ended, side::backend, true,
       backend_closed, client_failed, backend_failed},
      {"close_notify, then the backend's FIN", false, hidden_terminate + close_notify, present, side::backend,
       false, client_closed, client_closed, client_closed},
      {"close_notify, then the backend's reset", false, hidden_terminate + close_notify, present,
       side::backend, true, client_closed, client_closed, client_closed},
      {"close_notify in the clear is a message like any other", true, close_notify, present, side::backend,
       true, backend_closed, client_failed, backend_failed},
      {"Terminate where it is hidden, too", false, terminate, present, side::backend, true, backend_closed,
       client_failed, backend_failed},
      {"hidden, the client's FIN waits", false, none, ended, side::backend, true, client_closed,
       client_closed, client_closed},
      {"hidden, the client's reset waits", false, none, gone, side::backend, true, client_closed,
       client_failed, backend_failed},
      {"hidden, the client is there", false, none, present, side::backend, true, backend_closed,
       client_failed, backend_failed},
  };
  for (const ending_case& now : cases) {
    SCOPED_TRACE(now.name);
    flow_ending ending(now.is_readable);
    ending.from_client(as_bytes(now.client_said));
    EXPECT_FALSE(ending.has_begun());
    ending.note(now.noticed, now.has_failed, now.client);
    EXPECT_TRUE(ending.has_begun());
    ending.note(other(now.noticed), true, net::peer_state::gone);  // changes nothing
    EXPECT_EQ(ending.when_closed(), now.when_closed);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), now.when_client_failed);
    EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), now.when_backend_failed);
  }
}

// Under load both sides have ended before either end is read: the backend has answered Terminate, and the
// client's alert behind that lies unread. It is no answer as long as nobody has told the client of the
// backend's end.
TEST(FlowEnding, AGoodbyeThatIsReadBehindTheAnswerToItCounts) {
  for (const bool has_failed : {true, false}) {
    flow_ending ending(false);
    ending.from_client(as_bytes(hidden_terminate));
    ending.note(side::backend, has_failed, net::peer_state::present);
    ending.from_client(as_bytes(close_notify));
    ending.to_client(as_bytes(close_notify));
    ending.note_client_told();
    EXPECT_EQ(ending.when_closed(), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), flow_end::client_closed);
  }
  flow_ending told(false);
  told.from_client(as_bytes(hidden_terminate));
  told.note(side::backend, false, net::peer_state::present);
  told.note_client_told();
  told.from_client(as_bytes(close_notify));
  EXPECT_EQ(told.when_closed(), flow_end::backend_closed) << "it closes since the backend has gone";
}

// Likewise the backend's end, and its answer to a goodbye that only the client could have said.
TEST(FlowEnding, AnAnswerThatIsReadBehindTheBackendsEndCounts) {
  for (const bool has_failed : {true, false}) {
    flow_ending ending(false);
    ending.from_client(as_bytes(hidden_terminate));
    ending.note(side::backend, has_failed, net::peer_state::present);
    ending.to_client(as_bytes(close_notify));
    EXPECT_EQ(ending.when_closed(), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), flow_end::client_closed);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_closed);
  }
}

// A client that learns of the backend's end says goodbye, too.
TEST(FlowEnding, AGoodbyeBehindTheBackendsEndDoesNotCount) {
  flow_ending ending(false);
  ending.from_client(as_bytes("a query, encrypted"));
  ending.note(side::backend, true, net::peer_state::present);
  ending.to_client(as_bytes("FATAL, encrypted" + close_notify));
  ending.from_client(as_bytes(close_notify));
  EXPECT_EQ(ending.when_failed(side::backend, ECONNRESET), flow_end::backend_failed);
}

// Nobody answers: that is no echo of a goodbye.
TEST(FlowEnding, ATimeOutIsAFaultWhateverCameBefore) {
  flow_ending ending(true);
  ending.from_client(as_bytes(terminate));
  ending.note(side::client, false, net::peer_state::present);
  EXPECT_EQ(ending.when_failed(side::backend, ETIMEDOUT), flow_end::backend_failed);
  EXPECT_EQ(ending.when_failed(side::client, ETIMEDOUT), flow_end::client_failed);
  EXPECT_EQ(ending.when_failed(side::backend, EPIPE), flow_end::client_closed);
}

// Even behind an orderly end: that somebody else is to blame would hide it.
TEST(FlowEnding, MisuseOfADescriptorIsOurDefectWhateverCameBefore) {
  for (const int error : {EBADF, EFAULT, EINVAL, ENOTSOCK, EEXIST, ENOENT}) {
    flow_ending ending(true);
    EXPECT_EQ(ending.when_failed(side::client, error), flow_end::defect);
    EXPECT_EQ(ending.when_failed(side::backend, error), flow_end::defect);
    ending.from_client(as_bytes(terminate));
    ending.note(side::client, false, net::peer_state::present);
    EXPECT_EQ(ending.when_failed(side::backend, error), flow_end::defect);
  }
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
    flow_ending ending(now.is_readable);
    ending.from_client(as_bytes(now.client_said));
    ending.note_unseen(now.unseen);
    ending.note(side::backend, false, net::peer_state::present);
    EXPECT_EQ(ending.when_closed(), now.expected);
  }
}

TEST(FlowEnding, TellsThatTheClientIsReadyWhereTheBytesCanBeRead) {
  for (const bool is_readable : {true, false}) {
    flow_ending ending(is_readable);
    ending.to_client(as_bytes(testing::ready_for_query));
    EXPECT_EQ(ending.is_client_ready(), is_readable);
    ending.note_unseen(side::backend);
    EXPECT_FALSE(ending.is_client_ready());
    ending.to_client(as_bytes(testing::ready_for_query));
    EXPECT_EQ(ending.is_client_ready(), is_readable);
    ending.from_client(as_bytes("Q"));
    EXPECT_FALSE(ending.is_client_ready());
  }
}

// To look costs a system call.
TEST(FlowEnding, DependsOnTheClientOnlyWhereTheFirstEndIsTheBackendsAndNobodySaidGoodbye) {
  EXPECT_TRUE(flow_ending(false).depends_on_client(side::backend));
  EXPECT_FALSE(flow_ending(false).depends_on_client(side::client));
  EXPECT_FALSE(flow_ending(true).depends_on_client(side::backend));
  flow_ending told(false);
  told.from_client(as_bytes(hidden_terminate + close_notify));
  EXPECT_FALSE(told.depends_on_client(side::backend));
  flow_ending begun(false);
  begun.note(side::client, false, net::peer_state::present);
  EXPECT_FALSE(begun.depends_on_client(side::backend));
}

// A reset is told before the bytes that came ahead of it are read.
TEST(FlowEnding, AGoodbyeThatIsReadBehindTheResetCounts) {
  for (const bool is_readable : {true, false}) {
    flow_ending ending(is_readable);
    ending.note(side::client, true, net::peer_state::present);
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_failed);
    ending.from_client(as_bytes(is_readable ? terminate : hidden_terminate + close_notify));
    EXPECT_EQ(ending.when_failed(side::client, ECONNRESET), flow_end::client_closed);
  }
}

}  // namespace
}  // namespace pgsteer::relay
