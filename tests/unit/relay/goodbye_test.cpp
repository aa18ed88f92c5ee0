// Who has said goodbye, in the clear and where TLS hides it.
#include "relay/goodbye.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "unit/relay/last_words.hpp"

namespace pgsteer::relay {
namespace {

using namespace std::string_literals;
using testing::close_notify;
using testing::hidden_terminate;
using testing::terminate;
using speaker = goodbye::speaker;

const std::string hidden_query = "\x17\x03\x03\0\x30"s + std::string(48, 'q');
const std::string alert_of_tls_1_2 = "\x15\x03\x03\0\x1a"s + std::string(26, 'a');
const std::string hidden_commit = "\x17\x03\x03\0\x1d"s + std::string(29, 'c');

struct goodbye_case {
  const char* name;
  std::vector<std::string> events;  // a direction and a chunk
  speaker expected;
};

void expect_all(bool is_readable, const std::vector<goodbye_case>& cases) {
  for (const goodbye_case& now : cases) {
    SCOPED_TRACE(now.name);
    goodbye words(is_readable);
    for (const std::string& event : now.events) {
      const byte_span bytes = as_bytes(std::string_view(event).substr(1));
      event[0] == '<' ? words.to_client(bytes) : words.from_client(bytes);
    }
    EXPECT_EQ(words.said(), now.expected);
  }
}

TEST(Goodbye, IsTerminateInTheClear) {
  expect_all(true,
             {
                 {"nothing yet", {}, speaker::nobody},
                 {"alone", {">" + terminate}, speaker::client},
                 {"behind a query", {">query" + terminate}, speaker::client},
                 {"answered", {">" + terminate, "<the rest of an answer"}, speaker::client},
                 {"something behind it", {">" + terminate + "\0"s}, speaker::nobody},
                 {"something behind it in the next chunk", {">" + terminate, ">more"}, speaker::nobody},
                 {"another length", {">X\0\0\0\5"s}, speaker::nobody},
                 {"too short", {">\0\0\0\4"s}, speaker::nobody},
                 {"what looks like an alert", {">" + close_notify, "<" + close_notify}, speaker::nobody},
             });
}

TEST(Goodbye, IsTheFirstAlertWhereAllElseIsHidden) {
  expect_all(false,
             {
                 {"Terminate in the clear", {">" + terminate}, speaker::nobody},
                 {"the client's", {">" + hidden_terminate + close_notify}, speaker::client},
                 {"the client's, in a chunk of its own",
                  {">" + hidden_terminate, ">" + close_notify},
                  speaker::client},
                 {"the client's, and the answer",
                  {">" + hidden_terminate + close_notify, "<" + close_notify},
                  speaker::client},
                 {"the client's, and the rest of an answer",
                  {">" + hidden_terminate + close_notify, "<" + hidden_query},
                  speaker::client},
                 {"two bytes at the end of much data", {">" + hidden_query + close_notify}, speaker::nobody},
                 {"and in a chunk of their own", {">" + hidden_query, ">" + close_notify}, speaker::nobody},
                 {"and the backend ends",
                  {">" + hidden_query + close_notify, "<" + hidden_query + close_notify},
                  speaker::backend},
                 {"an alert that says so, without Terminate", {">" + alert_of_tls_1_2}, speaker::client},
                 {"FATAL and the backend's",
                  {">" + hidden_query, "<" + hidden_query + close_notify},
                  speaker::backend},
                 {"and the client closes, too",
                  {"<" + hidden_query + close_notify, ">" + close_notify},
                  speaker::backend},
                 {"nothing was asked", {"<" + hidden_query, "<" + close_notify}, speaker::backend},
                 {"a row of data that has two bytes left",
                  {">" + hidden_query, "<" + close_notify, "<" + hidden_query},
                  speaker::nobody},
                 {"and the client goes on", {"<" + close_notify, ">" + hidden_query}, speaker::nobody},
             });
}

// libpq sends Terminate in one record and its alert in the next; the backend may have answered in between.
TEST(Goodbye, IsAnsweredByAnAlertAlone) {
  expect_all(
      false,
      {
          {"an answer",
           {"<" + hidden_query, ">" + hidden_terminate, "<" + close_notify},
           speaker::client_by_answer},
          {"behind a query in one chunk",
           {">" + hidden_query + hidden_terminate, "<" + close_notify},
           speaker::client_by_answer},
          {"and the client's own alert",
           {">" + hidden_terminate, "<" + close_notify, ">" + close_notify},
           speaker::client_by_answer},
          {"the client goes on",
           {">" + hidden_terminate, "<" + close_notify, ">" + hidden_query},
           speaker::nobody},
          {"the postmaster is gone under a query",
           {">" + hidden_query, "<" + close_notify},
           speaker::backend},
          {"and under a COMMIT", {">" + hidden_commit, "<" + close_notify}, speaker::backend},
          {"and the client closes, too",
           {">" + hidden_commit, "<" + close_notify, ">" + close_notify},
           speaker::backend},
          {"FATAL before it", {">" + hidden_terminate, "<" + hidden_query + close_notify}, speaker::backend},
          {"FATAL before it in the chunk before",
           {">" + hidden_terminate, "<" + hidden_query, "<" + close_notify},
           speaker::backend},
          {"a query between FATAL and the alert",
           {"<" + hidden_query, ">" + hidden_query, "<" + close_notify},
           speaker::backend},
      });
}

}  // namespace
}  // namespace pgsteer::relay
