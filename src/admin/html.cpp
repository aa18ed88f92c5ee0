#include "admin/html.hpp"

#include <array>
#include <ctime>

#include "admin/wording.hpp"

namespace pgsteer::admin {

std::string badge(std::string_view kind, std::string_view words) {
  const std::string classes = kind.empty() ? "badge" : "badge " + std::string(kind);
  return "<span class=\"" + classes + "\">" + html_escaped(words) + "</span>";
}

std::string small(std::string_view words) {
  return words.empty() ? "" : "<small>" + html_escaped(words) + "</small>";
}

std::string cell(std::string_view html) {
  return "<td>" + std::string(html) + "</td>";
}
std::string cell(std::string_view kind, std::string_view html) {
  return "<td class=\"" + std::string(kind) + "\">" + std::string(html) + "</td>";
}

std::string_view role_kind(topology::role of) {
  switch (of) {
    case topology::role::primary:
      return "primary";
    case topology::role::standby:
      return "standby";
    case topology::role::unknown:
      return "";
  }
  return "";
}

std::string time_html(story::wall_time at) {
  const std::time_t seconds_since_1970 = std::chrono::system_clock::to_time_t(at);
  std::tm utc{};
  ::gmtime_r(&seconds_since_1970, &utc);
  std::array<char, 32> words{};
  std::strftime(words.data(), words.size(), "%Y-%m-%d %H:%M:%S", &utc);
  const std::string text(words.data());
  return "<time datetime=\"" + text + "Z\">" + text + " UTC</time>";
}

}  // namespace pgsteer::admin
