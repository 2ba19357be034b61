// What a handler answers.
#ifndef POLLUX_HTTPD_SERVER_RESPONSE_H_
#define POLLUX_HTTPD_SERVER_RESPONSE_H_

#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/string_view.h"
#include "reactor/net/lease.h"
#include "reactor/net/output_chain.h"

namespace pollux {

// Status and fields of a response that is made for one request. Plain value.
// The server writes Date, Connection, Content-Length and Transfer-Encoding by
// itself; a field that has one of these names, or that could not be written
// safely, turns the response into a 500.
struct ResponseHead {
  // 200 to 599.
  int status = 200;
  // Name and value.
  std::vector<std::pair<std::string, std::string>> fields = {};
};

// Bytes that are sent from where they lie.
struct SharedBytes {
  absl::string_view bytes;
  // Until it is returned they stay what and where they are.
  Lease lease;
};

// A whole body: bytes of its own, somebody else's, or part of a file. To HEAD
// only its length is told; 204, 205 and 304 take none.
using ResponseBody = std::variant<std::string, SharedBytes, FileRange>;

// A response that is made for one request. Move-only plain value.
struct Response {
  ResponseHead head = {};
  ResponseBody body = {};
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_SERVER_RESPONSE_H_
