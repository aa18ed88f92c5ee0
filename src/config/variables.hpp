#pragma once
// replace_variables(): a value of the file with each ${NAME} in it replaced from the environment.
//
// Works on values, never on YAML: what a variable holds is text and is not looked at again. Pure but for the
// environment that it is handed; any thread.
#include <string>
#include <string_view>
#include <vector>

#include "pgsteer/config/config.hpp"

namespace pgsteer::config {

// Both noun clauses, as in problem.
struct bad_variable {
  std::string expected;
  std::string found;
};

// The text lacks what is bad.
struct replacement {
  std::string text;
  std::vector<bad_variable> bad;
};

// NAME is [A-Za-z_][A-Za-z0-9_]*, as in a shell. $${ stands for ${; any other $ for itself.
[[nodiscard]] replacement replace_variables(std::string_view text, const environment& variables);
// The text that replace_variables() turns into this one.
[[nodiscard]] std::string escape_variables(std::string_view text);

}  // namespace pgsteer::config
