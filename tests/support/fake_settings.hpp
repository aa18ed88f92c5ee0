#pragma once
// What a fake_postgres says and does (settings), and what happened to it (counters).
//
// Values. Inside a fake they live in guarded_state: the test's thread and the fake's own thread both touch
// them, always under its mutex.
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace pgsteer::test {

// What the probe's role query is answered from.
struct role_state {
  bool is_in_recovery = false;
  std::uint32_t timeline = 1;
  std::uint64_t system_identifier = 7'711'374'223'114'453'103U;
  std::uint64_t write_lsn = 0x5'000'000;    // primary
  std::uint64_t receive_lsn = 0x5'000'000;  // standby
  std::uint64_t replay_lsn = 0x5'000'000;   // standby
  std::uint64_t replay_delay_ms = 0;        // standby
  bool has_wal_receiver = true;             // standby
  bool is_replay_paused = false;            // standby
  std::int64_t start_time_us = 1'700'000'000'000'000;
  int max_connections = 10'000;  // more than a test has clients: where it is less, held logins wait for room
  int superuser_reserved_connections = 3;
  int reserved_connections = 0;
  bool is_pooled = false;    // who answers is not whom the client logged in to
  int connections_used = 1;  // beside the sessions: the probe's own
  bool is_cnpg_managed = false;
};

enum class login_behaviour {
  accept,
  error,                  // ErrorResponse with the given SQLSTATE instead of an authentication request
  silent,                 // reads and never answers
  close,                  // FIN without a word
  reset,                  // RST without a word
  close_while_logging_in  // AuthenticationOk and one ParameterStatus, then FIN
};

struct login_script {
  login_behaviour behaviour = login_behaviour::accept;
  std::string sqlstate;
  std::string message;
};

// The next logins follow the queue, all after them follow otherwise.
struct login_plan {
  std::deque<login_script> next;
  login_script otherwise;
};

// The answer to SSLRequest or GSSENCRequest.
enum class encryption_answer {
  no,        // 'N'; the client goes on in plain text
  yes,       // 'S' or 'G'; from then on every byte is opaque and comes back as it was
  error,     // an ErrorResponse, as servers before 7.0 sent
  silence,   // nothing
  yes_junk,  // 'S' or 'G' with more bytes in the same segment: CVE-2021-23222
};

struct fake_settings {
  role_state role;
  login_plan session_logins;
  login_plan probe_logins;
  encryption_answer tls = encryption_answer::no;
  encryption_answer gssenc = encryption_answer::no;
  std::size_t key_bytes = 4;                // of a session's BackendKeyData; up to 256 since protocol 3.2
  bool writes_byte_by_byte = false;         // to sessions
  bool stops_before_encryption = false;     // before it answers SSLRequest or GSSENCRequest, until unset
  bool stops_before_probe_login = false;    // before it answers the probe's StartupMessage, until unset
  bool stops_before_session_login = false;  // likewise a session's
  bool stops_in_hot_standby = false;        // a session's login, in the midst of that message, until unset
  std::optional<bool> says_in_hot_standby;  // unset: what the role says
};

struct fake_counters {
  std::uint64_t connections = 0;          // accepted, of any kind
  std::uint64_t empty_connections = 0;    // closed without having sent a byte
  std::uint64_t session_connections = 0;  // whose first packet was not the probe's StartupMessage
  std::uint64_t session_startups = 0;     // StartupMessages but the probe's
  std::uint64_t session_logins = 0;       // that reached ReadyForQuery
  std::uint64_t logins_under_way = 0;     // gauge: session_startups that have had no answer yet
  std::uint64_t logins_under_way_max = 0;
  std::uint64_t open_sessions = 0;  // gauge: session connections not closed yet
  std::uint64_t probe_connections = 0;
  std::uint64_t probe_logins = 0;
  std::uint64_t role_queries = 0;
  std::uint64_t encryption_requests = 0;
  std::uint64_t malformed_packets = 0;
  std::uint64_t cancels_matched = 0;
  std::uint64_t cancels_unmatched = 0;
  std::uint64_t session_bytes_received = 0;
  std::uint64_t session_bytes_sent = 0;
  std::uint64_t hanging_queries = 0;       // gauge
  std::string last_startup_packet;         // of a session, whole, as it came
  std::vector<std::string> session_users;  // of every StartupMessage but the probe's, in order of arrival
};

struct guarded_state {
  mutable std::mutex mutex;
  fake_settings settings;
  fake_counters counters;
};

}  // namespace pgsteer::test
