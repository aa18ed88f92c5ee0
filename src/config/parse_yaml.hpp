#pragma once
// parse_yaml(): text to the one YAML document in it; complaints of yaml-cpp go to the document, and so do the
// texts of values with variables of the environment in them.
//
// Knows no keys. At start only.
#include <optional>
#include <string>

#include "config/document.hpp"

namespace pgsteer::config {

// Nothing if the text is no YAML, is empty or holds more than one document; the reason is then reported.
[[nodiscard]] std::optional<YAML::Node> parse_yaml(document& file, const std::string& text,
                                                   const environment& variables);

}  // namespace pgsteer::config
