#pragma once
// client_names: what a client calls itself: its user, its database and its application.
//
// A value in one piece of memory, since every idle session has one. One thread at a time.
#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <string_view>

namespace pgsteer::session {

class client_names {
 public:
  client_names() = default;
  // None of them holds a zero byte in a StartupMessage; what is behind one is dropped.
  client_names(std::string_view user, std::string_view database, std::string_view application) {
    if (user.empty() && database.empty() && application.empty()) return;
    const std::array names{user, database, application};
    std::size_t bytes = 0;
    for (const std::string_view each : names) bytes += each.size() + 1;
    auto made = std::make_unique<char[]>(bytes);  // zeros
    char* at = made.get();
    for (const std::string_view each : names)
      at = std::copy_n(each.begin(), std::min(each.size(), each.find('\0')), at) + 1;
    texts_ = std::move(made);
  }

  // Valid as long as this.
  [[nodiscard]] std::string_view user() const noexcept { return text(0); }
  [[nodiscard]] std::string_view database() const noexcept { return text(1); }
  [[nodiscard]] std::string_view application() const noexcept { return text(2); }

 private:
  [[nodiscard]] std::string_view text(int index) const noexcept {
    if (!texts_) return {};
    std::string_view found = texts_.get();
    for (; index > 0; --index) found = found.data() + found.size() + 1;
    return found;
  }

  std::unique_ptr<const char[]> texts_;  // each ends with a zero byte; null: all are empty
};

}  // namespace pgsteer::session
