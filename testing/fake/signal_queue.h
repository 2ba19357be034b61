// Signals of a process, and a signalfd.
#ifndef POLLUX_TESTING_FAKE_SIGNAL_QUEUE_H_
#define POLLUX_TESTING_FAKE_SIGNAL_QUEUE_H_

#include <signal.h>

#include <set>
#include <vector>

#include "testing/fake/open_file.h"

namespace pollux {

class SignalFile;

// What is pending and blocked in one process (signal(7)). Standard signals do
// not queue: two of a kind are one. Owned by its FakeKernel; must outlive the
// SignalFiles; one thread.
class SignalQueue {
 public:
  SignalQueue() { sigemptyset(&blocked_); }

  SysResult SetMask(int how, const sigset_t& signals, sigset_t* old);

  bool IsBlocked(int signal) const {
    return sigismember(&blocked_, signal) == 1;
  }

  // kill(2). Without a mask it would be delivered the old way; it is then only
  // counted.
  void Raise(int signal);

  // Takes the lowest pending signal of `wanted`; 0 if there is none.
  int Take(const sigset_t& wanted);
  bool HasAny(const sigset_t& wanted) const;

  // Signals that were raised while they were not blocked.
  int unblocked_deliveries() const { return unblocked_deliveries_; }

 private:
  friend class SignalFile;

  std::set<int> pending_;
  sigset_t blocked_;
  int unblocked_deliveries_ = 0;
  std::vector<SignalFile*> files_;
};

// signalfd(2). As an OpenFile: shared by its descriptors, one thread.
class SignalFile final : public OpenFile {
 public:
  SignalFile(SignalQueue& queue, const sigset_t& wanted);
  ~SignalFile() override;

  void SetWanted(const sigset_t& wanted);

  uint32_t Poll() override;
  SysResult Read(absl::Span<char> buffer) override;

 private:
  friend class SignalQueue;

  SignalQueue& queue_;
  sigset_t wanted_;
};

}  // namespace pollux

#endif  // POLLUX_TESTING_FAKE_SIGNAL_QUEUE_H_
