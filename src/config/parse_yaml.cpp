#include "config/parse_yaml.hpp"

#include <algorithm>
#include <sstream>

#include "config/value_finder.hpp"

namespace pgsteer::config {
namespace {

// What follows the first document. YAML::Load() ignores it, and YAML::LoadAll() of yaml-cpp 0.7 never ends
// when it is a stray token, so no more than two documents are ever asked for.
std::optional<place> second_document(const std::string& text, value_finder& finder) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  if (!parser.HandleNextDocument(finder) || !parser.HandleNextDocument(finder)) return std::nullopt;
  return finder.start();
}

// What yaml-cpp makes of a tab is hard to read, and a tab is what one cannot see; the { of a variable begins
// a mapping in braces and brackets.
std::string complaint(const std::string& text, const YAML::Exception& error) {
  std::size_t begin = 0;
  // npos + 1 is 0: a place beyond the end reads the first line, which does no harm.
  for (int line = 0; line < error.mark.line; ++line) begin = text.find('\n', begin) + 1;
  const std::size_t end = text.find_first_not_of(" \t", begin);
  const bool has_tab = text.substr(begin, end - begin).find('\t') != std::string::npos;
  const std::size_t at = begin + static_cast<std::size_t>(std::max(error.mark.column, 1));
  const bool is_variable = at < text.size() && text.compare(at - 1, 2, "${") == 0;
  return has_tab       ? "a tab; YAML is indented with spaces"
         : is_variable ? "a ${ in braces or brackets, where it needs quotes: \"${NAME}\""
                       : error.msg;
}

}  // namespace

std::optional<YAML::Node> parse_yaml(document& file, const std::string& text, const environment& variables) {
  try {
    value_finder finder(file, variables);
    if (const auto at = second_document(text, finder)) {
      file.report({*at, "", "one YAML document", "more text after its end"});
      return std::nullopt;
    }
    YAML::Node root = YAML::Load(text);
    if (root.IsDefined() && !root.IsNull()) return root;
    file.report({{}, "", "a configuration", "an empty file"});
  } catch (const YAML::Exception& error) {
    file.report({place_of(error.mark), "", "valid YAML", complaint(text, error)});
  }
  return std::nullopt;
}

}  // namespace pgsteer::config
