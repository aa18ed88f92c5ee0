#include "pgsteer/login/hold_line.hpp"

#include <optional>
#include <vector>

namespace pgsteer::login {
hold_line::place hold_line::join(std::size_t listener, const std::function<void()>& wake, time_point arrived,
                                 wish wanted) {
  return {waiting_, waiting_.insert(place_by_arrival(waiting_, arrived), {listener, &wake, arrived, wanted})};
}

void hold_line::place::leave() noexcept {
  if (line_ != nullptr) line_->erase(entry_);
  line_ = nullptr;
}

void hold_line::wake(const std::function<bool(std::size_t listener)>& is_ready, bool is_changed) {
  std::vector<std::optional<bool>> asked;  // by listener: each is asked about once
  for (const entry& each : waiting_) {
    if (each.wish == wish::a_change) {
      if (is_changed) (*each.wake)();
      continue;
    }
    if (each.listener >= asked.size()) asked.resize(each.listener + 1);
    std::optional<bool>& ready = asked[each.listener];
    if (!ready) ready = is_ready(each.listener);
    if (*ready) (*each.wake)();
  }
}

}  // namespace pgsteer::login
