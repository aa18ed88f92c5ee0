#pragma once
// section: one mapping of the file, read key by key straight into option structs.
//
// Declarative: a key is one line that names it, where it goes and its bounds; its default is what the struct
// holds already. A key that is absent or wrong leaves its target untouched. Nothing throws; problems go to
// the document, and what the target holds afterwards goes there as the key's setting. At start only; not
// thread-safe.
//
// Flow:
//   section keys(file, "probe", node);
//   keys.time("interval", options.interval, {milliseconds{50}, minutes{1}});
//   ... one line for every other key ...
//   keys.finish();   // what was not asked for is an unknown key
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/document.hpp"
#include "pgsteer/base/clock.hpp"
#include "pgsteer/base/endpoint.hpp"

namespace pgsteer::config {

// Both ends allowed.
struct time_range {
  milliseconds min;
  milliseconds max;
};
struct whole_range {
  std::uint64_t min;
  std::uint64_t max;
};

// One element of a list: its path ("listeners[0]") and its node.
struct list_item {
  std::string path;
  YAML::Node node;
};

class section {
 public:
  // A node that is no mapping is a problem, and the section then reads as empty.
  section(document& file, std::string path, const YAML::Node& node);

  void time(std::string_view name, duration& target, time_range range);
  void time(std::string_view name, milliseconds& target, time_range range);
  void time(std::string_view name, seconds& target, time_range range);  // whole seconds only
  template <std::integral Integer>
  void whole(std::string_view name, Integer& target, whole_range range) {
    if (const auto value = whole_value(name, range, {})) target = static_cast<Integer>(*value);
    record(name, std::to_string(target));
  }
  // A whole number or "auto", which leaves the target untouched: 0.
  template <std::integral Integer>
  void whole_or_auto(std::string_view name, Integer& target, whole_range range) {
    if (const auto value = whole_value(name, range, "auto")) target = static_cast<Integer>(*value);
    record(name, target == 0 ? "auto" : std::to_string(target));
  }
  // A whole number or "none".
  template <std::integral Integer>
  void whole_or_none(std::string_view name, std::optional<Integer>& target, whole_range range) {
    if (const auto value = whole_value(name, range, "none")) {
      target = static_cast<Integer>(*value);
    } else if (has(name) && is_sound(name)) {
      target.reset();
    }
    record(name, target ? std::to_string(*target) : "none");
  }
  void size(std::string_view name, std::uint32_t& target, whole_range range);
  // A user or database name: 1 to 63 bytes (NAMEDATALEN, src/include/pg_config_manual.h).
  void identifier(std::string_view name, std::string& target);
  // A path, or "" for none. Not opened: secrets may be mounted later. The rule is unusable_paths()'.
  void file_path(std::string_view name, std::string& target, path_rule rule = path_rule::readable_file);
  template <class Enum>
  void word(std::string_view name, Enum& target,
            std::initializer_list<std::pair<std::string_view, Enum>> words) {
    std::vector<std::string_view> known;
    for (const auto& each : words) known.push_back(each.first);
    if (const auto index = word_index(name, known)) target = (words.begin() + *index)->second;
    for (const auto& each : words) {
      if (each.second == target) record(name, std::string(each.first));
    }
  }
  // One of these values, by its own name.
  template <class Enum, std::size_t n>
  void word(std::string_view name, Enum& target, const std::array<Enum, n>& values) {
    std::vector<std::string_view> known;
    for (const Enum value : values) known.push_back(to_string(value));
    if (const auto index = word_index(name, known)) target = values[static_cast<std::size_t>(*index)];
    record(name, std::string(to_string(target)));
  }
  // One of the words, kept as text.
  void word(std::string_view name, std::string& target, std::initializer_list<std::string_view> words);
  // A numeric address with a port, which may be 0.
  void bind_address(std::string_view name, endpoint& target);
  // Likewise, or the folder of a Unix socket.
  void bind_address_or_folder(std::string_view name, endpoint& target);

  // The mapping under a key; an empty section if the key is absent, so that its keys are known all the same.
  [[nodiscard]] section child(std::string_view name);
  // The elements of the list under a key; empty if absent, no list or an empty list (the latter are
  // problems).
  [[nodiscard]] std::vector<list_item> list(std::string_view name, std::string_view expected);
  // The raw node under a key, for a value with more than one form; undefined if absent. Whoever reads it
  // records the setting.
  [[nodiscard]] YAML::Node node(std::string_view name);

  [[nodiscard]] bool has(std::string_view name) const noexcept { return find(name) != nullptr; }
  // The key is absent or was read without a problem: cross-field checks may build on it.
  [[nodiscard]] bool is_sound(std::string_view name) const noexcept;
  // Where to point for a problem with this key: its value, the key if that is empty, or this section if it is
  // absent.
  [[nodiscard]] place place_of_value(std::string_view name) const noexcept;

  // Where the key itself stands; this section's place if it is absent.
  [[nodiscard]] place place_of_key(std::string_view name) const noexcept;
  [[nodiscard]] place at() const noexcept { return at_; }

  // A key without which the file makes no sense.
  void require(std::string_view name, std::string_view expected);
  // A key that is understood but not available. Never prints the value.
  void refuse(std::string_view name, std::string_view expected, std::string_view found);
  // A problem with the value of this key; found by default what stands there.
  void report(std::string_view name, std::string expected, std::string found = {});

  // The effective value of this key as YAML (yaml_text.hpp); the readers above do it themselves.
  void record(std::string_view name, std::string value) { file_->record(path_of(name), std::move(value)); }

  // Reports the keys that nobody asked for.
  void finish();

  [[nodiscard]] std::string path_of(std::string_view name) const;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] document& file() noexcept { return *file_; }

 private:
  struct entry {
    std::string name;
    place at;
    YAML::Node value;
    bool is_known = false;
    bool is_sound = true;
  };

  void add(const YAML::Node& key, const YAML::Node& value);
  void read_bind(std::string_view name, endpoint& target, std::string_view expected,
                 bool (*is_good)(const endpoint&));
  // Variables in a value of this key, or in an element of the list there.
  void resolve(const YAML::Node& value, entry& of);
  [[nodiscard]] const entry* find(std::string_view name) const noexcept;
  // As find(), and the key counts as known from now on.
  [[nodiscard]] entry* ask(std::string_view name);
  // The scalar under a key; nothing if absent, or reported if it is no scalar.
  [[nodiscard]] std::optional<std::string> scalar(std::string_view name, std::string_view expected);
  [[nodiscard]] std::optional<std::uint64_t> whole_value(std::string_view name, whole_range range,
                                                         std::string_view alternative);
  [[nodiscard]] std::optional<milliseconds> time_value(std::string_view name, time_range range,
                                                       milliseconds step);
  [[nodiscard]] std::optional<std::ptrdiff_t> word_index(std::string_view name,
                                                         const std::vector<std::string_view>& known);

  document* file_;
  std::string path_;
  place at_;
  std::vector<entry> entries_;
  std::vector<std::string> known_names_;
};

// "a, b or c".
[[nodiscard]] std::string listed(const std::vector<std::string_view>& words);
// "; did you mean "x"?", or nothing if word is empty.
[[nodiscard]] std::string did_you_mean(std::string_view word);

}  // namespace pgsteer::config
