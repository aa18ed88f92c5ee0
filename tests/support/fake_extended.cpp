// The extended query protocol of a fake_postgres, as far as libpq's PQsendQueryParams and
// PQsendQueryPrepared use it for the role query: protocol-flow.html#PROTOCOL-FLOW-EXT-QUERY.
#include "support/fake_connection.hpp"

namespace pgsteer::test {

fake_connection::step fake_connection::answer_extended(char type, std::string body) {
  std::size_t offset = 0;
  if (type == 'P') {  // Parse: String name | String query | ...
    const std::string name = wire::read_text(body, offset);
    statements_[name] = wire::read_text(body, offset);
    outbox_ += wire::typed('1', {});
  } else if (type == 'B') {  // Bind: String portal | String statement | ...
    [[maybe_unused]] const std::string portal = wire::read_text(body, offset);
    portal_ = statements_[wire::read_text(body, offset)];
    outbox_ += wire::typed('2', {});
  } else if (type == 'D') {  // Describe: Byte1 'S' or 'P' | String name
    const bool is_statement = body.starts_with('S');
    offset = 1;
    const std::string text = is_statement ? statements_[wire::read_text(body, offset)] : portal_;
    if (is_statement) outbox_ += wire::typed('t', wire::int16(0));
    if (is_recovery_query(text)) {
      outbox_ += wire::row_description({"pg_is_in_recovery"});
    } else {
      outbox_ += is_role_query(text) ? role_row_description() : wire::typed('n', {});
    }
  } else if (type == 'E') {  // Execute
    outbox_ += execute_portal();
  } else if (type == 'C') {  // Close
    outbox_ += wire::typed('3', {});
  } else if (type == 'S') {  // Sync
    outbox_ += wire::ready_for_query(status_);
  }
  if (type != 'S' && type != 'H') co_return true;
  const bool is_sent = co_await send(std::exchange(outbox_, {}));
  co_return is_sent;
}

std::string fake_connection::execute_portal() {
  if (!is_role_query(portal_)) return wire::command_complete("SET");
  const std::scoped_lock lock(shared_.state.mutex);
  if (is_recovery_query(portal_)) {  // asked for in binary format
    const char value = shared_.state.settings.role.is_in_recovery ? '\1' : '\0';
    return wire::data_row({std::string(1, value)}) + wire::command_complete("SELECT 1");
  }
  ++shared_.state.counters.role_queries;
  return role_data_row(shared_.state.settings.role, pid_, shared_.state.counters.open_sessions) +
         wire::command_complete("SELECT 1");
}

}  // namespace pgsteer::test
