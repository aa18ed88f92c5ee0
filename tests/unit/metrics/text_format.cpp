#include "unit/metrics/text_format.hpp"

#include <algorithm>
#include <cstdlib>
#include <regex>
#include <sstream>

namespace pgsteer::metrics {
namespace {

const std::regex comment_line{R"(# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+))"};
const std::regex sample_line{
    R"re(([a-zA-Z_:][a-zA-Z0-9_:]*)(\{((?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\n]|\\[\\"n])*",?)*)\})? (\S+))re"};
const std::regex label_pair{R"re(([a-zA-Z_][a-zA-Z0-9_]*)="(?:[^"\\\n]|\\[\\"n])*")re"};

// The family a sample belongs to: a histogram's samples carry one of three suffixes.
std::string family_name(const std::string& sample, const std::map<std::string, std::string>& types) {
  for (const std::string_view suffix : {"_bucket", "_sum", "_count"}) {
    if (!sample.ends_with(suffix)) continue;
    const std::string base = sample.substr(0, sample.size() - suffix.size());
    const auto type = types.find(base);
    if (type != types.end() && type->second == "histogram") return base;
  }
  return sample;
}

class reader {
 public:
  void read(const std::string& line) {
    std::smatch match;
    if (std::regex_match(line, match, comment_line)) {
      comment(match[1], match[2], match[3]);
    } else if (std::regex_match(line, match, sample_line)) {
      sample(match[1], match[3], match[4], line.substr(0, line.rfind(' ')));
    } else {
      complain("not a line of the format", line);
    }
  }

  text_format out;

 private:
  void complain(const std::string& what, const std::string& where) {
    out.complaints.push_back(what + ": " + where);
  }

  void comment(const std::string& kind, const std::string& name, const std::string& rest) {
    auto& seen = kind == "TYPE" ? out.types : out.help;
    if (!seen.emplace(name, rest).second) complain("second " + kind + " of a family", name);
    if (kind == "TYPE" && sampled_.contains(name)) complain("TYPE after the first sample", name);
    if (kind == "TYPE" && rest == "counter" && !name.ends_with("_total")) {
      complain("a counter that does not end in _total", name);
    }
  }

  void sample(const std::string& name, const std::string& labels, const std::string& value,
              const std::string& series) {
    const std::string family = family_name(name, out.types);
    if (!out.types.contains(family)) complain("sample before its TYPE", series);
    if (family != current_ && sampled_.contains(family)) complain("a family in two places", series);
    current_ = family;
    sampled_.insert(family);

    std::set<std::string> names;
    for (std::sregex_iterator each(labels.begin(), labels.end(), label_pair), end; each != end; ++each) {
      if (!names.insert((*each)[1]).second) complain("a label twice", series);
    }
    char* rest = nullptr;
    const double number = std::strtod(value.c_str(), &rest);
    if (*rest != '\0') complain("not a number", series + " " + value);
    if (!out.samples.emplace(series, number).second) complain("a series twice", series);
    out.family_of[series] = family;
  }

  std::string current_;
  std::set<std::string> sampled_;
};

}  // namespace

text_format read_text_format(std::string_view text) {
  reader lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) {
    if (!line.empty()) lines.read(line);
  }
  if (!text.empty() && text.back() != '\n') lines.out.complaints.emplace_back("the last line has no end");
  return std::move(lines.out);
}

}  // namespace pgsteer::metrics
