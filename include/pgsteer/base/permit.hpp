#pragma once
// permit: an RAII unit of a limit, drawn from a permit_pool.
//
// Not a queue, and not the limit, which may change while permits are out: a pool counts them. Pools are
// shared by all workers (one atomic); any thread. A pool outlives its permits.
#include <atomic>
#include <cstdint>
#include <optional>
#include <utility>

namespace pgsteer {

class permit_pool {
 public:
  permit_pool() = default;
  permit_pool(const permit_pool&) = delete;
  permit_pool& operator=(const permit_pool&) = delete;

  class permit {
   public:
    permit() = default;
    explicit permit(permit_pool& pool) noexcept : pool_(&pool) {}
    permit(permit&& other) noexcept : pool_(std::exchange(other.pool_, nullptr)) {}
    permit& operator=(permit&& other) noexcept {
      if (this != &other) {
        release();
        pool_ = std::exchange(other.pool_, nullptr);
      }
      return *this;
    }
    ~permit() { release(); }
    void release() noexcept {
      if (pool_ != nullptr) pool_->used_.fetch_sub(1, std::memory_order_relaxed);
      pool_ = nullptr;
    }

   private:
    permit_pool* pool_ = nullptr;
  };

  // A permit, or nothing if limit or more are out.
  [[nodiscard]] std::optional<permit> take(std::uint32_t limit) noexcept {
    if (used_.fetch_add(1, std::memory_order_relaxed) < limit) return permit(*this);
    used_.fetch_sub(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  [[nodiscard]] std::uint32_t used() const noexcept { return used_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint32_t> used_{0};
};

using permit = permit_pool::permit;

}  // namespace pgsteer
