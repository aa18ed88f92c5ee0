#include "programs/traffic.hpp"

#include <charconv>

#include "support/fake_connection.hpp"

namespace pgsteer::bench {

namespace wire = pgsteer::test::wire;

namespace {

// Int8 type | Int32 length, which counts itself -- protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
constexpr std::size_t header_bytes = 5;

}  // namespace

std::string small_query() {
  return wire::query("r" + std::string(query_bytes - header_bytes - 2, '.'));
}

std::string small_answer() {
  const std::string before = wire::row_description({"value"});
  const std::string after = wire::command_complete("SELECT 1") + wire::ready_for_query('I');
  const std::size_t row_bytes = answer_bytes - before.size() - after.size();
  const std::size_t value_bytes = row_bytes - wire::data_row({""}).size();
  return before + wire::data_row({std::string(value_bytes, '.')}) + after;
}

std::string bulk_query(char kind, std::uint64_t blocks) {
  return wire::query(kind + (" " + std::to_string(blocks)));
}

std::string block_of(char type) {
  const std::size_t value_bytes = block_message_bytes - wire::data_row({""}).size();
  const std::string message = type == 'D'
                                  ? wire::data_row({std::string(value_bytes, '.')})
                                  : wire::typed(type, std::string(block_message_bytes - header_bytes, '.'));
  std::string block;
  while (block.size() < block_bytes) block += message;
  return block;
}

std::uint64_t blocks_in(std::string_view query_text) {
  std::uint64_t blocks = 0;
  const std::string_view digits = query_text.substr(2);
  std::from_chars(digits.data(), digits.data() + digits.size(), blocks);
  return blocks;
}

std::string greeting(std::uint32_t pid) {
  return wire::authentication_ok() + wire::parameter_status("server_version", "15.18") +
         wire::parameter_status("server_encoding", "UTF8") +
         wire::parameter_status("client_encoding", "UTF8") + wire::parameter_status("DateStyle", "ISO, MDY") +
         wire::parameter_status("TimeZone", "UTC") + wire::parameter_status("integer_datetimes", "on") +
         wire::parameter_status("standard_conforming_strings", "on") +
         wire::parameter_status("in_hot_standby", "off") + wire::backend_key_data(pid, wire::int32(pid)) +
         wire::ready_for_query('I');
}

std::string answer_to_others(std::string_view query_text) {
  if (query_text.find("pg_is_in_recovery()") == std::string_view::npos)
    return wire::command_complete("SET") + wire::ready_for_query('I');
  return test::role_row_description() + test::role_data_row(test::role_state{}) +
         wire::command_complete("SELECT 1") + wire::ready_for_query('I');
}

}  // namespace pgsteer::bench
