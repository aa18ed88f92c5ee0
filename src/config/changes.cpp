// changes(): what a file read anew would change.
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/config/config.hpp"

namespace pgsteer::config {
namespace {

using settings_list = std::vector<setting>;

// "listeners[rw]" of "listeners[rw].bind"; empty for the key of no listener.
std::string listener_of(std::string_view key) {
  const auto end = key.find("].");
  return end == std::string_view::npos ? std::string() : std::string(key.substr(0, end + 1));
}

std::string value_of(const settings_list& settings, std::string_view key) {
  const auto found = std::ranges::find(settings, key, &setting::key);
  return found == settings.end() ? std::string() : found->value;
}

// The settings, with each listener that the other side lacks as one.
settings_list with_lone_listeners_short(const settings_list& settings, const settings_list& other) {
  settings_list out;
  for (const setting& each : settings) {
    const std::string listener = listener_of(each.key);
    if (listener.empty() || !value_of(other, listener + ".name").empty()) {
      out.push_back(each);
    } else if (each.key == listener + ".bind") {
      out.push_back({listener, each.value + ", " + value_of(settings, listener + ".route")});
    }
  }
  return out;
}

}  // namespace

std::vector<change> changes(const config& before, const config& after) {
  const settings_list old_settings = with_lone_listeners_short(before.settings, after.settings);
  const settings_list new_settings = with_lone_listeners_short(after.settings, before.settings);
  std::vector<change> out;
  // What is new comes before the next key that was there already. No value is empty: "" is two quotes.
  auto next = new_settings.begin();
  const auto add_new_before = [&](settings_list::const_iterator end) {
    for (; next < end; ++next) {
      if (value_of(old_settings, next->key).empty()) out.push_back({next->key, "", next->value});
    }
  };
  for (const setting& each : old_settings) {
    const auto now = std::ranges::find(new_settings, each.key, &setting::key);
    if (now == new_settings.end()) {
      out.push_back({each.key, each.value, ""});
      continue;
    }
    add_new_before(now);
    if (now->value != each.value) out.push_back({each.key, each.value, now->value});
  }
  add_new_before(new_settings.end());
  return out;
}

}  // namespace pgsteer::config
