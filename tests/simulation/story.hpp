#pragma once
// story: the last events of a history, kept as they are and put into words only when somebody asks.
//
// One history, one thread.
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "pgsteer/topology/probe_result.hpp"

namespace pgsteer::simulation {

class story {
 public:
  static constexpr std::size_t nobody = 99;  // for what concerns no place

  explicit story(time_point start) : start_(start) {}

  // what outlives the story.
  void note(time_point now, const char* what, std::size_t place = nobody);
  void note(time_point now, std::size_t place, const topology::probe_result& told);
  void note_late(time_point now, std::size_t place, time_point sent_at);

  // At most so many lines, the oldest first:
  //   +12.345678  b answered: primary, timeline 3, lsn 0/F4240 (asked at +12.344)
  [[nodiscard]] std::string last(std::size_t lines) const;

 private:
  struct line {
    time_point at;
    const char* what = nullptr;
    std::size_t place = nobody;
    time_point sent_at;
    topology::probe_outcome outcome{};
    bool has_answer = false;
    bool is_in_recovery = false;
    bool is_lower_bound = false;
    topology::timeline_id timeline;
    topology::lsn position;
    topology::system_identifier system;
  };
  static constexpr std::size_t lines_max = 1024;

  line& next();
  [[nodiscard]] std::string in_words(const line& told) const;

  time_point start_;
  std::array<line, lines_max> lines_;
  std::uint64_t count_ = 0;
};

}  // namespace pgsteer::simulation
