#include "pgsteer/base/log.hpp"

#include <spdlog/async.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/spdlog.h>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <thread>

namespace pgsteer {
namespace {

// 8192 lines of about 200 bytes: 1.6 MB at most, several seconds of a login storm.
constexpr std::size_t queue_lines_max = 8192;

std::shared_ptr<spdlog::logger> logger;
std::atomic<bool> is_started{false};
std::atomic<log_level> level_min{log_level::info};
std::atomic<log_format> format_chosen{log_format::text};

spdlog::level::level_enum spdlog_level(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return spdlog::level::debug;
    case log_level::info:
      return spdlog::level::info;
    case log_level::warning:
      return spdlog::level::warn;
    case log_level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view level_name(log_level level) noexcept {
  switch (level) {
    case log_level::debug:
      return "debug";
    case log_level::info:
      return "info";
    case log_level::warning:
      return "warning";
    case log_level::error:
      return "error";
  }
  return "info";
}

std::string utc_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const std::time_t whole = static_cast<std::time_t>(ms / 1000);
  std::tm parts{};
  gmtime_r(&whole, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec, ms % 1000);
}

// A JSON string's escapes; bytes above 0x7e are written as \u00xx, so any peer bytes give valid JSON and a
// terminal sees no control sequence.
void append_quoted(std::string& out, std::string_view text) {
  const bool is_cut = text.size() > log_field_bytes_max;
  if (is_cut) text = text.substr(0, log_field_bytes_max);
  out += '"';
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte > 0x7e) {
      out += fmt::format("\\u{:04x}", byte);
    } else {
      out += c;
    }
  }
  if (is_cut) out += "...";
  out += '"';
}

bool is_plain(std::string_view text) noexcept {
  if (text.empty() || text.size() > log_field_bytes_max) return false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte <= 0x20 || byte > 0x7e || c == '"' || c == '=' || c == '\\') return false;
  }
  return true;
}

void append_value(std::string& out, const log_field& field, bool always_quoted) {
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    if (!always_quoted && is_plain(*text)) {
      out += *text;
    } else {
      append_quoted(out, *text);
    }
  } else if (const auto* whole = std::get_if<std::int64_t>(&field.value)) {
    out += std::to_string(*whole);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    out += fmt::format("{:.3f}", *real);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

std::string text_line(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  std::string line = fmt::format("{} {:<7} {}", utc_now(), level_name(level), event);
  for (const log_field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field, false);
  }
  return line;
}

std::string json_line(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  std::string line = fmt::format(R"({{"time":"{}","level":"{}","event":)", utc_now(), level_name(level));
  append_quoted(line, event);
  for (const log_field& field : fields) {
    line += ",\"";
    line += field.key;
    line += "\":";
    append_value(line, field, true);
  }
  line += '}';
  return line;
}

}  // namespace

void start_logging(const log_options& options) {
  level_min = options.level;
  format_chosen = options.format;
  spdlog::init_thread_pool(queue_lines_max, 1);
  auto sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>(spdlog::color_mode::never);
  logger = std::make_shared<spdlog::async_logger>("pgsteer", std::move(sink), spdlog::thread_pool(),
                                                  spdlog::async_overflow_policy::overrun_oldest);
  logger->set_pattern("%v");
  logger->set_level(spdlog::level::trace);
  is_started = true;
}

bool stop_logging() {
  if (!is_started.exchange(false)) return true;
  // The writer may be blocked in write(2) for ever, and joining it would block with it.
  std::promise<void> ended;
  auto is_over = ended.get_future();
  std::thread([ended = std::move(ended)]() mutable {
    logger.reset();
    spdlog::shutdown();
    ended.set_value();
  }).detach();
  return is_over.wait_for(log_stop_timeout) == std::future_status::ready;
}

bool is_logged(log_level level) noexcept {
  return is_started && level >= level_min;
}

void log(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  if (!is_logged(level)) return;
  logger->log(spdlog_level(level), format_chosen == log_format::json ? json_line(level, event, fields)
                                                                     : text_line(level, event, fields));
}

}  // namespace pgsteer
