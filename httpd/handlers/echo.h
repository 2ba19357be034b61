// Shows a client what it sent.
#ifndef POLLUX_HTTPD_HANDLERS_ECHO_H_
#define POLLUX_HTTPD_HANDLERS_ECHO_H_

#include <cstddef>

#include "httpd/server/handler.h"

namespace pollux {

// GET and HEAD are answered with the request's method, target and fields as
// text; every other method with the request's body and its Content-Type. No
// other handler repeats what a client sent, so browsers are told not to guess a
// type and not to keep it.
//
// A body is kept until it is whole, and answered whole; one beyond
// kMaxCollectedBytes is sent back while it comes, in constant memory: the
// server reads no faster than the client takes the answer. If such a body turns
// out to be malformed, its answer breaks off.
//
// Owned by its router; keeps nothing itself, so any number of threads may share
// it.
class EchoHandler final : public Handler {
 public:
  static constexpr size_t kMaxCollectedBytes = 1024 * 1024;

  void Handle(const Request& request, Responder responder) override;
};

}  // namespace pollux

#endif  // POLLUX_HTTPD_HANDLERS_ECHO_H_
