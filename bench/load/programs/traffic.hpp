#pragma once
// What the load client and the fake backend say to each other. Values; any thread.
//
// All of it is PostgreSQL's protocol, since pgsteer and PgBouncer read it: a query's text says what is
// wanted.
//   "r..."   one answer of answer_bytes
//   "o N"    N blocks of DataRows, then the answer
//   "i N"    the client sends N blocks of CopyData behind it; the backend discards them, then answers
// The role query of a probe is answered as by a primary, anything else by CommandComplete.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace pgsteer::bench {

// A short prepared query and a one-row answer, as in bench/micro.
inline constexpr std::size_t query_bytes = 60;
inline constexpr std::size_t answer_bytes = 120;

// A block is a whole number of messages, so that it can be sent again and again. 256 KiB: enough that the
// sender's system calls do not count, less than a socket buffer grows to.
inline constexpr std::size_t block_bytes = 256 * 1024;

// DataRow or CopyData, as a table of wide rows has them.
inline constexpr std::size_t block_message_bytes = 8 * 1024;

// Exactly query_bytes and answer_bytes long.
[[nodiscard]] std::string small_query();
[[nodiscard]] std::string small_answer();

[[nodiscard]] std::string bulk_query(char kind, std::uint64_t blocks);
// type: 'D' (DataRow of one column) or 'd' (CopyData).
[[nodiscard]] std::string block_of(char type);

// The number behind "o " or "i ".
[[nodiscard]] std::uint64_t blocks_in(std::string_view query_text);

// From AuthenticationOk to ReadyForQuery. Only the key differs between sessions.
[[nodiscard]] std::string greeting(std::uint32_t pid);
// The answer to a query that is none of ours: the role query of pgsteer's probe, or PgBouncer's reset query.
[[nodiscard]] std::string answer_to_others(std::string_view query_text);

}  // namespace pgsteer::bench
