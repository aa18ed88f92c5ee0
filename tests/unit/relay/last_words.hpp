#pragma once
// A client's last words, in the clear and as TLS 1.3 shows them.
#include <string>

namespace pgsteer::relay::testing {

using namespace std::string_literals;

// protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-TERMINATE
inline const std::string terminate = "X\0\0\0\4"s;
inline const std::string hidden_terminate = "\x17\x03\x03\0\x16"s + std::string(22, 't');
inline const std::string close_notify = "\x17\x03\x03\0\x13"s + std::string(19, 'x');

}  // namespace pgsteer::relay::testing
