#include "config/yaml_text.hpp"

#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <string>
#include <vector>

#include "config/variables.hpp"

namespace pgsteer::config {
namespace {

std::string text_in(const YAML::Node& node) {
  const replacement read = replace_variables(
      node.Scalar(), [](const std::string&) { return std::optional<std::string>("wrong"); });
  EXPECT_TRUE(read.bad.empty());
  return read.text;
}

// Stands for itself in a list as well as behind a key.
void expect_read_back(const std::string& value) {
  SCOPED_TRACE(scalar_text(value));
  const YAML::Node read = YAML::Load("a: " + scalar_text(value) +
                                     "\nb: " + list_text({scalar_text(value), scalar_text(value)}) + "\n");
  ASSERT_TRUE(read["a"].IsScalar());
  EXPECT_EQ(text_in(read["a"]), value);
  ASSERT_EQ(read["b"].size(), 2U);
  for (const auto& each : read["b"]) {
    ASSERT_TRUE(each.IsScalar());
    EXPECT_EQ(text_in(each), value);
  }
}

TEST(ScalarText, LeavesWhatReadsWellAsItIs) {
  for (const std::string value : {"pgsteer", "10.0.0.1:5432", "pg-2.example:5432", "/run/secrets/a.b",
                                  "https://10.0.0.1:6443", "eu_west", "C:/a", "a@b", "1a"}) {
    EXPECT_EQ(scalar_text(value), value);
    expect_read_back(value);
  }
}

TEST(ScalarText, QuotesWhatYamlTakesForSomethingElse) {
  for (const std::string value :
       {"",     "null",  "Null", "~",    "yes",   "No",         "TRUE", "off",  "y",
        "5432", "1_000", "0x1f", "1e3",  "12:30", "2001-01-01", ".5",   "-1",   "<<",
        "=",    "a: b",  "a:",   "#x",   "a #b",  "[::1]:5432", "{a}",  "a, b", "*a",
        "&a",   "!a",    "|",    ">",    "%a",    "@a",         "`a",   "'a'",  " a ",
        "- a",  "?",     "---",  "${a}", "$${a}", "$$${",       "${",   "$",    "a!=b"}) {
    EXPECT_EQ(scalar_text(value).front(), '"') << value;
    expect_read_back(value);
  }
}

TEST(ScalarText, EscapesInQuotes) {
  EXPECT_EQ(scalar_text("say \"a\\b\""), R"("say \"a\\b\"")");
  EXPECT_EQ(scalar_text("a\nb\t\x7f"), R"("a\x0ab\x09\x7f")");
}

TEST(ScalarText, TakesEveryByte) {
  for (int byte = 1; byte < 256; ++byte) {
    const auto c = static_cast<char>(byte);
    expect_read_back(std::string(1, c));
    expect_read_back(std::string("a") + c + c + "b");
  }
  expect_read_back(std::string(1, '\0'));
  expect_read_back("Zürich 東京 \U0001F418");
}

TEST(ListText, SeparatesItems) {
  EXPECT_EQ(list_text({}), "[]");
  EXPECT_EQ(list_text({"a"}), "[a]");
  EXPECT_EQ(list_text(scalar_texts({"a", "no", "c"})), "[a, \"no\", c]");
}

}  // namespace
}  // namespace pgsteer::config
