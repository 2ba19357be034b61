#include "reactor/net/listener_group.h"

#include <sys/socket.h>

#include "absl/log/check.h"
#include "absl/status/status.h"

namespace pollux {

absl::StatusOr<std::unique_ptr<ListenerGroup>> ListenerGroup::Create(
    Kernel& kernel, const Address& address, size_t members,
    const Options& options) {
  CHECK_GE(members, 1u);
  std::unique_ptr<ListenerGroup> group(new ListenerGroup(members, options));
  if (absl::Status status = group->Listen(kernel, address); !status.ok()) {
    return status;
  }
  return group;
}

absl::Status ListenerGroup::Listen(Kernel& kernel, const Address& address) {
  const bool reuses = options_.strategy == Strategy::kReusePort;
  if (reuses && address.family() == AF_UNIX) {
    return absl::InvalidArgumentError(
        "unix sockets cannot share an address: kExclusive and kHandOff can");
  }
  ListenOptions socket_options = options_.socket;
  socket_options.reuse_port |= reuses;
  absl::StatusOr<Socket> first =
      Socket::Listen(kernel, address, socket_options);
  if (!first.ok()) return first.status();
  absl::StatusOr<Address> bound = first->LocalAddress();
  if (!bound.ok()) return bound.status();
  address_ = *bound;
  slots_[0].socket = *std::move(first);
  if (options_.strategy == Strategy::kHandOff) return absl::OkStatus();
  for (size_t i = 1; i < slots_.size(); ++i) {
    absl::StatusOr<Socket> socket =
        reuses ? Socket::Listen(kernel, address_, socket_options)
               : slots_[0].socket.Duplicate();
    if (!socket.ok()) return socket.status();
    slots_[i].socket = *std::move(socket);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ListenerGroup::Member>> ListenerGroup::Join(
    size_t index, Reactor& reactor, Handler& handler) {
  CHECK_LT(index, slots_.size());
  Slot& slot = slots_[index];
  CHECK(slot.reactor.load(std::memory_order_relaxed) == nullptr)
      << "member " << index << " has joined before";
  std::unique_ptr<Member> member(new Member(*this, index, handler));
  if (slot.socket.is_open()) {
    Listener::Options listener_options = options_.listener;
    if (options_.strategy == Strategy::kExclusive) {
      listener_options.trigger = Trigger::kExclusive;
    }
    absl::StatusOr<std::unique_ptr<Listener>> listener = Listener::Create(
        reactor, std::move(slot.socket), listener_options, *member);
    if (!listener.ok()) return listener.status();
    member->listener_ = *std::move(listener);
  }
  slot.member = member.get();
  // From here on connections are handed to it.
  slot.reactor.store(&reactor, std::memory_order_release);
  return member;
}

ListenerGroup::Member::~Member() { group_.slots_[index_].member = nullptr; }

void ListenerGroup::Member::OnAccept(Socket connection) {
  if (group_.options_.strategy == Strategy::kHandOff) {
    return group_.HandOff(*this, std::move(connection));
  }
  handler_.OnAccept(std::move(connection), Count(group_.slots_[index_]));
}

void ListenerGroup::HandOff(Member& acceptor, Socket connection) {
  const size_t index = LeastBusy(acceptor.index_);
  Slot& slot = slots_[index];
  if (index == acceptor.index_) {
    return acceptor.handler_.OnAccept(std::move(connection), Count(slot));
  }
  Reactor& reactor = *slot.reactor.load(std::memory_order_acquire);
  // Counted before it is there, so that the next one goes elsewhere.
  const absl::Status status =
      reactor.Post([&slot, connection = std::move(connection),
                    count = Count(slot)]() mutable {
        if (slot.member == nullptr) {
          slot.dropped.fetch_add(1, std::memory_order_relaxed);
          return;
        }
        slot.member->handler_.OnAccept(std::move(connection), std::move(count));
      });
  if (!status.ok()) slot.dropped.fetch_add(1, std::memory_order_relaxed);
}

size_t ListenerGroup::LeastBusy(size_t acceptor) {
  size_t best = acceptor;
  uint64_t fewest = UINT64_MAX;
  const size_t first = next_++;
  for (size_t i = 0; i < slots_.size(); ++i) {
    const size_t index = (first + i) % slots_.size();
    const Slot& slot = slots_[index];
    const uint64_t active = slot.active.load(std::memory_order_relaxed);
    if (active < fewest &&
        slot.reactor.load(std::memory_order_relaxed) != nullptr) {
      fewest = active;
      best = index;
    }
  }
  return best;
}

ListenerGroup::Counters ListenerGroup::counters(size_t index) const {
  CHECK_LT(index, slots_.size());
  const Slot& slot = slots_[index];
  return {.accepted = slot.accepted.load(std::memory_order_relaxed),
          .active = slot.active.load(std::memory_order_relaxed),
          .dropped = slot.dropped.load(std::memory_order_relaxed)};
}

}  // namespace pollux
