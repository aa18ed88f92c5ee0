#pragma once
// byte_pattern: an endless, seeded stream of bytes, so that both ends of a transfer know what must arrive;
// checksum: a running FNV-1a 64 of what did.
//
// Not cryptographic. Values; one owner each.
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::test {

// splitmix64 (Steele, Lea, Flood 2014), eight bytes a step.
class byte_pattern {
 public:
  explicit byte_pattern(std::uint64_t seed) : state_(seed) {}

  // The next n bytes of the stream.
  [[nodiscard]] std::string take(std::size_t n) {
    std::string bytes(n, '\0');
    for (char& byte : bytes) byte = next_byte();
    return bytes;
  }

 private:
  char next_byte() {
    if (left_ == 0) {
      state_ += 0x9E3779B97F4A7C15U;
      word_ = state_;
      word_ = (word_ ^ (word_ >> 30)) * 0xBF58476D1CE4E5B9U;
      word_ = (word_ ^ (word_ >> 27)) * 0x94D049BB133111EBU;
      word_ ^= word_ >> 31;
      left_ = 8;
    }
    const char byte = static_cast<char>(word_ & 0xFF);
    word_ >>= 8;
    --left_;
    return byte;
  }

  std::uint64_t state_;
  std::uint64_t word_ = 0;
  int left_ = 0;
};

class checksum {
 public:
  void add(std::string_view bytes) {
    for (const char byte : bytes) value_ = (value_ ^ static_cast<std::uint8_t>(byte)) * 0x100000001B3U;
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  std::uint64_t value_ = 0xCBF29CE484222325U;
};

[[nodiscard]] inline std::uint64_t checksum_of(std::string_view bytes) {
  checksum sum;
  sum.add(bytes);
  return sum.value();
}

}  // namespace pgsteer::test
