#pragma once
// session_id: what an operator calls a session by; and session_ids, which gives them out.
//
// A session keeps its id for as long as it lives, whichever process it lives in; none is given out twice
// before pgsteer starts anew. Any thread.
#include <atomic>
#include <charconv>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace pgsteer::session {

struct session_id {
  std::uint64_t value = 0;  // 0: none
  friend auto operator<=>(const session_id&, const session_id&) = default;
};

// "3f2a": hexadecimal, since that is short and easily typed.
[[nodiscard]] inline std::string to_string(session_id id) {
  char digits[16];
  return {digits, std::to_chars(digits, digits + sizeof digits, id.value, 16).ptr};
}

// Nothing: it is none.
[[nodiscard]] inline std::optional<session_id> to_session_id(std::string_view text) {
  session_id id;
  const char* const end = text.data() + text.size();
  const auto [read, ec] = std::from_chars(text.data(), end, id.value, 16);
  if (ec != std::errc() || read != end || id.value == 0) return std::nullopt;
  return id;
}

// Shared by whoever accepts: one atomic, touched once for each connection, beside the permits that it takes.
class session_ids {
 public:
  [[nodiscard]] session_id draw() noexcept { return {newest_.fetch_add(1, std::memory_order_relaxed) + 1}; }
  [[nodiscard]] session_id newest() const noexcept { return {newest_.load(std::memory_order_relaxed)}; }
  // Those up to last have been given out by another process.
  void start_behind(session_id last) noexcept { newest_.store(last.value, std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> newest_{0};
};

}  // namespace pgsteer::session
