#include "pgsteer/fence/fence_memory.hpp"

#include <boost/asio/post.hpp>
#include <utility>

#include "pgsteer/base/log.hpp"
#include "pgsteer/fence/fence_file.hpp"

namespace pgsteer::fence {
namespace asio = boost::asio;
namespace {

constexpr auto retry_interval = seconds{1};

// Where its timeline began may be told differently by another pgsteer that remembers in the same folder.
bool is_same_fence(const std::optional<topology::fence_mark>& left,
                   const std::optional<topology::fence_mark>& right) {
  if (!left || !right) return !left && !right;
  return left->system == right->system && left->timeline == right->timeline;
}

}  // namespace

fence_memory::fence_memory(asio::io_context& control, std::string state_dir,
                           topology::system_identifier named, on_mark handler)
    : control_(control),
      state_dir_(std::move(state_dir)),
      named_(named),
      handler_(std::move(handler)),
      retry_timer_(control) {}

fence_memory::~fence_memory() {
  if (!disk_) return;
  if (is_unsaved()) write();
  disk_->join();
}

std::string fence_memory::recall() {
  if (state_dir_.empty()) return {};
  fence_reading reading = read_fence(state_dir_);
  if (!reading.problem.empty()) return std::move(reading.problem);
  disk_.emplace(1);
  take(reading.mark);
  return {};
}

void fence_memory::keep(const topology::fence_mark& mark) {
  wanted_ = mark;
  if (is_unsaved() && !is_writing_) write();
}

void fence_memory::write() {
  is_writing_ = true;
  asio::post(*disk_, [this, folder = state_dir_, mark = wanted_] {
    std::string problem = write_fence(folder, mark);
    asio::post(control_,
               [this, folder, mark, problem = std::move(problem)] { on_written(folder, mark, problem); });
  });
}

void fence_memory::on_written(const std::string& state_dir, const std::optional<topology::fence_mark>& mark,
                              const std::string& problem) {
  is_writing_ = false;
  if (state_dir != state_dir_) {
    if (is_unsaved()) write();
    return;
  }
  if (problem != problem_) {
    if (problem.empty()) {
      log(log_level::info, "the fence is remembered after all");
    } else {
      log(log_level::error, "the fence cannot be remembered, trying again",
          {{"reason", std::string_view(problem)}});
    }
  }
  problem_ = problem;
  if (problem.empty()) {
    saved_ = mark;
    if (is_unsaved()) write();
    return;
  }
  retry_timer_.expires_after(retry_interval);
  retry_timer_.async_wait([this](const error_code& ec) {
    if (!ec && is_unsaved() && !is_writing_) write();
  });
}

void fence_memory::reread() {
  if (state_dir_.empty()) return;
  asio::post(*disk_, [this, folder = state_dir_] {
    asio::post(control_, [this, folder, reading = read_fence(folder)] {
      if (folder == state_dir_) on_read(reading);
    });
  });
}

void fence_memory::on_read(const fence_reading& reading) {
  if (is_unsaved()) {
    log(log_level::error, "the fence stays as it is: the file is older, it could not be written yet");
  } else if (!reading.problem.empty()) {
    log(log_level::error, "the fence stays as it is", {{"reason", std::string_view(reading.problem)}});
  } else if (reading.is_missing && wanted_) {
    log(log_level::warning, "the fence stays as it is: its file is gone, and written again",
        {{"file", std::string_view(fence_path(state_dir_))}});
    saved_.reset();
    write();
  } else if (is_same_fence(reading.mark, wanted_)) {
    log(log_level::info, "the fence is unchanged");
  } else {
    log(log_level::info, reading.mark ? "the fence is read again" : "the fence is forgotten");
    take(reading.mark);
  }
}

void fence_memory::move_to(const place& next, const std::optional<topology::fence_mark>& present) {
  named_ = next.named;
  if (next.state_dir == state_dir_) return;
  state_dir_ = next.state_dir;
  const auto& found = next.found.mark;
  saved_ = found;
  wanted_ = present;
  problem_.clear();
  if (state_dir_.empty()) return;
  if (!disk_) disk_.emplace(1);
  const bool is_ours = found && (named_.value == 0 || named_ == found->system);
  const bool is_ahead =
      is_ours && (!present || (present->system == found->system && present->timeline < found->timeline));
  if (is_ahead) return take(found);
  if (!present) {
    wanted_ = found;
    return;
  }
  if (found && found->system != present->system) {
    log(log_level::warning, "the folder remembered another cluster's fence, which is replaced",
        {{"file", std::string_view(fence_path(state_dir_))}});
  }
  if (is_unsaved() && !is_writing_) write();
}

void fence_memory::take(const std::optional<topology::fence_mark>& mark) {
  wanted_ = saved_ = mark;
  handler_(mark);
  if (!mark) return;
  const bool is_ignored = named_.value != 0 && named_ != mark->system;
  log(is_ignored ? log_level::warning : log_level::info,
      is_ignored ? "the remembered fence is another cluster's than cluster.system_identifier names: ignored"
                 : "the fence is remembered",
      {{"file", std::string_view(fence_path(state_dir_))},
       {"timeline", static_cast<std::int64_t>(mark->timeline.value)},
       {"system_identifier", std::string_view(std::to_string(mark->system.value))}});
}

}  // namespace pgsteer::fence
