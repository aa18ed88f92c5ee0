#include "relay/ready_tail.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/relay/ready_for_query.hpp"

namespace pgsteer::relay {
namespace {

using namespace std::string_literals;
using testing::ready_for_query;

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
      {"a notification, unasked", {"<" + ready_for_query, "<A\0\0\0\x0c\0\0\0\1ab\0\0"s}, true},
      {"a notice and a parameter", {"<" + ready_for_query, "<N\0\0\0\5\0S\0\0\0\x08tz\0\0"s}, true},
      {"two notifications", {"<" + ready_for_query, "<A\0\0\0\4"s, "<A\0\0\0\4"s}, true},
      {"a notification cut", {"<" + ready_for_query, "<A\0\0\0\x0c\0\0\0\1ab\0"s}, false},
      {"a notification of no length", {"<" + ready_for_query, "<A\0\0\0\3"s}, false},
      {"an error, unasked", {"<" + ready_for_query, "<E\0\0\0\5\0"s}, false},
      {"a notification to whoever is busy", {"<" + ready_for_query, ">Q", "<A\0\0\0\4"s}, false},
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
        tail.from_client();
      }
    }
    EXPECT_EQ(tail.is_ready(), now.expected);
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

TEST(ReadyTail, TellsWhoIsInATransaction) {
  const std::string in_transaction = "Z\0\0\0\5T"s;
  const ready_case cases[] = {
      {"nothing yet", {}, false},
      {"in a transaction", {"<C\0\0\0\x0a" + "BEGIN\0"s + in_transaction}, true},
      {"in one that has failed", {"<Z\0\0\0\5E"s}, true},
      {"outside", {"<" + ready_for_query}, false},
      {"of no known status", {"<Z\0\0\0\5X"s}, false},
      {"a parameter, unasked", {"<" + in_transaction, "<S\0\0\0\x08tz\0\0"s}, true},
      {"an error, unasked", {"<" + in_transaction, "<E\0\0\0\5\0"s}, false},
      {"the client spoke", {"<" + in_transaction, ">Q"}, false},
      {"a notice to whoever is busy", {"<" + in_transaction, ">Q", "<N\0\0\0\5\0"s}, false},
      {"answered", {"<" + in_transaction, ">Q", "<" + in_transaction}, true},
      {"committed", {"<" + in_transaction, ">Q", "<" + ready_for_query}, false},
  };
  for (const ready_case& now : cases) {
    SCOPED_TRACE(now.name);
    ready_tail tail;
    for (const std::string& event : now.events)
      event[0] == '<' ? tail.to_client(as_bytes(std::string_view(event).substr(1))) : tail.from_client();
    EXPECT_EQ(tail.is_in_transaction(), now.expected);
    EXPECT_FALSE(tail.is_ready() && tail.is_in_transaction());
  }
}

}  // namespace
}  // namespace pgsteer::relay
