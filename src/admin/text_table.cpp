#include "admin/text_table.hpp"

#include <algorithm>
#include <ostream>

#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

// As a terminal counts most scripts: a place for each character of well-formed UTF-8.
std::size_t width_of(const std::string& cell) {
  return static_cast<std::size_t>(std::ranges::count_if(
      cell, [](char byte) { return (static_cast<unsigned char>(byte) & 0xc0U) != 0x80U; }));
}

}  // namespace

void print_table(const std::vector<table_row>& rows, std::ostream& out) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const table_row& each : rows) {
    for (std::size_t i = 0; i < each.size(); ++i) widths[i] = std::max(widths[i], width_of(each[i]));
  }
  for (const table_row& each : rows) {
    std::string line;
    for (std::size_t i = 0; i < each.size(); ++i)
      line += each[i] + std::string(widths[i] - width_of(each[i]) + 2, ' ');
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << '\n';
  }
}

std::string or_dash(std::string_view value) {
  return value.empty() ? "-" : terminal_safe(value);
}

}  // namespace pgsteer::admin
