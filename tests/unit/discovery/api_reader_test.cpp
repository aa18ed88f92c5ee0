#include "discovery/api_reader.hpp"

#include <gtest/gtest.h>

#include "discovery/errc.hpp"
#include "unit/discovery/api_samples.hpp"

namespace pgsteer::discovery::samples {
namespace {

const api_resource names{"/api/v1", "pods", "", "", {{"metadata", "name"}}};

struct read_page {
  std::vector<std::string> objects;  // "uid-1 pg-1 @100"
  std::string version;
  std::string continue_token;
  error_code ec;
};

read_page read_list(const std::string& text, std::size_t size) {
  read_page out;
  list_reader reader(names, [&](const api_object& object) {
    out.objects.push_back(object.uid + " " + std::string(object.text(0)) + " @" + object.resource_version);
  });
  for (std::size_t at = 0; at < text.size() && !out.ec; at += size)
    out.ec = reader.consume(std::string_view(text).substr(at, size));
  if (!out.ec) out.ec = reader.finish();
  out.version = reader.resource_version();
  out.continue_token = reader.continue_token();
  return out;
}

TEST(ListReader, ReadsAPageHoweverItIsCut) {
  const std::string text =
      list_json("77", {{}, {.name = "pg-2", .uid = "uid-2", .version = "101"}}, "eyJ2IjoibWV0YSJ9");
  for (std::size_t size = 1; size <= text.size(); ++size) {
    SCOPED_TRACE(size);
    const read_page got = read_list(text, size);
    EXPECT_FALSE(got.ec);
    EXPECT_EQ(got.objects, (std::vector<std::string>{"uid-1 pg-1 @100", "uid-2 pg-2 @101"}));
    EXPECT_EQ(got.version, "77");
    EXPECT_EQ(got.continue_token, "eyJ2IjoibWV0YSJ9");
  }
}

TEST(ListReader, ReadsAnEmptyList) {
  const read_page got = read_list(R"({"kind":"PodList","metadata":{"resourceVersion":"5"},"items":[]})", 7);
  EXPECT_FALSE(got.ec);
  EXPECT_EQ(got.version, "5");
  EXPECT_TRUE(got.continue_token.empty());
  EXPECT_FALSE(read_list(R"({"metadata":{"resourceVersion":"5"},"items":null})", 7).ec);
}

TEST(ListReader, BelievesNoOtherPage) {
  const std::string whole = list_json("77", {{}});
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string("null"), std::string("[]"),
        std::string("<html></html>"), status_json(403, "Forbidden", "no"), whole.substr(0, whole.size() / 2),
        whole + "{}",
        std::string(R"({"metadata":{"resourceVersion":"5"},"items":[{"metadata":{"name":"a"}}]})")}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(read_list(text, 64).ec);
  }
}

struct read_events {
  std::vector<std::string> events;
  error_code ec;
};

read_events read_watch(const std::string& text, std::size_t size) {
  read_events out;
  watch_reader reader(names, [&](const watch_event& event) {
    std::string words(to_string(event.what));
    if (event.what == watch_event::kind::error) {
      words +=
          " " + std::to_string(event.status.code) + " " + event.status.reason + ": " + event.status.message;
    } else {
      words += " " + event.object.uid + " " + std::string(event.object.text(0)) + " @" +
               event.object.resource_version;
    }
    out.events.push_back(words);
  });
  for (std::size_t at = 0; at < text.size() && !out.ec; at += size)
    out.ec = reader.consume(std::string_view(text).substr(at, size));
  if (!out.ec) out.ec = reader.finish();
  return out;
}

TEST(WatchReader, HandsOverEventsHoweverTheyAreCut) {
  const std::string text =
      event_json("ADDED", sample_pod{}.json()) + bookmark_json("150") + "\r\n\n" +
      event_json("MODIFIED", sample_pod{.version = "151"}.json()) +
      event_json("DELETED", sample_pod{.version = "152"}.json()) +
      event_json("ERROR", status_json(410, "Expired", "too old resource version: 1 (2)"));
  for (std::size_t size = 1; size <= text.size(); ++size) {
    SCOPED_TRACE(size);
    const read_events got = read_watch(text, size);
    EXPECT_FALSE(got.ec);
    EXPECT_EQ(got.events, (std::vector<std::string>{"added uid-1 pg-1 @100", "bookmark   @150",
                                                    "modified uid-1 pg-1 @151", "deleted uid-1 pg-1 @152",
                                                    "error 410 Expired: too old resource version: 1 (2)"}));
  }
}

TEST(WatchReader, HandsOverAnEventAtItsLastByte) {
  std::size_t count = 0;
  watch_reader reader(names, [&](const watch_event&) { ++count; });
  const std::string text = event_json("ADDED", sample_pod{}.json());
  ASSERT_FALSE(reader.consume(std::string_view(text).substr(0, text.size() - 2)));
  EXPECT_EQ(count, 0U);
  ASSERT_FALSE(reader.consume("}"));
  EXPECT_EQ(count, 1U) << "without its line's end";
  EXPECT_FALSE(reader.finish());
}

TEST(WatchReader, HandsOverWhatCameBeforeAFault) {
  const std::string good = event_json("ADDED", sample_pod{}.json());
  for (const std::string& bad :
       {std::string("<html>"), std::string("{\"type\":\"NEWS\",\"object\":{}}"), std::string("[]"),
        event_json("ADDED", R"({"metadata":{"resourceVersion":"1"}})"),
        event_json("ADDED", R"({"metadata":{"uid":"1"}})"), event_json("BOOKMARK", "{}"),
        good.substr(0, 40)}) {
    SCOPED_TRACE(bad);
    const read_events got = read_watch(good + bad, 4096);
    EXPECT_TRUE(got.ec);
    EXPECT_EQ(got.events.size(), 1U);
  }
}

TEST(WatchReader, BoundsALine) {
  watch_reader reader(names, [](const watch_event&) {});
  const std::string blob(64 * 1024, 'x');
  error_code ec = reader.consume(R"({"type":"ADDED","object":{"a":")");
  for (std::size_t size = 0; !ec && size <= 2 * json_picker::text_bytes_max; size += blob.size())
    ec = reader.consume(blob);
  EXPECT_EQ(ec, errc::too_large);
}

TEST(ReadStatus, TakesWhatIsThere) {
  const api_status status = read_status(403, status_json(403, "Forbidden", "pods is forbidden"));
  EXPECT_EQ(status.code, 403);
  EXPECT_EQ(status.reason, "Forbidden");
  EXPECT_EQ(status.message, "pods is forbidden");
  for (const char* const body : {"", "Unauthorized\n", "{\"code\":", "[1]"}) {
    SCOPED_TRACE(body);
    EXPECT_EQ(read_status(401, body).code, 401);
    EXPECT_TRUE(read_status(401, body).message.empty());
  }
}

}  // namespace
}  // namespace pgsteer::discovery::samples
