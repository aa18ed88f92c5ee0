#pragma once
// How values are put into words for people, and made safe for the document they go into.
//
// Pure; any thread. Used by the status page and `pgsteer status` alike, so that both read the same.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsteer::admin {

// "512 B", "1.5 KiB", "16.0 MiB": binary units, as PostgreSQL counts WAL.
[[nodiscard]] std::string bytes_in_words(std::uint64_t bytes);
// "41 ms", "3.2 s", "12 min", "5 h".
[[nodiscard]] std::string age_in_words(std::chrono::milliseconds age);
// "just now", "3 s ago", "12 min ago", "5 h ago", "2 d ago".
[[nodiscard]] std::string ago_in_words(std::chrono::milliseconds age);

// What is left of the time of an operator's order: "9 min left"; empty if it does not end by itself.
[[nodiscard]] std::string left_in_words(std::optional<std::chrono::milliseconds> left);

// The text with ill-formed UTF-8 replaced by U+FFFD: a backend's message may be in any encoding, and neither
// JSON nor HTML may carry that on.
[[nodiscard]] std::string well_formed(std::string_view text);
// Well-formed text for HTML content and double-quoted attributes: & < > " and ' become references.
[[nodiscard]] std::string html_escaped(std::string_view text);
// Well-formed text for a terminal: control characters become '?', so that no escape sequence gets through,
// and so do those that nobody sees, so that no line reads otherwise than it is.
[[nodiscard]] std::string terminal_safe(std::string_view text);
// JSON, which is well-formed and holds no control character below 0x20 but line feeds of its own: the same
// characters become escapes, so that it means what it did.
[[nodiscard]] std::string terminal_safe_json(std::string_view serialized);

}  // namespace pgsteer::admin
