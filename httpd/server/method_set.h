// Several of HTTP's methods.
#ifndef POLLUX_HTTPD_SERVER_METHOD_SET_H_
#define POLLUX_HTTPD_SERVER_METHOD_SET_H_

#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "httpd/http/request_head.h"

namespace pollux {

// A set of HTTP's methods. Plain value.
class MethodSet {
 public:
  constexpr MethodSet() = default;
  constexpr MethodSet(std::initializer_list<http::Method> methods) {
    for (http::Method method : methods) Add(method);
  }

  constexpr void Add(http::Method method) { bits_ |= Bit(method); }
  constexpr void Add(MethodSet others) { bits_ |= others.bits_; }
  constexpr bool Contains(http::Method method) const {
    return (bits_ & Bit(method)) != 0;
  }
  constexpr bool Intersects(MethodSet others) const {
    return (bits_ & others.bits_) != 0;
  }
  constexpr bool empty() const { return bits_ == 0; }

  // With the HEAD that GET brings: whoever answers the one answers the other.
  constexpr MethodSet WithHead() const {
    MethodSet methods = *this;
    if (Contains(http::Method::kGet)) methods.Add(http::Method::kHead);
    return methods;
  }

  // In the order of http::Method.
  std::vector<http::Method> List() const;

  // "GET, HEAD": the value of an Allow field (RFC 9110 §10.2.1).
  std::string ToString() const;

  friend constexpr bool operator==(MethodSet, MethodSet) = default;

 private:
  static constexpr uint16_t Bit(http::Method method) {
    return static_cast<uint16_t>(1u << static_cast<unsigned>(method));
  }

  uint16_t bits_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_METHOD_SET_H_
