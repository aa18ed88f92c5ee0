#pragma once
// document: one configuration file while it is read; collects what is wrong with it, which keys exist, and
// what their values are.
//
// Sticky: nothing is thrown until the whole file has been seen, so that all problems show in one go. At
// start only; not thread-safe.
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <compare>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/config/config.hpp"

namespace pgsteer::config {

// 1-based, as editors count.
struct place {
  int line = 1;
  int column = 1;

  friend auto operator<=>(const place&, const place&) = default;
};
[[nodiscard]] place place_of(const YAML::Mark& mark) noexcept;

struct problem {
  place at;
  std::string key;       // "probe.interval"; empty for the file as a whole
  std::string expected;  // a noun clause
  std::string found;     // a noun clause; may end in a suggestion
};

class document {
 public:
  explicit document(std::string name) : name_(std::move(name)) {}

  // Not of a value that is unreadable: that has been said.
  void report(problem found);
  // Of a value whose text is not known.
  void report_unreadable(problem found);
  [[nodiscard]] bool is_unreadable(place at) const { return unreadable_.contains(at); }
  // What stands for the value at this place of the file, and to put that into its node.
  void set_text(const YAML::Mark& at, std::string text) { texts_[at.pos] = std::move(text); }
  void resolve(YAML::Node value) const;
  void add_known_key(std::string path) { known_keys_.insert(std::move(path)); }
  // The effective value of a key; a later one of the same key takes its place.
  void record(std::string_view key, std::string value);
  void add_path(named_path named) { paths_.push_back(std::move(named)); }
  // Nothing was recorded of this key and those below it.
  void forget(std::string_view key);

  [[nodiscard]] bool is_good() const noexcept { return problems_.empty(); }
  // Nothing was said of this key, such as "listeners[0].bind".
  [[nodiscard]] bool is_sound(std::string_view key) const noexcept {
    return std::ranges::none_of(problems_, [key](const problem& each) { return each.key == key; });
  }
  // One line each, in the file's order: "name:line:column: key: expected ..., found ...".
  [[nodiscard]] std::vector<std::string> problem_lines() const;
  // Paths of every key the reader asked for, without list indexes: "listeners.name".
  [[nodiscard]] const std::set<std::string>& known_keys() const noexcept { return known_keys_; }
  // In the order in which they were recorded first; listeners by index.
  [[nodiscard]] const std::vector<setting>& settings() const noexcept { return settings_; }
  [[nodiscard]] const std::vector<named_path>& paths() const noexcept { return paths_; }

 private:
  std::string name_;
  std::vector<problem> problems_;
  std::set<place> unreadable_;
  std::map<int, std::string> texts_;  // by YAML::Mark::pos
  std::set<std::string> known_keys_;
  std::vector<setting> settings_;
  std::vector<named_path> paths_;
};

// What stands in the file, for a message: "fast" in quotes, a list, a mapping, nothing.
[[nodiscard]] std::string describe(const YAML::Node& node);
// In quotes, control characters escaped, cut after 60 bytes.
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace pgsteer::config
