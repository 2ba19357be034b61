// Keeps SIGPIPE from ending a program.
#ifndef POLLUX_REACTOR_SIGPIPE_H_
#define POLLUX_REACTOR_SIGPIPE_H_

#include "absl/status/status.h"
#include "reactor/kernel.h"

namespace pollux {

// Blocks SIGPIPE in the calling thread and in the threads that it starts later.
// Without this, write(2) and sendfile(2) to a pipe or socket without a reader
// end the program instead of failing with EPIPE; send(2) has MSG_NOSIGNAL. A
// program that sends files (Stream::WriteFile()) or writes to pipes calls this
// once, early in main(). A library must not call it: the signal mask belongs to
// the program.
//
// The signal is blocked, not ignored (SIG_IGN), since exec(3) would pass an
// ignored signal on to other programs; ChildProcess unblocks all signals in its
// children. Fails as pthread_sigmask(3) does, which valid arguments never
// cause.
absl::Status BlockSigPipe(Kernel& kernel);

}  // namespace pollux

#endif  // POLLUX_REACTOR_SIGPIPE_H_
