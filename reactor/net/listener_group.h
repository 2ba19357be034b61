// One address, several reactors.
#ifndef POLLUX_REACTOR_NET_LISTENER_GROUP_H_
#define POLLUX_REACTOR_NET_LISTENER_GROUP_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "reactor/kernel.h"
#include "reactor/net/address.h"
#include "reactor/net/listener.h"
#include "reactor/net/socket.h"
#include "reactor/reactor.h"

namespace pollux {

// Divides the connections to one address among several reactors, each on a
// thread of its own. Each joins, on its thread, with a handler for its share:
//
//   auto group = ListenerGroup::Create(kernel, address, 2, {});
//   // On the thread of each reactor:
//   auto member = (*group)->Join(index, reactor, handler);
//
// Owned by the code that starts the reactors. Made before them and destroyed
// after them, since connections in flight between reactors are counted until
// they are destroyed. Join() and the members belong to the reactors' threads;
// any thread may use the rest. Each method documents how it fails.
class ListenerGroup final {
 public:
  enum class Strategy : uint8_t {
    // A listener for each reactor; the kernel divides by a hash of the peer's
    // address. Nothing is shared, and nobody is woken in vain; but a busy
    // reactor gets as many as an idle one. Not for unix sockets. SO_REUSEPORT.
    kReusePort,
    // One listener, which all reactors watch: whoever is idle takes the next.
    // The first to be woken tend to get most. EPOLLEXCLUSIVE.
    kExclusive,
    // The first reactor accepts, and hands each connection to the reactor that
    // has fewest: for few connections that each make much work. When the first
    // member leaves, no more connections are accepted.
    kHandOff,
  };

  struct Options {
    Strategy strategy = Strategy::kReusePort;
    ListenOptions socket = {};
    Listener::Options listener = {};
  };

  // Counts one connection, as long as it is kept. Move-only; any thread.
  class [[nodiscard]] ConnectionCount {
   public:
    ConnectionCount(ConnectionCount&& other) noexcept
        : active_(std::exchange(other.active_, nullptr)) {}
    ConnectionCount& operator=(ConnectionCount&& other) noexcept {
      std::swap(active_, other.active_);
      return *this;
    }
    ~ConnectionCount() {
      if (active_ != nullptr) active_->fetch_sub(1, std::memory_order_relaxed);
    }

   private:
    friend class ListenerGroup;
    explicit ConnectionCount(std::atomic<uint64_t>& active) : active_(&active) {
      active.fetch_add(1, std::memory_order_relaxed);
    }

    std::atomic<uint64_t>* active_;
  };

  class Handler {
   public:
    // A connection, non-blocking and close-on-exec. `count` is to be kept as
    // long as it. On the thread of the reactor that joined with this handler,
    // which may destroy its Member only through DeleteSoon().
    virtual void OnAccept(Socket connection, ConnectionCount count) = 0;

   protected:
    ~Handler() = default;
  };

  // Of one member.
  struct Counters {
    // Connections that it got, and how many of them are still there.
    uint64_t accepted = 0;
    uint64_t active = 0;
    // Connections that were closed because it had left, or its queue of tasks
    // was full.
    uint64_t dropped = 0;
  };

  // The share of one reactor: accepts until it is destroyed, on the reactor's
  // thread, and gets no connections from then on. Connections in flight to it
  // are closed. The last member that accepts unlinks a unix path.
  class Member final : private Listener::Handler {
   public:
    ~Member();
    Member(const Member&) = delete;
    Member& operator=(const Member&) = delete;

   private:
    friend class ListenerGroup;
    Member(ListenerGroup& group, size_t index, ListenerGroup::Handler& handler)
        : group_(group), index_(index), handler_(handler) {}

    void OnAccept(Socket connection) override;

    ListenerGroup& group_;
    const size_t index_;
    ListenerGroup::Handler& handler_;
    // Null if another reactor accepts.
    std::unique_ptr<Listener> listener_;
  };

  // Listens, for `members` reactors (at least 1), of which every one has to
  // join: what the kernel has given to one that does not is kept waiting. Fails
  // as Socket::Listen(). `kernel` must outlive the group and be one for several
  // threads.
  static absl::StatusOr<std::unique_ptr<ListenerGroup>> Create(
      Kernel& kernel, const Address& address, size_t members,
      const Options& options);
  ListenerGroup(const ListenerGroup&) = delete;
  ListenerGroup& operator=(const ListenerGroup&) = delete;

  // Begins to accept for `reactor`, whose thread this is, as the member with
  // this index, below the number of members: once for each. Fails as
  // Listener::Create(). `handler` must outlive the member.
  absl::StatusOr<std::unique_ptr<Member>> Join(size_t index, Reactor& reactor,
                                               Handler& handler);

  // Where it listens, with the port that the kernel picked for port 0.
  const Address& address() const { return address_; }

  // Any thread; each number by itself is right at some moment.
  Counters counters(size_t index) const;

 private:
  // What belongs to one member. On a cache line of its own.
  struct alignas(64) Slot {
    std::atomic<uint64_t> accepted = 0;
    std::atomic<uint64_t> active = 0;
    std::atomic<uint64_t> dropped = 0;
    // Held while the member leaves and while a connection is posted to its
    // reactor, so that the reactor is not destroyed meanwhile.
    absl::Mutex mutex;
    // Null until the member has joined, and after it has left.
    std::atomic<Reactor*> reactor = nullptr;
    // Its thread only; null when it has left.
    Member* member = nullptr;
    bool has_joined = false;
    // Until it joins. Not open where it does not accept itself.
    Socket socket;
  };

  ListenerGroup(size_t members, const Options& options)
      : options_(options), slots_(members), remaining_(members) {}

  absl::Status Listen(Kernel& kernel, const Address& address);
  void HandOff(Member& acceptor, Socket connection);
  void Leave(size_t index);
  size_t LeastBusy(size_t acceptor);
  static ConnectionCount Count(Slot& slot) {
    slot.accepted.fetch_add(1, std::memory_order_relaxed);
    return ConnectionCount(slot.active);
  }

  const Options options_;
  Address address_;
  std::vector<Slot> slots_;
  // Members that have not left.
  std::atomic<size_t> remaining_;
  // With kExclusive at a unix path: the socket that unlinks the path when it is
  // closed, by the last member or with the group.
  Socket path_;
  // The acceptor's thread only: whose turn it is among equals.
  size_t next_ = 0;
};

}  // namespace pollux

#endif  // POLLUX_REACTOR_NET_LISTENER_GROUP_H_
