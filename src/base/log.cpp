#include "pgsteer/base/log.hpp"

#include <poll.h>
#include <spdlog/async.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <ctime>
#include <future>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

namespace pgsteer {
namespace {

// Several seconds of a login storm. 3 MiB, and up to 16 MiB more if nobody reads and every line is as long as
// hostile names can make it.
constexpr std::size_t queue_lines_max = 8192;

// A session's line is about 230 bytes.
constexpr std::size_t line_bytes_usual = 320;

// After the last line of a burst the writer rests: lines that come meanwhile need not wake it, which under a
// storm of logins costs more than writing them.
constexpr auto writer_rest = milliseconds{5};

// The lines that wait together are written together, but for a write of this many bytes.
constexpr std::size_t write_bytes_enough = 64 * 1024;

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

// Up to the second it is worked out once a second.
void append_utc_now(std::string& out) {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count();
  const auto whole = static_cast<std::time_t>(ms / 1000);
  thread_local std::time_t known = -1;
  thread_local std::string to_the_second;
  if (whole != known) {
    known = whole;
    std::tm parts{};
    gmtime_r(&whole, &parts);
    to_the_second = fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", parts.tm_year + 1900, parts.tm_mon + 1,
                                parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
  }
  out += to_the_second;
  fmt::format_to(std::back_inserter(out), ".{:03}Z", ms % 1000);
}

// A JSON string's escapes; bytes above 0x7e are written as \u00xx, so any peer bytes give valid JSON and a
// terminal sees no control sequence.
void append_escaped(std::string& out, char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (c == '"' || c == '\\') {
    out += '\\';
    out += c;
  } else if (byte < 0x20 || byte > 0x7e) {
    fmt::format_to(std::back_inserter(out), "\\u{:04x}", byte);
  } else {
    out += c;
  }
}

void append_quoted(std::string& out, std::string_view text) {
  out += '"';
  const std::size_t bytes_max = out.size() + log_field_bytes_max;
  for (const char c : text) {
    const std::size_t before = out.size();
    append_escaped(out, c);
    if (out.size() <= bytes_max) continue;
    out.resize(before);
    out += "...";
    break;
  }
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
    fmt::format_to(std::back_inserter(out), "{}", *whole);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    fmt::format_to(std::back_inserter(out), "{:.3f}", *real);
  } else {
    out += std::get<bool>(field.value) ? "true" : "false";
  }
}

std::string text_line(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  std::string line;
  line.reserve(line_bytes_usual);
  append_utc_now(line);
  fmt::format_to(std::back_inserter(line), " {:<7} {}", level_name(level), event);
  for (const log_field& field : fields) {
    line += ' ';
    line += field.key;
    line += '=';
    append_value(line, field, false);
  }
  return line;
}

std::string json_line(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  std::string line;
  line.reserve(line_bytes_usual);
  line += R"({"time":")";
  append_utc_now(line);
  fmt::format_to(std::back_inserter(line), R"(","level":"{}","event":)", level_name(level));
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

std::string line_of(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  return format_chosen == log_format::json ? json_line(level, event, fields)
                                           : text_line(level, event, fields);
}

// Writes to stderr. The pool's thread is the only one that calls it.
class resting_sink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit resting_sink(spdlog::details::thread_pool& pool) : pool_(pool) {}
  ~resting_sink() override { flush_(); }  // behind the last line the pool has an order to end in its queue
  resting_sink(const resting_sink&) = delete;
  resting_sink& operator=(const resting_sink&) = delete;

 private:
  void sink_it_(const spdlog::details::log_msg& line) override {
    lines_.append(line.payload.data(), line.payload.size());
    lines_ += '\n';
    const bool is_last = pool_.queue_size() == 0;
    if (is_last || lines_.size() >= write_bytes_enough) {
      tell_of_losses();
      flush_();
    }
    if (is_last) std::this_thread::sleep_for(writer_rest);
  }
  void tell_of_losses() {
    const std::size_t lost = pool_.overrun_counter();
    if (lost == lost_told_) return;
    lines_ += line_of(log_level::warning, "log lines lost, nobody read them in time",
                      {{"lines", static_cast<std::int64_t>(lost - lost_told_)}});
    lines_ += '\n';
    lost_told_ = lost;
  }
  // Waits for a slow reader; one that has gone loses lines.
  void flush_() noexcept override {
    for (std::string_view rest = lines_; !rest.empty();) {
      const ssize_t n = ::write(STDERR_FILENO, rest.data(), rest.size());
      if (n > 0) {
        rest.remove_prefix(static_cast<std::size_t>(n));
      } else if (errno == EAGAIN) {
        pollfd room{STDERR_FILENO, POLLOUT, 0};
        (void)::poll(&room, 1, -1);
      } else if (errno != EINTR) {
        break;
      }
    }
    lines_.clear();
  }

  spdlog::details::thread_pool& pool_;
  std::string lines_;
  std::size_t lost_told_ = 0;
};

}  // namespace

void change_logging(const log_options& options) noexcept {
  level_min = options.level;
  format_chosen = options.format;
}

void start_logging(const log_options& options) {
  change_logging(options);
  spdlog::init_thread_pool(queue_lines_max, 1);
  logger = std::make_shared<spdlog::async_logger>(
      "pgsteer", std::make_shared<resting_sink>(*spdlog::thread_pool()), spdlog::thread_pool(),
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

std::uint64_t log_lines_lost() {
  const auto pool = spdlog::thread_pool();
  return pool == nullptr ? 0 : pool->overrun_counter();
}

void log(log_level level, std::string_view event, std::initializer_list<log_field> fields) {
  if (!is_logged(level)) return;
  logger->log(spdlog_level(level), line_of(level, event, fields));
}

}  // namespace pgsteer
