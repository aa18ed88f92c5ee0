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
using whose = goodbye::whose;

const std::string hidden_query = "\x17\x03\x03\0\x30"s + std::string(48, 'q');
const std::string alert_of_tls_1_2 = "\x15\x03\x03\0\x1a"s + std::string(26, 'a');
const std::string hidden_commit = "\x17\x03\x03\0\x1d"s + std::string(29, 'c');

struct goodbye_case {
  const char* name;
  std::vector<std::string> events;  // a direction and a chunk
  whose expected;
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
  expect_all(true, {
                       {"nothing yet", {}, whose::nobodys},
                       {"alone", {">" + terminate}, whose::clients},
                       {"behind a query", {">query" + terminate}, whose::clients},
                       {"answered", {">" + terminate, "<the rest of an answer"}, whose::clients},
                       {"something behind it", {">" + terminate + "\0"s}, whose::nobodys},
                       {"something behind it in the next chunk", {">" + terminate, ">more"}, whose::nobodys},
                       {"another length", {">X\0\0\0\5"s}, whose::nobodys},
                       {"too short", {">\0\0\0\4"s}, whose::nobodys},
                       {"what looks like an alert", {">" + close_notify, "<" + close_notify}, whose::nobodys},
                   });
}

TEST(Goodbye, IsTheFirstAlertWhereAllElseIsHidden) {
  expect_all(false,
             {
                 {"Terminate in the clear", {">" + terminate}, whose::nobodys},
                 {"the client's", {">" + hidden_terminate + close_notify}, whose::clients},
                 {"the client's, in a chunk of its own",
                  {">" + hidden_terminate, ">" + close_notify},
                  whose::clients},
                 {"the client's, and the answer",
                  {">" + hidden_terminate + close_notify, "<" + close_notify},
                  whose::clients},
                 {"the client's, and the rest of an answer",
                  {">" + hidden_terminate + close_notify, "<" + hidden_query},
                  whose::clients},
                 {"two bytes at the end of much data", {">" + hidden_query + close_notify}, whose::nobodys},
                 {"and in a chunk of their own", {">" + hidden_query, ">" + close_notify}, whose::nobodys},
                 {"and the backend ends",
                  {">" + hidden_query + close_notify, "<" + hidden_query + close_notify},
                  whose::backends},
                 {"an alert that says so, without Terminate", {">" + alert_of_tls_1_2}, whose::clients},
                 {"FATAL and the backend's",
                  {">" + hidden_query, "<" + hidden_query + close_notify},
                  whose::backends},
                 {"and the client closes, too",
                  {"<" + hidden_query + close_notify, ">" + close_notify},
                  whose::backends},
                 {"nothing was asked", {"<" + hidden_query, "<" + close_notify}, whose::backends},
                 {"a row of data that has two bytes left",
                  {">" + hidden_query, "<" + close_notify, "<" + hidden_query},
                  whose::nobodys},
                 {"and the client goes on", {"<" + close_notify, ">" + hidden_query}, whose::nobodys},
             });
}

// libpq sends Terminate in one record and its alert in the next; the backend may have answered in between.
TEST(Goodbye, IsAnsweredByAnAlertAlone) {
  expect_all(
      false,
      {
          {"an answer", {"<" + hidden_query, ">" + hidden_terminate, "<" + close_notify}, whose::answered},
          {"behind a query in one chunk",
           {">" + hidden_query + hidden_terminate, "<" + close_notify},
           whose::answered},
          {"and the client's own alert",
           {">" + hidden_terminate, "<" + close_notify, ">" + close_notify},
           whose::answered},
          {"the client goes on",
           {">" + hidden_terminate, "<" + close_notify, ">" + hidden_query},
           whose::nobodys},
          {"the postmaster is gone under a query", {">" + hidden_query, "<" + close_notify}, whose::backends},
          {"and under a COMMIT", {">" + hidden_commit, "<" + close_notify}, whose::backends},
          {"and the client closes, too",
           {">" + hidden_commit, "<" + close_notify, ">" + close_notify},
           whose::backends},
          {"FATAL before it", {">" + hidden_terminate, "<" + hidden_query + close_notify}, whose::backends},
          {"FATAL before it in the chunk before",
           {">" + hidden_terminate, "<" + hidden_query, "<" + close_notify},
           whose::backends},
          {"a query between FATAL and the alert",
           {"<" + hidden_query, ">" + hidden_query, "<" + close_notify},
           whose::backends},
      });
}

}  // namespace
}  // namespace pgsteer::relay
