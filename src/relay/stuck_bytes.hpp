#pragma once
// stuck_bytes: what one direction has read and its destination does not take yet.
//
// Owns memory only while something is stuck: at most what one read held, which is never replaced before all
// of it is gone. One per direction; worker's thread.
#include <cstdint>
#include <cstring>
#include <memory>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

class stuck_bytes {
 public:
  // Copies bytes. Precondition: empty().
  void keep(byte_span bytes) {
    PGSTEER_ASSERT(empty());
    if (bytes.empty()) return;
    memory_ = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
    std::memcpy(memory_.get(), bytes.data(), bytes.size());
    begin_ = 0;
    end_ = bytes.size();
  }
  // Forgets the first n; gives the memory back with the last of them.
  void consume(std::size_t n) noexcept {
    PGSTEER_ASSERT(n <= end_ - begin_);
    begin_ += n;
    if (begin_ == end_) clear();
  }
  void clear() noexcept {
    memory_.reset();
    begin_ = end_ = 0;
  }

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  // Valid until consume() or clear().
  [[nodiscard]] byte_span view() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t capacity() const noexcept { return end_; }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace pgsteer::relay
