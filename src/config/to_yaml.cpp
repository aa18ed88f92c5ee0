// to_yaml(): the effective configuration as a file.
#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

constexpr std::string_view indent_step = "  ";
constexpr std::string_view bullet = "- ";

std::string indent(std::size_t depth) {
  std::string out;
  for (std::size_t i = 0; i < depth; ++i) out += indent_step;
  return out;
}

// {"listeners", "[rw]", "bind"} of "listeners[rw].bind".
std::vector<std::string> parts_of(std::string_view key) {
  std::vector<std::string> out(1);
  for (const char c : key) {
    if (c == '.' || c == '[') out.emplace_back();
    if (c != '.') out.back() += c;
  }
  return out;
}

}  // namespace

std::string to_yaml(const config& of) {
  std::string out;
  std::vector<std::string> above;  // the parts of the line above
  for (const setting& each : of.settings) {
    std::vector<std::string> parts = parts_of(each.key);
    auto i = static_cast<std::size_t>(std::ranges::mismatch(above, parts).in1 - above.begin());
    std::string start = indent(parts.size() - 1);
    for (; i + 1 < parts.size(); ++i) {
      if (parts[i].front() == '[') {
        start.replace(start.size() - indent_step.size(), indent_step.size(), bullet);
      } else {
        out += indent(i) + parts[i] + ":\n";
      }
    }
    out += start + parts.back() + ": " + each.value + "\n";
    above = std::move(parts);
  }
  return out;
}

}  // namespace pgsteer::config
