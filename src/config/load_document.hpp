#pragma once
// load_document(): the text of a configuration file into options; what is wrong with it into the document.
//
// The half of load_text() that tests can look into: the document also knows every key that was asked for.
#include <string_view>

#include "config/document.hpp"
#include "pgsteer/config/config.hpp"

namespace pgsteer::config {

// What is returned is valid only if file.is_good() afterwards.
[[nodiscard]] config load_document(document& file, std::string_view text,
                                   const environment& variables = process_environment);

}  // namespace pgsteer::config
