// Conversations with the daemon in a fake world, to be run with faults.
#ifndef POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_
#define POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_

#include <string>
#include <vector>

#include "testing/simulation.h"

namespace pollux {

// One conversation: builds a whole Daemon on the simulation's kernel, lets
// clients talk to it, stops it with SIGTERM, and says what each client must
// have got: without a fault everything, with one a beginning of it. A bystander
// on a connection of its own must not notice a fault on another one.
struct DaemonScenario {
  std::string name;
  void (*run)(Simulation& simulation);
};

std::vector<DaemonScenario> DaemonScenarios();

// A conversation that the simulation's seed makes up: some clients, each with
// its own speed, pieces, requests and end.
void RunRandomConversation(Simulation& simulation);

}  // namespace pollux

#endif  // POLLUX_TESTING_INTEGRATION_DAEMON_SCENARIOS_H_
