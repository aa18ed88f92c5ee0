#pragma once
// A strict reader of the Prometheus text format 0.0.4, enough to say whether a scrape would be taken whole.
//
// Not a client: it keeps samples as text. Every complaint is collected, so one run shows them all.
// Grammar: prometheus.io/docs/instrumenting/exposition_formats/#text-format-details.
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace pgsteer::metrics {

struct text_format {
  std::map<std::string, std::string> types;      // family -> type
  std::map<std::string, std::string> help;       // family -> help
  std::map<std::string, double> samples;         // series as written -> value
  std::map<std::string, std::string> family_of;  // series as written -> family
  std::vector<std::string> complaints;
};

[[nodiscard]] text_format read_text_format(std::string_view text);

}  // namespace pgsteer::metrics
