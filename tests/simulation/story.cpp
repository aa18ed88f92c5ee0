#include "simulation/story.hpp"

#include <algorithm>
#include <cstdio>

namespace pgsteer::simulation {
namespace {

std::string since(time_point start, time_point at) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "+%.6f", std::chrono::duration<double>(at - start).count());
  return text.data();
}

}  // namespace

story::line& story::next() {
  return lines_[count_++ % lines_max];
}

void story::note(time_point now, const char* what, std::size_t place) {
  line& told = next();
  told.at = now;
  told.what = what;
  told.place = place;
}

void story::note_late(time_point now, std::size_t place, time_point sent_at) {
  note(now, "has not answered yet", place);
  line& told = lines_[(count_ - 1) % lines_max];
  told.sent_at = sent_at;
}

void story::note(time_point now, std::size_t place, const topology::probe_result& result) {
  line& told = next();
  told = {};
  told.at = now;
  told.place = place;
  told.sent_at = result.sent_at;
  told.outcome = result.outcome;
  told.has_answer = result.answer.has_value();
  if (!result.answer) return;
  told.is_in_recovery = result.answer->is_in_recovery;
  told.is_lower_bound = result.answer->is_timeline_lower_bound;
  told.timeline = result.answer->timeline;
  told.position = result.answer->is_in_recovery ? result.answer->replay_lsn : result.answer->write_lsn;
  told.system = result.answer->system;
}

std::string story::in_words(const line& told) const {
  std::string text = since(start_, told.at) + "  ";
  if (told.place != nobody) text += std::string(1, static_cast<char>('a' + told.place)) + " ";
  if (told.what != nullptr) return text + told.what;
  text += topology::to_string(told.outcome);
  if (told.has_answer) {
    text += told.is_in_recovery ? ": standby, timeline " : ": primary, timeline ";
    text += (told.is_lower_bound ? ">= " : "") + std::to_string(told.timeline.value);
    text += ", lsn " + topology::to_string(told.position) + ", system " + std::to_string(told.system.value);
  }
  return text + " (asked at " + since(start_, told.sent_at) + ")";
}

std::string story::last(std::size_t lines) const {
  const std::uint64_t kept = std::min<std::uint64_t>({lines, lines_max, count_});
  std::string text;
  for (std::uint64_t i = count_ - kept; i < count_; ++i) text += in_words(lines_[i % lines_max]) + "\n";
  return text;
}

}  // namespace pgsteer::simulation
