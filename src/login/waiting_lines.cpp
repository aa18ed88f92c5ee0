#include "pgsteer/login/waiting_lines.hpp"

namespace pgsteer::login {
namespace {

// Before the first that came later. Nearly everybody joins at the end.
template <class Line>
typename Line::iterator place_in_order(Line& line, time_point arrived) {
  auto where = line.end();
  while (where != line.begin() && std::prev(where)->arrived > arrived) --where;
  return where;
}

constexpr std::nullptr_t nobody = nullptr;

}  // namespace

dial_gate::place dial_gate::enter(waiter& who, time_point arrived) {
  if (free_ == 0) return {*this, waiting_.insert(place_in_order(waiting_, arrived), {&who, arrived})};
  --free_;
  return {*this, std::nullopt};
}

bool dial_gate::place::is_granted() const noexcept {
  return gate_ != nullptr && (!entry_ || (*entry_)->who == nobody);
}

void dial_gate::place::leave() noexcept {
  if (gate_ == nullptr) return;
  const bool was_granted = is_granted();
  if (entry_) (was_granted ? gate_->granted_ : gate_->waiting_).erase(*entry_);
  if (was_granted) gate_->pass_on();
  gate_ = nullptr;
  entry_.reset();
}

// A place has come free: to the one who has waited longest.
void dial_gate::pass_on() noexcept {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  granted_.splice(granted_.end(), waiting_, waiting_.begin());
  std::exchange(granted_.back().who, nobody)->wake();
}

hold_line::place hold_line::join(std::size_t listener, waiter& who, time_point arrived, wish wanted) {
  return {waiting_, waiting_.insert(place_in_order(waiting_, arrived), {listener, &who, arrived, wanted})};
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
