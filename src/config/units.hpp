#pragma once
// Whole numbers, durations and sizes as text with units, both ways.
//
// Pure; any thread. No fractions, no signs, no spaces and no unit by default: a bare 500 could be meant in
// milliseconds or seconds. KiB, MiB and GiB are powers of 1024; kB and MB are refused, since PostgreSQL reads
// them as 1024-based and everyone else as 1000-based.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pgsteer/base/clock.hpp"

namespace pgsteer::config {

inline constexpr std::string_view duration_units = "ms, s, m, h";
inline constexpr std::string_view size_units = "B, KiB, MiB, GiB";

// Decimal digits only; "010" is refused, since YAML 1.1 reads it as octal.
[[nodiscard]] std::optional<std::uint64_t> parse_whole(std::string_view text) noexcept;
// "500ms", "2s", "1m", "1h". Nothing if malformed or beyond 64 bits.
[[nodiscard]] std::optional<milliseconds> parse_duration(std::string_view text) noexcept;
// "512B", "64KiB", "16MiB", "1GiB", in bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text) noexcept;

// In the largest unit that divides it: "500ms", "1m", "0s"; "64KiB", "0B". Parses back to the same value.
// Below a millisecond is cut off.
[[nodiscard]] std::string duration_text(duration value);
[[nodiscard]] std::string size_text(std::uint64_t bytes);

// What was probably meant by a size in foreign units ("16MB" -> "16MiB"); empty if nothing comes to mind.
[[nodiscard]] std::string size_meant(std::string_view text);

}  // namespace pgsteer::config
