#include "clients/conversation.hpp"

#include <algorithm>
#include <optional>

#include "support/wire.hpp"

namespace pgsteer::bench {
namespace {

namespace wire = pgsteer::test::wire;

// Int8 type | Int32 length, which counts itself -- protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
constexpr std::size_t header_bytes = 5;

// AuthenticationSASL and its successors -- protocol-message-formats.html
constexpr std::uint32_t authentication_ok = 0;
constexpr std::uint32_t authentication_sasl = 10;
constexpr std::uint32_t authentication_sasl_continue = 11;
constexpr std::uint32_t authentication_sasl_final = 12;

}  // namespace

const char* to_string(phase value) {
  switch (value) {
    case phase::connecting:
      return "connecting";
    case phase::startup:
      return "startup";
    case phase::scram_first:
      return "scram_first";
    case phase::scram_final:
      return "scram_final";
    case phase::session_start:
      return "session_start";
    case phase::idle:
      return "idle";
    case phase::query:
      return "query";
  }
  return "";
}

std::string conversation::start(const account& who) {
  phase_ = phase::startup;
  return wire::startup_message({{"user", who.user}, {"database", who.database}});
}

std::string conversation::ask(std::string_view statement) {
  phase_ = phase::query;
  reason_ = {};
  answer_.clear();
  return wire::query(statement);
}

void conversation::fail(std::string text) {
  has_failed_ = true;
  if (reason_.text.empty()) reason_.text = std::move(text);
}

std::string conversation::feed(std::string_view bytes) {
  unread_ += bytes;
  std::string to_send;
  while (unread_.size() >= header_bytes && !has_failed_) {
    const std::size_t size = wire::read_int32(unread_, 1) + std::size_t{1};
    if (size < header_bytes) {
      fail("a message of impossible length");
      break;
    }
    if (unread_.size() < size) break;
    const std::string message = unread_.substr(0, size);
    unread_.erase(0, size);
    to_send += on_message(message[0], std::string_view(message).substr(header_bytes));
  }
  return to_send;
}

std::string conversation::on_message(char type, std::string_view body) {
  switch (type) {
    case 'R':
      return on_authentication(body);
    case 'E':
      on_error(body);
      break;
    case 'D': {
      const wire::row row = wire::parse_data_row(body);
      if (!row.empty()) answer_ = row.front().value_or("");
      break;
    }
    case 'Z':
      phase_ = phase::idle;
      break;
    default:
      break;
  }
  return {};
}

std::string conversation::on_authentication(std::string_view body) {
  const std::uint32_t code = wire::read_int32(body, 0);
  const std::string_view data = body.substr(std::min<std::size_t>(4, body.size()));
  if (code == authentication_ok) {
    phase_ = phase::session_start;
  } else if (code == authentication_sasl) {
    scram_ = std::make_unique<scram_conversation>(keys_);
    phase_ = phase::scram_first;
    const std::string first = scram_->first_message();
    const std::string mechanism("SCRAM-SHA-256\0", 14);
    return wire::typed('p', mechanism + wire::int32(static_cast<std::uint32_t>(first.size())) + first);
  } else if (code == authentication_sasl_continue && scram_) {
    const auto final = scram_->final_message(data);
    phase_ = phase::scram_final;
    if (final) return wire::typed('p', *final);
    fail("a SCRAM message that is none");
  } else if (code == authentication_sasl_final && scram_) {
    if (!scram_->is_server_proven(data)) fail("the server does not know the password");
  } else {
    fail("an authentication request that this program does not know");
  }
  return {};
}

void conversation::on_error(std::string_view body) {
  const wire::error_fields fields = wire::parse_error(body);
  reason_ = {fields.sqlstate, fields.message};
  has_failed_ = phase_ != phase::query || fields.severity != "ERROR";
}

}  // namespace pgsteer::bench
