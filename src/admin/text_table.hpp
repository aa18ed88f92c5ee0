#pragma once
// Tables for a terminal: columns two spaces apart, as wide as their widest cell; the last one as long as it
// is.
//
// Pure; any thread. Cells are terminal_safe() already.
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace pgsteer::admin {

using table_row = std::vector<std::string>;

// The first row is the heading. Rows are of one length.
void print_table(const std::vector<table_row>& rows, std::ostream& out);

// An empty cell would make the columns hard to tell apart, by eye and by awk.
[[nodiscard]] std::string or_dash(std::string_view value);

}  // namespace pgsteer::admin
