#include "admin/failover_list.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "admin/failover_figures.hpp"
#include "admin/html.hpp"
#include "admin/wording.hpp"

namespace pgsteer::admin {
namespace {

struct phase {
  std::string_view kind;  // the style's class
  std::string_view words;
  milliseconds took;
};

std::vector<phase> phases_in_words(const story::failover& of, time_point now) {
  const failover_phases took = phases_of(of, now);
  std::vector<phase> found;
  const auto add = [&](std::string_view kind, std::string_view words, std::optional<milliseconds> each) {
    if (each) found.push_back({kind, words, *each});
  };
  add("detect", "first sign to loss", took.detect);
  add("prove", of.to ? "loss to successor's proof" : "until it was back", took.prove);
  add("settle", "settling", took.settle);
  add("login", "to the first rw login", took.login);
  milliseconds known{0};
  for (const phase& each : found) known += each.took;
  if (took.elapsed) add("open", "since then", std::max(milliseconds{0}, *took.elapsed - known));
  return found;
}

std::string took_in_words(milliseconds took) {
  return took.count() == 0 ? "< 1 ms" : age_in_words(took);
}

// In thousandths of its length; the shortest phase can be seen too.
std::string phases_bar(const std::vector<phase>& phases) {
  const auto count = static_cast<std::int64_t>(phases.size());
  constexpr std::int64_t length = 1000;
  constexpr std::int64_t shortest = 12;
  std::int64_t sum = 0;
  for (const phase& each : phases) sum += each.took.count();
  std::int64_t at = 0;
  std::string rects;
  for (const phase& each : phases) {
    const std::int64_t width =
        shortest + each.took.count() * (length - count * shortest) / std::max<std::int64_t>(1, sum);
    rects += "<rect class=\"" + std::string(each.kind) + "\" x=\"" + std::to_string(at) + "\" width=\"" +
             std::to_string(width) + "\" height=\"10\"/>";
    at += width;
  }
  return "<svg class=\"bar\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">" +
         rects + "</svg>";
}

std::string phases_list(const std::vector<phase>& phases) {
  std::string items;
  for (const phase& each : phases) {
    items += "<li class=\"" + std::string(each.kind) + "\">" + html_escaped(each.words) + " <b>" +
             html_escaped(took_in_words(each.took)) + "</b></li>";
  }
  return "<ul class=\"phases\">" + items + "</ul>";
}

std::string primary_html(const story::past_primary& of) {
  return "<span class=\"code\">" + html_escaped(of.address) + "</span>" +
         (of.name == of.address ? "" : " <span class=\"dim\">" + html_escaped(of.name) + "</span>");
}

std::string title_html(const story::failover& of) {
  const std::string from = primary_html(of.from);
  if (of.to) {
    return from + " &rarr; " + primary_html(*of.to) + " <span class=\"dim\">timeline " +
           std::to_string(of.from.timeline.value) + " &rarr; " + std::to_string(of.to->timeline.value) +
           "</span>";
  }
  return from + " <span class=\"dim\">timeline " + std::to_string(of.from.timeline.value) + "</span>";
}

std::string details_in_words(const story::failover& of, time_point now) {
  const failover_phases took = phases_of(of, now);
  std::string sign(of.sign);
  std::replace(sign.begin(), sign.end(), '_', ' ');  // of an outcome's name
  std::string words = "First sign: " + sign + ". Logins: " + std::to_string(of.logins.held) + " held, " +
                      std::to_string(of.logins.released) + " released, " + std::to_string(of.logins.expired) +
                      " expired";
  if (of.logins.stale_refused != 0)
    words += ", " + std::to_string(of.logins.stale_refused) + " kept off a stale primary";
  words += ". Sessions on the old primary: " + std::to_string(of.sessions);
  if (took.empty && of.sessions != 0)
    words += ", the last ended " + took_in_words(*took.empty) + " after the proof";
  return words + ".";
}

std::string_view stage_kind(story::failover::stage reached) {
  using enum story::failover::stage;
  switch (reached) {
    case lost:
      return "bad";
    case settling:
    case proven:
    case cut_short:
      return "warn";
    case over:
    case same_primary:
      return "ok";
  }
  return "";
}

std::string failover_item(const story::failover& of, time_point now) {
  const std::vector<phase> phases = phases_in_words(of, now);
  return "<li class=\"event\"><p class=\"when\">" + time_html(of.began_at_wall) +
         "</p><div><p class=\"what\">" + title_html(of) + " " +
         badge(stage_kind(of.reached), stage_in_words(of, now)) + "</p>" + phases_bar(phases) +
         phases_list(phases) + "<p class=\"dim\">" + html_escaped(details_in_words(of, now)) +
         "</p></div></li>\n";
}

std::string role_change_item(const story::role_change& of) {
  const std::string address = of.address;
  return "<li class=\"event\"><p class=\"when\">" + time_html(of.at) +
         "</p><div><p class=\"what\"><span class=\"code\">" + html_escaped(address) + "</span>" +
         (of.name == address ? "" : " <span class=\"dim\">" + html_escaped(of.name) + "</span>") + " " +
         badge(role_kind(of.from), topology::to_string(of.from)) + " &rarr; " +
         badge(role_kind(of.to), topology::to_string(of.to)) + " <span class=\"dim\">timeline " +
         std::to_string(of.timeline.value) + "</span></p><p class=\"dim\">" +
         html_escaped(to_string(of.reason)) + "</p></div></li>\n";
}

}  // namespace

std::string stage_in_words(const story::failover& of, time_point now) {
  using enum story::failover::stage;
  const failover_phases took = phases_of(of, now);
  switch (of.reached) {
    case lost:
      return "no primary for " + age_in_words(took.elapsed.value_or(milliseconds{0})) +
             ", rw logins are held";
    case settling:
      return "the successor's promotion settles, rw logins are held";
    case proven:
      return "the first rw login is awaited";
    case over:
      return "over after " + age_in_words(took.total.value_or(milliseconds{0}));
    case same_primary:
      return "the same primary was back after " + age_in_words(took.total.value_or(milliseconds{0}));
    case cut_short:
      return "the successor was lost before its first rw login";
  }
  return "";
}

std::string failovers_section(const story::history& of, time_point now) {
  std::string items;
  for (auto each = of.failovers().rbegin(); each != of.failovers().rend(); ++each)
    items += failover_item(*each, now);
  if (items.empty()) items = "<li class=\"dim\">None since pgsteer was started.</li>\n";
  return "<section id=\"failovers\">\n<h2>Failovers</h2>\n<ol class=\"events\">\n" + items +
         "</ol>\n</section>\n";
}

std::string role_changes_section(const story::history& of) {
  std::string items;
  for (auto each = of.role_changes().rbegin(); each != of.role_changes().rend(); ++each)
    items += role_change_item(*each);
  if (items.empty()) items = "<li class=\"dim\">None since pgsteer was started.</li>\n";
  return "<section id=\"roles\">\n<h2>Role changes</h2>\n<ol class=\"events\">\n" + items +
         "</ol>\n</section>\n";
}

}  // namespace pgsteer::admin
