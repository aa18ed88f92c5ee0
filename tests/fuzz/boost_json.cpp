// Boost.JSON compiled for the fuzz programs, which do without the rest of src/boost_compiled.cpp.
#include <boost/json/src.hpp>
