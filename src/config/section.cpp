#include "config/section.hpp"

#include <algorithm>

#include "config/closest_word.hpp"

namespace pgsteer::config {
namespace {

// Indexes differ from file to file; a key's name does not.
std::string without_indexes(std::string_view path) {
  std::string out;
  bool is_index = false;
  for (const char c : path) {
    if (c == '[') is_index = true;
    if (!is_index) out += c;
    if (c == ']') is_index = false;
  }
  return out;
}

}  // namespace

section::section(document& file, std::string path, const YAML::Node& node)
    : file_(&file), path_(std::move(path)) {
  if (!node.IsDefined()) return;
  at_ = place_of(node.Mark());
  if (!node.IsMap()) {
    file.report({at_, path_, "a mapping of keys", describe(node)});
    return;
  }
  for (const auto& pair : node) add(pair.first, pair.second);
}

void section::add(const YAML::Node& key, const YAML::Node& value) {
  const place at = place_of(key.Mark());
  if (!key.IsScalar()) {
    file_->report({at, path_, "a word as key", describe(key)});
    return;
  }
  if (const entry* first = find(key.Scalar())) {
    file_->report({at, path_of(key.Scalar()), "each key once",
                   "it again after line " + std::to_string(first->at.line)});
    return;
  }
  entry& added = entries_.emplace_back(entry{key.Scalar(), at, value});
  resolve(value, added);
  if (!value.IsSequence()) return;
  for (const auto& each : value) resolve(each, added);
}

void section::resolve(const YAML::Node& value, entry& of) {
  file_->resolve(value);
  if (value.IsScalar() && file_->is_unreadable(place_of(value.Mark()))) of.is_sound = false;
}

const section::entry* section::find(std::string_view name) const noexcept {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const entry& each) { return each.name == name; });
  return found == entries_.end() ? nullptr : &*found;
}

section::entry* section::ask(std::string_view name) {
  file_->add_known_key(without_indexes(path_of(name)));
  known_names_.emplace_back(name);
  for (entry& each : entries_) {
    if (each.name != name) continue;
    each.is_known = true;
    return &each;
  }
  return nullptr;
}

section section::child(std::string_view name) {
  const entry* found = ask(name);
  if (found != nullptr && found->value.IsNull()) {
    report(name, "a mapping of keys");
    found = nullptr;
  }
  section inner(*file_, path_of(name),
                found != nullptr ? found->value : YAML::Node(YAML::NodeType::Undefined));
  if (found == nullptr) inner.at_ = at_;
  return inner;
}

std::vector<list_item> section::list(std::string_view name, std::string_view expected) {
  const entry* found = ask(name);
  if (found == nullptr) return {};
  if (!found->value.IsSequence() || found->value.size() == 0) {
    report(name, std::string(expected));
    return {};
  }
  std::vector<list_item> items;
  for (const auto& each : found->value)
    items.push_back({path_of(name) + "[" + std::to_string(items.size()) + "]", each});
  return items;
}

YAML::Node section::node(std::string_view name) {
  const entry* found = ask(name);
  return found != nullptr ? found->value : YAML::Node(YAML::NodeType::Undefined);
}

bool section::is_sound(std::string_view name) const noexcept {
  const entry* found = find(name);
  return found == nullptr || found->is_sound;
}

place section::place_of_value(std::string_view name) const noexcept {
  const entry* found = find(name);
  if (found == nullptr) return at_;
  // yaml-cpp gives a missing value the place of whatever comes next.
  return found->value.IsNull() ? found->at : place_of(found->value.Mark());
}

place section::place_of_key(std::string_view name) const noexcept {
  const entry* found = find(name);
  return found != nullptr ? found->at : at_;
}

void section::require(std::string_view name, std::string_view expected) {
  if (!has(name)) report(name, std::string(expected), "nothing");
}

void section::refuse(std::string_view name, std::string_view expected, std::string_view found) {
  for (entry& each : entries_) {
    if (each.name != name) continue;
    each.is_known = true;
    file_->report({each.at, path_of(name), std::string(expected), std::string(found)});
  }
}

void section::report(std::string_view name, std::string expected, std::string found) {
  for (entry& each : entries_) {
    if (each.name != name) continue;
    each.is_sound = false;
    if (found.empty()) found = describe(each.value);
  }
  file_->report({place_of_value(name), path_of(name), std::move(expected), std::move(found)});
}

void section::finish() {
  const std::vector<std::string_view> known(known_names_.begin(), known_names_.end());
  for (const entry& each : entries_) {
    if (each.is_known) continue;
    const std::string_view closest = closest_word(each.name, known);
    const std::string where = path_.empty() ? "at the top level" : "in " + path_;
    // The full list only where a guess would not help.
    const std::string expected =
        closest.empty() ? "one of the keys " + listed(known) : "a known key " + where;
    file_->report({each.at, path_of(each.name), expected, in_quotes(each.name) + did_you_mean(closest)});
  }
}

std::string section::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

std::string listed(const std::vector<std::string_view>& words) {
  std::string out;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
    out += words[i];
  }
  return out;
}

std::string did_you_mean(std::string_view word) {
  return word.empty() ? std::string() : "; did you mean \"" + std::string(word) + "\"?";
}

}  // namespace pgsteer::config
