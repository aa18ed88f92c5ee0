#include "admin/json_body.hpp"

#include <gtest/gtest.h>

namespace pgsteer::admin {
namespace {

TEST(JsonBody, IsReadFieldByField) {
  json_body body(R"({"name": "a \"b\"", "n": 7, "is": true, "time": 1.5, "none": null})");
  EXPECT_EQ(body.text("name"), "a \"b\"");
  EXPECT_EQ(body.count("n"), 7U);
  EXPECT_TRUE(body.flag("is"));
  EXPECT_EQ(body.number_if_any("time"), 1.5);
  EXPECT_EQ(body.text_if_any("none"), std::nullopt);
  EXPECT_EQ(body.number_if_any("left out"), std::nullopt);
  EXPECT_EQ(body.problem(), "");
}

TEST(JsonBody, WithoutATextIsWithoutFields) {
  json_body body("");
  EXPECT_EQ(body.text_if_any("binary"), std::nullopt);
  EXPECT_EQ(body.problem(), "");
  EXPECT_EQ(body.text("backend"), "");
  EXPECT_EQ(body.problem(), "backend: expected a string");
}

TEST(JsonBody, SaysWhatIsWrong) {
  const struct {
    const char* text;
    const char* problem;
  } rows[] = {
      {R"({"text": 1})", "text: expected a string"},
      {R"({"text": "", "count": -1})", "count: expected a count"},
      {R"({"text": "", "count": 1.5})", "count: expected a count"},
      {R"({"text": "", "count": 1, "flag": 1})", "flag: expected true or false"},
      {R"({"text": "", "count": 1, "flag": true, "if_any": "x"})", "if_any: expected a number"},
      {R"({"text": "", "count": 1, "flag": true, "txet": "x"})", "txet: not known here"},
      {"[]", "the body: expected a JSON object"},
      {"null", "the body: expected a JSON object"},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.text);
    json_body body(row.text);
    (void)body.text("text");
    (void)body.count("count");
    (void)body.flag("flag");
    (void)body.number_if_any("if_any");
    EXPECT_EQ(body.problem(), row.problem);
  }
  for (const char* broken : {"{", "{\"a\": }", "a", "{} x"}) {
    EXPECT_TRUE(json_body(broken).problem().starts_with("the body: expected a JSON object (")) << broken;
  }
}

}  // namespace
}  // namespace pgsteer::admin
