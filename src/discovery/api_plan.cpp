#include "discovery/api_plan.hpp"

#include <algorithm>
#include <utility>

namespace pgsteer::discovery {

std::string_view to_string(api_ending end) noexcept {
  switch (end) {
    case api_ending::complete:
      return "complete";
    case api_ending::gone:
      return "gone";
    case api_ending::unauthorized:
      return "unauthorized";
    case api_ending::forbidden:
      return "forbidden";
    case api_ending::throttled:
      return "throttled";
    case api_ending::refused:
      return "refused";
    case api_ending::malformed:
      return "malformed";
    case api_ending::no_connection:
      return "no_connection";
    case api_ending::late:
      return "late";
    case api_ending::not_set_up:
      return "not_set_up";
  }
  return "refused";
}

bool api_plan::note_page(std::string_view resource_version, std::string_view continue_token) {
  has_page_ = true;
  const bool is_whole = continue_token.empty();
  next_ = is_whole ? api_request{true, std::string(resource_version), {}}
                   : api_request{false, {}, std::string(continue_token)};
  return is_whole;
}

void api_plan::note_version(std::string_view resource_version) {
  if (next_.resource_version == resource_version) return;
  has_news_ = true;
  next_.resource_version = resource_version;
}

duration api_plan::note_end(api_ending end, double luck, std::optional<duration> lasted,
                            std::optional<duration> retry_after) {
  const bool has_page = std::exchange(has_page_, false);
  const bool has_news = std::exchange(has_news_, false);
  const bool is_good_watch =
      has_news || (end == api_ending::complete && lasted.value_or(duration{}) >= watch_time_min);
  if (has_page || is_good_watch) was_unauthorized_ = false;
  if (is_good_watch) {
    was_gone_ = false;
    watch_failures_ = 0;
  }
  // A list between two watches that fail with 410 is no success yet.
  if (is_good_watch || (has_page && !was_gone_)) failures_ = 0;
  if (end == api_ending::complete && (has_page || is_good_watch)) return {};

  if (end == api_ending::gone) {
    list_anew();
    // A version ages while it is not used; one that is new and gone is the server's fault.
    if (!std::exchange(was_gone_, true)) return {};
  }
  // The token may have been renewed just now.
  if (end == api_ending::unauthorized && !std::exchange(was_unauthorized_, true)) return {};
  const bool was_answered = lasted || end == api_ending::refused || end == api_ending::malformed ||
                            end == api_ending::forbidden || end == api_ending::complete;
  if (next_.is_watch && was_answered && ++watch_failures_ >= watch_failures_max) list_anew();
  const duration wait = pause(luck);
  return std::max(wait, std::min(retry_after.value_or(duration{}), retry_after_max));
}

// A list has to be whole, so it begins with its first page.
void api_plan::list_anew() {
  next_ = {};
  watch_failures_ = 0;
}

duration api_plan::pause(double luck) {
  duration whole = wait_min;
  for (int i = 0; i < failures_ && whole < wait_max; ++i) whole *= 2;
  whole = std::min(whole, wait_max);
  if (whole < wait_max) ++failures_;
  const duration half = whole / 2;
  return half + std::chrono::duration_cast<duration>(half * std::clamp(luck, 0.0, 1.0));
}

}  // namespace pgsteer::discovery
