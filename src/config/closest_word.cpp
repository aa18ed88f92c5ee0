#include "config/closest_word.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <string>
#include <vector>

namespace pgsteer::config {
namespace {

// The table below is quadratic, and no key is longer than this.
constexpr std::size_t word_bytes_max = 64;

std::string folded(std::string_view word) {
  std::string out;
  for (const char c : word) {
    if (c != '-' && c != '_') out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

std::size_t edits_between(const std::string& a, const std::string& b) {
  std::vector<std::vector<std::size_t>> edits(a.size() + 1, std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) edits[i][0] = i;
  for (std::size_t j = 0; j <= b.size(); ++j) edits[0][j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = edits[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      edits[i][j] = std::min({edits[i - 1][j] + 1, edits[i][j - 1] + 1, replaced});
      const bool is_swap = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (is_swap) edits[i][j] = std::min(edits[i][j], edits[i - 2][j - 2] + 1);
    }
  }
  return edits[a.size()][b.size()];
}

}  // namespace

std::string_view closest_word(std::string_view mistyped, std::span<const std::string_view> known) {
  if (mistyped.size() > word_bytes_max) return {};
  const std::string wanted = folded(mistyped);
  std::string_view closest;
  std::size_t fewest = wanted.size();
  for (const std::string_view word : known) {
    const std::string candidate = folded(word);
    const std::size_t edits = edits_between(wanted, candidate);
    if (edits * 3 <= std::max(wanted.size(), candidate.size()) && edits < fewest) {
      fewest = edits;
      closest = word;
    }
  }
  return closest;
}

}  // namespace pgsteer::config
