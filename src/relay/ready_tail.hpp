#pragma once
// ready_tail: was the last thing the client got a whole ReadyForQuery 'I', and has it sent nothing since?
//
// Pure; one per flow. Looks only at the end of each chunk, so it costs the same for 6 bytes and 64 KiB. It
// does not parse: a client that sends its next query before the answer to the last one is complete is taken
// for idle once that answer ends, and a FATAL at that point still stands between two messages. A row that is
// cut by a read just after these six bytes would be mistaken too, one read in 2^48 of random data.
#include <cstdint>

#include "pgsteer/base/bytes.hpp"

namespace pgsteer::relay {

class ready_tail {
 public:
  explicit ready_tail(std::uint64_t last_six = 0) noexcept : last_six_(last_six) {}
  void to_client(byte_span bytes) noexcept {
    for (const std::uint8_t byte : bytes.last(bytes.size() < 6 ? bytes.size() : 6))
      last_six_ = last_six_ << 8 | byte;
  }
  void from_client() noexcept { last_six_ = 0; }

  // Bytes went one way or the other without being looked at.
  void note_unseen() noexcept { last_six_ = 0; }

  [[nodiscard]] std::uint64_t last_six() const noexcept { return last_six_; }
  [[nodiscard]] bool is_ready() const noexcept {
    return (last_six_ & 0xFFFF'FFFF'FFFF) == ready_for_query_idle;
  }

 private:
  // ReadyForQuery: Byte1('Z') | Int32(5) | Byte1('I')
  //   -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
  static constexpr std::uint64_t ready_for_query_idle = 0x5A'0000'0005'49;

  std::uint64_t last_six_;  // the last byte lowest; what lies above the six is older still
};

}  // namespace pgsteer::relay
