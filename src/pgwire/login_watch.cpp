#include "pgsteer/pgwire/login_watch.hpp"

#include <algorithm>

#include "error_body.hpp"
#include "wire.hpp"

namespace pgsteer::pgwire {
namespace {

using std::string_view_literals::operator""sv;

constexpr auto hot_standby_on = "in_hot_standby\0on\0"sv;

// libpq gives up on longer messages unless their kind is naturally long (pqParseInput3(),
// VALID_LONG_MESSAGE_TYPE in src/interfaces/libpq/fe-protocol3.c). Both count the length word.
constexpr std::uint32_t short_message_bytes_max = 30'000;
constexpr std::uint32_t long_message_bytes_max = 0x7fff'ffff;
constexpr auto long_message_types = "TDdVENA"sv;

// What may come before anything else (protocol-flow.html#PROTOCOL-FLOW-START-UP).
constexpr auto first_message_types = "RvEN"sv;

bool is_letter(char type) noexcept {
  return (type >= 'A' && type <= 'Z') || (type >= 'a' && type <= 'z');
}

bool is_type_possible(char type, bool is_first_message) noexcept {
  return is_first_message ? first_message_types.find(type) != first_message_types.npos : is_letter(type);
}

bool is_length_possible(char type, std::uint32_t length) noexcept {
  const bool is_long = long_message_types.find(type) != long_message_types.npos;
  return length >= int32_bytes && length <= (is_long ? long_message_bytes_max : short_message_bytes_max);
}

// How much of a message's body has a reader here.
std::size_t body_bytes_read(char type) noexcept {
  switch (type) {
    case 'E':
      return watched_error_bytes_max;
    case 'K':                                            // Int32 pid | Byte[n] secret
      return int32_bytes + cancel_secret_bytes_max + 1;  // one more tells a longer one apart
    case 'S':                                            // String name | String value
      return hot_standby_on.size() + 1;
    default:
      return 0;
  }
}

std::optional<cancel_key> read_backend_key(std::string_view body) {
  if (body.size() < int32_bytes + cancel_secret_bytes_min ||
      body.size() > int32_bytes + cancel_secret_bytes_max) {
    return std::nullopt;
  }
  return cancel_key{read_int32(as_bytes(body), 0), std::string(body.substr(int32_bytes))};
}

}  // namespace

login_watch::state login_watch::consume(byte_span bytes) noexcept {
  while (state_ == state::watching && !bytes.empty()) {
    if (header_size_ < header_bytes) {
      header_[header_size_++] = bytes[0];
      bytes = bytes.subspan(1);
      state_ = begin_message();
    } else {
      const auto n = std::min(bytes.size(), body_bytes_left_);
      const auto kept = std::min(n, body_bytes_kept_max_ - body_.size());
      body_ += as_text(bytes.first(kept));
      body_bytes_left_ -= n;
      bytes = bytes.subspan(n);
    }
    if (state_ == state::watching && header_size_ == header_bytes && body_bytes_left_ == 0)
      state_ = end_message();
  }
  return state_;
}

// Called for each byte of a header: the type is judged at once, the length when it is whole.
login_watch::state login_watch::begin_message() noexcept {
  const auto type = static_cast<char>(header_[0]);
  if (!is_type_possible(type, is_first_message_)) return state::not_postgresql;
  if (header_size_ < header_bytes) return state::watching;

  const auto length = read_int32(header_, 1);
  // A backend that cannot fork answers 'E' and bare text, which has no length: see first_answer.
  const bool is_bare_text = type == 'E' && is_first_message_ && length > short_message_bytes_max;
  if (is_bare_text) return state::failed;
  if (!is_length_possible(type, length)) return state::not_postgresql;
  body_bytes_left_ = length - int32_bytes;
  body_bytes_kept_max_ = std::min(body_bytes_left_, body_bytes_read(type));
  return state::watching;
}

login_watch::state login_watch::end_message() noexcept {
  const auto body = std::string_view(body_);
  auto next = state::watching;
  switch (static_cast<char>(header_[0])) {
    case 'E':
      sqlstate_ = read_error_body(as_bytes(body)).fields.sqlstate;
      next = state::failed;
      break;
    case 'K':
      backend_key_ = read_backend_key(body);
      break;
    case 'S':
      if (options_.refuse_hot_standby && body == hot_standby_on) next = state::refused_hot_standby;
      break;
    case 'Z':
      next = state::logged_in;
      break;
    default:
      break;
  }
  header_size_ = 0;
  is_first_message_ = false;
  body_.clear();
  return next;
}

}  // namespace pgsteer::pgwire
