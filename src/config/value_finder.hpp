#pragma once
// value_finder: sees every value of a file once, as it stands there, and replaces variables in it.
//
// The values do not go into the tree of nodes here: their place in the file names them, by which
// document::resolve() puts them in. In the tree an aliased value would be seen, and replaced, more than once.
#include <yaml-cpp/eventhandler.h>

#include <cstddef>
#include <string>
#include <vector>

#include "config/document.hpp"

namespace pgsteer::config {

class value_finder final : public YAML::EventHandler {
 public:
  value_finder(document& file, const environment& variables) : file_(file), variables_(variables) {}

  // Of the last document.
  [[nodiscard]] place start() const noexcept { return start_; }

  void OnDocumentStart(const YAML::Mark& mark) override { start_ = place_of(mark); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { leave(); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { leave(); }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override;
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    levels_.push_back({.is_list = true, .is_at_key = false, .is_in_key = is_key(), .key = {}, .index = 0});
  }
  void OnSequenceEnd() override { end_level(); }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    levels_.push_back({.is_list = false, .is_at_key = true, .is_in_key = is_key(), .key = {}, .index = 0});
  }
  void OnMapEnd() override { end_level(); }

 private:
  // A list or a mapping that has begun and not ended.
  struct level {
    bool is_list;
    bool is_at_key;  // what comes next is a key
    bool is_in_key;  // all of this is one
    std::string key;
    std::size_t index;
  };

  // What comes next is a key or a part of one.
  [[nodiscard]] bool is_key() const noexcept {
    return !levels_.empty() && (levels_.back().is_at_key || levels_.back().is_in_key);
  }
  // Behind one element of a list, key or value.
  void leave();
  void end_level();
  // "listeners[0].bind"
  [[nodiscard]] std::string path() const;

  document& file_;
  const environment& variables_;
  place start_;
  std::vector<level> levels_;
};

}  // namespace pgsteer::config
