#pragma once
// uring_buffers: the memory that the kernel receives into, lent to it through a provided-buffer ring.
//
// One per worker, its addresses reserved once. A buffer is the kernel's until a completion names it, then
// ours until give_back(). The kernel takes them in turn, so a few are lent first and more only when these run
// short: what is in use stays in the cache. Knows nothing of flows; worker's thread, but for making it.
#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/base/result.hpp"

namespace pgsteer::relay {

using buffer_id = std::uint16_t;
inline constexpr buffer_id no_buffer = UINT16_MAX;

// Received buffers in the order of their bytes; linked through uring_buffers, so an empty one owns nothing.
struct buffer_queue {
  buffer_id first = no_buffer;
  buffer_id last = no_buffer;
  std::uint32_t bytes = 0;

  [[nodiscard]] bool empty() const noexcept { return first == no_buffer; }
  [[nodiscard]] bool has_one() const noexcept { return !empty() && first == last; }
};

class uring_buffers {
 public:
  static constexpr std::uint16_t group = 0;
  // Recent kernels receive for 240 sockets in a turn (uring_engine::portions_per_turn_max), so this suffices
  // for two messages of each, or 15 sessions that begin a bulk transfer; who finds none waits. 1 MiB per
  // worker.
  static constexpr std::uint16_t count_max = 512;
  static constexpr std::uint16_t count_at_first = 64;
  // A multishot receive takes at most 33 buffers before others get their turn (MULTISHOT_MAX_RETRY, net.c),
  // and as many again while those are being sent: a direction that stalls then holds less than 128 KiB. Most
  // queries and their answers fit into one. Not a power of two: such buffers would all begin in a few sets of
  // the first-level cache.
  static constexpr std::uint32_t bytes_each_max = 1920;
  // Who has been given this much gets no further portion in a turn (uring_engine::take_completions).
  static constexpr std::uint32_t bytes_per_portions_max = 4096;
  static constexpr std::size_t bytes_per_direction_max =
      bytes_per_portions_max + 66 * std::size_t{bytes_each_max};

  uring_buffers() = default;
  ~uring_buffers();
  uring_buffers(const uring_buffers&) = delete;
  uring_buffers& operator=(const uring_buffers&) = delete;

  // Once, before anything else. The ring must be gone before this is destroyed. Errors: of mmap and of
  // io_uring_register.
  [[nodiscard]] result<void> lend_to(io_uring& ring, std::uint32_t bytes_each);

  // A completion has named it: n bytes were received into it.
  void take(buffer_id id, std::uint32_t n) noexcept;
  void give_back(buffer_id id) noexcept;
  void give_back(buffer_queue& queue) noexcept;
  // Valid until give_back().
  [[nodiscard]] byte_span view(buffer_id id) const noexcept { return {memory_of(id), sizes_[id]}; }

  void push(buffer_queue& queue, buffer_id id) noexcept;
  // Precondition: !queue.empty().
  buffer_id pop(buffer_queue& queue) noexcept;

  // How many the kernel could still receive into, as far as its completions have been read.
  [[nodiscard]] std::size_t lent() const noexcept { return lent_; }
  // How many there are by now, the kernel's and ours.
  [[nodiscard]] std::size_t count() const noexcept { return count_; }

 private:
  void grow() noexcept;
  [[nodiscard]] std::uint8_t* memory_of(buffer_id id) const noexcept {
    return memory_ + std::size_t{id} * bytes_each_;
  }

  void* mapping_ = nullptr;  // the ring's entries, which have to begin on a page, then the buffers
  std::size_t mapping_bytes_ = 0;
  io_uring_buf_ring* ring_ = nullptr;
  std::uint8_t* memory_ = nullptr;
  std::uint32_t bytes_each_ = 0;
  std::uint16_t count_ = 0;
  std::size_t lent_ = 0;
  std::vector<std::uint32_t> sizes_;
  std::vector<buffer_id> next_;
};

}  // namespace pgsteer::relay
