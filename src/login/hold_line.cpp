#include "pgsteer/login/hold_line.hpp"

#include <optional>

namespace pgsteer::login {
hold_line::place hold_line::join(std::size_t listener, waiter& who, time_point arrived, wish wanted) {
  return {waiting_, waiting_.insert(place_by_arrival(waiting_, arrived), {listener, &who, arrived, wanted})};
}

void hold_line::place::leave() noexcept {
  if (line_ != nullptr) line_->erase(entry_);
  line_ = nullptr;
}

void hold_line::wake(const std::function<bool(std::size_t listener)>& is_ready, bool is_changed) {
  std::optional<std::size_t> asked;
  bool is_ready_for_asked = false;
  for (const entry& each : waiting_) {
    if (each.wish == wish::a_change) {
      if (is_changed) each.who->wake();
      continue;
    }
    if (each.listener != asked) {
      asked = each.listener;
      is_ready_for_asked = is_ready(*asked);
    }
    if (is_ready_for_asked) each.who->wake();
  }
}

}  // namespace pgsteer::login
