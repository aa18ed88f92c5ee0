#pragma once
// ReadyForQuery as a backend sends it outside a transaction: a session is idle behind it.
//
// ReadyForQuery: Byte1 'Z' | Int32 5 | Byte1 'I'
// -- protocol-message-formats.html#PROTOCOL-MESSAGE-FORMATS-READYFORQUERY
#include <string>

namespace pgsteer::relay::testing {

inline const std::string ready_for_query("Z\0\0\0\5I", 6);

}  // namespace pgsteer::relay::testing
