#include "discovery/json_picker.hpp"

#include <gtest/gtest.h>

#include "discovery/errc.hpp"

namespace pgsteer::discovery {
namespace {

// "0:text 1[2]:text ...": which, the element if it is not the first, and the value.
std::string in_words(const picked_values& values) {
  std::string out;
  for (const picked_value& each : values) {
    out += (out.empty() ? "" : " ") + std::to_string(each.which);
    if (each.element != 0) out += "[" + std::to_string(each.element) + "]";
    out += ":" + each.text;
  }
  return out;
}

struct picking {
  std::string values;
  std::vector<std::string> units;
  error_code ec;
  std::size_t used = 0;
  bool is_complete = false;

  friend bool operator==(const picking&, const picking&) = default;
};

// The text in pieces of this size.
picking pick(const std::string& text, const std::vector<json_path>& wanted, const json_path& unit,
             std::size_t size) {
  picking out;
  json_picker picker(wanted, unit,
                     [&](const picked_values& values) { out.units.push_back(in_words(values)); });
  for (std::size_t at = 0; at < text.size() && !picker.is_complete(); at += size) {
    const auto used = picker.consume(std::string_view(text).substr(at, size));
    if (used.has_error()) {
      out.ec = used.error();
      return out;
    }
    out.used += *used;
  }
  out.values = in_words(picker.values());
  out.is_complete = picker.is_complete();
  return out;
}

// However it is cut.
picking pick(const std::string& text, const std::vector<json_path>& wanted, const json_path& unit = {}) {
  const picking whole = pick(text, wanted, unit, text.size());
  for (std::size_t size = 1; size < text.size(); ++size) {
    SCOPED_TRACE(size);
    picking cut = pick(text, wanted, unit, size);
    EXPECT_EQ(cut.values, whole.values);
    EXPECT_EQ(cut.units, whole.units);
    EXPECT_EQ(static_cast<bool>(cut.ec), static_cast<bool>(whole.ec));
  }
  return whole;
}

TEST(JsonPicker, KeepsWhatIsWanted) {
  const picking got = pick(R"({"a":{"b":"x","c":1,"d":true,"e":null,"f":-1.5},"b":"y","g":"\u00e4\n"})",
                           {{"a", "b"}, {"a", "c"}, {"a", "d"}, {"a", "e"}, {"a", "f"}, {"g"}, {"h"}});
  EXPECT_EQ(got.values, "0:x 1:1 2:true 3:null 4:-1.5 5:\xc3\xa4\n");
  EXPECT_TRUE(got.is_complete);
}

TEST(JsonPicker, TakesNothingFromElsewhere) {
  EXPECT_EQ(pick(R"({"x":{"a":{"b":1}},"a":{"c":{"b":2},"b":{"b":3}},"b":4})", {{"a", "b"}}).values, "");
  EXPECT_EQ(pick(R"([{"a":{"b":1}}])", {{"a", "b"}}).values, "");
  EXPECT_EQ(pick(R"("text")", {{"a", "b"}}).values, "");
  EXPECT_EQ(pick(R"({"a.b":1,"a":[{"b":2}]})", {{"a", "b"}}).values, "");
}

TEST(JsonPicker, CountsElementsOfTheOutermostArray) {
  const std::string text =
      R"({"list":[{"s":"a","deep":[{"s":"b"},{"s":"c"}]},7,[],{"s":"d","deep":[{"s":"e"}]}]})";
  EXPECT_EQ(pick(text, {{"list", "[]", "s"}, {"list", "[]", "deep", "[]", "s"}}).values,
            "0:a 1:b 1:c 0[3]:d 1[3]:e");
  EXPECT_EQ(pick(R"({"list":["a","b"]})", {{"list", "[]"}}).values, "0:a 0[1]:b");
}

TEST(JsonPicker, HandsOverUnitsAndForgetsThem) {
  const picking got =
      pick(R"({"v":"1","items":[{"n":"a","l":[{"x":1},{"x":2}]},{"n":"b"},{},5,{"n":"c"}],"w":"2"})",
           {{"items", "[]", "n"}, {"items", "[]", "l", "[]", "x"}, {"v"}, {"w"}}, {"items", "[]"});
  EXPECT_EQ(got.values, "2:1 3:2");
  EXPECT_EQ(got.units, (std::vector<std::string>{"0:a 1:1 1[1]:2", "0:b", "", "0:c"}));
}

TEST(JsonPicker, LeavesWhatComesAfterTheText) {
  const std::string text = R"({"a":1}  {"a":2})";
  json_picker picker({{"a"}});
  EXPECT_FALSE(picker.is_inside());
  const auto used = picker.consume(text);
  ASSERT_TRUE(used.has_value());
  EXPECT_TRUE(picker.is_complete());
  EXPECT_LE(*used, text.find("{\"a\":2"));
  EXPECT_EQ(in_words(picker.values()), "0:1");
  picker.restart();
  EXPECT_TRUE(picker.consume(R"({"a":)").has_value());
  EXPECT_TRUE(picker.is_inside());
  EXPECT_TRUE(picker.consume("3}").has_value());
  EXPECT_EQ(in_words(picker.values()), "0:3") << "what the text before had is forgotten";
}

TEST(JsonPicker, RefusesWhatIsNoJson) {
  for (const std::string text :
       {"{\"a\":}", "<html>", "{\"a\":\"\x01\"}", "{\"a\":\"\xff\"}", "{'a':1}", "}"}) {
    SCOPED_TRACE(text);
    EXPECT_TRUE(pick(text, {{"a"}}).ec);
  }
  EXPECT_TRUE(pick(std::string(json_picker::depth_max + 1, '['), {{"a"}}).ec);
}

TEST(JsonPicker, BoundsWhatItKeeps) {
  const std::string large(json_picker::value_bytes_max + 1, 'x');
  EXPECT_EQ(pick("{\"a\":\"" + large + "\"}", {{"a"}}, {}, 4096).ec, errc::too_large);
  EXPECT_EQ(pick("{\"b\":\"" + large + "\",\"a\":1}", {{"a"}}, {}, 4096).values, "0:1") << "not wanted";
  EXPECT_EQ(pick("{\"" + large + "\":2,\"a\":1}", {{"a"}}, {}, 4096).values, "0:1") << "not wanted";
  std::string many = "{\"a\":[";
  for (std::size_t i = 0; i <= json_picker::values_max; ++i) many += "1,";
  EXPECT_EQ(pick(many + "1]}", {{"a", "[]"}}, {}, 4096).ec, errc::too_large);
}

TEST(JsonPicker, BoundsATextButNotAListOfUnits) {
  const std::string blob(64 * 1024, 'x');
  const auto feed = [&](json_picker& picker, const std::string& object) {
    result<std::size_t> used = picker.consume(R"({"items":[0)");
    for (std::size_t size = 0; used && size < 2 * json_picker::text_bytes_max; size += object.size()) {
      used = picker.consume("," + object);
    }
    return used;
  };
  json_picker bare({{"a"}});
  EXPECT_EQ(feed(bare, "\"" + blob + "\"").error(), errc::too_large);
  std::size_t count = 0;
  json_picker units({{"items", "[]", "a"}}, {"items", "[]"}, [&](const picked_values&) { ++count; });
  EXPECT_TRUE(feed(units, R"({"a":1,"b":")" + blob + "\"}"));
  EXPECT_GT(count, 100U);
}

}  // namespace
}  // namespace pgsteer::discovery
