// The list of sessions, from what pgsteer knows to what an operator reads.
#include "admin/session_list.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <sstream>

#include "admin/session_list_json.hpp"

namespace pgsteer::admin {
namespace {

using ::testing::ElementsAre;

live_session plain_session(const std::string& id) {
  return {.id = id,
          .listener = "rw",
          .user = "app",
          .database = "orders",
          .application_name = "web",
          .client = "10.0.0.9:41234",
          .backend = "pg-1",
          .backend_address = "10.0.0.1:5432",
          .local_address = "10.0.0.5:50322",
          .backend_pid = 4711,
          .state = "idle",
          .age = milliseconds{61'000},
          .bytes_to_backend = 2048,
          .bytes_to_client = 3};
}

live_session encrypted_session(const std::string& id) {
  live_session made = plain_session(id);
  made.user = made.database = made.application_name = "";
  made.backend_pid.reset();
  made.state = "encrypted";
  made.age = milliseconds{5};
  return made;
}

std::string text_of(const std::vector<live_session>& sessions, const session_list_taker::rest& rest = {}) {
  session_list_text text;
  for (const live_session& each : sessions) text.add(each);
  return text.finish(rest);
}

std::vector<std::string> ids_of(const std::vector<live_session>& of) {
  std::vector<std::string> ids;
  for (const live_session& each : of) ids.push_back(each.id);
  return ids;
}

std::string table_of(const std::vector<live_session>& shown, std::size_t all) {
  std::ostringstream out;
  print_sessions(shown, all, out);
  return out.str();
}

TEST(SessionList, HasAContractOfKeys) {
  EXPECT_EQ(text_of({plain_session("3f2a"), encrypted_session("1")},
                    {.backends = {{"pg-1", "10.0.0.1:5432"}}, .missing = {"worker 1 is late"}}),
            "{\"sessions\":[\n"
            R"({"id":"3f2a","listener":"rw","user":"app","database":"orders","application_name":"web",)"
            R"("client":"10.0.0.9:41234","backend":"pg-1","backend_address":"10.0.0.1:5432",)"
            R"("local_address":"10.0.0.5:50322","backend_pid":4711,"state":"idle","age_ms":61000,)"
            "\"bytes_to_backend\":2048,\"bytes_to_client\":3},\n"
            R"({"id":"1","listener":"rw","user":null,"database":null,"application_name":null,)"
            R"("client":"10.0.0.9:41234","backend":"pg-1","backend_address":"10.0.0.1:5432",)"
            R"("local_address":"10.0.0.5:50322","backend_pid":null,"state":"encrypted","age_ms":5,)"
            "\"bytes_to_backend\":2048,\"bytes_to_client\":3}\n"
            R"(],"backends":[{"name":"pg-1","address":"10.0.0.1:5432"}],"missing":["worker 1 is late"]})"
            "\n");
}

TEST(SessionList, ComesOutAsItWentIn) {
  live_session odd = plain_session("ffffffffffffffff");
  odd.bytes_to_client = std::numeric_limits<std::uint64_t>::max();
  odd.user = "a\"\\\x1b\n";
  const auto report = read_session_report(text_of({odd, encrypted_session("2")}, {{{"n", "a"}}, {"why"}}));
  ASSERT_TRUE(report);
  ASSERT_EQ(report->sessions.size(), 2U);
  EXPECT_EQ(to_json(report->sessions[0]), to_json(odd));
  EXPECT_EQ(to_json(report->sessions[1]), to_json(encrypted_session("2")));
  EXPECT_EQ(report->rest.backends.front().name, "n");
  EXPECT_EQ(report->rest.backends.front().address, "a");
  EXPECT_THAT(report->rest.missing, ElementsAre("why"));
}

TEST(SessionList, OfNobodyIsAList) {
  const auto report = read_session_report(text_of({}));
  ASSERT_TRUE(report);
  EXPECT_TRUE(report->sessions.empty());
}

TEST(SessionList, WhatIsNoneIsRefused) {
  EXPECT_FALSE(read_session_report(""));
  EXPECT_FALSE(read_session_report("[]"));
  EXPECT_FALSE(read_session_report(R"({"sessions":[]})"));
  EXPECT_FALSE(read_session_report(R"({"sessions":[{}],"backends":[],"missing":[]})"));
  const std::string whole = text_of({plain_session("1")}, {{{"n", "a"}}, {"why"}});
  for (const auto& [before, after] :
       {std::pair{"\"age_ms\":61000", "\"age_ms\":\"old\""},
        std::pair{"\"backend_pid\":4711", "\"backend_pid\":-1"}, std::pair{"\"user\":\"app\"", "\"user\":{}"},
        std::pair{"\"id\"", "\"ID\""}, std::pair{"\"missing\":[\"why\"]", "\"missing\":[1]"}}) {
    std::string damaged = whole;
    damaged.replace(damaged.find(before), std::string(before).size(), after);
    EXPECT_FALSE(read_session_report(damaged)) << after;
  }
}

// 50,000 of them, each with names as long as they are shown and of the worst characters.
TEST(SessionList, HasABound) {
  live_session worst = plain_session("ffffffffffffffff");
  worst.user = worst.database = worst.application_name = std::string(63, '\x01');
  session_list_text text;
  for (int i = 0; i < 50'000; ++i) text.add(worst);
  const std::string made = text.finish({});
  EXPECT_LT(made.size(), session_list_bytes_max + 4096);
  const auto report = read_session_report(made);
  ASSERT_TRUE(report);
  EXPECT_GT(report->sessions.size(), 33'000U);
  ASSERT_EQ(report->rest.missing.size(), 1U);
  EXPECT_EQ(report->rest.missing.front(), std::to_string(50'000 - report->sessions.size()) +
                                              " sessions are left out: the list is longer than 64.0 MiB");
}

TEST(SessionList, IsSortedByAgeOrByBytes) {
  std::vector<live_session> sessions{plain_session("a"), plain_session("b"), plain_session("c")};
  sessions[1].age = milliseconds{90'000};
  sessions[2].bytes_to_client = 5000;
  EXPECT_THAT(ids_of(chosen(sessions, {})), ElementsAre("b", "a", "c"));
  EXPECT_THAT(ids_of(chosen(sessions, {.sort = sessions_request::order::bytes, .backend = {}, .user = {}})),
              ElementsAre("c", "a", "b"));
}

TEST(SessionList, IsFilteredByBackendAndUser) {
  std::vector<live_session> sessions{plain_session("a"), plain_session("b"), encrypted_session("c")};
  sessions[1].user = "other";
  sessions[1].backend = "pg-2";
  sessions[1].backend_address = "10.0.0.2:5432";
  EXPECT_THAT(ids_of(chosen(sessions, {.backend = "pg-1", .user = {}})), ElementsAre("a", "c"));
  EXPECT_THAT(ids_of(chosen(sessions, {.backend = "10.0.0.2:5432", .user = {}})), ElementsAre("b"));
  EXPECT_THAT(ids_of(chosen(sessions, {.backend = {}, .user = "app"})), ElementsAre("a"));
  EXPECT_THAT(ids_of(chosen(sessions, {.backend = "pg-2", .user = "app"})), ElementsAre());
}

TEST(SessionList, KnowsBackendsByNameAndByAddress) {
  session_report report{
      .sessions = {plain_session("a")},
      .rest = {.backends = {{"pg-2", "10.0.0.2:5432"}, {"10.0.0.3:5432", "10.0.0.3:5432"}}, .missing = {}}};
  for (const char* known : {"pg-2", "10.0.0.2:5432", "10.0.0.3:5432", "pg-1", "10.0.0.1:5432"})
    EXPECT_TRUE(knows_backend(report, known)) << known;
  for (const char* unknown : {"pg-3", "10.0.0.2", "rw", "10.0.0.9:41234"})
    EXPECT_FALSE(knows_backend(report, unknown)) << unknown;
  EXPECT_EQ(backends_in_words(report), "pg-2 (10.0.0.2:5432), 10.0.0.3:5432");
}

TEST(SessionList, IsATableWithItsNumber) {
  EXPECT_EQ(table_of({plain_session("3f2a"), encrypted_session("1")}, 2),
            "ID    LISTENER  USER  DATABASE  APPLICATION  CLIENT          BACKEND  ADDRESS        LOCAL      "
            "     PID   "
            "STATE      AGE    TO BACKEND  TO CLIENT\n"
            "3f2a  rw        app   orders    web          10.0.0.9:41234  pg-1     10.0.0.1:5432  "
            "10.0.0.5:50322  4711  "
            "idle       1 min  2.0 KiB     3 B\n"
            "1     rw        -     -         -            10.0.0.9:41234  pg-1     10.0.0.1:5432  "
            "10.0.0.5:50322  -     "
            "encrypted  5 ms   2.0 KiB     3 B\n"
            "\n"
            "2 sessions\n");
  EXPECT_THAT(table_of({plain_session("a")}, 1), ::testing::EndsWith("\n\n1 session\n"));
  EXPECT_THAT(table_of({plain_session("a")}, 7), ::testing::EndsWith("\n\n1 of 7 sessions\n"));
  EXPECT_THAT(table_of({}, 0), ::testing::EndsWith("\n\n0 sessions\n"));
}

// A user who calls himself what moves the cursor, what turns the line round, or what is no text at all.
TEST(SessionList, HostileNamesStayInTheirCells) {
  std::vector<live_session> sessions{plain_session("a"), plain_session("b"), plain_session("c")};
  sessions[0].user = "\x1b[2J\r\n\x07";
  sessions[1].user =
      "\xc2\x9b"
      "31m\xe2\x80\xae";  // CSI in one character; right to left from here on
  sessions[2].user = "andr\xe9 \xf0\x28";
  sessions[2].application_name = "\xc3\xa9t\xc3\xa9";  // four bytes more than places
  const std::string table = table_of(sessions, 3);
  EXPECT_EQ(std::ranges::count(table, '\n'), 6);
  for (const char* control : {"\x1b", "\r", "\x07", "\xc2\x9b", "\xe2\x80\xae"})
    EXPECT_EQ(table.find(control), std::string::npos);
  std::ostringstream printed;
  print_sessions_json(sessions, printed);
  for (const char* control : {"\x1b", "\r", "\x07", "\xc2\x9b", "\xe2\x80\xae"})
    EXPECT_EQ(printed.str().find(control), std::string::npos);
  EXPECT_EQ(boost::json::parse(printed.str()).at("sessions").at(1).at("user").as_string(), sessions[1].user);
  const std::string report = text_of(sessions);
  EXPECT_TRUE(read_session_report(report));
  EXPECT_EQ(report.find('\x1b'), std::string::npos);
  std::istringstream lines(table);
  std::string line;
  std::vector<std::ptrdiff_t> places;  // in front of the same column
  for (int i = 0; i < 4; ++i) {
    std::getline(lines, line);
    const std::string ahead = line.substr(0, line.find(i == 0 ? "STATE" : "idle"));
    places.push_back(std::ranges::count_if(ahead, [](char c) { return (c & 0xc0) != 0x80; }));
  }
  EXPECT_THAT(places, ::testing::Each(places.front())) << table;
}

TEST(SessionList, TellsWhoseSessionIsEnded) {
  EXPECT_EQ(ended_in_words(plain_session("3f2a")), "session 3f2a of app@orders from 10.0.0.9:41234 is ended");
  EXPECT_EQ(
      ended_in_words(encrypted_session("3f2a")),
      "session 3f2a from 10.0.0.9:41234 is ended; a statement that its backend still runs goes on until it "
      "answers");
}

}  // namespace
}  // namespace pgsteer::admin
