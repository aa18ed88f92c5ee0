#include "discovery/api_reader.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include "discovery/errc.hpp"

namespace pgsteer::discovery {
namespace {

// Behind the resource's own fields, in this order.
const std::vector<json_path> object_paths{{"metadata", "uid"}, {"metadata", "resourceVersion"}};
const std::vector<json_path> status_paths{{"code"}, {"reason"}, {"message"}};

// Every path of below, under the keys in prefix.
void add_under(std::vector<json_path>& out, const json_path& prefix, const std::vector<json_path>& below) {
  for (const json_path& each : below) {
    json_path whole = prefix;
    whole.insert(whole.end(), each.begin(), each.end());
    out.push_back(std::move(whole));
  }
}

// Of a list: the fields, the object's own, then the list's.
std::vector<json_path> list_paths(const api_resource& resource) {
  std::vector<json_path> paths;
  add_under(paths, {"items", "[]"}, resource.fields);
  add_under(paths, {"items", "[]"}, object_paths);
  paths.push_back({"metadata", "resourceVersion"});
  paths.push_back({"metadata", "continue"});
  return paths;
}

// Of an event: the fields, the object's own, a Status' own, then the type.
std::vector<json_path> event_paths(const api_resource& resource) {
  std::vector<json_path> paths;
  add_under(paths, {"object"}, resource.fields);
  add_under(paths, {"object"}, object_paths);
  add_under(paths, {"object"}, status_paths);
  paths.push_back({"type"});
  return paths;
}

api_object object_of(const picked_values& values, std::size_t fields) {
  api_object object;
  object.uid = text_of(values, fields);
  object.resource_version = text_of(values, fields + 1);
  for (const picked_value& each : values) {
    if (each.which < fields) object.fields.push_back(each);
  }
  return object;
}

api_status status_of(const picked_values& values, std::size_t first) {
  api_status status;
  const std::string_view code = text_of(values, first);
  std::from_chars(code.data(), code.data() + code.size(), status.code);
  status.reason = text_of(values, first + 1);
  status.message = text_of(values, first + 2);
  return status;
}

std::optional<watch_event::kind> kind_named(std::string_view type) noexcept {
  using enum watch_event::kind;
  if (type == "ADDED") return added;
  if (type == "MODIFIED") return modified;
  if (type == "DELETED") return deleted;
  if (type == "BOOKMARK") return bookmark;
  if (type == "ERROR") return error;
  return std::nullopt;
}

constexpr std::string_view white_space = " \t\r\n";

}  // namespace

std::string_view to_string(watch_event::kind what) noexcept {
  switch (what) {
    case watch_event::kind::added:
      return "added";
    case watch_event::kind::modified:
      return "modified";
    case watch_event::kind::deleted:
      return "deleted";
    case watch_event::kind::bookmark:
      return "bookmark";
    case watch_event::kind::error:
      return "error";
  }
  return "error";
}

list_reader::list_reader(const api_resource& resource, on_object handler)
    : picker_(list_paths(resource), {"items", "[]"},
              [this](const picked_values& values) {
                api_object object = object_of(values, fields_);
                if (object.uid.empty()) {
                  is_malformed_ = true;
                } else {
                  handler_(std::move(object));
                }
              }),
      handler_(std::move(handler)),
      fields_(resource.fields.size()) {}

error_code list_reader::consume(std::string_view bytes) {
  const auto used = picker_.consume(bytes);
  if (used.has_error()) return used.error();
  const bool has_more = bytes.find_first_not_of(white_space, *used) != std::string_view::npos;
  return is_malformed_ || has_more ? error_code(errc::malformed) : error_code();
}

error_code list_reader::finish() const {
  // Every list has a version; a page of something else's JSON has none.
  const bool is_whole = picker_.is_complete() && !is_malformed_ && !resource_version().empty();
  return is_whole ? error_code() : error_code(errc::malformed);
}

std::string_view list_reader::resource_version() const noexcept {
  return text_of(picker_.values(), fields_ + object_paths.size());
}

std::string_view list_reader::continue_token() const noexcept {
  return text_of(picker_.values(), fields_ + object_paths.size() + 1);
}

watch_reader::watch_reader(const api_resource& resource, on_event handler)
    : picker_(event_paths(resource)), handler_(std::move(handler)), fields_(resource.fields.size()) {}

error_code watch_reader::consume(std::string_view bytes) {
  while (true) {
    if (!picker_.is_inside())
      bytes.remove_prefix(std::min(bytes.find_first_not_of(white_space), bytes.size()));
    if (bytes.empty()) return {};
    const auto used = picker_.consume(bytes);
    if (used.has_error()) return used.error();
    bytes.remove_prefix(*used);
    if (!picker_.is_complete()) continue;
    if (const error_code ec = hand_over()) return ec;
    picker_.restart();
  }
}

error_code watch_reader::hand_over() {
  const picked_values& values = picker_.values();
  const std::size_t status = fields_ + object_paths.size();
  const auto what = kind_named(text_of(values, status + status_paths.size()));
  if (!what) return errc::malformed;
  watch_event event{*what, {}, {}};
  if (event.what == watch_event::kind::error) {
    event.status = status_of(values, status);
  } else {
    event.object = object_of(values, fields_);
    const bool has_uid = !event.object.uid.empty() || event.what == watch_event::kind::bookmark;
    if (!has_uid || event.object.resource_version.empty()) return errc::malformed;
  }
  handler_(event);
  return {};
}

error_code watch_reader::finish() const {
  return picker_.is_inside() ? error_code(errc::malformed) : error_code();
}

api_status read_status(int code, std::string_view body) {
  json_picker picker(status_paths);
  // What is no JSON has no reason and no message; both are empty then.
  static_cast<void>(picker.consume(body));
  api_status status = status_of(picker.values(), 0);
  status.code = code;
  return status;
}

}  // namespace pgsteer::discovery
