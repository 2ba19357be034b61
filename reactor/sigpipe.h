// The signal that no program with sockets wants.
#ifndef POLLUX_REACTOR_SIGPIPE_H_
#define POLLUX_REACTOR_SIGPIPE_H_

#include "absl/status/status.h"
#include "reactor/kernel.h"

namespace pollux {

// Keeps SIGPIPE from ending the program: write(2) to a pipe or socket that
// nobody reads any more, and sendfile(2), raise it besides failing with EPIPE
// (send(2) has MSG_NOSIGNAL instead). The only place that does this: call it
// once, early in main(), in every program that sends files
// (Stream::WriteFile()) or writes to pipes. A library does not call it: the
// signal mask is its program's.
//
// Blocks the signal in the calling thread and in those that it starts later. It
// is not ignored (SIG_IGN), since exec(3) would pass that on to other programs;
// ChildProcess unblocks all signals in its children. Fails as
// pthread_sigmask(3) does, which valid arguments never cause.
absl::Status BlockSigPipe(Kernel& kernel);

}  // namespace pollux

#endif  // POLLUX_REACTOR_SIGPIPE_H_
