#pragma once
// Values written as YAML that the loader reads back to the same value, also those with a ${ in them.
//
// Pure; any thread. Not an emitter of documents: to_yaml() makes those of such values.
#include <string>
#include <string_view>
#include <vector>

namespace pgsteer::config {

// As a scalar: plain where YAML of any version reads that as this text, else in double quotes.
[[nodiscard]] std::string scalar_text(std::string_view value);
[[nodiscard]] std::vector<std::string> scalar_texts(const std::vector<std::string>& values);
// "[a, b]", of values that are YAML already.
[[nodiscard]] std::string list_text(const std::vector<std::string>& items);

}  // namespace pgsteer::config
