#pragma once
// The client's half of SCRAM-SHA-256 without channel binding (RFC 5802), its costly keys computed once.
//
// Pure but for the nonce. libpq derives the keys anew for each login, which costs the machine more than the
// server's half and would leave no processor to measure with. Not thread-safe.
//
// Flow: first_message() -> final_message(server's first) -> is_server_proven(server's last)
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace pgsteer::bench {

struct scram_keys {
  std::string client;
  std::string stored;
  std::string server;
};

// By salt and iteration count, since a role has one of each until its password changes.
class scram_key_cache {
 public:
  explicit scram_key_cache(std::string password) : password_(std::move(password)) {}
  [[nodiscard]] const scram_keys& keys_for(const std::string& salt, int iterations);

 private:
  std::string password_;
  std::map<std::pair<std::string, int>, scram_keys> known_;
};

class scram_conversation {
 public:
  // keys outlives the conversation.
  explicit scram_conversation(scram_key_cache& keys);
  [[nodiscard]] std::string first_message() const;
  // Nothing if the server's message is not one of SCRAM.
  [[nodiscard]] std::optional<std::string> final_message(std::string_view server_first);
  [[nodiscard]] bool is_server_proven(std::string_view server_final) const;

 private:
  scram_key_cache& keys_;
  std::string nonce_;
  std::string server_signature_;
};

}  // namespace pgsteer::bench
