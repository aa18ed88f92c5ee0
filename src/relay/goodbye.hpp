#pragma once
// goodbye: which side of a session has said goodbye, as far as the bytes tell.
//
// Pure; one per flow. In the clear it is the client's Terminate. TLS hides that; there each side's stream
// ends with an alert, and the first one counts, since the other side answers it. But PostgreSQL may have
// answered a Terminate before the client, which sends it in a record of its own, comes to its alert: five
// bytes of the client that the backend answers with an alert and not a word were a goodbye. (Before
// PostgreSQL ends a session by itself it says why, but for a few places that exit without a word once its
// postmaster is gone; then the client was hardly saying something of five bytes.) Whoever goes on has not
// said goodbye: then the bytes only looked like it.
//
// Flow: from_client() and to_client() for every chunk that is passed on -> said() when a side has ended.
#include <algorithm>
#include <array>
#include <cstdint>

#include "pgsteer/base/bytes.hpp"
#include "pgsteer/relay/carried_flow.hpp"
#include "relay/tls_record.hpp"

namespace pgsteer::relay {

class goodbye {
 public:
  enum class speaker : std::uint8_t {
    nobody,
    client,
    client_by_answer,  // told by the answer of the backend to it
    backend,
  };

  // is_readable: the bytes are PostgreSQL's messages in the clear, else they are encrypted.
  explicit goodbye(bool is_readable) noexcept : is_readable_(is_readable) {}
  explicit goodbye(const flow_memory& before) noexcept
      : is_readable_(before.is_readable),
        said_(before.goodbye <= static_cast<std::uint8_t>(speaker::backend) ? speaker{before.goodbye}
                                                                            : speaker::nobody),
        may_be_terminate_(before.may_be_terminate),
        ciphers_(before.terminate_ciphers) {}
  void save(flow_memory& into) const noexcept {
    into.is_readable = is_readable_;
    into.goodbye = static_cast<std::uint8_t>(said_);
    into.may_be_terminate = may_be_terminate_;
    into.terminate_ciphers = ciphers_;
  }

  void from_client(byte_span bytes) noexcept {
    if (is_readable_) {
      said_ = ends_with_terminate(bytes) ? speaker::client : speaker::nobody;
      return;
    }
    const tls_record last = last_tls_record(bytes);
    if (last.what == tls_content::alert) {
      if (said_ == speaker::nobody && is_goodbye(last, bytes.first(bytes.size() - last.bytes)))
        said_ = speaker::client;
    } else {
      said_ = speaker::nobody;
    }
    may_be_terminate_ = last.what == tls_content::five_bytes;
    ciphers_ = last.ciphers;
  }

  void to_client(byte_span bytes) noexcept {
    if (is_readable_) return;
    const tls_record last = last_tls_record(bytes);
    if (last.what != tls_content::alert) {
      if (said_ == speaker::backend) said_ = speaker::nobody;
    } else if (said_ == speaker::nobody) {
      const bool is_alone = last.bytes == bytes.size();
      said_ = may_be_terminate_ && is_alone && last.ciphers == ciphers_ ? speaker::client_by_answer
                                                                        : speaker::backend;
    }
    may_be_terminate_ = false;
  }

  [[nodiscard]] bool is_readable() const noexcept { return is_readable_; }
  [[nodiscard]] speaker said() const noexcept { return said_; }

 private:
  // Terminate: Byte1('X') | Int32(4)  -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
  static constexpr std::array<std::uint8_t, 5> terminate{'X', 0, 0, 0, 4};

  static bool ends_with_terminate(byte_span bytes) noexcept {
    return bytes.size() >= terminate.size() && std::ranges::equal(bytes.last(terminate.size()), terminate);
  }

  // Of the client. In TLS 1.3 an alert looks like two bytes at the end of much data, but not behind
  // Terminate.
  [[nodiscard]] bool is_goodbye(const tls_record& alert, byte_span ahead) const noexcept {
    if (alert.is_sure) return true;
    if (ahead.empty()) return may_be_terminate_ && ciphers_ == alert.ciphers;
    const tls_record before = last_tls_record(ahead);
    return before.what == tls_content::five_bytes && before.ciphers == alert.ciphers;
  }

  bool is_readable_;
  speaker said_ = speaker::nobody;
  bool may_be_terminate_ = false;  // what the client sent last, unanswered so far
  std::uint8_t ciphers_ = 0;       // by which it is that
};

}  // namespace pgsteer::relay
