#include "config/document.hpp"

#include <algorithm>
#include <cstddef>

namespace pgsteer::config {

place place_of(const YAML::Mark& mark) noexcept {
  if (mark.is_null()) return {};
  return {mark.line + 1, mark.column + 1};
}

std::vector<std::string> document::problem_lines() const {
  std::vector<const problem*> sorted;
  for (const problem& each : problems_) sorted.push_back(&each);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const problem* a, const problem* b) { return a->at < b->at; });
  std::vector<std::string> lines;
  for (const problem* each : sorted) {
    std::string line =
        name_ + ":" + std::to_string(each->at.line) + ":" + std::to_string(each->at.column) + ": ";
    if (!each->key.empty()) line += each->key + ": ";
    lines.push_back(line + "expected " + each->expected + ", found " + each->found);
  }
  return lines;
}

void document::report(problem found) {
  if (!is_unreadable(found.at)) problems_.push_back(std::move(found));
}

void document::report_unreadable(problem found) {
  unreadable_.insert(found.at);
  problems_.push_back(std::move(found));
}

void document::resolve(YAML::Node value) const {
  const auto found = value.IsScalar() ? texts_.find(value.Mark().pos) : texts_.end();
  if (found != texts_.end()) value = found->second;  // in the tree: a Node is a handle
}

void document::record(std::string_view key, std::string value) {
  const auto known = std::ranges::find(settings_, key, &setting::key);
  if (known != settings_.end()) {
    known->value = std::move(value);
  } else {
    settings_.push_back({std::string(key), std::move(value)});
  }
}

void document::forget(std::string_view key) {
  std::erase_if(settings_, [key](const setting& each) {
    return each.key == key || each.key.starts_with(std::string(key) + ".");
  });
}

std::string describe(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return in_quotes(node.Scalar());
    case YAML::NodeType::Sequence:
      return node.size() == 0 ? "an empty list" : "a list";
    case YAML::NodeType::Map:
      return "a mapping";
    case YAML::NodeType::Null:
    case YAML::NodeType::Undefined:
      return "nothing";
  }
  return "nothing";
}

std::string in_quotes(std::string_view text) {
  constexpr std::size_t shown_bytes_max = 60;
  constexpr std::string_view hex = "0123456789abcdef";
  const bool is_cut = text.size() > shown_bytes_max;
  if (is_cut) {
    std::size_t end = shown_bytes_max;
    // Not through the middle of a UTF-8 character.
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0U) == 0x80U) --end;
    text = text.substr(0, end);
  }
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f) {
      out.append("\\x") += hex[byte >> 4U];
      out += hex[byte & 0xfU];
    } else {
      out += c;
    }
  }
  return out + (is_cut ? "...\"" : "\"");
}

}  // namespace pgsteer::config
