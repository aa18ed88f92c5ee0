#include "config/parse_yaml.hpp"

#include <yaml-cpp/eventhandler.h>

#include <sstream>

namespace pgsteer::config {
namespace {

// Only wants to know where a document starts.
class start_finder final : public YAML::EventHandler {
 public:
  [[nodiscard]] place start() const noexcept { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place_of(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}

 private:
  place start_;
};

// What follows the first document. YAML::Load() ignores it, and YAML::LoadAll() of yaml-cpp 0.7 never ends
// when it is a stray token, so no more than two documents are ever asked for.
std::optional<place> second_document(const std::string& text) {
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  start_finder finder;
  if (!parser.HandleNextDocument(finder) || !parser.HandleNextDocument(finder)) return std::nullopt;
  return finder.start();
}

// What yaml-cpp makes of a tab is hard to read, and a tab is what one cannot see.
std::string complaint(const std::string& text, const YAML::Exception& error) {
  std::size_t begin = 0;
  // npos + 1 is 0: a place beyond the end reads the first line, which does no harm.
  for (int line = 0; line < error.mark.line; ++line) begin = text.find('\n', begin) + 1;
  const std::size_t end = text.find_first_not_of(" \t", begin);
  const bool has_tab = text.substr(begin, end - begin).find('\t') != std::string::npos;
  return has_tab ? "a tab; YAML is indented with spaces" : error.msg;
}

}  // namespace

std::optional<YAML::Node> parse_yaml(document& file, const std::string& text) {
  try {
    if (const auto at = second_document(text)) {
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
