#pragma once
// The log: one event, its fields, one line; text or JSON. The only place that knows spdlog.
//
// Never give it secrets, message payload or unbounded peer text: a field's value is escaped, and cut at
// log_field_bytes_max. Writing never blocks the caller: a bounded queue feeds one writer thread, and when it
// is full the oldest line is lost, which is counted and said. Any thread.
//
// Flow: start_logging(options) once in main -> log(...) anywhere -> stop_logging() flushes.
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <variant>

#include "pgsteer/base/clock.hpp"

namespace pgsteer {

enum class log_level { debug, info, warning, error };
enum class log_format { text, json };

struct log_options {
  log_level level = log_level::info;
  log_format format = log_format::text;
};

// As written, escapes included. A user or database name is at most 63 bytes (NAMEDATALEN), a server's message
// a line or two.
inline constexpr std::size_t log_field_bytes_max = 512;

inline constexpr milliseconds log_stop_timeout{500};

struct log_field {
  std::string_view key;
  std::variant<std::string_view, std::int64_t, double, bool> value;
};

// Starts the writer; before this (and in unit tests) log() writes nothing.
void start_logging(const log_options& options);
// From the next line on; those that wait to be written stay as they are.
void change_logging(const log_options& options) noexcept;
// Flushes and ends the writer thread. False if that does not work within log_stop_timeout, because nobody
// reads our stderr: the process can then end only without it (std::_Exit).
[[nodiscard]] bool stop_logging();

[[nodiscard]] bool is_logged(log_level level) noexcept;

// Since start_logging(), because nobody read our stderr in time. Takes a lock of the queue.
[[nodiscard]] std::uint64_t log_lines_lost();

// One line on stderr: time, level, event, fields as key=value or as members of a JSON object.
void log(log_level level, std::string_view event, std::initializer_list<log_field> fields = {});

}  // namespace pgsteer
