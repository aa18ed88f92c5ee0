#include "relay/ready_tail.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/relay/goodbye.hpp"
#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay {
namespace {

using namespace std::string_literals;
using testing::close_notify;
using testing::ready_for_query;
using testing::terminate;

struct ready_case {
  const char* name;
  std::vector<std::string> events;  // "<" + bytes to the client, ">" + bytes from it
  bool expected;
};

TEST(ReadyTail, TellsIdleFromTheLastSixBytes) {
  const ready_case cases[] = {
      {"nothing yet", {}, false},
      {"alone", {"<" + ready_for_query}, true},
      {"behind other messages", {"<C\0\0\0\x0dSELECT 1\0"s + ready_for_query}, true},
      {"in a transaction", {"<Z\0\0\0\5T"s}, false},
      {"in a failed transaction", {"<Z\0\0\0\5E"s}, false},
      {"something behind it", {"<" + ready_for_query + "A"}, false},
      {"something behind it in the next chunk", {"<" + ready_for_query, "<N"}, false},
      {"the client spoke", {"<" + ready_for_query, ">Q"}, false},
      {"the client spoke and was answered", {"<" + ready_for_query, ">Q", "<" + ready_for_query}, true},
      {"answered but for the last byte", {"<" + ready_for_query, ">Q", "<Z\0\0\0\5"s}, false},
      {"only the last byte since the client spoke", {"<Z\0\0\0\5"s, ">Q", "<I"}, false},
      {"too short", {"<\0\0\0\5I"s}, false},
      {"an empty chunk changes nothing", {"<" + ready_for_query, "<"}, true},
  };
  for (const ready_case& now : cases) {
    SCOPED_TRACE(now.name);
    ready_tail tail;
    for (const std::string& event : now.events) {
      if (event[0] == '<') {
        tail.to_client(as_bytes(std::string_view(event).substr(1)));
      } else {
        tail.from_client(as_bytes(std::string_view(event).substr(1)));
      }
    }
    EXPECT_EQ(tail.is_ready(), now.expected);
  }
}

TEST(ReadyTail, KnowsThatTheClientSaidGoodbye) {
  ready_tail tail;
  EXPECT_FALSE(tail.has_said_goodbye());
  tail.from_client(as_bytes("query" + terminate));
  EXPECT_TRUE(tail.has_said_goodbye());
  tail.to_client(as_bytes(ready_for_query));
  EXPECT_TRUE(tail.has_said_goodbye()) << "an answer to what came before it";
  for (const std::string& other : {terminate + "\0"s, "X\0\0\0\5"s, "\0\0\0\4"s, std::string()}) {
    tail.from_client(as_bytes(other));
    EXPECT_FALSE(tail.has_said_goodbye());
  }
}

TEST(ReadyTail, ReadsOnlyTheAlertWhereAllElseIsEncrypted) {
  ready_tail tail(false);
  tail.to_client(as_bytes(ready_for_query));
  EXPECT_FALSE(tail.is_ready()) << "bytes that only look like it";
  tail.from_client(as_bytes(terminate));
  EXPECT_FALSE(tail.has_said_goodbye());
  tail.from_client(as_bytes("a record" + close_notify));
  EXPECT_TRUE(tail.has_said_goodbye());
  ready_tail readable;
  readable.from_client(as_bytes(close_notify));
  EXPECT_FALSE(readable.has_said_goodbye());
}

// libpq sends Terminate in one record and its alert in the next; the backend may have answered in between.
TEST(ReadyTail, TakesAnAlertAloneForTheAnswerToAHiddenGoodbye) {
  const std::string record = "\x17\x03\x03\0\x16"s + std::string(22, 't');
  const struct {
    const char* name;
    std::vector<std::string> events;
    bool expected;
  } cases[] = {
      {"an answer", {"<" + record, ">" + record, "<" + close_notify}, true},
      {"and the client's own alert", {">" + record, "<" + close_notify, ">" + close_notify}, true},
      {"FATAL before it", {">" + record, "<" + record + close_notify}, false},
      {"FATAL before it in the chunk before", {">" + record, "<" + record, "<" + close_notify}, false},
      {"nothing was asked", {"<" + record, "<" + close_notify}, false},
  };
  for (const auto& now : cases) {
    SCOPED_TRACE(now.name);
    ready_tail tail(false);
    for (const std::string& event : now.events) {
      const byte_span bytes = as_bytes(std::string_view(event).substr(1));
      event[0] == '<' ? tail.to_client(bytes) : tail.from_client(bytes);
    }
    EXPECT_EQ(tail.has_said_goodbye(), now.expected);
  }
}

TEST(ReadyTail, DoesNotDependOnWhereTheChunksAreCut) {
  const std::string text = "1234567" + ready_for_query;
  for (std::size_t first = 0; first <= text.size(); ++first) {
    for (std::size_t second = first; second <= text.size(); ++second) {
      SCOPED_TRACE(::testing::Message() << "cut at " << first << " and " << second);
      ready_tail tail;
      tail.to_client(as_bytes(std::string_view(text).substr(0, first)));
      tail.to_client(as_bytes(std::string_view(text).substr(first, second - first)));
      EXPECT_EQ(tail.is_ready(), second == text.size());
      tail.to_client(as_bytes(std::string_view(text).substr(second)));
      EXPECT_TRUE(tail.is_ready());
    }
  }
}

}  // namespace
}  // namespace pgsteer::relay
