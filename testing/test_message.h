// Messages for the tests of sendmsg(2) and recvmsg(2).
#ifndef POLLUX_TESTING_TEST_MESSAGE_H_
#define POLLUX_TESTING_TEST_MESSAGE_H_

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "reactor/net/address.h"

namespace pollux {

// A msghdr with all that it points to. One thread; must not move between
// header() and the call.
class TestMessage {
 public:
  // To send.
  static TestMessage Of(std::vector<std::string> pieces) {
    TestMessage message;
    message.pieces_ = std::move(pieces);
    return message;
  }
  // To receive into pieces of so many bytes.
  static TestMessage ForBytes(std::vector<size_t> sizes) {
    TestMessage message;
    for (size_t size : sizes) message.pieces_.emplace_back(size, '\0');
    return message;
  }
  static TestMessage ForBytes(size_t size) {
    return ForBytes(std::vector<size_t>{size});
  }

  TestMessage& To(const Address& address) {
    std::memcpy(&name_, address.data(), sizeof(name_));
    name_length_ = address.length();
    has_name_ = true;
    return *this;
  }
  TestMessage& WithNameRoom(socklen_t bytes = sizeof(sockaddr_storage)) {
    name_length_ = bytes;
    has_name_ = true;
    return *this;
  }
  // Adds a part to the control data.
  TestMessage& WithControl(int level, int type, const std::vector<int>& data) {
    const size_t bytes = data.size() * sizeof(int);
    const size_t at = control_.size();
    control_.resize(at + CMSG_SPACE(bytes));
    const cmsghdr header = {
        .cmsg_len = CMSG_LEN(bytes), .cmsg_level = level, .cmsg_type = type};
    std::memcpy(control_.data() + at, &header, sizeof(header));
    if (bytes > 0) {
      std::memcpy(control_.data() + at + sizeof(header), data.data(), bytes);
    }
    return *this;
  }
  TestMessage& WithDescriptors(const std::vector<int>& descriptors) {
    return WithControl(SOL_SOCKET, SCM_RIGHTS, descriptors);
  }
  TestMessage& WithControlRoom(size_t bytes) {
    control_.resize(bytes);
    return *this;
  }
  TestMessage& WithRoomForDescriptors(size_t count) {
    return WithControlRoom(CMSG_SPACE(count * sizeof(int)));
  }

  // As it is to be given to the call: what that changes is in it.
  msghdr& header() {
    views_.clear();
    for (std::string& piece : pieces_) {
      views_.push_back({.iov_base = piece.data(), .iov_len = piece.size()});
    }
    header_ = {};
    header_.msg_name = has_name_ ? &name_ : nullptr;
    header_.msg_namelen = name_length_;
    header_.msg_iov = views_.data();
    header_.msg_iovlen = views_.size();
    header_.msg_control = control_.empty() ? nullptr : control_.data();
    header_.msg_controllen = control_.size();
    // A call that forgets them is found out.
    header_.msg_flags = ~0;
    return header_;
  }

  // What the last call made of it.
  int flags() const { return header_.msg_flags; }
  size_t control_bytes() const { return header_.msg_controllen; }
  socklen_t name_length() const { return header_.msg_namelen; }
  Address name() const {
    return Address::FromSockaddr(reinterpret_cast<const sockaddr*>(&name_),
                                 header_.msg_namelen);
  }
  // The first `count` bytes.
  std::string Text(size_t count) const {
    std::string text;
    for (const std::string& piece : pieces_) text += piece;
    return text.substr(0, count);
  }
  std::vector<std::string> Pieces() const { return pieces_; }
  // Of all SCM_RIGHTS.
  std::vector<int> Descriptors() const {
    std::vector<int> descriptors;
    size_t at = 0;
    while (control_bytes() >= at + sizeof(cmsghdr)) {
      cmsghdr header;
      std::memcpy(&header, control_.data() + at, sizeof(header));
      if (header.cmsg_level == SOL_SOCKET && header.cmsg_type == SCM_RIGHTS) {
        for (size_t i = CMSG_LEN(0); i + sizeof(int) <= header.cmsg_len;
             i += sizeof(int)) {
          int descriptor;
          std::memcpy(&descriptor, control_.data() + at + i,
                      sizeof(descriptor));
          descriptors.push_back(descriptor);
        }
      }
      at += std::max(CMSG_ALIGN(header.cmsg_len), sizeof(header));
    }
    return descriptors;
  }

 private:
  TestMessage() = default;

  std::vector<std::string> pieces_;
  std::vector<iovec> views_;
  std::vector<char> control_;
  sockaddr_storage name_ = {};
  socklen_t name_length_ = 0;
  bool has_name_ = false;
  msghdr header_ = {};
};

}  // namespace pollux

#endif  // POLLUX_TESTING_TEST_MESSAGE_H_
