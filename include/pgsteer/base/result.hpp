#pragma once
// The one way functions report failure: an error_code, or a result that holds a value or an error_code.
//
// Not an exception hierarchy: exceptions exist only at boot (config_error). A module has one errc enum at
// most, whose category carries the module's name. Free of I/O; any thread.
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

namespace pgsteer {

using error_code = boost::system::error_code;

// std::expected in all but name; can become it by changing this line once C++23 is the floor.
template <class T>
using result = boost::system::result<T>;

}  // namespace pgsteer
