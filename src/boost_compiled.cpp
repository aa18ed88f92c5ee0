// Boost.Asio, its part for OpenSSL, Boost.Beast and Boost.JSON compiled once, so that every other file only
// parses their declarations (boost.org/doc/libs/1_81_0/doc/html/boost_asio/using.html, "Optional separate
// compilation").
#include <boost/asio/impl/src.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/beast/src.hpp>
#include <boost/json/src.hpp>
