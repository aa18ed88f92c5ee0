#pragma once
// byte_pattern: an endless, seeded stream of bytes, so that both ends of a transfer know what must arrive;
// checksum: a running FNV-1a 64 of what did.
//
// Not cryptographic. Values; one owner each.
#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace pgsteer::test {

// Both go by words of eight bytes: a sanitizer looks at every access, and byte by byte that was most of the
// time of the tests that move bulk.

// splitmix64 (Steele, Lea, Flood 2014), eight bytes a step.
class byte_pattern {
 public:
  explicit byte_pattern(std::uint64_t seed) : state_(seed) {}

  // The next n bytes of the stream.
  [[nodiscard]] std::string take(std::size_t n) {
    std::string bytes(n, '\0');
    for (std::size_t done = 0; done < n;) {
      if (left_ == 0) step();
      const std::size_t part = std::min(left_, n - done);
      std::memcpy(bytes.data() + done, word_.data() + (word_.size() - left_), part);
      left_ -= part;
      done += part;
    }
    return bytes;
  }

 private:
  using word = std::array<char, sizeof(std::uint64_t)>;

  void step() {
    state_ += 0x9E3779B97F4A7C15U;
    std::uint64_t mixed = state_;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9U;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBU;
    word_ = std::bit_cast<word>(mixed ^ (mixed >> 31));
    left_ = word_.size();
  }

  std::uint64_t state_;
  word word_{};
  std::size_t left_ = 0;  // of word_, its last bytes
};

class checksum {
 public:
  void add(std::string_view bytes) {
    std::uint64_t value = value_;
    std::uint64_t word = 0;
    for (; bytes.size() >= sizeof word; bytes.remove_prefix(sizeof word)) {
      std::memcpy(&word, bytes.data(), sizeof word);
      for (std::size_t i = 0; i < sizeof word; ++i, word >>= 8) value = mix(value, word & 0xFF);
    }
    for (const char byte : bytes) value = mix(value, static_cast<std::uint8_t>(byte));
    value_ = value;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  static std::uint64_t mix(std::uint64_t value, std::uint64_t byte) {
    return (value ^ byte) * 0x100000001B3U;
  }

  std::uint64_t value_ = 0xCBF29CE484222325U;
};

[[nodiscard]] inline std::uint64_t checksum_of(std::string_view bytes) {
  checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace pgsteer::test
