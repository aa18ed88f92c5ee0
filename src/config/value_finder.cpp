#include "config/value_finder.hpp"

#include "config/variables.hpp"

namespace pgsteer::config {

void value_finder::OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                            const std::string& text) {
  if (is_key()) {
    levels_.back().key = text;
  } else if (text.find("${") != std::string::npos) {
    replacement replaced = replace_variables(text, variables_);
    for (bad_variable& each : replaced.bad)
      file_.report_unreadable({place_of(mark), path(), std::move(each.expected), std::move(each.found)});
    file_.set_text(mark, std::move(replaced.text));
  }
  leave();
}

void value_finder::leave() {
  if (levels_.empty()) return;
  level& inner = levels_.back();
  if (inner.is_list) {
    ++inner.index;
  } else {
    inner.is_at_key = !inner.is_at_key;
  }
}

void value_finder::end_level() {
  levels_.pop_back();
  leave();
}

std::string value_finder::path() const {
  std::string out;
  for (const level& each : levels_) {
    if (each.is_list) {
      out += "[" + std::to_string(each.index) + "]";
    } else {
      out += (out.empty() ? "" : ".") + each.key;
    }
  }
  return out;
}

}  // namespace pgsteer::config
