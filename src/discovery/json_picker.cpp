#include "discovery/json_picker.hpp"

#include <boost/json/basic_parser_impl.hpp>
#include <optional>
#include <utility>

#include "discovery/errc.hpp"

namespace pgsteer::discovery {
namespace {

namespace json = boost::json;

constexpr std::string_view every_element = "[]";

// The wanted paths as a tree: what is not in it is skipped without a look at its keys.
struct place {
  std::string key;
  std::vector<place> below;
  std::optional<std::size_t> which;  // of the wanted paths
  bool is_unit = false;

  [[nodiscard]] const place* find(std::string_view wanted) const noexcept {
    for (const place& each : below) {
      if (each.key == wanted) return &each;
    }
    return nullptr;
  }
};

place& place_at(place& root, const json_path& path) {
  place* at = &root;
  for (const std::string& key : path) {
    auto next = at->below.begin();
    while (next != at->below.end() && next->key != key) ++next;
    if (next == at->below.end()) next = at->below.insert(next, place{key, {}, {}, false});
    at = &*next;
  }
  return *at;
}

place tree_of(const std::vector<json_path>& wanted, const json_path& unit) {
  place root;
  for (std::size_t i = 0; i < wanted.size(); ++i) place_at(root, wanted[i]).which = i;
  if (!unit.empty()) place_at(root, unit).is_unit = true;
  return root;
}

// What Boost.JSON's parser calls; the names are its own (boost/json/basic_parser.hpp, "Handler").
class picking_handler {
 public:
  static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);
  static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);

  picking_handler(place root, json_picker::on_unit handler)
      : root_(std::make_unique<place>(std::move(root))), handler_(std::move(handler)) {}

  void restart() {
    open_.clear();
    key_.clear();
    text_.clear();
    values_.clear();
    unit_values_.clear();
    in_unit_ = false;
    unit_bytes_ = 0;
  }

  // False once the text has more bytes outside of units, or in one of them, than any that is not broken.
  [[nodiscard]] bool has_room_for(std::size_t bytes) noexcept {
    unit_bytes_ += bytes;
    return unit_bytes_ <= json_picker::text_bytes_max;
  }
  [[nodiscard]] const picked_values& values() const noexcept { return values_; }

  bool on_document_begin(error_code& /*ec*/) { return true; }
  bool on_document_end(error_code& /*ec*/) { return true; }
  bool on_object_begin(error_code& /*ec*/) { return open(false); }
  bool on_object_end(std::size_t /*n*/, error_code& /*ec*/) { return close(); }
  bool on_array_begin(error_code& /*ec*/) { return open(true); }
  bool on_array_end(std::size_t /*n*/, error_code& /*ec*/) { return close(); }
  bool on_key_part(json::string_view part, std::size_t /*n*/, error_code& ec) {
    return collect(key_, part, ec);
  }
  bool on_key(json::string_view part, std::size_t /*n*/, error_code& ec) { return collect(key_, part, ec); }
  bool on_string_part(json::string_view part, std::size_t /*n*/, error_code& ec) {
    return collect_text(part, ec);
  }
  bool on_string(json::string_view part, std::size_t /*n*/, error_code& ec) {
    return collect_text(part, ec) && take(ec);
  }
  bool on_number_part(json::string_view part, error_code& ec) { return collect_text(part, ec); }
  bool on_int64(std::int64_t /*value*/, json::string_view part, error_code& ec) {
    return collect_text(part, ec) && take(ec);
  }
  bool on_uint64(std::uint64_t /*value*/, json::string_view part, error_code& ec) {
    return collect_text(part, ec) && take(ec);
  }
  bool on_double(double /*value*/, json::string_view part, error_code& ec) {
    return collect_text(part, ec) && take(ec);
  }
  bool on_bool(bool value, error_code& ec) { return collect_text(value ? "true" : "false", ec) && take(ec); }
  bool on_null(error_code& ec) { return collect_text("null", ec) && take(ec); }
  bool on_comment_part(json::string_view /*part*/, error_code& /*ec*/) { return true; }
  bool on_comment(json::string_view /*part*/, error_code& /*ec*/) { return true; }

 private:
  // An object or an array that has begun and not ended.
  struct level {
    const place* at;  // null: nothing in it is wanted
    bool is_array;
    std::size_t index;  // of the next element
  };

  // Where the value that begins now is in the tree of what is wanted.
  [[nodiscard]] const place* next_place() {
    if (open_.empty()) return root_.get();
    level& parent = open_.back();
    const std::string_view key = parent.is_array ? every_element : std::string_view(key_);
    const place* const found = parent.at != nullptr ? parent.at->find(key) : nullptr;
    if (parent.is_array) ++parent.index;
    return found;
  }

  bool open(bool is_array) {
    const place* const at = next_place();
    key_.clear();
    if (at != nullptr && at->is_unit) {
      in_unit_ = true;
      unit_depth_ = open_.size();
      unit_bytes_ = 0;
    }
    open_.push_back({at, is_array, 0});
    return true;
  }

  bool close() {
    open_.pop_back();
    if (!in_unit_ || open_.size() != unit_depth_) return true;
    in_unit_ = false;
    unit_bytes_ = 0;
    if (handler_) handler_(unit_values_);
    unit_values_.clear();
    return true;
  }

  // A key or a value of which nothing is wanted is not kept.
  bool collect(std::string& to, json::string_view part, error_code& ec) {
    if (open_.empty() || open_.back().at == nullptr) return true;
    if (to.size() + part.size() > json_picker::value_bytes_max) {
      // Not wanted: no wanted key is so long. It just must not become one by being cut.
      if (&to == &key_) {
        to.assign(1, '\0');
        return true;
      }
      ec = errc::too_large;
      return false;
    }
    to.append(part.data(), part.size());
    return true;
  }

  bool collect_text(json::string_view part, error_code& ec) {
    const level* const parent = open_.empty() ? nullptr : &open_.back();
    if (parent == nullptr || parent->at == nullptr) return true;
    const place* const at = parent->at->find(parent->is_array ? every_element : std::string_view(key_));
    return at == nullptr || !at->which || collect(text_, part, ec);
  }

  // A scalar has ended.
  bool take(error_code& ec) {
    const std::size_t element = element_index();
    const place* const at = next_place();
    key_.clear();
    const std::string text = std::exchange(text_, {});
    if (at == nullptr || !at->which) return true;
    picked_values& values = in_unit_ ? unit_values_ : values_;
    if (values.size() == json_picker::values_max) {
      ec = errc::too_large;
      return false;
    }
    values.push_back({*at->which, element, text});
    return true;
  }

  // Of the scalar that has just been read, in the outermost array below the unit.
  [[nodiscard]] std::size_t element_index() const noexcept {
    const std::size_t first = in_unit_ ? unit_depth_ + 1 : 0;
    for (std::size_t i = first; i < open_.size(); ++i) {
      if (!open_[i].is_array) continue;
      // That of an array further up has begun, and is counted already.
      return i + 1 < open_.size() ? open_[i].index - 1 : open_[i].index;
    }
    return 0;
  }

  std::unique_ptr<place> root_;  // at one address for as long as levels point into it
  json_picker::on_unit handler_;
  std::vector<level> open_;  // bounded by depth_max
  std::string key_;          // of the value that comes next
  std::string text_;         // of the scalar under way
  picked_values values_;
  picked_values unit_values_;
  bool in_unit_ = false;
  std::size_t unit_depth_ = 0;  // how many levels are above the unit
  std::size_t unit_bytes_ = 0;  // since a unit began or ended last
};

json::parse_options parse_options() noexcept {
  json::parse_options options;
  options.max_depth = json_picker::depth_max;
  return options;
}

}  // namespace

struct json_picker::parser {
  parser(place root, on_unit handler) : sax(parse_options(), std::move(root), std::move(handler)) {}
  json::basic_parser<picking_handler> sax;
  bool is_begun = false;
};

json_picker::json_picker(const std::vector<json_path>& wanted, const json_path& unit, on_unit handler)
    : parser_(std::make_unique<parser>(tree_of(wanted, unit), std::move(handler))) {}
json_picker::~json_picker() = default;
json_picker::json_picker(json_picker&&) noexcept = default;
json_picker& json_picker::operator=(json_picker&&) noexcept = default;

result<std::size_t> json_picker::consume(std::string_view bytes) {
  if (bytes.empty() || is_complete()) return std::size_t{0};
  parser_->is_begun = true;
  if (!parser_->sax.handler().has_room_for(bytes.size())) return error_code(errc::too_large);
  error_code ec;
  const std::size_t used = parser_->sax.write_some(true, bytes.data(), bytes.size(), ec);
  if (ec) return ec;
  return used;
}

bool json_picker::is_complete() const noexcept {
  return parser_->is_begun && parser_->sax.done();
}

bool json_picker::is_inside() const noexcept {
  return parser_->is_begun && !parser_->sax.done();
}

const picked_values& json_picker::values() const noexcept {
  return parser_->sax.handler().values();
}

void json_picker::restart() {
  parser_->sax.reset();
  parser_->sax.handler().restart();
  parser_->is_begun = false;
}

std::string_view text_of(const picked_values& values, std::size_t which) noexcept {
  for (const picked_value& each : values) {
    if (each.which == which) return each.text;
  }
  return {};
}

}  // namespace pgsteer::discovery
