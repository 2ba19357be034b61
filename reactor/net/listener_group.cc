#include "reactor/net/listener_group.h"

#include <sys/socket.h>

#include "absl/log/check.h"
#include "absl/status/status.h"
#include "reactor/net/listen_for_reactors.h"

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
  const Strategy strategy = options_.strategy;
  if (strategy == Strategy::kReusePort && address.family() == AF_UNIX) {
    return absl::InvalidArgumentError(
        "unix sockets cannot share an address: kExclusive and kHandOff can");
  }
  absl::StatusOr<std::vector<Socket>> sockets = ListenForReactors(
      kernel, address, options_.socket,
      strategy == Strategy::kReusePort ? ListenerSharing::kSocketEach
                                       : ListenerSharing::kOneSocket,
      strategy == Strategy::kHandOff ? 1 : slots_.size());
  if (!sockets.ok()) return sockets.status();
  absl::StatusOr<Address> bound = sockets->front().LocalAddress();
  if (!bound.ok()) return bound.status();
  address_ = *bound;
  for (size_t i = 0; i < sockets->size(); ++i) {
    slots_[i].socket = std::move((*sockets)[i]);
  }
  if (strategy != Strategy::kExclusive || address_.unix_path().empty()) {
    return absl::OkStatus();
  }
  // The group keeps the socket that unlinks the path, since the first member
  // may leave before the others.
  absl::StatusOr<Socket> duplicate = slots_[0].socket.Duplicate();
  if (!duplicate.ok()) return duplicate.status();
  path_ = std::exchange(slots_[0].socket, *std::move(duplicate));
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<ListenerGroup::Member>> ListenerGroup::Join(
    size_t index, Reactor& reactor, Handler& handler) {
  CHECK_LT(index, slots_.size());
  Slot& slot = slots_[index];
  CHECK(!slot.has_joined) << "member " << index << " has joined before";
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
  slot.has_joined = true;
  slot.member = member.get();
  // From here on connections are handed to it.
  slot.reactor.store(&reactor, std::memory_order_release);
  return member;
}

ListenerGroup::Member::~Member() {
  if (group_.slots_[index_].member == this) group_.Leave(index_);
}

void ListenerGroup::Leave(size_t index) {
  Slot& slot = slots_[index];
  {
    absl::MutexLock lock(&slot.mutex);
    slot.reactor.store(nullptr, std::memory_order_relaxed);
  }
  slot.member = nullptr;
  // This member still listens while the path is unlinked: see Socket.
  if (remaining_.fetch_sub(1, std::memory_order_acq_rel) == 1) path_.Close();
}

void ListenerGroup::Member::OnAccept(Socket connection) {
  if (group_.options_.strategy == Strategy::kHandOff) {
    return group_.HandOff(*this, std::move(connection));
  }
  handler_.OnAccept(std::move(connection), Count(group_.slots_[index_]));
}

void ListenerGroup::HandOff(Member& acceptor, Socket connection) {
  while (true) {
    const size_t index = LeastBusy(acceptor.index_);
    Slot& slot = slots_[index];
    if (index == acceptor.index_) {
      return acceptor.handler_.OnAccept(std::move(connection), Count(slot));
    }
    absl::MutexLock lock(&slot.mutex);
    Reactor* const reactor = slot.reactor.load(std::memory_order_relaxed);
    // The member has just left: choose another one.
    if (reactor == nullptr) continue;
    // The connection counts before it arrives, so that the next one goes
    // elsewhere.
    const absl::Status status =
        reactor->Post([&slot, connection = std::move(connection),
                       count = Count(slot)]() mutable {
          if (slot.member == nullptr) {
            slot.dropped.fetch_add(1, std::memory_order_relaxed);
            return;
          }
          slot.member->handler_.OnAccept(std::move(connection),
                                         std::move(count));
        });
    if (!status.ok()) slot.dropped.fetch_add(1, std::memory_order_relaxed);
    return;
  }
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
