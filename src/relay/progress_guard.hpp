#pragma once
// progress_guard: finds a flow that asks for turn after turn and gets nowhere.
//
// Such a flow is a bug of ours, and would turn one worker into a busy loop that starves all its sessions
// (HAProxy's CVE-2024-45506 was one). Pure; one per flow.
#include <cstdint>

namespace pgsteer::relay {

class progress_guard {
 public:
  // Each turn that a flow asks for must move a byte or end a side. One empty turn may be explained by a read
  // that another thread's interrupt made vain; 16 in a row cannot.
  static constexpr std::uint8_t empty_turns_max = 16;

  // After each turn. True: end the flow.
  [[nodiscard]] bool is_exceeded(bool wants_another_turn, bool has_progressed) noexcept {
    empty_turns_ =
        wants_another_turn && !has_progressed ? static_cast<std::uint8_t>(empty_turns_ + 1) : std::uint8_t{0};
    return empty_turns_ >= empty_turns_max;
  }

 private:
  std::uint8_t empty_turns_ = 0;
};

}  // namespace pgsteer::relay
