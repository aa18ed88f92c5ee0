#include "relay/uring_buffers.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <cerrno>

#include "pgsteer/base/assert.hpp"
#include "pgsteer/relay/socket_io.hpp"

namespace pgsteer::relay {

static_assert((uring_buffers::count_max & (uring_buffers::count_max - 1)) == 0,
              "the kernel wants a power of two");
static_assert(uring_buffers::count_max % uring_buffers::count_at_first == 0);

uring_buffers::~uring_buffers() {
  if (mapping_ != nullptr) ::munmap(mapping_, mapping_bytes_);
}

result<void> uring_buffers::lend_to(io_uring& ring, std::uint32_t bytes_each) {
  PGSTEER_ASSERT(mapping_ == nullptr && bytes_each > 0);
  bytes_each_ = std::min(bytes_each, bytes_each_max);
  const std::size_t ring_bytes = count_max * sizeof(io_uring_buf);
  mapping_bytes_ = ring_bytes + count_max * std::size_t{bytes_each_};
  void* mapped = ::mmap(nullptr, mapping_bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapped == MAP_FAILED) return to_error_code(errno);
  mapping_ = mapped;
  ring_ = static_cast<io_uring_buf_ring*>(mapped);
  memory_ = static_cast<std::uint8_t*>(mapped) + ring_bytes;

  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<std::uintptr_t>(mapped);
  registration.ring_entries = count_max;
  registration.bgid = group;
  if (const int error = io_uring_register_buf_ring(&ring, &registration, 0); error != 0)
    return to_error_code(-error);
  sizes_.resize(count_max);
  next_.resize(count_max, no_buffer);
  io_uring_buf_ring_init(ring_);
  while (count_ < count_at_first) give_back(count_++);
  return {};
}

void uring_buffers::take(buffer_id id, std::uint32_t n) noexcept {
  --lent_;
  sizes_[id] = n;
  if (lent_ < count_ / 4U && count_ < count_max) grow();
}

void uring_buffers::grow() noexcept {
  for (const std::uint16_t enough = static_cast<std::uint16_t>(count_ * 2); count_ < enough;)
    give_back(count_++);
}

void uring_buffers::give_back(buffer_id id) noexcept {
  io_uring_buf_ring_add(ring_, memory_of(id), bytes_each_, id, count_max - 1, 0);
  io_uring_buf_ring_advance(ring_, 1);
  ++lent_;
}

void uring_buffers::give_back(buffer_queue& queue) noexcept {
  while (!queue.empty()) give_back(pop(queue));
}

void uring_buffers::push(buffer_queue& queue, buffer_id id) noexcept {
  next_[id] = no_buffer;
  if (queue.empty()) {
    queue.first = id;
  } else {
    next_[queue.last] = id;
  }
  queue.last = id;
  queue.bytes += sizes_[id];
}

buffer_id uring_buffers::pop(buffer_queue& queue) noexcept {
  const buffer_id id = queue.first;
  queue.first = next_[id];
  if (queue.first == no_buffer) queue.last = no_buffer;
  queue.bytes -= sizes_[id];
  return id;
}

}  // namespace pgsteer::relay
