#pragma once
// stuck_bytes: what one direction has read and its destination does not take yet.
//
// Owns memory only while something is stuck; what is read next waits until all of it is gone. One per
// direction; worker's thread.
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

class stuck_bytes {
 public:
  // Copies bytes. Precondition: empty().
  void keep(byte_span bytes) {
    PGSTEER_ASSERT(empty());
    if (bytes.empty()) return;
    auto copied = std::make_unique_for_overwrite<std::uint8_t[]>(bytes.size());
    std::memcpy(copied.get(), bytes.data(), bytes.size());
    adopt(std::move(copied), bytes.size(), bytes.size());
  }
  // Takes over memory of capacity bytes that begins with n to keep. Precondition: empty().
  void adopt(std::unique_ptr<std::uint8_t[]> memory, std::size_t capacity, std::size_t n) noexcept {
    PGSTEER_ASSERT(empty() && n <= capacity);
    memory_ = std::move(memory);
    capacity_ = static_cast<std::uint32_t>(capacity);
    begin_ = 0;
    end_ = static_cast<std::uint32_t>(n);
  }
  // Room for n bytes behind what is kept, to be filled by the caller.
  [[nodiscard]] mutable_byte_span make_room(std::size_t n) {
    const std::size_t kept = end_ - begin_;
    auto grown = std::make_unique_for_overwrite<std::uint8_t[]>(kept + n);
    if (kept > 0) std::memcpy(grown.get(), memory_.get() + begin_, kept);
    memory_ = std::move(grown);
    capacity_ = static_cast<std::uint32_t>(kept + n);
    begin_ = 0;
    end_ = capacity_;
    return {memory_.get() + kept, n};
  }
  // Forgets the first n; gives the memory back with the last of them.
  void consume(std::size_t n) noexcept {
    PGSTEER_ASSERT(n <= end_ - begin_);
    begin_ += static_cast<std::uint32_t>(n);
    if (begin_ == end_) clear();
  }
  void clear() noexcept {
    memory_.reset();
    capacity_ = begin_ = end_ = 0;
  }

  [[nodiscard]] bool empty() const noexcept { return begin_ == end_; }
  // Valid until consume() or clear().
  [[nodiscard]] byte_span view() const noexcept { return {memory_.get() + begin_, end_ - begin_}; }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_; }

 private:
  std::unique_ptr<std::uint8_t[]> memory_;
  // 32 bits each, as there are two of these in every session: one holds a few reads of at most 1 MiB.
  std::uint32_t capacity_ = 0;
  std::uint32_t begin_ = 0;
  std::uint32_t end_ = 0;
};

}  // namespace pgsteer::relay
