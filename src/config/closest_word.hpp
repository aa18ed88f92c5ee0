#pragma once
// closest_word(): the known word that a mistyped one was probably meant to be.
//
// Pure; any thread. Not a parser: a guess is only ever shown, never applied.
#include <span>
#include <string_view>

namespace pgsteer::config {

// The word with the fewest insertions, deletions, replacements and swaps of neighbours (optimal string
// alignment), case, '-' and '_' aside; empty if more than a third of the letters would change. A view into
// known.
[[nodiscard]] std::string_view closest_word(std::string_view mistyped,
                                            std::span<const std::string_view> known);

}  // namespace pgsteer::config
